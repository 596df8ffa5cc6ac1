# SPDX-License-Identifier: BSD-2-Clause
# Ends what K3s leaves running when its unit stops: containers, their mounts, network and rules.

# processes_below PID...: sets $below to them and all their descendants
processes_below() {
	below=" $* "
	parents=$(grep -s '^PPid:' /proc/[0-9]*/status) || :
	more=yes
	while [ $more = yes ]; do
		more=no
		old=$IFS
		IFS=$nl
		for l in $parents; do
			p=${l#/proc/}
			p=${p%%/*}
			case $below in *" $p "*) continue ;; esac
			case $below in *" ${l##*"$tab"} "*) below="$below$p " more=yes ;; esac
		done
		IFS=$old
	done
}

# containerd starts one shim a pod, with the path of K3s' own binaries
kill_containers() {
	shims=
	for p in /proc/[0-9]*; do
		{ args=$(tr '\0' ' ' <"$p/cmdline"); } 2>/dev/null || continue
		case $args in
		"$1"/data/*/bin/containerd-shim*) shims="$shims ${p#/proc/}" ;;
		esac
	done
	[ -n "$shims" ] || return 0
	# shellcheck disable=SC2086
	processes_below $shims
	# shellcheck disable=SC2086
	kill -9 $below 2>/dev/null || :
}

# mounts_below FOLDER...: sets $mounts, one a line, the newest first. What is mounted on a folder itself, or on
# K3s' storage, was mounted there by somebody: that is a place, not something that K3s left.
mounts_below() {
	mounts=
	while read -r _ _ _ _ at _; do
		for d; do
			case $at in
			"$d"/storage | "$d"/storage/*) ;;
			"$d"/*) mounts="$at$nl$mounts" ;;
			esac
		done
	done </proc/self/mountinfo
}

# A mount whose server is dead is detached, so that nothing reaches what is on it.
unmount_below() {
	mounts_below "$@"
	old=$IFS
	IFS=$nl
	for at in $mounts; do
		at=$(printf %b "$at")
		timeout -k 1 20 umount -- "$at" 2>/dev/null || umount -l -- "$at" 2>/dev/null || :
	done
	IFS=$old
	mounts_below "$@"
	[ -z "$mounts" ] || fail "still mounted: ${mounts%"$nl"}"
}

remove_network() {
	for n in /run/netns/cni-*; do
		[ -e "$n" ] || continue
		umount -l -- "$n" 2>/dev/null || :
		rm -f -- "$n"
	done
	for l in cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do
		ip link delete "$l" 2>/dev/null || :
	done
}

# The rules of kube-proxy, the CNI plug-ins and flannel carry their names.
remove_rules() {
	for tool in iptables ip6tables; do
		command -v "$tool-save" >/dev/null || continue
		rules=$("$tool-save" 2>/dev/null) || continue
		case $rules in *KUBE-* | *CNI-* | *flannel*) ;; *) continue ;; esac
		printf '%s\n' "$rules" | grep -v -e KUBE- -e CNI- -e flannel | "$tool-restore" || :
	done
}

k3s_kill() { # k3s_kill DATA_DIRECTORY
	kill_containers "$1"
	unmount_below /run/k3s /var/lib/kubelet "$1"
	remove_network
	remove_rules
}
