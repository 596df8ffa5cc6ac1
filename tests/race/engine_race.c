/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fifty hosts, every thread, random failures, interrupts and kills, for some seconds: run under
 * TSan (which criterion cannot). Whatever happened, a plain deploy then converges and a plain
 * destroy leaves bare machines. argv: [seconds [seed]].
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/provision.h"
#include "tests/fake/toys.h"

#define AGENTS 49

static struct inventory *inv;
static struct fake_net *net;
static struct cancel cancel;
static unsigned seed;
static unsigned events;

static unsigned rnd(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static void fail(const char *what)
{
	fprintf(stderr, "not ok - %s (seed %u)\n", what, seed);
	exit(1);
}

/* Deliberately without a lock: the engine promises not to call it twice at once. */
static void count_event(void *ctx, const struct event *ev)
{
	unsigned *n = ctx;
	(void)ev;
	(*n)++;
}

static void *interrupt_later(void *arg)
{
	usleep(*(unsigned *)arg);
	atomic_store(&cancel.requested, 1);
	return NULL;
}

static int walk(enum walk w, unsigned jobs, struct report *ret)
{
	const struct watcher watcher = { .event = count_event, .ctx = &events };
	struct run_options o = {
		.open = fake_open,
		.open_ctx = net,
		.recipes = toy_recipes,
		.cancel = &cancel,
		.jobs = jobs,
		.watcher = &watcher,
	};
	struct err e = { 0 };
	report_clear(ret);
	if (provision_run(w, inv, NULL, &o, ret, &e) < 0)
		fail(e.msg);
	return report_exit(ret, w);
}

static void arm(void)
{
	fake_net_rearm(net);
	for (size_t i = 0; i < net->nhosts; i++) {
		struct fake_host *h = net->hosts[i];
		h->delay_us = rnd(4) ? rnd(300) : 0;
		h->unreachable = rnd(20) == 0;
		h->fault = (enum fake_fault)rnd(3);
		h->fault_at = rnd(3) ? 0 : 1 + rnd(25);
	}
	if (rnd(4) == 0) {
		net->kill_at = 1 + rnd(600);
		net->kill_after = rnd(2);
	}
}

static void disturbed(unsigned round)
{
	struct report r = { 0 };
	pthread_t t;
	unsigned after_us = rnd(30000);
	bool interrupt = rnd(4) == 0;
	arm();
	if (interrupt && pthread_create(&t, NULL, interrupt_later, &after_us) != 0)
		fail("pthread_create");
	walk((enum walk)rnd(3), rnd(2) ? 0 : 1 + rnd(20), &r);
	if (interrupt)
		pthread_join(t, NULL);
	atomic_store(&cancel.requested, 0);
	for (size_t i = 0; i < net->nhosts; i++)
		if (net->hosts[i]->lock_holder)
			fail("a node stays locked");
	report_clear(&r);
	(void)round;
}

static void undisturbed(enum walk w)
{
	struct report r = { 0 };
	fake_net_rearm(net);
	for (size_t i = 0; i < net->nhosts; i++) {
		net->hosts[i]->unreachable = false;
		net->hosts[i]->delay_us = 0;
	}
	if (walk(w, 0, &r) != 0) {
		for (size_t i = 0; i < r.n; i++)
			if (r.rows[i].outcome > OUT_CHANGED)
				fprintf(stderr, "%s: %s\n", r.rows[i].host, r.rows[i].message);
		fail("a plain run does not converge");
	}
	if (walk(w, 0, &r) != 0 || r.changed)
		fail("a second plain run changes something");
	report_clear(&r);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
	seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
	printf("seed %u\n", seed);
	inv = toy_inventory(AGENTS);
	net = fake_net_new(inv, toy_scripts, toy_questions);
	net->cancel = &cancel;
	AUTO_BUF struct buf bare;
	AUTO_BUF struct buf after;
	buf_init(&bare, 1024 * 1024);
	buf_init(&after, 1024 * 1024);
	fake_net_dump(net, &bare);
	time_t end = time(NULL) + seconds;
	unsigned round = 0;
	for (; time(NULL) < end; round++) {
		disturbed(round);
		if (rnd(5) == 0)
			undisturbed(WALK_DEPLOY);
	}
	undisturbed(WALK_DEPLOY);
	undisturbed(WALK_DESTROY);
	fake_net_dump(net, &after);
	if (strcmp(buf_str(&bare), buf_str(&after)) != 0)
		fail("destroy leaves something");
	printf("%u rounds, %u events\n", round, events);
	fake_net_free(net);
	toy_inventory_free(inv);
	return 0;
}
