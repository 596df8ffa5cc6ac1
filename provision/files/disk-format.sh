#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 device as the inventory names it, $2 $3 the kernel name and major:minor that the checks saw behind it,
# $4 serial from the inventory, or empty. Makes one GPT partition over the whole disk and Btrfs in it. All
# that the checks found is looked at again here, under the lock that udev honours, right before the first
# write; a disk that was cut off between the two writes is completed.
set -eu
. provision/files/own.lib.sh
. provision/files/blk.lib.sh
# a lost connection must not stop it between two writes
trap '' HUP PIPE

# Until the kernel and /dev know the new partition.
settle() {
	partx -u -- "$b_dev" 2>/dev/null || :
	t=0
	until guard "$@" && [ -n "$b_part" ] && [ -b "$b_part" ]; do
		[ $t -lt 15 ] || fail "the kernel does not show the partition of $b_dev: run this again"
		sleep 1
		t=$((t + 1))
	done
}
guard() {
	blk_look_now "$1"
	[ "$b_state" != absent ] || fail "'$1' does not exist"
	[ "$b_state" != unknown ] || fail "'$1' cannot be judged: $b_found"
	if [ "$b_name" != "$2" ] || [ "$b_majmin" != "$3" ]; then
		fail "'$1' is now $b_name ($b_majmin), it was $2 ($3) a moment ago: nothing was written"
	fi
	[ "$b_link" != no ] || fail "'$1' does not belong to $b_name: nothing was written"
	blk_serial_is "$4" || fail "the serial of $b_name is '$b_serials', not '$4': nothing was written"
}

guard "$@"
if [ "$b_state" = ours ] && [ -n "$b_part" ]; then exit 0; fi
exec 9<"$b_dev"
flock -x -w 20 9 || fail "$b_dev is locked by another program: nothing was written"
guard "$@"
if [ "$b_state" = free ]; then
	command -v mkfs.btrfs >/dev/null || fail 'mkfs.btrfs is missing: nothing was written'
	out=$(sfdisk --quiet --wipe never --wipe-partitions never -- "$b_dev" 2>&1 <<TABLE
label: gpt
type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=$b_label
TABLE
	) || fail "sfdisk failed on $b_dev: $out"
	guard "$@"
fi
if { [ "$b_state" = part ] || [ "$b_state" = ours ]; } && [ -z "$b_part" ]; then
	settle "$@"
fi
case $b_state in
part) ;;
ours) exit 0 ;;
*) fail "$b_dev is not empty: $b_found" ;;
esac
# never -f: mkfs.btrfs itself refuses what holds anything
out=$(mkfs.btrfs -q -L "$b_label" -U "$b_uuid" "$b_part" 2>&1) || fail "mkfs.btrfs failed on $b_part: $out"
sync -- "$b_part"
guard "$@"
[ "$b_state" = ours ] || fail "$b_dev was formatted, but is not recognised: $b_found"
# what udev held back while the disk was locked: the links by UUID, which fstab needs
exec 9<&-
udevadm trigger --action=change -- "$b_sys" "$b_psys" 2>/dev/null || :
udevadm settle --timeout=30 2>/dev/null || :
