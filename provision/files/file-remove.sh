#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 path: removes the file, what an interrupted write left beside it, and with "$2" = dir its folder when
# it is then empty.
set -eu
. provision/files/own.lib.sh
. provision/files/sum.lib.sh
rm -f -- "$1" "$1".powerstack.??????
sum_record "$1"
forget "$record"
case $1 in /etc/systemd/*) systemctl daemon-reload ;; esac
[ "${2-}" != dir ] || rmdir -- "${1%/*}" 2>/dev/null || :
[ ! -e "${1%/*}" ] || sync -- "${1%/*}/"
