# shellcheck shell=bash disable=SC2154 # lab, dir and the functions are run.sh's
# SPDX-License-Identifier: BSD-2-Clause
# faults.sh, sourced by run.sh: what goes wrong around a deploy of the cluster. Each case breaks one thing, deploys, and asks
# for one of two ends: the run repairs it, or it fails with a message that names the host or file, the cause and
# what to do. Then the thing is mended and a plain re-run converges.

mirror_faults() { # RULE...: how the mirror misbehaves from now on (tests/k3s/mirror.py); none: it does not
	printf '%s\n' "$@" >"$LAB_STATE/mirror/.faults"
}
fresh_cache() { rm -rf "$dir/cache"; }

# fault NAME PATTERN: the deploy of the cluster, with the thing broken; its messages must match PATTERN, or it must succeed when
# PATTERN is "repaired"
fault() {
	local name=$1 pattern=$2 rc said
	run_ps "$dir" --json deploy prereq k3s >"$dir/fault.json" 2>"$dir/fault.err"
	rc=$?
	said=$(jq -r '.steps[]? | select(.outcome // "" | test("failed|refused|unreachable")) | "\(.host) \(.step // ""): \(.message)"' \
		"$dir/fault.json" 2>/dev/null; jq -r '.error // empty' "$dir/fault.json" 2>/dev/null; cat "$dir/fault.err")
	if [ "$pattern" = repaired ]; then
		result $rc "$name: repaired within the run"
	elif [ $rc != 0 ] && grep -Eq -- "$pattern" <<<"$said"; then
		echo "     $(grep -E -m1 -- "$pattern" <<<"$said" | cut -c1-300)"
		result 0 "$name: told"
	else
		printf '%s\n' "$said" | sed 's/^/     /' | tail -5
		result 1 "$name: exit status $rc, and no message like /$pattern/"
	fi
}
mended() { # NAME
	converge deploy prereq k3s
	result $? "$1: mended, the re-run converges"
}

# FAULTS="connection" goes through those of one kind only.
faults_all() {
	local kind
	[ -n "$LAB_MIRROR" ] || {
		echo 'SKIPPED: the lab has no cluster; tests/lab/lab cluster-build says why'
		return
	}
	eval "$("$lab" env)"
	for kind in ${FAULTS:-artifacts node reach connection}; do "faults_of_$kind"; done
}

faults_of_artifacts() {
	bare
	fresh_cache
	rm -f "$dir/powerstack.lock"
	mirror_faults 'k3s-airgap-images-amd64 cut 300000'
	fault 'a download that is cut after 300 KB each time' repaired
	mirror_faults
	mended 'a download that is cut'

	bare
	fresh_cache
	mirror_faults 'k3s-airgap-images-amd64 flip 1000'
	fault 'a byte of an artifact is wrong' "k3s-airgap-images-amd64.*(sha256|sum|bytes)"
	mirror_faults
	mended 'a wrong byte'

	bare
	fresh_cache
	mirror_faults '/k3s slow 200000'
	exec_ps "$dir" deploy prereq k3s --no-progress >"$dir/interrupted.out" 2>&1 &
	sleep 12
	kill -9 $!
	wait $! 2>/dev/null
	mirror_faults
	mended 'kill -9 in the middle of a download'
}

faults_of_node() {
	bare
	"$lab" root ho2 <<<'free=$(($(stat -f -c "%a * %S" /) / 1048576 - 12)); fallocate -l "${free}M" /var/full'
	fault 'the disk of ho2 is full' 'ho2 .*(space|free|full)'
	"$lab" root ho2 <<<'rm /var/full'
	mended 'a full disk'

	bare
	"$lab" root ho3 <<<'systemctl stop chrony; date -s "-3 days" >/dev/null'
	fault 'the clock of ho3 is three days slow' 'ho3 .*clock'
	"$lab" root ho3 <<<"date -s @$(date +%s) >/dev/null; systemctl start chrony; chronyc waitsync 60 0 0 0.5 >/dev/null"
	mended 'a wrong clock'

	bare
	"$lab" root ho1 <<<'setsid python3 -c "import socket, time
s = socket.create_server((\"0.0.0.0\", 6443)); time.sleep(900)" >/dev/null 2>&1 </dev/null & echo $! >/run/taker'
	fault 'port 6443 of ho1 is taken' 'ho1 .*6443'
	"$lab" root ho1 <<<'kill "$(cat /run/taker)"'
	mended 'a taken port'
}

faults_of_reach() {
	bare
	"$lab" root ho3 <<<'ip route add blackhole 192.168.0.104/32'
	fault 'ho3 does not reach the server' 'ho3 .*(192\.168\.0\.104|not Ready|joined|become active)'
	"$lab" root ho3 <<<'ip route del blackhole 192.168.0.104/32'
	mended 'a server out of reach'
}

# By a proxy that drops the connection in the middle of the upload of the images.
faults_of_connection() {
	local port proxy
	bare
	port=$((20000 + RANDOM % 10000))
	python3 tests/campaign/dropper.py "$port" "$LAB_HO2_SSH_PORT" 1500000 >"$dir/dropper.log" 2>&1 &
	proxy=$!
	for _ in $(seq 100); do
		ss -Hltn "sport = :$port" | grep -q . && break
		sleep 0.1
	done
	cp "$dir/inventory.yml" "$dir/direct.yml"
	sed -i "s/ansible_port: $LAB_HO2_SSH_PORT\$/ansible_port: $port/" "$dir/inventory.yml"
	sed -n "s/:$LAB_HO2_SSH_PORT /:$port /p" "$LAB_KNOWN_HOSTS" >>"$LAB_KNOWN_HOSTS"
	fault 'the connection to ho2 is cut 1.5 MB into an upload' 'ho2 .*(lost|closed|connection|ended)'
	kill $proxy
	cp "$dir/direct.yml" "$dir/inventory.yml"
	mended 'a cut connection'
	is_clean=$("$lab" root ho2 <<<'find / -xdev -name "*.powerstack.??????" 2>/dev/null | head -3')
	[ -z "$is_clean" ]
	result $? "nothing half-written is left of the cut upload $is_clean"
}
