#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Many hosts: a run with nothing to do on 200 and on 1,000 of them, beside as many plain logins with libssh and
# with ssh. The hosts are addresses of the loopback in a network namespace, where one sshd answers each
# with what a deployed node says there (answers.c, node.c): connections, logins, questions, answers and
# their judgement are real, the nodes' own work is not.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
rounds=${BENCH_ROUNDS:-3}
few=200 many=1000
base=(prereq disk nfs exporter) # what answers.c answers for
jobs=64		# powerstack's own default

if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip "namespaces with an sshd in them want root"
	unshare --net --mount true 2>/dev/null || skip "this machine allows no namespaces"
	make -s all out/release/bench/{handshake,answers,node} >&2
	exec unshare --net --mount --pid --fork --kill-child "$0" inside
fi
ip link set lo up
mkdir -p /run/sshd
w=$PWD/$dir/hosts
rm -rf "$w"
mkdir -p "$w/answers" "$w/drifted"
# a login shell that reads nobody's .bashrc
sed -E 's|^(root:.*):[^:]*$|\1:/bin/sh|' /etc/passwd >"$w/passwd"
mount --bind "$w/passwd" /etc/passwd
ssh-keygen -q -t ed25519 -N '' -f "$w/hostkey"
ssh-keygen -q -t ed25519 -N '' -f "$w/key"

# The addresses 127.1.0.1 and on.
addresses() { seq 1 "$1" | awk '{ printf "127.1.%d.%d\n", $1 / 250, $1 % 250 + 1 }'; }
inventory() {
	printf 'k3s_cluster:\n  children:\n    server:\n      hosts:\n'
	addresses "$1" | awk '{
		split($1, a, "."); ip = "172.16." a[3] "." a[4]
		printf "        n%d:\n          ansible_host: %s\n          internal_ip: %s\n          external_ip: %s\n", NR, $1, ip, ip
		if (NR == 1) printf "          disk_for_persistent_storage: /dev/disk/by-id/virtio-D1\n          disk_serial: D1\n    agent:\n      hosts:\n"
	}'
	cat <<-VARS
	  vars:
	    ansible_user: root
	    ansible_ssh_private_key_file: $w/key
	    ssh_known_hosts_file: $w/known_hosts
	    nfs_network: 172.16.0.0/16
	    cluster_cidr: 10.0.0.0/12
	    export_path: /mnt/data
	VARS
}
inventory $many >"$w/many.yml"
inventory $few >"$w/few.yml"
addresses $many | sed "s|\$| $(cut -d' ' -f1,2 "$w/hostkey.pub")|" >"$w/known_hosts"
out/release/bench/answers "$w/many.yml" "$w/answers" "${base[@]}" || die "no answers for the hosts"

cat >"$w/sshd_config" <<-SSHD
	Port 22
	ListenAddress 0.0.0.0
	HostKey $w/hostkey
	AuthorizedKeysFile $w/key.pub
	ForceCommand $PWD/out/release/bench/node $w/answers $w/drifted
	StrictModes no
	UsePAM no
	UseDNS no
	PermitRootLogin yes
	MaxStartups 1000
	LogLevel VERBOSE
	PidFile none
SSHD
/usr/sbin/sshd -f "$w/sshd_config" -E "$w/sshd.log" || die "sshd does not start"

# of_time FILE FIELD: 1 wall s, 2 CPU s, 3 peak KiB
of_time() { awk -v f="$2" '{ v[1] = $1; v[2] = $2 + $3; v[3] = $4; print v[f] }' "$1" | median; }
# measured NAME COMMAND...: appends wall, user and system seconds and the peak to NAME.time
measured() {
	local name=$1
	shift
	/usr/bin/time -a -o "$figures/$name.time" -f '%e %U %S %M' "$@" >"$w/$name.out" 2>&1 || {
		tail -5 "$w/$name.out" >&2
		die "'$*' failed; see $w/$name.out"
	}
}
# --timeout: a machine that has much else to do may need longer for its half of a login than it gives a node
noop() { measured "ps_$1" "$ps" -i "$w/$1.yml" --no-progress --timeout 10m --log-dir "$w/logs" deploy "${base[@]}"; }
libssh() { addresses "$2" | measured "libssh_$1" out/release/bench/handshake "$w/key" root $jobs; }
openssh() {
	addresses "$2" | measured "ssh_$1" xargs -P $jobs -I '{}' ssh -n -F /dev/null -i "$w/key" -o BatchMode=yes \
		-o "UserKnownHostsFile=$w/known_hosts" -o StrictHostKeyChecking=yes -o LogLevel=ERROR '{}' true
}
# what sshd has counted so far
counted() { grep -c "$1" "$w/sshd.log" || :; }

libssh few $few
noop few
logins=$(counted 'Accepted publickey') commands=$(counted 'Starting session: forced-command')
noop few
result noop_connections_per_host "$(div $(($(counted 'Accepted publickey') - logins)) $few)" connections
result noop_commands_per_host "$(div $(($(counted 'Starting session: forced-command') - commands)) $few)" commands
rm -f "$figures"/*.time

for ((i = 0; i < rounds; i++)); do
	noop few
	libssh few $few
	openssh few $few
done
noop many
libssh many $many
# One change on each of them: all stay connected until the last was asked, so here the limit of open files counts.
addresses $many | (cd "$w/drifted" && xargs touch)
(
	ulimit -Sn 256
	measured change_many "$ps" -i "$w/many.yml" --no-progress --timeout 10m --log-dir "$w/logs" deploy "${base[@]}"
)
grep -q "^$many changed, .* 0 failed, 0 unreachable" "$w/change_many.out" || die "not every host was changed: see $w/change_many.out"

for n in few many; do
	count=${!n}
	result "noop_${count}_hosts" "$(of_time "$figures/ps_$n.time" 1)" s
	result "libssh_true_${count}_hosts" "$(of_time "$figures/libssh_$n.time" 1)" s
	result "noop_${count}_hosts_per_libssh_true" "$(div "$(of_time "$figures/ps_$n.time" 1)" "$(of_time "$figures/libssh_$n.time" 1)")" ratio
	result "noop_${count}_hosts_cpu" "$(awk -v s="$(of_time "$figures/ps_$n.time" 2)" -v n=$count 'BEGIN { printf "%.2f", s * 1000 / n }')" ms/host
	result "libssh_true_${count}_hosts_cpu" "$(awk -v s="$(of_time "$figures/libssh_$n.time" 2)" -v n=$count 'BEGIN { printf "%.2f", s * 1000 / n }')" ms/host
	result "noop_${count}_hosts_cpu_per_libssh_true" "$(div "$(of_time "$figures/ps_$n.time" 2)" "$(of_time "$figures/libssh_$n.time" 2)")" ratio
	result "noop_${count}_hosts_peak_memory" "$(awk -v k="$(of_time "$figures/ps_$n.time" 3)" -v n=$count 'BEGIN { printf "%.3f", k / 1024 / n }')" MiB/host
done
result "change_${many}_hosts" "$(of_time "$figures/change_many.time" 1)" s
result "change_${many}_hosts_per_noop" "$(div "$(of_time "$figures/change_many.time" 1)" "$(of_time "$figures/ps_many.time" 1)")" ratio
result "change_${many}_hosts_peak_memory" "$(awk -v k="$(of_time "$figures/change_many.time" 3)" -v n=$many 'BEGIN { printf "%.3f", k / 1024 / n }')" MiB/host
result noop_200_hosts_per_ssh_true "$(div "$(of_time "$figures/ps_few.time" 1)" "$(of_time "$figures/ssh_few.time" 1)")" ratio
