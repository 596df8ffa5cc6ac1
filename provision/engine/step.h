/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_STEP_H
#define PROVISION_ENGINE_STEP_H
/*
 * The engine's nouns. A recipe is one provisioned thing: a const table of steps. A step is one row:
 * what must be true, and the ops that ask, check, apply and undo it. A check is one row of verify.
 *
 * Power by type: ask, check and judge are pure functions of a view; only apply and undo get a hand,
 * which holds the session. engine/site.c is the only caller of ask and check, act.c of apply and
 * undo, verify.c of checks.
 *
 *	deploy:		forward, goal PRESENT: apply what is ABSENT or DRIFTED, ask again, must be PRESENT
 *	deploy --check:	the first pass of deploy, and nothing behind it
 *	destroy:	backward, goal ABSENT: undo what is PRESENT or DRIFTED, ask again, must be ABSENT
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/engine/facts.h"
#include "provision/remote/session.h"
#include "vault/vault.h"

enum presence {
	ABSENT,		/* not there */
	DRIFTED,	/* there, ours, but not as wanted */
	PRESENT,	/* as wanted */
	FOREIGN,	/* there, not ours (or unfit): refused on the way up, left alone on the way down */
};

struct finding {
	enum presence is;
	char why[400];		/* evidence in words: what was found; for FOREIGN also what to do */
};

/* What a destroy may do beyond taking away what deploy made. */
struct purge {
	bool data;		/* --purge-data */
	bool wipe_disk;		/* --wipe-disk */
	const char *disk_serial;	/* typed by the user; compared with the disk's own */
};

struct artifacts;
struct view {
	const struct inventory *inv;
	const struct host *host;
	const struct facts *facts;	/* const once gathered */
	const struct vault *vault;	/* NULL when the walk needs none */
	const struct purge *purge;	/* never NULL */
	struct artifacts *artifacts;	/* NULL when the walk needs none */
	const char *kubeconfig;		/* the operator's; NULL when the walk needs none */
	const char *run_id;		/* 16 hex digits, new each run: names test files */
	bool destroying;
	bool cluster_goes;		/* destroying: so does the cluster, in the same walk, with all that is in it */
	bool cluster_comes;		/* not destroying: this host joins the cluster, or makes it, in the same walk */
	bool force_version;		/* --force-version: also a release that is older, or skips one */
};

struct hand {
	struct view view;
	struct session *ssh;
	/* progress of a long transfer, for the display; may be NULL */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* what the step does or waits for just now, likewise */
	void (*doing)(void *ctx, const char *text);
	void *progress_ctx;	/* of both */
	/*
	 * Opens a session of its own to another host, for what only that one can do for this one; the caller
	 * closes *ret. While destroying, *ret stays NULL when that host is taken down in the same walk, or cannot
	 * be reached (the watcher is told): then nothing has to be put right there.
	 */
	int (*reach)(void *ctx, const struct host *, struct session **ret, struct err *);
	void *reach_ctx;
};

#define STEP_PATH_MAX 512

struct step;
struct step_ops {
	/* Adds the questions that check needs. The view has no facts yet (NULL). */
	void (*ask)(const struct step *, const struct view *, struct probe *);
	/* Says what is; never what to do. */
	int (*check)(const struct step *, const struct view *, struct finding *ret, struct err *);
	/* Makes it so. NULL for a step that can only be checked (a precondition): ABSENT or DRIFTED is
	 * then a refusal like FOREIGN. */
	int (*apply)(const struct step *, struct hand *, struct err *);
	/* Takes it back. NULL: nothing to take back; the step must say why in no_undo. */
	int (*undo)(const struct step *, struct hand *, struct err *);
	/* For --diff: the text on the host is text:ABOUT in the facts; writes the wanted text. NULL: none.
	 * Not called for steps flagged STEP_SECRET. */
	int (*wanted)(const struct step *, const struct view *, struct buf *ret, struct err *);
	/* Where that text stands on the host; room is for one that depends on the view. */
	const char *(*wanted_path)(const struct step *, const struct view *, char room[STEP_PATH_MAX]);
};

enum step_flags {
	STEP_SECRET = 1 << 0,	/* its content is secret: never shown by --diff */
	STEP_WIPES = 1 << 1,	/* can destroy data: its check must prove the thing is ours or empty */
};

struct step {
	const char *name;	/* [a-z][a-z0-9-]*, unique in its recipe */
	const char *does;	/* the wanted state as a sentence: "nfs server package is installed" */
	const struct step_ops *ops;
	const void *arg;
	unsigned flags;
	const char *no_undo;	/* the reason when ops->undo is NULL */
	/* The row is there only when this says so (NULL: always). */
	bool (*when)(const struct inventory *, const struct host *);
};

struct recipe {
	const char *name;	/* [a-z][a-z0-9-]* */
	const char *part;	/* the part of contract.md it belongs to: deploy and destroy name parts */
	const char *summary;
	unsigned roles;		/* enum role: hosts it is for */
	const char *const *after;	/* recipes that come first, NULL-terminated or NULL. On a host that has both, the
					   same host's must have succeeded; else those of all hosts that have it. */
	const struct step *steps;
	size_t nsteps;
	unsigned but_roles;	/* those of its roles' hosts that it is not for */
	bool one_by_one;	/* deploy: a host begins when the one before it (in the inventory) has succeeded */
	bool joins_cluster;	/* it makes its hosts nodes of the cluster: see view.cluster_comes */
	bool holds_cluster;	/* destroying it destroys what is in the cluster: see view.cluster_goes */
};

/* A check of verify: one row of provisioning.md section 6. */
enum verdict { CHECK_PASS, CHECK_FAIL, CHECK_SKIP };
struct check {
	const char *id;		/* "B2.1" */
	const char *part;
	const char *what;	/* one line */
	unsigned roles;		/* hosts where it is asked and judged */
	unsigned phase;		/* asked only after all rows of lower phases were answered on all hosts */
	unsigned deadline_s;	/* a failing row is asked again until then; 0: asked once */
	void (*ask)(const struct check *, const struct view *, struct probe *);	/* facts is NULL */
	/* evidence goes to ret_why, also for a pass. */
	enum verdict (*judge)(const struct check *, const struct view *, char *ret_why, size_t size);
};

#endif
