#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make campaign: the long fault campaigns on the lab's three machines. Every case starts from a known state,
# breaks a run, and asks a plain re-run to converge: exit status 0, then a run with 0 changes. Prints
# one line per case and, at the end, what did not converge. CAMPAIGN="kill cut faults" runs only those,
# CAMPAIGN_PARTS="prereq disk nfs exporter" on those parts instead of all that the lab can deploy.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/lib.sh
. tests/lab/lib.sh
# shellcheck source=tests/campaign/faults.sh
. tests/campaign/faults.sh
# shellcheck source=tests/campaign/life.sh
. tests/campaign/life.sh
dir=out/campaign
out=out/campaign.log
: >"$out"

trap 'kill $(jobs -p) 2>/dev/null; "$lab" down >/dev/null 2>&1' EXIT

wanted() { case " ${CAMPAIGN:-$1} " in *" $1 "*) return 0 ;; esac; return 1; }
result() { # result RC NAME
	if [ "$1" = 0 ]; then
		echo "ok   $2"
	else
		echo "FAIL $2"
	fi | tee -a "$out"
}
# converge VERB: a plain re-run ends well, and one more has nothing to do
converge() {
	local verb=$1 n
	shift
	run_ps "$dir" --json "$verb" "$@" >"$dir/converge.json" 2>"$dir/converge.err" || {
		jq -r '.steps[]? | select(.message != "") | "     \(.host) \(.step): \(.message)"' "$dir/converge.json" | tail -5
		cat "$dir/converge.err"
		return 1
	}
	run_ps "$dir" --json "$verb" "$@" >"$dir/converge.json" 2>"$dir/converge.err" || return 1
	n=$(jq .changed "$dir/converge.json")
	[ "$n" = 0 ] || {
		echo "     the run after the re-run still changes $n rows"
		return 1
	}
}
# interrupted N SIGNAL VERB...: runs powerstack and sends SIGNAL as soon as it reports the N-th change;
# 1 when the run ended before that
interrupted() {
	local n=$1 signal=$2 victim
	shift 2
	: >"$dir/interrupted.out"
	exec_ps "$dir" "$@" -v --no-progress >"$dir/interrupted.out" 2>&1 &
	victim=$!
	while kill -0 $victim 2>/dev/null; do
		if [ "$(grep -cE '^ho[0-9]+ +changed ' "$dir/interrupted.out")" -ge "$n" ]; then
			kill -"$signal" $victim
			wait $victim 2>/dev/null
			return 0
		fi
		sleep 0.05
	done
	wait $victim
	return 1
}
bare() { "$lab" reset >/dev/null 2>&1; }
deployed() { run_ps "$dir" --json deploy "${parts[@]}" >"$dir/setup.json" 2>&1; }

"$lab" deps
"$lab" up >/dev/null || exit 1
rm -rf "$dir"
demo_config "$dir"
[ -z "${CAMPAIGN_PARTS-}" ] || read -ra parts <<<"$CAMPAIGN_PARTS"
bare
changes=$(run_ps "$dir" --json deploy --check "${parts[@]}" | jq .changed)
echo "a deploy on bare machines changes $changes rows"

# chain VERB...: run after run, each killed after its first change, until one has nothing left to change;
# n becomes how many were killed. Every run but the first continues from what a killed one left.
chain() {
	n=0
	while interrupted 1 KILL "$@"; do
		n=$((n + 1))
		[ $n -lt 200 ] || return 1
	done
	converge "$@"
}

if wanted chain; then
	bare
	chain deploy "${parts[@]}"
	rc=$?
	result $rc "deploy killed (SIGKILL) $n times, after every single change, the next run goes on each time"
	run_ps "$dir" --json verify "${parts[@]}" >"$dir/verify.json" 2>&1
	result $? 'and verify passes'
	chain destroy --yes "${parts[@]}"
	rc=$?
	result $rc "destroy killed (SIGKILL) $n times, after every single change, the next run goes on each time"
fi
# kill_at N VERB...: a run killed after its N-th change, and gone through again; 1 when it ended before that
kill_at() {
	local n=$1 killed=0 rc
	shift
	! interrupted "$n" KILL "$@" || killed=1
	converge "$@"
	rc=$?
	[ $killed$rc = 00 ] || result $rc "$1 killed (SIGKILL) after change $n, re-run converges"
	[ $killed = 1 ]
}
# From bare machines with an empty disk to all of it, and back to that, for each n: both ways are killed after their
# n-th change. The disk is wiped on the way back, so each row is met in each round; but for those of Debian's packages, which
# take longer than all the others: they are somebody's, and chain is what kills around them.
kill_each() {
	local n=0 met=1 back=(destroy --yes) node
	for node in "${nodes[@]}"; do
		"$lab" root "$node" <<<'DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
			fdisk btrfs-progs nfs-kernel-server >/dev/null 2>&1 </dev/null' &
	done
	wait
	case " ${parts[*]} " in *' disk '*) back+=(--wipe-disk --disk-serial PSDATA0001) ;; esac
	while [ $met = 1 ]; do
		n=$((n + 1)) met=0
		! kill_at $n deploy "${parts[@]}" || met=1
		! kill_at $n "${back[@]}" "${parts[@]}" || met=1
	done
}
if wanted kill; then
	bare
	kill_each
fi
if wanted interrupt; then
	for n in 2 7; do
		bare
		if interrupted "$n" TERM deploy "${parts[@]}"; then
			converge deploy "${parts[@]}"
			result $? "deploy interrupted (SIGTERM, as Ctrl-C) after change $n, re-run converges"
		fi
	done
fi
if wanted cut; then
	for after in 3 8 15; do
		bare
		(sleep "$after"; "$lab" cut ho3; sleep 40; "$lab" mend ho3) &
		run_ps "$dir" --json deploy "${parts[@]}" >"$dir/cut.json" 2>&1
		rc=$?
		wait $!
		converge deploy "${parts[@]}"
		result $? "management link of ho3 cut $after s into a deploy (exit status $rc), re-run converges"
	done
fi
if wanted power; then
	for node in ho1 ho2; do
		for after in 5 20; do
			bare
			(sleep "$after"; "$lab" power-cycle "$node") &
			run_ps "$dir" --json deploy "${parts[@]}" >"$dir/power.json" 2>&1
			rc=$?
			wait $!
			converge deploy "${parts[@]}"
			result $? "$node power-cycled $after s into a deploy (exit status $rc), re-run converges"
		done
	done
fi
if wanted reboot; then
	bare
	deployed
	"$lab" reboot
	run_ps "$dir" --json verify "${parts[@]}" >"$dir/verify.json" 2>&1
	result $? 'all nodes rebooted: verify passes'
fi
if wanted life; then
	life_all
fi
if wanted faults; then
	faults_all
fi
if wanted guard; then
	tests/lab/guard.sh 2>&1 | tee -a "$out"
	result "${PIPESTATUS[0]}" 'the disk guard on the machines'
fi

echo
grep '^FAIL' "$out"
n_ok=$(grep -c '^ok' "$out") n_bad=$(grep -c '^FAIL' "$out")
echo "$n_ok converged, $n_bad did not"
[ "$n_bad" = 0 ]
