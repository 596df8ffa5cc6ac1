#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs the unit test binary and fails also on what criterion hides: a sanitizer report from a
# test's own process (house rule: a leaking test counts as passed there).
set -u
bin=$1
mkdir -p out/results out/san
rm -f out/san/* out/results/unit.tap
ASAN_OPTIONS=log_path=out/san/asan:detect_leaks=1 UBSAN_OPTIONS=log_path=out/san/ubsan:print_stacktrace=1 \
	"$bin" --tap=out/results/unit.tap --jobs 2 --timeout 600 >out/results/unit.log 2>&1
rc=$?
grep -E '^not ok' out/results/unit.tap
[ $rc = 0 ] || tail -40 out/results/unit.log
for f in out/san/*; do
	[ -e "$f" ] || continue
	# a skipped test: criterion's own record of it, which criterion does not free
	if ! grep -q 'ERROR: AddressSanitizer\|runtime error' "$f" &&
		[ "$(grep -c 'leak of .* object' "$f")" = "$(grep -c '^ *#1 .*libcriterion' "$f")" ]; then
		continue
	fi
	echo "sanitizer report: $f"
	head -40 "$f"
	rc=1
done
echo "unit: $(grep -c '^ok' out/results/unit.tap) passed, $(grep -c '^not ok' out/results/unit.tap) failed"
exit $rc
