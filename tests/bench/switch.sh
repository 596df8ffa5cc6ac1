#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What accounting adds to a context switch, against peers on the same hook; see switch.c.
set -eu
cd "$(dirname "$0")/../.."
. tests/exporter/front.lib.sh
. tests/exporter/groups.lib.sh

make --no-print-directory out/release/bench/switch >/dev/null
if ! "$exporter" --check --path.sysfs tests/fake/sysfs/none | grep -q '^bpf *works'; then
	echo '# switch skipped: BPF does not work on this machine'
	exit 0
fi
if ! make_groups; then
	echo '# switch skipped: no control group can be made on this machine'
	exit 0
fi
set --
for i in $(seq 200); do
	container "$i" '' '' ''
	set -- "$@" "$groups/$(pod_of "$i")/$(id_of "$i")"
done
out/release/bench/switch "${BENCH_ROUNDS:-9}" "$@"
