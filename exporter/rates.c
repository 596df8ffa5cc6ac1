/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/rates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wide.h"

static int add(const struct account *a, void *arg)
{
	struct component_sum *s = &((struct rates *)arg)->sums[a->component];

	if (!s->there) {
		s->there = s->split = true;
		s->source = a->source;
		snprintf(s->package, sizeof s->package, "%s", a->package);
	}
	s->packages++;
	for (enum mode m = 0; m < NMODES; m++)
		s->uj[m] += a->uj[m];
	/* A machine's first seconds are never split, nor is what a source that took over counts at first. */
	if (!(a->modes & (1u << MODE_DYNAMIC | 1u << MODE_IDLE)))
		s->split = false;
	return 0;
}

/* Microjoules in nanoseconds as microwatts. */
static uint64_t power_uw(uint64_t uj, uint64_t ns)
{
	return wide_mul_div(uj, 1000000000u, ns);
}

void rates_take(struct rates *r, const struct ledger *l, uint64_t at_ns)
{
	struct rates was = *r;

	memset(r->sums, 0, sizeof r->sums);
	for (enum component c = 0; c < NCOMPONENTS; c++)
		r->sums[c].component = c;
	r->at_ns = at_ns;
	r->interval_ns = was.at_ns != 0 && at_ns > was.at_ns ? at_ns - was.at_ns : 0;
	memcpy(r->all_used, works_used(ledger_works(l)), sizeof r->all_used);
	for (size_t u = 0; u < NUSES; u++)
		r->used[u] = r->all_used[u] - was.all_used[u];
	ledger_each(l, LEVEL_NODE, add, r);
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		struct component_sum *s = &r->sums[c];

		s->rated = s->there && was.sums[c].there && at_ns > was.at_ns;
		for (enum mode m = 0; s->rated && m < NMODES; m++) {
			/* Energy that is put into another mode later is no power of the past. */
			uint64_t before = was.sums[c].uj[m];

			s->step_uj[m] = s->uj[m] > before ? s->uj[m] - before : 0;
			s->uw[m] = power_uw(s->step_uj[m], at_ns - was.at_ns);
		}
	}
}

void rates_stat(struct rates *r, const char *text)
{
	uint64_t v[8] = { 0 }, all = 0;
	uint64_t was_busy = r->busy, was_all = r->all;
	int n = sscanf(text, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);

	r->usage_there = false;
	if (n < 4)
		return;
	for (size_t i = 0; i < 8; i++)
		all += v[i];
	r->all = all;
	r->busy = all - v[3] - v[4];
	/* idle and iowait are known to step back at times. */
	if (was_all == 0 || all <= was_all || r->busy < was_busy || r->busy - was_busy > all - was_all)
		return;
	r->usage_there = true;
	r->usage_ppb = (r->busy - was_busy) * 1000000000u / (all - was_all);
}
