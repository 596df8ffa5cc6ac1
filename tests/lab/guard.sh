#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The disk guard on real block devices of a running lab: every kind of disk that is not plainly empty is
# refused by name and not written to (hash of the whole device and the kernel's count of written
# sectors, before and after); an empty disk of every kind of naming is taken. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
work=$(mktemp -d)
dir=$work/config
trap 'rm -rf "$work"' EXIT
"$lab" up >/dev/null 2>&1 || { not_ok 'the lab starts'; done_testing; exit 1; }
"$lab" reset >/dev/null 2>&1
demo_config "$dir"
cp "$dir/inventory.yml" "$work/base.yml"

# on CMDS...: as root on ho1
on() { "$lab" root ho1; }
with_disk() { # with_disk PATH SERIAL
	sed "s|disk_for_persistent_storage: .*|disk_for_persistent_storage: $1|; s|disk_serial: .*|disk_serial: $2|" \
		"$work/base.yml" >"$dir/inventory.yml"
}
state_of() { # state_of KERNEL-NAME: hash of all of it, and what was ever written to it
	on <<-SCRIPT
		sync; sha256sum </dev/$1; set -- \$(cat /sys/class/block/$1/stat); echo "written \$7"
	SCRIPT
}
deploy_disk() {
	run_ps "$dir" --json deploy disk --limit ho1 >"$work/deploy.json" 2>"$work/deploy.err"
	rc=$?
	said=$(jq -r '.steps[]?.message // empty' "$work/deploy.json"; cat "$work/deploy.err")
}
# refused NAME DEVICE WORD: what stands on DEVICE now is refused, WORD is named, nothing is written
refused() {
	local before after
	before=$(state_of "$2")
	deploy_disk
	after=$(state_of "$2")
	if [ $rc = 1 ] && [ "$before" = "$after" ] && grep -qi -- "$3" <<<"$said"; then
		ok "refused and untouched: $1"
	else
		not_ok "refused and untouched: $1"
		printf '# status %s, wanted the word "%s" in:\n' "$rc" "$3"
		sed 's/^/#   /' <<<"$said" | head -8
		diff <(echo "$before") <(echo "$after") | sed 's/^/# /'
	fi
}

on <<<'export DEBIAN_FRONTEND=noninteractive; apt-get install -qq -y --no-install-recommends lvm2 cryptsetup-bin mdadm e2fsprogs fdisk btrfs-progs >/dev/null 2>&1; echo tools $?'

# the second virtio disk carries one case after the other
d=$(on <<<'basename "$(readlink -f /dev/disk/by-id/virtio-PSDATA0002)"')
by=/dev/disk/by-id/virtio-PSDATA0002
# udev starts again an array that was stopped
wipe() { on <<<"mdadm -q --stop --scan; swapoff /dev/$d 2>/dev/null; umount /dev/$d* 2>/dev/null; wipefs -qaf /dev/$d? /dev/$d 2>/dev/null; dd if=/dev/zero of=/dev/$d bs=1M count=8 status=none; dd if=/dev/zero of=/dev/$d bs=1M seek=\$((\$(blockdev --getsz /dev/$d) / 2048 - 8)) status=none 2>/dev/null; blockdev --rereadpt /dev/$d; udevadm settle"; }
with_disk "$by" PSDATA0002

case_on() { # case_on NAME WORD SETUP [TEARDOWN]
	wipe >/dev/null 2>&1
	on <<<"set -e; $3; sync; udevadm settle" >"$work/setup" 2>&1 || { not_ok "$1: set-up"; sed 's/^/# /' "$work/setup"; return; }
	refused "$1" "$d" "$2"
	[ -z "${4:-}" ] || on <<<"$4" >/dev/null 2>&1
}
case_on 'ext4 on the whole disk' ext4 "mkfs.ext4 -qF /dev/$d"
case_on 'somebody'\''s btrfs on the whole disk' btrfs "mkfs.btrfs -qf /dev/$d"
case_on 'an empty GPT' 'gpt\|partition table' "echo label:gpt | sfdisk -q /dev/$d"
case_on 'an empty MS-DOS table' 'dos\|partition table' "echo label:dos | sfdisk -q /dev/$d"
case_on 'a GPT with an unformatted partition 1' partition "echo ',' | sfdisk -q --label gpt /dev/$d"
case_on 'a GPT with only partition 2, ext4 on it' partition "printf 'label:gpt\n2: start=65536\n' | sfdisk -q /dev/$d; udevadm settle; mkfs.ext4 -qF /dev/${d}2"
case_on 'a mounted file system' mount "mkfs.ext4 -qF /dev/$d; mkdir -p /mnt/x; mount -o ro,noload /dev/$d /mnt/x" 'umount /mnt/x'
case_on 'swap, not in use' swap "mkswap /dev/$d >/dev/null"
case_on 'swap in use' swap "mkswap /dev/$d >/dev/null; swapon /dev/$d" "swapoff /dev/$d"
case_on 'an LVM physical volume' lvm "pvcreate -qq -ff -y /dev/$d"
case_on 'an LVM volume in use' 'lvm\|holder' "pvcreate -qq -ff -y /dev/$d; vgcreate -qq vgx /dev/$d; lvcreate -qq -y -L 32M -n lvx vgx" 'vgremove -ff -y vgx; pvremove -ff -y /dev/'"$d"
case_on 'a LUKS container' luks "echo x | cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/$d -"
case_on 'a RAID member' raid "modprobe raid1; mdadm --create /dev/md9 --run --level=1 --force --raid-devices=1 --metadata=1.2 /dev/$d; mdadm --stop /dev/md9"
case_on 'a RAID member in use' 'raid\|holder' "modprobe raid1; mdadm --create /dev/md9 --run --level=1 --force --raid-devices=1 --metadata=1.2 /dev/$d" "mdadm --stop /dev/md9; mdadm --zero-superblock /dev/$d"
case_on 'a ZFS label' zfs "printf '\014\261\272\000\000\000\000\000' >/tmp/ub; for i in 128 129 130 131 132 133 134 135; do dd if=/tmp/ub of=/dev/$d bs=1 seek=\$((i * 1024)) conv=notrunc status=none; done; wipefs -n /dev/$d | grep -q zfs"
wipe >/dev/null 2>&1
with_disk "$by" PSWRONG
refused 'a serial that does not match' "$d" PSDATA0002
root=$(on <<<'lsblk -no PKNAME "$(findmnt -no SOURCE /)" | head -1; lsblk -no KNAME "$(findmnt -no SOURCE /)" | head -1' | grep . | head -1)
with_disk "/dev/$root" ANYTHING
before=$(on <<<"dd if=/dev/$root bs=1M count=4 status=none | sha256sum")
deploy_disk
after=$(on <<<"dd if=/dev/$root bs=1M count=4 status=none | sha256sum")
is "$rc $([ "$before" = "$after" ] && echo same)" '1 same' 'refused: the disk that the node runs from'
with_disk /dev/disk/by-id/virtio-NOSUCH NOSUCH
deploy_disk
is "$rc" 1 'refused: a disk that is not there'

# an empty disk of every naming scheme is taken, and given back
for pair in virtio-PSDATA0002:PSDATA0002 nvme:PSNVME0001 scsi:PSSCSI0001 mmc:; do
	kind=${pair%%:*} serial=${pair##*:}
	path=$(on <<SCRIPT
for p in /dev/disk/by-id/*; do case \$p in *-part*) continue ;; */virtio-PSDATA0002) k=virtio-PSDATA0002 ;; */nvme-*PSNVME0001*) k=nvme ;; */scsi-*PSSCSI0001* | */*PSSCSI0001*) k=scsi ;; */mmc-*) k=mmc ;; *) continue ;; esac
[ "\$k" != "$kind" ] || { echo "\$p"; break; }; done
SCRIPT
	)
	if [ -z "$path" ]; then
		skip "no $kind disk on this machine" "an empty $kind disk is taken"
		continue
	fi
	[ -n "$serial" ] || serial=$(on <<<"udevadm info -q property -n $path | sed -n 's/^ID_SERIAL_SHORT=//p;s/^ID_SERIAL=//p' | tail -1")
	with_disk "$path" "$serial"
	deploy_disk
	src=$(on <<<'findmnt -no SOURCE /mnt/data')
	is "$rc $([ -n "$src" ] && echo mounted)" '0 mounted' "an empty $kind disk is taken ($src)"
	[ "$rc" = 0 ] || sed 's/^/#   /' <<<"$said" | head -8
	run_ps "$dir" --json destroy disk --limit ho1 --yes >"$work/d.json" 2>&1
	is "$(on <<<'findmnt -no SOURCE /mnt/data')" '' "and given back ($kind)"
done
done_testing
