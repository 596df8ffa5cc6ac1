#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 unit, $2 data directory, $3 node name, $4 version, $5 seconds. Waits until the node is Ready in the cluster
# and runs that version. Says why it still waits whenever that changes, and the last reason when it gives up:
# at once when the unit starts again and again.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/node.lib.sh
unit=$1 data=$2 node=$3 version=$4
why='nothing was heard of it'
prop() { systemctl show -p "$1" --value -- "$unit"; }
quit() {
	log=$(journalctl -q -u "$unit" -n 5 --no-pager -o cat 2>/dev/null) || log=
	old=$IFS
	IFS=$nl
	# shellcheck disable=SC2086
	set -- "$1" $log
	IFS=$old
	said=$1
	shift
	for l; do said="$said | $l"; done
	fail "$said"
}
field() { # field NAME: of $v, into $f
	f=$nl$v$nl
	case $f in *"$nl$1="*) f=${f#*"$nl$1="} f=${f%%"$nl"*} ;; *) f= ;; esac
}
begin "$5"
restarts=$(prop NRestarts)
while :; do
	now=$(prop NRestarts)
	[ $((now - restarts)) -lt 3 ] || quit "unit '$unit' was started $((now - restarts)) times while its node was waited for"
	if [ ! -f "$data/agent/kubelet.kubeconfig" ]; then
		why='the node has not joined the cluster yet'
	elif node_state "$data/agent/kubelet.kubeconfig" "$node"; then
		field version
		is=$f
		field ready
		if [ "$f" = True ] && [ "$is" = "$version" ]; then exit 0; fi
		if [ "$f" = True ]; then why="it is Ready, but runs $is"; else field why && why="it is not Ready: $f"; fi
	else
		why=${v##*"$nl"}
	fi
	tell "node '$node': $why"
	left || quit "node '$node' is not Ready with $version after $limit s: $why"
	sleep 2
done
