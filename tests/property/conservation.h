/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_PROPERTY_CONSERVATION_H
#define TESTS_PROPERTY_CONSERVATION_H
/*
 * The law of the ledger over random ticks: meters that wrap, are reset, fall silent and lie; groups,
 * workloads and processes that come, get their names late, and go; sources that are missing or begin
 * anew; a clock that jumps. After every tick, for every component, mode and level, the accounts, the
 * retired ones and what is nobody's add up to the node's to the microjoule, and none has stepped back.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/ledger.h"

#define SECOND_NS UINT64_C(1000000000)
#define WRAPS_AT UINT64_C(262143328850)
#define WORKS_MOST 24
#define PARTIES_MOST 4096

struct conserve {
	uint64_t random;
	struct zones *zones;
	struct tick tick;
	struct ledger *ledger;
	uint64_t shown[10], now_ns, busy_ns, next_id;
	struct {
		struct work_mark mark;
		bool there;
		unsigned left; /* ticks, once gone */
		uint64_t later; /* its workload's number, known from some tick on */
	} works[WORKS_MOST];
	struct {
		uint64_t key, uj[NCOMPONENTS][NMODES], gpu_ns;
	} last[2][PARTIES_MOST];
	size_t nlast[2];
	struct sums sums;
	uint64_t node_last[NCOMPONENTS][NMODES];
	/* what was seen to happen */
	uint64_t retired, wraps, doubts, missing, idle_uj, dynamic_uj, unsplit_uj, parties, gpu_users;
	char wrong[300];
	int level;
	/* Called after every tick, and decides by itself when ledger_shown is called; may be NULL. */
	void (*look)(struct conserve *c, uint64_t n, void *arg);
	void *arg;
};

/* xorshift64*: the libc's own is slow and locked. */
static uint64_t any(struct conserve *c)
{
	c->random ^= c->random >> 12;
	c->random ^= c->random << 25;
	c->random ^= c->random >> 27;
	return c->random * UINT64_C(0x2545f4914f6cdd1d);
}

static bool one_in(struct conserve *c, uint64_t n)
{
	return any(c) >> 20 < (UINT64_MAX >> 20) / n;
}

static uint64_t below(struct conserve *c, uint64_t n)
{
	return (any(c) >> 11) % n;
}

__attribute__((format(printf, 2, 3))) static void say_wrong(struct conserve *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (c->wrong[0] == '\0')
		vsnprintf(c->wrong, sizeof c->wrong, fmt, ap);
	va_end(ap);
}

static const enum component zone_kinds[10] = { COMP_PACKAGE, COMP_PACKAGE, COMP_CORE,	  COMP_CORE, COMP_UNCORE,
					       COMP_DRAM,    COMP_DRAM,	   COMP_PLATFORM, COMP_GPU,  COMP_GPU };

static void draw(struct conserve *c, uint64_t ns)
{
	struct err e = { 0 };

	for (uint32_t z = 0; z < 10; z++) {
		uint64_t watts = zone_kinds[z] == COMP_PLATFORM ? 300 + below(c, 600) : below(c, 200);
		struct zone_mark m = { .zone = z, .wraps_at_uj = WRAPS_AT, .at_ns = c->now_ns };

		c->shown[z] = one_in(c, 3000) ? 0 : (c->shown[z] + watts * (ns / 1000)) % WRAPS_AT;
		if (one_in(c, zone_kinds[z] == COMP_PLATFORM ? 2 : 15))
			continue; /* silent */
		m.uj = one_in(c, 2000) ? WRAPS_AT + 5 : c->shown[z];
		m.anew = one_in(c, 3000);
		m.busy_ns = c->now_ns / 2 + below(c, ns); /* may step back, too */
		m.busy_unknown = one_in(c, 50);
		m.idle_uj = any(c) >> (20 + below(c, 44)); /* of the zones that know; any nonsense */
		tick_add_mark(&c->tick, &m, &e);
	}
}

static void work(struct conserve *c, uint64_t ns)
{
	struct err e = { 0 };
	bool anew = one_in(c, 2000);

	if (one_in(c, 40)) {
		c->missing++;
		return;
	}
	for (size_t i = 0; i < WORKS_MOST; i++) {
		struct work_mark *m = &c->works[i].mark;

		if (!c->works[i].there && one_in(c, 6)) {
			uint64_t id = ++c->next_id;

			c->works[i].there = true;
			c->works[i].left = 0;
			/* the first are the kernel's and what was lost; every other is a process */
			*m = (struct work_mark){ .cgroup = i == 0 ? WORK_UNKNOWN : i == 1 ? WORK_KERNEL : id };
			if (i >= 2 && i % 2) {
				m->process = id << 20;
				m->tgid = (uint32_t)i;
				m->cgroup = 1 + below(c, id);
			}
			c->works[i].later = one_in(c, 3) ? 1 + below(c, 5) : 1000 + id;
		}
		if (!c->works[i].there)
			continue;
		if (anew)
			memset(m->use, 0, sizeof m->use);
		for (size_t u = 0; u < NUSES; u++) {
			if (!m->gone && !one_in(c, 3))
				m->use[u] += u == USE_CPU_NS ? below(c, ns) : any(c) >> (20 + below(c, 44));
		}
		if (m->workload == 0 && !m->process && one_in(c, 3))
			m->workload = c->works[i].later;
		if (!m->gone && one_in(c, 30))
			m->gone = true;
		tick_add_work(&c->tick, m, &e);
		if (m->gone && c->works[i].left++ == 1)
			c->works[i].there = false;
	}
	for (uint32_t g = 0; g < 2; g++) {
		static const uint32_t who[] = { 3, 7, 99, 0 };
		uint64_t busy = c->now_ns / 3;

		for (size_t i = 0; i < 4 && !one_in(c, 4); i++)
			tick_add_gpu(&c->tick, &(struct gpu_mark){ .zone = 8 + g, .tgid = who[i],
								    .cgroup = below(c, c->next_id + 2),
								    .busy_ns = busy * (i + 1),
								    .memory_ns = below(c, busy + 1),
								    .held_ns = busy / (i + 1) }, &e);
	}
	c->busy_ns = anew ? 0 : c->busy_ns + below(c, 4 * ns);
	c->tick.sched = (struct sched_mark){ .there = true, .cpus = 4, .processes = true,
					     .measured = (unsigned)any(c) | 1u << USE_CPU_NS,
					     .busy_ns = c->busy_ns };
}

static int add_node(const struct account *a, void *arg)
{
	struct conserve *c = arg;

	for (int m = 0; m < NMODES; m++)
		c->sums.uj[a->component][m] += a->uj[m];
	return 0;
}

static uint64_t gpu_ns(const struct party *p)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < p->ngpus; i++)
		ns += p->gpus[i].busy_ns + p->gpus[i].memory_ns;
	return ns;
}

static int take_party(const struct party *p, void *arg)
{
	struct conserve *c = arg;
	size_t n = c->nlast[c->level];

	for (int i = 0; i < NCOMPONENTS; i++) {
		for (int m = 0; m < NMODES; m++)
			c->sums.uj[i][m] -= p->uj[i][m];
	}
	c->parties++;
	c->gpu_users += p->ngpus > 0;
	/* those that were there before come in the same order: found by going on from the last place */
	uint64_t key = p->process ? p->process : p->workload;

	for (size_t i = 0; key && i < n; i++) {
		if (c->last[c->level][i].key != key)
			continue;
		for (int k = 0; k < NCOMPONENTS; k++) {
			for (int m = 0; m < NMODES; m++) {
				if (p->uj[k][m] < c->last[c->level][i].uj[k][m])
					say_wrong(c, "account %llu stepped back", (unsigned long long)key);
			}
		}
		if (gpu_ns(p) < c->last[c->level][i].gpu_ns)
			say_wrong(c, "the GPU time of account %llu stepped back", (unsigned long long)key);
	}
	return 0;
}

static int keep_party(const struct party *p, void *arg)
{
	struct conserve *c = arg;
	size_t n = c->nlast[c->level];

	if (n == PARTIES_MOST) {
		say_wrong(c, "the parties do not retire");
		return 1;
	}
	c->last[c->level][n].key = p->process ? p->process : p->workload;
	memcpy(c->last[c->level][n].uj, p->uj, sizeof p->uj);
	c->last[c->level][n].gpu_ns = gpu_ns(p);
	c->nlast[c->level]++;
	return 0;
}

static void check(struct conserve *c, uint64_t n)
{
	const struct works *w = ledger_works(c->ledger);

	for (c->level = 0; c->level < 2; c->level++) {
		const struct sums *rest = works_residual(w, (enum works_level)c->level);
		const struct sums *retired = works_retired(w, (enum works_level)c->level);

		c->sums = (struct sums){ 0 };
		ledger_each(c->ledger, LEVEL_NODE, add_node, c);
		for (int i = 0; i < NCOMPONENTS && c->level == 0; i++) {
			for (int m = 0; m < NMODES; m++) {
				if (c->sums.uj[i][m] < c->node_last[i][m])
					say_wrong(c, "tick %llu: the node's account of component %d stepped back",
						  (unsigned long long)n, i);
				c->node_last[i][m] = c->sums.uj[i][m];
			}
			c->idle_uj = c->node_last[COMP_PACKAGE][MODE_IDLE];
			c->dynamic_uj = c->node_last[COMP_PACKAGE][MODE_DYNAMIC];
			c->unsplit_uj = c->node_last[COMP_PACKAGE][MODE_UNSPLIT];
		}
		works_each(w, (enum works_level)c->level, take_party, c);
		for (int i = 0; i < NCOMPONENTS; i++) {
			for (int m = 0; m < NMODES; m++) {
				int64_t off = (int64_t)(c->sums.uj[i][m] - rest->uj[i][m] - retired->uj[i][m]);

				if (off != 0)
					say_wrong(c, "tick %llu, level %d, component %d, mode %d: %lld uJ off",
						  (unsigned long long)n, c->level, i, m, (long long)off);
				c->retired += retired->uj[i][m] != 0;
			}
		}
		c->nlast[c->level] = 0;
		works_each(w, (enum works_level)c->level, keep_party, c);
	}
}

/* 0, and what happened in *ret; or -1 with ret->wrong saying where the law was broken. ret->look and
 * ret->arg are the caller's. */
static int conserve(uint64_t seed, uint64_t ticks, struct conserve *ret)
{
	struct conserve *c = ret;
	struct err e = { 0 };

	*c = (struct conserve){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
				.now_ns = SECOND_NS,
				.look = ret->look,
				.arg = ret->arg };
	c->zones = calloc(1, sizeof *c->zones);
	c->tick.zones = c->zones;
	if (!c->zones || ledger_new(&c->ledger, &e) < 0)
		return -1;
	for (unsigned z = 0; z < 10; z++) {
		struct zone zone = { .component = zone_kinds[z], .power_max_uw = 1000 * UINT64_C(1000000) };
		uint32_t id = 0;

		zone.knows_idle = z == 1 || (z > 6 && seed % 2);
		zone.tells_busy = z == 9;
		snprintf(zone.name, sizeof zone.name, "zone-%u", z);
		snprintf(zone.package, sizeof zone.package, "%u", z % 2);
		zones_intern(c->zones, &zone, &id, &e);
	}
	for (uint64_t n = 0; n < ticks && c->wrong[0] == '\0'; n++) {
		uint64_t ns = SECOND_NS / 20 + below(c, SECOND_NS);

		if (one_in(c, 5000))
			c->now_ns += 3600 * SECOND_NS;
		else if (one_in(c, 5000))
			c->now_ns -= c->now_ns > 10 * SECOND_NS ? below(c, 10 * SECOND_NS) : 0;
		else
			c->now_ns += ns;
		tick_reset(&c->tick, c->now_ns);
		draw(c, ns);
		work(c, ns);
		if (ledger_settle(c->ledger, &c->tick, &e) < 0)
			say_wrong(c, "%s", e.msg);
		check(c, n);
		if (c->look)
			c->look(c, n, c->arg);
		else if (one_in(c, 4))
			ledger_shown(c->ledger);
	}
	for (uint32_t z = 0; z < 10; z++) {
		const struct zone_book *b = ledger_zone(c->ledger, z);

		c->wraps += b ? b->wraps : 0;
		for (int d = 0; b && d < NDOUBTS; d++)
			c->doubts += b->doubts[d];
	}
	ledger_free(c->ledger);
	tick_clear(&c->tick);
	free(c->zones);
	return c->wrong[0] ? -1 : 0;
}

#endif
