#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 seconds, then the objects of the manifest, each as resource, namespace (or ""), name. stdin: the manifest. One that
# is being deleted is waited for; a volume whose claim is gone can be claimed again, with what is on it.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
begin "$1"
shift
manifest=$(cat)
await_api
while [ $# -gt 0 ]; do
	v=$(k get "$1" ${2:+-n "$2"} "$3" --ignore-not-found -o 'jsonpath={.metadata.deletionTimestamp}|{.status.phase}' 2>&1) || v=
	case $v in
	[0-9]*'|'*) gone "$1" "$2" "$3" ;;
	'|Released' | '|Failed')
		v=$(k patch "$1" "$3" --type=json -p '[{"op":"remove","path":"/spec/claimRef"}]' 2>&1) || fail "$1 $3: $(last "$v")" ;;
	esac
	shift 3
done
while ! v=$(printf '%s\n' "$manifest" | k apply --server-side --force-conflicts --field-manager=powerstack -f - 2>&1); do
	v=$(last "$v")
	may_pass "$v" && left || fail "$v"
	tell "$v"
	sleep 2
done
