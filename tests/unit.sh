#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs the unit test binary and fails also on what criterion hides: a sanitizer report from a
# test's own process (house rule: a leaking test counts as passed there). A runner that ends with the
# sanitizers' own status is judged by their reports.
set -u
bin=$1
mkdir -p out/results out/san
rm -f out/san/* out/results/unit.tap
sanitized=99
ASAN_OPTIONS=log_path=out/san/asan:detect_leaks=1:exitcode=$sanitized UBSAN_OPTIONS=log_path=out/san/ubsan:print_stacktrace=1 \
	"$bin" --tap=out/results/unit.tap --jobs 2 --timeout 600 >out/results/unit.log 2>&1
rc=$?
grep -E '^not ok' out/results/unit.tap
[ $rc != $sanitized ] || [ -z "$(ls out/san)" ] || rc=0
[ $rc = 0 ] || {
	echo "unit: the runner ended with status $rc"
	tail -40 out/results/unit.log
}
for f in out/san/*; do
	[ -e "$f" ] || continue
	# criterion's own records, of skipped tests among others, which it does not free
	leaks=$(grep -c 'leak of .* object' "$f")
	if [ "$leaks" != 0 ] && [ "$leaks" = "$(grep -c '^ *#1 .*libcriterion' "$f")" ] &&
		! grep -q 'ERROR: AddressSanitizer\|runtime error' "$f"; then
		continue
	fi
	echo "sanitizer report: $f"
	head -40 "$f"
	rc=1
done
echo "unit: $(grep -c '^ok' out/results/unit.tap) passed, $(grep -c '^not ok' out/results/unit.tap) failed"
exit $rc
