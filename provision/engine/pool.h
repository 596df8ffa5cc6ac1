/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_POOL_H
#define PROVISION_ENGINE_POOL_H
/* A bounded number of threads. Signals stay with the caller's thread: the new ones block them all. */
#include <stddef.h>

/* How many threads --jobs means for n pieces of work: jobs, at most 64 when it is 0, never more
 * than n and never 0. */
unsigned pool_size(unsigned jobs, size_t n);
/* Runs work(ctx) in `threads` threads, the caller's among them, and waits for all. When the system
 * gives fewer threads, fewer run: work must not count on their number. */
void pool_run(unsigned threads, void (*work)(void *ctx), void *ctx);
/* Calls each(ctx, i) once for every i below n, in up to pool_size(jobs, n) threads. */
void pool_each(unsigned jobs, size_t n, void (*each)(void *ctx, size_t i), void *ctx);

#endif
