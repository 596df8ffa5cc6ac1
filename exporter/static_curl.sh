#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the small libcurl.a that the static exporter links: HTTP and HTTPS by OpenSSL, names by
# c-ares, everything else off. Debian's own libcurl.a cannot be linked statically (it wants GSSAPI,
# LDAP, PSL and others that have no static archive), so the source package `curl` is built here.
#
#   static_curl.sh [CACHE_DIR]     prints the directory that holds include/, lib/libcurl.a, VERSION
#
# The source comes through a private apt configuration made from the machine's own sources with
# the type changed to deb-src: nothing of the machine's apt state is read for writing or changed.
# The result is kept in CACHE_DIR (default ${XDG_CACHE_HOME:-$HOME/.cache}/powerstack/libs) under a
# key of version, architecture and everything that shapes the build, so that it is made once.
# Environment: CC, HOST (GNU triplet of a cross build), DEB_ARCH (Debian name of the target).
set -eu
LC_ALL=C
export LC_ALL
umask 022

say() { echo "static curl: $*" >&2; }
die() { say "$*"; exit 1; }

cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/powerstack/libs}
arch=${DEB_ARCH:-$(dpkg --print-architecture)}
cc=${CC:-gcc}
cflags='-O2 -g0 -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections'
flags='--disable-shared --enable-static --with-openssl --enable-ares --without-zlib --without-brotli
 --without-zstd --without-nghttp2 --without-nghttp3 --without-ngtcp2 --without-librtmp
 --without-libssh2 --without-libssh --without-libidn2 --without-libpsl --without-gssapi
 --without-libgsasl --without-ca-bundle --without-ca-path --without-ca-fallback
 --disable-ldap --disable-ldaps --disable-ftp --disable-file --disable-dict --disable-telnet
 --disable-tftp --disable-rtsp --disable-pop3 --disable-imap --disable-smb --disable-smtp
 --disable-gopher --disable-mqtt --disable-manual --disable-ntlm --disable-tls-srp
 --disable-unix-sockets --disable-cookies --disable-alt-svc --disable-hsts --disable-proxy
 --disable-netrc --disable-doh --disable-threaded-resolver --disable-websockets --disable-aws
 --disable-libcurl-option --disable-openssl-auto-load-config --disable-dependency-tracking'

version=$(apt-cache policy curl 2>/dev/null | sed -n 's/^ *Candidate: //p')
case $version in
'' | '(none)') # no package lists: what is installed still names what the cache may hold
	version=$(dpkg-query -W -f '${source:Version}' libcurl4-openssl-dev 2>/dev/null) ||
		die "apt knows no package 'curl'; run 'apt-get update'"
	;;
esac

ccid=$($cc --version | head -n 1)
if test -z "${HOST:-}"; then
	sslid=$(dpkg-query -W -f '${Version} ' "libssl-dev:$arch" "libc-ares-dev:$arch" 2>/dev/null) ||
		die "libssl-dev and libc-ares-dev for $arch are needed"
else
	# Unpacked, not installed (cross_deps.sh): the headers say which versions they are of.
	sslid=$(printf '#include <openssl/opensslv.h>\n#include <ares_version.h>\nOPENSSL_VERSION_TEXT ARES_VERSION_STR\n' |
		$cc -E -P - 2>/dev/null | tail -n 1)
	test -n "$sslid" ||
		die "libssl-dev and libc-ares-dev for $arch are needed; 'make cross-deps ARCH=$arch' unpacks them"
fi
sum=$(printf '%s\n' "$version" "$arch" "$flags" "$cflags" "$ccid" "$sslid" "${HOST:-}" |
	sha256sum | cut -c1-16)
dir=$cache/curl-$version-$arch-$sum
if test -e "$dir/VERSION"; then
	echo "$dir"
	exit 0
fi

mkdir -p "$cache"
# Of several builds that need it at the same time, one makes it.
exec 9>"$cache/.lock-$sum"
flock 9
if test -e "$dir/VERSION"; then
	echo "$dir"
	exit 0
fi
work=$(mktemp -d "$cache/.building.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' INT TERM HUP
log=$work/log

# A private apt: own lists, own cache, own sources; keys, proxies and log-ins stay the machine's.
mkdir -p "$work/apt/sources.d" "$work/apt/lists/partial" "$work/apt/archives/partial"
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
	test -r "$f" || continue
	sed -n 's/^[[:space:]]*deb\([[:space:]]\)/deb-src\1/p' "$f" >>"$work/apt/sources.list"
done
n=0
for f in /etc/apt/sources.list.d/*.sources; do
	test -r "$f" || continue
	n=$((n + 1))
	sed 's/^Types:.*/Types: deb-src/' "$f" >"$work/apt/sources.d/$n.sources"
done
cat >"$work/apt/conf" <<EOF
Dir::State::lists "$work/apt/lists";
Dir::Cache "$work/apt";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "$work/apt/sources.d";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
EOF
test -e "$work/apt/sources.list" || : >"$work/apt/sources.list"
APT_CONFIG=$work/apt/conf
export APT_CONFIG

say "building $version for $arch (once; kept in $dir)"
# Sources that have no deb-src make update fail as a whole; what counts is that curl is found.
apt-get -q update >"$log" 2>&1 || say 'some package sources have no source index; going on'
cd "$work"
apt-get -q --download-only source "curl=$version" >>"$log" 2>&1 || {
	tail -n 20 "$log" >&2
	die "no source package curl $version in the machine's package sources"
}
# apt has checked the files against the signed archive index; the maintainer's own signature is
# not looked at (his key need not be here).
dpkg-source --no-check -x curl_*.dsc src >>"$log" 2>&1 || {
	tail -n 20 "$log" >&2
	die 'cannot unpack the source package'
}
cd src
test -x configure || autoreconf -fi >>"$log" 2>&1 || {
	tail -n 20 "$log" >&2
	die 'autoreconf failed'
}
# shellcheck disable=SC2086  # $flags is a list of words
{
	# A cross build takes no hints from the machine's own pkg-config.
	./configure --prefix="$dir" ${HOST:+--host="$HOST" PKG_CONFIG=false} $flags \
		CC="$cc" CFLAGS="$cflags -ffile-prefix-map=$work=." &&
		make -s -j"${JOBS:-2}" -C lib && make -s -C lib install DESTDIR="$work/root" &&
		make -s -C include install DESTDIR="$work/root"
} >>"$log" 2>&1 || {
	tail -n 40 "$log" >&2
	die 'the build failed'
}
out=$work/root$dir
rm -f "$out"/lib/*.la
printf 'curl %s (Debian source package), %s\n' "$version" "$ccid" >"$out/VERSION"
# Another build of the same key may have won; either result is the same.
mv -T "$out" "$dir" 2>/dev/null || test -e "$dir/VERSION" || die "cannot write '$dir'"
echo "$dir"
