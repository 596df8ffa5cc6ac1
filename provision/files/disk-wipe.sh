#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 device as the inventory names it, $2 $3 the kernel name and major:minor that the checks saw behind it,
# $4 the serial that the user typed. Takes our file system and our partition table off the disk, nothing else.
set -eu
. provision/files/own.lib.sh
. provision/files/blk.lib.sh
trap '' HUP PIPE

guard() {
	blk_look_now "$1"
	[ "$b_state" != absent ] || fail "'$1' does not exist"
	if [ "$b_name" != "$2" ] || [ "$b_majmin" != "$3" ]; then
		fail "'$1' is now $b_name ($b_majmin), it was $2 ($3) a moment ago: nothing was wiped"
	fi
	[ "$b_link" != no ] || fail "'$1' does not belong to $b_name: nothing was wiped"
	if [ -z "$4" ] || ! blk_serial_is "$4"; then
		fail "the serial of $b_name is '$b_serials', not '$4' as typed: nothing was wiped"
	fi
}

guard "$@"
[ "$b_state" != free ] || exit 0
exec 9<"$b_dev"
flock -x -w 20 9 || fail "$b_dev is locked by another program: nothing was wiped"
guard "$@"
case $b_state in
ours | part) ;;
*) fail "$b_dev is not powerstack's: ${b_found:-$b_state}: nothing was wiped" ;;
esac
if [ -z "$b_part" ]; then
	partx -u -- "$b_dev" 2>/dev/null || :
	guard "$@"
	[ -n "$b_part" ] || fail "the kernel does not show the partition of $b_dev: nothing was wiped"
fi
blk_uses "${b_part#/dev/}" "$b_psys"
[ "$b_used" = no ] || fail "$b_dev is in use: $b_found: nothing was wiped"
# the file system first: what is cut off here is our empty partition, which a re-run wipes
out=$(wipefs -q -a -- "$b_part" 2>&1) || fail "wipefs failed on $b_part: $out"
out=$(wipefs -q -a -- "$b_dev" 2>&1) || fail "wipefs failed on $b_dev: $out"
partx -d -- "$b_dev" 2>/dev/null || :
blockdev --rereadpt "$b_dev" 2>/dev/null || :
# while the disk is locked, udev holds its events back, and settle would wait for nothing
exec 9<&-
udevadm settle --timeout=15 2>/dev/null || :
