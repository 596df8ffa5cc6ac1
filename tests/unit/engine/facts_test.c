/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "provision/engine/facts.h"

/* A literal with its NULs, without the compiler's last one. */
#define PARSE(p, text, f, e) facts_parse(p, text, sizeof(text) - 1, f, e)
#define END "=probe=complete\0"

static struct probe two(void)
{
	struct probe p = { 0 };
	probe_ask(&p, "file", "/etc/%s", "a");
	probe_ask(&p, "pkg", "%s", "nfs-common");
	probe_ask(&p, "file", "/etc/a");
	return p;
}

Test(facts, asking_twice_is_asking_once)
{
	struct probe p = two();
	cr_assert_eq(p.questions.n, 2);
	cr_assert_str_eq(p.questions.v[0], "file:/etc/a");
	probe_clear(&p);
}

Test(facts, there_not_there_and_not_known_are_told_apart)
{
	struct probe p = two();
	probe_ask(&p, "unit", "x.service");
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(PARSE(&p,
			   "=file:/etc/a=mode=0644\nowner=root\0"
			   "-pkg:nfs-common\0!unit:x.service=no systemd\0" END,
			   &f, &e),
		     0, "%s", e.msg);
	bool known;
	const char *why;
	const char *v = facts_get(f, &known, &why, "file", "/etc/%s", "a");
	cr_assert(known);
	cr_assert_str_eq(v, "mode=0644\nowner=root");
	char field[8];
	cr_assert(facts_field(v, "owner", field, sizeof(field)));
	cr_assert_str_eq(field, "root");
	cr_assert_not(facts_field(v, "wner", field, sizeof(field)));
	cr_assert(facts_field("k=0123456789", "k", field, sizeof(field)));
	cr_assert_str_eq(field, "0123456");
	cr_assert_null(facts_get(f, &known, &why, "pkg", "nfs-common"));
	cr_assert(known);
	cr_assert_null(facts_get(f, &known, &why, "unit", "x.service"));
	cr_assert_not(known);
	cr_assert_str_eq(why, "no systemd");
	cr_assert_null(facts_get(f, &known, &why, "unit", "y.service"));
	cr_assert_not(known);
	cr_assert_str_eq(why, "it was not asked");
	facts_free(f);
	probe_clear(&p);
}

Test(facts, answers_may_come_in_any_order)
{
	struct probe p = two();
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(PARSE(&p, "=pkg:nfs-common=1.2\0=file:/etc/a=\0" END, &f, &e), 0, "%s", e.msg);
	cr_assert_str_eq(facts_get(f, NULL, NULL, "file", "/etc/a"), "");
	cr_assert_str_eq(facts_get(f, NULL, NULL, "pkg", "nfs-common"), "1.2");
	facts_free(f);
	probe_clear(&p);
}

Test(facts, a_question_that_begins_as_another_one_is_kept_apart_by_order)
{
	struct probe p = { 0 };
	probe_ask(&p, "x", "a");
	probe_ask(&p, "x", "a=b");
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(PARSE(&p, "=x:a=b=1\0=x:a=b=2\0" END, &f, &e), 0, "%s", e.msg);
	cr_assert_str_eq(facts_get(f, NULL, NULL, "x", "a"), "b=1");
	cr_assert_str_eq(facts_get(f, NULL, NULL, "x", "a=b"), "2");
	facts_free(f);
	probe_clear(&p);
}

static void refused(const char *bytes, size_t len, const char *word)
{
	struct probe p = two();
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(facts_parse(&p, bytes, len, &f, &e), -(int)ERR_FAILED, "accepted: %s", word);
	cr_assert(strstr(e.msg, word), "'%s' lacks '%s'", e.msg, word);
	cr_assert_null(f);
	for (const char *c = e.msg; *c; c++)
		cr_assert(*c >= ' ' && *c < 127);
	probe_clear(&p);
}
#define REFUSED(text, word) refused(text, sizeof(text) - 1, word)

Test(facts, whatever_is_not_exactly_one_answer_a_question_is_refused)
{
	REFUSED("", "cut off");
	REFUSED("=file:/etc/a=x\0-pkg:nfs-common\0", "cut off");
	REFUSED("=file:/etc/a=x\0-pkg:nfs-common\0=probe=complete", "cut off");
	REFUSED("=file:/etc/a=x\0-pkg:nfs", "cut off");
	REFUSED("=file:/etc/a=x\0" END, "did not answer 'pkg:nfs-common'");
	REFUSED("=file:/etc/a=x\0=file:/etc/a=y\0-pkg:nfs-common\0" END, "answered before");
	REFUSED("=file:/etc/b=x\0-pkg:nfs-common\0" END, "unasked");
	REFUSED("-file:/etc/a=x\0-pkg:nfs-common\0" END, "unasked");
	REFUSED("=file:/etc/a\0-pkg:nfs-common\0" END, "unasked");
	REFUSED("\0-pkg:nfs-common\0" END, "no answer");
	REFUSED("\033]0;hello\0-pkg:nfs-common\0" END, "no answer");
	REFUSED("=file:/etc/a=x\0-pkg:nfs-common\0" END "more\0", "behind its end");
	REFUSED("=file:/etc/a=x\0-pkg:nfs-common\0" END END, "behind its end");
}

Test(facts, no_question_needs_no_command)
{
	struct probe p = { 0 };
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(facts_gather(NULL, &p, 1, &f, &e), 0);
	facts_free(f);
}
