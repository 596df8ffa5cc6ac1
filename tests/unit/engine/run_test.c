/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/provision.h"
#include "tests/fake/toys.h"

#define list(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* One world per test. */
static struct inventory *inv;
static struct fake_net *net;
static struct cancel cancel;
static struct report report;
static struct run_options options;

static void begin(void)
{
	inv = toy_inventory(2);
	net = fake_net_new(inv, toy_scripts, toy_questions);
	net->cancel = &cancel;
	atomic_store(&cancel.requested, 0);
	report = (struct report){ 0 };
	options = (struct run_options){
		.open = fake_open, .open_ctx = net, .recipes = toy_recipes, .cancel = &cancel
	};
}

static void end(void)
{
	report_clear(&report);
	fake_net_free(net);
	toy_inventory_free(inv);
}

TestSuite(run, .init = begin, .fini = end);

static int walk(enum walk w)
{
	struct err e = { 0 };
	report_clear(&report);
	fake_net_rearm(net);
	int rc = provision_run(w, inv, NULL, &options, &report, &e);
	cr_assert_eq(rc, 0, "%s", e.msg);
	return report_exit(&report, w);
}

/* As walk, but the faults that were set stay. */
static int walk_armed(enum walk w)
{
	struct err e = { 0 };
	report_clear(&report);
	cr_assert_eq(provision_run(w, inv, NULL, &options, &report, &e), 0, "%s", e.msg);
	return report_exit(&report, w);
}

static struct fake_host *ho(const char *name)
{
	return fake_net_host(net, name);
}

static const struct report_row *row(const char *host, const char *recipe, const char *step)
{
	for (size_t i = 0; i < report.n; i++) {
		const struct report_row *r = &report.rows[i];
		if (strcmp(r->host, host) == 0 &&
		    (recipe ? r->recipe && strcmp(r->recipe, recipe) == 0 && strcmp(r->step, step) == 0 :
			      !r->recipe))
			return r;
	}
	return NULL;
}

static void expect_row(const char *host, const char *recipe, const char *step, enum outcome o,
		       const char *word)
{
	const struct report_row *r = row(host, recipe, step);
	cr_assert(r, "no row %s %s/%s", host, recipe, step);
	cr_assert_eq(r->outcome, o, "%s %s/%s is %s: %s", host, recipe, step,
		     outcome_name(r->outcome), r->message);
	cr_assert(strstr(r->message, word), "'%s' lacks '%s'", r->message, word);
}

static char *dump(void)
{
	struct buf b;
	buf_init(&b, 1024 * 1024);
	fake_net_dump(net, &b);
	return buf_take(&b);
}

#define ALL_ROWS 18 /* base 3*2, store 3, share 2, client 2*2, meter 3 */

Test(run, deploy_makes_it_so_once)
{
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.changed, ALL_ROWS);
	cr_assert_eq(report.n, ALL_ROWS);
	cr_assert_str_eq(fake_get(ho("ho1"), "thing", "table"), "line");
	cr_assert_str_eq(fake_get(ho("ho3"), "thing", "share"), "on");
	cr_assert_null(ho("ho1")->lock_holder);
	expect_row("ho1", "base", "one", OUT_CHANGED, "not there");
	cr_assert_eq(row("ho1", "base", "one")->was, ABSENT);
	cr_assert_eq(row("ho1", "base", "one")->now, PRESENT);
	AUTO_FREE char *before = dump();
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.changed, 0);
	cr_assert_eq(report.ok, ALL_ROWS);
	for (size_t i = 0; i < net->nhosts; i++) {
		cr_assert_eq(net->hosts[i]->opens, 1);
		cr_assert_eq(net->hosts[i]->commands, 1, "one round trip for a host with nothing to do");
	}
	AUTO_FREE char *after = dump();
	cr_assert_str_eq(before, after);
}

Test(run, rows_stand_in_the_inventorys_order_then_the_walks)
{
	ho("ho1")->delay_us = 3000;
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	AUTO_BUF struct buf order;
	buf_init(&order, 4096);
	for (size_t i = 0; i < report.n; i++)
		buf_addf(&order, "%s:%s/%s ", report.rows[i].host, report.rows[i].recipe,
			 report.rows[i].step);
	cr_assert_str_eq(buf_str(&order),
			 "ho1:base/one ho1:base/two ho1:store/disk ho1:store/mount ho1:store/table "
			 "ho1:share/package ho1:share/export ho1:meter/meter "
			 "ho2:base/one ho2:base/two ho2:client/package ho2:client/mount ho2:meter/meter "
			 "ho3:base/one ho3:base/two ho3:client/package ho3:client/mount ho3:meter/meter ");
}

Test(run, check_says_what_deploy_would_do_and_does_nothing)
{
	fake_set(ho("ho2"), "thing", "base-one", "old");
	AUTO_FREE char *before = dump();
	cr_assert_eq(walk(WALK_CHECK), 4);
	cr_assert_eq(report.changed, ALL_ROWS);
	cr_assert_eq(net->commands, 3, "one question per host");
	cr_assert_eq(row("ho2", "base", "one")->was, DRIFTED);
	cr_assert_eq(row("ho2", "base", "one")->now, PRESENT);
	AUTO_FREE char *after = dump();
	cr_assert_str_eq(before, after);
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(walk(WALK_CHECK), 0);
	cr_assert_eq(report.ok, ALL_ROWS);
}

Test(run, destroy_takes_everything_back_in_the_other_order)
{
	fake_set(ho("ho1"), "thing", "bystander", "x");
	AUTO_FREE char *bare = dump();
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_eq(report.changed, ALL_ROWS);
	AUTO_FREE char *after = dump();
	cr_assert_str_eq(bare, after);
	cr_assert_str_eq(report.rows[0].recipe, "meter");
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_eq(report.changed, 0);
	cr_assert_eq(net->commands, 3);
}

/* ---- order between hosts */

struct order {
	pthread_mutex_t mutex;
	struct strv seen;
};

static void note_order(void *ctx, const struct event *ev)
{
	struct order *o = ctx;
	if (ev->kind == EV_ROW && ev->row->outcome == OUT_CHANGED)
		strv_pushf(&o->seen, "%s:%s", ev->host, ev->recipe);
	if (ev->kind == EV_HOST)
		strv_pushf(&o->seen, "%s %s", ev->host, ev->text);
}

Test(run, what_depends_on_another_host_waits_for_it_and_nothing_else_does)
{
	struct order o = { 0 };
	const struct watcher w = { .event = note_order, .ctx = &o };
	options.watcher = &w;
	ho("ho1")->delay_us = 5000;
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	long share = strv_find(&o.seen, "ho1:share");
	long client = strv_find(&o.seen, "ho2:client");
	long meter = strv_find(&o.seen, "ho2:meter");
	cr_assert(share >= 0 && client > share && meter >= 0);
	cr_assert_lt(meter, share, "the meter of ho2 has nothing to wait for");
	cr_assert(strv_find(&o.seen, "ho2 waiting for ho1") >= 0);
	cr_assert(strv_find(&o.seen, "ho2 done") >= 0);
	strv_clear(&o.seen);
	ho("ho1")->delay_us = 0;
	ho("ho3")->delay_us = 5000;
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_lt(strv_find(&o.seen, "ho3:client"), strv_find(&o.seen, "ho1:share"));
	strv_clear(&o.seen);
}

Test(run, hosts_run_in_parallel_up_to_jobs)
{
	for (size_t i = 0; i < net->nhosts; i++)
		net->hosts[i]->delay_us = 3000;
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(net->most_running, 3);
	options.jobs = 1;
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_eq(net->most_running, 1);
	cr_assert_eq(walk(WALK_DEPLOY), 0, "one job at a time must not wait for itself");
	options.jobs = 2;
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_eq(net->most_running, 2);
}

/* ---- failures */

Test(run, a_failing_host_stops_itself_and_what_depends_on_it)
{
	fake_net_rearm(net);
	ho("ho1")->fault = FAKE_FAIL;
	/* survey, lock, probe, base: twice apply and ask, store: ask (base changed things), apply */
	ho("ho1")->fault_at = 9;
	cr_assert_eq(walk_armed(WALK_DEPLOY), 1);
	expect_row("ho1", "base", "two", OUT_CHANGED, "");
	expect_row("ho1", "store", "disk", OUT_FAILED, "made to fail");
	expect_row("ho1", "store", "mount", OUT_SKIPPED, "'store/disk' failed on this host");
	expect_row("ho1", "meter", "meter", OUT_SKIPPED, "'store/disk' failed on this host");
	expect_row("ho2", "client", "mount", OUT_SKIPPED, "waits for 'share' on 'ho1', which was not tried");
	expect_row("ho2", "meter", "meter", OUT_CHANGED, "");
	cr_assert_eq(report.failed, 1);
	cr_assert_null(ho("ho1")->lock_holder);
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.changed, 0);
}

Test(run, an_unreachable_host_is_reported_and_the_others_go_on)
{
	ho("ho3")->unreachable = true;
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	cr_assert_eq(report.unreachable, 1);
	cr_assert_eq(report.failed, 0);
	cr_assert_eq(report.changed, ALL_ROWS - 5);
	expect_row("ho3", NULL, NULL, OUT_UNREACHABLE, "no route");
	ho("ho3")->unreachable = false;
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.changed, 5);
	ho("ho1")->unreachable = true;
	cr_assert_eq(walk(WALK_CHECK), 1);
}

Test(run, dependents_of_an_unreachable_host_are_skipped)
{
	ho("ho1")->unreachable = true;
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	expect_row("ho2", "client", "package", OUT_SKIPPED,
		   "waits for 'share' on 'ho1', which is unreachable");
	expect_row("ho2", "base", "two", OUT_CHANGED, "");
}

Test(run, a_worker_that_is_off_does_not_keep_the_rest_from_being_destroyed)
{
	struct order o = { 0 };
	const struct watcher w = { .event = note_order, .ctx = &o };
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	options.watcher = &w;
	ho("ho2")->unreachable = true;
	cr_assert_eq(walk(WALK_DESTROY), 1);
	cr_assert_null(fake_get(ho("ho1"), "thing", "export"));
	cr_assert_null(fake_get(ho("ho1"), "thing", "base-one"));
	cr_assert(strv_find(&o.seen, "ho1 going on without 'client' on ho2, which is unreachable") >= 0);
	strv_clear(&o.seen);
}

Test(run, a_worker_that_cannot_let_go_keeps_what_it_uses)
{
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	fake_net_rearm(net);
	ho("ho2")->fault = FAKE_FAIL;
	ho("ho2")->fault_at = 7;	/* survey, lock, probe, meter: undo, ask; client: ask, undo */
	cr_assert_eq(walk_armed(WALK_DESTROY), 1);
	expect_row("ho2", "client", "mount", OUT_FAILED, "made to fail");
	expect_row("ho1", "share", "export", OUT_SKIPPED, "waits for 'client' on 'ho2', which failed");
	expect_row("ho1", "meter", "meter", OUT_CHANGED, "");
	expect_row("ho2", "base", "two", OUT_SKIPPED, "waits for 'client' on 'ho2', which failed");
	options.limit = list("ho1");
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_null(fake_get(ho("ho1"), "thing", "export"));
	options.limit = NULL;
	cr_assert_eq(walk(WALK_DESTROY), 0);
}

Test(run, a_connection_lost_in_the_middle_fails_that_host_at_once)
{
	fake_net_rearm(net);
	ho("ho2")->fault = FAKE_CUT;
	ho("ho2")->fault_at = 6;	/* base/two apply */
	cr_assert_eq(walk_armed(WALK_DEPLOY), 1);
	expect_row("ho2", "base", "two", OUT_UNREACHABLE, "connection is lost");
	expect_row("ho2", "meter", "meter", OUT_SKIPPED, "the connection to 'ho2' is lost");
	cr_assert_eq(ho("ho2")->commands, 6);
	cr_assert_eq(report.unreachable, 1);
	expect_row("ho3", "client", "mount", OUT_CHANGED, "");
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.changed, 4);
}

Test(run, a_command_that_never_ends_fails_its_host)
{
	fake_net_rearm(net);
	ho("ho2")->fault = FAKE_HANG;
	ho("ho2")->fault_at = 4;
	cr_assert_eq(walk_armed(WALK_DEPLOY), 1);
	expect_row("ho2", "base", "one", OUT_FAILED, "did not end in time");
	expect_row("ho3", "client", "mount", OUT_CHANGED, "");
}

/* ---- refusals */

Test(run, something_foreign_anywhere_stops_the_run_before_the_first_change)
{
	fake_set(ho("ho3"), "thing", "client", "foreign thing");
	AUTO_FREE char *before = dump();
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	cr_assert(report.stopped);
	cr_assert_str_eq(report.why,
			 "refused: 'client/package' on 'ho3'; nothing was changed on any host");
	cr_assert_eq(fake_net_changes(net), 0);
	expect_row("ho3", "client", "package", OUT_REFUSED, "foreign thing");
	expect_row("ho1", "base", "one", OUT_SKIPPED, "the run stopped before its first change");
	AUTO_FREE char *after = dump();
	cr_assert_str_eq(before, after);
	cr_assert_eq(walk(WALK_CHECK), 1);
	expect_row("ho1", "base", "one", OUT_CHANGED, "not there");
	expect_row("ho3", "client", "package", OUT_REFUSED, "foreign thing");
	/* On the way down it is left alone, and no failure. */
	cr_assert_eq(walk(WALK_DESTROY), 0);
	expect_row("ho3", "client", "package", OUT_OK, "foreign thing");
	cr_assert_str_eq(fake_get(ho("ho3"), "thing", "client"), "foreign thing");
}

static const struct step guarded_steps[] = {
	{ .name = "power", .does = "the machine has power", .ops = &toy_guard_ops,
	  .arg = &(const struct toy){ .name = "power", .value = "on" }, .no_undo = "it changes nothing" },
	{ .name = "one", .does = "one is there", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "one", .value = "1" } },
};
static const struct recipe guarded = {
	"guarded", "guarded", "", ROLE_ANY, NULL, guarded_steps, COUNT(guarded_steps)
};

Test(run, an_unmet_precondition_is_a_refusal)
{
	const struct recipe *const v[] = { &guarded, NULL };
	options.recipes = v;
	fake_set(ho("ho1"), "thing", "power", "on");
	fake_set(ho("ho2"), "thing", "power", "on");
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	cr_assert(report.stopped);
	expect_row("ho3", "guarded", "power", OUT_REFUSED, "'power' is not there");
	expect_row("ho1", "guarded", "power", OUT_OK, "");
	fake_set(ho("ho3"), "thing", "power", "on");
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	fake_unset(ho("ho3"), "thing", "power");
	cr_assert_eq(walk(WALK_DESTROY), 0, "a precondition does not stop a destroy");
	cr_assert_eq(report.changed, 3);
	cr_assert_eq(report.n, 3, "and has no row in it");
}

Test(run, what_is_foreign_only_under_the_lock_is_refused_there)
{
	/* The first row turns something that the second one needs into a foreign thing. */
	const struct step steps[] = {
		{ .name = "one", .does = "one", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "x", .value = "foreign x" } },
		{ .name = "two", .does = "two", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "x", .value = "two" } },
	};
	const struct recipe r = { "r", "r", "", ROLE_CONTROL, NULL, steps, 2 };
	const struct recipe *const v[] = { &r, NULL };
	options.recipes = v;
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	cr_assert_not(report.stopped);
	expect_row("ho1", "r", "one", OUT_FAILED, "now foreign");
	expect_row("ho1", "r", "two", OUT_SKIPPED, "");
}

/* ---- trust the re-check */

Test(run, a_step_that_claims_success_is_asked_again)
{
	const struct step steps[] = {
		{ .name = "lie", .does = "it is there", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "lie", .value = "1", .lies = true } },
		{ .name = "next", .does = "it is there", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "next", .value = "1" } },
	};
	const struct recipe r = { "liar", "liar", "", ROLE_CONTROL, NULL, steps, 2 };
	const struct recipe *const v[] = { &r, NULL };
	options.recipes = v;
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	expect_row("ho1", "liar", "lie", OUT_FAILED,
		   "before absent ('lie' is not there), now absent ('lie' is not there)");
	expect_row("ho1", "liar", "next", OUT_SKIPPED, "");
	fake_set(ho("ho1"), "thing", "lie", "1");
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(walk(WALK_DESTROY), 1);
	expect_row("ho1", "liar", "lie", OUT_FAILED, "it was taken back without an error");
}

Test(run, a_later_step_is_checked_with_what_an_earlier_one_made_true)
{
	/* Both rows want the same thing: the second has nothing left to do. */
	const struct step steps[] = {
		{ .name = "one", .does = "it is there", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "same", .value = "1" } },
		{ .name = "again", .does = "it is there", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "same", .value = "1" } },
	};
	const struct recipe r = { "r", "r", "", ROLE_CONTROL, NULL, steps, 2 };
	const struct step more[] = {
		{ .name = "once-more", .does = "it is there", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "same", .value = "1" } },
	};
	const struct recipe r2 = { "r2", "r", "", ROLE_CONTROL, NULL, more, 1 };
	const struct recipe *const v[] = { &r, &r2, NULL };
	options.recipes = v;
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	expect_row("ho1", "r", "one", OUT_CHANGED, "");
	expect_row("ho1", "r", "again", OUT_OK, "");
	expect_row("ho1", "r2", "once-more", OUT_OK, "");
	cr_assert_eq(fake_net_changes(net), 1);
}

Test(run, a_check_that_cannot_tell_fails_its_host_only)
{
	const struct step steps[] = {
		{ .name = "odd", .does = "odd", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "odd", .value = "1" } },
		{ .name = "plain", .does = "plain", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "plain", .value = "1" } },
	};
	const struct recipe r = { "r", "r", "", ROLE_ANY, NULL, steps, 2 };
	const struct recipe *const v[] = { &r, NULL };
	/* Only ho2 lacks an answer: its own question table would be the same, so plant the others. */
	static const struct fake_question plain_only[] = { { 0 } };
	net->questions = plain_only;
	for (size_t i = 0; i < net->nhosts; i++) {
		fake_set(net->hosts[i], "answer", "thing:plain", "1");
		if (i != 1)
			fake_set(net->hosts[i], "answer", "thing:odd", "1");
	}
	options.recipes = v;
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	expect_row("ho2", "r", "odd", OUT_FAILED, "cannot tell 'odd': no such kind of question");
	expect_row("ho2", "r", "plain", OUT_OK, "");
	expect_row("ho3", "r", "odd", OUT_OK, "");
	cr_assert_eq(report.failed, 1);
}

Test(run, a_check_that_cannot_tell_holds_back_only_its_recipe_on_the_way_down)
{
	static const struct fake_question none[] = { { 0 } };
	const struct step odd[] = {
		{ .name = "odd", .does = "odd", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "odd", .value = "1" } },
	};
	const struct step plain[] = {
		{ .name = "plain", .does = "plain", .ops = &toy_ops,
		  .arg = &(const struct toy){ .name = "plain", .value = "1" } },
	};
	const char *const after_plain[] = { "plain", NULL };
	const struct recipe r1 = { "plain", "r", "", ROLE_CONTROL, NULL, plain, 1 };
	const struct recipe r2 = { "odd", "r", "", ROLE_CONTROL, after_plain, odd, 1 };
	const struct recipe r3 = { "other", "r", "", ROLE_CONTROL, NULL, plain, 1 };
	const struct recipe *const v[] = { &r1, &r2, &r3, NULL };
	options.recipes = v;
	net->questions = none;
	fake_set(ho("ho1"), "answer", "thing:plain", "foreign plain");
	cr_assert_eq(walk(WALK_DESTROY), 1);
	expect_row("ho1", "odd", "odd", OUT_FAILED, "cannot tell");
	expect_row("ho1", "other", "plain", OUT_OK, "");
	expect_row("ho1", "plain", "plain", OUT_OK, "foreign");
}

Test(run, a_probe_that_fails_fails_its_host_before_any_change_there)
{
	fake_net_rearm(net);
	ho("ho2")->fault = FAKE_FAIL;
	ho("ho2")->fault_at = 1;
	cr_assert_eq(walk_armed(WALK_DEPLOY), 1);
	expect_row("ho2", NULL, NULL, OUT_FAILED, "made to fail");
	cr_assert_eq(ho("ho2")->commands, 1);
	expect_row("ho3", "client", "mount", OUT_CHANGED, "");
}

/* ---- the lock */

Test(run, a_node_that_another_run_holds_is_left_alone)
{
	fake_str(&ho("ho2")->lock_holder, "someone@else pid 7 runs \"deploy\"");
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	expect_row("ho2", NULL, NULL, OUT_FAILED, "someone@else pid 7");
	expect_row("ho2", "base", "one", OUT_SKIPPED, "the host failed");
	cr_assert_eq(ho("ho2")->changes, 0);
	expect_row("ho3", "client", "mount", OUT_CHANGED, "");
	/* Looking needs no lock. */
	cr_assert_eq(walk(WALK_CHECK), 4);
	fake_str(&ho("ho2")->lock_holder, NULL);
	cr_assert_eq(walk(WALK_DEPLOY), 0);
}

static int busy_node(struct fake_host *h, const struct fake_cmd *c, struct buf *out, struct buf *err)
{
	(void)h;
	(void)err;
	cr_assert_eq(c->argc, 4);
	cr_assert_str_eq(c->argv[2], "deploy");
	buf_adds(out, "busy 4711\n");
	return 75;
}

Test(run, a_node_where_a_dead_runs_command_is_at_work_is_left_alone)
{
	static const struct fake_script scripts[] = { { "lock", busy_node, true }, { 0 } };
	net->scripts = scripts;
	options.limit = list("ho1");
	cr_assert_eq(walk(WALK_DEPLOY), 1);
	expect_row("ho1", NULL, NULL, OUT_FAILED, "still at work on this node (process 4711)");
	cr_assert_eq(fake_net_changes(net), 0);
}

static int set_by_other(struct fake_host *h, const struct fake_cmd *c, struct buf *out,
			struct buf *err)
{
	/* While we waited for the lock, the run that held it did all our work. */
	(void)c;
	(void)err;
	fake_set(h, "thing", "power", "on");
	fake_set(h, "thing", "one", "1");
	fake_str(&h->lock_holder, "us");
	buf_adds(out, "held\n");
	return 0;
}

Test(run, what_is_true_under_the_lock_decides)
{
	static const struct fake_script scripts[] = { { "lock", set_by_other, true }, { 0 } };
	const struct recipe *const v[] = { &guarded, NULL };
	options.recipes = v;
	options.limit = list("ho1");
	net->scripts = scripts;
	fake_set(ho("ho1"), "thing", "power", "on");
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.changed, 0);
	expect_row("ho1", "guarded", "one", OUT_OK, "");
}

/* ---- stopping */

Test(run, an_interrupt_starts_nothing_new_and_is_reported)
{
	for (unsigned at = 1; at < 60; at++) {
		atomic_store(&cancel.requested, 0);
		fake_net_rearm(net);
		net->cancel_at = at;
		int status = walk_armed(WALK_DEPLOY);
		bool hit = atomic_load(&cancel.requested);
		atomic_store(&cancel.requested, 0);
		if (!hit)
			break;
		/* in the very last step it comes too late to stop anything */
		cr_assert_eq(status, report.interrupted ? 1 : 0);
		cr_assert(report.interrupted || (report.skipped == 0 && at > 10));
		cr_assert_eq(report.failed, 0);
		for (size_t i = 0; i < net->nhosts; i++)
			cr_assert_null(net->hosts[i]->lock_holder);
		cr_assert_eq(walk(WALK_DEPLOY), 0);
		cr_assert_eq(walk(WALK_DESTROY), 0);
	}
}

static void *cancel_hanging(void *wish)
{
	while (!atomic_load(&net->hanging))
		usleep(1000);
	atomic_store(&cancel.requested, (int)(intptr_t)wish);
	return NULL;
}

Test(run, a_first_interrupt_lets_a_running_change_finish)
{
	atomic_store(&cancel.requested, 0);
	fake_net_rearm(net);
	net->cancel_at = 3 * (unsigned)net->nhosts + 1; /* behind probes, locks, and probes under the lock */
	cr_assert_eq(walk_armed(WALK_DEPLOY), 1);
	cr_assert(report.interrupted);
	cr_assert_geq(report.changed, 1);
	for (size_t i = 0; i < report.n; i++)
		cr_assert_neq(report.rows[i].outcome, OUT_FAILED, "%s", report.rows[i].message);
}

Test(run, a_second_interrupt_ends_a_running_change)
{
	pthread_t t;
	fake_net_rearm(net);
	ho("ho1")->fault = FAKE_HANG;
	ho("ho1")->fault_at = 4;
	pthread_create(&t, NULL, cancel_hanging, (void *)(intptr_t)CANCEL_NOW);
	cr_assert_eq(walk_armed(WALK_DEPLOY), 1);
	pthread_join(t, NULL);
	cr_assert(report.interrupted);
	expect_row("ho1", "base", "one", OUT_FAILED, "interrupted");
	expect_row("ho1", "base", "two", OUT_SKIPPED, "interrupted");
	cr_assert_null(ho("ho1")->lock_holder);
}

/* ---- what is told */

struct overlap {
	atomic_int inside;
	atomic_bool overlapped;
	unsigned rows, progress;
};

static void slow_event(void *ctx, const struct event *ev)
{
	struct overlap *o = ctx;
	if (atomic_fetch_add(&o->inside, 1) != 0)
		atomic_store(&o->overlapped, true);
	usleep(200);
	o->rows += ev->kind == EV_ROW;
	o->progress += ev->kind == EV_PROGRESS;
	atomic_fetch_sub(&o->inside, 1);
}

Test(run, a_watcher_is_never_called_by_two_threads_at_once)
{
	struct overlap o = { 0 };
	const struct watcher w = { .event = slow_event, .ctx = &o };
	options.watcher = &w;
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_not(atomic_load(&o.overlapped));
	cr_assert_eq(o.rows, ALL_ROWS);
	cr_assert_eq(o.progress, ALL_ROWS);
}

Test(run, texts_are_fetched_and_compared_only_when_a_diff_is_wanted)
{
	fake_set(ho("ho1"), "thing", "base-one", "old");
	options.limit = list("ho1");
	options.parts = list("base");
	cr_assert_eq(walk(WALK_CHECK), 4);
	cr_assert_null(row("ho1", "base", "one")->diff);
	cr_assert_eq(ho("ho1")->records[0].argv.n, 2);
	options.diff = true;
	for (int w = WALK_CHECK; w >= WALK_DEPLOY; w--) {
		walk((enum walk)w);
		cr_assert_str_eq(row("ho1", "base", "one")->diff,
				 "--- /thing/base-one\n+++ /thing/base-one\n@@ -1 +1 @@\n-old\n+1\n");
		cr_assert_str_eq(row("ho1", "base", "two")->diff,
				 "--- /dev/null\n+++ /thing/base-two\n@@ -0,0 +1 @@\n+2\n");
	}
}

Test(run, what_a_host_says_cannot_steer_the_terminal)
{
	fake_set(ho("ho1"), "thing", "base-one", "\033[2Jold\nline");
	cr_assert_eq(walk(WALK_CHECK), 4);
	expect_row("ho1", "base", "one", OUT_CHANGED, "'base-one' is ?[2Jold line");
}

Test(run, a_wrong_part_or_host_is_a_configuration_error)
{
	struct err e = { 0 };
	options.parts = list("bases");
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, NULL, &options, &report, &e), -(int)ERR_CONFIG);
	cr_assert(strstr(e.msg, "did you mean 'base'"));
	cr_assert_eq(net->commands, 0);
	options.parts = NULL;
	options.limit = list("ho9");
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, NULL, &options, &report, &e), -(int)ERR_CONFIG);
}

Test(run, a_part_that_a_host_has_nothing_of_needs_no_connection)
{
	options.parts = list("store");
	cr_assert_eq(walk(WALK_CHECK), 4);
	cr_assert_eq(ho("ho1")->opens, 1);
	cr_assert_eq(ho("ho2")->opens, 0);
}

Test(run, the_users_timeout_replaces_every_commands_own)
{
	options.limit = list("ho1");
	options.timeout_s = 7;
	walk(WALK_CHECK);
	cr_assert_eq(net->last_timeout_s, 7);
	options.timeout_s = 0;
	walk(WALK_CHECK);
	cr_assert_eq(net->last_timeout_s, 60);
}

Test(run, no_host_has_anything_to_do_when_nothing_is_chosen)
{
	options.limit = list("ho2");
	options.parts = list("store");
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(report.n, 0);
}

/* ---- what one host does on another */

static int reach_first(const struct step *s, struct hand *h, bool on, struct err *e)
{
	static const struct script set = { "thing-set", "" }, rm = { "thing-rm", "" };
	const char *const argv[] = { h->view.host->name, on ? "member" : NULL, "", NULL };
	struct session *there = NULL;
	(void)s;
	int rc = h->reach(h->reach_ctx, h->view.inv->control, &there, e);
	if (rc < 0 || !there)
		return rc;
	struct answer a = { 0 };
	rc = session_run(there, &(struct cmd){ .script = on ? &set : &rm, .argv = argv, .flags = CMD_SUDO }, &a, e);
	answer_clear(&a);
	session_close(there);
	return rc;
}

static int enter(const struct step *s, struct hand *h, struct err *e)
{
	int rc = reach_first(s, h, true, e);
	return rc < 0 ? rc : toy_ops.apply(s, h, e);
}

static int leave(const struct step *s, struct hand *h, struct err *e)
{
	int rc = reach_first(s, h, false, e);
	return rc < 0 ? rc : toy_ops.undo(s, h, e);
}

static struct step_ops member_ops;
static const struct toy member_toy = { "member", "yes", NULL, NULL, false };
static const struct step first_steps[] = { { .name = "one", .does = "x", .ops = &toy_ops, .arg = &member_toy } };
static const struct step member_steps[] = { { .name = "in", .does = "x", .ops = &member_ops, .arg = &member_toy } };
static const char *const after_first[] = { "first", NULL };
static const struct recipe first_recipe = { "first", "p", "", ROLE_CONTROL, NULL, first_steps, 1 };
static const struct recipe member_recipe = { "member", "p", "", ROLE_AGENT, after_first, member_steps, 1 };
static const struct recipe *const member_recipes[] = { &first_recipe, &member_recipe, NULL };

static void begin_members(void)
{
	begin();
	member_ops = toy_ops;
	member_ops.apply = enter;
	member_ops.undo = leave;
	options.recipes = member_recipes;
}

TestSuite(run_reach, .init = begin_members, .fini = end);

Test(run_reach, a_step_may_change_something_on_another_host)
{
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_str_eq(fake_get(ho("ho1"), "thing", "ho2"), "member");
	cr_assert_str_eq(fake_get(ho("ho1"), "thing", "ho3"), "member");
	options.limit = list("ho3");
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_null(fake_get(ho("ho1"), "thing", "ho3"));
	cr_assert_str_eq(fake_get(ho("ho1"), "thing", "ho2"), "member");
	cr_assert_eq(ho("ho1")->opens, 1, "though it is no part of the walk");
	cr_assert_null(ho("ho1")->lock_holder);
}

Test(run_reach, what_goes_in_the_same_walk_is_not_asked)
{
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_str_eq(fake_get(ho("ho1"), "thing", "ho2"), "member", "nobody put it right");
	cr_assert_eq(ho("ho1")->opens, 1);
}

Test(run_reach, a_host_that_is_off_keeps_nobody_on_the_way_down)
{
	cr_assert_eq(walk(WALK_DEPLOY), 0);
	ho("ho1")->unreachable = true;
	options.limit = list("ho3");
	cr_assert_eq(walk(WALK_DESTROY), 0);
	cr_assert_null(fake_get(ho("ho3"), "thing", "member"));
	cr_assert_eq(walk(WALK_DEPLOY), 1, "but on the way up");
	expect_row("ho3", "member", "in", OUT_FAILED, "'ho1' is needed for this: cannot connect to 'ho1'");
}
