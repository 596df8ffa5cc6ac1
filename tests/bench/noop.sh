#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A run of all that the lab can have, with nothing to do on the lab's three nodes, against one "ssh host true" to the
# slowest of them: one connection and one command per host, by the run's own log and the nodes' sshd.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
rounds=${BENCH_ROUNDS:-5}
deployed_on_lab
deploy() { run_ps "$dir" --no-progress --log-dir "$dir/noop-logs" deploy "${parts[@]}"; }
# logins NODE: how many sshd has accepted there since it booted
logins() { echo 'journalctl -b -q -o cat -t sshd -g "^Accepted " | wc -l' | "$lab" root "$1"; }

for ((i = 0; i < rounds; i++)); do
	timed noop deploy
	for n in "${nodes[@]}"; do
		timed "ssh_$n" "$lab" ssh "$n" true
	done
done
declare -A before
for n in "${nodes[@]}"; do before[$n]=$(logins "$n"); done
rm -rf "$dir/noop-logs"
deploy >/dev/null
for n in "${nodes[@]}"; do
	# the second count's own login is one of them
	result "noop_connections_$n" $(($(logins "$n") - before[$n] - 1)) connections
	result "noop_commands_$n" "$(grep -ch " $n run " "$dir"/noop-logs/deploy-*.log || :)" commands
done

ssh=$(for n in "${nodes[@]}"; do of "ssh_$n"; done | sort -n | tail -1)
result noop_deploy_3_nodes "$(of noop)" ms
result ssh_true_slowest_node "$ssh" ms
result noop_deploy_per_ssh_true "$(div "$(of noop)" "$ssh")" ratio
