/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define THREADS_MAX 256
#define THREADS_DEFAULT 64
/* A worker holds an ssh session's frames and a few messages of 1 KiB; the system's 8 MiB a
 * thread would only be address space, but small stacks keep many hosts cheap. */
#define STACK_BYTES (1024 * 1024)

unsigned pool_size(unsigned jobs, size_t n)
{
	unsigned most = jobs ? jobs : THREADS_DEFAULT;
	if (most > THREADS_MAX)
		most = THREADS_MAX;
	return n == 0 ? 1 : n < most ? (unsigned)n : most;
}

struct pool_work {
	void (*work)(void *ctx);
	void *ctx;
};

static void *pool_thread(void *arg)
{
	const struct pool_work *w = arg;
	w->work(w->ctx);
	return NULL;
}

void pool_run(unsigned threads, void (*work)(void *ctx), void *ctx)
{
	struct pool_work w = { work, ctx };
	pthread_t started[THREADS_MAX];
	unsigned n = 0;
	pthread_attr_t attr;
	sigset_t all, was;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	while (n + 1 < threads && n < THREADS_MAX &&
	       pthread_create(&started[n], &attr, pool_thread, &w) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	pthread_attr_destroy(&attr);
	work(ctx);
	while (n)
		pthread_join(started[--n], NULL);
}

struct each_work {
	void (*each)(void *ctx, size_t i);
	void *ctx;
	size_t n;
	atomic_size_t next;
};

static void each_work(void *ctx)
{
	struct each_work *w = ctx;
	size_t i;
	while ((i = atomic_fetch_add(&w->next, 1)) < w->n)
		w->each(w->ctx, i);
}

void pool_each(unsigned jobs, size_t n, void (*each)(void *ctx, size_t i), void *ctx)
{
	struct each_work w = { .each = each, .ctx = ctx, .n = n };
	atomic_init(&w.next, 0);
	pool_run(pool_size(jobs, n), each_work, &w);
}
