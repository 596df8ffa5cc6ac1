#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 "disk" or "nfs", $2 the disk as the inventory names it or server:path, $3 mount point, $4 type, $5 options.
# One fstab line of ours, mounted. The folder is made when it is missing, and recorded as made.
set -eu
. provision/files/own.lib.sh
. provision/files/blk.lib.sh
. provision/files/mount.lib.sh
kind=$1 what=$2 at=$3 type=$4 options=$5
name=made/$(echo "${at#/}" | tr / -)

if [ "$kind" = disk ]; then
	blk_look_now "$what"
	[ "$b_state" = ours ] || fail "'$what' does not hold powerstack's file system${b_found:+: $b_found}"
	spec=UUID=$b_uuid
	source=$b_part
else
	spec=$what
	source=$what
fi
fstab_others "$at"
[ -z "$others" ] || fail "fstab has a line of its own for '$at': $others"
unit=$(unit_of "$at")
if mounted "$at" && [ "$m_source" != "$source" ]; then
	fstab=$(awk -v at="$at" '$1 !~ /^#/ && $2 == at { print $1 }' /etc/fstab)
	if [ "$kind" != nfs ] || [ "$m_source" != "$fstab" ]; then
		fail "'$at' is the mount point of $m_source"
	fi
	# our own mount of a server that the inventory has replaced
	out=$(timeout 30 umount -- "$at" 2>&1) || {
		who_is_busy "$at"
		fail "'$at' cannot be unmounted: $out${busy:+; in use by $busy}"
	}
fi
if ! [ -d "$at" ]; then
	# the record first: a folder that we made is never left behind
	echo "$at" | record "$name"
	mkdir -p -- "$at"
	chmod 0755 -- "$at"
elif ! mounted "$at"; then
	[ -z "$(ls -A -- "$at")" ] || fail "'$at' is not empty: its files would be hidden"
fi
line="$spec $at $type $options,x-powerstack 0 0"
text=$(fstab_without "$at" && echo .)
text=${text%.}
printf '%s%s\n' "$text" "$line" | fstab_replace || fail "fstab was left alone"
systemctl daemon-reload
if ! mounted "$at"; then
	systemctl reset-failed -- "$unit" 2>/dev/null || :
	systemctl start --no-block -- "$unit"
	t=0
	until mounted "$at"; do
		s=$(systemctl show -p ActiveState --value -- "$unit")
		if [ "$s" = failed ] || [ $t -ge 60 ]; then
			log=$(journalctl -q -b -u "$unit" -n 3 --no-pager -o cat 2>/dev/null | tr '\n' '|') || log=
			systemctl stop -- "$unit" 2>/dev/null || :
			fail "'$at' could not be mounted from $spec within $t s: $log"
		fi
		sleep 1
		t=$((t + 1))
	done
fi
