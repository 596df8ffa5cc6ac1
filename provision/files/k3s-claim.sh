#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 K3s' data directory, $2 "server" or "agent". Records that K3s on this node is powerstack's. What could be a
# cluster of somebody else's was looked for just now; it is looked for again here.
set -eu
. provision/files/own.lib.sh
if [ ! -f "$state/k3s" ]; then
	for f in /etc/systemd/system/k3s.service /etc/systemd/system/k3s-agent.service /usr/local/bin/k3s \
		"$1/server" "$1/agent"; do
		[ ! -e "$f" ] || fail "'$f' is there already: K3s on this node is not powerstack's"
	done
fi
printf 'data=%s\nrole=%s\n' "$1" "$2" | record k3s
# folders of the installer's: 0755 as there
mkdir -p -- /etc/rancher/k3s /etc/rancher/node "$1/agent/images"
[ "$2" != server ] || mkdir -p -- "$1/server/manifests"
