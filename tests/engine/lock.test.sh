#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# provision/files/lock.sh as a node runs it: one holder at a time, its name told to the next, free again
# whatever way the holder ends.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
# The script looks at all processes of the node: this node is to have none but ours.
if [ "${POWERSTACK_OWN_PIDS:-}" != yes ] && unshare --pid --fork --mount-proc true 2>/dev/null; then
	POWERSTACK_OWN_PIDS=yes exec unshare --pid --fork --mount-proc --kill-child "$0"
fi
script=$(cat provision/files/lock.sh)
tmp=$(mktemp -d)
pids=
trap 'for p in $pids; do kill -9 "$p" 2>/dev/null; done; rm -rf "$tmp"' EXIT
trap 'exit 129' INT TERM HUP
# shellcheck disable=SC2034 # for test_that
tap_file=$tmp/log

# hold NAME WHO: starts a holder whose stdin stays open through the fifo NAME.in; its output is in NAME.out
hold() {
	rm -f "$tmp/$1.in"
	mkfifo "$tmp/$1.in"
	sh -euc "$script" powerstack "$tmp/lock" "$2" deploy 20 <"$tmp/$1.in" >"$tmp/$1.out" 2>&1 3>&- 4>&- 5>&- &
	pid=$!
	pids="$pids $pid"
}

# said NAME WORD: the holder's first line, awaited for five seconds
said() {
	i=0
	while [ $i -lt 50 ]; do
		if grep -q . "$tmp/$1.out" 2>/dev/null; then
			head -n 1 "$tmp/$1.out"
			head -n 1 "$tmp/$1.out" | grep -q "$2"
			return
		fi
		sleep 0.1
		i=$((i + 1))
	done
	return 1
}

gone() { # within five seconds
	i=0
	while kill -0 "$1" 2>/dev/null && [ $i -lt 50 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	! kill -0 "$1" 2>/dev/null
}

# try_once WHO [SECONDS]: a run that ends as soon as it has its answer, which is printed
try_once() {
	rm -f "$tmp/once.in"
	mkfifo "$tmp/once.in"
	sh -euc "$script" powerstack "$tmp/lock" "$1" destroy "${2:-20}" <"$tmp/once.in" >"$tmp/once.out" 2>&1 &
	once=$!
	exec 6>"$tmp/once.in"
	while ! grep -q . "$tmp/once.out" && kill -0 "$once" 2>/dev/null; do sleep 0.1; done
	exec 6>&-
	wait "$once"
	once=$?
	cat "$tmp/once.out"
	return $once
}

one_run_holds_it() {
	hold a "ann@desk pid 1"
	a=$pid
	exec 3>"$tmp/a.in"
	said a '^held$' && grep -q '^ann@desk pid 1 runs "deploy" since 20..-..-..T..:..:..Z (process [0-9]* here)$' "$tmp/lock"
}
test_that "the first run holds the lock and writes who it is" one_run_holds_it

the_next_is_told() {
	try_once "bob@desk pid 2" >"$tmp/second"
	status=$?
	cat "$tmp/second"
	[ $status = 75 ] && grep -q '^taken ann@desk pid 1 runs "deploy" since' "$tmp/second" &&
		grep -q '^ann@' "$tmp/lock" && kill -0 "$a"
}
test_that "the second run is told who holds it and changes nothing" the_next_is_told

end_of_input_frees_it() {
	exec 3>&-
	gone "$a" && wait "$a" && [ ! -e "$tmp/lock" ]
}
test_that "the end of its input frees the lock and removes the file" end_of_input_frees_it

a_kill_frees_it() {
	hold b "bob@desk pid 2"
	b=$pid
	exec 4>"$tmp/b.in"
	said b '^held$' || return 1
	kill -9 "$b"
	gone "$b" || return 1
	[ -e "$tmp/lock" ] || return 1
	exec 4>&-
	try_once "eve@desk pid 3" >"$tmp/third"
	status=$?
	cat "$tmp/third"
	[ $status = 0 ] && grep -q '^held$' "$tmp/third" && [ ! -e "$tmp/lock" ]
}
test_that "a killed holder leaves a file that keeps nobody out" a_kill_frees_it

a_signal_frees_it() {
	hold c "cat@desk pid 4"
	c=$pid
	exec 5>"$tmp/c.in"
	said c '^held$' || return 1
	kill -HUP "$c"
	exec 5>&-
	gone "$c" && [ ! -e "$tmp/lock" ]
}
test_that "a hang-up frees the lock and removes the file" a_signal_frees_it

# What a run that was killed leaves at work, as sshd leaves it: no terminal, nobody reads.
orphan() {
	sh -euc "sleep $1" powerstack argument </dev/null >/dev/null 2>&1 &
	orphan=$!
	pids="$pids $orphan"
}
an_orphan_is_waited_for() {
	orphan 2
	try_once "dan@desk pid 5" >"$tmp/waited" || return 1
	cat "$tmp/waited"
	! kill -0 "$orphan" 2>/dev/null && grep -q '^held$' "$tmp/waited"
}
test_that "a command that a killed run left at work is waited for" an_orphan_is_waited_for

a_dead_waiter_frees_it() {
	orphan 30
	hold d "dora@desk pid 6"
	exec 5>"$tmp/d.in"
	i=0
	while ! grep -qs '^dora@' "$tmp/lock" && [ $i -lt 50 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	exec 5>&-
	gone "$pid"
	freed=$?
	cat "$tmp/d.out"
	kill "$orphan"
	[ $freed = 0 ] && ! grep . "$tmp/d.out" && [ ! -e "$tmp/lock" ]
}
test_that "a run that dies while it waits frees the lock" a_dead_waiter_frees_it

# Two runs at once: the one that has the lock must not take the one that waits for it for a dead run's.
a_waiter_is_not_waited_for() {
	hold f "fay@desk pid 7"
	f=$pid
	exec 4>"$tmp/f.in"
	said f '^held$' || return 1
	hold g "gus@desk pid 8"
	g=$pid
	hold h "hal@desk pid 9"
	h=$pid
	exec 3>"$tmp/g.in" 5>"$tmp/h.in" 4>&-
	gone "$f" || return 1
	waited=0
	until grep -qs '^held' "$tmp/g.out" "$tmp/h.out" || [ $waited -ge 10 ]; do
		sleep 0.1
		waited=$((waited + 1))
	done
	exec 3>&- 5>&-
	cat "$tmp/g.out" "$tmp/h.out"
	gone "$g" && gone "$h" && [ $waited -lt 10 ]
}
test_that "a run that waits for the lock does not hold up the one that has it" a_waiter_is_not_waited_for

a_stuck_orphan_is_told() {
	orphan 30
	try_once "dan@desk pid 5" 1 >"$tmp/stuck"
	status=$?
	cat "$tmp/stuck"
	kill "$orphan"
	[ $status = 75 ] && grep -q "^busy $orphan\$" "$tmp/stuck" && [ ! -e "$tmp/lock" ]
}
test_that "one that does not end is told, and the lock let go" a_stuck_orphan_is_told

a_namesake_is_not_waited_for() {
	sh -c 'sleep 20; :' powerstack &
	namesake=$!
	pids="$pids $namesake"
	try_once "dan@desk pid 5" 0 >"$tmp/name"
	status=$?
	kill "$namesake"
	cat "$tmp/name"
	[ $status = 0 ]
}
a_container_is_another_node() {
	unshare --mount sh -euc "sleep 20; :" powerstack argument </dev/null >/dev/null 2>&1 &
	inside=$!
	pids="$pids $inside"
	sleep 0.5
	try_once "dan@desk pid 5" 0 >"$tmp/container"
	status=$?
	kill "$inside"
	cat "$tmp/container"
	[ $status = 0 ]
}
test_that "a process that is merely called powerstack is not waited for" a_namesake_is_not_waited_for

if unshare --mount true 2>/dev/null; then
	test_that "what works in a container here is not waited for" a_container_is_another_node
else
	skip 'no right to make a mount namespace' 'what works in a container here is not waited for'
fi

# Each of many takes the lock, counts inside it and lets go: two inside at once would lose a count.
racer() {
	k=0
	while [ $k -lt 8 ]; do
		rm -f "$tmp/r$1.in" "$tmp/r$1.out"
		mkfifo "$tmp/r$1.in"
		sh -euc "$script" powerstack "$tmp/race" "r$1" deploy 20 <"$tmp/r$1.in" >"$tmp/r$1.out" 2>/dev/null &
		holder=$!
		exec 6>"$tmp/r$1.in"
		until grep -q . "$tmp/r$1.out" || ! kill -0 "$holder" 2>/dev/null; do sleep 0.01; done
		if grep -q '^held' "$tmp/r$1.out"; then
			mkdir "$tmp/inside" || echo "two inside" >>"$tmp/trouble"
			echo x >>"$tmp/count"
			rmdir "$tmp/inside"
			k=$((k + 1))
		fi
		exec 6>&-
		wait "$holder"
	done
}
nobody_is_inside_twice() {
	racers=
	for r in 1 2 3; do
		racer $r &
		racers="$racers $!"
	done
	for p in $racers; do wait "$p"; done
	cat "$tmp/trouble" 2>/dev/null
	[ ! -e "$tmp/trouble" ] && [ "$(grep -c x "$tmp/count")" = 24 ]
}
test_that "many runs that come and go are never inside at once" nobody_is_inside_twice

done_testing
