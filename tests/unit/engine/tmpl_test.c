/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/tmpl.h"
#include "tests/fake/toys.h"

static const char *odd_value;

static int odd(const struct view *v, struct buf *ret, struct err *e)
{
	(void)v;
	(void)e;
	return buf_adds(ret, odd_value);
}

static struct secret *planted;

static const struct secret *secret(const struct view *v, struct err *e)
{
	(void)v;
	if (!planted)
		err_set(e, ERR_CONFIG, "the vault has no entry 'x'");
	return planted;
}

static const struct tmpl_name names[] = {
	{ .name = "odd", .value = odd },
	{ .name = "lines", .value = odd, .lines = true },
	{ .name = "password", .secret = secret },
	{ 0 },
};

static int render(const char *text, struct buf *out, struct err *e)
{
	struct inventory *inv = toy_inventory(0);
	struct view v = { .inv = inv, .host = inv->hosts };
	int rc = tmpl_render("x.tmpl", text, strlen(text), names, &v, out, e);
	toy_inventory_free(inv);
	return rc;
}

static void expect(const char *text, const char *want)
{
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	buf_init(&out, 4096);
	cr_assert_eq(render(text, &out, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_str(&out), want);
}

static void refuse(const char *text, enum err_kind kind, const char *want)
{
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	buf_init(&out, 4096);
	cr_assert_eq(render(text, &out, &e), -(int)kind, "%s", text);
	cr_assert(strstr(e.msg, want), "'%s' lacks '%s'", e.msg, want);
}

Test(tmpl, names_come_from_the_table_then_from_the_inventory)
{
	odd_value = "v";
	expect("", "");
	expect("plain { } text\n", "plain { } text\n");
	expect("a={{odd}};{{ odd }}", "a=v;v");
	expect("node {{node_name}} of {{cluster_context}}\n", "node ho1 of toys\n");
	refuse("one\ntwo {{nmae}}\n", ERR_BUG, "x.tmpl:2: 'nmae': ");
}

Test(tmpl, filters_decide_the_escaping)
{
	odd_value = "it's \"50%\" \\ a\nb\t\001\xc3\xa9!";
	expect("{{odd|yaml}}", "\"it's \\\"50%\\\" \\\\ a\\nb\\t\\x01\xc3\xa9!\"");
	expect("{{odd | ini}}", "\"it's \\\"50%%\\\" \\\\ a\\nb\\x09\\x01\xc3\xa9!\"");
	odd_value = "it's $x\n`y`";
	expect("{{odd|sh}}", "'it'\\''s $x\n`y`'");
	refuse("{{odd|json}}", ERR_BUG, "there is no filter 'json'");
}

Test(tmpl, a_newline_without_a_filter_is_an_error)
{
	odd_value = "a\nb";
	refuse("{{odd}}", ERR_CONFIG, "x.tmpl:1: 'odd': it holds a newline");
	expect("{{lines}}", "a\nb");
	odd_value = "a\033b";
	refuse("{{odd}}", ERR_CONFIG, "a control byte");
	refuse("{{lines}}", ERR_CONFIG, "a control byte");
	odd_value = "a\tb";
	expect("{{odd}}", "a\tb");
}

Test(tmpl, a_wrong_form_is_an_error)
{
	refuse("{{", ERR_BUG, "x.tmpl:1: '{{' without");
	refuse("{{}}", ERR_BUG, "without");
	refuse("{{odd", ERR_BUG, "without");
	refuse("{{odd}", ERR_BUG, "without");
	refuse("{{odd|}}", ERR_BUG, "without");
	refuse("{{odd odd}}", ERR_BUG, "without");
	refuse("{{odd|sh|sh}}", ERR_BUG, "without");
	refuse("{{od\nd}}", ERR_BUG, "without");
	refuse("{{0123456789012345678901234567890123456789012345678901234567890123456789}}", ERR_BUG,
	       "without");
}

Test(tmpl, a_secret_goes_into_a_secret_buffer_only)
{
	struct err e = { 0 };
	refuse("{{password}}", ERR_BUG, "it is secret and the buffer is not");
	AUTO_BUF struct buf out;
	buf_init_secret(&out, 4096);
	cr_assert_eq(render("{{password}}", &out, &e), -(int)ERR_CONFIG);
	cr_assert(strstr(e.msg, "the vault has no entry 'x'"));
	cr_assert_eq(secret_new("p\"w", 3, &planted, &e), 0);
	cr_assert_eq(render("pw: {{password|yaml}}\n", &out, &e), 0);
	cr_assert_str_eq(buf_str(&out), "pw: \"p\\\"w\"\n");
	secret_free(planted);
}

Test(tmpl, a_text_that_does_not_fit_is_an_error)
{
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	buf_init(&out, 5);
	odd_value = "v";
	cr_assert_eq(render("0123456789", &out, &e), -(int)ERR_MEMORY);
}
