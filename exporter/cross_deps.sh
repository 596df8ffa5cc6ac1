#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# cross_deps.sh ARCH: what building the static exporter for another Debian architecture needs.
#
# The compiler and qemu-user-static (to try what was built) are ordinary packages and are installed.
# The libraries are not: some -dev packages of two architectures exclude each other, and installing
# one would take the native one away. They are unpacked into a folder of the build's own,
# out/cross/ARCH, where the compiler finds them by exporter/build.mk. They come through a private apt
# configuration: no architecture is added to dpkg, nothing of the machine's apt state is changed.
# Runs only when asked (`make cross-deps ARCH=arm64`); asks nothing; a second run does nothing.
set -eu
LC_ALL=C
DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
say() { echo "cross-deps: $*" >&2; }

arch=${1:?an architecture such as arm64 or armhf}
here=$(cd "$(dirname "$0")" && pwd)
case $arch in
amd64) compiler=gcc-x86-64-linux-gnu ;;
arm64) compiler=gcc-aarch64-linux-gnu ;;
armhf) compiler=gcc-arm-linux-gnueabihf ;;
*)
	say "no cross compiler is known for '$arch' (amd64, arm64, armhf)"
	exit 2
	;;
esac
if [ "$(dpkg --print-architecture)" = "$arch" ]; then
	say "$arch is this machine's own architecture; 'make deps' is what it needs"
	exit 0
fi

list=$(mktemp)
work=
trap 'rm -rf "$list" "$work"' EXIT
trap 'exit 129' INT TERM HUP
printf '%s\n' "$compiler" "libc6-dev-$arch-cross" qemu-user-static >"$list"
"$here/../tests/deps.sh" "$list"

# The same libraries as for the native build: the -dev packages of its list, and what these need.
want=$(sed -n 's/^\(lib[a-z0-9.+-]*-dev\|zlib1g-dev\)$/\1/p' "$here/deps.debian")
root=$here/../out/cross/$arch
sum=$(printf '%s\n' "$want" | sha256sum | cut -c1-16)
[ ! -e "$root/.complete-$sum" ] || exit 0

mkdir -p "$here/../out/cross"
work=$(mktemp -d "$here/../out/cross/.unpacking.XXXXXX")
work=$(cd "$work" && pwd)
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root"
: >"$work/status"
cat >"$work/conf" <<CONF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
APT::Install-Recommends "false";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
say "libraries for $arch (once; kept in out/cross/$arch)"
APT_CONFIG=$work/conf
export APT_CONFIG
apt-get -q update >"$work/log" 2>&1 || say 'not every package list could be read; going on'
# Nothing is installed there, so this downloads the packages and all that they depend on.
# shellcheck disable=SC2086  # a list of words
apt-get -q -y --download-only install $want >>"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	say "the libraries cannot be had for $arch"
	exit 1
}
for deb in "$work"/archives/*.deb; do
	# The C library is the cross compiler's own.
	case ${deb##*/} in
	libc6_* | libc6-dev_* | linux-libc-dev_* | libc-dev-bin_* | libc-bin_* | gcc-* | libgcc-* | perl*) continue ;;
	esac
	dpkg-deb -x "$deb" "$work/root"
done
: >"$work/root/.complete-$sum"
rm -rf "$root"
mv -T "$work/root" "$root"
