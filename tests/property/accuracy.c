/* SPDX-License-Identifier: BSD-2-Clause */
/* accuracy SEED: the mean error of a workload, ours and Kepler's, a line for each scenario. */
#include "tests/property/accuracy.h"

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	int bad = 0;

	printf("%-12s %9s %9s %9s %9s\n", "scenario", "ours", "kepler", "times", "at least");
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		struct accuracy a;

		if (accuracy_of(s, seed, &a) < 0)
			return 1;
		bool good = a.ours * s->at_least <= a.kepler;

		printf("%-12s %8.2f%% %8.2f%% %9.1f %9.1f  %s%s\n", s->name, a.ours * 100, a.kepler * 100,
		       a.kepler / (a.ours > 1e-6 ? a.ours : 1e-6), s->at_least, s->what, good ? "" : " (MISSED)");
		bad += !good;
	}
	return bad > 0;
}
