/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/idle.h"

/* A range counts after this much; its mean stands on the last minute of it. */
#define LEAST_S 2.0
#define MEMORY_S 60.0
/* What was nearly idle within this time says more than any line. */
#define FRESH_S 3600.0
/* A line needs points this far apart in utilisation. */
#define LEAST_SPREAD 0.15
/* Time constants of the baseline. */
#define DOWN_S 5.0
#define UP_S 120.0

static bool counts(const struct idle *i, unsigned r)
{
	return i->ranges[r].seconds >= LEAST_S;
}

/* The line through the ranges, all of one weight: how long the machine stayed somewhere says nothing
 * about how true its power is there. false: they lie too close together. */
static bool line(const struct idle *i, double *ret_at_0, double *ret_slope)
{
	double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, least = 2, most = -1;

	for (unsigned r = 0; r < IDLE_RANGES; r++) {
		double x = i->ranges[r].busy, y = i->ranges[r].power_uw;

		if (!counts(i, r) || i->ranges[r].age_s > FRESH_S)
			continue;
		n += 1;
		sx += x;
		sy += y;
		sxx += x * x;
		sxy += x * y;
		least = x < least ? x : least;
		most = x > most ? x : most;
	}
	if (n < 2 || most - least < LEAST_SPREAD)
		return false;
	double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);

	*ret_slope = slope > 0 ? slope : 0;
	*ret_at_0 = (sy - *ret_slope * sx) / n;
	return true;
}

static double least_power(const struct idle *i)
{
	double least = -1;

	for (unsigned r = 0; r < IDLE_RANGES; r++) {
		if (counts(i, r) && i->ranges[r].age_s <= FRESH_S &&
		    (least < 0 || i->ranges[r].power_uw < least))
			least = i->ranges[r].power_uw;
	}
	return least;
}

static bool estimate(const struct idle *i, double *ret_uw)
{
	double at_0 = 0, slope = 0;
	bool straight = line(i, &at_0, &slope);

	if (counts(i, 0) && i->ranges[0].age_s <= FRESH_S)
		at_0 = i->ranges[0].power_uw - slope * i->ranges[0].busy;
	else if (!straight)
		return false;
	double most = least_power(i);

	*ret_uw = at_0 < 0 ? 0 : at_0 > most ? most : at_0;
	return true;
}

void idle_learn(struct idle *i, uint64_t uj, uint64_t ns, double busy)
{
	if (ns == 0)
		return;
	double seconds = (double)ns / 1e9, power = (double)uj / seconds;
	double x = busy < 0 ? 0 : busy > 1 ? 1 : busy;
	unsigned at = (unsigned)(x * IDLE_RANGES);

	at = at < IDLE_RANGES ? at : IDLE_RANGES - 1;
	for (unsigned r = 0; r < IDLE_RANGES; r++)
		i->ranges[r].age_s += seconds;
	if (i->ranges[at].age_s > FRESH_S)
		i->ranges[at].seconds = 0;
	double part = seconds / (i->ranges[at].seconds + seconds);

	i->ranges[at].power_uw += (power - i->ranges[at].power_uw) * part;
	i->ranges[at].busy += (x - i->ranges[at].busy) * part;
	i->ranges[at].seconds += seconds;
	if (i->ranges[at].seconds > MEMORY_S)
		i->ranges[at].seconds = MEMORY_S;
	i->ranges[at].age_s = 0;

	double now = 0;

	if (!estimate(i, &now))
		return;
	if (!i->known) {
		i->known = true;
		i->power_uw = now;
		return;
	}
	double constant = now < i->power_uw ? DOWN_S : UP_S;

	i->power_uw += (now - i->power_uw) * seconds / (seconds + constant);
}

void idle_follow(struct idle *i, double power_uw)
{
	i->known = true;
	i->power_uw = power_uw;
}

bool idle_part(const struct idle *i, uint64_t uj, uint64_t ns, uint64_t *ret_uj)
{
	if (!i->known)
		return false;
	double part = i->power_uw * ((double)ns / 1e9);

	*ret_uj = part >= (double)uj ? uj : (uint64_t)part;
	return true;
}
