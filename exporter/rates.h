/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_RATES_H
#define EXPORTER_RATES_H
/*
 * What is shown besides counters: per component the sum over all packages, and what the last interval
 * had of it; what was used in it; how busy the processors were. Derived from the books, never the other
 * way round.
 */
#include <stdbool.h>
#include <stdint.h>

#include "exporter/ledger.h"

struct component_sum {
	enum component component;
	bool there;		/* the node has an account of it */
	bool split;		/* and it is known how to divide it; what came before that stays unsplit */
	unsigned source;	/* of the first account */
	unsigned packages;
	char package[64];	/* of the first account */
	uint64_t uj[NMODES];
	bool rated;		/* the interval before was booked as well */
	uint64_t step_uj[NMODES]; /* in the last interval */
	uint64_t uw[NMODES];	/* over the last interval */
};

struct rates {
	uint64_t at_ns, interval_ns; /* interval_ns 0: there is only one reading yet */
	uint64_t all_used[NUSES], used[NUSES]; /* ever, and in the last interval */
	struct component_sum sums[NCOMPONENTS];
	bool usage_there;
	uint64_t usage_ppb;	/* busy share of all processors in the last interval, 10^-9 */
	uint64_t busy, all;	/* jiffies, the last reading */
};

/* The books after a tick at at_ns. */
void rates_take(struct rates *r, const struct ledger *l, uint64_t at_ns);
/* The first line of /proc/stat: user nice system idle iowait irq softirq steal. Anything else makes
 * the usage unknown for this interval. Pure but for *r. */
void rates_stat(struct rates *r, const char *text);

#endif
