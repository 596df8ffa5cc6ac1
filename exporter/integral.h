/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_INTEGRAL_H
#define EXPORTER_INTEGRAL_H
/*
 * A power meter made an energy counter, for meters that tell watts now and then. Between two readings
 * the last one is taken to hold, for hold_ns at most: after that nothing is known, and when the meter
 * tells again its counter begins anew, so that the silence is unknown and not zero. Pure: microwatts
 * times nanoseconds, whose remainder is carried, so that nothing is lost to rounding.
 */
#include <stdbool.h>
#include <stdint.h>

#include "exporter/tick.h"

struct integral {
	bool told;		  /* was there ever a reading? */
	bool anew;		  /* begun anew since the last mark */
	uint64_t uw, told_ns;	  /* the last reading and when it came */
	uint64_t uj, upto_ns;	  /* counted up to here */
	uint64_t rest;		  /* uW * ns not yet a whole uJ */
};

/* Takes in a reading. at_ns: now, on the clock of ticks; not before an earlier call's time. */
void integral_take(struct integral *i, uint64_t uw, uint64_t at_ns, uint64_t hold_ns);
/* Counts up to now and fills *ret but for the zone. false, with *ret untouched: nothing is known. */
bool integral_mark(struct integral *i, uint64_t now_ns, uint64_t hold_ns, struct zone_mark *ret);

#endif
