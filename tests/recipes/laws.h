/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_RECIPES_LAWS_H
#define TESTS_RECIPES_LAWS_H
/*
 * What holds for every row of every recipe, whatever it is about (house rule). Each law takes a
 * world and returns 0, or a negative kind with the row that breaks it in e: a test is
 *
 *	struct err e = { 0 };
 *	cr_assert_eq(law_...(&world, &e), 0, "%s", e.msg);
 */
#include <stdbool.h>

#include "base/err.h"
#include "provision/engine/run.h"
#include "tests/fake/host.h"

struct law_world {
	const struct inventory *inv;
	const struct vault *vault;			/* may be NULL */
	struct artifacts *artifacts;			/* may be NULL */
	const struct recipe *const *recipes;
	const char *const *parts;			/* of the walks; NULL: all */
	const struct purge *purge;			/* for destroy; may be NULL */
	/* Bare machines, as they come from the shop; the law frees them. */
	struct fake_net *(*bare)(void *ctx);
	void *ctx;
	/* Makes what the step is about foreign on that host (its fact says it is not ours). False when
	 * there is no such thing for this step. NULL: law_foreign has nothing to do. */
	bool (*make_foreign)(void *ctx, struct fake_host *, const struct recipe *,
			     const struct step *);
	const char *const *secrets;			/* planted values; NULL-terminated or NULL */
	/* Lines of the state (fake_net_dump) that a destroy may leave behind; false: it may not. NULL: none. */
	bool (*may_stay)(void *ctx, const char *line);
};

/* Names are [a-z][a-z0-9-]* and unique, parts and sentences are there, `after` names exist and make no circle. */
int law_names(const struct law_world *w, struct err *e);
/* Every step can be asked and checked; what can be applied can be undone or says why not. */
int law_undo_or_reason(const struct law_world *w, struct err *e);
/* Deploy on bare machines succeeds and each row is asked again and found PRESENT; a second deploy
 * changes nothing, with exactly one command and one connection per host. */
int law_converges(const struct law_world *w, struct err *e);
/* deploy --check changes nothing, and lists exactly the rows that deploy then changes. */
int law_check_tells(const struct law_world *w, struct err *e);
/* Destroy leaves every row ABSENT and, but for may_stay, the bare machine; a second one does nothing. */
int law_destroys(const struct law_world *w, struct err *e);
/* A deploy killed at its k-th command, for every k (before the command and after it), then run again,
 * converges; and a destroy behind the cut deploy ends ABSENT. */
int law_cut_deploy(const struct law_world *w, struct err *e);
/* A destroy killed at its k-th command, for every k, then run again, ends ABSENT. */
int law_cut_destroy(const struct law_world *w, struct err *e);
/* What is foreign stops a deploy before any change and outlives a destroy unchanged. */
int law_foreign(const struct law_world *w, struct err *e);
/* No planted secret stands in any argv, log line, event or report row of deploy, deploy --check
 * --diff and destroy; and each one reaches some host (else the law would prove nothing). */
int law_secrets(const struct law_world *w, struct err *e);

#endif
