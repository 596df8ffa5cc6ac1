#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A file of 200 MB to three nodes at once, by powerstack's upload and by scp. powerstack's is verified by sha256 on the
# node, synced to the disk and renamed into place; scp's is written. First to three sshds of this machine, where the two
# ends are limited by real processors; then to the lab's nodes, where the emulated ones limit both.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
rounds=${BENCH_ROUNDS:-3}
bytes=200000000
make -s out/release/ssh-client >&2
client=$PWD/out/release/ssh-client
w=$PWD/$dir/upload
file=$w/file
mkdir -p "$w"
[ "$(stat -c %s "$file" 2>/dev/null)" = $bytes ] || head -c $bytes /dev/urandom >"$file"
sum=$(sha256sum "$file")
sum=${sum%% *}

# Every place is "port key known_hosts user folder sudo"; sudo is a word of the client, or -.
places=()
# all PROGRAM: it, for every place at once
all() {
	local program=$1 place pids=() pid
	for place in "${places[@]}"; do
		read -r port key known user folder <<<"$place"
		"by_$program" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || return 1; done
}
by_powerstack() {
	"$client" config=/dev/null port="$port" key="$key" known="$known" user="$user" \
		upload sha="$sum" timeout=1800 "$file" "$folder/by-powerstack" 600 "$user:$user"
}
by_scp() {
	scp -q -F /dev/null -P "$port" -i "$key" -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$known" \
		-o GlobalKnownHostsFile=/dev/null "$file" "$user@127.0.0.1:$folder/by-scp"
}
at_place() { ssh -n -F /dev/null -p "$port" -i "$key" -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$known" \
	-o GlobalKnownHostsFile=/dev/null "$user@127.0.0.1" "$1"; }
# forget: takes the copies away
forget() {
	local place
	for place in "${places[@]}"; do
		read -r port key known user folder <<<"$place"
		at_place "rm -f $folder/by-*"
	done
}
compare() { # compare WHERE
	local i
	for ((i = 0; i < rounds; i++)); do
		timed "powerstack_$1" all powerstack
		forget
		timed "scp_$1" all scp
		forget
	done
	result "upload_200MB_to_3_$1" "$(of "powerstack_$1")" ms
	result "scp_200MB_to_3_$1" "$(of "scp_$1")" ms
	result "upload_to_3_$1_per_scp" "$(div "$(of "powerstack_$1")" "$(of "scp_$1")")" ratio
}

loopback() {
	local i port
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$w/hostkey" <<<y >/dev/null
	ssh-keygen -q -t ed25519 -N '' -f "$w/key" <<<y >/dev/null
	: >"$w/known_hosts"
	for i in 1 2 3; do
		port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
		mkdir -p "$w/node$i"
		printf '%s\n' "Port $port" 'ListenAddress 127.0.0.1' "HostKey $w/hostkey" "AuthorizedKeysFile $w/key.pub" \
			'StrictModes no' 'UsePAM no' 'UseDNS no' 'PermitRootLogin yes' "PidFile $w/node$i.pid" \
			'Subsystem sftp internal-sftp' >"$w/node$i.config"
		/usr/sbin/sshd -f "$w/node$i.config" -E "$w/node$i.log" || die "sshd does not start: see $w/node$i.log"
		echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$w/hostkey.pub")" >>"$w/known_hosts"
		places+=("$port $w/key $w/known_hosts $(id -un) $w/node$i")
	done
}
stop_loopback() {
	local p
	for p in "$w"/node?.pid; do [ ! -s "$p" ] || kill "$(cat "$p")" || :; done
	rm -rf "$w"
}
trap 'stop_loopback; rm -rf "$figures"' EXIT
if [ "$(id -u)" = 0 ]; then
	loopback
	compare sshds
else
	note "the part with sshds of this machine is skipped: they want root"
fi

"$lab" deps
"$lab" up >/dev/null
eval "$("$lab" env)"
places=()
for n in "${nodes[@]}"; do
	port=LAB_${n^^}_SSH_PORT
	places+=("${!port} $LAB_KEY $LAB_KNOWN_HOSTS $LAB_USER /var/tmp")
done
rounds=${BENCH_ROUNDS:-1}
compare nodes
