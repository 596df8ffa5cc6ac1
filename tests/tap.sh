# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# TAP for shell suites: `. tests/tap.sh`, any number of these, `done_testing` at the end.
tap_n=0
tap_failed=0

ok() { # ok DESCRIPTION
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1"
}
not_ok() { # not_ok DESCRIPTION: what was seen goes before it, in lines that begin with "# "
	tap_n=$((tap_n + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_n - $1"
}
skip() { # skip REASON DESCRIPTION
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $2 # SKIP $1"
}
is() { # is SEEN WANTED DESCRIPTION
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3"
		printf '%s\n' "$1" | sed 's/^/#   seen: /'
		printf '%s\n' "$2" | sed 's/^/# wanted: /'
	fi
}
like() { # like TEXT PATTERN DESCRIPTION: grep -E PATTERN finds a line of TEXT
	# no pipe: grep -q ends at the first match, and with pipefail the writer's SIGPIPE would count
	if grep -Eq -- "$2" <<-TAP
		$1
	TAP
	then
		ok "$3"
	else
		not_ok "$3"
		printf '%s\n' "$1" | sed 's/^/#   seen: /' | head -40
		printf '# wanted: %s\n' "$2"
	fi
}
run_ok() { # run_ok DESCRIPTION COMMAND...: the command exits 0
	tap_what=$1
	shift
	if tap_out=$("$@" 2>&1); then
		ok "$tap_what"
	else
		tap_rc=$?
		not_ok "$tap_what"
		printf '%s\n' "$tap_out" | sed 's/^/# /' | head -40
		echo "# status $tap_rc: $*"
	fi
}
test_that() { # test_that DESCRIPTION COMMAND...: as run_ok, but in this very shell, whose variables the command may set. Its output
	# goes to the file $tap_file of the suite's; a suite's $tap_around may run it and see to more.
	tap_what=$1
	shift
	# shellcheck disable=SC2154 # the suite's
	if ${tap_around-} "$@" >"$tap_file" 2>&1; then
		ok "$tap_what"
	else
		tap_rc=$?
		not_ok "$tap_what"
		sed 's/^/# /' "$tap_file" | tail -40
		echo "# status $tap_rc: $*"
	fi
}
wait_for() { # wait_for SECONDS COMMAND...: until it exits 0
	tap_tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tap_tries=$((tap_tries - 1))
		[ "$tap_tries" -gt 0 ] || return 1
		sleep 0.05
	done
}
free_port() { # that nobody of 127.0.0.1 has now
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
done_testing() { # the plan; the status is that of the whole suite
	echo "1..$tap_n"
	[ "$tap_failed" = 0 ] || return 1
}
