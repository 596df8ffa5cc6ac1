#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 K3s' data directory, $2 "data" to remove the volumes of its local-path storage too. Takes K3s off this
# node. On a node it stands as k3s-uninstall.sh or k3s-agent-uninstall.sh, where K3s' own installer puts it.
set -eu
. provision/files/own.lib.sh
. provision/files/k3s-kill.lib.sh
[ "$(id -u)" = 0 ] || fail 'only root can do this'
data=$1
case $data in /*/*) ;; *) fail "'$data' is no folder of K3s' own" ;; esac
for u in k3s k3s-agent; do
	[ -e "/etc/systemd/system/$u.service" ] || continue
	systemctl disable --now -- "$u.service" 2>/dev/null || systemctl stop -- "$u.service"
	rm -f -- "/etc/systemd/system/$u.service" "/etc/systemd/system/$u.service.env"
done
systemctl daemon-reload
systemctl reset-failed k3s.service k3s-agent.service 2>/dev/null || :
k3s_kill "$data"

# Nothing is mounted below any more but what is not K3s' own, and rm does not cross a mount.
wipe() { rm -rf --one-file-system -- "$@"; }
for l in kubectl crictl ctr; do
	l=/usr/local/bin/$l
	if [ -L "$l" ] && [ "$(readlink -- "$l")" = k3s ]; then rm -f -- "$l"; fi
done
for f in "$data"/* "$data"/.[!.]*; do
	[ "$f" = "$data/storage" ] || wipe "$f"
done
if [ "${2-}" = data ] && [ -d "$data/storage" ]; then
	for f in "$data"/storage/* "$data"/storage/.[!.]*; do wipe "$f"; done
fi
# an empty folder holds no data
rmdir -- "$data/storage" "$data" 2>/dev/null || rmdir -- "$data" 2>/dev/null || :
wipe /etc/rancher/k3s /etc/rancher/node /run/k3s /run/flannel /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers
rmdir -- /etc/rancher "${data%/*}" 2>/dev/null || :
rm -f -- /usr/local/bin/k3s /usr/local/bin/k3s.previous
rm -f -- /usr/local/bin/k3s-killall.sh /usr/local/bin/k3s-uninstall.sh /usr/local/bin/k3s-agent-uninstall.sh
for f in "$state"/image/*; do forget "image/${f##*/}"; done
forget k3s-release
forget k3s-backup
forget k3s
