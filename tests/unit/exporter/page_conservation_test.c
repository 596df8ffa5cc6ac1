/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The law of the ledger where users see it: on the page itself, over the random ticks of
 * tests/property. For every component and mode, the containers' series and what is unlisted add up to the
 * node's to the microjoule, and so do the processes'; no series steps back; one that is no more has been shown
 * with its last value.
 */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "exporter/metrics_works.h"
#include "exporter/page.h"
#include "tests/property/conservation.h"
#include "tests/unit/exporter/people.h"

#define SERIES_MOST 8192

struct series {
	char *name; /* in the page's text */
	uint64_t value;
	bool seen; /* as it is now */
};

struct reader {
	struct roster *roster;
	struct sampler *sampler;
	char ids[PARTIES_MOST][24];
	size_t nids;
	char *texts[2];
	struct series *pages[2];
	size_t n[2];
	unsigned now;
	uint64_t pages_read, vanished, hidden;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->name, ((const struct series *)b)->name);
}

/* Joules as text with at most six decimals, in microjoules. */
static uint64_t micro(const char *text)
{
	char *end = NULL;
	uint64_t v = strtoull(text, &end, 10) * 1000000, unit = 100000;

	for (const char *p = *end == '.' ? end + 1 : ""; *p >= '0' && *p <= '9'; p++, unit /= 10)
		v += (uint64_t)(*p - '0') * unit;
	return v;
}

static void read_page(struct reader *r)
{
	char *save = NULL;

	r->n[r->now] = 0;
	for (char *line = strtok_r(r->texts[r->now], "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *blank = strrchr(line, ' ');

		if (line[0] == '#' || !strstr(line, "joules"))
			continue;
		*blank = '\0';
		cr_assert_lt(r->n[r->now], SERIES_MOST);
		r->pages[r->now][r->n[r->now]++] = (struct series){ line, micro(blank + 1), false };
	}
	qsort(r->pages[r->now], r->n[r->now], sizeof(struct series), by_name);
}

static const char *const names[NCOMPONENTS + 1] = {
	[COMP_PACKAGE] = "package", [COMP_CORE] = "core",	  [COMP_UNCORE] = "uncore", [COMP_DRAM] = "dram",
	[COMP_GPU] = "gpu",	    [COMP_PLATFORM] = "platform", [COMP_OTHER] = "other",   [NCOMPONENTS] = "",
};
static const char *const modes[NMODES] = { "dynamic", "idle", "unsplit" };

enum who { NODE, CONTAINER, PROCESS, NWHO };
static const char *const whose[NWHO] = { "node", "container", "process" };

static size_t one_of(const char *const *list, size_t n, const char *text, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == len && memcmp(list[i], text, len) == 0)
			return i;
	}
	return n;
}

/* The value of the label, in the series' name. */
static size_t label(const char *name, const char *begins, const char *const *list, size_t n)
{
	const char *at = strstr(name, begins);

	return at ? one_of(list, n, at + strlen(begins), strcspn(at + strlen(begins), "\"")) : n;
}

static void check_sums(struct conserve *c, struct reader *r, uint64_t n)
{
	/* [NCOMPONENTS]: the sums that Kepler has */
	uint64_t uj[NWHO][NCOMPONENTS + 1][NMODES] = { 0 }, rest[NWHO][NCOMPONENTS][NMODES] = { 0 };

	for (size_t i = 0; i < r->n[r->now]; i++) {
		const struct series *s = &r->pages[r->now][i];
		size_t mode = label(s->name, "mode=\"", modes, NMODES), at;

		if (strncmp(s->name, "powerstack_exporter_unlisted_joules", 35) == 0) {
			size_t who = label(s->name, "level=\"", whose, NWHO);

			at = label(s->name, "component=\"", names, NCOMPONENTS);
			cr_assert(who < NWHO && at < NCOMPONENTS && mode < NMODES, "%s", s->name);
			rest[who][at][mode] += s->value;
			r->hidden += s->value != 0;
			continue;
		}
		const char *who = s->name + strlen("kepler_"), *what = strchr(who, '_') + 1;
		size_t level = one_of(whose, NWHO, who, (size_t)(what - who - 1));

		if (level == NWHO || strncmp(what, "energy_stat", 11) == 0)
			continue;
		at = strncmp(what, "joules", 6) == 0 ? (size_t)NCOMPONENTS : one_of(names, NCOMPONENTS, what, strcspn(what, "_"));
		cr_assert(mode < NMODES, "%s", s->name);
		uj[level][at][mode] += s->value;
	}
	for (size_t k = 0; k < NCOMPONENTS; k++) {
		for (size_t m = 0; m < NMODES; m++) {
			for (size_t who = CONTAINER; who < NWHO; who++) {
				if (uj[who][k][m] + rest[who][k][m] != uj[NODE][k][m])
					say_wrong(c, "tick %" PRIu64 ": %s %s %s: %" PRIu64 " uJ and %" PRIu64
						  " unlisted, the node %" PRIu64, n, whose[who], names[k], modes[m],
						  uj[who][k][m], rest[who][k][m], uj[NODE][k][m]);
			}
		}
	}
	for (size_t who = CONTAINER; who < NWHO; who++) {
		for (size_t m = 0; m < NMODES; m++) {
			if (uj[who][COMP_PACKAGE][m] + uj[who][COMP_DRAM][m] + uj[who][COMP_GPU][m] +
				    uj[who][COMP_OTHER][m] != uj[who][NCOMPONENTS][m])
				say_wrong(c, "tick %" PRIu64 ": the %s sums are not those of the parts", n, whose[who]);
		}
	}
}

static void check_lives(struct conserve *c, struct reader *r, uint64_t n)
{
	size_t last = r->now ^ 1u;

	for (size_t i = 0; i + 1 < r->n[r->now]; i++) {
		if (strcmp(r->pages[r->now][i].name, r->pages[r->now][i + 1].name) == 0)
			say_wrong(c, "tick %" PRIu64 ": twice %s", n, r->pages[r->now][i].name);
	}
	for (size_t i = 0; i < r->n[last]; i++) {
		const struct series *was = &r->pages[last][i];
		struct series *is = bsearch(was, r->pages[r->now], r->n[r->now], sizeof *is, by_name);

		if (strstr(was->name, "unlisted") || strstr(was->name, "source=\"none\""))
			continue; /* no counter; one that nothing measured yet */
		/* A process may have been given the number of one that ended: its counters began anew. */
		if (is && is->value < was->value && !strstr(was->name, "kepler_process_"))
			say_wrong(c, "tick %" PRIu64 ": %s stepped back", n, was->name);
		if (is)
			is->seen = was->seen && is->value == was->value;
		r->vanished += !is;
		if (!is && !was->seen && !strstr(was->name, "kepler_process_"))
			say_wrong(c, "tick %" PRIu64 ": %s is no more, and nobody had seen it", n, was->name);
	}
}

/* Everybody whom a mark names is known. */
static void introduce(struct conserve *c, struct reader *r)
{
	for (size_t i = 0; i < c->tick.nworks; i++) {
		uint64_t serial = c->tick.works[i].workload;

		if (serial == 0 || roster_find(r->roster, serial))
			continue;
		char *id = r->ids[r->nids++ % PARTIES_MOST];

		snprintf(id, sizeof r->ids[0], "%" PRIu64, serial);
		person(r->roster, serial, serial % 7 ? WORKLOAD_CONTAINER : WORKLOAD_VM, id, "pod", "name", "ns", true);
	}
}

static void look(struct conserve *c, uint64_t n, void *arg)
{
	struct reader *r = arg;
	struct facts facts = { .instance = "n", .cpu = "c" };
	struct self self = { 0 };
	struct err e = { 0 };
	struct buf page;

	introduce(c, r);
	roster_keep(r->roster, ledger_works(c->ledger));
	struct view view = { .facts = &facts, .self = &self, .sampler = r->sampler, .ledger = c->ledger,
			     .roster = r->roster, .tick = &c->tick };

	buf_init(&page, PAGE_MAX);
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics, nmetrics, &page, &e), 0, "%s", e.msg);
	cr_assert_eq(page_render(&view, FORMAT_TEXT, metrics_works, nmetrics_works, &page, &e), 0, "%s", e.msg);
	r->now ^= 1u;
	free(r->texts[r->now]);
	r->texts[r->now] = buf_take(&page);
	read_page(r);
	check_sums(c, r, n);
	check_lives(c, r, n);
	r->pages_read++;
	if (!one_in(c, 4))
		return;
	ledger_shown(c->ledger);
	for (size_t i = 0; i < r->n[r->now]; i++)
		r->pages[r->now][i].seen = true;
}

Test(page_conservation, what_is_on_the_page_adds_up)
{
	static struct conserve c;
	static struct reader r;
	struct err e = { 0 };

	for (uint64_t seed = 21; seed < 23; seed++) {
		r = (struct reader){ .sampler = calloc(1, sizeof *r.sampler) };
		for (size_t i = 0; i < 2; i++)
			r.pages[i] = calloc(SERIES_MOST, sizeof *r.pages[i]);
		cr_assert_eq(roster_new(&r.roster, &e), 0);
		c.look = look;
		c.arg = &r;
		cr_assert_eq(conserve(seed, 400, &c), 0, "seed %" PRIu64 ": %s", seed, c.wrong);
		cr_expect_gt(r.pages_read, 300);
		cr_expect_gt(r.vanished, 100, "some went");
		cr_expect_gt(r.hidden, 0);
		roster_free(r.roster);
		for (size_t i = 0; i < 2; i++) {
			free(r.pages[i]);
			free(r.texts[i]);
		}
		free(r.sampler);
	}
}
