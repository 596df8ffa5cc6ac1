#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 storage class, $2 "false": it is not the default one any more, and that it was is recorded; K3s may be about to make it.
# "true": it is again, and the record goes. $3 record, $4 "gone" when the cluster is not to be asked.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
begin 120
mark() {
	v=$(k annotate storageclass "$1" --overwrite "storageclass.kubernetes.io/is-default-class=$2" 2>&1) && return 0
	case $v in *'(NotFound)'*) return 0 ;; esac
	fail "storage class '$1': $(last "$v")"
}
if [ "$2" = false ]; then
	await_api
	while ! v=$(k get storageclass "$1" -o name 2>&1); do
		left || fail "K3s has not made its storage class '$1' within $limit s: $(last "$v"); if it is switched off, say so in extra_server_args or server_config_yaml"
		tell "storage class '$1': $(last "$v")"
		sleep 2
	done
	echo "$1" | record "$3"
	mark "$1" false
else
	if [ "${4-}" != gone ] && [ -f "$KUBECONFIG" ]; then
		await_api
		mark "$1" true
	fi
	forget "$3"
fi
