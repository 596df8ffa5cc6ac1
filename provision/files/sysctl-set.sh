#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 drop-in file, then NAME VALUE pairs (names with slashes). Sets the live values and writes the
# drop-in; beside each value stands, as a comment, the value that was live before we first came.
set -eu
. provision/files/own.lib.sh
path=$1
shift
had=
[ ! -f "$path" ] || had=$(cat -- "$path")
# the first line that says what KEY was before, from the drop-in that is there
former() {
	case $nl$had in *"$nl# before: $1 = "*) ;; *) return 1 ;; esac
	v=$nl$had
	v=${v#*"$nl# before: $1 = "}
	v=${v%%"$nl"*}
}
befores=
sets=
for a; do
	if [ -z "${name-}" ]; then
		name=$a
		continue
	fi
	key=$(echo "$name" | tr / .)
	former "$key" || v=$(cat -- "/proc/sys/$name")
	befores="$befores# before: $key = $v$nl"
	sets="$sets$key = $a$nl"
	name=
done
text="# managed by powerstack$nl# What the node had before is put back when powerstack is destroyed.$nl$befores$sets"
# the drop-in first: it holds the former values, without which nothing may be changed
printf '%s' "$text" | replace "$path" 0644
for a; do
	if [ -z "$name" ]; then
		name=$a
		continue
	fi
	echo "$a" >"/proc/sys/$name" || fail "sysctl '$name' cannot be set to '$a'"
	name=
done
