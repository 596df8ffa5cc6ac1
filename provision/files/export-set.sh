#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 "on" or "off", $2 path: makes the kernel's exports what the files say, or takes back those of the path
# before its file goes.
set -eu
. provision/files/own.lib.sh
if [ "$1" = on ]; then
	out=$(exportfs -ra 2>&1) || fail "exportfs -ra failed: ${out##*"$nl"}"
	exit 0
fi
command -v exportfs >/dev/null || exit 0
while read -r path client; do
	[ "$path" = "$2" ] || continue
	out=$(exportfs -u "${client%%(*}:$path" 2>&1) || fail "exportfs -u failed: ${out##*"$nl"}"
done </var/lib/nfs/etab
