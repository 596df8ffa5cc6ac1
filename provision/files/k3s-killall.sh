#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 K3s' data directory. Stops K3s and everything that it started. On a node it stands as k3s-killall.sh,
# where K3s' own installer puts one.
set -eu
. provision/files/own.lib.sh
. provision/files/k3s-kill.lib.sh
[ "$(id -u)" = 0 ] || fail 'only root can do this'
for u in k3s k3s-agent; do
	[ ! -e "/etc/systemd/system/$u.service" ] || systemctl stop -- "$u.service"
done
k3s_kill "$1"
