#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The real static exporter and a kubelet: whom it trusts, what it sends, and that nothing a kubelet
# does or fails to do reaches a scrape.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
exporter=${POWERSTACK_EXPORTER:-$PWD/out/release/powerstack-exporter}
tmp=$(mktemp -d)
chmod 0755 "$tmp"
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' INT TERM HUP

serve() { # serve CERT KEY [CLIENT_CA]: sets kubelet, the port
	: >"$tmp/port"
	python3 tests/exporter/kubelet.py "$tmp/state" "$@" >"$tmp/port" 2>>"$tmp/kubelet.err" &
	server=$!
	pids="$pids $server"
	wait_for 20 test -s "$tmp/port"
	kubelet=$(cat "$tmp/port")
}
start() { # start ARGS...: sets pid, url
	"$exporter" --web.listen-address 127.0.0.1:0 --interval 100ms --path.sysfs tests/fake/sysfs/none \
		--path.rootfs "$tmp" "$@" 2>>"$tmp/log" &
	pid=$!
	pids="$pids $pid"
	wait_for 20 grep -q 'msg=listening' "$tmp/log"
	url=http://127.0.0.1:$(sed -n 's/.*msg=listening.*address=127.0.0.1:\([0-9]*\).*/\1/p' "$tmp/log")
}
stop() {
	kill -TERM "$pid"
	wait "$pid"
}
value() { curl -sS -m 10 "$url/metrics" | grep -v '^#' | grep -F "$1" | sed 's/.* //'; }
is_up() { [ "$(value 'source_up{source="kubelet"}')" = "$1" ]; }
configure() { # configure LINES...: the kubelet section
	(
		umask 077
		printf 'kubelet:\n  endpoint: https://127.0.0.1:%s\n  interval: 5s\n  timeout: 1s\n' "$kubelet" >"$tmp/e.yml"
		for line; do printf '  %s\n' "$line" >>"$tmp/e.yml"; done
	)
}
again() { # again: what is configured now; it is asked at once
	kill -HUP "$pid"
}
fails_with() { # fails_with PATTERN DESCRIPTION: the kubelet is asked anew, and the log says why it failed
	: >"$tmp/log"
	again
	if wait_for 20 grep -Eq "msg=\"source failed\" source=kubelet .*$1" "$tmp/log"; then
		ok "$2"
	else
		not_ok "$2"
		sed 's/^/# /' "$tmp/log"
	fi
}
works_with() { # works_with DESCRIPTION
	: >"$tmp/log"
	again
	if wait_for 20 grep -q 'msg="source works" source=kubelet' "$tmp/log"; then
		ok "$1"
	else
		not_ok "$1"
		sed 's/^/# /' "$tmp/log"
	fi
}
asked() { wc -l <"$tmp/state.log"; }

# ---- certificates: an authority, what it signed, and others
authority() { # authority NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-keyout "$tmp/$1.key" -out "$tmp/$1.pem" 2>/dev/null
}
signed() { # signed NAME SAN
	printf 'subjectAltName=%s\n' "$2" >"$tmp/san"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$tmp/$1.key" \
		-out "$tmp/csr" 2>/dev/null
	openssl x509 -req -in "$tmp/csr" -CA "$tmp/ca.pem" -CAkey "$tmp/ca.key" -CAcreateserial -days 2 \
		-extfile "$tmp/san" -out "$tmp/$1.pem" 2>/dev/null
}
authority ca
authority other
signed node IP:127.0.0.1
signed elsewhere IP:192.0.2.9
signed monitor DNS:monitor

# ---- without one
is "$("$exporter" --check --path.sysfs tests/fake/sysfs/none | grep '^kubelet')" \
	"kubelet      not used no kubelet is configured ('kubelet.endpoint')" 'without one, --check says so'

# ---- trust
printf 'geheim-1\n' >"$tmp/token"
chmod 0600 "$tmp/token"
echo 'token=geheim-1' >"$tmp/state"
: >"$tmp/state.log"
serve "$tmp/node.pem" "$tmp/node.key"
configure "token-file: $tmp/token" "ca-file: $tmp/ca.pem"
start --config.file "$tmp/e.yml"
works_with 'a kubelet whose certificate its authority signed is asked with the token of a file'
is "$(sed 's/^[0-9]* //' "$tmp/state.log" | sort -u)" '/pods token' 'it is asked for its pods and nothing else'
: >"$tmp/state.log"
configure "token-file: $tmp/token"
fails_with certificate 'its authority must be known: the system does not know it'
configure "token-file: $tmp/token" "ca-file: $tmp/other.pem"
fails_with certificate 'another authority is not enough'
configure "token-file: $tmp/token" "ca-file: $tmp/absent.pem"
fails_with 'absent.pem|CA|certificate' 'an authority that cannot be read trusts nobody'
is "$(asked)" 0 'none of these was sent a token'
configure "token-file: $tmp/token" 'insecure-skip-verify: true'
works_with 'unless told to take any'
configure 'token: geheim-1' "ca-file: $tmp/ca.pem"
works_with 'the token may stand in the configuration'
chmod 0644 "$tmp/e.yml"
: >"$tmp/log"
again
run_ok 'but not where others may read it' wait_for 20 grep -q 'chmod 0600' "$tmp/log"

# ---- tokens that change
configure "token-file: $tmp/token" "ca-file: $tmp/ca.pem"
works_with 'back to the file'
echo 'token=geheim-2' >"$tmp/state"
fails_with 'HTTP 401' 'a token that is refused is told'
printf 'geheim-2' >"$tmp/token"
run_ok 'a new token in the file is used without a word' wait_for 30 is_up 1
echo 'token=geheim-2 status=403' >"$tmp/state"
fails_with 'nodes/proxy' 'a token without the right says which one it needs'
rm "$tmp/token"
fails_with 'cannot read the token file' 'a token file that is gone is told'
printf 'geheim-2\n' >"$tmp/token"

# ---- what may come back
for bad in 'body=html|no JSON' 'body=cut|cut off' 'body=deep|too deep' 'status=500|HTTP 500' 'status=404|HTTP 404'; do
	echo "token=geheim-2 ${bad%%|*}" >"$tmp/state"
	fails_with "${bad#*|}" "an answer with ${bad%%|*} is an error and nothing more"
done
echo "token=geheim-2 status=302 to=https://127.0.0.1:$kubelet/elsewhere" >"$tmp/state"
: >"$tmp/state.log"
fails_with 'HTTP 302' 'a redirect is not followed'
is "$(grep -c elsewhere "$tmp/state.log")" 0 'the token goes nowhere else'
echo 'token=geheim-2 body=big' >"$tmp/state"
sed -i 's/timeout: 1s/timeout: 60s/' "$tmp/e.yml"
fails_with 'longer than' 'a list without an end is cut off'
memory=$(value powerstack_exporter_resident_memory_bytes)
echo "# resident: $memory bytes"
run_ok 'and was never kept' test "$memory" -lt 33554432
sed -i 's/timeout: 60s/timeout: 1s/' "$tmp/e.yml"

# ---- time
sed -i 's/timeout: 1s/timeout: 9s/' "$tmp/e.yml"
prompt() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		t=$(curl -sS -m 10 -o /dev/null -w '%{time_total}' "$url/metrics") || return 1
		echo "a scrape took $t s"
		awk -v t="$t" 'BEGIN { exit !(t < 4) }' || return 1 # well below the kubelet's deadline
		sleep 0.1
	done
}
for slow in delay=60 body=drip; do
	echo "token=geheim-2 $slow" >"$tmp/state"
	: >"$tmp/log"
	again
	run_ok "a kubelet with $slow delays no scrape" prompt
	run_ok "and is given up" wait_for 40 grep -q 'source failed.*source=kubelet.*imed out' "$tmp/log"
done
kill "$server"
wait "$server" 2>/dev/null
fails_with 'onnect' 'a kubelet that is not there is told'
run_ok 'and delays no scrape' prompt
errors=$(value 'source_errors_total{source="kubelet"}')
run_ok 'its errors are counted' test "${errors:-0}" -ge 1
no_secret() { ! grep -r geheim "$tmp/log" "/proc/$pid/cmdline" "/proc/$pid/environ"; }
run_ok 'no token is in the log, an argument or the environment' no_secret

# ---- client certificates, and names
echo 'status=200' >"$tmp/state"
serve "$tmp/node.pem" "$tmp/node.key" "$tmp/ca.pem"
configure "client-certificate: $tmp/monitor.pem" "client-key: $tmp/monitor.key" "ca-file: $tmp/ca.pem"
works_with 'a client certificate takes the place of the token'
age() { a=$(value 'source_age_seconds{source="kubelet"}') && awk -v a="${a:-x}" 'BEGIN { exit !(a + 0 < 60 && a != "x") }'; }
run_ok 'the age of its last answer is told' age
: >"$tmp/state.log"
twice() { [ "$(asked)" -ge 2 ]; }
run_ok 'it is asked again every interval' wait_for 40 twice
is "$(cut -d' ' -f1 "$tmp/state.log" | sort -u | wc -l)" 1 'over one connection'
configure "ca-file: $tmp/ca.pem"
fails_with . 'without its certificate it is refused'
configure "client-certificate: $tmp/other.pem" "client-key: $tmp/other.key" "ca-file: $tmp/ca.pem"
fails_with . 'and with one of another authority'
kill "$server"
wait "$server" 2>/dev/null
serve "$tmp/elsewhere.pem" "$tmp/elsewhere.key"
configure "ca-file: $tmp/ca.pem"
fails_with 'certificate|name' 'a certificate for another address is refused'
stop
is $? 0 'SIGTERM ends it with status 0 while the kubelet is asked'
kill "$server"
wait "$server" 2>/dev/null

# ---- Kepler's environment
serve "$tmp/node.pem" "$tmp/node.key"
: >"$tmp/state.log"
(
	NODE_IP=127.0.0.1 KUBELET_PORT=$kubelet "$exporter" --check --path.sysfs tests/fake/sysfs/none >"$tmp/check"
)
like "$(cat "$tmp/check")" "^kubelet +partly +.*(https://127.0.0.1:$kubelet|not answered)" 'NODE_IP and KUBELET_PORT name the kubelet'
is "$(asked)" 0 'which is not trusted blindly'
done_testing
