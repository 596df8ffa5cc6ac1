/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/diff.h"

static void expect(const char *a, const char *b, const char *want)
{
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	buf_init(&out, 1024 * 1024);
	cr_assert_eq(diff_unified("/etc/x", a, b, &out, &e), 0);
	cr_assert_str_eq(buf_str(&out), want);
}

Test(diff, as_diff_u_writes_it)
{
	expect("a\n", "a\n", "");
	expect(NULL, "a\nb\n", "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1,2 @@\n+a\n+b\n");
	expect("a\n", NULL, "--- /etc/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
	expect("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
	       "--- /etc/x\n+++ /etc/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
	expect("a\nb", "a\nc\n",
	       "--- /etc/x\n+++ /etc/x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n");
	expect("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", "one\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\ntwelve\n",
	       "--- /etc/x\n+++ /etc/x\n@@ -1,4 +1,4 @@\n-1\n+one\n 2\n 3\n 4\n"
	       "@@ -9,4 +9,4 @@\n 9\n 10\n 11\n-12\n+twelve\n");
	expect("1\n2\n3\n4\n5\n6\n7\n8\n", "one\n2\n3\n4\n5\n6\n7\neight\n",
	       "--- /etc/x\n+++ /etc/x\n@@ -1,8 +1,8 @@\n-1\n+one\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+eight\n");
	expect("", "a\033[31m\n", "--- /etc/x\n+++ /etc/x\n@@ -0,0 +1 @@\n+a?[31m\n");
}

/* Reads a diff back: the lines marked ' ' and `op` of its hunks, the rest from `other`. */
static void apply(const char *diff, const char *other, char op, struct buf *ret)
{
	const char *at = other;
	size_t line = 1;
	for (const char *s = diff; s && *s;) {
		const char *end = strchr(s, '\n');
		size_t len = (size_t)(end - s) + 1;
		size_t start = 0;
		size_t count = 1;
		if (s[0] == '@') {
			const char *range = strchr(s, op == '+' ? '-' : '+') + 1;
			char *more;
			start = strtoul(range, &more, 10);
			if (*more == ',')
				count = strtoul(more + 1, NULL, 10);
			if (!count)
				start++;
			for (; line < start; line++) {
				const char *next = strchr(at, '\n') + 1;
				buf_add(ret, at, (size_t)(next - at));
				at = next;
			}
		} else if (strncmp(s, "---", 3) && strncmp(s, "+++", 3) && s[0] != '\\') {
			if (s[0] != op) {	/* it stands in the other text: step over it there */
				at = strchr(at, '\n') + 1;
				line++;
			}
			if (s[0] == ' ' || s[0] == op)
				buf_add(ret, s + 1, len - 1);
		}
		s = end + 1;
	}
	buf_adds(ret, at);
}

Test(diff, a_diff_leads_from_one_text_to_the_other)
{
	srand(7);
	for (int round = 0; round < 3000; round++) {
		AUTO_BUF struct buf a;
		AUTO_BUF struct buf b;
		AUTO_BUF struct buf d;
		AUTO_BUF struct buf back;
		buf_init(&a, 65536);
		buf_init(&b, 65536);
		buf_init(&d, 65536);
		buf_init(&back, 65536);
		int n = rand() % 30;
		for (int i = 0; i < n; i++) {
			int word = rand() % 6;
			if (rand() % 5)
				buf_addf(&a, "w%d\n", word);
			if (rand() % 5)
				buf_addf(&b, "w%d\n", word);
		}
		struct err e = { 0 };
		cr_assert_eq(diff_unified("x", buf_str(&a), buf_str(&b), &d, &e), 0);
		apply(buf_str(&d), buf_str(&a), '+', &back);
		cr_assert_str_eq(buf_str(&back), buf_str(&b), "from:\n%sto:\n%sdiff:\n%s",
				 buf_str(&a), buf_str(&b), buf_str(&d));
	}
}

Test(diff, texts_too_large_for_the_table_are_shown_whole)
{
	AUTO_BUF struct buf a;
	AUTO_BUF struct buf b;
	AUTO_BUF struct buf d;
	buf_init(&a, 1024 * 1024);
	buf_init(&b, 1024 * 1024);
	buf_init(&d, 4 * 1024 * 1024);
	for (int i = 0; i < 5000; i++) {
		buf_addf(&a, "a%d\n", i);
		buf_addf(&b, "b%d\n", i);
	}
	struct err e = { 0 };
	cr_assert_eq(diff_unified("x", buf_str(&a), buf_str(&b), &d, &e), 0);
	cr_assert(strstr(buf_str(&d), "@@ -1,5000 +1,5000 @@\n-a0\n-a1\n"));
	cr_assert(strstr(buf_str(&d), "-a4999\n+b0\n"));
	AUTO_BUF struct buf small;
	buf_init(&small, 100);
	cr_assert_eq(diff_unified("x", buf_str(&a), buf_str(&b), &small, &e), -(int)ERR_MEMORY);
}
