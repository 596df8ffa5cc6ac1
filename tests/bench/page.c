/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a metrics page and an interval cost, by how many there are: the page of a machine with two sockets and a BMC
 * for 200 and 2,000 containers, and for 1,000 and 5,000 processes in 200 of them. Whether the cost of each is
 * the same with many as with few is a ratio, and so is what was reached of a goal (more than 1: it was not); the
 * times, which are CPU times on whatever machine this is, stand beside it. Memory for a page is taken as the
 * exporter takes it, anew for each. With gzip, as Prometheus asks for it, the page is made without its text; the peer
 * is zlib's fastest level over the text, with what making that takes. The interval is the part that the books are:
 * reading the kernel's counters is not in it.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "exporter/metrics_works.h"
#include "exporter/names/work.h"
#include "exporter/page.h"
#include "exporter/zip.h"

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
	unsigned long long part[4] = { serial * 0x9e3779b97f4a7c15u, serial * 0xc2b2ae3d27d4eb4fu,
				       serial * 0x165667b19e3779f9u, serial * 0x27d4eb2f165667c5u };

	/* No part of an id is like another's: packing the page takes the longer for it. */
	if (!k || asprintf(&id, "%016llx%016llx%016llx%016llx", part[0], part[1], part[2], part[3]) < 0 ||
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

static void render(const struct machine *m, struct buf *page)
{
	static const struct facts facts = { .instance = "node", .cpu = "icelake" };
	static const struct self self = { 0 };
	struct view view = { .facts = &facts, .self = &self, .sampler = &m->sampler, .ledger = m->ledger,
			     .roster = m->roster, .tick = &m->tick, .now_ns = m->tick.at_ns };
	struct err e = { 0 };

	if (page_render(&view, FORMAT_TEXT, metrics, nmetrics, page, &e) < 0 ||
	    page_render(&view, FORMAT_TEXT, metrics_works, nmetrics_works, page, &e) < 0)
		die(&e);
}

/* All of these: len is that of the one before, and then of this one. Seconds. */
static double text_s(const struct machine *m, size_t *len, struct buf *page)
{
	double from = now_s();

	buf_clear(page);
	(void)buf_reserve(page, *len);
	render(m, page);
	*len = page->len;
	return now_s() - from;
}

static double gzip_s(const struct machine *m, size_t *len)
{
	AUTO_BUF struct buf out, text;
	struct zip z;
	double from = now_s();

	buf_init(&out, PAGE_MAX);
	(void)buf_reserve(&out, *len);
	zip_begin(&z, &out);
	zip_buf(&z, &text);
	render(m, &text);
	if (buf_drain(&text) < 0)
		exit(1);
	zip_end(&z);
	*len = out.len;
	return now_s() - from;
}

static double zlib_s(const struct buf *page, size_t *len)
{
	AUTO_BUF struct buf out;
	z_stream z = { .next_in = (unsigned char *)page->data, .avail_in = (uInt)page->len };
	double from = now_s();

	buf_init(&out, PAGE_MAX);
	if (buf_reserve(&out, page->len) < 0 ||
	    deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		exit(1);
	z.next_out = (unsigned char *)out.data;
	z.avail_out = (uInt)out.cap;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		exit(1);
	*len = z.total_out;
	deflateEnd(&z);
	return now_s() - from;
}

/* Seconds, medians. */
struct costs {
	double page, gzip, zlib, interval;
};

/* Bytes of the last ones. */
struct sizes {
	size_t page, gzip, zlib;
};

static void print_costs(const char *what, const struct costs *c, const struct sizes *n)
{
	printf("page_%s %.2f ms\n", what, c->page * 1e3);
	printf("page_%s_size %.2f MB\n", what, (double)n->page / 1e6);
	printf("page_%s_gzip %.2f ms\n", what, c->gzip * 1e3);
	printf("page_%s_gzip_to_page %.2f ratio\n", what, c->gzip / c->page);
	printf("page_%s_gzip_to_zlib %.2f ratio\n", what, c->gzip / (c->page + c->zlib));
	printf("page_%s_gzip_size_to_page %.2f ratio\n", what, (double)n->gzip / (double)n->page);
	printf("page_%s_gzip_size_to_zlib %.2f ratio\n", what, (double)n->gzip / (double)n->zlib);
	printf("interval_%s %.2f ms\n", what, c->interval * 1e3);
}

static struct costs cost(size_t containers, size_t processes)
{
	struct machine *m = calloc(1, sizeof *m);
	struct err e = { 0 };
	double pages[TURNS], intervals[TURNS], gzips[TURNS], zlibs[TURNS];
	AUTO_BUF struct buf page;
	struct sizes n = { 0 };
	char what[64];

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
	text_s(m, &n.page, &page);
	for (int i = 0; i < TURNS; i++) {
		double from = now_s();

		interval(m);
		intervals[i] = now_s() - from;
		pages[i] = text_s(m, &n.page, &page);
		gzips[i] = gzip_s(m, &n.gzip);
		zlibs[i] = zlib_s(&page, &n.zlib);
	}
	struct costs c = { middle(pages), middle(gzips), middle(zlibs), middle(intervals) };

	snprintf(what, sizeof what, "%zu_containers_%zu_processes", containers, processes);
	print_costs(what, &c, &n);
	roster_free(m->roster);
	ledger_free(m->ledger);
	tick_clear(&m->tick);
	free(m);
	return c;
}

static void compare(const char *what, const struct costs *few, const struct costs *many, double times)
{
	printf("page_each_of_%s %.2f ratio\n", what, many->page / few->page / times);
	printf("interval_each_of_%s %.2f ratio\n", what, many->interval / few->interval / times);
}

/* page: seconds that a page may take; minute: CPU seconds that a minute of 60 intervals may, 0: no goal. */
static void reached(const char *what, const struct costs *c, double page, double minute)
{
	printf("page_%s_to_goal_of_%.0f_ms %.2f ratio\n", what, page * 1e3, c->page / page);
	printf("page_%s_gzip_to_goal_of_%.0f_ms %.2f ratio\n", what, page * 1e3, c->gzip / page);
	if (minute > 0)
		printf("minute_%s_to_goal_of_%.2f_cpu_s %.2f ratio\n", what, minute, c->interval * 60 / minute);
}

int main(void)
{
	mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* as the exporter has it */
	struct costs few = cost(200, 0), many = cost(2000, 0);

	compare("2000_to_200_containers", &few, &many, 10);
	reached("2000_containers", &many, 0.005, 0);
	few = cost(200, 1000);
	many = cost(200, 5000);
	compare("5000_to_1000_processes", &few, &many, 5);
	reached("1000_processes", &few, 0.005, 0.06);
	reached("5000_processes", &many, 0.02, 0.3);
	return 0;
}
