#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 path, $2 mode (octal, no leading 0), $3 owner (USER:GROUP), $4 sha256, $5 size in bytes, $6 "remember" or
# nothing, $7 "previous" to keep the file that was there as $1.previous. stdin: the content.
# Says "same" (all was as wanted; nothing was read), "fixed" (only mode or owner were not) or "new". What is cut off,
# damaged or does not fit changes nothing and leaves nothing.
#
# With "remember", the sum is recorded together with the file's inode, size and time of change, which
# nobody can set: while they stay the same the probe needs to read no large file to know its sum.
set -eu
. provision/files/own.lib.sh
. provision/files/sum.lib.sh

new=
trap '[ -z "$new" ] || rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT TERM PIPE

# The sha256 of stdin. openssl knows the processor's instructions for it: three times as fast.
sum_up() {
	if command -v openssl >/dev/null; then
		openssl dgst -sha256 -r
	else
		sha256sum
	fi
}

remember() {
	[ "$6" = remember ] || return 0
	sum_record "$1"
	stat -c "$4 %i %s %.9Z $1" -- "$1" | replace "$state/$record" 0600
}

dir=${1%/*}/
[ ! -L "$1" ] || fail "'$1' is a symbolic link: name the file itself, or remove the link"
[ ! -d "$1" ] || fail "'$1' is a directory"
[ -d "$dir" ] || fail "the folder '$dir' does not exist"

# what uploads that were cut off left behind
for old in "$1".powerstack.??????; do
	if [ -f "$old" ] && [ ! -L "$old" ]; then
		rm -f -- "$old"
	fi
done

if [ -f "$1" ] && [ "$(stat -c %s -- "$1")" = "$5" ]; then
	sum=$(sum_up <"$1")
	if [ "${sum%% *}" = "$4" ]; then
		case "$(stat -c '%a %U:%G' -- "$1")|$(stat -c '%a %u:%g' -- "$1")" in
		"$2 $3|"* | *"|$2 $3") echo same ;;
		*)
			chown -- "$3" "$1"
			chmod "$2" -- "$1"
			sync -- "$1"
			echo fixed
			;;
		esac
		remember "$@"
		exit 0
	fi
fi

# A file system that counts no blocks has no say.
if [ "$(stat -f -c %b -- "$dir")" -gt 0 ]; then
	free=%a
	[ "$(id -u)" != 0 ] || free=%f
	free=$(($(stat -f -c "$free" -- "$dir") * $(stat -f -c %S -- "$dir")))
	[ "$free" -ge "$5" ] ||
		fail "no space for '$1': it needs $((($5 + 1023) / 1024)) KiB and '$dir' has $((free / 1024)) KiB left"
fi

new=$(umask 077 && mktemp -- "$1.powerstack.XXXXXX")
why=$(cat 2>&1 >"$new") || fail "writing '$1' failed (${why#cat: })"
size=$(stat -c %s -- "$new")
[ "$size" = "$5" ] || fail "only $size of the $5 bytes of '$1' arrived: it was left alone"
sum=$(sum_up <"$new")
[ "${sum%% *}" = "$4" ] || fail "what arrived for '$1' is not what was sent: it was left alone"
chown -- "$3" "$new"
chmod "$2" -- "$new"
sync -- "$new"
# a second name for the old file: at no time is there none at the path itself
if [ "${7-}" = previous ] && [ -f "$1" ]; then
	rm -f -- "$1.previous"
	ln -- "$1" "$1.previous"
fi
mv -f -T -- "$new" "$1"
new=
sync -- "$dir"
remember "$@"
echo new
