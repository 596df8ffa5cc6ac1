/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_PROVISION_H
#define PROVISION_PROVISION_H
/*
 * The only door of provision/ for cli/: run a walk over hosts, or the checks of verify. Nothing is
 * printed here: what happens is told to a watcher, what happened is in the report.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/engine/step.h"
#include "vault/vault.h"

enum walk { WALK_DEPLOY, WALK_CHECK, WALK_DESTROY };

/* What became of one row on one host. */
enum outcome {
	OUT_OK,			/* was as wanted */
	OUT_CHANGED,		/* was changed, and the re-check agrees (WALK_CHECK: would change) */
	OUT_FAILED,		/* tried and failed, or the re-check disagrees */
	OUT_REFUSED,		/* FOREIGN or an unmet precondition: nothing was done */
	OUT_SKIPPED,		/* not tried: something before it failed */
	OUT_UNREACHABLE,	/* the host could not be talked to */
};

struct report_row {
	const char *host;
	const char *recipe, *part, *step;	/* NULL for a row about the whole host */
	enum presence was, now;
	enum outcome outcome;
	uint64_t ms;
	char *message;		/* evidence or error; never NULL */
	char *diff;		/* unified diff, or NULL */
};
struct report {
	struct report_row *rows;
	size_t n;
	unsigned changed, ok, failed, unreachable, skipped;	/* failed counts refusals too */
	uint64_t ms;
	bool stopped;		/* refused before the first change: nothing was changed anywhere */
	bool interrupted;
};
void report_clear(struct report *r);
/* contract.md: 0 done, 1 something failed (or unreachable, or interrupted), 4 WALK_CHECK found changes. */
int report_exit(const struct report *r, enum walk w);

struct verify_row {
	const struct check *check;
	const char *host;
	enum verdict verdict;
	char why[400];
	uint64_t ms;
};
struct verify_report {
	struct verify_row *rows;
	size_t n;
	unsigned passed, failed, skipped;
	uint64_t ms;
	bool interrupted;
};
void verify_report_clear(struct verify_report *r);

/* Live events, from any thread but never two at once. */
enum event_kind {
	EV_HOST,		/* a host's phase changed: text says it ("connecting", "checking", "waiting for ho1", "done") */
	EV_STEP,		/* a step began on the host: recipe, step, text = does */
	EV_ROW,			/* a row is final: row */
	EV_PROGRESS,		/* done/total bytes of the step's transfer */
	EV_CHECK,		/* a verify row has a verdict: check_row */
};
struct event {
	enum event_kind kind;
	const char *host, *recipe, *step, *text;
	uint64_t done, total;
	const struct report_row *row;
	const struct verify_row *check_row;
};
struct watcher {
	void (*event)(void *ctx, const struct event *);	/* may be NULL */
	/* every remote command, for the log (see struct ssh_policy.ran); may be NULL */
	void (*ran)(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		    const struct err *e);
	void *ctx;
};

struct run_options {
	const char *const *parts;	/* NULL-terminated part names; NULL or empty: all */
	const char *const *limit;	/* host names; NULL or empty: all. A dependency on a host that is left out is
					   taken as met. */
	unsigned jobs;			/* hosts at once; 0: all, at most 64 */
	bool diff, accept_new_host_keys;
	bool once;			/* verify: no retries (--strict) */
	const char *ssh_config;		/* NULL: the user's */
	unsigned timeout_s;		/* --timeout: bound of one remote command; 0: each step's own */
	const struct purge *purge;	/* destroy; NULL: none */
	struct cancel *cancel;
	const struct watcher *watcher;	/* may be NULL */
	/* Opens a session; NULL: ssh. Tests hand in the fake host. */
	int (*open)(void *ctx, const struct host *, struct session **ret, struct err *);
	void *open_ctx;
	/* NULL: the product's own tables (recipes/table.c, checks/table.c) */
	const struct recipe *const *recipes;	/* NULL-terminated */
	const struct check *const *checks;	/* NULL-terminated */
};

/* Runs walk w. 0 when the walk was walked (the report tells how it went), -ERR_CONFIG when it cannot start:
 * unknown part or host (with a did-you-mean), a vault entry that is needed and missing, ... */
int provision_run(enum walk w, const struct inventory *inv, const struct vault *vault,
		  const struct run_options *o, struct report *ret, struct err *e);
/* Runs the checks whose part or id is in o->parts (all when empty). */
int provision_verify(const struct inventory *inv, const struct vault *vault,
		     const struct run_options *o, struct verify_report *ret, struct err *e);
/* Vault entries that the chosen parts need on the chosen hosts: so that the cli asks for the
 * vault's password only when it must. */
int provision_secrets(const struct inventory *inv, const struct run_options *o,
		      struct strv *ret_entries, struct err *e);

/* The product's tables, for listings, completion and laws. */
extern const struct recipe *const recipes[];	/* NULL-terminated, in an order that respects after */
extern const struct check *const checks[];	/* NULL-terminated, by id */
struct part {
	const char *name, *summary;
};
extern const struct part parts[];		/* name NULL at the end; contract.md's order */

#endif
