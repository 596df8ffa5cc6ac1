/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a metrics page and an interval cost, by how many there are: the page of a machine with two sockets and a BMC
 * for 200 and 2,000 containers, and for 1,000 and 5,000 processes in 200 of them. Whether the cost of each is
 * the same with many as with few is a ratio; the times stand beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "exporter/metrics_works.h"
#include "exporter/names/work.h"
#include "exporter/page.h"

#define TURNS 15

static void die(const struct err *e)
{
	fprintf(stderr, "page: %s\n", e->msg);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double middle(double v[TURNS])
{
	qsort(v, TURNS, sizeof *v, by_size);
	return v[TURNS / 2];
}

struct machine {
	struct sampler sampler;
	struct ledger *ledger;
	struct roster *roster;
	struct tick tick;
	size_t containers, processes;
	uint64_t ticks;
};

static void person(struct machine *m, uint64_t serial)
{
	struct work *k = calloc(1, sizeof *k);
	struct err e = { 0 };
	char *id = NULL, *pod = NULL;

	if (!k || asprintf(&id, "%064llx", (unsigned long long)serial * 0x9e3779b97f4a7c15u) < 0 ||
	    asprintf(&pod, "service-%llu-6d4b75cb6d-hq9xp", (unsigned long long)serial) < 0)
		exit(1);
	k->refs = 1;
	k->key = id;
	k->pod = pod;
	k->w = (struct workload){ .serial = serial, .container_id = id, .pod_name = pod, .container_name = "server",
				  .container_namespace = "production", .vm_id = "", .pod_uid = "", .runtime = "",
				  .settled = true };
	if (roster_add(m->roster, &k->w, &e) < 0)
		die(&e);
	workload_unref(&k->w);
}

static void interval(struct machine *m)
{
	static const enum component zones[] = { COMP_PACKAGE, COMP_PACKAGE, COMP_DRAM, COMP_DRAM, COMP_PLATFORM };
	struct err e = { 0 };
	uint64_t k = m->ticks++;

	tick_reset(&m->tick, (k + 1) * 1000000000u);
	m->tick.sched = (struct sched_mark){ .there = true, .processes = m->processes > 0, .cpus = 64,
					     .busy_ns = k * 2000000000u, .measured = (1u << NUSES) - 1 };
	for (uint32_t z = 0; z < COUNT(zones); z++) {
		struct zone zone = { .component = zones[z], .power_max_uw = UINT64_C(100000000000) };
		struct zone_mark mark = { .uj = k * (z + 1) * 30000001, .at_ns = m->tick.at_ns };

		snprintf(zone.name, sizeof zone.name, "%u", z);
		snprintf(zone.package, sizeof zone.package, "%u", z % 2);
		if (zones_intern(&m->sampler.zones, &zone, &mark.zone, &e) < 0 || tick_add_mark(&m->tick, &mark, &e) < 0)
			die(&e);
	}
	for (size_t i = 0; i < m->containers + m->processes; i++) {
		bool process = i >= m->containers;
		uint64_t group = i % m->containers;
		struct work_mark w = { .workload = 3 + group, .cgroup = 100 + group, .comm = "server" };

		if (process) {
			w.tgid = (uint32_t)(1000 + i);
			w.process = (uint64_t)w.tgid << 32 | 1;
		}
		for (size_t u = 0; u < NUSES; u++)
			w.use[u] = k * (1000003 + 977 * i) / (u + 1);
		if (tick_add_work(&m->tick, &w, &e) < 0)
			die(&e);
	}
	if (ledger_settle(m->ledger, &m->tick, &e) < 0)
		die(&e);
	roster_keep(m->roster, ledger_works(m->ledger));
}

static size_t render(const struct machine *m, struct buf *page)
{
	static const struct facts facts = { .instance = "node", .cpu = "icelake" };
	static const struct self self = { 0 };
	struct view view = { .facts = &facts, .self = &self, .sampler = &m->sampler, .ledger = m->ledger,
			     .roster = m->roster, .tick = &m->tick, .now_ns = m->tick.at_ns };
	struct err e = { 0 };

	buf_reset(page);
	if (page_render(&view, FORMAT_TEXT, metrics, nmetrics, page, &e) < 0 ||
	    page_render(&view, FORMAT_TEXT, metrics_works, nmetrics_works, page, &e) < 0)
		die(&e);
	return page->len;
}

/* Prints what it costs; returns seconds per page and, in *ret_settle, per interval. */
static double cost(size_t containers, size_t processes, double *ret_settle)
{
	struct machine *m = calloc(1, sizeof *m);
	struct err e = { 0 };
	double pages[TURNS], intervals[TURNS];
	AUTO_BUF struct buf page;
	size_t len = 0;

	buf_init(&page, PAGE_MAX);
	if (!m || ledger_new(&m->ledger, &e) < 0 || roster_new(&m->roster, &e) < 0)
		die(&e);
	m->tick.zones = &m->sampler.zones;
	m->containers = containers;
	m->processes = processes;
	for (uint64_t i = 0; i < containers; i++)
		person(m, 3 + i);
	for (int i = 0; i < 6; i++)
		interval(m);
	len = render(m, &page);
	for (int i = 0; i < TURNS; i++) {
		double from = now_s();

		interval(m);
		intervals[i] = now_s() - from;
		from = now_s();
		render(m, &page);
		pages[i] = now_s() - from;
	}
	double s = middle(pages);

	*ret_settle = middle(intervals);
	printf("page_%zu_containers_%zu_processes %.2f ms\n", containers, processes, s * 1e3);
	printf("page_%zu_containers_%zu_processes_size %.2f MB\n", containers, processes, (double)len / 1e6);
	printf("interval_%zu_containers_%zu_processes %.2f ms\n", containers, processes, *ret_settle * 1e3);
	roster_free(m->roster);
	ledger_free(m->ledger);
	tick_clear(&m->tick);
	free(m);
	return s;
}

int main(void)
{
	double few, many, settle_few, settle_many;

	few = cost(200, 0, &settle_few);
	many = cost(2000, 0, &settle_many);
	printf("page_each_of_2000_to_200_containers %.2f ratio\n", many / few / 10);
	printf("interval_each_of_2000_to_200_containers %.2f ratio\n", settle_many / settle_few / 10);
	few = cost(200, 1000, &settle_few);
	many = cost(200, 5000, &settle_many);
	printf("page_each_of_5000_to_1000_processes %.2f ratio\n", many / few / 5);
	printf("interval_each_of_5000_to_1000_processes %.2f ratio\n", settle_many / settle_few / 5);
	return 0;
}
