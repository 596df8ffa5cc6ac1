/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/report.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"

static const struct source_ops good = { .name = "rapl-sysfs", .what = "energy counters" };
static const struct source_ops bad = { .name = "bpf", .what = "on-CPU time" };
static const struct source_ops off = { .name = "redfish", .what = "platform power" };

/* One source that works with two meters, one that does not, one that is not asked for. */
static void fill(struct sampler *sp, struct tick *t)
{
	struct err e = { 0 };

	sp->n = 3;
	sp->v[0] = (struct source){ .ops = &good, .index = 0, .wanted = true, .up = true, .state = sp };
	sp->v[1] = (struct source){ .ops = &bad, .index = 1, .wanted = true };
	sp->v[2] = (struct source){ .ops = &off, .index = 2 };
	err_set(&sp->v[1].why, ERR_FAILED, "needs <CAP_BPF> & \"more\"");
	err_set(&sp->v[2].why, ERR_REFUSED, "no endpoint is configured");
	t->zones = &sp->zones;
	tick_reset(t, 1);
	for (uint32_t i = 0; i < 2; i++) {
		struct zone z = { .component = COMP_PACKAGE, .source = 0 };
		struct zone_mark m = { .at_ns = 1 };

		snprintf(z.name, sizeof z.name, "package-%u", i);
		cr_assert_eq(zones_intern(&sp->zones, &z, &m.zone, &e), 0);
		cr_assert_eq(tick_add_mark(t, &m, &e), 0);
	}
}

Test(report, says_what_works_and_why_not)
{
	struct sampler sp = { 0 };
	struct tick t = { 0 };
	struct facts facts = { .instance = "node<1>", .cpu = "icelake" };
	struct err e = { 0 };
	AUTO_BUF struct buf text, page;

	fill(&sp, &t);
	struct view v = { .facts = &facts, .sampler = &sp, .tick = &t };

	buf_init(&text, 1 << 16);
	cr_assert_eq(report_check(&v, &text, &e), 0);
	cr_expect_str_eq(buf_str(&text), "rapl-sysfs   works    energy counters\n"
					 "             meter    package-0\n"
					 "             meter    package-1\n"
					 "bpf          missing  needs <CAP_BPF> & \"more\"\n"
					 "redfish      not used no endpoint is configured\n");
	buf_init(&page, 1 << 16);
	cr_assert_eq(report_landing(&v, "/metrics", &page, &e), 0);
	const char *html = buf_str(&page);

	/* What comes from outside is text, not markup. */
	cr_expect_not_null(strstr(html, "<dd>node&lt;1&gt;</dd>"));
	cr_expect_not_null(strstr(html, "<td>needs &lt;CAP_BPF&gt; &amp; &quot;more&quot;</td>"));
	cr_expect_null(strstr(html, "<CAP_BPF>"));
	cr_expect_not_null(strstr(html, "<a href=\"/metrics\">"));
	cr_expect_not_null(strstr(html, "<td class=\"n\">2</td>"));
	cr_expect_null(strstr(html, "No energy meter"));
	cr_expect_null(strstr(html, "http://"), "nothing is loaded from elsewhere");
	/* Where nothing measures, all say that these are estimates; where something does, that they are not used. */
	static const struct source_ops guess = { .name = "trained_power_model", .what = "estimates", .estimates = true };

	sp.v[0].ops = &guess;
	buf_reset(&text);
	buf_reset(&page);
	cr_assert_eq(report_check(&v, &text, &e), 0);
	cr_expect_not_null(strstr(buf_str(&text), "             estimate package-0\n"));
	cr_expect_not_null(strstr(buf_str(&text), "no energy meter answers: the joules exported would be estimates"));
	cr_assert_eq(report_landing(&v, "/metrics", &page, &e), 0);
	cr_expect_not_null(strstr(buf_str(&page), "the joules exported are estimates"));
	sp.choice.measured = true;
	t.nmarks = 0;
	buf_reset(&text);
	cr_assert_eq(report_check(&v, &text, &e), 0);
	cr_expect_not_null(strstr(buf_str(&text), "trained_power_model not used this machine has meters\n"));
	buf_reset(&page);
	cr_assert_eq(report_landing(&v, "/metrics", &page, &e), 0);
	cr_expect_not_null(strstr(buf_str(&page), "No energy meter"));
	tick_clear(&t);
}
