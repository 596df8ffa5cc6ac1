#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 what, $2 namespace, $3 Secret of a service account, $4 seconds:
#	wait	until the cluster has put the account's token into it
#	print	the token
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/node.lib.sh
[ -x /usr/local/bin/k3s ] && [ -f "$admin" ] || fail "this node has no K3s: 'powerstack deploy k3s' brings it"
admin_files
secret() { k3s_get "$files" "/api/v1/namespaces/$1/secrets/$2"; }
if [ "$1" = print ]; then
	secret "$2" "$3" | sed -n 's/.*"data":{[^}]*"token":"\([^"]*\)".*/\1/p' | base64 -d
	exit
fi
begin "$4"
while :; do
	if v=$(secret "$2" "$3" 2>&1); then
		case $v in *'"data":{'*'"token":"'*) exit 0 ;; esac
		v="the cluster has not made the token of Secret '$3' yet"
	else
		v=$(last "$v")
		case $v in *'(NotFound)'* | *'error: 404'*) fail "there is no Secret '$3' in namespace '$2': 'powerstack deploy exporter' makes it, on the control node too" ;; esac
	fi
	left || fail "after $limit s: $v"
	tell "$v"
	sleep 1
done
