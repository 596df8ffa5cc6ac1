/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_STEADY_H
#define BASE_STEADY_H
/* The steady clock, CLOCK_MONOTONIC: for how long things take and how long they may. */
#include <stdint.h>
#include <time.h>

static inline uint64_t steady_ns(void)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Whole milliseconds of it. */
static inline uint64_t steady_ms(void)
{
	return steady_ns() / 1000000u;
}

#endif
