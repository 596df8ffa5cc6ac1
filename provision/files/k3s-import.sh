#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 archive in K3s' folder of images, $2 its sha256. A containerd that runs takes its images; K3s lets it take those of all
# archives when it starts. Records that this one was taken.
set -eu
. provision/files/own.lib.sh
for u in k3s k3s-agent; do
	case $(systemctl is-active $u.service) in active | activating | reloading) ;; *) continue ;; esac
	[ -S /run/k3s/containerd/containerd.sock ] || continue
	out=$(/usr/local/bin/k3s ctr -n k8s.io images import "$1" 2>&1) ||
		fail "containerd does not take the images of '$1': ${out##*"$nl"}"
done
printf '%s\n' "$2" | record "image/${1##*/}"
