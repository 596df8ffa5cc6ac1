#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Folders on the data volume: removed with all in them, but nothing that is mounted there.
set -eu
. provision/files/own.lib.sh
for d; do
	[ ! -L "$d" ] || fail "'$d' is a symbolic link: it was left alone"
	rm -rf --one-file-system -- "$d"
done
