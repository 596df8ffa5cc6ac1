/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_COST_H
#define EXPORTER_COST_H
/*
 * What a use of the CPUs costs on this machine, learnt from its meters.
 *
 * Two programs that use as much CPU time or as many cycles do not draw the same power: one waits for memory,
 * the other keeps every unit busy. So the power of each interval is regressed on what was used in it (CPU
 * time, cycles, instructions, last-level-cache misses; slowly forgotten least squares, no negative weight,
 * drawn towards the single use that is evidence without it, where the data say nothing). Power containers
 * (K. Shen et al., ASPLOS 2013) and SmartWatts (G. Fieni et al., CCGrid 2020) model power by such counters.
 * What counts is how power moves when use moves within seconds, not their levels: a floor that drifts with
 * temperature is no use. The floor is what is left, and follows.
 *
 * The weights serve only to divide what the meter counted: they make no joules. They are trusted while
 * they foretell the next interval's power better than the single use does, which is tried in every
 * interval; else the single use is the evidence.
 */
#include <stdbool.h>
#include <stdint.h>

#include "exporter/tick.h"

#define COST_USES 4 /* of enum use: the first ones */

struct cost {
	double seconds; /* that it stands on, at most COST_MEMORY_S */
	double x[COST_USES], y;	    /* recent means: uses per second in the units of cost.c, power in W */
	double xx[COST_USES][COST_USES], xy[COST_USES]; /* means of products of what differs from them */
	double w[COST_USES], single;	    /* watts per use; the same by the single use alone */
	unsigned measured;
	enum use alone;
	double floor_w[2], error[2]; /* by w, by the single use: what is left, mean squared error foretelling */
	double tried_s;
	bool trusted;
	bool known; /* something: at least what the single use costs */
	uint64_t nano[COST_USES];   /* weights as they are applied: nJ per use, times 2^COST_SHIFT */
};

#define COST_SHIFT 20
#define COST_MEMORY_S 600.0

/* An interval: uj drawn in ns while `use` was used. measured: bit per enum use that is counted; alone: the
 * use that is evidence without this. What changes these begins anew. */
void cost_learn(struct cost *c, uint64_t uj, uint64_t ns, const uint64_t use[COST_USES], unsigned measured,
		enum use alone);
/* What the use costs, in nJ; 0 where nothing is known. */
uint64_t cost_of(const struct cost *c, const uint64_t use[NUSES]);
/* What is drawn without any use, in W. false: not known, as the weights are not trusted. */
bool cost_floor_w(const struct cost *c, double *ret_w);
/* How much more (or less) this use costs than the usual mix in the same CPU time, in uJ; 0 while not
 * trusted. */
double cost_excess_uj(const struct cost *c, const uint64_t use[COST_USES]);

#endif
