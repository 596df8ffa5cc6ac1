#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 unit, $2 data directory, $3 node name, $4 version, $5 seconds. Waits until the node is Ready in the cluster
# and runs that version. Says why it still waits whenever that changes, and the last reason when it gives up:
# at once when the unit starts again and again.
set -eu
. provision/files/own.lib.sh
unit=$1 data=$2 node=$3 version=$4 limit=$5
last='nothing was heard of it' told=
prop() { systemctl show -p "$1" --value -- "$unit"; }
quit() {
	log=$(journalctl -q -u "$unit" -n 5 --no-pager -o cat 2>/dev/null) || log=
	old=$IFS
	IFS=$nl
	# shellcheck disable=SC2086
	set -- "$1" $log
	IFS=$old
	why=$1
	shift
	for l; do why="$why | $l"; done
	fail "$why"
}
t=0
restarts=$(prop NRestarts)
# shellcheck disable=SC2016 # a template of kubectl's
what='{range .status.conditions[?(@.type=="Ready")]}{.status} {.reason}: {.message}{end}|{.status.nodeInfo.kubeletVersion}'
while :; do
	now=$(prop NRestarts)
	[ $((now - restarts)) -lt 3 ] || quit "unit '$unit' was started $((now - restarts)) times while its node was waited for"
	if [ ! -f "$data/agent/kubelet.kubeconfig" ]; then
		last='the node has not joined the cluster yet'
	elif out=$(timeout -k 1 15 /usr/local/bin/k3s kubectl --kubeconfig "$data/agent/kubelet.kubeconfig" \
		--request-timeout=10s get node "$node" -o "jsonpath=$what" 2>&1); then
		case $out in
		'True '*"|$version") exit 0 ;;
		'True '*) last="it is Ready, but runs ${out##*|}" ;;
		*) last="it is not Ready: ${out%|*}" ;;
		esac
	else
		last=${out##*"$nl"}
	fi
	if [ "$last" != "$told" ]; then
		echo "node '$node': $last"
		told=$last
	fi
	[ $t -lt "$limit" ] || quit "node '$node' is not Ready with $version after $limit s: $last"
	t=$((t + 2))
	sleep 2
done
