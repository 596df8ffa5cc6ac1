#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# $1 record; stdin: its text. Without a text it is forgotten.
set -eu
. provision/files/own.lib.sh
text=$(cat)
if [ -n "$text" ]; then printf '%s\n' "$text" | record "$1"; else forget "$1"; fi
