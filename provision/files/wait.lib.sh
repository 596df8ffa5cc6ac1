# SPDX-License-Identifier: BSD-2-Clause
# How scripts wait: for a limited time, and saying what for.

# tell TEXT: what is waited for, whenever it changes
told=
tell() {
	[ "$1" != "$told" ] || return 0
	told=$1
	printf '%s\n' "$1" | tr -s '\n\t' '  ' | cut -c 1-300
}
# last LINES: the last line of a text
last() { printf '%s\n' "$1" | sed -n '/./h;${g;p;}'; }

# begin SECONDS: a time limit for everything that is waited for
begin() { until=$(($(date +%s) + $1)) limit=$1; }
left() {
	left=$((until - $(date +%s)))
	[ "$left" -gt 0 ]
}
