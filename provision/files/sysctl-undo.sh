#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 drop-in file: puts the former values back, then removes it.
set -eu
. provision/files/own.lib.sh
[ -f "$1" ] || exit 0
while read -r hash word name eq value; do
	[ "$hash $word $eq" = '# before: =' ] || continue
	name=$(echo "$name" | tr . /)
	[ -e "/proc/sys/$name" ] || continue
	echo "$value" >"/proc/sys/$name" || fail "sysctl '$name' cannot be set back to '$value'"
done <"$1"
rm -f -- "$1"
sync -- "${1%/*}/"
