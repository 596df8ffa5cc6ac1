#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Simulated machines whose truth is known: our error for each workload beside that of Kepler's rules.
set -u
cd "$(dirname "$0")/../.." || exit 1
make --no-print-directory out/release/property/accuracy >/dev/null || exit 1
n=0
for seed in 1 2 3; do
	n=$((n + 1))
	said=$(out/release/property/accuracy $seed)
	rc=$?
	echo "$said" | sed 's/^/# /'
	if [ $rc = 0 ]; then
		echo "ok $n - seed $seed: Kepler's error is as many times ours as each scenario asks for"
	else
		echo "not ok $n - seed $seed"
	fi
done
echo "1..$n"
