# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# node.sh SECONDS PORT: runs as root on a node that has just continued its snapshot. Sets the
# clock, which stands where the snapshot was taken, names the lab's time server and waits until
# the clock is synchronised with it and the disks plugged in afterwards have their names.
set -eu
date -u -s "@$1" >/dev/null
printf 'server 10.0.2.2 port %s iburst minpoll 4 maxpoll 6\n' "$2" >/etc/chrony/sources.d/lab.sources
chronyc reload sources >/dev/null
udevadm settle --timeout=30
chronyc waitsync 120 0 0 0.5 >/dev/null
sync /etc/chrony/sources.d/lab.sources
