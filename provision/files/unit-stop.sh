#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 unit, $2 "ours" or "shared": stops and disables it; forgets that a shared one was switched on by us.
set -eu
. provision/files/own.lib.sh
load=$(systemctl show -p LoadState --value -- "$1")
if [ "$load" != not-found ]; then
	out=$(systemctl disable -- "$1" 2>&1) || fail "unit '$1' cannot be disabled: ${out##*"$nl"}"
	out=$(systemctl stop -- "$1" 2>&1) || fail "unit '$1' cannot be stopped: ${out##*"$nl"}"
	systemctl reset-failed -- "$1" 2>/dev/null || :
fi
[ "$2" = ours ] || forget "unit/$1"
