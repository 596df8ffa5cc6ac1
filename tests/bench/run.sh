#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make bench: ratios against peers measured in the same run, one "name value unit" line each. Absolute
# times stand beside them only to read the ratios by: the machines are noisy.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
dir=out/bench
rounds=${BENCH_ROUNDS:-5}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# ms COMMAND...: how long it takes, in milliseconds
ms() {
	local t0
	t0=$(date +%s%N)
	"$@" >/dev/null 2>&1 || return 1
	echo $((($(date +%s%N) - t0) / 1000000))
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

"$lab" deps
"$lab" up >/dev/null
demo_config "$dir"
run_ps "$dir" deploy >/dev/null || { echo "the base could not be deployed; see $dir/logs" >&2; exit 1; }

# A no-op deploy of three nodes against one `ssh host true` to the slowest of them.
for ((i = 0; i < rounds; i++)); do
	ms run_ps "$dir" deploy >>"$dir/noop.new"
	slowest=0
	for n in "${nodes[@]}"; do
		t=$(ms "$lab" ssh "$n" true)
		[ "$t" -le "$slowest" ] || slowest=$t
	done
	echo "$slowest" >>"$dir/ssh.new"
done
noop=$(median <"$dir/noop.new")
ssh=$(median <"$dir/ssh.new")
rm "$dir/noop.new" "$dir/ssh.new"
echo "noop_deploy_3_nodes $noop ms"
echo "ssh_true_slowest_node $ssh ms"
echo "noop_deploy_per_ssh_true $(ratio "$noop" "$ssh") ratio"
