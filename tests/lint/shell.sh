#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs shellcheck over every shell script of the tree; a *.lib.sh is checked where it is included.
set -eu
find . -path ./out -prune -o -path ./.git -prune -o \( -name '*.sh' ! -name '*.lib.sh' -o -path ./.ci/run -o -path ./tests/lab/lab \) \
	-type f -exec shellcheck -S warning -x {} +
