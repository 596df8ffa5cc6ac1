#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the first server does for another node. $1 how, $2 node, $3 the release that it is to run, $4 "force" to
# allow any:
#	joining		the machine has no K3s: what the cluster remembers of a node of that name is taken out, for K3s refuses
#			one with another password than the first time
#	rejoining	its machine has lost its password: what the cluster remembers of that is taken out, unless another
#			machine is Ready under its name
#	staying		only the release is looked at: no node may be newer than the servers
#	leaving		K3s was stopped on it: it is taken out
set -eu
. provision/files/own.lib.sh
how=$1 node=$2 release=$3 force=$4
config=/etc/rancher/k3s/k3s.yaml
# no K3s, no cluster that could remember anything
[ "$how" != leaving ] || { [ -x /usr/local/bin/k3s ] && [ -f "$config" ]; } || exit 0
# k VERB PATH: one request (node.lib.sh says why), its answer in $out; false when there is no such thing
k() {
	out=$(timeout -k 1 40 /usr/local/bin/k3s kubectl --kubeconfig "$config" --request-timeout=30s "$1" --raw "$2" 2>&1) && return 0
	case $out in *'(NotFound)'*) return 1 ;; esac
	fail "the API server does not answer as it should: ${out##*"$nl"}"
}
if [ "$how" != leaving ] && [ "$force" != force ]; then
	k get /version || fail "the API server does not say its version"
	serves=${out#*\"gitVersion\"}
	serves=${serves#*\"}
	serves=${serves%%\"*}
	case $serves in v[0-9]*) ;; *) fail "the API server does not say its version" ;; esac
	oldest=$(printf '%s\n%s\n' "$release" "$serves" | sort -V | head -n 1)
	[ "$oldest" = "$release" ] ||
		fail "the servers run $serves, and no node may be newer: deploy K3s to them before, or without --limit"
fi
[ "$how" != staying ] || exit 0
if [ "$how" != leaving ] && k get "/api/v1/nodes/$node"; then
	# the fields of a condition stand in the order of its Go type
	case $out in *'"type":"Ready","status":"True"'*)
		fail "node '$node' is Ready in the cluster, and its machine is not in it: another machine has its name, or it went less than a minute ago; then run this again" ;;
	esac
fi
[ "$how" = rejoining ] || k delete "/api/v1/nodes/$node" || :
k delete "/api/v1/namespaces/kube-system/secrets/$node.node-password.k3s" || :
