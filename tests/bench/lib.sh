# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the benchmarks share. Sourced, at the top of the tree.
set -euo pipefail
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
dir=out/bench
mkdir -p "$dir"
tests/deps.sh tests/bench/bench.debian >&2

die() {
	echo "bench: $*" >&2
	exit 1
}
skip() {
	echo "# $(basename "$0" .sh) skipped: $*"
	exit 0
}
# result NAME VALUE UNIT
result() { printf '%s %s %s\n' "$1" "$2" "$3"; }
# note TEXT: what a reader should know of the figures
note() { echo "# $*"; }

median() { sort -n | awk '{ v[NR] = $1 } END { if (!NR) exit 1; print v[int((NR + 1) / 2)] }'; }
div() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# timed NAME COMMAND...: appends its milliseconds to the figures of NAME; its output goes to NAME.out
figures=$(mktemp -d)
trap 'rm -rf "$figures"' EXIT
timed() {
	local name=$1 t0
	shift
	t0=$(date +%s%N)
	"$@" >"$dir/$name.out" 2>&1 || {
		tail -20 "$dir/$name.out" >&2
		die "'$*' failed; see $dir/$name.out"
	}
	echo $((($(date +%s%N) - t0) / 1000000)) >>"$figures/$name"
}
# of NAME: the median of its figures
of() { median <"$figures/$1"; }

# The lab with all on it that it can have.
deployed_on_lab() {
	"$lab" deps
	"$lab" up >/dev/null
	demo_config "$dir"
	run_ps "$dir" --timeout 30m deploy "${parts[@]}" >"$dir/deploy.out" 2>&1 || {
		tail -20 "$dir/deploy.out" >&2
		die "the lab's nodes could not be deployed; see $dir/deploy.out"
	}
}
