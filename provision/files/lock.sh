#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lock.sh PATH WHO VERB SECONDS: one run at a time per node. Prints "held" and holds the lock until its
# stdin ends; or says why not and ends with status 75: "taken WHO" when another run holds it, "busy PID"
# when a command of a run that died does not end within SECONDS. The kernel releases the lock when
# this process dies, however it dies; what the file says is only for people.
set -eu
path=$1 who=$2 verb=$3 seconds=$4

while :; do
	exec 9>>"$path"
	# the holder may be a run that was killed just now
	if ! flock -w 3 9; then
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

watcher=
trap 'rm -f "$path"; [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || :' EXIT
trap 'exit 0' HUP INT TERM PIPE
since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
printf '%s runs "%s" since %s (process %s here)\n' "$who" "$verb" "$since" "$$" >"$path"

# The end of stdin is the end of our run, also while we still wait below.
exec 3<&0
{
	while read -r _; do :; done
	kill "$$" 2>/dev/null
} <&3 9>&- &
watcher=$!

# Ourselves, and what started us (sudo, timeout, the login shell).
ours=" $watcher "
pid=$$
while [ "$pid" -gt 1 ]; do
	ours="$ours$pid "
	parent=0
	while read -r key value; do
		[ "$key" != PPid: ] || parent=$value
	done <"/proc/$pid/status"
	pid=$parent
done

# A run that was killed leaves the command that was at work behind: the lock is free, the node is
# not. Every command's arguments hold "-euc" and "powerstack" as words of their own; one that holds the
# lock's path too is a run that waits for this lock, as we did. What runs in a container here is another
# node's.
mounts=$(readlink "/proc/$$/ns/mnt") || mounts=
other() {
	found=
	for f in $(grep -lzx '[p]owerstack' /proc/[0-9]*/cmdline 2>/dev/null || :); do
		p=${f#/proc/}
		p=${p%/cmdline}
		case $ours in *" $p "*) continue ;; esac
		if grep -qzx -e '-euc' "$f" 2>/dev/null && ! grep -qzxF -e "$path" "$f" 2>/dev/null &&
			[ "$(readlink "/proc/$p/ns/mnt")" = "$mounts" ]; then
			found=$p
			return 0
		fi
	done
	return 1
}
tenths=0
while other; do
	if [ $tenths -ge $((seconds * 10)) ]; then
		echo "busy $found"
		exit 75
	fi
	tenths=$((tenths + 2))
	sleep 0.2
done

echo held
wait "$watcher"
