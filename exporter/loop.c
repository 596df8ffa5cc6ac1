/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#define EVENTS_MAX 16

struct loop_timer {
	struct event *ev;
	void (*fn)(void *);
	void (*on_signal)(void *, int);
	void *arg;
};

struct loop {
	struct event_base *base;
	struct loop_timer events[EVENTS_MAX];
	size_t n;
};

int loop_new(struct loop **ret, struct err *e)
{
	struct loop *l = calloc(1, sizeof *l);
	struct event_config *how = event_config_new();

	if (l && how) {
		/* Timers to the microsecond: an interval may be 50 ms. */
		event_config_set_flag(how, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NOLOCK);
		l->base = event_base_new_with_config(how);
	}
	if (how)
		event_config_free(how);
	if (!l || !l->base) {
		free(l);
		return err_set(e, ERR_FAILED, "cannot set up the event loop");
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		event_free(l->events[i].ev);
	event_base_free(l->base);
	free(l);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;

	(void)fd, (void)what;
	t->fn(t->arg);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct loop_timer *t = arg;

	(void)what;
	t->on_signal(t->arg, (int)signo);
}

static struct timeval timeval_of(uint64_t ns)
{
	return (struct timeval){ .tv_sec = (time_t)(ns / 1000000000u),
				 .tv_usec = (suseconds_t)(ns % 1000000000u / 1000) };
}

int loop_every(struct loop *l, uint64_t ns, void (*fn)(void *), void *arg, struct loop_timer **ret,
	       struct err *e)
{
	struct loop_timer *t = &l->events[l->n];
	struct timeval every = timeval_of(ns);

	if (l->n == EVENTS_MAX)
		return err_set(e, ERR_BUG, "more than %d events in the loop", EVENTS_MAX);
	*t = (struct loop_timer){ .fn = fn, .arg = arg };
	t->ev = event_new(l->base, -1, EV_PERSIST, on_timer, t);
	if (!t->ev || event_add(t->ev, &every) < 0)
		return err_set(e, ERR_MEMORY, "no memory for a timer");
	l->n++;
	*ret = t;
	return 0;
}

void loop_change(struct loop_timer *t, uint64_t ns)
{
	struct timeval every = timeval_of(ns);

	event_add(t->ev, &every);
}

int loop_signal(struct loop *l, int signo, void (*fn)(void *, int), void *arg, struct err *e)
{
	struct loop_timer *t = &l->events[l->n];

	if (l->n == EVENTS_MAX)
		return err_set(e, ERR_BUG, "more than %d events in the loop", EVENTS_MAX);
	*t = (struct loop_timer){ .on_signal = fn, .arg = arg };
	t->ev = evsignal_new(l->base, signo, on_signal, t);
	if (!t->ev || event_add(t->ev, NULL) < 0)
		return err_set(e, ERR_FAILED, "cannot watch for signal %d", signo);
	l->n++;
	return 0;
}

int loop_run(struct loop *l, struct err *e)
{
	return event_base_dispatch(l->base) < 0 ? err_set(e, ERR_FAILED, "the event loop failed") : 0;
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}
