/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/page.h"

#include <ctype.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "exporter/build_info.h"
#include "exporter/prom.h"

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

/* Two sockets, a BMC with an odd name, the scheduler's counters, everything that a page can show. */
static void fill(struct sampler *sp, struct tick *t, uint64_t k)
{
	t->zones = &sp->zones;
	tick_reset(t, (k + 1) * 1000000000u);
	add(t, COMP_PACKAGE, 0, "package-0", "0", k * 45000001);
	add(t, COMP_CORE, 0, "package-0/core", "0", k * 30000000);
	add(t, COMP_UNCORE, 0, "package-0/uncore", "0", k * 1500000);
	add(t, COMP_DRAM, 0, "package-0/dram", "0", k * 7250000);
	add(t, COMP_PACKAGE, 0, "package-1", "1", k * 21000000);
	add(t, COMP_PLATFORM, 1, "Self \"1\"\\\n", "Self \"1\"\\\n", k * 130000000);
	t->sched = (struct sched_mark){ .there = true, .busy_ns = k * 1234567890, .idle_ns = k * 1000000000,
					.switches = 4711 * k, .drops = 0 };
	t->programs[0] = (struct program_mark){ .name = "switch_btf", .runs = 4711, .run_ns = 812345 };
	t->programs[1] = (struct program_mark){ .name = "flush" };
	t->nprograms = 2;
}

/* Takes the series out that says what build this is: it differs in every checkout. */
static void drop_build(struct buf *page)
{
	char *line = strstr(page->data, "\nkepler_exporter_build_info{");

	cr_assert_not_null(line);
	cr_assert_not_null(strstr(line, build_info.version));
	size_t len = strcspn(line + 1, "\n") + 1;

	memmove(line, line + len, strlen(line + len) + 1);
	page->len -= len;
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
	cr_assert_eq(ledger_new(&l, &e), 0);
	cr_assert_eq(sampler_open(&sp, table, COUNT(table), &(struct roots){ .config = &config }, &e), 0);
	sp.v[0].wanted = sp.v[0].up = sp.v[2].wanted = true;
	sp.v[0].ok_ns = 1000000000;
	sp.v[2].errors = 2;
	fill(&sp, &t, 0);
	cr_assert_eq(ledger_settle(l, &t, &e), 0);
	fill(&sp, &t, 1);
	cr_assert_eq(ledger_settle(l, &t, &e), 0);

	AUTO_BUF struct buf page;

	buf_init(&page, PAGE_MAX);
	struct view view = { .facts = &facts, .self = &self, .sampler = &sp, .ledger = l, .tick = &t,
			     .now_ns = 3250000000u, .created_ms = 1700000000250 };
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics, nmetrics, &page, &e), 0);
	golden("tests/fake/pages/everything.prom", &page);
	buf_reset(&page);
	cr_assert_eq(page_render(&view, FORMAT_OPENMETRICS, metrics, nmetrics, &page, &e), 0);
	cr_assert_eq(page_end(FORMAT_OPENMETRICS, &page, &e), 0);
	golden("tests/fake/pages/everything.om", &page);

	/* A machine without any meter shows no joules at all: no zeros that nobody measured. */
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
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics, nmetrics, &page, &e), 0);
	cr_assert_null(strstr(buf_str(&page), "joules"));
	golden("tests/fake/pages/no-meters.prom", &page);

	/* A page that does not fit is an error, not half a page. */
	AUTO_BUF struct buf small;

	buf_init(&small, 100);
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics, nmetrics, &small, &e), -(int)ERR_MEMORY);
	ledger_free(l);
	ledger_free(empty);
	tick_clear(&t);
	tick_clear(&nothing);
}

/* Laws over every row: what Prometheus and its linter ask of names. */
Test(page, rows_are_well_formed)
{
	for (size_t i = 0; i < nmetrics; i++) {
		const struct metric *m = &metrics[i];
		size_t len = strlen(m->name);
		bool total = len > 6 && strcmp(m->name + len - 6, "_total") == 0;

		cr_expect_eq(strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), len, "%s", m->name);
		cr_expect_eq(total, m->type == METRIC_COUNTER, "%s: counters and only they end in _total", m->name);
		cr_expect(m->help[0] && isupper((unsigned char)m->help[0]) && m->help[strlen(m->help) - 1] != '.',
			  "%s: '%s'", m->name, m->help);
		cr_expect_not_null(m->value, "%s", m->name);
		bool info = len > 5 && strcmp(m->name + len - 5, "_info") == 0;

		cr_expect_eq(info, m->type == METRIC_INFO, "%s: infos and only they end in _info", m->name);
		size_t family = prom_family_len(FORMAT_OPENMETRICS, m->name, m->type);

		for (size_t j = 0; j < i; j++) {
			cr_expect_str_neq(m->name, metrics[j].name);
			/* OpenMetrics: family names without their suffixes are unique too. */
			cr_expect(family != prom_family_len(FORMAT_OPENMETRICS, metrics[j].name, metrics[j].type) ||
					  memcmp(m->name, metrics[j].name, family) != 0,
				  "%s and %s are one family", m->name, metrics[j].name);
		}
	}
}

/* What Kepler's users query, by name, labels and their order. */
Test(page, kepler_names_and_labels_are_kept)
{
	static const char *const joules[] = { "core", "dram", "other", "package", "platform", "uncore" };
	static const char *const labels[] = { "package", "instance", "mode", "source" };

	for (size_t i = 0; i < COUNT(joules); i++) {
		char name[64];
		const struct metric *found = NULL;

		snprintf(name, sizeof name, "kepler_node_%s_joules_total", joules[i]);
		for (size_t j = 0; j < nmetrics; j++)
			found = strcmp(metrics[j].name, name) == 0 ? &metrics[j] : found;
		cr_assert_not_null(found, "%s", name);
		for (size_t j = 0; j < COUNT(labels); j++)
			cr_assert_str_eq(found->labels[j].name, labels[j]);
		cr_assert_null(found->labels[COUNT(labels)].name);
	}
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
