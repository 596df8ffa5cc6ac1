#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the exporter costs a machine, from outside: the real binary with its programs in this kernel; see exporter.py.
# BENCH_ROUNDS is the number of scrapes of each form of the page; POWERSTACK_EXPORTER another binary, to compare with.
set -euo pipefail
cd "$(dirname "$0")/../.."
exporter=${POWERSTACK_EXPORTER:-out/release/powerstack-exporter}
make --no-print-directory out/release/powerstack-exporter out/release/bench/sleepers >/dev/null
if ! "$exporter" --check | grep -q '^bpf *works'; then
	echo '# exporter skipped: BPF does not work on this machine'
	exit 0
fi
groups=/sys/fs/cgroup
[ -e $groups/cgroup.controllers ] || groups=$groups/cpu
if ! mkdir "$groups/powerstack-bench-$$" 2>/dev/null; then
	echo '# exporter skipped: no control group can be made on this machine'
	exit 0
fi
tmp=$(mktemp -d)
leave() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		find "$groups/powerstack-bench-$$" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.5
	done
	rm -rf "$tmp"
}
trap leave EXIT
trap 'exit 129' INT TERM HUP PIPE
python3 tests/bench/exporter.py "$exporter" out/release/bench/sleepers "$groups/powerstack-bench-$$" "$tmp" \
	"${BENCH_ROUNDS:-60}"
image=$(stat -c %s "out/release/embed/powerstack-exporter.$(dpkg --print-architecture)")
awk -v n="$image" 'BEGIN { printf "binary_size %.2f MB\nbinary_size_to_goal_of_8_MB %.2f ratio\n", n / 1e6, n / 8e6 }'
