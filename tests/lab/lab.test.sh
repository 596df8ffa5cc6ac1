#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab keeps its own promises. The end-to-end suite stands on them, so it is worth knowing which
# of the two is broken.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
lab=tests/lab/lab
nodes=(ho1 ho2 ho3)
work=$(mktemp -d)
trap '"$lab" down >/dev/null 2>&1; rm -rf "$work"' EXIT
note() { sed 's/^/# /' "$@"; }

# ours: the processes of this checkout's lab
ours() {
	local dir pid
	dir=$(cd out/lab 2>/dev/null && pwd -P) || return 0
	{
		for pid in /proc/[0-9]*; do
			case $(readlink "$pid/cwd" 2>/dev/null) in "$dir"/*) echo "${pid#/proc/}" ;; esac
		done
		pgrep -f "$PWD/tests/(lab/lab cluster-build|k3s/)"
	} | sort -u
}
on() { # on NODE SCRIPT: as root
	"$lab" root "$1" <<<"$2" 2>&1
}

if ! "$lab" deps >"$work/out" 2>&1 || ! qemu-system-x86_64 --version >>"$work/out" 2>&1; then
	note "$work/out"
	skip 'QEMU does not start on this machine' 'everything that the lab promises'
	done_testing
	exit
fi

like "$("$lab" help)" '^  power-cycle NODE' 'help lists the verbs'
like "$("$lab" statsu 2>&1)" "no verb is called 'statsu'" 'an unknown verb is an error'
like "$("$lab" ssh ho4 true 2>&1)" "no node is called 'ho4'" 'an unknown node is an error'

# Interrupted while it starts: nothing stays. The image is built before, so that it is in the start.
"$lab" down
run_ok 'the base image is there' "$lab" image
timeout -s INT 2 "$lab" up >/dev/null 2>&1
is "$(ours | wc -l)" 0 'an interrupted start leaves no process'

began=$SECONDS
if ! "$lab" up >"$work/out" 2>&1; then
	not_ok 'the lab starts'
	note "$work/out"
	done_testing
	exit 1
fi
ok "the lab starts ($((SECONDS - began)) s)"
before=$("$lab" env)
began=$SECONDS
run_ok 'a second start is a start' "$lab" up
is "$("$lab" env)" "$before" 'and leaves a running lab alone'
eval "$before"

is "$(stat -c %a "$LAB_KEY" "$LAB_SUDO_PASSWORD_FILE" | sort -u)" 600 'key and password are for their owner only'
pattern=$(ours | sed 's/.*/pid=&,/' | paste -sd'|')
is "$(ss -Hltnp | grep -E "$pattern" | awk '$4 !~ /^127[.]/')" '' 'it listens on loopback only'
is "$(ss -Hlunp | grep -E "$pattern" | grep -v qemu-system | awk '{ sub(":.*", "", $4); print $4 }')" 127.0.0.1 \
	'and so does its time server'
like "$(ss -Hltnp | grep -E "$pattern")" "127.0.0.1:$LAB_HO1_EXPORTER_PORT " "the exporter's port of ho1 is forwarded"
for n in HO1 HO2 HO3; do
	external=LAB_${n}_EXTERNAL
	like "$(ss -Hltnp | grep -E "$pattern")" "${!external}:$LAB_API_PORT " "the API's port of $n is forwarded, on an address of its own"
done

if [ -n "$LAB_MIRROR" ]; then
	like "$("$lab" status)" "^mirror on, .* $LAB_MIRROR\$" 'the mirror runs'
	like "$("$lab" status)" '^https://127.0.0.1:[0-9]+: ready$' 'the API server is ready'
	for v in $LAB_RELEASES; do
		is "$(curl -sfI -o "$work/head" -w '%{http_code}' "$LAB_MIRROR/github.com/k3s-io/k3s/releases/download/${v//+/%2B}/sha256sum-amd64.txt")" 200 \
			"the mirror has $v"
	done
	is "$(on ho2 'stat -c "%a %n" /etc/powerstack-lab/proxy.key; cat /etc/powerstack-lab/api' | paste -sd' ')" \
		"600 /etc/powerstack-lab/proxy.key 10.0.2.2:$(cat out/lab/api/run/port)" 'the nodes know where the API server is'
	api=$(sed -n 's/.* server: //p' out/lab/api/kubeconfig)
	run_ok 'kubectl of the lab' "$lab" kubectl --kubeconfig out/lab/api/kubeconfig create namespace of-this-lab
else
	skip "what the cluster needs cannot be built here: tests/lab/lab cluster-build says why" 'mirror and API server'
fi

# ho1 in full, the others in what differs
for n in "${nodes[@]}"; do
	"$lab" fs-manifest "$n" >"$work/$n.pristine" 2>"$work/$n.err" &
done
wait
for n in "${nodes[@]}"; do
	is "$("$lab" ssh "$n" 'hostname; id -un' | paste -sd' ')" "$n ops" "$n answers"
	is "$("$lab" ssh "$n" 'timedatectl show -p NTPSynchronized --value')" yes "$n: its clock is synchronised"
	now=$(date +%s)
	late=$(($("$lab" ssh "$n" date +%s) - now))
	if [ $late -ge -2 ] && [ $late -le 20 ]; then ok "$n: and right"; else not_ok "$n: and right, not $late s off"; fi
done
is "$("$lab" ssh ho1 'ping -c1 -W10 192.168.0.105 >/dev/null && ping -c1 -W10 192.168.0.106 >/dev/null && echo both')" \
	both 'ho1 reaches ho2 and ho3 on the private network'
is "$("$lab" ssh ho2 'ping -c1 -W10 192.168.0.106 >/dev/null && echo it')" it 'ho2 reaches ho3'

# shellcheck disable=SC2016 # expands on the node
is "$("$lab" ssh ho1 'cd /dev/disk/by-id; for d in virtio-PSDATA0001 virtio-PSDATA0002 scsi-0QEMU_QEMU_HARDDISK_PSSCSI0001 \
	nvme-QEMU_NVMe_Ctrl_PSNVME0001; do echo $d $(lsblk -dnbo SIZE $d); done')" \
	"virtio-PSDATA0001 8589934592
virtio-PSDATA0002 335544320
scsi-0QEMU_QEMU_HARDDISK_PSSCSI0001 335544320
nvme-QEMU_NVMe_Ctrl_PSNVME0001 335544320" 'ho1 has its spare disks, by name and size'
is "$("$lab" ssh ho1 'lsblk -dno SERIAL /dev/nvme0n1; findmnt -no LABEL /' | tr -s ' \n' ' ')" 'PSNVME0001 psroot ' \
	'the nvme disk has its serial, the root file system is found by its label'

for n in ho1 ho2; do
	is "$("$lab" ssh $n sudo -n id -u 2>&1)" 0 "$n: sudo asks for nothing"
done
like "$("$lab" ssh ho3 sudo -n id -u 2>&1)" 'password is required' 'ho3: sudo asks for a password'
is "$("$lab" ssh ho3 "sudo -k -S -p '' id -u" <"$LAB_SUDO_PASSWORD_FILE" 2>&1)" 0 'ho3: and takes the right one'
like "$(echo wrong | "$lab" ssh ho3 "sudo -k -S -p '' id -u" 2>&1)" 'incorrect|no password|try again' 'ho3: and no other'
like "$(ssh -F /dev/null -i "$LAB_KEY" -o BatchMode=yes -o UserKnownHostsFile="$LAB_KNOWN_HOSTS" -p "$LAB_HO1_SSH_PORT" \
	root@127.0.0.1 true 2>&1)" 'Permission denied' 'root does not log in'

# Changes, to be undone by a reset
like "$(on ho2 'apt-get install -y --no-download --no-install-recommends btrfs-progs && mkfs.btrfs -q /dev/vdb && echo installed')" \
	'^installed$' 'packages install without a download'
on ho2 'mkdir /mnt/x; echo data >/mnt/x/file; chmod 0640 /mnt/x/file; sync' >/dev/null
"$lab" fs-manifest ho2 >"$work/ho2.changed"
changes=$(diff "$work/ho2.pristine" "$work/ho2.changed")
like "$changes" '^> file f 640 0:0 5 [0-9a-f]{64} /mnt/x/file$' 'the manifest shows a new file'
like "$changes" '^> package btrfs-progs ' 'and a new package'
like "$changes" '^> disk /dev/vdb disk 2G .*btrfs' 'and a new file system'

run_ok 'the management network of ho2 is cut' "$lab" cut ho2
is "$(timeout 60 "$lab" ssh ho2 true >/dev/null 2>&1 && echo answers)" '' 'ho2 does not answer then'
is "$("$lab" ssh ho1 'ping -c1 -W10 192.168.0.105 >/dev/null && echo yes')" yes 'but is there on the private network'
run_ok 'the network of ho2 is mended' "$lab" mend ho2
is "$("$lab" ssh ho2 hostname 2>&1)" ho2 'and ho2 answers again'

boot=$("$lab" ssh ho2 cat /proc/sys/kernel/random/boot_id)
began=$SECONDS
run_ok 'ho2 has its plug pulled and comes back' "$lab" power-cycle ho2
echo "# $((SECONDS - began)) s"
is "$(on ho2 'cat /proc/sys/kernel/random/boot_id /mnt/x/file' | sed "s/^$boot\$/the same boot/; s/.*-.*-.*/another boot/")" \
	"another boot
data" \
	'what was on its disk is still there'
is "$("$lab" ssh ho2 'timedatectl show -p NTPSynchronized --value; ping -c1 -W10 192.168.0.104 >/dev/null && echo pings' |
	paste -sd' ')" 'yes pings' 'with its clock and its private network'
run_ok 'poweroff' "$lab" poweroff ho3
like "$("$lab" status)" '^ho3 off$' 'status says which node is off'

began=$SECONDS
run_ok 'the lab is put back' "$lab" reset
echo "# $((SECONDS - began)) s"
for n in "${nodes[@]}"; do
	"$lab" fs-manifest "$n" >"$work/$n.reset" 2>>"$work/$n.err" &
done
wait
for n in "${nodes[@]}"; do
	if [ "$(wc -l <"$work/$n.reset")" -gt 5000 ] && diff "$work/$n.pristine" "$work/$n.reset" >"$work/diff"; then
		ok "$n is as it was at the start, to the last file"
	else
		not_ok "$n is as it was at the start, to the last file"
		note "$work/diff" "$work/$n.err" | head -20
	fi
done

if [ -n "$LAB_MIRROR" ]; then
	is "$("$lab" kubectl --kubeconfig out/lab/api/kubeconfig get namespace of-this-lab --ignore-not-found 2>&1)" '' 'the cluster is a new one'
	is "$(sed -n 's/.* server: //p' out/lab/api/kubeconfig)" "$api" 'at the same place'
fi

"$lab" inventory "$work/inventory.yml"
if [ -x out/release/powerstack ]; then
	head -c 12 /dev/urandom | base64 >"$work/password"
	out/release/powerstack -i "$work/inventory.yml" --vault-password-file "$work/password" \
		vault set ho3_sudo <"$LAB_SUDO_PASSWORD_FILE" >/dev/null 2>&1
	out/release/powerstack -i "$work/inventory.yml" --vault-password-file "$work/password" \
		vault set token <"$work/password" >/dev/null 2>&1
	run_ok 'powerstack takes the inventory' out/release/powerstack -i "$work/inventory.yml" \
		--vault-password-file "$work/password" inventory check
else
	skip 'powerstack is not built' 'powerstack takes the inventory'
fi

run_ok 'down' "$lab" down
is "$(ours)" '' 'nothing is left running'
done_testing
