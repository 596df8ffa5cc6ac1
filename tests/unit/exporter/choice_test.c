/* SPDX-License-Identifier: BSD-2-Clause */
/* Exactly one source counts for a component, whatever the sources do: sampler and ledger together, with
 * meters that come and go as told here. */
#include "exporter/choice.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/ledger.h"

#define SECOND UINT64_C(1000000000)
#define NPUPPETS 5

/* A meter on strings. */
struct puppet {
	bool absent, silent;
	bool waits; /* has neither told nor failed */
	uint64_t uj;
	unsigned reads;
	enum component component;
	bool needs_proof;
};

static struct puppet puppets[NPUPPETS];
static uint64_t now;

static int puppet_open(struct source *s, const struct roots *r, struct zones *z, struct err *e)
{
	(void)r, (void)z;
	if (puppets[s->index].absent)
		return err_set(e, ERR_FAILED, "absent");
	s->state = &puppets[s->index];
	return 0;
}

static int puppet_read(struct source *s, struct tick *into, struct err *e)
{
	struct puppet *p = s->state;
	struct zone z = { .component = p->component, .source = s->index, .name = "z", .package = "0",
			  .power_max_uw = UINT64_C(2000000000), .needs_proof = p->needs_proof };
	struct zone_mark m = { .uj = p->uj, .at_ns = now };

	p->reads++;
	if (p->waits)
		return 0;
	if (p->silent) {
		s->errors += s->ops->asynchronous; /* such a source counts its own */
		return err_set(e, ERR_FAILED, "silent");
	}
	cr_assert_eq(zones_intern(into->zones, &z, &m.zone, e), 0);
	return tick_add_mark(into, &m, e);
}

static void puppet_close(struct source *s)
{
	(void)s;
}

#define OPS .open = puppet_open, .read = puppet_read, .close = puppet_close
#define PARTS (1u << COMP_PACKAGE | 1u << COMP_DRAM)
static const struct source_ops sysfs = { .name = "rapl-sysfs", .components = PARTS | 1u << COMP_PLATFORM, OPS };
static const struct source_ops perf = { .name = "rapl-perf", .components = PARTS, OPS };
static const struct source_ops redfish = { .name = "redfish", .components = 1u << COMP_PLATFORM,
					   .asynchronous = true, OPS };
static const struct source_ops acpi = { .name = "acpi", .components = 1u << COMP_PLATFORM, OPS };
static const struct source_ops estimator = { .name = "trained_power_model", .estimates = true,
					     .components = PARTS | 1u << COMP_PLATFORM, OPS };
static const struct source_ops *const table[NPUPPETS] = { &sysfs, &perf, &redfish, &acpi, &estimator };
enum { SYSFS, PERF, REDFISH, ACPI, ESTIMATOR };

static struct sampler sp;
static struct tick tick;
static struct ledger *ledger;

/* Only these play; platform meters are the two in the middle. */
static void start(const char *components, const char *platform, const struct puppet cast[NPUPPETS])
{
	static struct meters meters;
	struct err e = { 0 };

	memcpy(puppets, cast, sizeof puppets);
	puppets[REDFISH].component = puppets[ACPI].component = COMP_PLATFORM;
	now = tick_now_ns();
	meters = (struct meters){ .components = components, .platform = platform };
	cr_assert_eq(ledger_new(&ledger, &e), 0);
	cr_assert_eq(sampler_open(&sp, table, NPUPPETS, &(struct roots){ .meters = &meters }, &e), 0, "%s", e.msg);
}

/* A second passes in which every meter that is asked for counts this much. */
static void step(uint64_t uj)
{
	struct err e = { 0 };

	now += SECOND;
	for (size_t i = 0; i < NPUPPETS; i++)
		puppets[i].uj += uj + i; /* they never quite agree */
	sampler_read(&sp, now, &tick);
	cr_assert_eq(ledger_settle(ledger, &tick, &e), 0, "%s", e.msg);
}

struct sum {
	enum component component;
	int source;
	uint64_t uj;
};

static int add(const struct account *a, void *arg)
{
	struct sum *s = arg;

	if (a->component == s->component && (s->source < 0 || (unsigned)s->source == a->source)) {
		for (enum mode m = 0; m < NMODES; m++)
			s->uj += a->uj[m];
	}
	return 0;
}

static uint64_t booked(enum component c, int source)
{
	struct sum s = { c, source, 0 };

	ledger_each(ledger, LEVEL_NODE, add, &s);
	return s.uj;
}

static void end(void)
{
	sampler_close(&sp);
	ledger_free(ledger);
	tick_clear(&tick);
	sp = (struct sampler){ 0 };
}

#define ABSENT { .absent = true }
#define CAST(...) ((const struct puppet[NPUPPETS]){ __VA_ARGS__ })

Test(choice, the_preferred_one_counts_and_the_others_do_not)
{
	start(NULL, NULL, CAST({ 0 }, { 0 }, ABSENT, ABSENT, { 0 }));
	for (int i = 0; i < 20; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], SYSFS);
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 19 * 1000);
	cr_assert_eq(booked(COMP_PACKAGE, -1), 19 * 1000);
	cr_assert_neq(sp.choice.marked_ns[PERF][COMP_PACKAGE], 0, "it is known to be available");
	cr_assert_lt(puppets[PERF].reads, 5, "a meter that is not needed is hardly ever read");
	cr_assert_eq(puppets[SYSFS].reads, 20);
	end();
}

Test(choice, an_order_overrides_it)
{
	start("rapl-perf,rapl-sysfs", "", CAST({ 0 }, { 0 }, { 0 }, { 0 }, { 0 }));
	for (int i = 0; i < 5; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, PERF), 4 * 1001);
	cr_assert_eq(booked(COMP_PACKAGE, -1), 4 * 1001);
	cr_assert_eq(booked(COMP_PLATFORM, -1), 0);
	cr_assert_not(sp.v[REDFISH].wanted, "what is in no order is not even opened");
	cr_assert_eq(puppets[REDFISH].reads + puppets[ACPI].reads + puppets[ESTIMATOR].reads, 0);
	end();
}

Test(choice, orders_name_what_there_is)
{
	static const struct {
		const char *components, *platform;
		bool good;
	} cases[] = {
		{ "estimator", "estimator", true },
		{ "", "psys", true },
		{ "rapl-sysfs,rapl-perf", "acpi,redfish", true },
		{ "rapl-sysfs,rapl-sysfs", NULL, false },
		{ "redfish", NULL, false },
		{ NULL, "rapl-sysfs", false },
		{ "rapl", NULL, false },
		{ ",", NULL, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct choice c;
		struct err e = { 0 };
		int rc = choice_init(&c, table, NPUPPETS, cases[i].components, cases[i].platform, &e);

		cr_expect_eq(rc, cases[i].good ? 0 : -(int)ERR_USAGE, "%zu: %s", i, e.msg);
	}
}

Test(choice, a_preferred_one_that_comes_up_takes_over_without_a_gap)
{
	start(NULL, NULL, CAST({ .silent = true }, { 0 }, ABSENT, ABSENT, ABSENT));
	for (int i = 0; i < 5; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, PERF), 4 * 1001);
	puppets[SYSFS].silent = false;
	int ticks = 0;

	for (; ticks < 60 && sp.choice.feed[COMP_PACKAGE] != SYSFS; ticks++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], SYSFS);
	cr_assert_eq(booked(COMP_PACKAGE, PERF), (uint64_t)(4 + ticks) * 1001, "counted to its last interval");
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 0);
	for (int i = 0; i < 10; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, PERF), (uint64_t)(4 + ticks) * 1001, "and no more");
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 10 * 1000, "from the next interval on, without a gap");
	end();
}

Test(choice, a_short_silence_changes_nothing_and_loses_nothing)
{
	start(NULL, NULL, CAST({ 0 }, { 0 }, ABSENT, ABSENT, ABSENT));
	for (int i = 0; i < 5; i++)
		step(1000);
	puppets[SYSFS].silent = true;
	step(1000);
	step(1000);
	puppets[SYSFS].silent = false;
	step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], SYSFS);
	cr_assert_eq(booked(COMP_PACKAGE, -1), 7 * 1000);
	end();
}

Test(choice, a_failed_one_is_relieved_and_never_counts_that_time_again)
{
	start(NULL, NULL, CAST({ 0 }, { 0 }, ABSENT, ABSENT, ABSENT));
	for (int i = 0; i < 5; i++)
		step(1000);
	puppets[SYSFS].silent = true;
	for (int i = 0; i < 10; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], PERF);
	uint64_t perf_uj = booked(COMP_PACKAGE, PERF);

	cr_assert_geq(perf_uj, 6 * 1001);
	cr_assert_leq(perf_uj, 8 * 1001);
	/* Back with a counter that ran on meanwhile: none of that is booked again. */
	puppets[SYSFS].silent = false;
	for (int i = 0; i < 60 && sp.choice.feed[COMP_PACKAGE] != SYSFS; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 4 * 1000);
	step(1000);
	step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 6 * 1000);
	end();
}

Test(choice, other_goes_on_when_the_platform_meter_changes)
{
	start(NULL, NULL, CAST({ 0 }, ABSENT, { .silent = true }, { 0 }, ABSENT));
	for (int i = 0; i < 5; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PLATFORM], ACPI, "the peer failed: nobody waits for it");
	puppets[REDFISH].silent = false;
	for (int i = 0; i < 10; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PLATFORM], REDFISH);
	uint64_t other = booked(COMP_OTHER, -1);

	for (int i = 0; i < 10; i++)
		step(1000);
	cr_assert_eq(booked(COMP_OTHER, -1) - other, 10 * (REDFISH - SYSFS), "platform less package");
	end();
}

Test(choice, a_proof_of_psys_is_not_given_by_another_meter)
{
	start(NULL, NULL, CAST({ .component = COMP_PLATFORM, .needs_proof = true }, { 0 }, { .silent = true }, ABSENT,
			       ABSENT));
	for (int i = 0; i < 4; i++)
		step(1000);
	cr_assert_eq(ledger_proof(ledger), PROOF_PENDING);
	puppets[REDFISH].silent = false;
	for (int i = 0; i < 40; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PLATFORM], REDFISH);
	cr_assert_eq(ledger_proof(ledger), PROOF_PENDING);
	cr_assert_eq(booked(COMP_PLATFORM, SYSFS), 0);
	cr_assert_gt(booked(COMP_PLATFORM, REDFISH), 0);
	cr_assert_gt(booked(COMP_OTHER, -1), 0);
	end();
}

Test(choice, estimates_count_where_there_is_no_meter)
{
	start(NULL, NULL, CAST(ABSENT, ABSENT, ABSENT, ABSENT, { 0 }));
	for (int i = 0; i < 5; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], ESTIMATOR);
	cr_assert_not(sp.choice.measured);
	cr_assert_eq(booked(COMP_PACKAGE, ESTIMATOR), 4 * 1004);
	end();
}

/* A part of another machine is not set beside this one's platform. */
Test(choice, estimates_do_not_mix_with_meters)
{
	start(NULL, NULL, CAST(ABSENT, ABSENT, ABSENT, { 0 }, { 0 }));
	for (int i = 0; i < 30; i++)
		step(1000);
	cr_assert(sp.choice.measured);
	cr_assert_eq(booked(COMP_PLATFORM, ACPI), 29 * 1003);
	cr_assert_eq(booked(COMP_PACKAGE, -1), 0);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], -1);
	cr_assert_lt(puppets[ESTIMATOR].reads, 5, "nor is it asked for");
	end();
}

Test(choice, estimates_wait_for_a_peer_that_may_still_answer)
{
	start(NULL, NULL, CAST(ABSENT, ABSENT, { .waits = true }, ABSENT, { 0 }));
	for (int i = 0; i < 20; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, -1), 0);
	for (int i = 0; i < 20; i++)
		step(1000);
	cr_assert_gt(booked(COMP_PACKAGE, ESTIMATOR), 0, "but not for ever");
	end();
}

Test(choice, a_meter_that_comes_ends_estimates_and_one_that_fails_brings_them_back)
{
	start(NULL, NULL, CAST({ .silent = true }, ABSENT, ABSENT, ABSENT, { 0 }));
	for (int i = 0; i < 5; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, ESTIMATOR), 4 * 1004);
	puppets[SYSFS].silent = false;
	int ticks = 0;

	for (; ticks < 60 && sp.choice.feed[COMP_PACKAGE] != SYSFS; ticks++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], SYSFS);
	cr_assert_eq(booked(COMP_PACKAGE, ESTIMATOR), (uint64_t)(4 + ticks) * 1004, "to the last interval");
	for (int i = 0; i < 10; i++)
		step(1000);
	cr_assert_eq(booked(COMP_PACKAGE, ESTIMATOR), (uint64_t)(4 + ticks) * 1004, "and no more");
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 10 * 1000);
	puppets[SYSFS].silent = true;
	step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], SYSFS, "it may come back and tell");
	for (int i = 0; i < 10; i++)
		step(1000);
	cr_assert_eq(sp.choice.feed[COMP_PACKAGE], ESTIMATOR);
	cr_assert_eq(booked(COMP_PACKAGE, SYSFS), 10 * 1000);
	end();
}

/* Whatever fails whenever: a joule is never booked twice, and no account steps back. */
Test(choice, property_never_more_than_was_drawn)
{
	unsigned seed = 4711;

	start(NULL, NULL, CAST({ 0 }, { 0 }, ABSENT, ABSENT, { 0 }));
	uint64_t drawn = 0, most = 0, was[NPUPPETS] = { 0 };

	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < NPUPPETS; k++) {
			if (rand_r(&seed) % 20 == 0)
				puppets[k].silent = !puppets[k].silent;
		}
		uint64_t uj = (uint64_t)rand_r(&seed) % 1000000;

		step(uj);
		drawn += uj;
		most += uj + NPUPPETS;
		uint64_t sum = 0;

		for (int k = 0; k < NPUPPETS; k++) {
			uint64_t is = booked(COMP_PACKAGE, k);

			cr_assert_geq(is, was[k], "step %d: source %d stepped back", i, k);
			was[k] = is;
			sum += is;
		}
		cr_assert_leq(sum, most, "step %d: booked %llu of %llu", i, (unsigned long long)sum,
			      (unsigned long long)most);
	}
	cr_assert_gt(booked(COMP_PACKAGE, -1), drawn / 2, "and most of it is");
	end();
}
