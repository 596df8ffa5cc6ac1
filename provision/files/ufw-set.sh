#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes the rules of ufw that carry our comment be exactly the arguments, each "PROTO PORT NETWORK"; none
# takes all of ours away. Rules without the comment are the owner's.
set -eu
. provision/files/own.lib.sh
command -v ufw >/dev/null || {
	[ $# = 0 ] || fail 'ufw is missing'
	exit 0
}
# "### tuple ### allow tcp 2049 0.0.0.0/0 any 192.168.0.0/24 in comment=HEX": 706f... is "powerstack"
have=$nl
if [ -f /etc/ufw/user.rules ]; then
	while read -r a b c action proto port to sport from way; do
		[ "$a $b $c" = '### tuple ###' ] || continue
		[ "$action ${way#* }" = 'allow comment=706f776572737461636b' ] || continue
		have="$have$proto $port $from$nl"
	done </etc/ufw/user.rules
	: "$to $sport"
fi
want=$nl
for r; do want="$want$r$nl"; done
rule() {
	# shellcheck disable=SC2086
	set -- $1 "$2"
	if [ "$4" = delete ]; then
		out=$(ufw delete allow proto "$1" from "$3" to any port "$2" 2>&1 </dev/null)
	else
		out=$(ufw allow proto "$1" from "$3" to any port "$2" comment powerstack 2>&1 </dev/null)
	fi || fail "ufw: ${out##*"$nl"}"
}
old=$IFS
IFS=$nl
for r in $have; do
	IFS=$old
	case $want in *"$nl$r$nl"*) ;; *) rule "$r" delete ;; esac
done
IFS=$nl
for r in $want; do
	IFS=$old
	case $have in *"$nl$r$nl"*) ;; *) rule "$r" add ;; esac
done
