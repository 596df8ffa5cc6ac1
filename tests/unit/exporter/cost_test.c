/* SPDX-License-Identifier: BSD-2-Clause */
/* What uses cost, learnt from a meter; and a slow meter beside fast ones. */
#include "exporter/cost.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/fuse.h"

#define SECOND UINT64_C(1000000000)
#define ALL (1u << USE_CPU_NS | 1u << USE_CYCLES | 1u << USE_INSTRUCTIONS | 1u << USE_LLC_MISSES)

static unsigned seed = 7;

/* Both at 3 GHz; one retires two instructions a cycle, the other half of one, in as many CPU seconds as
 * said. 10 W at rest, 1 nJ a cycle, 0.5 nJ an instruction. */
static void second(struct cost *c, double quick, double slow)
{
	uint64_t use[COST_USES] = { [USE_CPU_NS] = (uint64_t)((quick + slow) * 1e9),
				    [USE_CYCLES] = (uint64_t)((quick + slow) * 3e9),
				    [USE_INSTRUCTIONS] = (uint64_t)(quick * 6e9 + slow * 1.5e9) };
	double w = 10 + (double)use[USE_CYCLES] * 1e-9 + (double)use[USE_INSTRUCTIONS] * 0.5e-9;

	cost_learn(c, (uint64_t)(w * 1e6), SECOND, use, ALL, USE_CYCLES);
}

static double part(void)
{
	return (double)(rand_r(&seed) % 1000) / 500;
}

Test(cost, two_programs_of_the_same_cycles_cost_what_they_draw)
{
	struct cost c = { 0 };
	double floor = 0;
	const uint64_t quick[NUSES] = { SECOND, 3 * SECOND, 6 * SECOND }, slow[NUSES] = { SECOND, 3 * SECOND, SECOND * 3 / 2 };

	cr_expect_eq(cost_of(&c, quick), 0);
	cr_expect_not(cost_floor_w(&c, &floor));
	for (int i = 0; i < 300; i++)
		second(&c, part(), part());
	cr_assert(c.trusted && c.known);
	/* 6 W and 3.75 W: in nJ of a second */
	cr_expect_float_eq((double)cost_of(&c, quick) / 6e9, 1, 0.03, "%g", (double)cost_of(&c, quick));
	cr_expect_float_eq((double)cost_of(&c, slow) / 3.75e9, 1, 0.03, "%g", (double)cost_of(&c, slow));
	cr_assert(cost_floor_w(&c, &floor));
	cr_expect_float_eq(floor, 10, 0.2, "%g", floor);
	cr_expect_gt(cost_excess_uj(&c, quick), 500000);
	cr_expect_lt(cost_excess_uj(&c, slow), -500000);
	/* Another set of counters is another thing to learn. */
	cost_learn(&c, 1, SECOND, quick, 1u << USE_CPU_NS, USE_CPU_NS);
	cr_expect_not(c.trusted);
}

Test(cost, nothing_is_learnt_from_what_does_not_change)
{
	struct cost c = { 0 };
	double floor = 0;

	for (int i = 0; i < 300; i++)
		second(&c, 1, 1);
	cr_expect_not(c.trusted);
	cr_expect_not(c.known, "the single use is the evidence, as it is");
	cr_expect_not(cost_floor_w(&c, &floor));
}

/* Any numbers, also impossible ones, leave weights that are numbers and not negative. */
Test(cost, property_weights_stay_sane)
{
	struct cost c = { 0 };

	for (int i = 0; i < 20000; i++) {
		uint64_t use[COST_USES], uj = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 30);

		for (int u = 0; u < COST_USES; u++)
			use[u] = ((uint64_t)rand_r(&seed) << 20) >> (rand_r(&seed) % 50);
		cost_learn(&c, uj, rand_r(&seed) % 10 ? SECOND : (uint64_t)rand_r(&seed), use,
			   rand_r(&seed) % 500 ? ALL : 1u << USE_CPU_NS, USE_CPU_NS);
		for (int u = 0; u < COST_USES; u++)
			cr_assert(isfinite(c.w[u]) && c.w[u] >= 0, "%d: %g", i, c.w[u]);
		cr_assert(isfinite(c.floor_w[0]) && isfinite(c.error[0]));
	}
}

Test(fuse, the_whole_follows_its_parts_between_readings)
{
	struct fuse f = { 0 };
	double w = 0;

	cr_expect_not(fuse_whole(&f, 50, &w));
	/* 30 W of fans and disks, a supply that loses a tenth of what goes through it */
	for (int i = 0; i < 60; i++) {
		double parts = 20 + 30 * part();

		fuse_learn(&f, parts, 30 + 1.1 * parts, 10);
	}
	cr_assert(fuse_whole(&f, 100, &w));
	cr_expect_float_eq(w, 140, 0.5, "%g", w);
	/* It draws more now: the line moves there. */
	for (int i = 0; i < 60; i++)
		fuse_learn(&f, 40, 94, 10);
	cr_assert(fuse_whole(&f, 40, &w));
	cr_expect_float_eq(w, 94, 1, "%g", w);
}

/* One reading is something to go by; what the parts draw more the whole draws more. */
/* An old value says nothing of parts that have moved since; after a minute it is no old one. */
Test(fuse, an_answer_that_the_parts_contradict_is_an_old_reading)
{
	struct fuse f = { 0 };

	cr_assert_not(fuse_is_old(&f, 40, 100, 10), "there was none before");
	fuse_learn(&f, 40, 100, 10);
	cr_assert_not(fuse_is_old(&f, 41, 100, 10), "the parts are as they were");
	fuse_learn(&f, 41, 100, 10);
	for (int i = 1; i < 6; i++)
		cr_assert(fuse_is_old(&f, 70, 100, 10), "after %d0 s", i);
	cr_assert_not(fuse_is_old(&f, 70, 100, 10), "after a minute");
	cr_assert_not(fuse_is_old(&f, 70, 131, 10), "another value is new");
}

Test(fuse, a_first_reading_is_held_and_moved_with_the_parts)
{
	struct fuse f = { 0 };
	double w = 0;

	fuse_learn(&f, 40, 100, 1);
	cr_assert(fuse_whole(&f, 40, &w));
	cr_expect_float_eq(w, 100, 1e-6);
	cr_assert(fuse_whole(&f, 60, &w));
	cr_expect_float_eq(w, 120, 1e-6);
}
