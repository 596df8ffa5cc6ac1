/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/model/model.h"

#include <ctype.h>
#include <math.h>

#include "base/cleanup.h"
#include "base/wide.h"

/* Kepler's features: the names of its counters. It counts page cache hits in millions. */
const struct model_unit model_units[] = {
	{ "bpf_cpu_time_ms", USE_CPU_NS, 1e6 },
	{ "cpu_cycles", USE_CYCLES, 1 },
	{ "cpu_instructions", USE_INSTRUCTIONS, 1 },
	{ "cache_miss", USE_LLC_MISSES, 1 },
	{ "bpf_net_tx_irq", USE_NET_TX, 1 },
	{ "bpf_net_rx_irq", USE_NET_RX, 1 },
	{ "bpf_block_irq", USE_BLOCK, 1 },
	{ "bpf_page_cache_hit", USE_PAGE_CACHE, 1e6 },
};
const size_t nmodel_units = COUNT(model_units);

/* Whether the curve moves with this use. */
static bool follows(const struct curve *c, enum use u)
{
	return c->scale[u] > 0 && (c->form == CURVE_LINEAR ? fpclassify(c->weight[u]) != FP_ZERO : c->x == u);
}

unsigned model_needs(const struct model *m)
{
	unsigned needs = 0;

	for (size_t c = 0; c < NCOMPONENTS; c++) {
		for (enum use u = 0; u < NUSES && m->v[c].there; u++)
			needs |= follows(&m->v[c], u) ? 1u << u : 0;
	}
	return needs;
}

/* x of every use, in Kepler's units and scaled. */
static double curve_at(const struct curve *c, const double units[NUSES])
{
	double x = c->scale[c->x] > 0 ? units[c->x] / c->scale[c->x] : 0, w = c->bias;

	switch (c->form) {
	case CURVE_LINEAR:
		for (enum use u = 0; u < NUSES; u++)
			w += follows(c, u) ? c->weight[u] * (units[u] / c->scale[u]) : 0;
		return w;
	case CURVE_EXPONENTIAL:
		return w + c->fit[0] * exp(c->fit[1] * x) + c->fit[2];
	case CURVE_LOGARITHMIC:
		return w + c->fit[0] * log(c->fit[1] * x + 1) + c->fit[2];
	case CURVE_LOGISTIC:
		return w + c->fit[0] / (1 + exp(-c->fit[2] * (x - c->fit[1]))) + c->fit[3];
	case NCURVE_FORMS:
		break;
	}
	return NAN;
}

/* false: no value there. */
static bool curve_uw(const struct curve *c, const double units[NUSES], uint64_t *ret)
{
	static const double nothing[NUSES] = { 0 };
	double at_rest = curve_at(c, nothing), w = curve_at(c, units) - at_rest * (1 - c->rest_part);

	if (isnan(w))
		return false;
	w = w < 0 ? 0 : w > MODEL_MAX_W ? MODEL_MAX_W : w;
	*ret = (uint64_t)llround(w * 1e6);
	return true;
}

static uint64_t scaled(uint64_t uw, uint64_t by, uint64_t of)
{
	return wide_mul_div(uw, by, of);
}

/* The raw curves; see curve_uw. */
static bool curves_uw(const struct model *m, const double per_second[NUSES], uint64_t uw[NCOMPONENTS])
{
	double units[NUSES] = { 0 };

	for (size_t i = 0; i < nmodel_units; i++)
		units[model_units[i].use] = per_second[model_units[i].use] / model_units[i].per;
	for (size_t c = 0; c < NCOMPONENTS; c++) {
		uw[c] = 0;
		if (m->v[c].there && !curve_uw(&m->v[c], units, &uw[c]))
			return false;
	}
	return true;
}

bool model_power(const struct model *m, const double per_second[NUSES], uint64_t ret_uw[NCOMPONENTS])
{
	uint64_t uw[NCOMPONENTS];

	if (!curves_uw(m, per_second, uw))
		return false;
	uint64_t whole = uw[COMP_PLATFORM], parts = uw[COMP_PACKAGE] + uw[COMP_DRAM];

	if (m->v[COMP_PLATFORM].there && parts > whole) {
		uw[COMP_PACKAGE] = scaled(uw[COMP_PACKAGE], whole, parts);
		uw[COMP_DRAM] = scaled(uw[COMP_DRAM], whole, parts);
	}
	whole = uw[COMP_PACKAGE], parts = uw[COMP_CORE] + uw[COMP_UNCORE];
	if (m->v[COMP_PACKAGE].there && parts > whole) {
		uw[COMP_CORE] = scaled(uw[COMP_CORE], whole, parts);
		uw[COMP_UNCORE] = scaled(uw[COMP_UNCORE], whole, parts);
	}
	for (size_t c = 0; c < NCOMPONENTS; c++)
		ret_uw[c] = uw[c];
	return true;
}

int model_check(const struct model *m, struct err *e)
{
	static const double nothing[NUSES] = { 0 };
	uint64_t uw[NCOMPONENTS];

	if (!curves_uw(m, nothing, uw))
		return err_set(e, ERR_FAILED, "a curve of the model has no value at rest");
	uint64_t whole = uw[COMP_PLATFORM], parts = uw[COMP_PACKAGE] + uw[COMP_DRAM];

	if (m->v[COMP_PLATFORM].there && parts > whole)
		return err_set(e, ERR_FAILED,
			       "the model's package and dram draw %.1f W at rest but its platform only %.1f W: "
			       "they are not of one machine", (double)parts / 1e6, (double)whole / 1e6);
	whole = uw[COMP_PACKAGE], parts = uw[COMP_CORE] + uw[COMP_UNCORE];
	if (m->v[COMP_PACKAGE].there && parts > whole)
		return err_set(e, ERR_FAILED,
			       "the model's core and uncore draw %.1f W at rest but its package only %.1f W: "
			       "they are not of one machine", (double)parts / 1e6, (double)whole / 1e6);
	return 0;
}

bool model_same_family(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a && !isalnum((unsigned char)*a))
			a++;
		while (*b && !isalnum((unsigned char)*b))
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (*a == '\0')
			return true;
	}
}
