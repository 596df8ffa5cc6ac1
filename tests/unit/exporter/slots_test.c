/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader's side of the slots, on plain memory: the test is the kernel. */
#include "exporter/sources/slots.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NCPUS 3
#define NSLOTS 64

static struct power_use use[NCPUS * NSLOTS];
static struct power_owner owners[NSLOTS];
static uint32_t queue[NSLOTS];
static size_t queued;
static uint64_t forgotten[NSLOTS];
static size_t nforgotten;

static void forget(void *arg, uint64_t key)
{
	(void)arg;
	forgotten[nforgotten++] = key;
}

static int offer(void *arg, uint32_t slot)
{
	(void)arg;
	queue[queued++] = slot;
	return 0;
}

static uint32_t take(uint64_t key)
{
	uint32_t slot = queue[0];

	cr_assert_gt(queued, 0);
	memmove(queue, queue + 1, --queued * sizeof *queue);
	owners[slot] = (struct power_owner){ .key = key, .cgroup = key };
	return slot;
}

struct seen {
	uint64_t key, ns;
	uint32_t gone;
};

static struct seen seen[NSLOTS];
static size_t nseen;

static int see(void *arg, const struct power_owner *owner, const uint64_t *used)
{
	(void)arg;
	if (owner->key != 0)
		seen[nseen++] = (struct seen){ owner->key, used[POWER_CPU_NS], owner->gone };
	return 0;
}

static void read_all(struct slots *s)
{
	nseen = 0;
	cr_assert_eq(slots_read(s, see, NULL), 0);
}

static void setup(struct slots *s)
{
	struct err e = { 0 };

	memset(use, 0, sizeof use);
	memset(owners, 0, sizeof owners);
	queued = nforgotten = 0;
	*s = (struct slots){ .use = use, .owners = owners, .ncpus = NCPUS, .n = NSLOTS, .forget = forget,
			     .offer = offer };
	cr_assert_eq(slots_init(s, &e), 0);
	cr_assert_eq(queued, NSLOTS - POWER_SLOT_FIRST);
}

Test(slots, an_owner_that_is_gone_is_read_once_more_and_followed_by_the_next)
{
	struct slots s;

	setup(&s);
	uint32_t slot = take(77);

	use[0 * NSLOTS + slot].v[POWER_CPU_NS] = 5;
	use[2 * NSLOTS + slot].v[POWER_CPU_NS] = 7;
	read_all(&s);
	cr_assert_eq(nseen, 1);
	cr_expect_eq(seen[0].ns, 12);
	owners[slot].gone = 1;
	read_all(&s);
	cr_expect_eq(seen[0].gone, 1);
	cr_expect_eq(nforgotten, 0, "it may still be charged");
	use[1 * NSLOTS + slot].v[POWER_CPU_NS] = 1; /* a last slice */
	use[0 * NSLOTS + slot].tag = use[2 * NSLOTS + slot].tag = 0xffff888012345678;
	read_all(&s);
	cr_expect_eq(use[0 * NSLOTS + slot].tag, 0, "nobody is charged here by what the row says");
	cr_expect_eq(use[2 * NSLOTS + slot].tag, 0);
	cr_assert_eq(nseen, 1);
	cr_expect_eq(seen[0].ns, 13);
	cr_expect_eq(nforgotten, 1);
	cr_expect_eq(forgotten[0], 77);
	cr_expect_eq(owners[slot].key, 0);
	cr_expect_eq(s.held, 1);
	use[1 * NSLOTS + slot].v[POWER_CPU_NS] += 2; /* under way meanwhile: nobody's, but it was used */
	use[1 * NSLOTS + slot].tag = 0xffff888012345678;
	read_all(&s);
	cr_expect_eq(use[1 * NSLOTS + slot].tag, 0, "nor is the next one by what was under way");
	cr_expect_eq(nseen, 0);
	cr_expect_eq(s.total[POWER_CPU_NS], 15);
	cr_expect_eq(s.held, 0);
	cr_expect_eq(queue[queued - 1], slot);
	/* All others are taken before it; then it comes again and begins at 0. */
	while (queue[0] != slot)
		take(1000 + queue[0]);
	cr_assert_eq(take(88), slot);
	use[0 * NSLOTS + slot].v[POWER_CPU_NS] += 3;
	read_all(&s);
	cr_assert_eq(nseen, NSLOTS - POWER_SLOT_FIRST);
	for (size_t i = 0; i < nseen; i++)
		cr_expect_eq(seen[i].ns, seen[i].key == 88 ? 3 : 0);
	slots_clear(&s);
}

/* Two CPUs see a group at once: one of the two slots is given back under the reader's eyes. */
Test(slots, a_slot_given_back_before_use_goes_to_another)
{
	struct slots s;

	setup(&s);
	uint32_t a = take(5), b = take(5);

	read_all(&s);
	cr_expect_eq(nseen, 2);
	owners[b].key = 0;
	queue[queued++] = b;
	use[a].v[POWER_CPU_NS] = 9;
	read_all(&s);
	cr_assert_eq(nseen, 1);
	cr_expect_eq(seen[0].ns, 9);
	owners[b] = (struct power_owner){ .key = 6, .cgroup = 6 };
	use[b].v[POWER_CPU_NS] = 4;
	read_all(&s);
	cr_assert_eq(nseen, 2);
	cr_expect_eq(seen[1].key, 6);
	cr_expect_eq(seen[1].ns, 4);
	slots_clear(&s);
}

/* Where groups take their slots themselves, all of those are free, and seen wherever they are taken; the others are
 * offered. */
Test(slots, those_taken_in_no_order_are_seen_from_the_beginning)
{
	struct slots s;
	struct err e = { 0 };

	setup(&s);
	slots_clear(&s);
	queued = 0;
	s.n = NSLOTS;
	s.scattered = NSLOTS - 2;
	cr_assert_eq(slots_init(&s, &e), 0);
	cr_expect_eq(s.free, 2);
	cr_assert_eq(queued, 2);
	cr_expect_eq(queue[0], NSLOTS - 2);
	owners[NSLOTS - 3] = (struct power_owner){ .key = 5, .gone = 1 };
	use[NSLOTS - 3].v[POWER_CPU_NS] = 3;
	cr_expect_eq(take(6), NSLOTS - 2);
	read_all(&s);
	cr_assert_eq(nseen, 2);
	cr_expect_eq(seen[0].ns, 3);
	cr_expect_eq(s.free, 1);
	owners[NSLOTS - 2].gone = 1;
	for (int i = 0; i < 3; i++)
		read_all(&s);
	cr_assert_eq(queued, 3, "both are offered again");
	cr_expect_eq(queue[1], NSLOTS - 3);
	cr_expect_eq(queue[2], NSLOTS - 2);
	cr_expect_eq(s.free, 2);
	cr_expect_eq(s.held, 0);
	slots_clear(&s);
}

static uint64_t pages;

static int see_pages(void *arg, const struct power_owner *owner, const uint64_t *used)
{
	(void)arg;
	pages = owner->key ? used[POWER_PAGE_CACHE] : pages;
	return 0;
}

/* What is counted in 32 bits goes on beyond them, on every CPU by itself. */
Test(slots, narrow_counters_wrap)
{
	struct slots s;

	setup(&s);
	uint32_t slot = take(7), *a = &use[0 * NSLOTS + slot].n[POWER_PAGE_CACHE - POWER_WIDE],
		 *b = &use[1 * NSLOTS + slot].n[POWER_PAGE_CACHE - POWER_WIDE];

	for (uint64_t i = 1; i <= 9; i++) {
		*a += 1000000000;
		*b += 2000000001;
		cr_assert_eq(slots_read(&s, see_pages, NULL), 0);
		cr_expect_eq(pages, i * 3000000001);
	}
	cr_expect_eq(s.total[POWER_PAGE_CACHE], 9 * UINT64_C(3000000001));
	slots_clear(&s);
}

#include "bpf/scale.h"

/* Counters that run all the time are taken as they are; those that share are scaled, whatever the
 * slices are. */
Test(slots, shared_counters_are_scaled)
{
	struct power_event e = { 0 };
	uint64_t sum = 0;

	cr_expect_eq(power_event_step(&e, 1000, 50, 50), 0, "the first reading says nothing");
	cr_expect_eq(power_event_step(&e, 1700, 90, 90), 700);
	cr_expect_eq(power_event_step(&e, 3, 10, 10), 0, "opened anew");

	/* It runs for 4 ms, then another one does for 4 ms, and so on; slices of 3 ms. The event comes
	 * twice a nanosecond. */
	uint64_t counter = 3, enabled = 10, running = 10, true_count = 0;

	for (unsigned ms = 0; ms < 30000; ms += 3) {
		for (unsigned i = 0; i < 3; i++) {
			bool runs = (ms + i) / 4 % 2 == 0;

			enabled += 1000000;
			running += runs ? 1000000 : 0;
			counter += runs ? 2000000 : 0;
		}
		uint64_t step = power_event_step(&e, counter, enabled, running);

		if (ms >= 300) {
			sum += step;
			true_count += 6000000;
		}
	}
	cr_expect_lt(llabs((long long)sum - (long long)true_count), (long long)(true_count / 100), "%llu of %llu",
		     (unsigned long long)sum, (unsigned long long)true_count);

	/* A sleep of ten days does not upset the arithmetic. */
	enabled += UINT64_C(864000) * 1000000000u;
	running += UINT64_C(432000) * 1000000000u;
	power_event_step(&e, counter, enabled, running);
	cr_expect_eq(e.scale, 2 * POWER_SCALE_ONE);
}
