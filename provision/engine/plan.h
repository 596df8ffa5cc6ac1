/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_PLAN_H
#define PROVISION_ENGINE_PLAN_H
/*
 * Inventory x recipes -> what is done where, in which order. Pure: no host is asked.
 *
 * A job is one recipe on one host. Jobs of a host stand together, in the walk's order: recipes so
 * that what they come after stands before them (backward for destroy), else in the table's order.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/engine/report.h"
#include "provision/engine/step.h"

struct plan_job {
	const struct recipe *recipe;
	size_t host;			/* index into plan.hosts */
	const struct step **steps;	/* whose `when` agrees, in the walk's order */
	size_t nsteps;
	size_t *deps;			/* jobs that come before this one */
	size_t ndeps;
};

struct plan_host {
	const struct host *host;
	size_t first, njobs;		/* its jobs */
};

struct plan {
	struct plan_host *hosts;	/* in the inventory's order */
	size_t nhosts;
	struct plan_job *jobs;
	size_t njobs;
};

/* The chosen hosts in the inventory's order; the caller frees *ret. -ERR_CONFIG for a name that is
 * none, with the nearest one. limit NULL or empty: all. */
int plan_hosts(const struct inventory *inv, const char *const *limit, const struct host ***ret,
	       size_t *ret_n, struct err *e);

/* recipes is NULL-terminated; parts and limit are as in struct run_options. A dependency that was
 * not chosen (part or host) is taken as met, but what it comes after still comes before. Destroy
 * leaves out the steps that have nothing to take back. -ERR_CONFIG: unknown part or host;
 * -ERR_BUG: a recipe's `after` names none or goes in a circle, two recipes have one name. */
int plan_make(enum walk w, const struct inventory *inv, const struct recipe *const *recipes,
	      const char *const *parts, const char *const *limit, struct plan *ret,
	      struct err *e);
void plan_clear(struct plan *p);

#endif
