# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # state, image and accel are lab's
# firstboot.sh, sourced by lab: how the base image becomes the snapshot of three booted nodes.
# The cache key of the snapshot is the hash of this file, among others.

# Boots the nodes from the base image as a lab of its own, whose state becomes the snapshot.
cmd_first_boot() {
	local node
	image=$1 accel=$2
	need_tools
	lock_state
	all_or_nothing
	say "first boot of the nodes under $accel"
	ssh-keygen -q -t ed25519 -N '' -C 'powerstack lab' -f "$state/key"
	{
		LC_ALL=C tr -dc 'a-z0-9' </dev/urandom 2>/dev/null | head -c 20 || true
		echo
	} >"$state/ho3.sudo"
	for node in "${nodes[@]}"; do
		qemu-img create -q -f qcow2 -F qcow2 -b "$image/base.qcow2" "$state/run/$node.root.qcow2"
		make_spare_disks "$node"
		first_initrd "$node"
	done
	start_all first
	each_node await_boot 300 || die "the first boot failed"
	each_node warm_up || die "the nodes did not settle"
	each_node save_memory || die "the snapshot failed"
	# From here on the disks know their base by a relative name: the cache may move.
	for node in "${nodes[@]}"; do
		stop "$node"
		mv "$state/run/$node.root.qcow2" "$state/"
		qemu-img rebase -u -f qcow2 -F qcow2 -b "../${image##*/}/base.qcow2" "$state/$node.root.qcow2"
	done
}

# The files that make a node itself, on top of the initrd; init.sh copies them at first boot.
first_initrd() {
	local node=$1 tree=$state/run/$1.tree root
	root=$tree/node/root
	mkdir -p "$root"/etc/{ssh,network,sudoers.d} "$root/home/ops/.ssh"
	(
		umask 022
		echo "$node" >"$root/etc/hostname"
		tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
		{
			printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$node"
		} >"$root/etc/hosts"
		cat >"$root/etc/network/interfaces" <<-INTERFACES
		auto lo eth0 eth1
		iface lo inet loopback
		iface eth0 inet static
			address 10.0.2.15/24
			gateway 10.0.2.2
		iface eth1 inet static
			address $(node_address "$node")/24
		INTERFACES
	)
	ssh-keygen -A -f "$root" >/dev/null
	sed -i "s/ [^ ]*$/ root@$node/" "$root"/etc/ssh/*.pub
	cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$state/$node.hostkey"
	install -m 0600 "$state/key.pub" "$root/home/ops/.ssh/authorized_keys"
	if [ "$node" = ho3 ]; then
		echo 'ops ALL=(ALL:ALL) ALL' >"$root/etc/sudoers.d/ops"
		password_hash <"$state/ho3.sudo" >"$tree/node/ops.hash"
	else
		echo 'ops ALL=(ALL:ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/ops"
		echo '*' >"$tree/node/ops.hash"
	fi
	chmod 0440 "$root/etc/sudoers.d/ops"
	chmod 0755 "$root" "$root"/etc "$root"/etc/{ssh,network} "$root/home"
	chmod 0755 "$root/home/ops"
	chmod 0644 "$root"/etc/ssh/*.pub
	{
		cat "$image/initrd"
		(cd "$tree" && find node -print0 | cpio --quiet --null --create --format=newc --owner=0:0)
	} >"$state/run/$node.initrd"
	rm -rf "$tree"
}

# The least number of rounds: the hash is computed by an emulated processor at every sudo.
password_hash() {
	perl -e 'my $p = <STDIN>; chomp $p; my @c = ("a".."z", 0..9);
		print crypt($p, q($6$rounds=1000$) . join("", map { $c[rand @c] } 1..12)), "\n"'
}

# Brings what every later run uses into the node's page cache, then lets it come to rest.
warm_up() {
	root_sh "$1" <<-'WARM' >/dev/null 2>&1 || die "$1: the first commands failed"
	systemctl is-system-running --wait
	lsblk -O; blkid; findmnt; sysctl -a; systemctl list-units; udevadm settle; timedatectl
	dpkg-query -W; apt-get --simulate install btrfs-progs; sha256sum /bin/bash; ip address
	journalctl --flush; sync
	true
	WARM
}

save_memory() {
	local answer tries=0
	monitor "$1" stop >/dev/null || return 1
	monitor "$1" 'migrate_set_parameter max-bandwidth 100G' >/dev/null || return 1
	monitor "$1" "migrate -d \"exec:cat >../$1.memory\"" >/dev/null || return 1
	until answer=$(monitor "$1" 'info migrate') && [[ $answer == *'status: completed'* ]]; do
		if [[ $answer == *'status: failed'* ]] || [ $((tries += 1)) -gt 600 ]; then
			report "$1" "its memory is not saved: $answer"
			return 1
		fi
		sleep 0.1
	done
	monitor "$1" quit >/dev/null || true
}

