# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# What the vault's suites share. $priv is where the tests keep plain secrets of their own; $tmp is
# where powerstack works: no planted secret may ever be found there.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
powerstack=${POWERSTACK:-$PWD/out/release/powerstack}
# shellcheck disable=SC2034
here=$PWD/tests/vault
priv=$(mktemp -d)
tmp=$(mktemp -d)
# shellcheck disable=SC2034 # for test_that
tap_file=$priv/out
export HOME="$tmp/home" TMPDIR="$tmp/tmpdir" LC_ALL=C.UTF-8
unset POWERSTACK_VAULT_PASSWORD_FILE EDITOR VISUAL
mkdir "$HOME" "$TMPDIR" "$tmp/work"
cd "$tmp/work" || exit 1
trap 'rm -rf "$priv" "$tmp"' EXIT
trap 'exit 129' INT TERM HUP

# vault WORDS...: with the password file of the tests, cheap keys, no terminal and empty input
vault() { setsid -w "$powerstack" --vault-password-file "$priv/pw" vault "$@"; }
# status N COMMAND...: it ends with N
status() {
	want=$1
	shift
	"$@"
	got=$?
	[ $got = "$want" ] || {
		echo "status $got, not $want"
		return 1
	}
}
# says TEXT COMMAND...: what it prints (both streams) has TEXT in it
says() {
	text=$1
	shift
	"$@" >"$priv/said" 2>&1
	rc=$?
	cat "$priv/said"
	grep -qF -e "$text" "$priv/said" && return $rc
	echo "does not say: $text"
	return 99
}
mode_is() { [ "$(stat -c %a "$2")" = "$1" ] || { stat -c '%a %n' "$2"; return 1; }; }
