/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_EXPORTER_RIG_H
#define TESTS_UNIT_EXPORTER_RIG_H
/* One source on a fake machine: sampler, ledger, event loop, and what was booked. sysfs, procfs and
 * the root are all the test's tree. */
#include <event2/event.h>

#include "exporter/ledger.h"
#include "exporter/source.h"
#include "tests/unit/exporter/tree.h"

struct rig {
	struct tree tree;
	struct config config;
	struct meters meters;
	struct sampler sampler;
	struct tick tick;
	struct ledger *ledger;
	struct event_base *base;
	const struct source_ops *only[1];
};

static inline void rig_make(struct rig *r, const struct source_ops *ops)
{
	*r = (struct rig){ .only = { ops } };
	config_init(&r->config);
	tree_make(&r->tree);
	r->base = event_base_new();
}

static inline void rig_open(struct rig *r)
{
	struct err e = { 0 };

	cr_assert_eq(ledger_new(&r->ledger, &e), 0);
	cr_assert_eq(sampler_open(&r->sampler, r->only, 1,
				  &(struct roots){ .sysfs = r->tree.root, .procfs = r->tree.root,
						   .rootfs = r->tree.root, .config = &r->config,
						   .meters = &r->meters, .base = r->base },
				  &e), 0, "%s", e.msg);
}

/* At this time. */
static inline void rig_tick_at(struct rig *r, uint64_t now_ns)
{
	struct err e = { 0 };

	sampler_read(&r->sampler, now_ns, &r->tick);
	cr_assert_eq(ledger_settle(r->ledger, &r->tick, &e), 0, "%s", e.msg);
}

static inline void rig_tick(struct rig *r)
{
	rig_tick_at(r, tick_now_ns());
}

/* Runs the loop for so long. */
static inline void rig_run(struct rig *r, unsigned ms)
{
	struct timeval most = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(r->base, &most);
	event_base_dispatch(r->base);
}

/* Ticks, running the loop between, until the source is up or 20 s have passed. */
static inline bool rig_comes_up(struct rig *r)
{
	for (int i = 0; i < 400; i++) {
		rig_tick(r);
		if (r->sampler.v[0].up)
			return true;
		rig_run(r, 50);
	}
	return false;
}

static inline void rig_close(struct rig *r)
{
	sampler_close(&r->sampler);
	tick_clear(&r->tick);
	ledger_free(r->ledger);
	config_clear(&r->config);
	event_base_free(r->base);
	tree_remove(&r->tree);
}

struct rig_account {
	enum component component;
	const char *package; /* NULL: all of them */
	unsigned n;
	uint64_t uj;
};

static inline int rig_look(const struct account *a, void *arg)
{
	struct rig_account *w = arg;

	if (a->component != w->component || (w->package && strcmp(a->package, w->package) != 0))
		return 0;
	w->n++;
	for (enum mode m = 0; m < NMODES; m++)
		w->uj += a->uj[m];
	return 0;
}

static inline struct rig_account rig_account(const struct rig *r, enum component c, const char *package)
{
	struct rig_account w = { .component = c, .package = package };

	ledger_each(r->ledger, LEVEL_NODE, rig_look, &w);
	return w;
}

#endif
