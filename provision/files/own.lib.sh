# SPDX-License-Identifier: BSD-2-Clause
# What every script that changes a node shares.
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 022
nl='
'
tab='	'
state=/var/lib/powerstack

fail() {
	echo "$*" >&2
	exit 1
}

# replace PATH MODE: stdin becomes the file, whole or not at all, 0600 until it is complete.
replace() {
	[ -d "${1%/*}" ] || mkdir -p -- "${1%/*}/"
	new=$(umask 077 && mktemp -- "$1.powerstack.XXXXXX")
	if wrote=$(cat 2>&1 >"$new") && chown 0:0 -- "$new" && chmod "$2" -- "$new" && sync -- "$new" && mv -f -T -- "$new" "$1"; then
		sync -- "${1%/*}/"
		return 0
	fi
	rm -f -- "$new"
	echo "writing '$1' failed${wrote:+ (${wrote#cat: })}" >&2
	return 1
}

# Records say what a node had before, so that destroy gives back no less and takes no more.
# record NAME: stdin is the record's text. forget NAME removes it, and the folders that are then empty.
record() { replace "$state/$1" 0600; }
forget() {
	rm -f -- "$state/$1"
	d=$1
	while [ "$d" != "${d%/*}" ]; do
		d=${d%/*}
		rmdir -- "$state/$d" 2>/dev/null || return 0
	done
	rmdir -- "$state" 2>/dev/null || :
}
