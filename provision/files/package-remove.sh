#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 package, $2 seconds to wait for another package manager. Purges what the record added/$1 names
# (removes without purging what it says to keep the configuration of), except what something that is not in the record needs by now: that stays and is no longer ours.
set -eu
. provision/files/own.lib.sh
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
record=added/$1
wait=$2
[ -f "$state/$record" ] || exit 0

broken=$(dpkg --audit) || broken=yes
if [ -n "$broken" ]; then
	dpkg --force-confdef --force-confold --configure -a </dev/null >/dev/null 2>&1 || :
fi

# of the record, what is on the node (dpkg's second letter: n not installed, c only configuration)
ours=
while read -r p; do
	s=$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || :)
	case $s in ?n* | '') ;; *) ours="$ours $p" ;; esac
done <"$state/$record"

# simulate PACKAGE...: $gone = what purging them would remove
simulate() {
	out=$(apt-get -s -q -y purge "$@" 2>&1 </dev/null) || fail "purging$*: ${out##*"$nl"}"
	gone=
	old=$IFS
	IFS=$nl
	for l in $out; do
		case $l in 'Purg '* | 'Remv '*) l=${l#???? } gone="$gone ${l%% *}" ;; esac
	done
	IFS=$old
}
# others PACKAGE...: of $gone, what is not among the packages given
others() {
	left=
	for g in $gone; do
		case " $* " in *" $g "*) ;; *) left="$left $g" ;; esac
	done
}
apt() { apt-get -q -y -o "DPkg::Lock::Timeout=$wait" "$@" </dev/null; }
remove_all() {
	for p; do
		shift
		if grep -qxF -- "keep:$p" "$state/$record"; then apt remove "$p" || return 1; else set -- "$@" "$p"; fi
	done
	[ $# = 0 ] || apt purge "$@"
}
# what has only configuration left has no dependents
while [ -n "$ours" ]; do
	# shellcheck disable=SC2086
	simulate $ours
	# shellcheck disable=SC2086
	others $ours
	[ -n "$left" ] || break
	keep=
	for p in $ours; do
		simulate "$p"
		# shellcheck disable=SC2086
		others $ours
		[ -z "$left" ] || keep="$keep $p"
	done
	[ -n "$keep" ] || fail "removing$ours would also remove$left, which powerstack did not install"
	rest=
	for p in $ours; do
		case "$keep " in *" $p "*) ;; *) rest="$rest $p" ;; esac
	done
	ours=$rest
	# what another part of powerstack needs goes with that part
	for r in "$state"/added/*; do
		if ! [ -f "$r" ] || [ "$r" = "$state/$record" ]; then continue; fi
		for g in $left; do
			if grep -qxF -- "$g" "$r"; then
				for p in $keep; do echo "$p"; done | sort -u - "$r" | record "added/${r##*/}"
				break
			fi
		done
	done
done
if [ -n "$ours" ]; then
	# shellcheck disable=SC2086
	out=$(remove_all $ours 2>&1) || {
		why=
		old=$IFS
		IFS=$nl
		for l in $out; do case $l in 'E: '*) why="$why $l" ;; esac; done
		IFS=$old
		fail "package '$1' could not be removed:${why:- ${out##*"$nl"}}"
	}
fi
forget "$record"
