/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_PROVISION_H
#define PROVISION_PROVISION_H
/*
 * The only door of provision/ for cli/: run a walk over hosts, the checks of verify, a look at what runs, or fetch
 * artifacts. Nothing is printed here: what happens is told to a watcher (engine/run.h: also the options), what happened
 * is in the report (engine/report.h, status/status.h). Watcher functions are never called by two threads at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/artifact/artifact.h"
#include "provision/engine/report.h"
#include "provision/engine/run.h"
#include "provision/engine/step.h"
#include "provision/status/status.h"
#include "vault/vault.h"

/* Runs walk w. 0 when the walk was walked (the report tells how it went), -ERR_CONFIG when it cannot start:
 * unknown part or host (with a did-you-mean), a vault entry that is needed and missing, ... */
int provision_run(enum walk w, const struct inventory *inv, const struct vault *vault,
		  const struct run_options *o, struct report *ret, struct err *e);
/* Runs the checks whose part or id is in o->parts (all when empty). */
int provision_verify(const struct inventory *inv, const struct vault *vault,
		     const struct run_options *o, struct verify_report *ret, struct err *e);
/* Asks the chosen hosts once what they run and draw. Options as in run_status; with empty tables of recipes and checks no secret is
 * needed but those to log in with. */
int provision_status(const struct inventory *inv, const struct vault *vault,
		     const struct run_options *o, struct status_report *ret, struct err *e);
/* Vault entries that the chosen parts need on the chosen hosts: so that the cli asks for the
 * vault's password only when it must. */
int provision_secrets(const struct inventory *inv, const struct run_options *o,
		      struct strv *ret_entries, struct err *e);

/* Do the chosen parts bring files of releases to nodes, or are they judged by them? Then run_options.artifacts must
 * be there for a deploy. */
bool provision_needs_artifacts(const struct inventory *inv, const struct run_options *o);

/* The product's tables, for listings, completion and laws. */
extern const struct recipe *const recipes[];	/* NULL-terminated, in an order that respects after */
extern const struct check *const checks[];	/* NULL-terminated, by id */
struct part {
	const char *name, *summary;
	bool when_named;	/* deploy and fetch without parts leave it out */
};
extern const struct part parts[];		/* name NULL at the end; contract.md's order */

#endif
