/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/cluster/page.h"
#include "provision/status/status.h"

#define STAT "kepler_node_energy_stat{"
#define USED "powerstack_exporter_source_used{"
#define SERIES_MAX 512
#define DIGITS_MAX 12		/* in front of the point: so a sum of them times 1000 fits */

enum component { PLATFORM, PACKAGE, DRAM, GPU, NCOMPONENTS };
static const char *const names[NCOMPONENTS] = { "platform", "package", "dram", "gpu" };

/* What the exporter calls a source that has no meter (exporter/sources/estimator.c). */
#define MODEL "trained_power_model"

struct told {
	bool there;		/* the page has it */
	uint64_t mj;		/* in the last interval */
	char source[64];	/* that counts it; "" for none */
	bool up;
};

/* The value behind a series, in thousandths: digits, and a point and more digits. */
static bool thousandths(const char *line, uint64_t *ret)
{
	const char *p = strrchr(line, ' ');
	uint64_t v = 0;
	unsigned digits = 0;
	if (!p || !isdigit((unsigned char)p[1]))
		return false;
	for (p++; isdigit((unsigned char)*p); p++, digits++)
		v = v * 10 + (unsigned)(*p - '0');
	if (digits > DIGITS_MAX)
		return false;
	v *= 1000;
	if (*p == '.') {
		p++;
		for (unsigned unit = 100; isdigit((unsigned char)*p); p++, unit /= 10)
			v += unit * (unsigned)(*p - '0');
	}
	*ret = v;
	return *p == '\0';
}

/* Which source counts the component, and whether it told all it has. */
static void find_source(const char *page, const char *component, struct told *ret)
{
	char line[SERIES_MAX], is[64], up[128];
	for (const char *p = page; (p = page_line(p, USED, line, sizeof(line)));) {
		uint64_t v = 0;
		if (!page_label(line, "component", is, sizeof(is)) || strcmp(is, component) != 0 || !thousandths(line, &v) || v != 1000)
			continue;
		page_label(line, "source", ret->source, sizeof(ret->source));
		snprintf(up, sizeof(up), "powerstack_exporter_source_up{source=\"%s\"} ", ret->source);
		ret->up = page_line(page, up, line, sizeof(line)) && thousandths(line, &v) && v == 1000;
		return;
	}
}

static void add_word(char *list, size_t size, const char *word)
{
	size_t len = strlen(list), n = strlen(word);
	for (const char *p = list; (p = strstr(p, word)); p++)
		if ((p == list || p[-1] == ' ') && (p[n] == ',' || p[n] == '\0'))
			return;
	snprintf(list + len, size - len, "%s%s", len ? ", " : "", word);
}

static bool counts(const struct told *t)
{
	return t->there && t->up && t->mj > 0;
}

static void add(struct power *ret, const struct told *t, const char *name, uint64_t interval_ms)
{
	ret->known = true;
	ret->mw += t->mj * 1000 / interval_ms;
	ret->estimated |= strcmp(t->source, MODEL) == 0;
	add_word(ret->of, sizeof(ret->of), name);
	add_word(ret->sources, sizeof(ret->sources), t->source);
}

void power_read(const char *page, struct power *ret)
{
	struct told told[NCOMPONENTS] = { 0 };
	uint64_t interval_ms = 0;
	char line[SERIES_MAX], stat[64], want[80];
	*ret = (struct power){ 0 };
	for (const char *p = page; (p = page_line(p, STAT, line, sizeof(line)));) {
		if (!page_label(line, "stat", stat, sizeof(stat)))
			continue;
		if (strcmp(stat, "interval_seconds") == 0 && !thousandths(line, &interval_ms))
			interval_ms = 0;
		for (size_t c = 0; c < NCOMPONENTS; c++) {
			snprintf(want, sizeof(want), "%s_joules", names[c]);
			if (strcmp(stat, want) == 0)
				told[c].there = thousandths(line, &told[c].mj);
		}
	}
	if (!interval_ms) {
		snprintf(ret->why, sizeof(ret->why), "the exporter has read its sources only once yet");
		return;
	}
	for (size_t c = 0; c < NCOMPONENTS; c++)
		find_source(page, names[c], &told[c]);
	if (counts(&told[PLATFORM])) {
		ret->whole = true;
		add(ret, &told[PLATFORM], names[PLATFORM], interval_ms);
		return;
	}
	for (size_t c = PACKAGE; c < NCOMPONENTS; c++)
		if (counts(&told[c]))
			add(ret, &told[c], names[c], interval_ms);
	if (ret->known)
		return;
	for (size_t c = 0; c < NCOMPONENTS && !ret->why[0]; c++)
		if (told[c].there && told[c].source[0])
			snprintf(ret->why, sizeof(ret->why), "%s told nothing in the last interval", told[c].source);
	if (!ret->why[0])
		snprintf(ret->why, sizeof(ret->why), "the exporter finds no meter here, and does not estimate");
}
