/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FAKE_TOYS_H
#define TESTS_FAKE_TOYS_H
/*
 * Small recipes for tests of the engine and of the laws. A toy is a thing with a value on a fake
 * host (space "thing"); it is asked by "thing:NAME", set by the script "thing-set NAME VALUE" and
 * removed by "thing-rm NAME". A thing whose value begins with "foreign" is not ours.
 */
#include "inventory/inventory.h"
#include "provision/engine/run.h"
#include "tests/fake/host.h"

struct toy {
	const char *name, *value;
	const char *secret;	/* a vault entry that goes in by stdin */
	const char *needs;	/* applying fails while this thing is not there */
	bool lies;		/* apply and undo do nothing and say it went well */
};
extern const struct step_ops toy_ops;		/* arg: struct toy */
extern const struct step_ops toy_guard_ops;	/* arg: struct toy; a precondition */

extern const struct fake_script toy_scripts[];
extern const struct fake_question toy_questions[];

/*
 *	base (all)  <-  store (control)  <-  share (control)  <-  client (agents; also after base)
 *	meter (all, after base)
 * Parts: "base", "store", "net" (share and client), "meter". 2 + 3 + 2 + 2 + 1 steps.
 */
extern const struct recipe *const toy_recipes[];

/* A control node "ho1" and `agents` agents "ho2".. */
struct inventory *toy_inventory(unsigned agents);
void toy_inventory_free(struct inventory *inv);

#endif
