#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs every test that CI runs, stage by stage, and adds the results up. A stage writes TAP to
# out/results/<name>.tap; a stage that dies without results counts as one failure. A skip is printed with
# its reason. POWERSTACK_TEST_ONLY="unit fuzz" runs only those stages.
set -u
cd "$(dirname "$0")/.." || exit 1
results=out/results
rm -rf "$results"
mkdir -p "$results"
jobs=$(nproc)
start=$(date +%s)
build_failed=0

say() { printf '%4ds  %s\n' $(($(date +%s) - start)) "$*"; }
wanted() { case " ${POWERSTACK_TEST_ONLY:-$1} " in *" $1 "*) return 0 ;; esac; return 1; }

# one NAME COMMAND...: a stage that is one test: passes when the command does
one() {
	name=$1
	shift
	wanted "$name" || return 0
	say "$name"
	if "$@" >"$results/$name.log" 2>&1; then
		echo "ok 1 - $name" >"$results/$name.tap"
	else
		echo "not ok 1 - $name" >"$results/$name.tap"
		tail -40 "$results/$name.log"
	fi
}

# suite FILE SECONDS: a TAP suite
suite() {
	name=$(basename "$1" .test.sh)
	wanted "$name" || return 0
	say "$name"
	timeout -k 20 "$2" "$1" >"$results/$name.tap" 2>"$results/$name.log" </dev/null
	rc=$?
	if ! grep -q '^1\.\.' "$results/$name.tap"; then
		echo "not ok 999 - $name ended early (status $rc)" >>"$results/$name.tap"
	elif [ $rc != 0 ] && ! grep -q '^not ok' "$results/$name.tap"; then
		echo "not ok 999 - $name exited with status $rc" >>"$results/$name.tap"
	fi
	if grep -q '^not ok' "$results/$name.tap"; then
		grep -A 12 '^not ok' "$results/$name.tap" | head -60
		tail -20 "$results/$name.log"
	fi
}

fuzz_one() {
	target=$1
	kept=out/fuzz/corpus/$target
	mkdir -p "$kept"
	if nice -n 19 "out/fuzz/fuzz/$target" -max_total_time="${POWERSTACK_FUZZ_SECONDS:-60}" -timeout=20 -rss_limit_mb=2048 \
		-artifact_prefix="$results/fuzz-$target-" "$kept" "tests/fuzz/corpus/$target" \
		>"$results/fuzz-$target.log" 2>&1; then
		echo "ok 1 - fuzz $target: $(grep -E '^(Done|#.*DONE)' "$results/fuzz-$target.log" | tail -1)"
	else
		echo "not ok 1 - fuzz $target: $(grep -E 'ERROR|SUMMARY' "$results/fuzz-$target.log" | head -1)"
	fi >"$results/fuzz-$target.tap"
}

# The fuzz targets, as many at once as there are processors.
fuzz_all() {
	wanted fuzz || return 0
	say "fuzz: each target for ${POWERSTACK_FUZZ_SECONDS:-60} s"
	make --no-print-directory -j"$jobs" MODE=fuzz fuzz-build >"$results/fuzz-build.log" 2>&1 || {
		tail -30 "$results/fuzz-build.log"
		echo "not ok 1 - fuzz targets build" >"$results/fuzz-build.tap"
	}
	( # by itself: wait is for these alone
		running=0
		for f in tests/fuzz/*_fuzz.c; do
			[ -e "$f" ] || continue
			target=$(basename "$f" _fuzz.c)
			[ -x "out/fuzz/fuzz/$target" ] || continue
			fuzz_one "$target" &
			running=$((running + 1))
			if [ $running -ge "$jobs" ]; then
				wait
				running=0
			fi
		done
		wait
	)
	cat "$results"/fuzz-*.tap | grep '^not ok'
}

race_all() {
	wanted race || return 0
	say "race: TSan"
	make --no-print-directory -j"$jobs" MODE=tsan race-build >"$results/race-build.log" 2>&1 || {
		tail -30 "$results/race-build.log"
		echo "not ok 1 - race programs build" >"$results/race-build.tap"
	}
	for b in out/tsan/race/*; do
		case $b in *.d | *'*') continue ;; esac
		n=$(basename "$b")
		if TSAN_OPTIONS=halt_on_error=1:exitcode=66 timeout 300 "$b" >"$results/race-$n.log" 2>&1; then
			echo "ok 1 - race $n"
		else
			echo "not ok 1 - race $n"
			tail -40 "$results/race-$n.log" >&2
		fi >"$results/race-$n.tap"
	done
	cat "$results"/race-*.tap 2>/dev/null | grep '^not ok'
}

unit() {
	wanted unit || return 0
	say "unit: ASan and UBSan"
	if ! make --no-print-directory -j"$jobs" MODE=asan out/asan/unit >"$results/unit-build.log" 2>&1; then
		tail -30 "$results/unit-build.log"
		echo "not ok 1 - unit tests build" >"$results/unit-build.tap"
		return
	fi
	tests/unit.sh out/asan/unit || grep -q '^not ok' "$results/unit.tap" ||
		echo "not ok 999 - unit: a sanitizer reported, or the runner failed" | tee -a "$results/unit.tap"
}

# What the lab needs takes minutes to build and is needed last: beside everything else, where it is in the way
# least.
cluster_builder=
begin_cluster_build() {
	for s in tests/lab/*.test.sh; do
		if wanted "$(basename "$s" .test.sh)"; then
			setsid sh -c 'tests/lab/lab deps && nice -n 19 tests/lab/lab image && nice -n 19 tests/lab/lab cluster-build' \
				>"$results/cluster-build.log" 2>&1 </dev/null &
			cluster_builder=$!
			trap '[ -z "$cluster_builder" ] || kill -- "-$cluster_builder" 2>/dev/null' EXIT
			trap 'exit 130' INT TERM
			return
		fi
	done
}
await_cluster_build() {
	[ -n "$cluster_builder" ] || return 0
	say "what the lab needs"
	wait "$cluster_builder" || tail -5 "$results/cluster-build.log"
	cluster_builder=
}

begin_cluster_build
say build
make --no-print-directory -j"$jobs" all >"$results/build.log" 2>&1 || {
	tail -40 "$results/build.log"
	echo "not ok 1 - build" >"$results/build.tap"
	build_failed=1
}
one lint make --no-print-directory lint
unit
race_all
if [ $build_failed = 0 ]; then
	for s in $(find tests -name '*.test.sh' ! -path 'tests/lab/*' | sort); do
		suite "$s" 600
	done
	# The lab last and alone: emulated machines beside fuzz targets are several times slower.
	fuzz_all
	await_cluster_build
	for s in tests/lab/*.test.sh; do
		[ -e "$s" ] && suite "$s" 6000
	done
else
	fuzz_all
fi

cat "$results"/*.tap >"$results/all"
failed=$(grep -c '^not ok' "$results/all")
skipped=$(grep -ciE '^ok .*# skip' "$results/all")
passed=$(($(grep -c '^ok' "$results/all") - skipped))
grep -iE '^ok .*# skip' "$results/all" | sed 's/^ok [0-9]* *-* */skipped: /'
say "done"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
