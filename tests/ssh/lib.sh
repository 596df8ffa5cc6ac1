# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# What the ssh suites share: real sshds on loopback ports, the client, TAP. Sourced.
tmp=$(mktemp -d)
chmod 0755 "$tmp"
# shellcheck disable=SC2034 # for the suites
client=$PWD/out/asan/ssh-client
export ASAN_OPTIONS="detect_leaks=1:quarantine_size_mb=4:log_path=$tmp/san" UBSAN_OPTIONS="log_path=$tmp/san:print_stacktrace=1"
unset SSH_AUTH_SOCK SSH_AGENT_PID
# shellcheck source=tests/tap.sh
. tests/tap.sh
# shellcheck disable=SC2034 # for test_that
tap_file=$tmp/log tap_around=sane
# sane COMMAND...: a sanitizer's report fails it too
sane() {
	"$@"
	rc=$?
	for san in "$tmp"/san.*; do
		[ -e "$san" ] || continue
		cat "$san"
		rm -f "$san"
		rc=99
	done
	return $rc
}
# ends PATTERN STATUS COMMAND...: it exits with STATUS and its output has PATTERN (fixed text)
ends() {
	pattern=$1 want=$2
	shift 2
	"$@" >"$tmp/out" 2>"$tmp/err"
	is=$?
	cat "$tmp/out" "$tmp/err" | tr -d '\000'
	[ $is = "$want" ] || { echo "status $is, not $want"; return 1; }
	cat "$tmp/out" "$tmp/err" | grep -aqF -- "$pattern" || { echo "no '$pattern' in it"; return 1; }
}
# says TEXT COMMAND...: it succeeds and its stdout is exactly TEXT
says() {
	text=$1
	shift
	out=$("$@" 2>"$tmp/err") || { echo "status $?: $out"; cat "$tmp/err"; return 1; }
	[ "$out" = "$text" ] || { echo "said '$out', not '$text'"; cat "$tmp/err"; return 1; }
}
# within SECONDS COMMAND...
within() {
	limit=$1
	shift
	from=$(date +%s%N)
	"$@"
	within_rc=$?
	took=$((($(date +%s%N) - from) / 1000000))
	[ $took -le $((limit * 1000)) ] || { echo "took $took ms, more than $limit s"; return 98; }
	return $within_rc
}
port_of() { cat "$tmp/$1/port"; }
# A port that nobody uses now.
free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
# start_sshd NAME [CONFIG LINE...]: a real sshd with an ed25519 host key of its own
start_sshd() {
	name=$1
	shift
	d=$tmp/$name
	mkdir -p "$d" /run/sshd
	[ -e "$d/host_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -f "$d/host_ed25519"
	[ -e "$d/port" ] || free_port >"$d/port"
	{
		# the first value wins
		for line; do echo "$line"; done
		printf 'Port %s\nListenAddress 127.0.0.1\nListenAddress ::1\nHostKey %s\nAuthorizedKeysFile %s\n' \
			"$(cat "$d/port")" "$d/host_ed25519" "$tmp/authorized_keys"
		printf 'StrictModes no\nUsePAM no\nPidFile %s\nPermitRootLogin yes\nLogLevel VERBOSE\n' "$d/pid"
	} >"$d/config"
	/usr/sbin/sshd -f "$d/config" -E "$d/log" || { cat "$d/log" >&2; return 1; }
	wait_for 5 test -s "$d/pid"
}
# know NAME: its host key goes to $tmp/known
know() {
	for a in 127.0.0.1 ::1; do
		echo "[$a]:$(port_of "$1") $(cut -d' ' -f1,2 "$tmp/$1/host_ed25519.pub")" >>"$tmp/known"
	done
}
stop_sshds() {
	for p in "$tmp"/*/pid; do
		[ -s "$p" ] || continue
		pid=$(cat "$p")
		# the sessions are its children
		pkill -P "$pid" 2>/dev/null
		kill "$pid" 2>/dev/null
	done
}
# The usual words for the sshd NAME.
to() { echo "port=$(port_of "$1") known=$tmp/known key=$tmp/key user=root config=/dev/null"; }
