#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 file with a token, $2 K3s' data directory, $3 seconds. Waits until this node's kubelet takes the token (what the API server
# was just told reaches it a little later, and a refusal is remembered for half a minute), then has a running
# exporter look again.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/node.lib.sh
. provision/files/kubelet.lib.sh
work=$(mktemp -d /run/powerstack-kubelet.XXXXXX)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
begin "$3"
until kubelet_takes "$1" "$2" "$work/config"; do
	left || fail "the kubelet does not take the token after $limit s: $v"
	tell "the kubelet: $v"
	sleep 2
done
if systemctl -q is-active powerstack-exporter.service; then
	systemctl reload powerstack-exporter.service || :
fi
