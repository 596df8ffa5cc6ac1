#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kubectl, crictl and ctr as links to k3s, where no such command is.
set -eu
. provision/files/own.lib.sh
for l in kubectl crictl ctr; do
	command -v "$l" >/dev/null || ln -s k3s "/usr/local/bin/$l"
done
