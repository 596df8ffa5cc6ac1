#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A deploy of all that the lab can have, on three nodes that have it, beside Ansible (Debian's package; pipelining and
# ControlPersist on, the interpreter given, so that nothing is looked for) that keeps the same files, packages,
# settings, mounts and units on the same nodes: with nothing to do, and with one setting that has drifted on one node.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
rounds=${BENCH_ROUNDS:-3}
deployed_on_lab
w=$PWD/$dir/ansible
rm -rf "$w"
mkdir -p "$w/host_vars"
chmod 700 "$w"

# What there is, is what Ansible is to keep: read from the nodes, modes included.
for n in "${nodes[@]}"; do
	"$lab" root "$n" >"$w/$n.tar" <<-'SCRIPT'
		cd /
		for f in etc/sysctl.d/90-powerstack.conf etc/exports.d/powerstack.exports etc/fstab etc/powerstack/exporter.yml \
			usr/local/bin/powerstack-exporter etc/systemd/system/powerstack-exporter.service usr/local/bin/k3s \
			usr/local/bin/k3s-killall.sh usr/local/bin/k3s-uninstall.sh usr/local/bin/k3s-agent-uninstall.sh \
			etc/rancher/k3s/config.yaml etc/rancher/k3s/token etc/systemd/system/k3s.service \
			etc/systemd/system/k3s-agent.service etc/systemd/system/k3s.service.env etc/systemd/system/k3s-agent.service.env \
			var/lib/rancher/k3s/agent/images/k3s-airgap-images-*; do
			[ ! -f "$f" ] || echo "$f"
		done | tar -cf - -T -
	SCRIPT
	mkdir "$w/$n"
	tar -C "$w/$n" -xpf "$w/$n.tar"
	facts=$("$lab" root "$n" <<-'SCRIPT'
		awk '$1 !~ /^#/ && /powerstack|btrfs|nfs/ { print $2; exit }' /etc/fstab
		[ ! -d /etc/exports.d ] || findmnt -n -o SOURCE -t btrfs | head -1
	SCRIPT
	)
	{
		echo "folder: $w/$n"
		echo "mountpoint: $(sed -n 1p <<<"$facts")"
		echo "disk: '$(sed -n 2p <<<"$facts")'"
		echo "files:"
		(cd "$w/$n" && find . -type f -printf '  - {path: /%P, mode: "0%m"}\n' | sort)
		if [ "$n" = ho1 ]; then
			echo 'packages: [nfs-kernel-server, btrfs-progs, fdisk]'
			services=(nfs-server powerstack-exporter) unit=k3s
		else
			echo 'packages: [nfs-common]'
			services=(powerstack-exporter) unit=k3s-agent
		fi
		if [ -n "$LAB_MIRROR" ]; then
			echo 'links: [kubectl, crictl, ctr]'
			services+=("$unit")
		else
			echo 'links: []'
		fi
		echo "services: [$(IFS=,; echo "${services[*]}")]"
		[ "$n" != ho3 ] || echo "ansible_become_password: '$(cat "$LAB_SUDO_PASSWORD_FILE")'"
	} >"$w/host_vars/$n.yml"
	port=LAB_${n^^}_SSH_PORT
	echo "$n ansible_host=127.0.0.1 ansible_port=${!port}" >>"$w/hosts"
done
cat >"$w/ansible.cfg" <<-CFG
	[defaults]
	inventory = $w/hosts
	remote_user = $LAB_USER
	private_key_file = $LAB_KEY
	interpreter_python = /usr/bin/python3
	remote_tmp = /var/tmp/ansible
	timeout = 120
	[ssh_connection]
	pipelining = True
	ssh_args = -F /dev/null -o ControlMaster=auto -o ControlPersist=10m -o UserKnownHostsFile=$LAB_KNOWN_HOSTS
	control_path_dir = $w/control
CFG
playbook() { LC_ALL=C.UTF-8 ANSIBLE_CONFIG=$w/ansible.cfg ansible-playbook tests/bench/ansible.yml; }
# changed N: what the last playbook says that it changed
changed() {
	local sum
	sum=$(sed -n 's/.* changed=\([0-9]*\) .*/\1/p' "$dir/$1.out" | awk '{ n += $1 } END { print n }')
	[ "$sum" = "$2" ] || die "Ansible changed $sum things where $2 were to be changed; see $dir/$1.out"
}
deploy() { run_ps "$dir" --no-progress deploy "${parts[@]}"; }
drift() { "$lab" root ho2 <<<'sysctl -qw kernel.perf_event_paranoid=2'; }

playbook >"$dir/first.out" 2>&1 || die "the playbook failed; see $dir/first.out"
for ((i = 0; i < rounds; i++)); do
	timed ansible_noop playbook
	changed ansible_noop 0
	timed noop deploy
	drift
	timed ansible_one playbook
	changed ansible_one 1
	drift
	timed one deploy
done
for what in noop one; do
	result "ansible_$what" "$(of ansible_$what)" ms
	result "deploy_$what" "$(of $what)" ms
	result "ansible_${what}_per_deploy" "$(div "$(of ansible_$what)" "$(of $what)")" ratio
done
