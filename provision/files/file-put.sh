#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 path, $2 mode. stdin: a line with the sha256 of the rest, which becomes the file's content. What is cut
# off or damaged on the way changes nothing. (The sum may tell something of a secret: it is no argument.)
set -eu
. provision/files/own.lib.sh
IFS= read -r want
[ -d "${1%/*}" ] || mkdir -p -- "${1%/*}/"
new=$(umask 077 && mktemp -- "$1.powerstack.XXXXXX")
trap 'rm -f -- "$new"' EXIT
cat >"$new"
sum=$(sha256sum <"$new")
[ "${sum%% *}" = "$want" ] || fail "'$1': what arrived is not what was sent; the file was left alone"
chown 0:0 -- "$new"
chmod "$2" -- "$new"
sync -- "$new"
mv -f -T -- "$new" "$1"
trap - EXIT
sync -- "${1%/*}/"
