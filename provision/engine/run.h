/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_RUN_H
#define PROVISION_ENGINE_RUN_H
/* The walks and verify, with their options and what they tell while they work (site.h: how). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/engine/report.h"
#include "provision/engine/step.h"
#include "provision/remote/session.h"
#include "vault/vault.h"

/* Live events, from any thread but never two at once. */
enum event_kind {
	EV_HOST,		/* a host's phase changed: text says it ("connecting", "checking", "locking", "waiting",
				   "waiting for ho1"; the last one is "done", however it went) */
	EV_STEP,		/* a step began on the host: recipe, step, text = does */
	EV_ROW,			/* a row is final: row */
	EV_PROGRESS,		/* done/total bytes of the step's transfer */
	EV_DOING,		/* what the step at work does or waits for just now: text */
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
	bool force_version;		/* see struct view */
	bool once;			/* verify: no retries (--strict) */
	const char *ssh_config;		/* NULL: the user's */
	unsigned timeout_s;		/* --timeout: bound of one remote command, and of a login if above
					   its own; 0: each step's own */
	const struct purge *purge;	/* destroy; NULL: none */
	struct artifacts *artifacts;	/* what deploy brings to the nodes (provision/artifact/); NULL: none */
	struct cancel *cancel;
	const struct watcher *watcher;	/* may be NULL */
	/* The operator's kubeconfig: the cluster is put into it, and checks with ROLE_LOCAL go by it. NULL: the
	 * inventory's. */
	const char *kubeconfig;
	/* Opens a session; NULL: ssh, and for a host with ROLE_LOCAL this machine. Tests hand in the fake host. */
	int (*open)(void *ctx, const struct host *, struct session **ret, struct err *);
	void *open_ctx;
	/* NULL: the product's own tables (recipes/table.c, checks/table.c) */
	const struct recipe *const *recipes;	/* NULL-terminated */
	const struct check *const *checks;	/* NULL-terminated */
};

/*
 * Walks (see enum walk). o->recipes and o->open must be set; the watcher's functions may be called
 * from several threads at once (provision_run puts a lock around them).
 *
 * First every host is connected, asked once and checked; nothing else happens before that is done
 * on all of them. On the way up a FOREIGN row or an unmet precondition anywhere ends the run there:
 * nothing was changed (ret->stopped). A host that cannot be talked to or checked gets no change and
 * does not stop the others. WALK_CHECK ends here.
 *
 * A host that has something to do is then locked, asked and checked again, and walked. A recipe
 * starts when those it waits for have succeeded. Deploy leaves a host alone after its first
 * failure; destroy goes on with what does not stand in the failed recipe's way.
 *
 * Destroy follows the arrows backward: what depends on a thing is taken away before it. A dependent
 * on another host that failed holds back what it uses ("--limit" lets the user go on without it);
 * one on a host that is unreachable does not, so that a worker that is switched off cannot keep
 * the rest from being removed: the watcher is told.
 */
int run_walk(enum walk w, const struct inventory *inv, const struct vault *vault,
	     const struct run_options *o, struct report *ret, struct err *e);
/* Asks and judges o->checks, phase after phase: one probe per host and phase; failing rows are
 * asked again with growing pauses until their deadline. */
int run_verify(const struct inventory *inv, const struct vault *vault,
	       const struct run_options *o, struct verify_report *ret, struct err *e);

#endif
