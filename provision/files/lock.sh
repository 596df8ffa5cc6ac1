#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lock.sh PATH WHO VERB: one run at a time per node. Prints "held" and holds the lock until its
# stdin ends, or prints "taken WHO" and ends with status 75 when another run holds it. The kernel
# releases the lock when this process dies, however it dies; what the file says is only for people.
set -eu
path=$1 who=$2 verb=$3

while :; do
	exec 9>>"$path"
	if ! flock -n 9; then
		holder=unknown
		read -r holder <"$path" || :
		echo "taken $holder"
		exit 75
	fi
	# The last holder may have removed the file between our open and our lock: then we hold
	# a file that nobody else will ever see. Try again with the one that is there now.
	mine=$(stat -L -c %d:%i "/proc/$$/fd/9")
	now=$(stat -c %d:%i "$path" 2>/dev/null) || now=
	[ "$mine" = "$now" ] && break
done

trap 'rm -f "$path"; exit 0' EXIT HUP INT TERM PIPE
since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
printf '%s runs "%s" since %s (process %s here)\n' "$who" "$verb" "$since" "$$" >"$path"
echo held
while read -r _; do :; done
