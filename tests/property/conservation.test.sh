#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A million random ticks: sums are exact to the microjoule and no account steps back.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/tap.sh
. tests/tap.sh
make --no-print-directory out/release/property/conservation >/dev/null || exit 1
for seed in 1 2 3 4; do
	if said=$(out/release/property/conservation 250000 $seed); then
		ok "$said"
	else
		not_ok "seed $seed"
		echo "# $said"
	fi
done
done_testing
