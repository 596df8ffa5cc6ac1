#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 package, $2 seconds to wait for another package manager. Installs it when it is missing. The
# record added/$1, written before the first change, names the packages that this brings: nothing that
# was there before is ever in it, and a run that was cut off is completed by the next one. "keep:NAME"
# in it: configuration of NAME was on the node before; it is removed later, but not purged.
set -eu
. provision/files/own.lib.sh
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
record=added/$1

apt() {
	apt-get -q -y -o "DPkg::Lock::Timeout=$wait" -o Dpkg::Options::=--force-confdef \
		-o Dpkg::Options::=--force-confold --no-install-recommends "$@" </dev/null
}
# Does another package manager hold the lock? fcntl locks name their holder in /proc/locks.
holder() {
	holder=
	[ -e /var/lib/dpkg/lock-frontend ] || return 0
	inode=$(stat -c %i /var/lib/dpkg/lock-frontend)
	while read -r n kind mode rw pid where rest; do
		if [ "$kind" = POSIX ] && [ "${where##*:}" = "$inode" ] && [ -r "/proc/$pid/comm" ]; then
			read -r comm <"/proc/$pid/comm" || :
			holder=" (held by process $pid, $comm)"
		fi
	done </proc/locks
	: "$n $mode $rw $rest"
}
# shellcheck disable=SC2016 # dpkg's variable
installed() {
	case $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null || :) in ?'i ') return 0 ;; esac
	return 1
}

wait=$2
# what an interrupted dpkg left half done stands in the way of everything
broken=$(dpkg --audit) || broken=yes
if [ -n "$broken" ]; then
	t=0
	# apt-get waits for the lock by itself, dpkg does not
	until out=$(dpkg --force-confdef --force-confold --configure -a </dev/null 2>&1); do
		holder
		[ -n "$holder" ] || break
		[ $t -lt "$wait" ] || fail "'dpkg --configure -a' failed$holder: ${out##*"$nl"}"
		t=$((t + 2))
		sleep 2
	done
	# a dependency may not have been unpacked any more
	if out=$(apt -s -f install 2>&1); then
		case $nl$out in
		*"${nl}Remv "*) fail "packages are broken and apt would remove some to repair them: 'apt-get -f install' by hand" ;;
		*"${nl}Inst "* | *"${nl}Conf "*)
			out=$(apt -f install 2>&1) || fail "'apt-get -f install' failed: ${out##*"$nl"}" ;;
		esac
	fi
fi
if installed "$1"; then
	exit 0
fi

plan() { out=$(apt -s install "$1" 2>&1); }
fresh=no
if ! plan "$1"; then
	if ! lists=$(apt update 2>&1); then
		holder
		fail "package '$1': apt-get update failed$holder: ${lists##*"$nl"}"
	fi
	fresh=yes
	plan "$1" || fail "package '$1' cannot be installed: ${out##*"$nl"}"
fi
# "Inst NAME (VERSION ...)": new. "Inst NAME [OLD] (VERSION ...)": an upgrade, not ours to take back.
# "Remv NAME": installing it would take something away; that is the owner's decision.
new=
old=$IFS
IFS=$nl
for l in $out; do
	case $l in
	'Remv '*)
		l=${l#Remv }
		fail "package '$1' cannot be installed without removing '${l%% *}': decide that by hand" ;;
	'Inst '*)
		l=${l#Inst }
		case $l in *' ['*' ('*) continue ;; esac
		new="$new${l%% *}$nl" ;;
	esac
done
IFS=$old
keep=
for p in $new; do
	# shellcheck disable=SC2016 # dpkg's variable
	case $(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || :) in ?c*) keep="${keep}keep:$p$nl" ;; esac
	# its purge deletes this file, whoever wrote it
	if [ "$p" = nfs-kernel-server ] && [ -s /etc/exports ]; then keep="${keep}keep:$p$nl"; fi
done
had=
[ ! -f "$state/$record" ] || had=$(cat "$state/$record")$nl
printf '%s%s%s' "$had" "$new" "$keep" | sort -u | record "$record"

if ! out=$(apt install "$1" 2>&1); then
	# lists that are too old name files that are gone from the archive
	ok=no
	if [ $fresh = no ] && apt update >/dev/null 2>&1 && out=$(apt install "$1" 2>&1); then
		ok=yes
	fi
	if [ $ok = no ]; then
		why=
		IFS=$nl
		for l in $out; do case $l in 'E: '*) why="$why $l" ;; esac; done
		IFS=$old
		holder
		fail "package '$1' could not be installed$holder:${why:- ${out##*"$nl"}}"
	fi
fi
installed "$1" || fail "package '$1' is still not installed: ${out##*"$nl"}"
