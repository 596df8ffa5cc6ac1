#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# cli/deb.sh VERSION OUT: packs what `make install` installs as out/powerstack_VERSION_ARCH.deb.
# Needs dpkg-deb, and dpkg-shlibdeps from dpkg-dev.
set -eu
version=$1
built=$2
arch=$(dpkg --print-architecture)
work=out/deb
root=$work/root
rm -rf "$work"
mkdir -p "$root/DEBIAN" "$work/debian"
make --no-print-directory install DESTDIR="$root" PREFIX=/usr >/dev/null

strip --strip-unneeded "$root/usr/bin/powerstack" "$root/usr/bin/powerstack-exporter" "$root/usr/bin/powerstack-gpu"
gzip -9n "$root"/usr/share/man/man*/*
# zsh of Debian looks in vendor-completions
mkdir -p "$root/usr/share/zsh/vendor-completions" "$root/usr/share/doc/powerstack"
mv "$root/usr/share/zsh/site-functions/_powerstack" "$root/usr/share/zsh/vendor-completions/"
rmdir "$root/usr/share/zsh/site-functions"
install -m 0644 LICENSE "$root/usr/share/doc/powerstack/copyright"
install -m 0644 README.md "$root/usr/share/doc/powerstack/README.md"

# dpkg-shlibdeps wants a source package around it
printf 'Source: powerstack\n\nPackage: powerstack\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$OLDPWD/$built/powerstack" "$OLDPWD/$built/powerstack-gpu" 2>/dev/null)
size=$(du -sk "$root/usr" | cut -f 1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: powerstack
Version: $version
Architecture: $arch
Maintainer: powerstack developers <powerstack@localhost>
Section: admin
Priority: optional
Installed-Size: $size
Depends: ${depends#shlibs:Depends=}
Suggests: openssh-client
Description: cluster of a few machines that measures its energy
 powerstack brings a few Linux machines to a verified state over SSH: kernel
 settings, a Btrfs data volume shared by NFS, and an exporter that offers the
 energy each machine draws as Prometheus metrics. It checks all of it and takes
 it away again. The exporter for the machines is inside the command.
CONTROL
dpkg-deb --root-owner-group --build "$root" "out/powerstack_${version}_$arch.deb" >/dev/null
echo "out/powerstack_${version}_$arch.deb"
