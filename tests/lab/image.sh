#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# image.sh OUT: builds the base disk of the lab's virtual machines into the new directory OUT.
#
#   base.qcow2        Debian 12, ext4 with the label "psroot", no partition table
#   vmlinuz, initrd   what QEMU boots it with; the initrd is our own, see init.sh
#   chrony/           chronyd with its libraries, for the lab's time server on this side
#
# Everything that shapes the image is in this file and in init.sh: the cache key is their hash
# (see lab, image_key), so a changed recipe rebuilds by itself.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: image.sh OUT}
# shellcheck source=tests/lab/archive.sh
. "$here/archive.sh"

suite=bookworm
kernel=linux-image-cloud-amd64
# What a plain Debian server has. What powerstack must install by itself stays out.
packages=(
	"$kernel" systemd systemd-sysv udev dbus kmod procps openssh-server sudo
	iproute2 iputils-ping ifupdown netbase chrony
	python3 curl dmidecode libldap-2.5-0 libsasl2-2 libevent-core-2.1-7 libreadline8
)
# What powerstack or a test installs on a node: downloaded into the image's apt archive, so that
# the node runs a real apt-get install which fetches nothing.
installable=(
	nfs-kernel-server nfs-common rpcbind btrfs-progs parted gdisk fdisk
	lvm2 cryptsetup-bin mdadm e2fsprogs
)
# Loaded by init.sh before the root file system is there, with what they depend on.
boot_modules=(virtio_pci virtio_blk virtio_net ext4)
# Off in the nodes: what runs by the calendar, and terminals that nobody sits at.
masked=(
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
	e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service
)

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# The Debian archive this machine itself uses; POWERSTACK_LAB_MIRROR and
# POWERSTACK_LAB_SECURITY_MIRROR name others.
sources() {
	local main security
	main=${POWERSTACK_LAB_MIRROR:-$(archive_labelled Debian)}
	security=${POWERSTACK_LAB_SECURITY_MIRROR:-$(archive_labelled Debian-Security)}
	[ -n "$main" ] || die "this machine's apt sources name no Debian archive;" \
		"set POWERSTACK_LAB_MIRROR to the address of one"
	printf 'deb %s %s main\n' "$main" "$suite" "$main" "$suite-updates"
	[ -z "$security" ] || printf 'deb %s %s main\n' "$security" "$suite-security"
}

# Runs in the unpacked tree $1, through mmdebstrap's customize hook.
customize() {
	local root=$1
	chroot "$root" useradd --create-home --shell /bin/bash --password '*' ops
	chroot "$root" systemctl --quiet mask "${masked[@]}"
	chroot "$root" systemctl --quiet enable chrony.service ssh.service networking.service
	install -d -m 0700 "$root/home/ops/.ssh"
	chroot "$root" chown ops:ops /home/ops/.ssh
	rm -f "$root"/etc/ssh/ssh_host_*

	cat >"$root/etc/fstab" <<-'FSTAB'
	LABEL=psroot / ext4 errors=remount-ro 0 0
	FSTAB
	printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf"
	# The nodes' only time source is the lab's, added when it is known which port it has.
	cat >"$root/etc/chrony/chrony.conf" <<-'CHRONY'
	confdir /etc/chrony/conf.d
	sourcedir /etc/chrony/sources.d
	driftfile /var/lib/chrony/chrony.drift
	rtcsync
	makestep 0.1 -1
	CHRONY

	# A kernel without an initrd of its own: QEMU brings one, and package installations in the
	# node rebuild none, which takes minutes under emulation.
	sed -i 's/^update_initramfs=.*/update_initramfs=no/' "$root/etc/initramfs-tools/update-initramfs.conf"
	rm -f "$root"/boot/initrd.img*

	chroot "$root" apt-get clean
	chroot "$root" apt-get -qq update
	chroot "$root" env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y --download-only -o APT::Install-Recommends=true install "${installable[@]}"
	trim_lists "$root"
	chroot "$root" apt-cache gencaches
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/lab"

	# systemd's first-boot and after-update work is done: nothing to redo on the nodes.
	touch "$root/etc/.updated" "$root/var/.updated"
}

# Leaves in apt's package lists only what is installed or in the archive: an emulated processor
# takes ten seconds to look through all of Debian, and does so at every apt-get. An apt-get update
# on a node brings all of it back.
trim_lists() {
	local root=$1 list
	for list in "$root"/var/lib/apt/lists/*_Packages; do
		{
			chroot "$root" dpkg-query -W -f '${Package}\n'
			find "$root/var/cache/apt/archives" -name '*.deb' -printf '%f\n' | sed 's/_.*//'
		} | awk 'NR == FNR { keep[$1] = 1; next }
			{ name = $1; sub("Package: ", "", name); if (name in keep) print }' - RS= FS='\n' ORS='\n\n' "$list" >"$list.trimmed"
		mv "$list.trimmed" "$list"
		chmod 0644 "$list"
	done
}

# The modules named, each after what it needs, as paths below the module directory $1.
module_closure() {
	local dir=$1
	shift
	awk -v want="$*" '
		{ path = $1; sub(":$", "", path); name = path; sub(".*/", "", name); sub("[.]ko.*", "", name)
		  gsub("-", "_", name); at[name] = path; deps[path] = ""
		  for (i = NF; i > 1; i--) deps[path] = deps[path] " " $i }
		END { n = split(want, w, " ")
		  for (i = 1; i <= n; i++) if (w[i] in at) {
			m = split(deps[at[w[i]]] " " at[w[i]], d, " ")
			for (j = 1; j <= m; j++) if (!(d[j] in seen)) { seen[d[j]] = 1; print d[j] }
		  } }' "$dir/modules.dep"
}

# The boot initrd: busybox, init.sh and the modules, uncompressed because emulated processors
# unpack slowly.
make_initrd() {
	local root=$1 tree=$2 moddir module
	moddir=$(echo "$root"/lib/modules/*)
	mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	install -m 0755 "$here/init.sh" "$tree/init"
	module_closure "$moddir" "${boot_modules[@]}" >"$tree/modules/order.full"
	while read -r module; do
		cp "$moddir/$module" "$tree/modules/"
		basename "$module"
	done <"$tree/modules/order.full" >"$tree/modules/order"
	rm "$tree/modules/order.full"
	(cd "$tree" && find . -print0 | LC_ALL=C sort -z |
		cpio --quiet --null --create --format=newc --owner=0:0)
}

# chronyd and every library it maps, to be started through the image's own ld.so.
copy_chrony() {
	local root=$1 to=$2 lib
	mkdir -p "$to"
	cp "$root/usr/sbin/chronyd" "$to/"
	chroot "$root" ldd /usr/sbin/chronyd | grep -o '/[^ ]*' | while read -r lib; do
		cp -L "$root/$lib" "$to/"
	done
}

if [ "${2:-}" = customize ]; then
	customize "$1"
	exit
fi

work=$out.work
trap 'rm -rf --one-file-system "$work"' EXIT
rm -rf "$work" "$out"
mkdir -p "$work" "$out"

sources >"$work/sources.list"
options=()
proxy=
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "$proxy" ] || options+=(--aptopt="Acquire::http::Proxy \"$proxy\"")
for path in '/usr/share/man/*' '/usr/share/doc/*' '/usr/share/locale/*' '/usr/share/info/*'; do
	options+=(--dpkgopt="path-exclude=$path")
done

say "building the base image (about a minute)"
mmdebstrap --quiet --variant=apt --include="$(IFS=,; echo "${packages[*]}")" "${options[@]}" \
	--aptopt='Acquire::Languages "none"' --aptopt='Acquire::IndexTargets::deb::DEP-11 { DefaultEnabled "false"; }' \
	--skip=cleanup/apt/lists --skip=cleanup/apt/cache \
	--customize-hook="$(printf '%q' "$here/image.sh") \"\$1\" customize" \
	"$suite" "$work/root" "$work/sources.list" >&2

cp "$work"/root/boot/vmlinuz-* "$out/vmlinuz"
make_initrd "$work/root" "$work/initrd" >"$out/initrd"
copy_chrony "$work/root" "$out/chrony"

truncate -s 6G "$work/base.raw"
mke2fs -q -t ext4 -L psroot -m 0 -d "$work/root" "$work/base.raw"
qemu-img convert -f raw -O qcow2 "$work/base.raw" "$out/base.qcow2"
