#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 path. Prints the file.
set -eu
. provision/files/own.lib.sh
[ -f "$1" ] || fail "'$1' is no file"
exec cat -- "$1"
