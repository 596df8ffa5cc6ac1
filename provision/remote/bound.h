/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_BOUND_H
#define PROVISION_REMOTE_BOUND_H
/* The end of a wait: a deadline, or the user's wish to stop. Every wait of remote/ is a loop over
 * poll(2) of at most BOUND_SLICE_MS that looks here in between. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/steady.h"
#include "provision/remote/session.h"

#define BOUND_SLICE_MS 150	/* a cancel is noticed within this plus scheduling */

struct bound {
	uint64_t until_ms;	/* CLOCK_MONOTONIC milliseconds; 0: no deadline */
	struct cancel *cancel;	/* may be NULL */
	bool finishes;		/* only CANCEL_NOW ends it */
};

static inline bool bound_cancelled(const struct bound *b)
{
	return b->cancel && atomic_load_explicit(&b->cancel->requested, memory_order_relaxed) >=
				    (b->finishes ? CANCEL_NOW : CANCEL_SOON);
}

static inline bool bound_over(const struct bound *b)
{
	return b->until_ms && steady_ms() >= b->until_ms;
}

/* Milliseconds for one poll(2). */
static inline int bound_slice(const struct bound *b)
{
	if (!b->until_ms)
		return BOUND_SLICE_MS;
	uint64_t now = steady_ms();
	if (now >= b->until_ms)
		return 0;
	return b->until_ms - now < BOUND_SLICE_MS ? (int)(b->until_ms - now) : BOUND_SLICE_MS;
}

#endif
