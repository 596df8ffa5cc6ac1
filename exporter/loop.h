/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_LOOP_H
#define EXPORTER_LOOP_H
/* The one thread: timers and signals over libevent. Everything else hangs on loop_base(). */
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct loop;
struct loop_timer;

/* The caller owns *ret: loop_free, after all that uses its base. -ERR_FAILED, -ERR_MEMORY. */
int loop_new(struct loop **ret, struct err *e);
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);
/* Calls fn(arg) every ns nanoseconds, from now on. The loop owns the timer. */
int loop_every(struct loop *l, uint64_t ns, void (*fn)(void *), void *arg, struct loop_timer **ret,
	       struct err *e);
/* Another interval for a timer, from now on. */
void loop_change(struct loop_timer *t, uint64_t ns);
/* Calls fn(arg, signo) from the loop, not from a signal handler. */
int loop_signal(struct loop *l, int signo, void (*fn)(void *, int), void *arg, struct err *e);
/* Runs until loop_stop. */
int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);

#endif
