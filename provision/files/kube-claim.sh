#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 record, $2 seconds, then objects as resource, namespace (or ""), name. Records that a part is powerstack's, and which of the
# objects that it is going to bring were there before: those stay when it goes.
set -eu
. provision/files/own.lib.sh
. provision/files/wait.lib.sh
. provision/files/kube.lib.sh
name=$1
begin "$2"
shift 2
[ ! -f "$state/$name" ] || exit 0
await_api
before=
while [ $# -gt 0 ]; do
	# An answer that did not come does not mean that it is not there: it would be taken away one day.
	while ! v=$(k get "$1" ${2:+-n "$2"} "$3" --ignore-not-found -o name 2>&1); do
		v=$(last "$v")
		case $v in *"the server doesn't have a resource type"*) break ;; esac
		left || fail "$1 $3 cannot be told: $v"
		tell "$1 $3: $v"
		sleep 2
	done
	case $v in *"/$3") before="$before$1 $2 $3$nl" ;; esac
	shift 3
done
printf '%s' "$before" | record "$name"
