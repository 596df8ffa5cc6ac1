/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/provision.h"
#include "tests/fake/toys.h"

#define list(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct inventory *inv;
static struct fake_net *net;
static struct cancel cancel;
static struct verify_report report;
static struct run_options options;
extern const struct check *const toy_checks[];

static void begin(void)
{
	inv = toy_inventory(2);
	net = fake_net_new(inv, toy_scripts, toy_questions);
	net->cancel = &cancel;
	atomic_store(&cancel.requested, 0);
	report = (struct verify_report){ 0 };
	options = (struct run_options){
		.open = fake_open, .open_ctx = net, .checks = toy_checks, .cancel = &cancel
	};
}

static void end(void)
{
	verify_report_clear(&report);
	fake_net_free(net);
	toy_inventory_free(inv);
}

TestSuite(verify, .init = begin, .fini = end);

/* A check passes when the thing of its id is there. "grow" counts how often it is asked. */
static void ask(const struct check *c, const struct view *v, struct probe *p)
{
	cr_assert_null(v->facts);
	probe_ask(p, "thing", "%s", c->id);
}

static enum verdict judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	const char *is = facts_get(v->facts, NULL, NULL, "thing", "%s", c->id);
	snprintf(why, size, "%s", is ? is : "not there");
	return !is ? CHECK_FAIL : strcmp(is, "none") == 0 ? CHECK_SKIP : CHECK_PASS;
}

static const struct check one = { "C1", "base", "one is there", ROLE_ANY, 0, 0, ask, judge };
static const struct check two = { "C2", "net", "two is there", ROLE_CONTROL, 1, 5, ask, judge };
static const struct check three = { "C3", "net", "three is there", ROLE_AGENT, 0, 0, ask, judge };
const struct check *const toy_checks[] = { &one, &two, &three, NULL };

static void everywhere(const char *thing)
{
	for (size_t i = 0; i < net->nhosts; i++)
		fake_set(net->hosts[i], "thing", thing, "yes");
}

static void verify(void)
{
	struct err e = { 0 };
	verify_report_clear(&report);
	cr_assert_eq(provision_verify(inv, NULL, &options, &report, &e), 0, "%s", e.msg);
}

static const struct verify_row *row(const char *id, const char *host)
{
	for (size_t i = 0; i < report.n; i++)
		if (strcmp(report.rows[i].check->id, id) == 0 &&
		    strcmp(report.rows[i].host, host) == 0)
			return &report.rows[i];
	cr_assert_fail("no row %s %s", id, host);
	return NULL;
}

Test(verify, one_probe_per_host_and_phase)
{
	everywhere("C1");
	everywhere("C2");
	everywhere("C3");
	verify();
	cr_assert_eq(report.n, 6);
	cr_assert_eq(report.passed, 6);
	cr_assert_eq(fake_net_host(net, "ho1")->commands, 2);
	cr_assert_eq(fake_net_host(net, "ho2")->commands, 1);
	cr_assert_eq(fake_net_host(net, "ho2")->opens, 1);
	cr_assert_eq(fake_net_host(net, "ho2")->records[0].argv.n, 2);
	cr_assert_str_eq(report.rows[0].check->id, "C1");
	cr_assert_str_eq(report.rows[2].host, "ho3");
	cr_assert_str_eq(report.rows[3].check->id, "C2");
}

Test(verify, a_failing_row_without_a_deadline_fails_at_once)
{
	everywhere("C2");
	everywhere("C3");
	fake_set(fake_net_host(net, "ho1"), "thing", "C1", "none");
	fake_set(fake_net_host(net, "ho2"), "thing", "C1", "yes");
	verify();
	cr_assert_eq(row("C1", "ho1")->verdict, CHECK_SKIP);
	cr_assert_eq(row("C1", "ho2")->verdict, CHECK_PASS);
	cr_assert_eq(row("C1", "ho3")->verdict, CHECK_FAIL);
	cr_assert_str_eq(row("C1", "ho3")->why, "not there");
	cr_assert_eq(report.failed, 1);
	cr_assert_eq(report.skipped, 1);
}

/* The probe's third answer on ho1 has it. */
static int grow(struct fake_host *h, const char *about, struct buf *value)
{
	if (strcmp(about, "C2") == 0 && h->commands >= 3)
		return buf_adds(value, "grown") == 0;
	const char *is = fake_get(h, "thing", about);
	return is ? buf_adds(value, is) == 0 : 0;
}

Test(verify, a_failing_row_is_asked_again_alone_until_it_passes)
{
	static const struct fake_question q[] = { { "thing", grow }, { 0 } };
	static const struct check first = { "C0", "net", "", ROLE_CONTROL, 1, 5, ask, judge };
	const struct check *const v[] = { &first, &two, NULL };
	net->questions = q;
	options.checks = v;
	everywhere("C0");
	verify();
	struct fake_host *h = fake_net_host(net, "ho1");
	cr_assert_str_eq(row("C2", "ho1")->why, "grown");
	cr_assert_eq(h->commands, 3);
	cr_assert_eq(h->records[0].argv.n, 2);
	cr_assert_eq(h->records[1].argv.n, 1);
	cr_assert_geq(row("C2", "ho1")->ms, 700, "two growing pauses");
	cr_assert_lt(row("C0", "ho1")->ms, row("C2", "ho1")->ms);
}

Test(verify, retries_end_at_the_deadline_and_do_not_begin_with_once)
{
	static const struct check short_two = { "C2", "net", "", ROLE_CONTROL, 0, 1, ask, judge };
	const struct check *const v[] = { &short_two, NULL };
	options.checks = v;
	verify();
	cr_assert_eq(report.failed, 1);
	cr_assert_geq(report.ms, 1000);
	cr_assert_lt(report.ms, 4000);
	unsigned asked = fake_net_host(net, "ho1")->commands;
	cr_assert(asked >= 2 && asked <= 4, "at 0, 250, 750 and 1000 ms: %u", asked);
	options.once = true;
	fake_net_rearm(net);
	verify();
	cr_assert_eq(fake_net_host(net, "ho1")->commands, 1);
}

Test(verify, an_unreachable_host_fails_its_rows)
{
	everywhere("C1");
	everywhere("C2");
	everywhere("C3");
	fake_net_host(net, "ho2")->unreachable = true;
	fake_net_host(net, "ho1")->fault = FAKE_CUT;
	fake_net_host(net, "ho1")->fault_at = 2;
	verify();
	cr_assert_eq(row("C1", "ho1")->verdict, CHECK_PASS);
	cr_assert_eq(row("C2", "ho1")->verdict, CHECK_FAIL);
	cr_assert(strstr(row("C2", "ho1")->why, "unreachable: "));
	cr_assert_eq(row("C3", "ho2")->verdict, CHECK_FAIL);
	cr_assert(strstr(row("C3", "ho2")->why, "unreachable: cannot connect"));
	cr_assert_eq(report.passed, 3);
}

Test(verify, a_probe_that_fails_fails_what_it_asked)
{
	everywhere("C1");
	everywhere("C3");
	fake_net_host(net, "ho3")->fault = FAKE_FAIL;
	fake_net_host(net, "ho3")->fault_at = 1;
	options.limit = list("ho3");
	verify();
	cr_assert_eq(row("C1", "ho3")->verdict, CHECK_FAIL);
	cr_assert(strstr(row("C1", "ho3")->why, "made to fail"));
}

Test(verify, a_check_without_a_host_is_skipped_with_the_reason)
{
	struct inventory *alone = toy_inventory(0);
	struct inventory *both = inv;
	inv = alone;
	verify();
	cr_assert_eq(row("C3", "-")->verdict, CHECK_SKIP);
	cr_assert_str_eq(row("C3", "-")->why, "the inventory has no worker");
	inv = both;
	toy_inventory_free(alone);
	options.limit = list("ho1");
	options.once = true;
	verify();
	cr_assert(strstr(row("C3", "-")->why, "chosen"));
}

Test(verify, checks_are_chosen_by_part_or_id)
{
	options.once = true;
	options.parts = list("C3");
	verify();
	cr_assert_eq(report.n, 2);
	options.parts = list("net");
	verify();
	cr_assert_eq(report.n, 3);
	struct err e = { 0 };
	options.parts = list("bse");
	verify_report_clear(&report);
	cr_assert_eq(provision_verify(inv, NULL, &options, &report, &e), -(int)ERR_CONFIG);
	cr_assert(strstr(e.msg, "did you mean 'base'"), "%s", e.msg);
}

Test(verify, an_interrupt_skips_what_is_open)
{
	everywhere("C1");
	everywhere("C3");
	net->cancel_at = 5;	/* a retry of C2 */
	verify();
	cr_assert(report.interrupted);
	cr_assert_eq(row("C2", "ho1")->verdict, CHECK_SKIP);
	cr_assert_str_eq(row("C2", "ho1")->why, "interrupted");
	cr_assert_eq(row("C1", "ho3")->verdict, CHECK_PASS);
	cr_assert_lt(report.ms, 2000);
}

Test(provision, secrets_are_those_of_the_chosen_parts_and_hosts)
{
	begin();
	struct host *hosts = (struct host *)inv->hosts;
	hosts[0].become_password.entry = "sudo";
	hosts[1].become_password.entry = "sudo";
	hosts[2].ssh_password.entry = "login";
	hosts[2].bmc_password.entry = "bmc";
	inv->token.entry = "token";
	static const struct recipe exporter = { "exporter", "exporter", "", ROLE_ANY, NULL, NULL, 0 };
	static const struct recipe base = { "base", "base", "", ROLE_ANY, NULL, NULL, 0 };
	const struct recipe *const v[] = { &exporter, &base, NULL };
	options.recipes = v;
	struct strv got = { 0 };
	struct err e = { 0 };
	cr_assert_eq(provision_secrets(inv, &options, &got, &e), 0);
	cr_assert_eq(got.n, 3, "k3s is no part of these tables");
	cr_assert_geq(strv_find(&got, "bmc"), 0);
	strv_clear(&got);
	options.parts = list("base");
	cr_assert_eq(provision_secrets(inv, &options, &got, &e), 0);
	cr_assert_eq(got.n, 2);
	strv_clear(&got);
	options.limit = list("ho1");
	cr_assert_eq(provision_secrets(inv, &options, &got, &e), 0);
	cr_assert_eq(got.n, 1);
	strv_clear(&got);
	options.limit = NULL;
	cr_assert_eq(provision_run(WALK_CHECK, inv, NULL, &options, &(struct report){ 0 }, &e),
		     -(int)ERR_CONFIG);
	cr_assert_str_eq(e.msg, "host 'ho3': ansible_password is in the vault's entry 'login', which is "
				"not there; add it with 'powerstack vault set login'");
	cr_assert_eq(net->hosts[0]->opens, 0);
	end();
}
