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
	v=$(k get "$1" ${2:+-n "$2"} "$3" --ignore-not-found -o name 2>/dev/null) || v=
	[ -z "$v" ] || before="$before$1 $2 $3$nl"
	shift 3
done
printf '%s' "$before" | record "$name"
