#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A million random ticks: sums are exact to the microjoule and no account steps back.
set -u
cd "$(dirname "$0")/../.." || exit 1
make --no-print-directory out/release/property/conservation >/dev/null || exit 1
n=0
for seed in 1 2 3 4; do
	n=$((n + 1))
	if said=$(out/release/property/conservation 250000 $seed); then
		echo "ok $n - $said"
	else
		echo "not ok $n - seed $seed"
		echo "# $said"
	fi
done
echo "1..$n"
