/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/plan.h"
#include "tests/fake/toys.h"

#define list(a, b) ((const char *const[]){ a, b, NULL })

/* "ho1: base store share meter; ho2: ..." */
static void describe(const struct plan *p, struct buf *out)
{
	for (size_t h = 0; h < p->nhosts; h++) {
		buf_addf(out, "%s%s:", h ? "; " : "", p->hosts[h].host->name);
		for (size_t k = 0; k < p->hosts[h].njobs; k++)
			buf_addf(out, " %s", p->jobs[p->hosts[h].first + k].recipe->name);
	}
}

static const struct plan_job *job(const struct plan *p, const char *host, const char *recipe)
{
	for (size_t i = 0; i < p->njobs; i++)
		if (strcmp(p->hosts[p->jobs[i].host].host->name, host) == 0 &&
		    strcmp(p->jobs[i].recipe->name, recipe) == 0)
			return &p->jobs[i];
	return NULL;
}

static bool waits(const struct plan *p, const char *host, const char *recipe, const char *on_host,
		  const char *on)
{
	const struct plan_job *j = job(p, host, recipe);
	const struct plan_job *d = job(p, on_host, on);
	cr_assert(j && d);
	for (size_t i = 0; i < j->ndeps; i++)
		if (j->deps[i] == (size_t)(d - p->jobs))
			return true;
	return false;
}

static void expect(enum walk w, const char *const *parts, const char *const *limit,
		   const char *what)
{
	struct inventory *inv = toy_inventory(2);
	struct plan p = { 0 };
	struct err e = { 0 };
	AUTO_BUF struct buf is;
	buf_init(&is, 4096);
	if (plan_make(w, inv, toy_recipes, parts, limit, &p, &e) < 0)
		buf_adds(&is, e.msg);
	else
		describe(&p, &is);
	cr_assert_str_eq(buf_str(&is), what);
	plan_clear(&p);
	toy_inventory_free(inv);
}

Test(plan, recipes_stand_behind_what_they_come_after)
{
	expect(WALK_DEPLOY, NULL, NULL,
	       "ho1: base store share meter; ho2: base client meter; ho3: base client meter");
}

Test(plan, destroy_goes_backward)
{
	expect(WALK_DESTROY, NULL, NULL,
	       "ho1: meter share store base; ho2: meter client base; ho3: meter client base");
}

Test(plan, parts_and_hosts_are_chosen_by_name)
{
	expect(WALK_DEPLOY, list("net", NULL), NULL, "ho1: share; ho2: client; ho3: client");
	expect(WALK_DEPLOY, list("meter", "base"), list("ho3", "ho1"),
	       "ho1: base meter; ho3: base meter");
	expect(WALK_DEPLOY, list("metre", NULL), NULL,
	       "there is no part 'metre', did you mean 'meter'?");
	expect(WALK_DEPLOY, NULL, list("ho", NULL), "the inventory has no host 'ho', did you mean 'ho1'?");
	expect(WALK_DEPLOY, NULL, list("zzzzzz", NULL), "the inventory has no host 'zzzzzz'");
}

Test(plan, arrows_point_at_the_same_host_else_at_all_that_have_it)
{
	struct inventory *inv = toy_inventory(2);
	struct plan p = { 0 };
	struct err e = { 0 };
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, toy_recipes, NULL, NULL, &p, &e), 0);
	cr_assert(waits(&p, "ho2", "client", "ho1", "share"));
	cr_assert(waits(&p, "ho2", "client", "ho2", "base"));
	cr_assert_not(waits(&p, "ho2", "client", "ho1", "base"));
	cr_assert_eq(job(&p, "ho2", "client")->ndeps, 2);
	plan_clear(&p);
	cr_assert_eq(plan_make(WALK_DESTROY, inv, toy_recipes, NULL, NULL, &p, &e), 0);
	cr_assert(waits(&p, "ho1", "share", "ho2", "client"));
	cr_assert(waits(&p, "ho1", "share", "ho3", "client"));
	cr_assert(waits(&p, "ho2", "base", "ho2", "client"));
	cr_assert_eq(job(&p, "ho2", "client")->ndeps, 0);
	plan_clear(&p);
	toy_inventory_free(inv);
}

Test(plan, what_was_not_chosen_is_met_but_passes_its_own_arrows_on)
{
	struct inventory *inv = toy_inventory(1);
	struct plan p = { 0 };
	struct err e = { 0 };
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, toy_recipes, list("net", "base"), NULL, &p, &e), 0);
	cr_assert(waits(&p, "ho1", "share", "ho1", "base"), "through store");
	plan_clear(&p);
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, toy_recipes, NULL, list("ho2", NULL), &p, &e), 0);
	cr_assert_eq(job(&p, "ho2", "client")->ndeps, 1, "the control node was left out");
	plan_clear(&p);
	toy_inventory_free(inv);
}

static const struct step none[1] = { { .name = "x", .does = "x", .ops = &toy_ops } };

static void bug(const struct recipe *a, const struct recipe *b, const char *word)
{
	const struct recipe *const v[] = { a, b, NULL };
	struct inventory *inv = toy_inventory(0);
	struct plan p = { 0 };
	struct err e = { 0 };
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, v, NULL, NULL, &p, &e), -(int)ERR_BUG);
	cr_assert(strstr(e.msg, word), "%s", e.msg);
	toy_inventory_free(inv);
}

Test(plan, a_wrong_table_is_a_bug)
{
	const char *const after_a[] = { "a", NULL };
	const char *const after_b[] = { "b", NULL };
	struct recipe a = { "a", "p", "", ROLE_ANY, after_b, none, 1 };
	struct recipe b = { "b", "p", "", ROLE_ANY, after_a, none, 1 };
	struct recipe again = { "b", "p", "", ROLE_ANY, NULL, none, 1 };
	struct recipe stray = { "c", "p", "", ROLE_ANY, after_b, none, 1 };
	bug(&a, &b, "circle");
	bug(&again, &b, "two recipes");
	bug(&stray, &(struct recipe){ "d", "p", "", ROLE_ANY, NULL, none, 1 }, "which is none");
}

Test(plan, one_by_one_each_host_waits_for_the_one_before)
{
	const char *const after[] = { "first", NULL };
	const struct recipe first = { "first", "p", "", ROLE_CONTROL, NULL, none, 1 };
	const struct recipe r = { "r", "p", "", ROLE_AGENT, after, none, 1, .one_by_one = true };
	const struct recipe *const v[] = { &first, &r, NULL };
	struct inventory *inv = toy_inventory(3);
	struct plan p = { 0 };
	struct err e = { 0 };
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, v, NULL, NULL, &p, &e), 0);
	cr_assert_eq(job(&p, "ho2", "r")->ndeps, 1);
	cr_assert(waits(&p, "ho3", "r", "ho2", "r"));
	cr_assert(waits(&p, "ho4", "r", "ho3", "r"));
	cr_assert(waits(&p, "ho4", "r", "ho1", "first"));
	cr_assert_eq(job(&p, "ho4", "r")->ndeps, 2);
	plan_clear(&p);
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, v, NULL, list("ho2", "ho4"), &p, &e), 0);
	cr_assert(waits(&p, "ho4", "r", "ho2", "r"), "the one before it in this walk");
	plan_clear(&p);
	cr_assert_eq(plan_make(WALK_DESTROY, inv, v, NULL, NULL, &p, &e), 0);
	cr_assert_eq(job(&p, "ho2", "r")->ndeps + job(&p, "ho3", "r")->ndeps, 0, "all at once on the way down");
	plan_clear(&p);
	toy_inventory_free(inv);
}

static bool never(const struct inventory *inv, const struct host *host)
{
	(void)inv;
	(void)host;
	return false;
}

Test(plan, rows_that_do_not_apply_are_left_out)
{
	const struct step steps[] = {
		{ .name = "guard", .does = "", .ops = &toy_guard_ops, .no_undo = "it changes nothing" },
		{ .name = "one", .does = "", .ops = &toy_ops },
		{ .name = "off", .does = "", .ops = &toy_ops, .when = never },
		{ .name = "two", .does = "", .ops = &toy_ops },
	};
	const struct recipe r = { "r", "p", "", ROLE_ANY, NULL, steps, COUNT(steps) };
	const struct recipe *const v[] = { &r, NULL };
	struct inventory *inv = toy_inventory(0);
	struct plan p = { 0 };
	struct err e = { 0 };
	cr_assert_eq(plan_make(WALK_DEPLOY, inv, v, NULL, NULL, &p, &e), 0);
	cr_assert_eq(p.jobs[0].nsteps, 3);
	cr_assert_eq(p.jobs[0].steps[0], &steps[0]);
	plan_clear(&p);
	cr_assert_eq(plan_make(WALK_DESTROY, inv, v, NULL, NULL, &p, &e), 0);
	cr_assert_eq(p.jobs[0].nsteps, 2);
	cr_assert_eq(p.jobs[0].steps[0], &steps[3]);
	plan_clear(&p);
	toy_inventory_free(inv);
}
