#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make bench: ratios against peers measured in the same run, one "name value unit" line each. Absolute
# times stand beside them only to read the ratios by: the machines are noisy, so what is compared takes
# turns, and what counts is the middle one of several.
#
#	BENCH="noop ansible hosts upload page switch exporter"	which ones; each is tests/bench/NAME.sh and says there what it measures
#	BENCH_ROUNDS=N				turns of each instead of the bench's own number
#
# What cannot run here says "# NAME skipped: why"; what goes wrong ends the run with status 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
failed=0
for name in ${BENCH:-noop ansible hosts upload page switch exporter}; do
	[ -e "tests/bench/$name.sh" ] || {
		echo "no benchmark is called '$name'; there are $(cd tests/bench && ls | sed -n '/^run\.sh$/d; /^lib\.sh$/d; s/\.sh$//p' | tr '\n' ' ')" >&2
		exit 2
	}
	echo "# $name"
	"tests/bench/$name.sh" || {
		echo "# $name FAILED" >&2
		failed=1
	}
done
exit $failed
