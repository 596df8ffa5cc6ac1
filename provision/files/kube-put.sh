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
# one question for all of them: kubectl takes a second to start on a small machine
there=$(printf '%s\n' "$manifest" | k get -f - --ignore-not-found --no-headers \
	-o 'custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name,D:.metadata.deletionTimestamp,P:.status.phase' 2>/dev/null |
	tr -s ' ' | tr '[:upper:]' '[:lower:]')
while [ $# -gt 0 ]; do
	it="$nl${1%%.*} ${2:-<none>} $3"
	case $nl$there in
	*"$it <none> released"* | *"$it <none> failed"*)
		v=$(k patch "$1" "$3" --type=json -p '[{"op":"remove","path":"/spec/claimRef"}]' 2>&1) || fail "$1 $3: $(last "$v")" ;;
	*"$it <none> "*) ;;
	*"$it "*) gone "$1" "$2" "$3" ;;
	esac
	shift 3
done
while ! v=$(printf '%s\n' "$manifest" | k apply --server-side --force-conflicts --field-manager=powerstack -f - 2>&1); do
	v=$(last "$v")
	may_pass "$v" && left || fail "$v"
	tell "$v"
	sleep 2
done
