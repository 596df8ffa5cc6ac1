# shellcheck shell=bash disable=SC2154 # lab, dir and the functions are run.sh's
# SPDX-License-Identifier: BSD-2-Clause
# life.sh, sourced by run.sh: what happens to a cluster after its first deploy. Each case changes one thing, deploys, and asks
# for exactly the rows that it touches and exactly the services that it restarts; the run after it changes nothing.

# expect WANTED IS NAME
expect() {
	if [ "$1" = "$2" ]; then
		result 0 "$3"
	else
		diff <(echo "$1") <(echo "$2") | sed 's/^/     /'
		result 1 "$3"
	fi
}
k3s_starts() { # "node MainPID" of each K3s service that runs
	local n
	for n in "${nodes[@]}"; do
		# shellcheck disable=SC2016 # for the node's shell
		"$lab" ssh "$n" 'for u in k3s k3s-agent; do systemctl show -p MainPID --value $u; done' | grep -v '^0$' | sed "s/^/$n /"
	done
}
# life NAME ROWS RESTARTED [OPTION...]: a deploy changes exactly ROWS ("host row", sorted, one a line) and restarts K3s on
# the nodes RESTARTED ("ho1 ho2") and no other; one more changes nothing
life() {
	local name=$1 rows=$2 restarted=$3 rc before
	shift 3
	before=$(k3s_starts)
	run_ps "$dir" --json deploy "$@" prereq k3s >"$dir/life.json" 2>"$dir/life.err"
	rc=$?
	[ $rc = 0 ] || jq -r '.steps[]? | select(.outcome // "" | test("failed|refused|unreachable")) | "     \(.host) \(.step): \(.message)"' "$dir/life.json"
	expect "0:$rows" "$rc:$(jq -r '.steps[]? | select(.outcome == "changed") | "\(.host) \(.step)"' "$dir/life.json" | sort)" "$name: exactly its rows change"
	expect "$restarted" "$(diff <(echo "$before") <(k3s_starts) | sed -n 's/^> \([a-z0-9]*\) .*/\1/p' | sort -u | paste -sd' ')" "$name: K3s restarts where it must and nowhere else"
	run_ps "$dir" --json deploy "$@" prereq k3s >"$dir/again.json" 2>&1
	expect '0 0' "$? $(jq .changed "$dir/again.json")" "$name: the next run changes nothing"
}

life_all() {
	[ -n "$LAB_MIRROR" ] || {
		echo 'SKIPPED: the lab has no cluster; tests/lab/lab cluster-build says why'
		return
	}
	local all rc
	bare
	eval "$("$lab" env)"
	cp "$dir/inventory.yml" "$dir/whole.yml"

	# --- a worker is added
	sed -i '/^ *ho3:$/,/^  vars:$/{/^  vars:$/!d}' "$dir/inventory.yml"
	run_ps "$dir" --json deploy prereq k3s >"$dir/life.json" 2>&1
	result $? 'a cluster of two nodes is deployed'
	cp "$dir/whole.yml" "$dir/inventory.yml"
	run_ps "$dir" --json deploy --check prereq k3s >"$dir/check.json" 2>&1
	all=$(jq -r '.steps[]? | select(.was != "present" and .was != null) | "\(.host) \(.step)"' "$dir/check.json" | sort)
	expect '' "$(grep -v '^ho3 ' <<<"$all")" 'a worker is added: nothing changes elsewhere'
	life 'a worker is added' "$all" ho3
	expect "ho1 True 192.168.0.104 v1.30.2+k3s1
ho2 True 192.168.0.105 v1.30.2+k3s1
ho3 True 192.168.0.106 v1.30.2+k3s1" "$(members)" 'three nodes are Ready'

	# --- one argument, on one node
	sed -i 's/^\( *\)internal_ip: 192.168.0.105$/&\n\1extra_agent_args: "--kubelet-arg=max-pods=64"/' "$dir/inventory.yml"
	life "an argument of ho2's agent" 'ho2 k3s-agent/agent-service
ho2 k3s-agent/agent-unit' ho2
	sed -i 's/^\( *\)internal_ip: 192.168.0.105$/&\n\1node_labels: { rack: r12 }/' "$dir/inventory.yml"
	life 'a label of ho2' 'ho2 k3s-agent/agent-service
ho2 k3s-agent/config' ho2
	expect r12 "$(kubectl --context powerstack get node ho2 -o 'jsonpath={.metadata.labels.rack}')" 'the label is on the node'

	# --- a worker leaves and comes back
	run_ps "$dir" --json destroy --yes --limit ho3 k3s >"$dir/life.json" 2>&1
	result $? 'ho3 leaves'
	expect "ho1
ho2" "$(kubectl --context powerstack get nodes --no-headers -o custom-columns=N:.metadata.name)" 'it is no node of the cluster any more'
	life 'ho3 comes back' "$(grep '^ho3 ' <<<"$all" | grep -v ' prereq/')" ho3
	"$lab" root ho3 <<<'rm -rf /etc/rancher/node; systemctl restart --no-block k3s-agent'
	for _ in $(seq 60); do # until its lease has run out, it counts as Ready
		! members | grep -q '^ho3 True' || sleep 2
	done
	life 'ho3 lost its node password' 'ho3 k3s-agent/node' ''
	expect 3 "$(members | grep -c ' True ')" 'every node is Ready again'

	# --- images of the user's, on a cluster that runs
	tar -cf "$dir/own.tar" -C tests lab/lib.sh
	sed -i 's/^\( *\)k3s_version:.*$/&\n\1image_archives: [ own.tar ]/' "$dir/inventory.yml"
	life 'images of the user' 'ho1 k3s-control/image-archives
ho2 k3s-agent/image-archives
ho3 k3s-agent/image-archives' ''

	# --- another token
	head -c 32 /dev/urandom | base64 | tr -d '+/=\n' | run_ps "$dir" vault set token
	life 'another token' "ho1 k3s-control/service
ho1 k3s-control/token
ho2 k3s-agent/agent-service
ho2 k3s-agent/token
ho3 k3s-agent/agent-service
ho3 k3s-agent/token" 'ho1 ho2 ho3'
	expect 3 "$(members | grep -c ' True ')" 'every node is Ready with it'

	# --- an upgrade, and back
	sed -i 's/^\( *k3s_version:\) .*/\1 v1.30.4+k3s1/' "$dir/inventory.yml"
	life 'an upgrade' "$(
		printf 'ho1 k3s-control/%s\n' backup binary images node release service
		printf 'ho2 k3s-agent/%s\n' agent-service binary images node release
		printf 'ho3 k3s-agent/%s\n' agent-service binary images node release
	)" 'ho1 ho2 ho3'
	expect 'ho1 v1.30.4+k3s1,ho2 v1.30.4+k3s1,ho3 v1.30.4+k3s1' "$(members | cut -d' ' -f1,4 | paste -sd,)" 'every node runs the new release'
	sed -i 's/^\( *k3s_version:\) .*/\1 v1.30.2+k3s1/' "$dir/inventory.yml"
	run_ps "$dir" --json deploy prereq k3s >"$dir/life.json" 2>&1
	rc=$?
	grep -q -- '--force-version' "$dir/life.json"
	expect '1 0 0' "$rc $? $(jq .changed "$dir/life.json")" 'a downgrade is refused, and nothing changes'

	# --- away with it, and a new one
	cp "$dir/whole.yml" "$dir/inventory.yml"
	run_ps "$dir" --json destroy --yes k3s >"$dir/life.json" 2>&1
	result $? 'the cluster is destroyed'
	run_ps "$dir" --json deploy prereq k3s >"$dir/life.json" 2>&1
	result $? 'and deployed anew'
	expect 3 "$(members | grep -c ' True .* v1.30.2+k3s1')" 'three nodes are Ready in it'
	converge deploy prereq k3s
	result $? 'and nothing is left to change'
}
