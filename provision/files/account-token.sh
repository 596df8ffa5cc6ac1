#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 what, $2 namespace, $3 Secret of a service account, $4 seconds:
#	wait	until the cluster has put the account's token into it
#	print	the token
set -eu
. provision/files/own.lib.sh
. provision/files/kube.lib.sh
begin "$4"
secret() { k get secret -n "$2" "$3" -o "go-template=$1"; }
if [ "$1" = print ]; then
	secret '{{.data.token}}' "$2" "$3" | base64 -d
	exit
fi
await_api
while :; do
	rc=0
	v=$(secret '{{if .data}}{{if .data.token}}there{{end}}{{end}}' "$2" "$3" 2>&1) || rc=$?
	[ "$rc$v" != 0there ] || exit 0
	v=$(last "$v")
	case $v in *'(NotFound)'*) fail "there is no Secret '$3' in namespace '$2': 'powerstack deploy exporter' makes it, on the control node too" ;; esac
	[ $rc != 0 ] || v="the cluster has not made the token of Secret '$3' yet"
	left || fail "after $limit s: $v"
	tell "$v"
	sleep 1
done
