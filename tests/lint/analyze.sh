#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Static analysis, slow and advisory: gcc's analyzer and cppcheck over our own sources.
set -u
rc=0
for f in $(git ls-files 'base/*.c' 'inventory/*.c' 'vault/*.c' 'provision/*.c' 'cli/*.c' 'exporter/*.c'); do
	gcc -std=gnu11 -D_GNU_SOURCE -I. -Iout/release -Iout/bpf -DPOWERSTACK_VERSION='"x"' -DPOWERSTACK_REVISION='"x"' -DPOWERSTACK_BRANCH='"x"' -O1 -fanalyzer -Wno-analyzer-malloc-leak \
		-c -o /dev/null "$f" || rc=1
done
if command -v cppcheck >/dev/null; then
	git ls-files '*.c' | grep -v '\.bpf\.c$' | xargs cppcheck --quiet --std=c11 -I. --enable=warning,portability \
		--inline-suppr --suppress=missingIncludeSystem --error-exitcode=1 || rc=1
fi
exit $rc
