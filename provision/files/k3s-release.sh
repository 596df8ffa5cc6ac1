#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 sha256 of a K3s binary that is about to be brought, $2 its version. Records which is which: the newest first, and
# those before it as far as one of them can still be here.
set -eu
. provision/files/own.lib.sh
{
	echo "$1=$2"
	[ ! -f "$state/k3s-release" ] || grep -v "^$1=" -- "$state/k3s-release" | head -n 4
} | record k3s-release
