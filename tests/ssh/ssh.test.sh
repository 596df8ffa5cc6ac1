#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The ssh layer against real sshds: logging in, host keys, jump hosts, commands, lost connections.
# What "to" prints is words by design, and scripts for the node are written in single quotes.
# shellcheck disable=SC2046,SC2086,SC2016
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ssh/lib.sh
. tests/ssh/lib.sh
peers=
cleanup() {
	stop_sshds
	for p in $peers; do kill "$p" 2>/dev/null; done
	[ -z "${stopped_pid-}" ] || kill -KILL "$stopped_pid" 2>/dev/null
	[ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID"
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' INT TERM HUP

if [ "$(id -u)" != 0 ]; then
	skip "sshd with several users wants root" "ssh"
	done_testing
	exit 0
fi
make --no-print-directory MODE=asan out/asan/ssh-client >"$tmp/build.log" 2>&1 || { cat "$tmp/build.log" >&2; exit 1; }

# peer HOW ARGS...: sets peer_port
peer() {
	: >"$tmp/peer_port"
	tests/ssh/peer.py "$@" >"$tmp/peer_port" 2>>"$tmp/peer.log" &
	peers="$peers $!"
	wait_for 5 test -s "$tmp/peer_port"
	peer_port=$(cat "$tmp/peer_port")
}
# a peer's port in the place of node's: same host key
know_peer() { echo "[127.0.0.1]:$1 $(cut -d' ' -f1,2 "$tmp/node/host_ed25519.pub")" >>"$tmp/known"; }

ssh-keygen -q -t ed25519 -N '' -f "$tmp/key"
ssh-keygen -q -t rsa -b 2048 -N '' -f "$tmp/rsa"
ssh-keygen -q -t ecdsa -N '' -f "$tmp/ecdsa"
ssh-keygen -q -t ed25519 -N 'a passphrase' -f "$tmp/locked"
ssh-keygen -q -t ed25519 -N '' -f "$tmp/other"
cat "$tmp/key.pub" "$tmp/rsa.pub" "$tmp/ecdsa.pub" "$tmp/locked.pub" >"$tmp/authorized_keys"
start_sshd node || exit 1
start_sshd gate1 || exit 1
start_sshd gate2 || exit 1
know node
know gate1
know gate2
port=$(port_of node)
base="port=$port known=$tmp/known user=root config=/dev/null"
node=$(to node)
c() { "$client" $node "$@"; }

# ---- commands
test_that "a command's output and its quoted arguments" says "it's \$HOME;!" c run 'printf %s "$1"' "it's \$HOME;!"
test_that "a status that is no zero is an error with the last line of stderr" \
	ends "error 1: host 'node': 'test' ended with status 3: why it failed" 101 c run 'echo first >&2; echo why it failed >&2; exit 3'
test_that "a status can be an answer" says "status 3" c run any=1 'exit 3'
test_that "an unset variable ends a script" ends "'test' ended with status 2" 101 c run 'echo "$nothing"'
test_that "a signal is status 128+n" says "status 143" c run any=1 'kill -TERM $$'
test_that "control characters of a host reach no message" ends "]0;evil?[31m red?" 101 c run 'printf "\033]0;evil\007[31m red\001\n" >&2; exit 1'
test_that "stderr is cut, its last line is kept" ends "status 1: the last line" 101 \
	c run 'i=0; while [ $i -lt 20000 ]; do echo "line $i of much"; i=$((i+1)); done >&2; echo the last line >&2; exit 1'
head -c 3000000 /dev/urandom >"$tmp/random"
binary() {
	c run in="$tmp/random" max=4000000 'cat' >"$tmp/back" || return 1
	cmp "$tmp/random" "$tmp/back"
}
test_that "bytes go in and come out as they are" binary
test_that "a secret goes through stdin" says "s3cret" c run secret=s3cret 'cat'
test_that "a script that reads nothing of a big stdin" says "done" c run in="$tmp/random" 'echo done'
test_that "more output than allowed ends the command" ends "wrote more than the 1000 bytes" 109 within 5 c run max=1000 'yes'
no_yes() { ! pgrep -x yes >/dev/null; }
test_that "... and nothing of it is left running" wait_for 5 no_yes
test_that "a timeout ends the command on the node" ends "was not done after 1 seconds and was ended" 107 within 4 c run timeout=1 'sleep 987'
no_sleep() { ! pgrep -f 'slee[p] 987' >/dev/null; }
test_that "... with what it had started" no_sleep
test_that "a child that keeps stdout open holds nothing up" says "over" within 8 c run 'sleep 20 & echo over'
test_that "a cancel ends a command within a moment" ends "error 8: host 'node': interrupted" 108 \
	within 2 "$client" cancel-ms=500 $node run 'sleep 986'
test_that "a change is finished first" says "finished" "$client" cancel-ms=300 finishes=1 $node run 'sleep 1; echo finished'
test_that "but not when everything is to end now" ends "error 8: host 'node': interrupted" 108 \
	within 2 "$client" cancel-now-ms=500 finishes=1 $node run 'sleep 985'
test_that "two commands in one session" says "one
two" c run 'echo one' + run 'echo two'
test_that "arguments beyond what a node takes are refused before sending" ends "more than the 131071" 101 \
	c run ':' "$(head -c 90000 /dev/zero | tr '\0' "a")" "$(head -c 50000 /dev/zero | tr '\0' "b")"
test_that "almost as many go through" says "120000" c run 'echo ${#1}' "$(head -c 120000 /dev/zero | tr '\0' "a")"

# ---- held commands
test_that "a held command runs beside others and ends when dropped" says "locked
still there
freed" c hold "echo locked; cat >/dev/null; touch '$tmp/freed'" + run "test ! -e '$tmp/freed' && echo still there" + drop + run "test -e '$tmp/freed' && echo freed"
rm -f "$tmp/freed"
c hold "echo locked; cat >/dev/null; touch '$tmp/freed'" >/dev/null 2>&1
test_that "... or with the session" wait_for 5 test -e "$tmp/freed"
test_that "a held command that ends at once tells its status" ends "ended with status 9: taken" 101 c hold 'echo taken >&2; exit 9'
test_that "a held command that ends by itself is noticed" ends "what is held there has ended by itself" 101 \
	within 8 c hold 'echo locked; sleep 0.5' + run 'sleep 20'

# ---- logging in
test_that "an rsa key" says ok "$client" $base key="$tmp/rsa" run 'echo ok'
test_that "an ecdsa key" says ok "$client" $base key="$tmp/ecdsa" run 'echo ok'
test_that "a wrong key says what was tried and what to do" \
	ends "login as 'root' is refused; tried the key file '$tmp/other'; the server takes publickey" 105 "$client" $base key="$tmp/other" none
test_that "a key file that is not there" ends "(it cannot be read)" 105 "$client" $base key="$tmp/missing" none
test_that "a file that is no key" ends "(not a key that libssh reads)" 105 "$client" $base key="$tmp/known" none
test_that "a key with a passphrase and no agent" ends "(it has a passphrase)" 105 "$client" $base key="$tmp/locked" none
test_that "... says what to do" ends "start an ssh-agent and ssh-add the key" 105 "$client" $base key="$tmp/locked" none
test_that "a wrong user" ends "login as 'nobody-here' is refused" 105 "$client" $base key="$tmp/key" user=nobody-here none

eval "$(ssh-agent -s)" >/dev/null
for i in 1 2 3 4 5; do
	ssh-keygen -q -t ed25519 -N '' -f "$tmp/more$i"
	ssh-add -q "$tmp/more$i"
done
printf '#!/bin/sh\necho a passphrase\n' >"$tmp/askpass"
chmod +x "$tmp/askpass"
SSH_ASKPASS="$tmp/askpass" SSH_ASKPASS_REQUIRE=force ssh-add -q "$tmp/locked" 2>/dev/null
test_that "the agent's sixth key" says ok "$client" $base run 'echo ok'
start_sshd strict 'MaxAuthTries 2' || exit 1
know strict
strict=$(to strict | sed "s# key=[^ ]*##")
test_that "a key file with a passphrase comes from the agent, before its other keys" says ok "$client" $strict key="$tmp/locked" run 'echo ok'
printf 'IdentityFile %s\nIdentitiesOnly yes\n' "$tmp/locked" >"$tmp/only"
test_that "IdentitiesOnly offers the named key only" says ok "$client" $strict config="$tmp/only" run 'echo ok'
test_that "too many keys of the agent: the message says so" ends "IdentitiesOnly yes" 105 "$client" $strict none
SSH_AGENT_PID_KEPT=$SSH_AGENT_PID
test_that "an agent that is gone is named" ends "the ssh agent at '$tmp/no-agent'" 105 env SSH_AUTH_SOCK="$tmp/no-agent" "$client" $base key="$tmp/other" none
test_that "IdentityAgent none" ends "tried the key file '$tmp/other'; the server" 105 sh -c "echo 'IdentityAgent none' >$tmp/noagent; $client $base config=$tmp/noagent key=$tmp/other none"
kill "$SSH_AGENT_PID_KEPT"
unset SSH_AUTH_SOCK SSH_AGENT_PID

# ---- ~/.ssh/config
cat >"$tmp/conf" <<CONF
Include $tmp/conf.d/*
Host alias
	HostName 127.0.0.1
	Port $port
	User root
	IdentityFile $tmp/key
Host behind
	HostName ::1
	Port $port
	User root
	IdentityFile $tmp/key
	ProxyJump first,second
Host command
	HostName 127.0.0.1
	Port $port
	ProxyCommand ssh -F /dev/null -i $tmp/key -o UserKnownHostsFile=$tmp/known -p $(port_of gate1) -W %h:%p root@127.0.0.1
CONF
mkdir "$tmp/conf.d"
printf 'Host first\n HostName 127.0.0.1\n Port %s\nHost second\n HostName 127.0.0.1\n Port %s\nHost *\n User root\n IdentityFile %s\n UserKnownHostsFile /dev/null %s\n' \
	"$(port_of gate1)" "$(port_of gate2)" "$tmp/key" "$tmp/known" >"$tmp/conf.d/jumps"
test_that "an alias gives address, port, user and key" says ok "$client" address=alias config="$tmp/conf" run 'echo ok'
test_that "ProxyJump through two hosts of the configuration" says ok "$client" address=behind config="$tmp/conf" run 'echo ok'
test_that "ProxyCommand" says ok "$client" address=command config="$tmp/conf" run 'echo ok'
printf 'Port x\n' >"$tmp/badconf"
test_that "a mistake in it is told with its line" ends "error 3: host 'node': $tmp/badconf:1: no port: 'x'" 103 "$client" address=alias config="$tmp/badconf" none

# ---- addresses and jump hosts
test_that "an IPv6 address" says ok "$client" $node address=::1 run 'echo ok'
g1=root@127.0.0.1:$(port_of gate1)
g2="root@[::1]:$(port_of gate2)"
printf 'IdentityFile %s\n' "$tmp/key" >"$tmp/keyconf"
jump="$node config=$tmp/keyconf"
test_that "one jump host" says ok "$client" $jump jump="$g1" run 'echo ok'
test_that "two jump hosts, one by IPv6" says ok "$client" $jump jump="$g1,$g2" run 'echo ok'
jump_binary() {
	"$client" $jump jump="$g1,$g2" run in="$tmp/random" max=4000000 'cat' >"$tmp/back" || return 1
	cmp "$tmp/random" "$tmp/back"
}
test_that "bytes through two jump hosts" jump_binary
grep -v ":$(port_of gate1) " "$tmp/known" | grep -v "]:$(port_of gate1) " >"$tmp/known_no_gate"
test_that "a jump host's key is checked as well" ends "host 'node': jump host '127.0.0.1': its host key is not known" 105 \
	"$client" $jump known="$tmp/known_no_gate" jump="$g1" none
test_that "a jump host that cannot reach the target" ends "jump host '127.0.0.1': it does not connect on" 105 "$client" $jump port="$(free_port)" jump="$g1" none
test_that "a jump host that takes no login" ends "jump host '127.0.0.1': login as 'root' is refused" 105 "$client" $node jump="$g1" config="$tmp/noagent" none
test_that "jump hosts in a circle" ends "go round in a circle" 103 sh -c "printf 'Host a\nProxyJump b\nHost b\nProxyJump a\n' >$tmp/circle; $client address=a config=$tmp/circle none"
test_that "no sense as a jump host" ends "has no port" 103 "$client" $node jump=host:port none

# ---- host keys
print=$(ssh-keygen -lf "$tmp/node/host_ed25519.pub" | cut -d' ' -f2)
test_that "an unknown host key is refused with its fingerprint" ends "$print" 105 "$client" $node known="$tmp/new_known" none
test_that "... and what to do" ends "--accept-new-host-keys" 105 "$client" $node known="$tmp/new_known" none
test_that "... and nothing was added" test ! -e "$tmp/new_known"
test_that "accepted when asked for" says ok "$client" $node known="$tmp/new_known" accept=1 run 'echo ok'
test_that "... and known from then on" says ok "$client" $node known="$tmp/new_known" run 'echo ok'
test_that "... in a file of one's own" test "$(stat -c %a "$tmp/new_known")" = 600
test_that "ssh agrees with what was added" ssh -F /dev/null -o UserKnownHostsFile="$tmp/new_known" -o StrictHostKeyChecking=yes -i "$tmp/key" -p "$port" root@127.0.0.1 true
printf 'HashKnownHosts yes\n' >"$tmp/hash"
test_that "added hashed where the configuration says so" says ok "$client" $node known="$tmp/hashed" config="$tmp/hash" accept=1 run 'echo ok'
test_that "... without the name" sh -c "! grep -q 127.0.0.1 $tmp/hashed && grep -q '^|1|' $tmp/hashed"
test_that "... and known from then on, to ssh too" sh -c "$client $node known=$tmp/hashed none && ssh -F /dev/null -o UserKnownHostsFile=$tmp/hashed -o StrictHostKeyChecking=yes -i $tmp/key -p $port root@127.0.0.1 true"
printf '# one\n[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$tmp/other.pub")" >"$tmp/changed"
test_that "a changed host key is refused" ends "error 6: host 'node': its host key is not the one that $tmp/changed:2 knows" 106 "$client" $node known="$tmp/changed" none
test_that "... also when new ones are accepted" ends "error 6" 106 "$client" $node known="$tmp/changed" accept=1 none
test_that "... and the file is as it was" test "$(wc -l <"$tmp/changed")" = 2
{ cat "$tmp/known"; printf '@revoked * %s\n' "$(cut -d' ' -f1,2 "$tmp/node/host_ed25519.pub")"; } >"$tmp/revoked"
test_that "a revoked host key is refused" ends "marked as revoked" 106 "$client" $node known="$tmp/revoked" accept=1 none
printf 'nonsense\n|1|x|y z\n[127.0.0.1]:%s ssh-ed25519\n' "$port" >"$tmp/odd"
cat "$tmp/known" >>"$tmp/odd"
test_that "odd lines in known_hosts are passed over" says ok "$client" $node known="$tmp/odd" run 'echo ok'
ssh-keygen -q -t rsa -b 2048 -N '' -f "$tmp/hostrsa"
ssh-keygen -q -t ecdsa -N '' -f "$tmp/hostecdsa"
start_sshd many "HostKey $tmp/hostrsa" "HostKey $tmp/hostecdsa" || exit 1
many=$(to many)
for type in rsa ecdsa; do
	echo "[127.0.0.1]:$(port_of many) $(cut -d' ' -f1,2 "$tmp/host$type.pub")" >"$tmp/known_$type"
	test_that "a server with more keys is known by its $type key" says ok "$client" $many known="$tmp/known_$type" run 'echo ok'
done
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$tmp/hostrsa.pub")" >"$tmp/known_type"
test_that "a host known by another type of key only has changed" ends "error 6" 106 "$client" $node known="$tmp/known_type" accept=1 none

# ---- peers that are none
test_that "nobody listens" ends "cannot connect: Connection refused" 105 within 3 "$client" $node port="$(free_port)" none
test_that "a name that is not known" ends "the name 'no.such.host.invalid' is not known" 105 within 15 "$client" $node address=no.such.host.invalid none
peer silent
silent=$peer_port
test_that "no banner" ends "shows no ssh banner" 105 within 4 "$client" $node port="$silent" connect-timeout=2 none
test_that "no banner, cancelled" ends "error 8" 108 within 2 "$client" cancel-ms=400 $node port="$silent" none
test_that "no banner behind a jump host" ends "shows no ssh banner" 105 within 4 "$client" $jump jump="$g1" port="$silent" connect-timeout=2 none
peer banner
test_that "no key exchange" ends "finishes no key exchange" 105 within 4 "$client" $node port="$peer_port" connect-timeout=2 none
peer garbage
test_that "not ssh at all" ends "error 5: host 'node': no ssh with '127.0.0.1' port $peer_port" 105 within 8 "$client" $node port="$peer_port" connect-timeout=6 none
peer flood
test_that "endless lines before a banner" ends "error 5" 105 within 8 "$client" $node port="$peer_port" connect-timeout=6 none
peer closing 3 "$port"
know_peer "$peer_port"
test_that "a server too busy for three times" says ok within 10 "$client" $node port="$peer_port" run 'echo ok'

# ---- connections that end
peer cut "$port" 200000
know_peer "$peer_port"
test_that "a connection cut while data is sent" ends "error 5: host 'node'" 105 within 5 "$client" $node port="$peer_port" run in="$tmp/random" 'cat >/dev/null'
kill_sshd='P=$PPID; while :; do N=$(cut -d" " -f4 /proc/$P/stat); case $(cat /proc/$N/comm) in sshd) break;; esac; P=$N; done; kill -9 $N; sleep 20'
test_that "sshd killed in the middle of a command" ends "error 5: host 'node'" 105 within 5 c run "$kill_sshd"
peer stall "$port" 200000
know_peer "$peer_port"
stalled=$peer_port
"$client" $jump jump="$g1" port="$stalled" run timeout=120 in="$tmp/random" 'cat >/dev/null' >"$tmp/stall.out" 2>"$tmp/stall.err" &
stall_pid=$!
stall_from=$(date +%s)
"$client" $jump jump="$g1" run timeout=120 'echo >"$1"; sleep 2; echo still here' "$tmp/begun" >"$tmp/stopped.out" 2>&1 &
stopped_pid=$!
wait_for 20 test -e "$tmp/begun" && kill -STOP $stopped_pid
stopped_from=$(date +%s)
test_that "a stalled connection, cancelled" ends "error 8" 108 within 3 "$client" cancel-ms=1000 $node port="$stalled" run in="$tmp/random" 'cat >/dev/null'
test_that "a stalled connection, timed out" ends "may still be running there" 107 within 6 "$client" $node port="$stalled" run timeout=1 in="$tmp/random" 'cat >/dev/null'

# ---- servers of other minds
start_sshd rekey 'RekeyLimit 1M' || exit 1
know rekey
head -c 40000000 /dev/urandom >"$tmp/forty"
test_that "new keys every megabyte, upwards" says "$(sha256sum <"$tmp/forty")" "$client" $(to rekey) run in="$tmp/forty" 'sha256sum'
down() { "$client" $(to rekey) run max=50000000 'cat "$1"' "$tmp/forty" >"$tmp/back" && cmp "$tmp/forty" "$tmp/back"; }
test_that "new keys every megabyte, downwards" down
start_sshd single 'MaxSessions 1' || exit 1
know single
test_that "a server that allows one channel says so when two are wanted" ends "MaxSessions" 105 "$client" $(to single) hold 'echo x; cat' + run 'true'
start_sshd forced 'ForceCommand exit 7' || exit 1
know forced
test_that "a forced command's status" ends "status 7" 101 "$client" $(to forced) run 'true'
start_sshd noexec 'PermitOpen none' 'AllowTcpForwarding no' || exit 1
know noexec
test_that "a jump host that forwards nothing" ends "it does not connect on" 105 "$client" $jump jump="root@127.0.0.1:$(port_of noexec)" none
start_sshd talks 'Banner /etc/services' || exit 1
know talks
test_that "a long banner before the login" says ok "$client" $(to talks) run 'echo ok'

# ---- many at once
many_at_once() {
	i=0
	pids=
	while [ $i -lt 30 ]; do
		"$client" $node run 'echo "$1"' "$i" >"$tmp/many.$i" 2>&1 &
		pids="$pids $!"
		i=$((i + 1))
	done
	bad=0
	for p in $pids; do wait "$p" || bad=$((bad + 1)); done
	[ $bad = 0 ] || { cat "$tmp"/many.[0-9]* | sort | uniq -c | sort -rn | head -5; return 1; }
	[ "$(cat "$tmp"/many.[0-9]* | sort -n | tail -1)" = 29 ]
}
test_that "thirty logins at once" many_at_once

# ---- a peer that died without a word: a network of its own whose cable is pulled
pulled() {
	"$client" $node address=192.0.2.1 known="$tmp/known_ns" accept=1 run timeout=200 'echo here; sleep 100' >"$tmp/ns.out" 2>"$tmp/ns.err" &
	ns_pid=$!
	wait_for 5 pgrep -f 'slee[p] 100'
	sleep 0.5
	ip link set psv0 down
	wait $ns_pid
	is=$?
	cat "$tmp/ns.err"
	[ $is = 105 ]
}
if ip netns add pstest-ssh 2>/dev/null && ip link add psv0 type veth peer name psv1 netns pstest-ssh 2>/dev/null; then
	ip addr add 192.0.2.2/24 dev psv0
	ip link set psv0 up
	ip netns exec pstest-ssh ip addr add 192.0.2.1/24 dev psv1
	ip netns exec pstest-ssh ip link set psv1 up
	sed "s/^ListenAddress.*//; s#^PidFile.*#PidFile $tmp/node/pid_ns#" "$tmp/node/config" >"$tmp/node/config_ns"
	ip netns exec pstest-ssh /usr/sbin/sshd -f "$tmp/node/config_ns" -E "$tmp/node/log_ns"
	wait_for 5 test -s "$tmp/node/pid_ns"
	test_that "a dead peer is noticed within half a minute" within 32 pulled
	ip netns pids pstest-ssh | xargs -r kill 2>/dev/null
	ip link del psv0 2>/dev/null
	ip netns del pstest-ssh
else
	skip "no network namespaces with veth here" "a dead peer is noticed within half a minute"
	ip netns del pstest-ssh 2>/dev/null
fi
dead_behind_jump() {
	wait $stall_pid
	is=$?
	took=$(($(date +%s) - stall_from))
	cat "$tmp/stall.err"
	[ $is = 105 ] && grep -q "nothing was heard for" "$tmp/stall.err"
}
test_that "silence behind a jump host is noticed, too" dead_behind_jump
stopped() { # for longer than a host may be silent
	while [ $(($(date +%s) - stopped_from)) -lt 27 ]; do sleep 1; done
	kill -CONT $stopped_pid
	wait $stopped_pid
	is=$?
	cat "$tmp/stopped.out"
	[ $is = 0 ] && grep -q "still here" "$tmp/stopped.out"
}
test_that "a client that was stopped for a while takes that for no silence of the host" stopped

done_testing
