#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The main job end to end on three virtual machines, the cluster included: check, deploy, verify, again, secrets,
# kubectl, Prometheus, interruption, power loss, destroy, deploy, reboot. Each case leaves the lab for
# the next one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
work=$(mktemp -d)
dir=out/e2e
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"; "$lab" down >/dev/null 2>&1' EXIT

json() { jq -r "$2" "$work/$1.json"; }
manifests() { # manifests NAME: what is on every node, into $work/NAME.<node>
	local n
	for n in "${nodes[@]}"; do
		"$lab" fs-manifest "$n" >"$work/$1.$n" &
	done
	wait
}
same_manifests() { # same_manifests A B DESCRIPTION [FILTER]
	local n bad=''
	for n in "${nodes[@]}"; do
		if ! diff <(grep -Ev "${4:-^$}" "$work/$1.$n") <(grep -Ev "${4:-^$}" "$work/$2.$n") >"$work/diff.$n"; then
			bad="$bad $n"
		fi
	done
	if [ -z "$bad" ]; then ok "$3"; else not_ok "$3"; fi
	for n in $bad; do
		grep "^[<>]" "$work/diff.$n" | sed "s/^/# $n: /" | head -40
	done
}

step 'lab up, pristine'
if ! { "$lab" up && "$lab" reset; } >"$work/up" 2>&1; then
	sed 's/^/# /' "$work/up"
	not_ok 'the lab starts'
	done_testing
	exit 1
fi
rm -rf "$dir"
demo_config "$dir"
cluster=$LAB_MIRROR
[ -n "$cluster" ] || skip 'what the cluster needs cannot be built here' 'everything about the cluster'
other_context() {
	kubectl config view --raw -o json | jq '[.contexts, .clusters, .users] | map(.[] | select(.name == "other"))'
}
# Planted: somebody else's context in the kubeconfig.
if [ -n "$cluster" ]; then
	(
		umask 077
		kubectl config set-cluster other --server=https://192.0.2.1:6443 --tls-server-name=elsewhere
		kubectl config set-credentials other --token=not-of-this-cluster
		kubectl config set-context other --cluster=other --user=other --namespace=theirs
	) >/dev/null
	other_context >"$work/other.before"
fi
# Planted: a BMC that must not answer, so that the exporter's configuration holds a password; S2 is to find it silent.
for s in bmcUser bmcSecret; do
	(umask 077 && head -c 18 /dev/urandom | base64 | tr -d '+/=' >"$work/planted.$s")
	"$ps" -i "$dir/inventory.yml" --vault-password-file "$dir/vault-password" vault set "$s" <"$work/planted.$s"
done
sed -i 's/^  vars:$/  vars:\n    bmc_user: "{{ ansible_vault.bmcUser }}"\n    bmc_password: "{{ ansible_vault.bmcSecret }}"/;
	s/^\( *\)internal_ip: 192.168.0.104/\1BMC_ip: 192.168.0.254\n&/' "$dir/inventory.yml"

step 'deploy --check on bare machines'
manifests bare
to_json check deploy --check "${parts[@]}"
is "$rc" 4 'deploy --check before the first deploy: exit status 4, changes pending'
manifests checked
same_manifests bare checked 'deploy --check changes nothing on any node'
listed=$(json check .changed)

step 'first deploy, under watch'
# watch WHAT: looks for the secrets in $work/patterns while WHAT happens; watched ends it and tells
watch() {
	chmod 600 "$work/patterns"
	perl tests/lab/watch.pl "$work/patterns" "$work/seen.operator" "$work" "$PWD/out/e2e" "$PWD/logs" &
	watcher=$!
	for n in ho1 ho3; do
		"$lab" root "$n" <<-SCRIPT
			umask 077; mkdir -p /run/watch
			cat >/run/watch/patterns <<'P'
			$(cat "$work/patterns")
			P
			cat >/run/watch/watch.pl <<'W'
			$(cat tests/lab/watch.pl)
			W
			setsid perl /run/watch/watch.pl /run/watch/patterns /run/watch/seen /tmp /var/tmp /etc/powerstack /etc/rancher \
				/var/lib/rancher/k3s/agent /dev/shm /var/lib/powerstack >/dev/null 2>&1 </dev/null &
			echo \$! >/run/watch/pid
		SCRIPT
	done
}
watched() { # watched WHAT
	kill "$watcher" 2>/dev/null
	for n in ho1 ho3; do
		"$lab" root "$n" <<<'kill "$(cat /run/watch/pid)"; t=0; until [ -s /run/watch/seen.rounds ] || [ $t = 20 ]; do sleep 1; t=$((t + 1)); done; cat /run/watch/seen; cat /run/watch/seen.rounds >&2; rm -rf /run/watch' >"$work/seen.$n" 2>"$work/rounds.$n"
		is "$(cat "$work/seen.$n")" '' "$1: no planted secret in a process list or readable file of $n ($(cat "$work/rounds.$n"))"
		like "$(cat "$work/rounds.$n")" '^looked [0-9]+ times' "$1: the watcher of $n looked"
	done
	is "$(cat "$work/seen.operator")" '' "$1: no planted secret in a process list or readable file of the operator"
	is "$(grep -rlFf "$work/patterns" "$dir/logs" | head -3)" '' "$1: no planted secret in the logs"
	is "$(find "$dir/logs" -type f -perm /077)" '' "$1: logs are 0600"
}
{
	cat "$work"/planted.* "$dir/vault-password" "$LAB_SUDO_PASSWORD_FILE"
	"$ps" -i "$dir/inventory.yml" --vault-password-file "$dir/vault-password" vault get token
	echo
} | sed '/^$/d' >"$work/patterns"
watch
to_json first deploy "${parts[@]}"
is "$rc" 0 'deploy on bare machines: exit status 0'
is "$(json first .failed)" 0 'no step failed'
# What a package brings with it may be as wanted already when its row is reached: listed, not changed.
rows() { jq -r ".steps[] | select($2) | \"\\(.host) \\(.step)\"" "$work/$1.json" | sort; }
is "$(comm -13 <(rows check '.was != "present"') <(rows first .changed))" '' "every row that deploy changed ($(json first .changed)) was listed by --check ($listed)"
is "$(comm -23 <(rows check '.was != "present"') <(rows first .changed) | while read -r h s; do jq -r --arg h "$h" --arg s "$s" '.steps[] | select(.host == $h and .step == $s and .outcome != "ok") | .step' "$work/first.json"; done)" '' 'every row that --check listed is as wanted now'
watched 'first deploy'
is "$("$lab" root ho1 <<<'stat -c "%a %U" /etc/powerstack/exporter.yml')" '600 root' 'exporter.yml is 0600'

step 'verify'
failed() { jq -r '.checks[] | select(.status | startswith("fail")) | "\(.id) \(.where)"' "$1"; }
run_ps "$dir" verify "${parts[@]}" --json --junit "$work/junit.xml" >"$work/verify.json" 2>"$work/verify.err"
is "$? $(failed "$work/verify.json")" '1 S2 ho1' 'verify finds nothing wrong but the BMC that does not answer'
jq -r '.checks[] | select(.status != "pass" and .status != "passed") | "# \(.id) \(.where): \(.status): \(.evidence)"' "$work/verify.json"
ids='B2.1 B2.2 B2.3 B2.4 B2.5 B2.6 B2.7 B2.8 B2.9 B2.10 B2.11 S1 S3 S4 S5 S7 X1 X3 X10'
[ -z "$cluster" ] || ids="B1.1 B1.2 B1.3 B1.4 B1.5 B1.6 B1.7 B1.8 B1.9 B1.10 B1.11 B1.12 B1.13 $ids X5"
for id in $ids; do
	n=$(jq "[.checks[] | select(.id == \"$id\" and (.status | startswith(\"pass\")))] | length" "$work/verify.json")
	if [ "${n:-0}" -gt 0 ]; then ok "verify $id passes ($n)"; else not_ok "verify $id passes"; fi
done
run_ok 'junit.xml is well-formed' xmllint --noout "$work/junit.xml"

if [ -n "$cluster" ]; then
	step 'the cluster, from outside'
	kubectl --context powerstack get nodes -o wide | sed 's/^/# /'
	is "$(members)" \
		"ho1 True 192.168.0.104 v1.30.2+k3s1
ho2 True 192.168.0.105 v1.30.2+k3s1
ho3 True 192.168.0.106 v1.30.2+k3s1" 'kubectl with the context lists three Ready nodes by their internal addresses'
	is "$(kubectl config view -o 'jsonpath={.clusters[?(@.name=="powerstack")].cluster.server}')" \
		"https://$LAB_HO1_EXTERNAL:$LAB_API_PORT" 'by the external address'
	is "$(stat -c %a "$dir/kubeconfig")" 600 'the kubeconfig is 0600'
	other_context >"$work/other.after"
	run_ok 'another context in it is as it was' cmp "$work/other.before" "$work/other.after"

	step 'the context is lost; a deploy brings it back, under watch'
	awk '$1 == "client-key-data:" { print $2 }' "$dir/kubeconfig" >>"$work/patterns"
	is "$(tail -1 "$work/patterns" | base64 -d | head -1)" '-----BEGIN PRIVATE KEY-----' "the context's key is known"
	kubectl config delete-context powerstack >/dev/null
	unit_starts >"$work/starts.1"
	watch
	to_json context deploy "${parts[@]}"
	is "$rc $(json context .changed) $(json context .failed)" '0 1 0' 'a lost context is the only thing to change'
	watched 'a deploy that enters the key'
	unit_starts >"$work/starts.2"
	run_ok 'and restarts nothing' diff "$work/starts.1" "$work/starts.2"
	run_ok 'kubectl is answered again' kubectl --context powerstack get namespaces
fi

step 'second deploy'
unit_starts >"$work/starts.1"
to_json second deploy "${parts[@]}"
is "$rc $(json second .changed) $(json second .failed)" '0 0 0' 'a second deploy: 0 changes'
unit_starts >"$work/starts.2"
run_ok 'the second deploy restarts nothing' diff "$work/starts.1" "$work/starts.2"
commands=$(cat "$(ls -t "$dir"/logs/deploy-*.log | head -1)" | grep -c ' ran \| script=\| probe')
echo "# commands in its log: $commands"
slowest=0
for n in "${nodes[@]}"; do
	t0=$(date +%s%N)
	"$lab" ssh "$n" true
	t=$((($(date +%s%N) - t0) / 1000000))
	[ $t -le $slowest ] || slowest=$t
done
echo "# one ssh host true to the slowest node: $slowest ms; no-op deploy: $(json second .seconds) s"

step 'what the exporter may'
may=$(
	"$lab" root ho2 <<-'SH'
		awk '$1 == "Uid:" { print $2 ? "unprivileged" : "root" }
			$1 ~ /^(CapEff|CapBnd|NoNewPrivs):$/ { print $1 $2 }' "/proc/$(systemctl show -p MainPID --value powerstack-exporter)/status" |
			sort | tr '\n' ' '
		echo
		systemd-analyze security --no-pager powerstack-exporter | tail -n 1
	SH
)
# CAP_DAC_READ_SEARCH, CAP_PERFMON and CAP_BPF are bits 2, 38 and 39
is "$(head -n 1 <<<"$may")" 'CapBnd:000000c000000004 CapEff:000000c000000004 NoNewPrivs:1 unprivileged ' 'it runs with three capabilities'
like "$(tail -n 1 <<<"$may")" ' OK ' 'systemd finds the running service well confined'
echo "# $(tail -n 1 <<<"$may")"

step 'Prometheus scrapes'
if command -v prometheus >/dev/null; then
	cat >"$work/prometheus.yml" <<-YML
		global: { scrape_interval: 2s }
		scrape_configs:
		  - job_name: powerstack
		    static_configs:
		      - targets: [ "127.0.0.1:$LAB_HO1_EXPORTER_PORT", "127.0.0.1:$LAB_HO2_EXPORTER_PORT", "127.0.0.1:$LAB_HO3_EXPORTER_PORT" ]
	YML
	port=$((20000 + RANDOM % 10000))
	prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$port" >"$work/prom.log" 2>&1 &
	prom=$!
	up=0
	for _ in $(seq 30); do
		sleep 1
		up=$(curl -s "http://127.0.0.1:$port/api/v1/query?query=sum(up)" | jq -r '.data.result[0].value[1] // "0"' 2>/dev/null)
		[ "$up" != 3 ] || break
	done
	is "$up" 3 'Prometheus scrapes three exporters'
	info=$(curl -s "http://127.0.0.1:$port/api/v1/query?query=count(kepler_node_info)" | jq -r '.data.result[0].value[1] // "0"')
	is "$info" 3 'kepler_node_info from each node'
	kill $prom
	wait $prom 2>/dev/null
else
	skip 'prometheus is not installed' 'Prometheus scrapes three exporters'
fi

step 'drift is put right, and only that'
"$lab" root ho2 <<<'sysctl -qw kernel.perf_event_paranoid=2; systemctl stop powerstack-exporter'
to_json drift deploy "${parts[@]}"
is "$rc $(json drift .changed)" '0 2' 'two things drifted on ho2: two changes'

step 'reboot all nodes'
"$lab" reboot
# A cluster takes a while to see that its nodes and pods are back: each verify waits for some of it itself.
for _ in 1 2 3; do
	run_ps "$dir" verify "${parts[@]}" --json >"$work/verify2.json" 2>"$work/verify2.err"
	[ "$(failed "$work/verify2.json")" != 'S2 ho1' ] || break
	sleep 10
done
is "$(failed "$work/verify2.json")" 'S2 ho1' 'after a reboot of all nodes everything is back by itself: verify finds nothing else'
jq -r '.checks[] | select(.status | startswith("fail")) | "# \(.id) \(.where): \(.evidence)"' "$work/verify2.json"
to_json rebooted deploy "${parts[@]}"
is "$rc $(json rebooted .changed)" '0 0' 'and deploy finds nothing to change'

step 'data, destroy'
"$lab" root ho2 <<<'echo kept >/mnt/data/of-the-user; sync'
to_json destroy destroy --yes "${parts[@]}"
is "$rc $(json destroy .failed)" '0 0' 'destroy: exit status 0'
manifests destroyed
# The data stays on the disk. What Debian's own packages leave behind when they are purged is theirs: their
# system users, the records of apt and ucf, empty folders of /var/lib/nfs, and, until the next boot,
# units in systemd's memory and the kernel's rpc_pipefs; nor does K3s' own uninstall unload br_netfilter, which others
# may use by now. What the kernel reckons anew at each boot (the nodes
# were rebooted in between) is no trace either.
leftovers='^mount [^ ]* [^ ]* (devtmpfs|tmpfs|autofs) |^sysctl (net\.bridge\.[a-z0-9-]*|kernel\.threads-max|vm\.[a-z_]*_kbytes) |^disk /dev/vd|^mount /run/rpc_pipefs |^active ([a-z-]*\.target|run-rpc_pipefs\.mount|[a-z.-]* not-found) | /etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$| /var/lib/(apt|ucf|nfs)(/|$)'
same_manifests bare destroyed 'after destroy nothing of powerstack is left on any node' "$leftovers"
to_json destroy2 destroy --yes "${parts[@]}"
is "$rc $(json destroy2 .changed)" '0 0' 'a second destroy: 0 changes'
if [ -n "$cluster" ]; then
	is "$(kubectl config get-contexts -o name)" other 'its context is gone from the kubeconfig'
	other_context >"$work/other.after"
	run_ok 'the other one is as it was' cmp "$work/other.before" "$work/other.after"
fi

# K3s has its turns in the campaigns: here they would take as long as all the rest.
base=(prereq disk nfs exporter)
step 'deploy, killed after a step, then again'
# kill -9 after the n-th change that it reports, then a plain re-run must converge
killed=0
exec_ps "$dir" deploy -v --no-progress "${base[@]}" >"$work/killed.out" 2>&1 &
victim=$!
for _ in $(seq 600); do
	n=$(grep -c 'changed' "$work/killed.out")
	if [ "$n" -ge 4 ]; then
		kill -9 $victim && killed=1
		break
	fi
	kill -0 $victim 2>/dev/null || break
	sleep 0.2
done
wait $victim 2>/dev/null
is $killed 1 "deploy was killed by SIGKILL after $n changes"
step 'a worker loses its power in the middle of the re-run'
exec_ps "$dir" --json deploy "${base[@]}" >"$work/power.json" 2>"$work/power.err" &
runner=$!
sleep 6
"$lab" poweroff ho2
wait $runner
rc=$?
is $rc 1 'a worker power-cycled in the middle of a deploy: exit status 1'
is "$(jq -r '[.steps[] | select(.host != "ho2" and (.outcome // "" | test("failed|refused|unreachable")))] | length' "$work/power.json")" 0 'the other nodes finish'
"$lab" poweron ho2
to_json rerun deploy "${base[@]}"
is "$rc $(json rerun .failed)" '0 0' 'the re-run completes it'
to_json again deploy "${base[@]}"
is "$rc $(json again .changed)" '0 0' 'and then nothing is left to change'
is "$("$lab" ssh ho3 cat /mnt/data/of-the-user)" kept 'data written before destroy is still there'

step 'done'
done_testing
