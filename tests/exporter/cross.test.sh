#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The static exporter of the other architectures, where `make cross-deps ARCH=...` was run and `make
# ARCH=...` after it: what it is, and as far as qemu-user goes, what it does; and the exporter's unit tests, as built for
# that architecture. BPF is not emulated.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/exporter/front.lib.sh

try() { # ARCH QEMU WORDS-OF-file
	binary=out/static/$1/powerstack-exporter
	image=out/release/embed/powerstack-exporter.$1
	# position-independent where the C library has a start for that: of armhf not every release's has one
	static() { file -b "$binary" | grep "$3" | grep -q "static-pie$4" && ! readelf -d "$binary" | grep NEEDED; }
	case $1 in
	armhf) test_that "$1: one static file" static "$@" '\|statically linked' ;;
	*) test_that "$1: one static position-independent file" static "$@" '' ;;
	esac
	small() { [ "$(stat -c %s "$image")" -lt 8000000 ]; }
	test_that "$1: what is embedded is below 8 MB" small
	version() { "$2" "$binary" --version | grep -q "^powerstack-exporter [0-9].* $1)"; }
	case $1 in armhf) test_that "$1: --version says what it is" version arm "$2" ;; *) test_that "$1: --version says what it is" version "$1" "$2" ;; esac
	for t in intel-2s none; do
		clean() {
			"$1" "$binary" --path.sysfs "tests/fake/sysfs/$t" --interval 200ms --once >"$tmp/page" &&
				promtool check metrics <"$tmp/page"
		}
		test_that "$1: --once on $t prints a page that promtool finds clean" clean "$2"
	done
	says() {
		"$1" "$binary" --path.sysfs tests/fake/sysfs/intel-2s --check >"$tmp/check" && cat "$tmp/check" &&
			grep -q '^rapl-sysfs *works' "$tmp/check" && grep -q '^bpf *missing' "$tmp/check"
	}
	test_that "$1: without BPF it says so and goes on" says "$2"
	unit() {
		make --no-print-directory "ARCH=$1" "out/static/$1/unit" >&2 || return 1
		"$2" "out/static/$1/unit" >"$tmp/unit"
		rc=$?
		grep -v '^ok' "$tmp/unit"
		return $rc
	}
	test_that "$1: the exporter's unit tests" unit "$1" "$2"
}
for row in 'arm64 qemu-aarch64-static aarch64' 'armhf qemu-arm-static ARM'; do
	# shellcheck disable=SC2086  # three words
	set -- $row
	if [ ! -e "out/static/$1/powerstack-exporter" ] || [ ! -e "out/release/embed/powerstack-exporter.$1" ]; then
		skip "not built; 'make cross-deps ARCH=$1 && make ARCH=$1' builds it" "$1: the static exporter"
	elif ! command -v "$2" >/dev/null; then
		skip "no $2 to try it with; 'make cross-deps ARCH=$1' installs it" "$1: the static exporter"
	else
		try "$@"
	fi
done
done_testing
