/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/near.h"
#include "base/opts.h"
#include "base/ydoc.h"

Test(err, wrap_keeps_the_kind_and_puts_the_context_in_front)
{
	struct err e = { 0 };
	cr_assert_eq(err_set(&e, ERR_CONFIG, "value '%d'", 7), -(int)ERR_CONFIG);
	cr_assert_eq(err_wrap(&e, "reading '%s'", "x"), -(int)ERR_CONFIG);
	cr_assert_str_eq(e.msg, "reading 'x': value '7'");
	cr_assert_eq(err_exit_status(e.kind), 3);
}

Test(err, a_long_message_is_cut_visibly)
{
	struct err e = { 0 };
	char big[3000];
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&e, ERR_FAILED, "%s", big);
	cr_assert_eq(strlen(e.msg), sizeof(e.msg) - 1);
	cr_assert_str_eq(e.msg + strlen(e.msg) - 3, "...");
	err_wrap(&e, "%s", big);
	cr_assert_str_eq(e.msg + strlen(e.msg) - 3, "...");
}

Test(buf, the_cap_holds_and_failure_is_sticky)
{
	struct buf b;
	buf_init(&b, 5);
	cr_assert_eq(buf_adds(&b, "abc"), 0);
	cr_assert_lt(buf_adds(&b, "def"), 0);
	cr_assert_lt(buf_addc(&b, 'd'), 0);
	cr_assert_str_eq(buf_str(&b), "abc");
	cr_assert_null(buf_take(&b));
	buf_reset(&b);
	cr_assert_eq(buf_addf(&b, "%d", 12345), 0);
	cr_assert_str_eq(buf_str(&b), "12345");
	buf_clear(&b);
	cr_assert_str_eq(buf_str(&b), "");
}

static int take_some(void *into, const char *data, size_t len)
{
	return buf_add(into, data, len);
}

Test(buf, a_drain_gets_all_in_order_and_the_buffer_stays_small)
{
	struct buf b, got;

	buf_init(&b, 1 << 20);
	buf_init(&got, 3000);
	b.drain = take_some;
	b.drain_arg = &got;
	cr_assert_eq(buf_reserve(&b, 100), 0);
	size_t cap = b.cap;

	for (int i = 0; i < 500; i++)
		cr_assert_eq(buf_addf(&b, "%d,", i), 0);
	cr_expect_eq(b.cap, cap);
	/* What is larger than the buffer goes through as well. */
	char large[512];

	memset(large, 'x', sizeof large);
	cr_assert_eq(buf_add(&b, large, sizeof large), 0);
	cr_assert_eq(buf_drain(&b), 0);
	cr_expect_eq(b.len, 0u);
	cr_expect_eq(got.len, 10u * 2 + 90 * 3 + 400 * 4 + sizeof large);
	cr_expect_eq(memcmp(got.data, "0,1,2,", 6), 0);
	cr_expect_eq(memcmp(got.data + got.len - sizeof large - 8, "498,499,x", 9), 0);
	/* A drain that takes no more: as a buffer that has reached its cap. */
	int rc = 0;

	for (int i = 0; i < 10 && rc == 0; i++)
		rc = buf_add(&b, large, 100);
	for (int i = 0; i < 10 && rc == 0; i++)
		rc = buf_add(&b, large, sizeof large);
	cr_expect_lt(rc, 0);
	cr_expect(b.full);
	cr_expect_eq(buf_drain(&b), -(int)ERR_MEMORY);
	cr_expect_leq(got.len, 3000u);
	buf_clear(&b);
	buf_clear(&got);
}

Test(secret, compares_and_carries_its_bytes)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *a = NULL;
	AUTO_SECRET struct secret *b = NULL;
	AUTO_SECRET struct secret *c = NULL;
	cr_assert_eq(secret_new("hunter2", 7, &a, &e), 0);
	cr_assert_eq(secret_new("hunter2", 7, &b, &e), 0);
	cr_assert_eq(secret_new_random(40, &c, &e), 0);
	cr_assert(secret_equal(a, b));
	cr_assert_not(secret_equal(a, c));
	cr_assert_eq(secret_len(c), 40);
	cr_assert_str_eq(secret_expose(a), "hunter2");
}

Test(file, replace_is_whole_and_has_its_mode)
{
	struct err e = { 0 };
	char dir[] = "/tmp/floorXXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	char path[64];
	snprintf(path, sizeof(path), "%s/f", dir);
	cr_assert_eq(file_replace(path, 0600, "one", 3, &e), 0);
	cr_assert_eq(file_replace(path, 0640, "twotwo", 6, &e), 0);
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0640);
	AUTO_BUF struct buf b;
	buf_init(&b, 100);
	cr_assert_eq(file_read(path, &b, NULL, &e), 0);
	cr_assert_str_eq(buf_str(&b), "twotwo");
	int missing = 0;
	unlink(path);
	cr_assert_lt(file_read(path, &b, &missing, &e), 0);
	cr_assert(missing);
	rmdir(dir);
}

static const char *word(const void *ctx, size_t i)
{
	return ((const char *const *)ctx)[i];
}

Test(near, finds_the_slip_and_not_the_stranger)
{
	static const char *const v[] = { "deploy", "destroy", "verify" };
	cr_assert_str_eq(near_find("delpoy", 3, word, v), "deploy");
	cr_assert_str_eq(near_find("Verifi", 3, word, v), "verify");
	cr_assert_null(near_find("x", 3, word, v));
}

Test(yaml, every_node_knows_its_place)
{
	struct err e = { 0 };
	struct ydoc d = { 0 };
	const char *t = "a: 1\nb:\n  - x\n  - {c: \"~\"}\nd: ~\n";
	cr_assert_eq(ydoc_parse("t", t, strlen(t), &d, &e), 0, "%s", e.msg);
	const struct ynode *b = ydoc_get(d.root, "b");
	cr_assert_eq(b->n, 2);
	const struct ynode *c = ydoc_get(b->items[1], "c");
	cr_assert_eq(c->line, 4);
	cr_assert_eq(c->column, 9);
	cr_assert_not(ydoc_is_null(c));
	cr_assert(ydoc_is_null(ydoc_get(d.root, "d")));
	ydoc_free(&d);
}

Test(yaml, refuses_what_would_be_read_two_ways)
{
	static const char *const bad[] = { "a: 1\na: 2\n", "a: [1\n", "a: &x [*x]\n", "? [a]\n: 1\n",
					   "a: *no\n", "---\na: 1\n---\nb: 2\n", "a: \"\\0\"\n" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = { 0 };
		struct ydoc d = { 0 };
		cr_assert_eq(ydoc_parse("t", bad[i], strlen(bad[i]), &d, &e), -(int)ERR_CONFIG, "%s", bad[i]);
		cr_assert_eq(strncmp(e.msg, "t:", 2), 0, "%s", e.msg);
	}
}

struct sample {
	bool flag, other;
	unsigned jobs, verbose;
	const char *name;
	uint64_t wait;
	int color;
};

static const char *const colors[] = { "auto", "always", "never", NULL };
static const struct opt rows[] = {
	{ "flag", 'f', OPT_FLAG, NULL, "a flag", offsetof(struct sample, flag) },
	{ "other", 0, OPT_FLAG, NULL, "another", offsetof(struct sample, other), .negatable = true },
	{ "jobs", 'j', OPT_UINT, "N", "jobs", offsetof(struct sample, jobs), .min = 1, .max = 64 },
	{ "verbose", 'v', OPT_COUNT, NULL, "more", offsetof(struct sample, verbose) },
	{ "name", 'n', OPT_STRING, "NAME", "name", offsetof(struct sample, name) },
	{ "wait", 0, OPT_DURATION, "TIME", "wait", offsetof(struct sample, wait), .min = 1, .max = 3600000000000 },
	{ "color", 0, OPT_ENUM, "WHEN", "colour", offsetof(struct sample, color), .values = colors },
};

static int parse(struct sample *s, int argc, char **argv, bool first, int *n, struct err *e)
{
	struct opt_table t = { rows, COUNT(rows), s };
	return opts_parse(&t, 1, argc, argv, first, n, e);
}

Test(opts, every_spelling)
{
	struct sample s = { .other = true };
	struct err e = { 0 };
	int n = 0;
	char *argv[] = { (char *)"x", (char *)"-fj8", (char *)"pos", (char *)"--no-other", (char *)"-vv",
			 (char *)"--name=a=b", (char *)"--wait", (char *)"1.5m", (char *)"--color", (char *)"never",
			 (char *)"--", (char *)"--jobs", NULL };
	cr_assert_eq(parse(&s, 12, argv, false, &n, &e), 0, "%s", e.msg);
	cr_assert(s.flag && !s.other && s.jobs == 8 && s.verbose == 2 && s.color == 2);
	cr_assert_str_eq(s.name, "a=b");
	cr_assert_eq(s.wait, 90000000000ULL);
	cr_assert_eq(n, 2);
	cr_assert_str_eq(argv[0], "pos");
	cr_assert_str_eq(argv[1], "--jobs");
}

Test(opts, durations)
{
	static const struct { const char *text; unsigned long long ns; } good[] = {
		{ "5", 5000000000 }, { "500ms", 500000000 }, { "1m30s", 90000000000 }, { "1h2m3s4ms", 3723004000000 },
		{ "1.5m", 90000000000 }, { "2us", 2000 }, { "1d", 86400000000000 },
	};
	static const char *const bad[] = { "", "s", "3x", "1m30", "30 s", "1m s", "-1s", "1e300d", "m1" };
	for (size_t i = 0; i < COUNT(good); i++) {
		unsigned long long ns = 0;
		struct err e = { 0 };
		cr_assert_eq(opts_duration(good[i].text, &ns, &e), 0, "%s", e.msg);
		cr_assert_eq(ns, good[i].ns, "%s: %llu", good[i].text, ns);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		unsigned long long ns = 0;
		struct err e = { 0 };
		cr_assert_eq(opts_duration(bad[i], &ns, &e), -(int)ERR_USAGE, "'%s'", bad[i]);
	}
}

Test(opts, mistakes_are_named)
{
	static const struct { const char *word, *says; } bad[] = {
		{ "--job=3", "did you mean '--jobs'" }, { "--jobs=0", "from 1 to 64" },
		{ "--jobs", "needs a value" }, { "--flag=1", "takes no value" },
		{ "--wait=3x", "not a duration" }, { "--color=blue", "auto, always, never" }, { "-z", "unknown option '-z'" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct sample s = { 0 };
		struct err e = { 0 };
		int n = 0;
		char *argv[] = { (char *)"x", (char *)bad[i].word, NULL };
		cr_assert_eq(parse(&s, 2, argv, false, &n, &e), -(int)ERR_USAGE);
		cr_assert_not_null(strstr(e.msg, bad[i].says), "%s", e.msg);
	}
}
