#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 seconds, then objects as resource, namespace (or ""), name. Deletes them, and waits until they are gone. A volume's
# claim goes before it. Without a K3s there is nothing to delete.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
begin "$1"
shift
[ -x /usr/local/bin/k3s ] && [ -f "$KUBECONFIG" ] || exit 0
await_api
claim_of() { # of the volume $1: sets claim and claim_ns
	v=$(k get persistentvolume "$1" --ignore-not-found -o 'jsonpath={.spec.claimRef.namespace} {.spec.claimRef.name}' 2>/dev/null) || v=
	claim_ns=${v%% *} claim=${v#* }
	[ -n "$claim" ]
}
objects=$# n=0
while [ $n -lt "$objects" ]; do
	if [ "$1" = persistentvolume ] && claim_of "$3"; then remove persistentvolumeclaim "$claim_ns" "$claim"; fi
	remove "$1" "$2" "$3"
	set -- "$@" "$1" "$2" "$3"
	shift 3
	n=$((n + 3))
done
while [ $# -gt 0 ]; do
	gone "$1" "$2" "$3"
	shift 3
done
