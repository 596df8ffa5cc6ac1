/* SPDX-License-Identifier: BSD-2-Clause */
/* The laws hold for the toys, and each law finds the toy that breaks it. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/fake/toys.h"
#include "tests/recipes/laws.h"

#define SECRET "planted-secret-7Qx"

static struct inventory *inv;
static struct vault *vault;
static const char *const secrets[] = { SECRET, NULL };

static const struct step secret_steps[] = {
	{ .name = "key", .does = "the key is there", .ops = &toy_ops, .flags = STEP_SECRET,
	  .arg = &(const struct toy){ .name = "key", .secret = "key" } },
};
static const struct recipe secret_recipe = {
	"secret", "secret", "a key", ROLE_ANY, NULL, secret_steps, COUNT(secret_steps)
};

static const struct recipe *table[8];

static struct fake_net *bare(void *ctx)
{
	(void)ctx;
	struct fake_net *net = fake_net_new(inv, toy_scripts, toy_questions);
	fake_set(net->hosts[0], "thing", "bystander", "x");
	return net;
}

static bool make_foreign(void *ctx, struct fake_host *h, const struct recipe *r,
			 const struct step *s)
{
	(void)ctx;
	(void)r;
	fake_set(h, "thing", ((const struct toy *)s->arg)->name, "foreign thing");
	return true;
}

static struct law_world world(const struct recipe *more)
{
	size_t n = 0;
	for (; toy_recipes[n]; n++)
		table[n] = toy_recipes[n];
	table[n++] = &secret_recipe;
	table[n++] = more;
	table[n] = NULL;
	return (struct law_world){
		.inv = inv,
		.vault = vault,
		.recipes = table,
		.bare = bare,
		.make_foreign = make_foreign,
		.secrets = secrets,
	};
}

static void begin(void)
{
	struct err e = { 0 };
	struct secret *text = NULL;
	inv = toy_inventory(1);
	cr_assert_eq(secret_new("key: " SECRET "\n", sizeof("key: " SECRET "\n") - 1, &text, &e), 0);
	cr_assert_eq(vault_new("vault.yml", text, &vault, &e), 0, "%s", e.msg);
	secret_free(text);
}

static void end(void)
{
	vault_free(vault);
	toy_inventory_free(inv);
}

TestSuite(toy_laws, .init = begin, .fini = end);

#define HOLDS(law)                                           \
	Test(toy_laws, law)                                  \
	{                                                    \
		struct law_world w = world(NULL);            \
		struct err e = { 0 };                        \
		cr_assert_eq(law(&w, &e), 0, "%s", e.msg);   \
	}

HOLDS(law_names)
HOLDS(law_undo_or_reason)
HOLDS(law_converges)
HOLDS(law_check_tells)
HOLDS(law_destroys)
HOLDS(law_cut_deploy)
HOLDS(law_cut_destroy)
HOLDS(law_foreign)
HOLDS(law_secrets)

static void finds(int (*law)(const struct law_world *, struct err *), const struct recipe *bad,
		  const char *word)
{
	struct law_world w = world(bad);
	struct err e = { 0 };
	cr_assert_lt(law(&w, &e), 0, "the law does not find it: %s", word);
	cr_assert(strstr(e.msg, word), "'%s' lacks '%s'", e.msg, word);
}

static struct recipe of(const struct step *s, size_t n)
{
	return (struct recipe){ "bad", "bad", "broken", ROLE_CONTROL, NULL, s, n };
}

static const struct toy thing = { .name = "thing", .value = "1" };

Test(toy_laws, names_are_found)
{
	const struct step steps[] = { { .name = "Big", .does = "x", .ops = &toy_ops, .arg = &thing } };
	struct recipe r = of(steps, 1);
	finds(law_names, &r, "lacks name");
	const struct step twice[] = { { .name = "a", .does = "x", .ops = &toy_ops, .arg = &thing },
				      { .name = "a", .does = "x", .ops = &toy_ops, .arg = &thing } };
	r = of(twice, 2);
	finds(law_names, &r, "twice");
	r = of(twice, 1);
	r.name = "base";
	finds(law_names, &r, "two recipes");
}

Test(toy_laws, a_missing_undo_is_found)
{
	const struct step_ops ops = { toy_ops.ask, toy_ops.check, toy_ops.apply, NULL, NULL, NULL };
	const struct step steps[] = { { .name = "a", .does = "x", .ops = &ops, .arg = &thing } };
	struct recipe r = of(steps, 1);
	finds(law_undo_or_reason, &r, "does not say why");
}

/* Never content. */
static int restless_check(const struct step *s, const struct view *v, struct finding *ret,
			  struct err *e)
{
	static atomic_uint times;	/* whichever thread the engine takes */
	int rc = toy_ops.check(s, v, ret, e);
	if (rc == 0 && ret->is == PRESENT && atomic_fetch_add(&times, 1) % 2 == 1)
		ret->is = DRIFTED;
	return rc;
}

Test(toy_laws, a_second_change_is_found)
{
	const struct step_ops ops = { toy_ops.ask, restless_check, toy_ops.apply, toy_ops.undo, NULL, NULL };
	const struct step steps[] = { { .name = "a", .does = "x", .ops = &ops, .arg = &thing } };
	struct recipe r = of(steps, 1);
	finds(law_converges, &r, "with nothing to do, 'ho1' took 1 connections and 3 commands");
}

/* Its undo forgets half. */
static int forgetful_undo(const struct step *s, struct hand *h, struct err *e)
{
	static const struct script script = { "thing-set", "" };
	int rc = toy_ops.undo(s, h, e);
	struct cmd cmd = { .script = &script, .argv = (const char *const[]){ "litter", "1", "", NULL } };
	struct answer a = { 0 };
	if (rc == 0)
		rc = session_run(h->ssh, &cmd, &a, e);
	answer_clear(&a);
	return rc;
}

Test(toy_laws, what_is_left_behind_is_found)
{
	const struct step_ops ops = { toy_ops.ask, toy_ops.check, toy_ops.apply, forgetful_undo, NULL, NULL };
	const struct step steps[] = { { .name = "a", .does = "x", .ops = &ops, .arg = &thing } };
	struct recipe r = of(steps, 1);
	finds(law_destroys, &r, "leaves 'ho1: thing litter 1'");
	finds(law_cut_destroy, &r, "leaves 'ho1: thing litter 1'");
}

/* Sets two things with two commands and looks only at the first one. */
static int two_step_apply(const struct step *s, struct hand *h, struct err *e)
{
	static const struct script script = { "thing-set", "" };
	struct cmd first = { .script = &script, .argv = (const char *const[]){ "thing", "1", "", NULL } };
	struct cmd second = { .script = &script, .argv = (const char *const[]){ "more", "1", "", NULL } };
	struct answer a = { 0 };
	(void)s;
	int rc = session_run(h->ssh, &first, &a, e);
	answer_clear(&a);
	if (rc == 0)
		rc = session_run(h->ssh, &second, &a, e);
	answer_clear(&a);
	return rc;
}

static int two_step_undo(const struct step *s, struct hand *h, struct err *e)
{
	static const struct script script = { "thing-rm", "" };
	struct cmd cmd = { .script = &script, .argv = (const char *const[]){ "thing", NULL } };
	struct cmd more = { .script = &script, .argv = (const char *const[]){ "more", NULL } };
	struct answer a = { 0 };
	(void)s;
	int rc = session_run(h->ssh, &cmd, &a, e);
	answer_clear(&a);
	if (rc == 0)
		rc = session_run(h->ssh, &more, &a, e);
	answer_clear(&a);
	return rc;
}

Test(toy_laws, an_undo_that_a_cut_leaves_half_done_is_found)
{
	const struct step_ops ops = { toy_ops.ask, toy_ops.check, two_step_apply, two_step_undo, NULL, NULL };
	const struct step steps[] = { { .name = "a", .does = "x", .ops = &ops, .arg = &thing } };
	struct recipe r = of(steps, 1);
	struct law_world w = world(&r);
	struct err e = { 0 };
	cr_assert_eq(law_destroys(&w, &e), 0, "%s", e.msg);
	finds(law_cut_destroy, &r, "leaves 'ho1: thing more 1'");
}

static int blind_check(const struct step *s, const struct view *v, struct finding *ret,
		       struct err *e)
{
	int rc = toy_ops.check(s, v, ret, e);
	if (ret->is == FOREIGN)
		ret->is = DRIFTED;
	return rc;
}

Test(toy_laws, overwriting_what_is_foreign_is_found)
{
	const struct step_ops ops = { toy_ops.ask, blind_check, toy_ops.apply, toy_ops.undo, NULL, NULL };
	const struct step steps[] = { { .name = "a", .does = "x", .ops = &ops, .arg = &thing } };
	struct recipe r = of(steps, 1);
	finds(law_foreign, &r, "did not stop");
}

static int leaky_apply(const struct step *s, struct hand *h, struct err *e)
{
	static const struct script script = { "thing-set", "" };
	const struct toy *t = s->arg;
	const char *const argv[] = { t->name, secret_expose(vault_get(h->view.vault, "key")), "", NULL };
	struct cmd cmd = { .script = &script, .argv = argv };
	struct answer a = { 0 };
	int rc = session_run(h->ssh, &cmd, &a, e);
	answer_clear(&a);
	return rc;
}

Test(toy_laws, a_secret_in_an_argument_is_found)
{
	static const struct toy key = { .name = "other-key", .secret = "key" };
	const struct step_ops ops = { toy_ops.ask, toy_ops.check, leaky_apply, toy_ops.undo, NULL, NULL };
	const struct step steps[] = { { .name = "a", .does = "x", .ops = &ops, .arg = &key } };
	struct recipe r = of(steps, 1);
	finds(law_secrets, &r, "stands in a command");
}
