#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The disk guard, and the scripts that write, on real block devices (loop devices of this machine): what is not
# plainly empty or ours is refused by name, and neither a byte nor the kernel's count of written sectors
# differs afterwards. Members of LVM, RAID and the like that this kernel cannot open are told by what
# stands on the disk. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
PATH=$PATH:/usr/sbin:/sbin

tmp=$(mktemp -d)
img=$tmp/disk.img
dev='' pids='' name='' majmin=''
detach() {
	for p in $pids; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
	pids=
	[ -n "$dev" ] || return 0
	swapoff "$dev" 2>/dev/null
	umount "$tmp/mnt" 2>/dev/null
	partx -d "$dev" 2>/dev/null
	losetup -d "$dev" 2>/dev/null
	dev=
}
trap 'detach; rm -f /dev/disk/by-id/powerstack-test; rmdir /dev/disk/by-id /dev/disk 2>/dev/null; rm -rf "$tmp"' EXIT
trap 'exit 129' INT TERM HUP
mkdir "$tmp/mnt"

truncate -s 4M "$tmp/try.img"
if [ "$(id -u)" != 0 ] || ! l=$(losetup -f --show "$tmp/try.img" 2>/dev/null); then
	skip 'no loop devices here, or not root' 'the disk guard on block devices'
	done_testing
	exit
fi
losetup -d "$l"
make -s out/release/provision/files/probe.sh out/release/provision/files/disk-format.sh \
	out/release/provision/files/disk-wipe.sh || exit 1

script() { # script NAME ARG...: as a node runs it
	script=$1
	shift
	sh -euc "$(cat "out/release/provision/files/$script.sh")" powerstack "$@"
}
probe() { script probe "blk:$1" | tr '\0' '\n'; }
field() { probe "$dev" | sed -n "s/^\(=blk:[^=]*=\)\{0,1\}$1=//p"; }
fresh() { # fresh [LOSETUP-OPTION...]: a new empty disk, of $size
	detach
	rm -f "$img"
	truncate -s "${size:-264M}" "$img"
	dev=$(losetup -f --show "$@" "$img") || exit 1
	name=${dev#/dev/}
	majmin=$(cat "/sys/class/block/$name/dev")
}
size=
tell_kernel() { partx -a "$dev"; }
table() { printf '%s\n' "$@" | sfdisk -q "$dev" 2>/dev/null; }
state() {
	sync "$dev" 2>/dev/null
	if command -v openssl >/dev/null; then openssl dgst -sha256 <"$dev"; else sha256sum <"$dev"; fi
	# shellcheck disable=SC2046
	set -- $(cat "/sys/class/block/$name/stat")
	echo "written $7"
}
format() { script disk-format "${1:-$dev}" "${2:-$name}" "${3:-$majmin}" "${4-$img}" 2>&1; }

# refused NAME WORD: the probe says taken and names WORD, disk-format refuses, nothing is written
refused() {
	said=$(probe "$dev")
	before=$(state)
	out=$(format)
	rc=$?
	after=$(state)
	if [ $rc != 0 ] && [ "$before" = "$after" ] && echo "$said" | grep -q 'state=taken' &&
		echo "$said" | grep '^found=' | grep -qi -- "$2"; then
		ok "refused and untouched: $1"
	else
		not_ok "refused and untouched: $1"
		echo "$said" | sed 's/^/#   probe: /'
		echo "#   disk-format: status $rc: $out"
		[ "$before" = "$after" ] || echo "#   before: $before, after: $after"
	fi
}
# refused_by_script NAME WORD FORMAT-ARG...: what only the script can know; it refuses and writes nothing
refused_by_script() {
	what=$1 word=$2
	shift 2
	before=$(state)
	out=$(format "$@")
	rc=$?
	after=$(state)
	if [ $rc != 0 ] && [ "$before" = "$after" ] && echo "$out" | grep -qi -- "$word"; then
		ok "refused and untouched: $what"
	else
		not_ok "refused and untouched: $what"
		echo "#   status $rc: $out"
	fi
}
bytes() { printf '%b' "$2" | dd of="$dev" bs=1 seek="$1" conv=notrunc status=none; }

# ---- what stands on the whole disk
fresh; mkfs.ext4 -qF "$dev"; refused 'ext4 on the whole disk' ext4
fresh; mkfs.btrfs -q "$dev"; refused "somebody's btrfs on the whole disk" btrfs
fresh; mkfs.btrfs -q -L powerstack-data "$dev"; refused 'btrfs with our label, but no partition' btrfs
size=320M; fresh; mkfs.xfs -q "$dev"; refused 'xfs on the whole disk' xfs
size=
fresh; mkswap "$dev" >/dev/null; refused 'swap, not in use' swap
if swapon "$dev" 2>/dev/null; then
	refused 'swap in use' 'swap space'
	swapoff "$dev"
else
	skip 'this kernel cannot swap to a loop device' 'refused and untouched: swap in use'
fi
fresh
if pvcreate -qq -y --driverloaded n --devices "$dev" "$dev" >/dev/null 2>&1; then
	refused 'an LVM physical volume' lvm2
else
	# a label header: "LABELONE", sector 1, checksum, "LVM2 001"
	bytes 512 'LABELONE\0001\0000\0000\0000\0000\0000\0000\0000\0000\0000\0000\0000\0040\0000\0000\0000LVM2 001'
	refused 'an LVM physical volume (its label)' lvm2
fi
fresh
if echo x | cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 "$dev" - 2>/dev/null; then
	refused 'a LUKS container' crypto_LUKS
else
	bytes 0 'LUKS\0272\0276\0000\0001aes'
	refused 'a LUKS container (its header)' crypto_LUKS
fi
# RAID 1.2: magic, version 1, super_offset 8, checksum over its 256 bytes
fresh
perl -e 'my $s = "\0" x 256; substr($s, 0, 8) = pack("V2", 0xa92b4efc, 1); substr($s, 16, 16) = "0123456789abcdef";
substr($s, 144, 8) = pack("Q<", 8); my $n = 0; $n += $_ for unpack("V*", $s); $n = ($n & 0xffffffff) + ($n >> 32);
substr($s, 216, 4) = pack("V", $n & 0xffffffff); print $s' | dd of="$dev" bs=4096 seek=1 conv=notrunc status=none
refused 'a RAID member' linux_raid_member
# ZFS: uberblocks in the first label
fresh
for i in 128 129 130 131 132 133 134 135; do bytes $((i * 1024)) '\0014\0261\0272\0000\0000\0000\0000\0000'; done
refused 'a ZFS member' zfs_member
fresh
if make-bcache -B "$dev" >/dev/null 2>&1; then
	refused 'a bcache backing device' bcache
else
	skip 'make-bcache does not work here' 'refused and untouched: a bcache backing device'
fi

# ---- partition tables and partitions
fresh; table 'label: gpt'; refused 'an empty GPT' gpt
fresh; table 'label: dos'; refused 'an empty MS-DOS table' dos
fresh; table 'label: gpt' ','; tell_kernel; refused 'an unformatted partition' 'partition 1'
fresh; table 'label: gpt' ','; partx -d "$dev" 2>/dev/null; refused 'a partition that the kernel does not know' gpt
fresh; table 'label: gpt' '2: start=65536'; tell_kernel; mkfs.ext4 -qF "${dev}p2"
refused 'only partition 2, ext4 in it' 'partition 2 .*ext4'
fresh; table 'label: gpt' 'name=powerstack-data'; tell_kernel; mkfs.ext4 -qF "${dev}p1"
refused 'a partition with our name, ext4 in it' 'partition 1 .*ext4'
fresh; table 'label: gpt' 'name=powerstack-data'; tell_kernel; mkfs.btrfs -q -L powerstack-data "${dev}p1"
refused 'our name and label, but the UUIDs are not one' 'partition 1 .*btrfs'
fresh; table 'label: gpt' 'size=100M, name=powerstack-data' 'name=powerstack-data'; tell_kernel
refused 'two partitions with our name' 'partition 2'
fresh; mkfs.ext4 -qF -E offset=1048576 "$dev" 200M; refused 'a file system that lost its partition table' 'ext4 at byte 1048576'
fresh; table 'label: gpt' ','; dd if=/dev/zero of="$dev" bs=512 count=34 conv=notrunc status=none
refused 'only the backup of a GPT' gpt

# ---- in use
fresh; mkfs.ext4 -qF "$dev"; mount -o ro,noload "$dev" "$tmp/mnt"; refused 'a mounted file system' "mounted at $tmp/mnt"
fresh
# shellcheck disable=SC2016
perl -e 'use Fcntl; sysopen(my $h, $ARGV[0], O_RDWR | O_EXCL) or die; sleep 60' "$dev" &
pids=$!
sleep 1
refused 'claimed by a program' 'is in use'
fresh
sleep 60 9<"$dev" &
pids=$!
refused 'open in a program' 'open in process .*sleep'

# ---- not the disk that is meant, or no disk
fresh -r; refused 'read-only' read-only
size=64M; fresh; refused 'too small' 'smaller than'
size=
fresh; refused_by_script 'a serial that does not match' "not 'WRONG'" "$dev" "$name" "$majmin" WRONG
fresh; refused_by_script 'a device that is another one than a moment ago' 'it was loop99' "$dev" loop99 "$majmin"
fresh; refused_by_script 'a device number that is another one' 'a moment ago' "$dev" "$name" 7:99
fresh; table 'label: gpt' ','; tell_kernel
like "$(probe "${dev}p1")" 'it is a partition, not a disk' 'a partition is no disk'
# a link by id that udev does not give to this disk
fresh
mkdir -p /dev/disk/by-id && ln -sf "$dev" /dev/disk/by-id/powerstack-test
refused_by_script 'a stale link by id' 'does not belong' /dev/disk/by-id/powerstack-test
rm -f /dev/disk/by-id/powerstack-test
rmdir /dev/disk/by-id /dev/disk 2>/dev/null
is "$(probe /dev/nosuch)" '-blk:/dev/nosuch
=probe=complete' 'what is not there is absent'
like "$(probe "$img")" 'is no block device' 'a file is no disk'
like "$(probe /dev/null)" 'is no block device' 'a character device is no disk'

# ---- ours
fresh
is "$(field state)" free 'an empty disk is free'
run_ok 'an empty disk is formatted' format
is "$(field state)" ours 'and is ours'
uuid=$(field uuid)
is "$(blkid -p -s UUID -o value "${dev}p1") $(sfdisk --part-uuid "$dev" 1 | tr 'A-F' 'a-f')" "$uuid $uuid" \
	'one UUID for partition and file system'
is "$(blockdev --getsize64 "${dev}p1")" $((262 * 1048576)) 'the partition is all of the disk but a MiB at each end'
mount "${dev}p1" "$tmp/mnt" && echo precious >"$tmp/mnt/data"
is "$(field state)" ours 'mounted it is still ours'
like "$(script disk-wipe "$dev" "$name" "$majmin" "$img" 2>&1)" 'in use.*nothing was wiped' 'a mounted disk is not wiped'
umount "$tmp/mnt"
before=$(state)
run_ok 'again: it is left as it is' format
is "$(state)" "$before" 'and nothing was written'
partx -d "$dev"
is "$(field state) $(field part)" 'ours ' 'ours, though the kernel does not know the partition'
run_ok 'then the kernel is told' format
mount "${dev}p1" "$tmp/mnt"
is "$(cat "$tmp/mnt/data")" precious 'and the data is there'
umount "$tmp/mnt"
before=$(state)
like "$(script disk-wipe "$dev" "$name" "$majmin" WRONG 2>&1)" 'as typed: nothing was wiped' 'no wipe with another serial'
like "$(script disk-wipe "$dev" "$name" "$majmin" '' 2>&1)" 'as typed: nothing was wiped' 'no wipe without a serial'
is "$(state)" "$before" 'and nothing was written'
run_ok 'wiped with the serial' script disk-wipe "$dev" "$name" "$majmin" "$img"
is "$(field state)" free 'and free again'
run_ok 'wiping once more is nothing' script disk-wipe "$dev" "$name" "$majmin" "$img"

# cut off between partition and file system, with the partition known to the kernel and not
for known in yes no; do
	fresh
	table 'label: gpt' 'type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=powerstack-data'
	if [ $known = yes ]; then tell_kernel; else partx -d "$dev" 2>/dev/null; fi
	is "$(field state)" part "our empty partition is known again (to the kernel: $known)"
	run_ok 'and completed' format
	is "$(field state)" ours 'and ours'
done
# cut off between wiping the file system and the table
wipefs -qa "${dev}p1"
is "$(field state)" part 'a wipe that was cut off leaves our empty partition'
run_ok 'which a second one takes away' script disk-wipe "$dev" "$name" "$majmin" "$img"
is "$(field state)" free 'and the disk is free'
fresh; mkfs.ext4 -qF "$dev"
like "$(script disk-wipe "$dev" "$name" "$majmin" "$img" 2>&1)" "is not powerstack's" 'what is not ours is not wiped'

done_testing
