#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Debian packages that the given lists name and this machine lacks. Asks nothing. A line
# "one|other" names a package that another distribution calls by the second name.
set -eu
want=$(sed -e 's/#.*//' "$@" | tr -s ' \n' '\n' | sort -u)
missing=
as_root=
[ "$(id -u)" = 0 ] || as_root='sudo -n'
known() { apt-cache show "$1" >/dev/null 2>&1; }
for p in $want; do
	case $p in
	*'|'*)
		# A fresh machine's package lists may be empty: then neither name is known yet.
		known "${p%%|*}" || known "${p#*|}" || $as_root apt-get update -qq
		if known "${p%%|*}"; then p=${p%%|*}; else p=${p#*|}; fi ;;
	esac
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 || {
	$as_root apt-get update -qq
	$as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null
}
