#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The exporter's programs in other kernels: each kernel of Debian 11, 12, 13 and unstable that the archive has boots in a
# small virtual machine with the static exporter and nothing else. The programs load, and what they count for a
# container is what the kernel's own control group counts, with version 2 of those and with version 1 beside it.
# By hand: it fetches the kernels' packages. KERNELS="trixie" boots only those, EXPORTER=FILE another exporter.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
here=tests/lab
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck source=tests/lab/archive.sh
. "$here/archive.sh"
# shellcheck source=tests/lab/machine.sh
. "$here/machine.sh"
accel_args tcg
"$here/lab" deps || exit 1
exporter=${EXPORTER:-out/release/powerstack-exporter}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/powerstack/kernels
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# suite  archive  the package that depends on the newest kernel
rows='
bullseye           Debian          linux-image-cloud-amd64
bullseye-security  Debian-Security linux-image-6.1-cloud-amd64
bookworm           Debian          linux-image-cloud-amd64
trixie             Debian          linux-image-cloud-amd64
sid                Debian          linux-image-cloud-amd64
'

apt_of() { # apt_of SUITE PROGRAM ARG...: apt's program, of that suite
	local at=$cache/$1 program=$2
	shift 2
	"$program" -o "Dir::Etc::sourcelist=$at/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State=$at/state" \
		-o "Dir::State::status=$at/state/status" -o "Dir::Cache=$at/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
# fetch SUITE LABEL PACKAGE: its kernel becomes $cache/SUITE/vmlinuz
fetch() {
	local at=$cache/$1 version
	[ ! -s "$at/vmlinuz" ] || return 0
	mkdir -p "$at/state/lists/partial" "$at/cache/archives/partial"
	: >"$at/state/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(archive_labelled "$2") $1 main" >"$at/sources.list"
	apt_of "$1" apt-get -qq update || return 1
	version=$(apt_of "$1" apt-cache depends --no-recommends "$3" | sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -1)
	# the kernel itself is in a package of its own, and in another place, since 7.2
	(cd "$at" && { apt_of "$1" apt-get -qq download "linux-binary-$version" || apt_of "$1" apt-get -qq download "linux-image-$version"; }) || return 1
	dpkg-deb --fsys-tarfile "$at"/linux-*.deb | tar -xOf - --wildcards '*/vmlinuz*' >"$at/vmlinuz.new"
	[ -s "$at/vmlinuz.new" ] || return 1
	mv "$at/vmlinuz.new" "$at/vmlinuz"
	rm -rf "$at"/state "$at"/cache "$at"/*.deb
}
boot() { # boot SUITE CGROUP: what the machine says, in $work/said
	: >"$work/console"
	timeout -k 5 300 qemu-system-x86_64 "${ACCEL_ARGS[@]}" -smp 2 -m 512 -machine pc,usb=off \
		-nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console" -kernel "$cache/$1/vmlinuz" \
		-initrd "$work/initrd" -append "console=ttyS0 quiet mitigations=off norandmaps panic=-1 lab.cgroup=$2" </dev/null
	sed -n 's/^SAYS \(.*[^\r]\)\r*$/\1/p' "$work/console" >"$work/said"
}
said() { sed -n "s/^$1 //p" "$work/said"; }

mkdir -p "$work/tree"/{bin,dev,proc,sys,tmp}
cp "$(command -v busybox)" "$work/tree/bin/busybox"
install -m 0755 "$here/kernels.init.sh" "$work/tree/init"
strip -o "$work/tree/exporter" "$exporter" || exit 1
(cd "$work/tree" && find . -print0 | cpio --quiet --null --create --format=newc --owner=0:0) >"$work/initrd"

while read -r suite label package; do
	[ -n "$suite" ] || continue
	case " ${KERNELS:-$suite} " in *" $suite "*) ;; *) continue ;; esac
	if ! fetch "$suite" "$label" "$package" >"$work/fetched" 2>&1; then
		tail -2 "$work/fetched" | sed 's/^/# /'
		skip "the archive has no kernel of $suite" "the kernel of $suite"
		continue
	fi
	for cgroup in 2 1; do
		boot "$suite" $cgroup
		what="$suite, $(said kernel), control groups version $cgroup"
		sed 's/^/# /' "$work/said"
		[ "$(tail -1 "$work/said")" = end ] || tail -5 "$work/console" | sed 's/^/# /'
		is "$(tail -1 "$work/said")" end "$what: the exporter answers"
		is "$(said page | sed -n 's/.*_drops_total.* //p')" 0 "$what: nothing was dropped"
		run_ok "$what: $(said exporter_us) us of $(said kernel_us) us" awk -v a="$(said exporter_us)" -v b="$(said kernel_us)" \
			'BEGIN { exit !(b > 3e6 && a > b * 0.98 && a < b * 1.02) }'
	done
done <<<"$rows"
done_testing
