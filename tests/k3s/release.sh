#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# release.sh [--size MIB] [--images MIB] [--kubectl FILE | --without-kubectl] DIR VERSION...: makes a tree of
# stand-in K3s releases, laid out as the upstream site serves them; mirror.py serves it.
#
#   DIR/github.com/k3s-io/k3s/releases/download/TAG/   TAG with "+", and again with "%2B"
#       k3s k3s-arm64 k3s-armhf                        amd64's runs; the others say their architecture
#       k3s-airgap-images-{amd64,arm64,arm}.tar.zst
#       sha256sum-{amd64,arm64,arm}.txt k3s-images.txt
#
# --size pads each binary to that many MiB, --images each image archive; the padding cannot be
# compressed and is the same bytes in every run. The amd64 binary carries a real kubectl: FILE, or that of
# clients.sh, or none.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
size=0 images=1 kubectl=clients.sh

die() {
	printf 'k3s: %s\n' "$*" >&2
	exit 1
}

while :; do
	case ${1-} in
	--size) size=$2 && shift 2 ;;
	--images) images=$2 && shift 2 ;;
	--kubectl) kubectl=$2 && shift 2 ;;
	--without-kubectl) kubectl='' && shift ;;
	*) break ;;
	esac
done
[ $# -ge 2 ] || die "usage: release.sh [--size MIB] [--images MIB] [--kubectl FILE | --without-kubectl] DIR VERSION..."
out=$1
shift
program=$root/out/k3s/k3s
make -C "$root" --no-print-directory -s standin >&2 || die "cannot build the stand-in"
[ "$kubectl" != clients.sh ] || kubectl=$("$here/clients.sh")/kubectl
mkdir -p "$out"

noise() { # SEED BYTES
	# openssl complains when head has what it wants
	(openssl enc -aes-128-ctr -nosalt -pass "pass:$1" -md sha256 -in /dev/zero 2>/dev/null || :) | head -c "$2"
}

binary() { # VERSION ARCH FILE
	local version=$1 arch=$2 file=$3 carried='' elf at=0 length=0 have commit
	commit=$(printf '%s' "$version" | sha1sum | cut -c1-8)
	[ "$arch" != amd64 ] || carried=$kubectl
	cp "$program" "$file"
	elf=$(stat -c %s "$file")
	# e_machine of the ELF header: so the kernel refuses it elsewhere, as it would the real one
	case $arch in
	arm64) printf '\267\000' ;;
	arm) printf '\050\000' ;;
	*) printf '\076\000' ;;
	esac | dd of="$file" bs=1 seek=18 conv=notrunc status=none
	if [ -n "$carried" ]; then
		at=$elf
		length=$(stat -c %s "$carried")
		cat "$carried" >>"$file"
	fi
	have=$(stat -c %s "$file")
	if [ $((size * 1048576)) -gt $((have + 256)) ]; then
		noise "$version $arch" $((size * 1048576 - have - 256)) >>"$file"
	fi
	printf '%-255s\n' "K3SSTANDIN $version $commit go1.22.4 $arch $elf $at $length" >>"$file"
	chmod 0755 "$file"
}

archive() { # VERSION ARCH FILE
	local work
	work=$(mktemp -d "$out/images.XXXXXX")
	cp "$dir/k3s-images.txt" "$work/"
	noise "images $1 $2" $((images * 1048576)) >"$work/layer"
	tar -C "$work" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - k3s-images.txt layer |
		zstd -q -1 -T1 >"$3"
	rm -rf "$work"
}

for version; do
	case $version in
	v[0-9]*.[0-9]*.[0-9]*+k3s[0-9]*) ;;
	*) die "'$version' is no K3s version; an example is v1.30.2+k3s1" ;;
	esac
	base=$out/github.com/k3s-io/k3s/releases/download
	dir=$base/$version
	mkdir -p "$dir"
	printf '%s\n' docker.io/rancher/klipper-helm:v0.8.4-build20240523 docker.io/rancher/klipper-lb:v0.4.7 \
		docker.io/rancher/local-path-provisioner:v0.0.27 docker.io/rancher/mirrored-coredns-coredns:1.10.1 \
		docker.io/rancher/mirrored-library-busybox:1.36.1 docker.io/rancher/mirrored-library-traefik:2.10.7 \
		docker.io/rancher/mirrored-metrics-server:v0.7.0 docker.io/rancher/mirrored-pause:3.6 >"$dir/k3s-images.txt"
	while read -r arch suffix name; do
		[ "$suffix" != - ] || suffix=''
		binary "$version" "$arch" "$dir/k3s$suffix"
		archive "$version" "$arch" "$dir/k3s-airgap-images-$name.tar.zst"
		(cd "$dir" && sha256sum "k3s-airgap-images-$name.tar.zst" "k3s$suffix" k3s-images.txt >"sha256sum-$name.txt")
	done <<-'ARCHITECTURES'
	amd64 - amd64
	arm64 -arm64 arm64
	arm -armhf arm
	ARCHITECTURES
	ln -sfnT "$version" "$base/${version//+/%2B}"
done
