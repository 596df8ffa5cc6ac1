#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Simulated machines whose truth is known: our error for each workload beside that of Kepler's rules.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
make --no-print-directory out/release/property/accuracy >/dev/null || exit 1
for seed in 1 2 3; do
	run_ok "seed $seed: Kepler's error is as many times ours as each scenario asks for" out/release/property/accuracy $seed
	# shellcheck disable=SC2154 # tap.sh's
	printf '%s\n' "$tap_out" | sed 's/^/# /'
done
done_testing
