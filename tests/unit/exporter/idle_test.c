/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/idle.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static double noise(double most)
{
	return most * (2.0 * (double)random() / (double)RAND_MAX - 1);
}

/* A machine that draws idle_w + span_w * busy, with noise of 2 %. */
static void run(struct idle *i, unsigned seconds, double idle_w, double span_w, double from, double to)
{
	for (unsigned s = 0; s < seconds; s++) {
		double busy = from + (to - from) * (double)random() / (double)RAND_MAX;
		double watts = (idle_w + span_w * busy) * (1 + noise(0.02));

		idle_learn(i, (uint64_t)(watts * 1e6), SECOND, busy);
	}
}

static double watts(const struct idle *i)
{
	return i->power_uw / 1e6;
}

static void expect_watts(const struct idle *i, double want, double off, const char *what)
{
	cr_expect(i->known, "%s", what);
	cr_expect_lt(fabs(watts(i) - want), off, "%s: %.2f W, not %.2f", what, watts(i), want);
}

Test(idle, an_idle_machine_is_read_off)
{
	struct idle i = { 0 };

	srandom(1);
	run(&i, 60, 50, 150, 0, 0.03);
	expect_watts(&i, 50, 3, "nearly idle");
}

Test(idle, one_busy_from_the_start_is_not_taken_for_idle)
{
	struct idle i = { 0 };
	uint64_t part = 0;

	srandom(2);
	run(&i, 30, 50, 150, 0.9, 0.92);
	cr_expect_not(i.known, "one point is no line");
	cr_expect_not(idle_part(&i, 1000, SECOND, &part));
	run(&i, 60, 50, 150, 0.4, 1);
	expect_watts(&i, 50, 8, "busy, but not always the same");
	run(&i, 60, 50, 150, 0, 0.03);
	expect_watts(&i, 50, 3, "and then idle");
}

Test(idle, it_does_not_move_with_utilisation)
{
	struct idle i = { 0 };

	srandom(3);
	run(&i, 60, 50, 150, 0, 0.03);
	for (double busy = 0.1; busy < 1; busy += 0.1) {
		run(&i, 120, 50, 150, busy, busy);
		expect_watts(&i, 50, 3, "busier and busier");
	}
	run(&i, 3000, 50, 150, 0.95, 1);
	expect_watts(&i, 50, 3, "busy for long");
}

Test(idle, it_falls_soon_and_rises_slowly)
{
	struct idle i = { 0 };

	srandom(4);
	run(&i, 120, 50, 150, 0, 0.03);
	run(&i, 10, 90, 150, 0, 0.03);
	expect_watts(&i, 50, 6, "a burst that is no work");
	run(&i, 900, 80, 150, 0, 0.03);
	expect_watts(&i, 80, 4, "more for good");
	run(&i, 150, 50, 150, 0, 0.03);
	expect_watts(&i, 50, 6, "less again");
}

/* As a power it is the same whatever the interval; as a part never more than all. */
Test(idle, intervals_do_not_matter)
{
	struct idle i = { 0 };
	uint64_t part = 0;

	for (unsigned n = 0; n < 2000; n++) {
		uint64_t ns = SECOND / 20 + (uint64_t)random() % SECOND;

		idle_learn(&i, 40 * (ns / 1000), ns, 0.01);
	}
	expect_watts(&i, 40, 0.1, "uneven intervals");
	cr_expect(idle_part(&i, 100000000, SECOND, &part));
	cr_expect_leq(llabs((long long)part - 40000000), 100000);
	cr_expect(idle_part(&i, 30000000, SECOND, &part));
	cr_expect_eq(part, 30000000, "a draw below the baseline is idle as a whole");
	idle_learn(&i, 1, 0, 0.5);
	cr_expect_leq(fabs(watts(&i) - 40), 0.1);
}
