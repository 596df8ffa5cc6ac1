/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/ledger.h"

#include "exporter/integral.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define RANGE UINT64_C(262143328850)
#define SECOND UINT64_C(1000000000)
#define KILOWATT (UINT64_C(1000) * 1000000)

static struct zone_mark mark(uint64_t uj, uint64_t at_ns)
{
	return (struct zone_mark){ .uj = uj, .wraps_at_uj = RANGE, .at_ns = at_ns };
}

struct delta_case {
	const char *what;
	uint64_t was, now, dt_ns;
	int rc; /* 0 or -1 - doubt */
	uint64_t uj;
	bool wrapped;
};

Test(ledger, what_a_counter_says_and_what_it_does_not)
{
	static const struct delta_case cases[] = {
		{ "stands still", 7, 7, SECOND, 0, 0, false },
		{ "grows", 7, 100, SECOND, 0, 93, false },
		{ "passes its end", RANGE - 10, 5, SECOND, 0, 15, true },
		{ "the largest step that can be", 0, 1000 * 1000000, SECOND, 0, 1000 * 1000000, false },
		{ "too fast", 0, 1100 * UINT64_C(1000000), SECOND, -1 - DOUBT_LIE, 0, false },
		{ "went back: no wrap is that fast", RANGE / 2, 5, SECOND, -1 - DOUBT_RESET, 0, false },
		{ "beyond its end", 7, RANGE + 1, SECOND, -1 - DOUBT_LIE, 0, false },
		{ "longer than its reach", 7, 8, 263 * SECOND, -1 - DOUBT_GAP, 0, false },
		{ "just within its reach", 7, 8, 262 * SECOND, 0, 1, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct delta_case *c = &cases[i];
		struct zone_mark was = mark(c->was, SECOND), now = mark(c->now, SECOND + c->dt_ns);
		uint64_t uj = 0;
		bool wrapped = false;

		cr_expect_eq(zone_delta(&was, &now, KILOWATT, &uj, &wrapped), c->rc, "%s", c->what);
		cr_expect_eq(uj, c->uj, "%s: %llu", c->what, (unsigned long long)uj);
		cr_expect_eq(wrapped, c->wrapped, "%s", c->what);
	}
	struct zone_mark a = mark(1, 2 * SECOND), b = mark(2, SECOND);
	uint64_t uj = 0;
	bool wrapped = false;

	cr_expect_eq(zone_delta(&a, &b, KILOWATT, &uj, &wrapped), -1 - DOUBT_GAP, "time went back");
	b = mark(2, 3 * SECOND);
	b.anew = true;
	cr_expect_eq(zone_delta(&a, &b, KILOWATT, &uj, &wrapped), -1 - DOUBT_GAP, "it began anew");
	b.anew = false;
	b.wraps_at_uj = 77;
	cr_expect_eq(zone_delta(&a, &b, KILOWATT, &uj, &wrapped), -1 - DOUBT_RESET, "another end");
}

/* A machine whose truth is known: what each meter has really counted, and what it shows. */
#define NZONES 9
#define NTICKS 20000

struct machine {
	uint64_t shown[NZONES];	     /* the counter, wrapping */
	uint64_t seen_truth[NZONES]; /* truth at the last mark given, to know what a delta should be */
	uint64_t truth[NZONES];
	uint64_t expected[NZONES];   /* the joules the ledger has to have */
	bool given[NZONES], broken[NZONES];
	uint64_t given_ns[NZONES];
};

static int add_up(const struct account *a, void *arg)
{
	uint64_t *sums = arg;

	for (int m = 0; m < NMODES; m++)
		sums[a->component] += a->uj[m];
	return 0;
}

static uint64_t sum_account(const struct ledger *l, enum component c)
{
	uint64_t sums[NCOMPONENTS] = { 0 };

	ledger_each(l, LEVEL_NODE, add_up, sums);
	return sums[c];
}

static const enum component kinds[NZONES] = { COMP_PACKAGE, COMP_PACKAGE, COMP_PACKAGE, COMP_CORE, COMP_CORE,
					      COMP_UNCORE,  COMP_DRAM,	  COMP_DRAM,	COMP_PLATFORM };

/* Random ticks with wraps, resets, silent meters, long gaps and lies: every joule that can be known
 * is booked once, none that cannot, and no account steps back. */
static void random_ticks(unsigned seed)
{
	struct zones *zones = calloc(1, sizeof *zones);
	struct tick t = { .zones = zones };
	struct ledger *l = NULL;
	struct err e = { 0 };
	struct machine m = { 0 };
	uint64_t now = SECOND, last[NCOMPONENTS] = { 0 }, resets = 0;

	srandom(seed);
	cr_assert_eq(ledger_new(&l, &e), 0);
	for (size_t z = 0; z < NZONES; z++) {
		struct zone zone = { .component = kinds[z], .power_max_uw = KILOWATT };
		uint32_t id = 0;

		snprintf(zone.name, sizeof zone.name, "zone-%zu", z);
		snprintf(zone.package, sizeof zone.package, "%zu", z % 2);
		cr_assert_eq(zones_intern(zones, &zone, &id, &e), 0);
		cr_assert_eq(id, z);
		m.shown[z] = (uint64_t)random() % RANGE;
	}
	for (unsigned i = 0; i < NTICKS; i++) {
		/* mostly a second, sometimes longer than any counter can bridge */
		uint64_t dt = random() % 200 == 0 ? 300 * SECOND : SECOND / 20 + (uint64_t)random() % SECOND;

		now += dt;
		tick_reset(&t, now);
		for (size_t z = 0; z < NZONES; z++) {
			/* Up to 900 W; a quarter of the zones idles. */
			uint64_t uj = z % 4 == 3 ? 0 : (uint64_t)random() % 900 * (dt / 1000);
			long event = random() % 10000;

			m.truth[z] += uj;
			m.shown[z] = (m.shown[z] + uj) % RANGE;
			if (event < 10 && dt < 2 * SECOND && m.given_ns[z] == now - dt &&
			    m.shown[z] > RANGE / 10 && m.shown[z] < RANGE / 10 * 9) {
				/* Far from the end and soon after a mark: it cannot be a wrap. */
				m.shown[z] = 0;
				resets++;
				m.broken[z] = true;
			}
			if (event >= 10 && event < 1000)
				continue; /* silent */
			struct zone_mark mk = { .zone = (uint32_t)z, .uj = m.shown[z], .wraps_at_uj = RANGE,
						.at_ns = now };
			bool lie = event >= 1000 && event < 1050;

			if (lie)
				mk.uj = RANGE + 1 + (uint64_t)random() % 1000;
			cr_assert_eq(tick_add_mark(&t, &mk, &e), 0);
			uint64_t delta = m.truth[z] - m.seen_truth[z];
			bool too_long = now - m.given_ns[z] > 260 * SECOND;

			if (lie) {
				m.broken[z] = true; /* this mark and the next are worth nothing */
			} else if (m.given[z] && !m.broken[z] && !too_long) {
				m.expected[z] += delta;
			}
			if (!lie)
				m.broken[z] = false;
			m.given[z] = true;
			m.given_ns[z] = now;
			m.seen_truth[z] = m.truth[z];
		}
		cr_assert_eq(ledger_settle(l, &t, &e), 0, "%s", e.msg);
		for (enum component c = 0; c < NCOMPONENTS; c++) {
			uint64_t sum = sum_account(l, c), want = 0;

			cr_assert_geq(sum, last[c], "an account stepped back");
			last[c] = sum;
			if (c == COMP_OTHER)
				continue;
			for (size_t z = 0; z < NZONES; z++)
				want += kinds[z] == c ? m.expected[z] : 0;
			cr_assert_eq(sum, want, "seed %u tick %u component %d: %llu booked, %llu drawn", seed, i,
				     c, (unsigned long long)sum, (unsigned long long)want);
		}
	}
	uint64_t wraps = 0, doubts[NDOUBTS] = { 0 };

	for (uint32_t z = 0; z < NZONES; z++) {
		const struct zone_book *b = ledger_zone(l, z);

		wraps += b->wraps;
		for (int d = 0; d < NDOUBTS; d++)
			doubts[d] += b->doubts[d];
	}
	cr_assert_gt(wraps, 20, "the ticks must hold wraps");
	cr_assert_gt(resets, 20);
	cr_assert_gt(doubts[DOUBT_RESET], 20);
	cr_assert_gt(doubts[DOUBT_LIE], 100);
	cr_assert_gt(doubts[DOUBT_GAP], 100);
	ledger_free(l);
	tick_clear(&t);
	free(zones);
}

Test(ledger, what_was_drawn_and_what_is_booked_agree_to_the_microjoule)
{
	for (unsigned seed = 1; seed <= 5; seed++)
		random_ticks(seed);
}

/* Without resets the truth itself is known: the books hold all of it but what gaps hide. */
Test(ledger, nothing_is_lost_or_invented)
{
	struct zones *zones = calloc(1, sizeof *zones);
	struct tick t = { .zones = zones };
	struct ledger *l = NULL;
	struct err e = { 0 };
	uint64_t shown = RANGE - 1000, truth = 0, wraps = 0, now = SECOND, unseen = 0, silent_ns = 0;
	uint32_t id = 0;

	srandom(7);
	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(zones_intern(zones, &(struct zone){ .component = COMP_PACKAGE, .power_max_uw = KILOWATT },
				  &id, &e), 0);
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t dt = SECOND / 20 + (uint64_t)random() % (3 * SECOND);
		uint64_t uj = i ? (uint64_t)random() % 1000 * (dt / 1000) : 0;

		now += dt;
		unseen += uj;
		silent_ns += dt;
		if (shown + uj >= RANGE)
			wraps++;
		shown = (shown + uj) % RANGE;
		tick_reset(&t, now);
		if (i % 1000 == 500) /* now and then silent for minutes */
			now += 270 * SECOND, silent_ns += 270 * SECOND;
		if (i == 0 || random() % 4) {
			cr_assert_eq(tick_add_mark(&t, &(struct zone_mark){ .zone = id, .uj = shown,
								 .wraps_at_uj = RANGE, .at_ns = now }, &e), 0);
			if (silent_ns < 262 * SECOND)
				truth += unseen;
			unseen = silent_ns = 0;
		}
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		cr_assert_eq(sum_account(l, COMP_PACKAGE), truth, "tick %u", i);
	}
	cr_assert_gt(wraps, 100, "the test must have seen wraps");
	cr_assert_gt(ledger_zone(l, id)->doubts[DOUBT_GAP], 100, "and gaps");
	ledger_free(l);
	tick_clear(&t);
	free(zones);
}

/* Platform less its parts: never negative, never back, and in the long run exact. */
Test(ledger, other_is_the_highest_the_difference_has_been)
{
	struct zones *zones = calloc(1, sizeof *zones);
	struct tick t = { .zones = zones };
	struct ledger *l = NULL;
	struct err e = { 0 };
	uint64_t uj[3] = { 0 }, now = SECOND;
	int64_t difference = 0, highest = 0;
	static const enum component parts[3] = { COMP_PLATFORM, COMP_PACKAGE, COMP_DRAM };

	srandom(11);
	cr_assert_eq(ledger_new(&l, &e), 0);
	for (size_t z = 0; z < 3; z++) {
		struct zone zone = { .component = parts[z], .power_max_uw = KILOWATT };
		uint32_t id = 0;

		snprintf(zone.name, sizeof zone.name, "%zu", z);
		zones_intern(zones, &zone, &id, &e);
	}
	bool silent[3] = { false };

	for (unsigned i = 0; i < 100000; i++) {
		now += SECOND;
		tick_reset(&t, now);
		for (size_t z = 0; z < 3; z++) {
			uint64_t step = i ? (uint64_t)random() % (z ? 100 : 210) * 1000000u / 2 + 1 : 0;

			uj[z] += step;
			silent[z] = i && random() % 10 == 0;
			if (!silent[z])
				tick_add_mark(&t, &(struct zone_mark){ .zone = (uint32_t)z, .uj = uj[z],
								       .at_ns = now }, &e);
		}
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		if (!silent[0] && !silent[1] && !silent[2]) {
			difference = (int64_t)uj[0] - (int64_t)uj[1] - (int64_t)uj[2];
			highest = difference > highest ? difference : highest;
		}
		cr_assert_eq(sum_account(l, COMP_OTHER), (uint64_t)highest, "tick %u", i);
	}
	cr_assert_gt(highest, 0);
	ledger_free(l);
	tick_clear(&t);
	free(zones);
}

/* While the platform meter was silent and began anew, its parts must not weigh against other. */
Test(ledger, an_outage_of_the_platform_meter_leaves_no_debt)
{
	struct zones *zones = calloc(1, sizeof *zones);
	struct tick t = { .zones = zones };
	struct ledger *l = NULL;
	struct err e = { 0 };
	uint64_t platform = 0, package = 0;

	cr_assert_eq(ledger_new(&l, &e), 0);
	for (int z = 0; z < 2; z++) {
		uint32_t id = 0;

		zones_intern(zones, &(struct zone){ .component = z ? COMP_PACKAGE : COMP_PLATFORM,
						    .name = { (char)('a' + z) }, .power_max_uw = KILOWATT },
			     &id, &e);
	}
	for (unsigned i = 0; i < 300; i++) {
		bool out = i >= 100 && i < 200;

		tick_reset(&t, i * SECOND);
		package += 40000000;
		if (!out) {
			platform += 100000000;
			tick_add_mark(&t, &(struct zone_mark){ .zone = 0, .uj = platform, .anew = i == 200,
							       .at_ns = i * SECOND }, &e);
		}
		tick_add_mark(&t, &(struct zone_mark){ .zone = 1, .uj = package, .at_ns = i * SECOND }, &e);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
	}
	/* 99 intervals before, 99 after: each 60 J. */
	cr_assert_eq(sum_account(l, COMP_OTHER), 198 * UINT64_C(60000000), "%llu",
		     (unsigned long long)sum_account(l, COMP_OTHER));
	ledger_free(l);
	tick_clear(&t);
	free(zones);
}

/* A BMC that measures every 30 s, 60 W more than its package, and is asked every 10 s; the package draws 40 W, and 70 W
 * from second `from` to second `to`. What the platform is booked with in each second. */
static void run_bmc(unsigned from, unsigned to, unsigned outage, unsigned seconds, uint64_t *ret_uj)
{
	struct zones *zones = calloc(1, sizeof *zones);
	struct tick t = { .zones = zones };
	struct ledger *l = NULL;
	struct err e = { 0 };
	struct integral bmc = { 0 };
	uint64_t package = 0, measured_uw = 0, before = 0, other = 0;

	cr_assert_eq(ledger_new(&l, &e), 0);
	for (uint32_t z = 0; z < 2; z++) {
		uint32_t id = 0;

		zones_intern(zones, &(struct zone){ .component = z ? COMP_PACKAGE : COMP_PLATFORM,
						    .name = { (char)('a' + z) }, .power_max_uw = KILOWATT }, &id, &e);
	}
	for (unsigned s = 0; s < seconds; s++) {
		uint64_t now = (s + 1) * SECOND, package_uw = s >= from && s < to ? 70000000 : 40000000;
		struct zone_mark m;
		bool out = outage && s >= outage && s < outage + 60;

		tick_reset(&t, now);
		package += package_uw;
		if (s % 30 == 0)
			measured_uw = package_uw + 60000000;
		if (s % 10 == 0 && !out)
			integral_take(&bmc, measured_uw, now, 30 * SECOND);
		tick_add_mark(&t, &(struct zone_mark){ .zone = 1, .uj = package, .at_ns = now }, &e);
		if (integral_mark(&bmc, now, 30 * SECOND, &m))
			tick_add_mark(&t, &m, &e);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		uint64_t platform = sum_account(l, COMP_PLATFORM);

		cr_assert_geq(platform, before);
		ret_uj[s] = platform - before;
		before = platform;
		/* The books close: but for an outage, every joule of the platform is its package's or other's. */
		other = sum_account(l, COMP_OTHER);
		if (!outage)
			cr_assert_eq(platform, other + sum_account(l, COMP_PACKAGE), "second %u", s);
	}
	ledger_free(l);
	tick_clear(&t);
	free(zones);
}

/* A burst between two readings is booked when it was, and one that a stale answer contradicts is not unlearnt. */
Test(ledger, a_slow_platform_meter_follows_its_parts)
{
	uint64_t uj[200] = { 0 };

	run_bmc(63, 68, 0, 120, uj);
	cr_assert_eq(uj[0], 0, "a first mark says nothing of the time before");
	for (unsigned s = 1; s < 120; s++)
		cr_assert_eq(uj[s], (s >= 63 && s < 68 ? UINT64_C(130) : 100) * 1000000, "second %u: %llu", s,
			     (unsigned long long)uj[s]);
	/* From second 61 on: the BMC still says 100 W at 70 and 80, and 130 W from 90 on. */
	run_bmc(61, 200, 0, 200, uj);
	for (unsigned s = 1; s < 200; s++) {
		uint64_t want = (s >= 61 ? UINT64_C(130) : 100) * 1000000;

		/* the line through two readings is rounded */
		cr_assert(uj[s] + 1 >= want && uj[s] <= want + 1, "second %u: %llu", s, (unsigned long long)uj[s]);
	}
}

/* The line knows what the platform would draw, but where no BMC answers nothing is booked. */
Test(ledger, what_a_silent_platform_meter_draws_is_unknown)
{
	uint64_t uj[200] = { 0 };

	run_bmc(0, 0, 70, 200, uj);
	for (unsigned s = 1; s < 200; s++) {
		/* its answer of second 60 holds until 90; it answers again in 130, from when on it is counted */
		uint64_t want = s <= 90 || s > 130 ? 100000000 : 0;

		cr_assert_eq(uj[s], want, "second %u: %llu", s, (unsigned long long)uj[s]);
	}
}

Test(ledger, a_mark_of_no_zone_changes_nothing)
{
	struct zones *zones = calloc(1, sizeof *zones);
	struct tick t = { .zones = zones };
	struct ledger *l = NULL;
	struct err e = { 0 };

	cr_assert_eq(ledger_new(&l, &e), 0);
	tick_add_mark(&t, &(struct zone_mark){ .zone = 3 }, &e);
	cr_assert_eq(ledger_settle(l, &t, &e), -(int)ERR_BUG);
	ledger_free(l);
	tick_clear(&t);
	free(zones);
}

static int find_gpu(const struct account *a, void *arg)
{
	if (a->component == COMP_GPU)
		*(const struct account **)arg = a;
	return 0;
}

/* A GPU's idle power is learnt by how busy it says it is: the processors may do nothing while it works. */
Test(ledger, a_gpus_idle_power_goes_by_its_own_utilisation)
{
	struct zones zones = { 0 };
	struct tick t = { .zones = &zones };
	struct zone z = { .component = COMP_GPU, .name = "GPU-aa", .package = "0", .power_max_uw = KILOWATT,
			  .tells_busy = true };
	struct ledger *l = NULL;
	const struct account *a = NULL;
	uint64_t uj = 0, busy_ns = 0, now = SECOND, before = 0;
	uint32_t id = 0;
	struct err e = { 0 };

	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(zones_intern(&zones, &z, &id, &e), 0);
	/* 20 W idle and 200 W at work: a minute busy, then a minute of nothing, then busy again */
	for (int i = 0; i < 180; i++, now += SECOND) {
		bool busy = i < 60 || i >= 120;

		uj += busy ? 200000000 : 20000000;
		busy_ns += busy ? SECOND : 0;
		tick_reset(&t, now);
		t.sched = (struct sched_mark){ .there = true, .cpus = 4 }; /* whose processors are always idle */
		cr_assert_eq(tick_add_mark(&t, &(struct zone_mark){ .zone = id, .uj = uj, .at_ns = now,
								    .busy_ns = busy_ns, .busy_unknown = i == 0 }, &e), 0);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		if (i == 119) {
			ledger_each(l, LEVEL_NODE, find_gpu, &a);
			cr_assert_not_null(a);
			before = a->uj[MODE_DYNAMIC];
		}
		if (i == 59) {
			ledger_each(l, LEVEL_NODE, find_gpu, &a);
			cr_expect_eq(a->uj[MODE_IDLE], 0, "a device that only ever worked has shown no idle power");
		}
	}
	cr_expect_eq(a->step_ns, SECOND);
	cr_expect_eq(a->step_uj[MODE_DYNAMIC] + a->step_uj[MODE_IDLE], 200000000);
	cr_expect_geq(a->step_uj[MODE_IDLE], 19000000, "%llu", (unsigned long long)a->step_uj[MODE_IDLE]);
	cr_expect_leq(a->step_uj[MODE_IDLE], 21000000, "%llu", (unsigned long long)a->step_uj[MODE_IDLE]);
	cr_expect_geq(a->uj[MODE_DYNAMIC] - before, UINT64_C(60) * 179000000);
	cr_expect_eq(a->uj[MODE_DYNAMIC] + a->uj[MODE_IDLE] + a->uj[MODE_UNSPLIT], uj - 200000000);
	ledger_free(l);
	tick_clear(&t);
}
