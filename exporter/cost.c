/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/cost.h"

#include <math.h>
#include <string.h>

#include "base/wide.h"

/* After a start, what was learnt is tried for so long before it is trusted, on errors of about this memory. */
#define START_S 10.0
#define TRIAL_S 20.0
#define ERROR_MEMORY_S 60.0
/* Trusted below the first part of the single use's squared error, until above the second. */
#define TRUST 0.9
#define DISTRUST 1.0
/* How strongly a weight is drawn to what the single use says: a part of that use's own weight. */
#define RIDGE 1e-3
#define SWEEPS 30
/* Uses that vary by less than a hundredth say nothing. */
#define LEAST_SPREAD 1e-4
/* Memory of the means that use and power are held against, and of the floor. */
#define RECENT_S 10.0
#define FLOOR_S 15.0

/* Uses per second are put in these units, so that all are of the order of one: CPUs, GHz, 10^9
 * instructions, 10^7 misses. */
static const double unit[COST_USES] = {
	[USE_CPU_NS] = 1e9, [USE_CYCLES] = 1e9, [USE_INSTRUCTIONS] = 1e9, [USE_LLC_MISSES] = 1e7
};

static double dot(const double w[COST_USES], const double x[COST_USES])
{
	double y = 0;

	for (int i = 0; i < COST_USES; i++)
		y += w[i] * x[i];
	return y;
}

/* By the single use: how power moves with it. */
static void fit_single(struct cost *c)
{
	double spread = c->xx[c->alone][c->alone], level = c->x[c->alone] * c->x[c->alone];

	if (spread > LEAST_SPREAD * level && spread > 0)
		c->single = c->xy[c->alone] > 0 ? c->xy[c->alone] / spread : 0;
}

/* Coordinate descent, going on from the weights before: they hardly change from one interval to the
 * next. */
static void fit(struct cost *c)
{
	for (int sweep = 0; sweep < SWEEPS; sweep++) {
		for (int i = 0; i < COST_USES; i++) {
			double ridge = RIDGE * c->xx[i][i] + LEAST_SPREAD * RIDGE * c->x[i] * c->x[i];
			double wish = i == (int)c->alone ? c->single : 0, of = c->xx[i][i] + ridge;

			if (of <= 0)
				continue;
			double w = (c->xy[i] - dot(c->w, c->xx[i]) + c->w[i] * c->xx[i][i] + ridge * wish) / of;

			c->w[i] = w > 0 ? w : 0;
		}
	}
}

/* Foretells this interval by what was known before it. */
static void try_out(struct cost *c, const double x[COST_USES], double y, double seconds)
{
	double rest[2] = { y - dot(c->w, x), y - c->single * x[c->alone] };
	double part = seconds / ((c->tried_s < ERROR_MEMORY_S ? c->tried_s : ERROR_MEMORY_S) + seconds);

	for (int i = 0; i < 2; i++) {
		double off = rest[i] - c->floor_w[i];

		c->error[i] += (off * off - c->error[i]) * part;
	}
	c->tried_s += seconds;
	if (c->tried_s >= TRIAL_S)
		c->trusted = c->error[0] < (c->trusted ? DISTRUST : TRUST) * c->error[1];
}

void cost_learn(struct cost *c, uint64_t uj, uint64_t ns, const uint64_t use[COST_USES], unsigned measured,
		enum use alone)
{
	double x[COST_USES], d[COST_USES], seconds = (double)ns / 1e9, y = (double)uj / 1e6;

	measured &= (1u << COST_USES) - 1;
	if (ns == 0 || alone >= COST_USES)
		return;
	if (measured != c->measured || alone != c->alone)
		*c = (struct cost){ .measured = measured, .alone = alone };
	y /= seconds;
	for (int i = 0; i < COST_USES; i++)
		x[i] = measured & 1u << i ? (double)use[i] / seconds / unit[i] : 0;
	if (c->seconds >= START_S)
		try_out(c, x, y, seconds);
	/* Means first: in the beginning they are the interval itself, and nothing differs. */
	double recent = seconds / ((c->seconds < RECENT_S ? c->seconds : RECENT_S) + seconds);
	double part = seconds / (c->seconds + seconds), dy = y - c->y;

	for (int i = 0; i < COST_USES; i++)
		d[i] = c->seconds > 0 ? x[i] - c->x[i] : 0;
	for (int i = 0; i < COST_USES; i++) {
		for (int j = 0; j < COST_USES; j++)
			c->xx[i][j] += (d[i] * d[j] - c->xx[i][j]) * part;
		c->xy[i] += (d[i] * dy - c->xy[i]) * part;
		c->x[i] += (x[i] - c->x[i]) * recent;
	}
	c->y += dy * recent;
	c->seconds = c->seconds + seconds < COST_MEMORY_S ? c->seconds + seconds : COST_MEMORY_S;
	fit_single(c);
	fit(c);
	double rest[2] = { y - dot(c->w, x), y - c->single * x[c->alone] };
	double follow = seconds / ((c->seconds < FLOOR_S ? c->seconds - seconds : FLOOR_S) + seconds);

	for (int i = 0; i < 2; i++)
		c->floor_w[i] += (rest[i] - c->floor_w[i]) * follow;
	bool known = false;

	for (int i = 0; i < COST_USES; i++) {
		/* W per unit of use per second, in nJ per use */
		double w = c->trusted ? c->w[i] : i == (int)c->alone ? c->single : 0;
		double nano = w * 1e9 / unit[i] * (double)(1u << COST_SHIFT);

		c->nano[i] = isfinite(nano) && nano < 1e15 ? (uint64_t)nano : 0;
		known |= c->nano[i] > 0;
	}
	c->known = known;
}

bool cost_floor_w(const struct cost *c, double *ret_w)
{
	if (!c->trusted)
		return false;
	*ret_w = c->floor_w[0] > 0 ? c->floor_w[0] : 0;
	return true;
}

uint64_t cost_of(const struct cost *c, const uint64_t use[NUSES])
{
	struct wide sum = { 0 };

	for (int i = 0; i < COST_USES && c->known; i++)
		sum = wide_add(sum, wide_mul(c->nano[i], use[i]));
	sum = wide_shift(sum, COST_SHIFT);
	return sum.high > 0 || sum.low > UINT64_MAX / 4096 ? UINT64_MAX / 4096 : sum.low;
}

double cost_excess_uj(const struct cost *c, const uint64_t use[COST_USES])
{
	double usual = 0, now = 0, cpu = c->x[USE_CPU_NS];

	if (!c->trusted || cpu <= 0)
		return 0;
	for (int i = 0; i < COST_USES; i++) {
		usual += c->w[i] * c->x[i];
		now += c->w[i] * (double)use[i] / unit[i];
	}
	return (now - usual / cpu * (double)use[USE_CPU_NS] / unit[USE_CPU_NS]) * 1e6;
}
