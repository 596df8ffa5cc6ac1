#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 "disk" or "nfs", $2 mount point: unmounts what our fstab line mounted, takes the line away, and the folder
# when we made it and it is empty. A disk is never unmounted lazily or by force; an NFS mount is, but only
# when its server does not answer any more.
set -eu
. provision/files/own.lib.sh
. provision/files/mount.lib.sh
kind=$1 at=$2
name=made/$(echo "${at#/}" | tr / -)
unit=$(unit_of "$at")

# a mount that is still being tried
if [ "$(systemctl show -p ActiveState --value -- "$unit")" = activating ]; then
	timeout 20 systemctl stop -- "$unit" 2>/dev/null || :
fi
n=0
while mounted "$at"; do
	n=$((n + 1))
	[ $n -le 3 ] || fail "'$at' is still mounted"
	rc=0
	out=$(timeout -k 1 20 umount -- "$at" 2>&1) || rc=$?
	[ $rc != 0 ] || continue
	if [ "$kind" = nfs ]; then
		server=${m_source%%:/*}
		# shellcheck disable=SC2016
		if ! timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/2049"' powerstack "$server" 2>/dev/null; then
			out=$(timeout -k 1 20 umount -f -l -- "$at" 2>&1) && continue
		fi
	fi
	who_is_busy "$at"
	fail "'$at' cannot be unmounted: $out${busy:+; in use by $busy}"
done
if [ -e /etc/fstab ] && awk -v at="$at" '$1 !~ /^#/ && $2 == at && ("," $4 ",") ~ /,x-powerstack,/ { f = 1 } END { exit !f }' /etc/fstab; then
	text=$(fstab_without "$at" && echo .)
	printf '%s' "${text%.}" | fstab_replace || fail "fstab was left alone"
fi
rm -f -- /etc/fstab.powerstack.??????
systemctl daemon-reload
systemctl reset-failed -- "$unit" 2>/dev/null || :
if [ -f "$state/$name" ]; then
	# what is in it by now is not ours
	rmdir -- "$at" 2>/dev/null || :
	forget "$name"
fi
