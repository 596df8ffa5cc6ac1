/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/rates.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/facts.h"
#include "exporter/metrics_v2.h"
#include "exporter/page.h"

static const struct source_ops rapl = { .name = "rapl-sysfs" };
static const struct source_ops redfish = { .name = "redfish" };

static void mark(struct tick *t, enum component c, unsigned source, const char *package, uint64_t uj)
{
	struct zone z = { .component = c, .source = source, .power_max_uw = UINT64_C(100000000000) };
	struct zone_mark m = { .uj = uj, .at_ns = t->at_ns };
	struct err e = { 0 };

	snprintf(z.name, sizeof z.name, "%d-%s", (int)c, package);
	snprintf(z.package, sizeof z.package, "%s", package);
	cr_assert_eq(zones_intern(t->zones, &z, &m.zone, &e), 0);
	cr_assert_eq(tick_add_mark(t, &m, &e), 0);
}

/* Two packages of 10 W and 20.5 W, memory of 3 W, and a BMC. */
static void settle(struct ledger *l, struct tick *t, uint64_t s)
{
	struct err e = { 0 };

	tick_reset(t, (s + 1) * 1000000000u);
	mark(t, COMP_PACKAGE, 0, "0", s * 10000000);
	mark(t, COMP_PACKAGE, 0, "1", s * 20500000);
	mark(t, COMP_DRAM, 0, "0", s * 3000000);
	mark(t, COMP_PLATFORM, 1, "Self", s * 90000000);
	cr_assert_eq(ledger_settle(l, t, &e), 0);
}

Test(rates, sums_and_power_of_an_interval)
{
	struct sampler sp = { .n = 2, .v = { { .ops = &rapl }, { .ops = &redfish } } };
	struct tick t = { .zones = &sp.zones };
	struct ledger *l = NULL;
	struct rates r = { 0 };
	struct facts facts = { .instance = "n" };
	struct self self = { 0 };
	struct err e = { 0 };
	AUTO_BUF struct buf page;

	cr_assert_eq(ledger_new(&l, &e), 0);
	settle(l, &t, 0);
	rates_take(&r, l, t.at_ns);
	settle(l, &t, 2);
	rates_take(&r, l, t.at_ns);
	const struct component_sum *p = &r.sums[COMP_PACKAGE];

	cr_expect(p->there && p->rated && p->packages == 2);
	uint64_t uj = 0, uw = 0;

	for (enum mode m = 0; m < NMODES; m++)
		uj += p->uj[m], uw += p->uw[m];
	cr_expect_eq(uj, 61000000u);
	cr_expect_eq(uw, 30500000u);
	cr_expect_not(r.sums[COMP_CORE].there);
	/* Time that stands still gives no power. */
	rates_take(&r, l, t.at_ns);
	cr_expect_not(r.sums[COMP_PACKAGE].rated);
	settle(l, &t, 4);
	rates_take(&r, l, t.at_ns);
	rates_stat(&r, "cpu  100 0 100 700 100 0 0 0 5 5\ncpu0 1 1\n");
	cr_expect_not(r.usage_there, "one reading says nothing about an interval");
	rates_stat(&r, "cpu  150 0 100 725 125 0 0 0 5 5\n");
	cr_expect(r.usage_there);
	cr_expect_eq(r.usage_ppb, 500000000u);
	struct view view = { .facts = &facts, .self = &self, .sampler = &sp, .ledger = l, .tick = &t, .rates = &r };

	buf_init(&page, 1 << 16);
	cr_assert_eq(facts_cpus("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: A B\nphysical id\t: 1\n"
				"core id\t\t: 7\n\nprocessor : 1\nvendor_id : GenuineIntel", &facts, &e), 0);
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics_v2, nmetrics_v2, &page, &e), 0);
	static const char *const lines[] = {
		"\nkepler_node_cpu_joules_total{zone=\"package\",path=\"aggregated-package\",node_name=\"n\"} 122\n",
		"\nkepler_node_cpu_watts{zone=\"package\",path=\"aggregated-package\",node_name=\"n\"} 30.5\n",
		"\nkepler_node_cpu_joules_total{zone=\"dram\",path=\"aggregated-dram\",node_name=\"n\"} 12\n",
		"\nkepler_node_cpu_usage_ratio{node_name=\"n\"} 0.5\n",
		"\nkepler_node_cpu_info{processor=\"0\",vendor_id=\"GenuineIntel\",model_name=\"A B\",physical_id=\"1\","
		"core_id=\"7\"} 1\n",
		"\nkepler_node_cpu_info{processor=\"1\",vendor_id=\"GenuineIntel\",model_name=\"\",physical_id=\"\","
		"core_id=\"\"} 1\n",
	};

	for (size_t i = 0; i < COUNT(lines); i++)
		cr_expect_not_null(strstr(buf_str(&page), lines[i]), "%s%s", lines[i], buf_str(&page));
	/* A BMC is no zone of the processor. */
	cr_expect_null(strstr(buf_str(&page), "psys"));
	facts_clear(&facts);
	ledger_free(l);
	tick_clear(&t);
}

Test(rates, what_stat_cannot_say_is_unknown)
{
	static const char *const bad[] = { "", "cpu", "cpu 1 2 3", "cpu x", "intr 1 2 3 4",
					   "cpu 1 1 1 1", "cpu 100 0 0 10 0 0 0 0", "cpu 90 0 0 900 0 0 0 0" };
	struct rates r = { 0 };

	rates_stat(&r, "cpu 100 0 0 100 0 0 0 0");
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rates copy = r;

		rates_stat(&copy, bad[i]);
		cr_expect_not(copy.usage_there, "%s", bad[i]);
	}
}

/* Laws over the second table, and that both can be on one page. */
Test(rates, rows_of_the_second_table_are_well_formed)
{
	for (size_t i = 0; i < nmetrics_v2; i++) {
		const struct metric *m = &metrics_v2[i];
		size_t len = strlen(m->name);
		bool total = len > 6 && strcmp(m->name + len - 6, "_total") == 0;
		bool info = len > 5 && strcmp(m->name + len - 5, "_info") == 0;

		cr_expect_eq(total, m->type == METRIC_COUNTER, "%s", m->name);
		cr_expect_eq(info, m->type == METRIC_INFO, "%s", m->name);
		for (size_t j = 0; j < nmetrics; j++)
			cr_expect_str_neq(m->name, metrics[j].name);
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(m->name, metrics_v2[j].name);
	}
}
