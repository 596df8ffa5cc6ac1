/* SPDX-License-Identifier: BSD-2-Clause */
/* conservation TICKS SEED: the law of the ledger over that many random ticks; what happened in them. */
#include "tests/property/conservation.h"

int main(int argc, char **argv)
{
	static struct conserve c;
	uint64_t ticks = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	if (conserve(seed, ticks, &c) < 0) {
		printf("seed %llu: %s\n", (unsigned long long)seed, c.wrong);
		return 1;
	}
	printf("%llu ticks, difference 0 uJ: %llu wraps, %llu doubts, %llu without use, %llu accounts read, "
	       "%llu workloads and processes; package %llu J dynamic, %llu J idle, %llu J unsplit\n",
	       (unsigned long long)ticks, (unsigned long long)c.wraps, (unsigned long long)c.doubts,
	       (unsigned long long)c.missing, (unsigned long long)c.parties, (unsigned long long)c.next_id,
	       (unsigned long long)c.dynamic_uj / 1000000, (unsigned long long)c.idle_uj / 1000000,
	       (unsigned long long)c.unsplit_uj / 1000000);
	return !(c.wraps && c.doubts && c.missing && c.retired && c.idle_uj && c.dynamic_uj && c.unsplit_uj && c.gpu_users);
}
