#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Folders on the data volume, each as path, uid, gid: they are there and belong, with all in them, to whom the pods that
# use them run as, for NFS knows no fsGroup.
set -eu
. provision/files/own.lib.sh
while [ $# -gt 0 ]; do
	[ ! -L "$1" ] || fail "'$1' is a symbolic link: a folder has to be there"
	[ -d "$1" ] || mkdir -- "$1"
	if [ "$(stat -c '%u:%g' -- "$1")" != "$2:$3" ]; then
		# its own owner last: it says that all of it was done
		find "$1" -xdev -mindepth 1 -exec chown -h -- "$2:$3" {} +
		chmod 0750 -- "$1"
		chown -- "$2:$3" "$1"
	fi
	chmod 0750 -- "$1"
	shift 3
done
