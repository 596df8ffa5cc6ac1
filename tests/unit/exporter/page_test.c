/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/page.h"

#include <ctype.h>
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "exporter/build_info.h"
#include "exporter/cpu.h"
#include "exporter/gpus.h"
#include "exporter/metrics_v2.h"
#include "exporter/metrics_works.h"
#include "exporter/prom.h"
#include "exporter/sources/sources.h"
#include "tests/property/zip.h"
#include "tests/unit/exporter/people.h"
#include "tests/unit/exporter/tree.h"

#define RANGE UINT64_C(262143328850)

static int never_open(struct source *s, const struct roots *r, struct zones *z, struct err *e)
{
	(void)s, (void)r, (void)z;
	return err_set(e, ERR_REFUSED, "not used");
}

static const struct source_ops rapl = { .name = "rapl-sysfs", .open = never_open };
static const struct source_ops redfish = { .name = "redfish", .open = never_open };
static const struct source_ops bpf = { .name = "bpf", .open = never_open };
static const struct source_ops *const table[] = { &rapl, &redfish, &bpf };

static void add(struct tick *t, enum component c, unsigned source, const char *name, const char *package,
		uint64_t uj)
{
	struct zone z = { .component = c, .source = source, .power_max_uw = UINT64_C(100000000000) };
	struct zone_mark m = { .uj = uj, .wraps_at_uj = RANGE, .at_ns = t->at_ns };
	struct err e = { 0 };

	snprintf(z.name, sizeof z.name, "%s", name);
	snprintf(z.package, sizeof z.package, "%s", package);
	cr_assert_eq(zones_intern(t->zones, &z, &m.zone, &e), 0);
	cr_assert_eq(tick_add_mark(t, &m, &e), 0);
}

/* What a group (process 0) or a process has used: on-CPU time, and of all else in proportion. */
static void use(struct tick *t, uint64_t workload, uint64_t cgroup, uint64_t process, uint32_t tgid,
		const char *comm, uint64_t ns)
{
	struct work_mark m = { .workload = workload, .cgroup = cgroup, .process = process, .tgid = tgid };
	struct err e = { 0 };

	snprintf(m.comm, sizeof m.comm, "%s", comm);
	for (size_t u = 0; u < NUSES; u++)
		m.use[u] = ns / (u ? 1000 * u : 1);
	cr_assert_eq(tick_add_work(t, &m, &e), 0);
}

/* A pod's container with odd names, a virtual machine, one whose name is still looked for. */
static struct roster *people(void)
{
	struct roster *r = NULL;
	struct err e = { 0 };

	cr_assert_eq(roster_new(&r, &e), 0);
	person(r, WORKLOAD_SERIAL_SYSTEM, WORKLOAD_SYSTEM, "system_processes", "system_processes", "system_processes",
	       "system", true);
	person(r, WORKLOAD_SERIAL_KERNEL, WORKLOAD_KERNEL, "kernel_processes", "kernel_processes", "kernel_processes",
	       "kernel", true);
	struct workload *w = person(r, 3, WORKLOAD_CONTAINER,
				    "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17", "web-0",
				    "ap\"p\\\n", "shop", true);

	w->pod_uid = "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11";
	w->runtime = "containerd";
	person(r, 4, WORKLOAD_VM, "machine-qemu-1-guest", "", "", "", true);
	w = person(r, 5, WORKLOAD_CONTAINER, "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4", "", "",
		   "", false);
	w->pod_uid = "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"; /* the other's pod */
	return r;
}

/* Two sockets, a BMC with an odd name, the scheduler's counters, everything that a page can show. */
static void fill(struct sampler *sp, struct tick *t, uint64_t k)
{
	uint64_t more = k > 3 ? k - 3 : 0; /* in the end it works more than before */

	t->zones = &sp->zones;
	tick_reset(t, (k + 1) * 1000000000u);
	add(t, COMP_PACKAGE, 0, "package-0", "0", k * 45000001 + more * 20000000);
	add(t, COMP_CORE, 0, "package-0/core", "0", k * 30000000 + more * 15000000);
	add(t, COMP_UNCORE, 0, "package-0/uncore", "0", k * 1500000);
	add(t, COMP_DRAM, 0, "package-0/dram", "0", k * 7250000 + more * 1000000);
	add(t, COMP_PACKAGE, 0, "package-1", "1", k * 21000000 + more * 7);
	add(t, COMP_PLATFORM, 1, "Self \"1\"\\\n", "Self \"1\"\\\n", k * 130000000 + more * 30000000);
	t->marks[t->nmarks - 1].told_ns = t->at_ns;
	t->marks[t->nmarks - 1].told_uw = 130000000 + (k > 3 ? 30000000 : 0);
	/* Two processors, nearly idle: so that idle energy becomes known. */
	t->sched = (struct sched_mark){ .there = true, .processes = true, .cpus = 2, .busy_ns = k * 80000000,
					.idle_ns = k * 1920000000, .switches = 4711 * k,
					.measured = (1u << NUSES) - 1 };
	use(t, WORKLOAD_SERIAL_SYSTEM, 11, 0, 0, "", k * 30000000);
	use(t, WORKLOAD_SERIAL_KERNEL, WORK_KERNEL, 0, 0, "", k * 10000000);
	use(t, 3, 12, 0, 0, "", k * 25000000);
	use(t, 4, 13, 0, 0, "", k * 7000000);
	use(t, 5, 14, 0, 0, "", k * 5000000);
	use(t, 0, 15, 0, 0, "", k * 3000000);
	use(t, WORKLOAD_SERIAL_KERNEL, WORK_KERNEL, WORK_KERNEL, 0, "", k * 10000000);
	use(t, 3, 12, UINT64_C(700) << 32, 700, "ngi\"nx\xff", k * 25000000);
	use(t, 4, 13, UINT64_C(701) << 32, 701, "qemu", k * 7000000);
	use(t, 0, 15, UINT64_C(702) << 32, 702, "new", k * 3000000);
	t->programs[0] = (struct program_mark){ .name = "switch_btf", .runs = 4711, .run_ns = 812345 };
	t->programs[1] = (struct program_mark){ .name = "flush" };
	t->nprograms = 2;
}

/* Takes the series out that says what build this is: it differs in every checkout. */
static void drop_build(struct buf *page)
{
	char *line = strstr(page->data, "\nkepler_exporter_build_info{");

	line = line ? line : strstr(page->data, "\nkepler_build_info{");
	cr_assert_not_null(line);
	cr_assert_not_null(strstr(line, build_info.version));
	size_t len = strcspn(line + 1, "\n") + 1;

	memmove(line, line + len, strlen(line + len) + 1);
	page->len -= len;
}

/* The same page made with gzip is the same text. */
static void renders(const struct view *view, enum page_format format, const struct metric *rows, size_t n,
		    struct buf *page)
{
	AUTO_BUF struct buf packed, scratch, text;
	struct zip z;
	struct err e = { 0 };
	size_t before = page->len;

	cr_assert_eq(page_render(view, format, rows, n, page, &e), 0, "%s", e.msg);
	buf_init(&packed, PAGE_MAX);
	buf_init(&text, PAGE_MAX);
	zip_begin(&z, &packed);
	zip_buf(&z, &scratch);
	cr_assert_eq(page_render(view, format, rows, n, &scratch, &e), 0, "%s", e.msg);
	cr_assert_eq(buf_drain(&scratch), 0);
	zip_end(&z);
	buf_add(&text, page->data + before, page->len - before);
	cr_assert(orders_unpacked(&packed, &text), "another page with gzip");
}

static void golden(const char *path, struct buf *got)
{
	AUTO_BUF struct buf want;
	struct err e = { 0 };

	buf_init(&want, 1 << 20);
	drop_build(got);
	if (getenv("POWERSTACK_WRITE_GOLDEN"))
		cr_assert_eq(file_replace(path, 0644, got->data, got->len, &e), 0, "%s", e.msg);
	cr_assert_eq(file_read(path, &want, NULL, &e), 0, "%s", e.msg);
	const char *w = buf_str(&want), *g = buf_str(got);

	for (unsigned line = 1; *w || *g; line++) {
		size_t wl = strcspn(w, "\n"), gl = strcspn(g, "\n");

		cr_assert(wl == gl && memcmp(w, g, wl) == 0,
			  "%s:%u differs (POWERSTACK_WRITE_GOLDEN=1 rewrites it):\n  want %.*s\n  got  %.*s", path,
			  line, (int)wl, w, (int)gl, g);
		w += wl + (w[wl] == '\n');
		g += gl + (g[gl] == '\n');
	}
}

Test(page, golden)
{
	struct sampler sp = { 0 };
	struct config config;
	struct tick t = { 0 };
	struct ledger *l = NULL;
	struct err e = { 0 };
	struct facts facts = { .instance = "node-1", .cpu = "icelake" };
	struct self self = { .ticks = 2, .sample_ns = 1500000, .render_ns = 250000,
			     .http = { .answers = { 3, 1 }, .page_bytes = { 9000 }, .connections = 1 }, .cpu_ns = 10000000, .resident_bytes = 5242880, .meters = 6 };

	config_init(&config);
	config.redfish.endpoint = "https://[2001:db8::7]:443/";
	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(sampler_open(&sp, table, COUNT(table), &(struct roots){ .config = &config }, &e), 0);
	sp.v[0].wanted = sp.v[0].up = sp.v[2].wanted = true;
	sp.v[0].ok_ns = 1000000000;
	sp.v[2].errors = 2;
	struct roster *roster = people();
	static struct rates rates;

	for (uint64_t k = 0; k < 5; k++) {
		fill(&sp, &t, k);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		rates_take(&rates, l, t.at_ns);
	}

	AUTO_BUF struct buf page;

	buf_init(&page, PAGE_MAX);
	struct view view = { .facts = &facts, .self = &self, .sampler = &sp, .ledger = l, .tick = &t,
			     .roster = roster, .rates = &rates, .now_ns = 3250000000u,
			     .created_ms = 1700000000250, .created_ns = 500000000 };
	renders(&view, FORMAT_TEXT, metrics, nmetrics, &page);
	renders(&view, FORMAT_TEXT, metrics_works, nmetrics_works, &page);
	golden("tests/fake/pages/everything.prom", &page);
	buf_reset(&page);
	renders(&view, FORMAT_OPENMETRICS, metrics, nmetrics, &page);
	renders(&view, FORMAT_OPENMETRICS, metrics_works, nmetrics_works, &page);
	cr_assert_eq(page_end(FORMAT_OPENMETRICS, &page, &e), 0);
	golden("tests/fake/pages/everything.om", &page);
	buf_reset(&page);
	renders(&view, FORMAT_TEXT, metrics_v2, nmetrics_v2, &page);
	golden("tests/fake/pages/everything-v2.prom", &page);

	/* With neither meters nor estimates no joules at all are shown: no zeros that nobody measured. */
	struct sampler bare = { 0 };
	struct tick nothing = { .zones = &bare.zones };
	struct ledger *empty = NULL;

	cr_assert_eq(ledger_new(&empty, &e), 0);
	cr_assert_eq(sampler_open(&bare, table, COUNT(table), &(struct roots){ .config = &config }, &e), 0);
	tick_reset(&nothing, 1);
	cr_assert_eq(ledger_settle(empty, &nothing, &e), 0);
	buf_reset(&page);
	self.meters = 0;
	view = (struct view){ .facts = &facts, .self = &self, .sampler = &bare, .ledger = empty,
			      .tick = &nothing, .now_ns = 1 };
	renders(&view, FORMAT_TEXT, metrics, nmetrics, &page);
	renders(&view, FORMAT_TEXT, metrics_works, nmetrics_works, &page);
	cr_assert_null(strstr(buf_str(&page), "joules"));
	golden("tests/fake/pages/no-meters-no-estimates.prom", &page);

	/* A page that does not fit is an error, not half a page. */
	AUTO_BUF struct buf small;

	buf_init(&small, 100);
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics, nmetrics, &small, &e), -(int)ERR_MEMORY);
	roster_free(roster);
	ledger_free(l);
	ledger_free(empty);
	tick_clear(&t);
	tick_clear(&nothing);
}

/* A virtual machine of four Sky Lake threads, of which two are used: all it shows is said to be estimated. */
Test(page, golden_of_a_machine_without_meters)
{
	static const struct source_ops *const only[] = { &source_estimator };
	struct facts facts = { .instance = "node-1", .cpu = "skylake" };
	struct self self = { .ticks = 2 };
	struct sampler sp = { 0 };
	struct tick t = { 0 };
	struct ledger *l = NULL;
	struct config config;
	struct tree tree;
	struct err e = { 0 };
	AUTO_BUF struct buf page;

	config_init(&config);
	tree_make(&tree);
	tree_write(&tree, "cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n\n");
	tree_write(&tree, "devices/system/cpu/online", "0-3\n");
	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(sampler_open(&sp, only, 1, &(struct roots){ .sysfs = tree.root, .procfs = tree.root,
								 .config = &config }, &e), 0);
	for (uint64_t k = 1; k <= 2; k++) {
		tree_write(&tree, "stat", k == 1 ? "cpu 100 0 100 7 7 0 0 0 0 0\n" : "cpu 300 0 300 9 9 0 0 0 0 0\n");
		sampler_read(&sp, k * 2000000000u, &t);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
	}
	self.meters = sampler_measured(&sp, &t);
	struct view view = { .facts = &facts, .self = &self, .sampler = &sp, .ledger = l, .tick = &t,
			     .now_ns = 4000000000u };
	buf_init(&page, PAGE_MAX);
	renders(&view, FORMAT_TEXT, metrics, nmetrics, &page);
	golden("tests/fake/pages/no-meters.prom", &page);
	sampler_close(&sp);
	ledger_free(l);
	tick_clear(&t);
	tree_remove(&tree);
}

/* ---- the machines of tests/fake/sysfs, each with a page of its own */

#define MACHINE_COUNTERS 8
#define MACHINE_SECONDS 2 /* from tick to tick */

struct machine {
	const char *name, *cpuinfo;
	unsigned intervals;
	/* How far each energy counter of the tree moves in an interval. */
	struct {
		const char *entry;
		uint64_t uj;
	} counters[MACHINE_COUNTERS];
	const char *series[MACHINE_COUNTERS]; /* all of the page's joules, with the sums that these make */
};

#define INTEL "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 151\n\n"
#define AMD "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n\n"
#define ARM "processor\t: 0\nCPU implementer\t: 0x50\nCPU architecture: 8\nCPU part\t: 0x000\n\n"

static const struct machine machines[] = {
	/* The psys counter has proved itself by then: it counts, and so does what is in no part of it. */
	{ "intel-client", INTEL, PROOF_TICKS,
	  { { "intel-rapl:0", 3500000 }, { "intel-rapl:0:0", 2000000 }, { "intel-rapl:0:1", 250000 },
	    { "intel-rapl:0:2", 1000000 }, { "intel-rapl:1", 10000000 } },
	  { "package_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 35",
	    "core_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 20",
	    "uncore_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 2.5",
	    "dram_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 10",
	    "platform_joules_total{package=\"psys\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 100",
	    "other_joules_total{package=\"socket0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 55" } },
	/* The same package by MMIO counts once. */
	{ "intel-2s", INTEL, 3,
	  { { "intel-rapl:0", 5000000 }, { "intel-rapl:0:0", 700000 }, { "intel-rapl:1", 2500000 },
	    { "intel-rapl:1:0", 300000 }, { "intel-rapl-mmio:0", 5000000 } },
	  { "package_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 15",
	    "package_joules_total{package=\"1\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 7.5",
	    "dram_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 2.1",
	    "dram_joules_total{package=\"1\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 0.9" } },
	/* Dies add up under their socket. */
	{ "multi-die", INTEL, 2,
	  { { "intel-rapl:0", 1000000 }, { "intel-rapl:0:0", 100000 }, { "intel-rapl:1", 2000000 },
	    { "intel-rapl:1:0", 200000 }, { "intel-rapl:2", 4000000 }, { "intel-rapl:2:0", 400000 } },
	  { "package_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 6",
	    "package_joules_total{package=\"1\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 8",
	    "dram_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 0.6",
	    "dram_joules_total{package=\"1\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 0.8" } },
	/* 0.610987 J before its end at the beginning; its "core" is one core's, and no energy of the cores. */
	{ "amd", AMD, 2,
	  { { "intel-rapl:0", 5000000 }, { "intel-rapl:0:0", 1000 } },
	  { "package_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 10" } },
	/* Power: 33.5 W for 6 s. What its sensor of the IO draws is not the processor's. */
	{ "xgene", ARM, 3, { { NULL, 0 } },
	  { "package_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"ampere-xgene-hwmon\"} 201" } },
	/* 187 W for 6 s of the whole machine, and no part of it estimated beside that. */
	{ "acpi", INTEL, 3, { { NULL, 0 } },
	  { "platform_joules_total{package=\"energy1\",instance=\"node-1\",mode=\"unsplit\",source=\"acpi\"} 1122" } },
};

static const char *machine_from;
static const struct tree *machine_to;

static int copy_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	struct err e = { 0 };
	AUTO_BUF struct buf text = { 0 };

	(void)st, (void)ftw;
	if (kind != FTW_F)
		return 0;
	buf_init(&text, 4096);
	cr_assert_eq(file_read(path, &text, NULL, &e), 0, "%s", e.msg);
	tree_write(machine_to, path + strlen(machine_from) + 1, buf_str(&text));
	return 0;
}

static uint64_t tree_number(const struct tree *t, const char *entry, const char *file)
{
	char path[300];
	struct err e = { 0 };
	AUTO_BUF struct buf text;

	buf_init(&text, 64);
	snprintf(path, sizeof path, "%s/class/powercap/%s/%s", t->root, entry, file);
	cr_assert_eq(file_read(path, &text, NULL, &e), 0, "%s", e.msg);
	return strtoull(buf_str(&text), NULL, 10);
}

/* The counters move on; they start again at their end. */
static void move(const struct tree *t, const struct machine *m)
{
	for (size_t i = 0; i < MACHINE_COUNTERS && m->counters[i].entry; i++) {
		const char *entry = m->counters[i].entry;
		uint64_t end = tree_number(t, entry, "max_energy_range_uj"), uj = tree_number(t, entry, "energy_uj");
		char path[200], text[32];

		uj += m->counters[i].uj;
		snprintf(path, sizeof path, "class/powercap/%s/energy_uj", entry);
		snprintf(text, sizeof text, "%llu\n", (unsigned long long)(uj > end ? uj - end : uj));
		tree_write(t, path, text);
	}
}

/* What the meters said, at the test's own time; those that tell power held it since the tick before. */
static void set_time(struct sampler *sp, struct tick *t, uint64_t k)
{
	for (size_t i = 0; i < t->nmarks; i++) {
		struct zone_mark *mark = &t->marks[i];

		mark->at_ns = t->at_ns;
		mark->anew = false;
		if (mark->told_ns == 0)
			continue;
		mark->told_ns = t->at_ns;
		mark->uj = mark->told_uw * MACHINE_SECONDS * k;
	}
	for (size_t i = 0; i < sp->n; i++) {
		if (sp->v[i].ok_ns > 0)
			sp->v[i].ok_ns = t->at_ns;
	}
}

static void expect_joules(const struct machine *m, const struct buf *page)
{
	size_t want = 0, got = 0;
	char line[256];

	for (; want < MACHINE_COUNTERS && m->series[want]; want++) {
		snprintf(line, sizeof line, "\nkepler_node_%s\n", m->series[want]);
		cr_expect_not_null(strstr(page->data, line), "%s: no %s", m->name, line);
	}
	for (const char *p = page->data; (p = strstr(p, "\nkepler_node_")); p++) {
		size_t brace = strcspn(p + 1, "{\n");

		got += p[1 + brace] == '{' && memcmp(p + 1 + brace - 7, "s_total", 7) == 0;
	}
	cr_expect_eq(got, want, "%s: %zu series of joules", m->name, got);
}

static void expect_page(const struct machine *m)
{
	static const struct source_ops *const all[] = { &source_rapl, &source_xgene, &source_acpi, &source_estimator };
	struct event_base *base = event_base_new();
	struct sampler sp = { 0 };
	struct tick t = { 0 };
	struct ledger *l = NULL;
	struct config config;
	struct facts facts = { .instance = "node-1" };
	struct self self = { .ticks = m->intervals + 1 };
	struct tree tree;
	struct err e = { 0 };
	char from[64], golden_page[96];
	AUTO_BUF struct buf page;

	config_init(&config);
	tree_make(&tree);
	snprintf(from, sizeof from, "tests/fake/sysfs/%s", m->name);
	machine_from = from, machine_to = &tree;
	cr_assert_eq(nftw(from, copy_one, 8, FTW_PHYS), 0);
	tree_write(&tree, "cpuinfo", m->cpuinfo);
	tree_write(&tree, "devices/system/cpu/online", "0-3\n");
	tree_write(&tree, "stat", "cpu 100 0 100 7 7 0 0 0 0 0\n");
	cpu_name(tree.root, tree.root, facts.cpu, sizeof facts.cpu);
	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(sampler_open(&sp, all, COUNT(all), &(struct roots){ .sysfs = tree.root, .procfs = tree.root,
									 .rootfs = tree.root, .config = &config,
									 .base = base }, &e), 0);
	/* A meter that a child reads tells when the child does: nothing is settled before. */
	for (int i = 0; i < 1200 && sampler_measured(&sp, &t) == 0; i++) {
		struct timeval most = { .tv_usec = 50000 };

		sampler_read(&sp, tick_now_ns(), &t);
		event_base_loopexit(base, &most);
		event_base_dispatch(base);
	}
	cr_assert_gt(sampler_measured(&sp, &t), 0, "%s", m->name);
	uint64_t from_ns = tick_now_ns();

	for (size_t i = 0; i < sp.n; i++) {
		sp.v[i].tried_ns = from_ns; /* however long that took */
		sp.v[i].errors = sp.v[i].wanted && !sp.v[i].absent && !sp.v[i].state;
	}
	for (uint64_t k = 0; k <= m->intervals; k++) {
		if (k > 0)
			move(&tree, m);
		sampler_read(&sp, from_ns + k * MACHINE_SECONDS * UINT64_C(1000000000), &t);
		set_time(&sp, &t, k);
		cr_assert_eq(ledger_settle(l, &t, &e), 0, "%s", e.msg);
	}
	self.meters = sampler_measured(&sp, &t);
	struct view view = { .facts = &facts, .self = &self, .sampler = &sp, .ledger = l, .tick = &t, .now_ns = t.at_ns };

	buf_init(&page, PAGE_MAX);
	renders(&view, FORMAT_TEXT, metrics, nmetrics, &page);
	expect_joules(m, &page);
	snprintf(golden_page, sizeof golden_page, "tests/fake/pages/%s.prom", m->name);
	golden(golden_page, &page);
	sampler_close(&sp);
	event_base_free(base);
	ledger_free(l);
	tick_clear(&t);
	tree_remove(&tree);
}

Test(page, golden_of_each_machine, .timeout = 120)
{
	for (size_t i = 0; i < COUNT(machines); i++)
		expect_page(&machines[i]);
}

/* ---- a machine with GPUs: one that two containers share, and one in MIG mode */

#define GPU_TICKS 4
/* A round of the GPU helper every two seconds; device 0 has 24 GB, device 1 is divided. */
#define GPU_ROUND(AT, METERS, USERS, MJ)                                                               \
	"at " AT "000000000\n" METERS "memory 0 24000000000\n" USERS                                   \
	"holds 0 700 6000000000\nholds 0 703 12000000000\n"                                            \
	"energy 1 " MJ "\nmemory 1 80000000000\ndivided 1 2\nholds 1 703 20000000000\nend\n"

/* What the two draw, as the helper tells it. The first idles at 20 W and then works for two processes; it is not told
 * how busy the other one is. */
static const char *const gpu_lines[GPU_TICKS] = {
	"powerstack-gpu 3 550.54.15\ngpu 0 GPU-8c2a1f00-0000-0000-0000-000000000001 NVIDIA L4\n"
	"gpu 1 GPU-8c2a1f00-0000-0000-0000-000000000002 NVIDIA H100 80GB HBM3\n"
	GPU_ROUND("100", "energy 0 7000000\nutil 0 0\n", "", "500"),
	GPU_ROUND("102", "energy 0 7040000\nutil 0 0\n", "seen 0 5000000 7000000\n", "100500"),
	GPU_ROUND("104", "energy 0 7180000\nutil 0 100\n",
		  "seen 0 7000000 9000000\nbusy 0 700 60\nmoves 0 700 25\nbusy 0 703 15\nmoves 0 703 5\n", "200500"),
	GPU_ROUND("106", "energy 0 7270000\nutil 0 50\n",
		  "seen 0 9000000 11000000\nbusy 0 700 40\nmoves 0 700 10\nbusy 0 703 10\n", "300500"),
};

static struct gpus gpus;
static size_t gpu_tick;

static int gpus_open(struct source *s, const struct roots *r, struct zones *z, struct err *e)
{
	(void)r, (void)z, (void)e;
	s->state = &gpus;
	return 0;
}

static int gpus_read(struct source *s, struct tick *into, struct err *e)
{
	uint64_t now = (101 + 2 * gpu_tick) * UINT64_C(1000000000);
	const char *at = gpu_lines[gpu_tick++];
	char line[200];

	for (; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
		cr_assert_eq(gpus_line(&gpus, line, strlen(line), now, e), 0, "%s: %s", line, e->msg);
	}
	for (size_t i = 0; i < gpus.nusers; i++)
		gpus.users[i].cgroup = gpus.users[i].pid == 700 ? 12 : gpus.users[i].pid == 703 ? 13 : 0;
	return gpus_tick(&gpus, s->index, into->zones, now, into, e);
}

static void gpus_close(struct source *s)
{
	(void)s;
	gpus_clear(&gpus);
}

/* Two processors, half of them busy: for the one half of that by itself, for the others by a quarter each. Always as
 * busy as that they show no idle power. */
static void gpu_machine_works(struct tick *t, uint64_t k)
{
	const uint64_t second = UINT64_C(1000000000);

	t->sched = (struct sched_mark){ .there = true, .processes = true, .cpus = 2, .busy_ns = k * 2 * second,
					.idle_ns = k * 2 * second, .measured = 1u << USE_CPU_NS };
	use(t, WORKLOAD_SERIAL_SYSTEM, 11, 0, 0, "", k * second / 2);
	use(t, 3, 12, 0, 0, "", k * second);
	use(t, 4, 13, 0, 0, "", k * second / 2);
	use(t, 3, 12, UINT64_C(700) << 32, 700, "train", k * second);
	use(t, 4, 13, UINT64_C(703) << 32, 703, "serve", k * second / 2);
}

#define TRAIN "container_id=\"1b5dc4c1a0b56de9d49a6a80b6d4e3a9f5eb2f1d9d1f60f7b0f2d3a3f80f5c11\",pod_name=\"train-0\"," \
	      "container_name=\"trainer\",container_namespace=\"ml\""
#define SERVE "container_id=\"7e0f3a2bb7c94d0f8d4be1c6a9a2c5d8e3f4b6a7c8d9e0f1a2b3c4d5e6f70812\",pod_name=\"serve-0\"," \
	      "container_name=\"server\",container_namespace=\"ml\""
#define NOBODY "container_id=\"unattributed\",pod_name=\"unattributed\",container_name=\"unattributed\"," \
	       "container_namespace=\"unattributed\""

/* 20 W for 6 s are idle: a quarter of the memory is train's, a half is serve's. The 100 J and the 50 J above that go
 * 60 to 15 and 40 to 10. Utilisation: (60 + 40) and (15 + 10) percent for 2 s each. Nothing of the divided one is
 * anybody's. Of the packages' 22.5 J and the memory's 3 J the processors' time makes a half train's. */
static const char *const gpu_series[] = {
	"kepler_node_gpu_joules_total{package=\"0\",instance=\"node-1\",mode=\"dynamic\",source=\"NVML\"} 150",
	"kepler_node_gpu_joules_total{package=\"0\",instance=\"node-1\",mode=\"idle\",source=\"NVML\"} 120",
	"kepler_node_gpu_joules_total{package=\"1\",instance=\"node-1\",mode=\"unsplit\",source=\"NVML\"} 300",
	"kepler_node_package_joules_total{package=\"0\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 15",
	"kepler_node_package_joules_total{package=\"1\",instance=\"node-1\",mode=\"unsplit\",source=\"rapl-sysfs\"} 7.5",
	"kepler_container_gpu_joules_total{" TRAIN ",mode=\"dynamic\",source=\"NVML\"} 120",
	"kepler_container_gpu_joules_total{" TRAIN ",mode=\"idle\",source=\"NVML\"} 30",
	"kepler_container_gpu_joules_total{" SERVE ",mode=\"dynamic\",source=\"NVML\"} 30",
	"kepler_container_gpu_joules_total{" SERVE ",mode=\"idle\",source=\"NVML\"} 60",
	"kepler_container_gpu_joules_total{" NOBODY ",mode=\"dynamic\",source=\"NVML\"} 0",
	"kepler_container_gpu_joules_total{" NOBODY ",mode=\"idle\",source=\"NVML\"} 30",
	"kepler_container_gpu_joules_total{" NOBODY ",mode=\"unsplit\",source=\"NVML\"} 300",
	"kepler_container_package_joules_total{" TRAIN ",mode=\"unsplit\",source=\"rapl-sysfs\"} 11.25",
	"kepler_container_joules_total{" TRAIN ",mode=\"dynamic\",source=\"\"} 120",
	"kepler_container_joules_total{" TRAIN ",mode=\"idle\",source=\"\"} 30",
	"kepler_container_joules_total{" TRAIN ",mode=\"unsplit\",source=\"\"} 12.75",
	"kepler_container_gpu_compute_util_total{" TRAIN ",source=\"NVML\",gpu_id=\"0\"} 200",
	"kepler_container_gpu_compute_util_total{" SERVE ",source=\"NVML\",gpu_id=\"0\"} 50",
	"kepler_container_gpu_mem_util_total{" TRAIN ",source=\"NVML\",gpu_id=\"0\"} 70",
	"kepler_container_gpu_mem_util_total{" SERVE ",source=\"NVML\",gpu_id=\"0\"} 10",
	"kepler_process_gpu_compute_util_total{pid=\"703\",container_id=\"7e0f3a2bb7c94d0f8d4be1c6a9a2c5d8e3f4b6a7c8d9e0f1a2b3c4d5e6f70812\","
	"vm_id=\"\",command=\"serve\",source=\"NVML\",gpu_id=\"0\"} 50",
	"powerstack_exporter_gpu_unattributed{source=\"NVML\",gpu_id=\"0\",reason=\"mig\"} 0",
	"powerstack_exporter_gpu_unattributed{source=\"NVML\",gpu_id=\"1\",reason=\"mig\"} 1",
	"powerstack_exporter_gpu_unattributed{source=\"NVML\",gpu_id=\"1\",reason=\"driver\"} 0",
	"powerstack_exporter_gpu_instances{source=\"NVML\",gpu_id=\"1\"} 2",
};

static size_t times(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

Test(page, golden_of_a_machine_with_gpus)
{
	static const struct source_ops told = { .name = "NVML", .components = 1u << COMP_GPU, .open = gpus_open,
						.read = gpus_read, .close = gpus_close };
	static const struct source_ops *const both[] = { &source_rapl, &told };
	const struct machine *m = &machines[1];
	struct facts facts = { .instance = "node-1", .cpu = "icelake" };
	struct self self = { .ticks = GPU_TICKS };
	struct sampler sp = { 0 };
	struct tick t = { 0 };
	struct ledger *l = NULL;
	struct roster *r = NULL;
	struct config config;
	struct tree tree;
	struct err e = { 0 };
	AUTO_BUF struct buf page;

	config_init(&config);
	tree_make(&tree);
	cr_assert_str_eq(m->name, "intel-2s");
	machine_from = "tests/fake/sysfs/intel-2s", machine_to = &tree;
	cr_assert_eq(nftw(machine_from, copy_one, 8, FTW_PHYS), 0);
	cr_assert_eq(roster_new(&r, &e), 0);
	person(r, WORKLOAD_SERIAL_SYSTEM, WORKLOAD_SYSTEM, "system_processes", "system_processes", "system_processes",
	       "system", true);
	person(r, 3, WORKLOAD_CONTAINER, "1b5dc4c1a0b56de9d49a6a80b6d4e3a9f5eb2f1d9d1f60f7b0f2d3a3f80f5c11", "train-0",
	       "trainer", "ml", true);
	person(r, 4, WORKLOAD_CONTAINER, "7e0f3a2bb7c94d0f8d4be1c6a9a2c5d8e3f4b6a7c8d9e0f1a2b3c4d5e6f70812", "serve-0",
	       "server", "ml", true);
	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(sampler_open(&sp, both, COUNT(both), &(struct roots){ .sysfs = tree.root, .procfs = tree.root,
									   .config = &config }, &e), 0);
	for (uint64_t k = 0; k < GPU_TICKS; k++) {
		if (k > 0)
			move(&tree, m);
		sampler_read(&sp, (101 + k * MACHINE_SECONDS) * UINT64_C(1000000000), &t);
		set_time(&sp, &t, k);
		gpu_machine_works(&t, k);
		cr_assert_eq(ledger_settle(l, &t, &e), 0, "%s", e.msg);
	}
	self.meters = sampler_measured(&sp, &t);
	struct view view = { .facts = &facts, .self = &self, .sampler = &sp, .ledger = l, .roster = r, .tick = &t,
			     .now_ns = t.at_ns };

	buf_init(&page, PAGE_MAX);
	renders(&view, FORMAT_TEXT, metrics, nmetrics, &page);
	renders(&view, FORMAT_TEXT, metrics_works, nmetrics_works, &page);
	for (size_t i = 0; i < COUNT(gpu_series); i++) {
		char line[400];

		snprintf(line, sizeof line, "\n%s\n", gpu_series[i]);
		cr_expect_not_null(strstr(page.data, line), "no %s", gpu_series[i]);
	}
	/* Two use the one that tells of them; there is no series of the other one, of who uses none, or of nobody. */
	cr_expect_eq(times(page.data, "\nkepler_container_gpu_compute_util_total{"), 2);
	cr_expect_eq(times(page.data, "\nkepler_container_gpu_mem_util_total{"), 2);
	cr_expect_eq(times(page.data, "\nkepler_process_gpu_compute_util_total{"), 2);
	golden("tests/fake/pages/gpu.prom", &page);
	sampler_close(&sp);
	roster_free(r);
	ledger_free(l);
	tick_clear(&t);
	tree_remove(&tree);
}

static const struct {
	const struct metric *rows;
	const size_t *n;
} tables[] = { { metrics, &nmetrics }, { metrics_works, &nmetrics_works } };

static const struct metric *row_of(const char *name)
{
	for (size_t t = 0; t < COUNT(tables); t++) {
		for (size_t i = 0; i < *tables[t].n; i++) {
			if (strcmp(tables[t].rows[i].name, name) == 0)
				return &tables[t].rows[i];
		}
	}
	return NULL;
}

static bool ends(const char *name, const char *with)
{
	size_t len = strlen(name), n = strlen(with);

	return len > n && strcmp(name + len - n, with) == 0;
}

static void expect_apart(const struct metric *m, const struct metric *o)
{
	/* OpenMetrics: family names without their suffixes are unique too. */
	size_t a = prom_family_len(FORMAT_OPENMETRICS, m->name, m->type);
	size_t b = prom_family_len(FORMAT_OPENMETRICS, o->name, o->type);

	cr_expect(a != b || memcmp(m->name, o->name, a) != 0, "%s and %s are one family", m->name, o->name);
}

/* Laws over every row: what Prometheus and its linter ask of names. */
Test(page, rows_are_well_formed)
{
	for (size_t t = 0; t < COUNT(tables); t++) {
		for (size_t i = 0; i < *tables[t].n; i++) {
			const struct metric *m = &tables[t].rows[i];
			size_t len = strlen(m->name);

			cr_expect_eq(strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), len, "%s", m->name);
			cr_expect_eq(ends(m->name, "_total"), m->type == METRIC_COUNTER,
				     "%s: counters and only they end in _total", m->name);
			cr_expect(m->help[0] && isupper((unsigned char)m->help[0]) &&
					  m->help[strlen(m->help) - 1] != '.',
				  "%s: '%s'", m->name, m->help);
			cr_expect_not_null(m->value, "%s", m->name);
			cr_expect_eq(ends(m->name, "_info"), m->type == METRIC_INFO,
				     "%s: infos and only they end in _info", m->name);
			bool works = m->per == PER_CONTAINER || m->per == PER_VM || m->per == PER_PROCESS;

			cr_expect_eq(m->who != NULL, works, "%s: who it is about is told apart", m->name);
			for (size_t o = 0; o <= t; o++) {
				for (size_t j = 0; j < (o == t ? i : *tables[o].n); j++)
					expect_apart(m, &tables[o].rows[j]);
			}
		}
	}
}

/* What Kepler's users query, by name, labels and their order. */
Test(page, kepler_names_and_labels_are_kept)
{
	static const char *const joules[] = { "core", "dram", "other", "package", "platform", "uncore", "gpu" };
	static const char *const uses[] = { "bpf_cpu_time_ms", "bpf_cpu_time_us",  "bpf_page_cache_hit",
					    "bpf_net_tx_irq",  "bpf_net_rx_irq",   "bpf_block_irq",
					    "cpu_cycles",      "cpu_instructions", "cache_miss",
					    "gpu_compute_util", "gpu_mem_util" };
	static const struct {
		const char *level, *labels[6];
		bool sum;
	} levels[] = {
		{ "container", { "container_id", "pod_name", "container_name", "container_namespace" }, true },
		{ "process", { "pid", "container_id", "vm_id", "command" }, true },
		{ "vm", { "vm_id" }, false },
		{ "node", { "package", "instance" }, false },
	};
	char name[96];

	for (size_t l = 0; l < COUNT(levels); l++) {
		for (size_t i = 0; i < COUNT(joules) + COUNT(uses) + 1; i++) {
			bool use = i >= COUNT(joules) && i < COUNT(joules) + COUNT(uses);
			const char *what = i < COUNT(joules) ? joules[i] : use ? uses[i - COUNT(joules)] : "";

			if (strcmp(levels[l].level, "node") == 0 && i >= COUNT(joules))
				continue; /* Kepler has no such rows */
			snprintf(name, sizeof name, "kepler_%s_%s%s_total", levels[l].level, what,
				 use ? "" : *what ? "_joules" : "joules");
			const struct metric *m = row_of(name);

			if (!*what && !levels[l].sum) {
				cr_expect_null(m, "%s", name);
				continue;
			}
			cr_assert_not_null(m, "%s", name);
			const char *got[8] = { NULL };
			size_t n = 0;

			for (const struct label *k = m->who; k && k->name; k++)
				got[n++] = k->name;
			for (const struct label *k = m->labels; k && k->name; k++)
				got[n++] = k->name;
			size_t at = 0;

			for (; levels[l].labels[at]; at++)
				cr_expect_str_eq(got[at], levels[l].labels[at], "%s", name);
			if (!use)
				cr_expect_str_eq(got[at++], "mode", "%s", name);
			cr_expect_str_eq(got[at++], "source", "%s", name);
			if (strncmp(what, "gpu_", 4) == 0)
				cr_expect_str_eq(got[at++], "gpu_id", "%s", name);
			cr_expect_null(got[at], "%s", name);
		}
	}
	static const char *const more[] = { "kepler_node_info", "kepler_exporter_build_info", "kepler_node_energy_stat",
					    "kepler_node_bpf_cpu_time_ms_total", "kepler_node_bpf_cpu_time_us_total",
					    "promhttp_metric_handler_errors_total" };

	for (size_t i = 0; i < COUNT(more); i++)
		cr_expect_not_null(row_of(more[i]), "%s", more[i]);
	/* No sum is Kepler's for these. */
	cr_expect_null(row_of("kepler_node_joules_total"));
}

struct counting {
	size_t made;
	char text[24];
};

static struct counting counting;

static const char *counted_label(const struct subject *s)
{
	counting.made++;
	snprintf(counting.text, sizeof counting.text, "%llu", (unsigned long long)s->party->workload);
	return counting.text;
}

static const char *counted_tail(const struct subject *s)
{
	counting.made++;
	return mode_name(s->mode);
}

static bool use_value(const struct subject *s, uint64_t *ret)
{
	*ret = s->party->use[USE_CPU_NS];
	return true;
}

/* Empty books, and the first tick of a machine with one CPU. */
static void begin(struct ledger **ret_ledger, struct roster **ret_roster, struct tick *t)
{
	struct err e = { 0 };

	cr_assert_eq(ledger_new(ret_ledger, &e), 0, "%s", e.msg);
	cr_assert_eq(roster_new(ret_roster, &e), 0, "%s", e.msg);
	tick_reset(t, 1);
	t->sched = (struct sched_mark){ .there = true, .cpus = 1, .measured = 1 };
}

static const char *owner_label(const struct subject *s)
{
	static char text[40];

	snprintf(text, sizeof text, "%d-%u", (int)s->workload->serial, s->party->tgid);
	return text;
}

/* The processes of a container stand together, whenever they came: that is what packs well. */
Test(page, processes_of_a_container_stand_together)
{
	static const struct label who[] = { { "id", owner_label }, { NULL, NULL } };
	static const struct metric row = { "row_total", METRIC_COUNTER, "H", PER_PROCESS, who, NULL, 0, use_value,
					   COMP_NONE, 0 };
	struct ledger *l = NULL;
	struct roster *r = NULL;
	struct sampler sp = { 0 };
	struct tick t = { .zones = &sp.zones };
	struct err e = { 0 };
	AUTO_BUF struct buf page;

	begin(&l, &r, &t);
	t.sched.processes = true;
	for (uint64_t i = 0; i < 6; i++) {
		if (i < 2)
			person(r, 3 + i, WORKLOAD_CONTAINER, "", "", "", "", true);
		use(&t, 3 + i % 2, 100 + i % 2, (700 - i) << 32, (uint32_t)(700 - i), "", 5);
	}
	cr_assert_eq(ledger_settle(l, &t, &e), 0);
	struct view view = { .sampler = &sp, .ledger = l, .roster = r, .tick = &t };

	buf_init(&page, PAGE_MAX);
	renders(&view, FORMAT_TEXT, &row, 1, &page);
	cr_expect_str_eq(strstr(buf_str(&page), "row_total{"),
			 "row_total{id=\"3-696\"} 5\nrow_total{id=\"3-698\"} 5\nrow_total{id=\"3-700\"} 5\n"
			 "row_total{id=\"4-695\"} 5\nrow_total{id=\"4-697\"} 5\nrow_total{id=\"4-699\"} 5\n", "%s",
			 buf_str(&page));
	roster_free(r);
	ledger_free(l);
	tick_clear(&t);
}

/* Labels are made once for each workload and page, however many rows there are: the work is in proportion
 * to the series. */
Test(page, labels_are_made_once_for_all_rows)
{
	static const struct label who[] = { { "id", counted_label }, { NULL, NULL } };
	static const struct label tail[] = { { "mode", counted_tail }, { NULL, NULL } };
	enum { ROWS = 40, MANY = 3000 };
	static struct metric rows[ROWS];
	static char names[ROWS][24];
	struct ledger *l = NULL;
	struct roster *r = NULL;
	struct sampler sp = { 0 };
	struct tick t = { .zones = &sp.zones };
	struct err e = { 0 };
	AUTO_BUF struct buf page;

	for (size_t i = 0; i < ROWS; i++) {
		snprintf(names[i], sizeof names[i], "row_%zu_total", i);
		rows[i] = (struct metric){ names[i], METRIC_COUNTER, "H", PER_CONTAINER, who, tail, 0, use_value,
					   COMP_NONE, 0 };
	}
	begin(&l, &r, &t);
	for (uint64_t i = 0; i < MANY; i++) {
		person(r, 3 + i, WORKLOAD_CONTAINER, "", "", "", "", true);
		use(&t, 3 + i, 100 + i, 0, 0, "", 5);
	}
	cr_assert_eq(ledger_settle(l, &t, &e), 0);
	struct view view = { .sampler = &sp, .ledger = l, .roster = r, .tick = &t };

	buf_init(&page, PAGE_MAX);
	counting.made = 0;
	cr_assert_eq(page_render(&view, FORMAT_TEXT, rows, ROWS, &page, &e), 0, "%s", e.msg);
	cr_expect_eq(counting.made, MANY + 1 + ROWS, "%zu labels", counting.made); /* with what is nobody's */
	size_t lines = 0;

	for (const char *p = buf_str(&page); (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	cr_expect_eq(lines, ROWS * (MANY + 3));
	roster_free(r);
	ledger_free(l);
	tick_clear(&t);
}

Test(prom, numbers_are_exact)
{
	static const struct {
		uint64_t value;
		unsigned decimals;
		const char *text;
	} cases[] = {
		{ 0, 6, "0" }, { 1, 6, "0.000001" }, { 1500000, 6, "1.5" }, { 2000000, 6, "2" }, { 42, 0, "42" },
		{ UINT64_MAX, 6, "18446744073709.551615" }, { 1000000001, 9, "1.000000001" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF struct buf b;

		buf_init(&b, 100);
		prom_number(&b, cases[i].value, cases[i].decimals);
		cr_expect_str_eq(buf_str(&b), cases[i].text);
	}
}

Test(prom, what_is_no_utf8_does_not_get_out)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "a\\b\"c\nd", "a\\\\b\\\"c\\nd" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "x\xe2\x82", "x\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF struct buf b;

		buf_init(&b, 100);
		prom_escape(&b, cases[i].in, true);
		cr_expect_str_eq(buf_str(&b), cases[i].out, "%s", cases[i].in);
	}
}
