#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# man/fill.sh PROGRAM IN: prints IN with every line "@NAME@" replaced by what
# "PROGRAM __dump NAME" prints, and @VERSION@ inside a line by the version.
set -eu
program=$1
version=$("$program" --version | sed 's/^[^ ]* //')
while IFS= read -r line; do
	case $line in
	@[a-z]*@)
		what=${line#@}
		"$program" __dump "${what%@}"
		;;
	*) printf '%s\n' "$line" | sed "s/@VERSION@/$version/g" ;;
	esac
done <"$2"
