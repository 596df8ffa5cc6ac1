/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How much a PMU event happened since it was last read, when it shares its counter with other users:
 * the kernel then lets each count for a while in turn and tells how long it was enabled and how long
 * it really ran (perf_event_open(2), "time_enabled"). Arithmetic alone, for both sides of the border
 * and for tests; includes nothing.
 *
 * A slice of a task may fall wholly between two turns, so a slice cannot be scaled by its own two
 * times. All slices are scaled by enabled / running of the last window of this CPU: what is lost in
 * the slices nobody counted is found again in the others.
 */
#ifndef BPF_SCALE_H
#define BPF_SCALE_H

#include "power.h"

#define POWER_SCALE_ONE 65536
#define POWER_SCALE_WINDOW_NS 100000000ull

#ifndef POWER_INLINE
#define POWER_INLINE static inline
#endif

/* Takes a new reading in and returns the scaled count since the last one. A counter that went back
 * was opened anew (its CPU was offline): nothing is known of the time before. */
POWER_INLINE __u64 power_event_step(struct power_event *e, __u64 counter, __u64 enabled, __u64 running)
{
	__u64 counted = counter - e->counter;
	int anew = counter < e->counter || enabled < e->enabled || running < e->running || !e->scale;

	e->counter = counter;
	e->enabled = enabled;
	e->running = running;
	if (anew) {
		e->from_enabled = enabled;
		e->from_running = running;
		e->scale = POWER_SCALE_ONE;
		return 0;
	}
	__u64 was_enabled = enabled - e->from_enabled, was_running = running - e->from_running;

	if (was_enabled >= POWER_SCALE_WINDOW_NS && was_running > 0) {
		/* A CPU may sleep for days between two readings: the times are halved until they fit. */
		for (int i = 0; i < 16 && was_enabled >> 47; i++) {
			was_enabled >>= 1;
			was_running >>= 1;
		}
		e->scale = was_running ? was_enabled * POWER_SCALE_ONE / was_running : POWER_SCALE_ONE;
		e->from_enabled = enabled;
		e->from_running = running;
	}
	if (e->scale == POWER_SCALE_ONE)
		return counted;
	return (counted >> 16) * e->scale + ((counted & 0xffff) * e->scale >> 16);
}

#endif
