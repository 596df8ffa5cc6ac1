/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ydoc.h"
#include "vault/vault.h"

static struct secret *sec(const char *s)
{
	struct secret *r = NULL;
	cr_assert_eq(secret_new(s, strlen(s), &r, NULL), 0);
	return r;
}

static int open_text(const char *text, struct vault **ret, struct err *e)
{
	AUTO_SECRET struct secret *t = sec(text);
	return vault_new("v.yml", t, ret, e);
}

/* Our scanner and libyaml must see the same names and values. */
static void agree(const char *text, const struct vault *v)
{
	struct err e = { 0 };
	struct ydoc d = { 0 };
	cr_assert_eq(ydoc_parse("libyaml", text, strlen(text), &d, &e), 0, "%s\n%s", e.msg, text);
	const struct ynode *map = ydoc_get(d.root, "ansible_vault");
	map = map ? map : d.root;
	size_t n = map && map->kind == YDOC_MAP ? map->n : 0;
	for (size_t i = 0; i < n; i++) {
		const struct ynode *y = map->pairs[i].value;
		cr_assert_not_null(vault_name(v, i), "%s", text);
		cr_assert_str_eq(vault_name(v, i), map->pairs[i].key->text);
		const struct secret *s = vault_get(v, vault_name(v, i));
		cr_assert_eq(!s, ydoc_is_null(y), "%s", text);
		if (s)
			cr_assert(secret_len(s) == y->len && !memcmp(secret_expose(s), y->text, y->len),
				  "'%s' is not '%s' in\n%s", secret_expose(s), y->text, text);
	}
	cr_assert_null(vault_name(v, n));
	ydoc_free(&d);
}

static void expect(const char *text, const char *name, const char *value)
{
	struct err e = { 0 };
	struct vault *v = NULL;
	cr_assert_eq(open_text(text, &v, &e), 0, "%s\n%s", e.msg, text);
	const struct secret *s = vault_get(v, name);
	if (value) {
		cr_assert_not_null(s, "%s", text);
		cr_assert_str_eq(secret_expose(s), value, "'%s' in\n%s", secret_expose(s), text);
	} else {
		cr_assert_null(s);
	}
	agree(text, v);
	vault_free(v);
}

Test(vault_entries, every_way_to_write_a_value)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "a: b\n", "b" },
		{ "a: b", "b" },
		{ "---\n# c\n\na: b   # comment\n", "b" },
		{ "  a: two words  \n  c: d\n", "two words" },
		{ "a: b#c\n", "b#c" },
		{ "a: -x\n", "-x" },
		{ "a: :x?\n", ":x?" },
		{ "a: http://h:80/p?q=1&r\n", "http://h:80/p?q=1&r" },
		{ "a: 0123\n", "0123" },
		{ "a: 'it''s # \"x\": y'\n", "it's # \"x\": y" },
		{ "a: 'one\n  two\n\n\n  three'\nb: c\n", "one two\n\nthree" },
		{ "a: \"t\\tn\\n q\\\" \\x41\\u20ac\\U0001F600 \\/ \\e\"\n", "t\tn\n q\" A\xe2\x82\xac\xf0\x9f\x98\x80 / \x1b" },
		{ "a: \"one \\\n   two\\\n  \\ three\n   four\"\n", "one two three four" },
		{ "a: \"\"\nb: c\n", "" },
		{ "a: ''\n", "" },
		{ "a: 'null'\n", "null" },
		{ "a: |\n  one\n  two\nb: c\n", "one\ntwo\n" },
		{ "a: |-\n  one\n    two\n\n\nb: c\n", "one\n  two" },
		{ "a: |+\n  one\n\n\nb: c\n", "one\n\n\n" },
		{ "a: |2-  # note\n    one\n  two\n", "  one\ntwo" },
		{ "a: |\n  one", "one" },
		{ "a: |\nb: c\n", "" },
		{ "a: |\n\n\n  x\n", "\n\nx\n" },
		{ "a: >\n  one\n  two\n\n  three\n   four\n   five\n  six\n", "one two\nthree\n four\n five\nsix\n" },
		{ "a: >-\n\n  one\n\n\n  two\n", "\none\n\ntwo" },
		{ "a: >+\n  one\n\nb: c\n", "one\n\n" },
		{ "a: |\n  # no comment\n  x: y\n# a comment\nb: c\n", "# no comment\nx: y\n" },
		{ "ansible_vault:\n  a: b\n", "b" },
		{ "---\nansible_vault: # all\n    # here\n    a: |\n      x\n\n    c: d\n# end\n", "x\n" },
		{ "\"a\": b\n", "b" }, { "'a' : b\n", "b" },
		{ "a: gr\xc3\xbc\xc3\x9f \xe2\x82\xac\n", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac" },
		{ "a:\nb: c\n", NULL }, { "a: ~\n", NULL }, { "a: null # x\n", NULL }, { "b: c\n", NULL },
		{ "a:   # x\n", NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		expect(rows[i].text, "a", rows[i].value);
}

Test(vault_entries, names_keep_their_order_and_nothing_is_a_vault_too)
{
	static const char *const none[] = { "", "\n", "# x\n", "---\n", "ansible_vault:\n", "---\nansible_vault:\n# c\n" };
	for (size_t i = 0; i < COUNT(none); i++) {
		struct err e = { 0 };
		struct vault *v = NULL;
		cr_assert_eq(open_text(none[i], &v, &e), 0, "%zu: %s", i, e.msg);
		cr_assert_null(vault_name(v, 0));
		vault_free(v);
	}
	struct vault *v = NULL;
	cr_assert_eq(open_text("z: 1\na.b-c_D: 2\n9: 3\n", &v, NULL), 0);
	cr_assert_str_eq(vault_name(v, 0), "z");
	cr_assert_str_eq(vault_name(v, 1), "a.b-c_D");
	cr_assert_str_eq(vault_name(v, 2), "9");
	vault_free(v);
	vault_free(NULL);
}

Test(vault_entries, an_error_has_its_place_and_never_the_value)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "a: [HUSH]\n", "v.yml:1:4: a list or mapping" },
		{ "a: {HUSH: b}\n", "v.yml:1:4: a list or mapping" },
		{ "a: HUSH\nb:\n  HUSH: c\n", "v.yml:3:3: unexpected indentation" },
		{ "a: HUSH\n  HUSH\n", "v.yml:2:3: unexpected indentation" },
		{ "- HUSH\n", "v.yml:1:1: a list" },
		{ "a:\n- HUSH\n", "v.yml:2:1: a list" },
		{ "HUSH\n", "v.yml:1:5: not 'name: value'" },
		{ "a b: HUSH\n", "v.yml:1:3: not 'name: value'" },
		{ "a:HUSH\n", "v.yml:1:3: a space is missing" },
		{ "a: HUSH: x\n", "v.yml:1:8: a colon" },
		{ "a: HUSH:\n", "v.yml:1:8: a colon" },
		{ "a: 'HUSH' x\n", "v.yml:1:11: text behind" },
		{ "b: 1\na: 'HUSH\n\n", "v.yml:2:4: the quoted value" },
		{ "a: 'HUSH\n---\n'\n", "v.yml:2:1: the quoted value is not closed" },
		{ "a: \"HUSH\\q\"\n", "v.yml:1:10: an unknown escape" },
		{ "a: \"HUSH\\0\"\n", "v.yml:1:10: an unknown escape" },
		{ "a: \"HUSH\\x00\"\n", "an escape for a character" },
		{ "a: \"HUSH\\ud800\"\n", "an escape for a character" },
		{ "a: \"HUSH\\u12\"\n", "too few hexadecimal" },
		{ "a: !vault |\n  HUSH\n", "v.yml:1:4: a tag" },
		{ "a: &x HUSH\n", "v.yml:1:4: a character that means" },
		{ "a: *HUSH\n", "v.yml:1:4: a character that means" },
		{ "a: @HUSH\n", "v.yml:1:4: a character that means" },
		{ "a: - HUSH\n", "v.yml:1:4: a character that means" },
		{ "a: HUSH\nb: 1\na: HUSH2\n", "v.yml:3: 'a' is set twice (first on line 1)" },
		{ "ansible_vault:\n  a: HUSH\nb: c\n", "v.yml:3:1: an entry beside" },
		{ "b: HUSH\nansible_vault:\n  a: c\n", "v.yml:2:1: 'ansible_vault' must be the only" },
		{ "ansible_vault: HUSH\n", "v.yml:1:1: 'ansible_vault' must be the only" },
		{ "ansible_vault:\n  ansible_vault:\n    a: HUSH\n", "v.yml:2:3: 'ansible_vault' must be" },
		{ "a: HUSH\n---\nb: c\n", "v.yml:2:1: a second document" },
		{ "a: HUSH\n...\n", "v.yml:2:1: a second document" },
		{ "%YAML 1.1\n---\na: HUSH\n", "v.yml:1:1: not 'name: value'" },
		{ "\ta: HUSH\n", "v.yml:1:1: a tab" },
		{ "a: |\n\tHUSH\n", "v.yml:2:1: a tab" },
		{ "a: HUSH\tb\n", "v.yml:1:8: a tab" },
		{ "a: |x\n  HUSH\n", "v.yml:1:5: text behind" },
		{ "a: |\n      \n  HUSH\n", "v.yml:3:3: a blank line before" },
		{ "a: HUSH\r\n", "v.yml:1:8: a carriage return" },
		{ "a: HUSH\x01\n", "v.yml:1:8: an unprintable" },
		{ "a: HUSH\xff\n", "v.yml:1:8: the text is not UTF-8" },
		{ "a: HUSH\xc0\xaf\n", "not UTF-8" },
		{ "a: HUSH\xed\xa0\x80\n", "not UTF-8" },
		{ "a: HUSH\xe2\x80\xa8\n", "unprintable" },
		{ "\xef\xbb\xbf" "a: HUSH\n", "unprintable" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		struct vault *v = NULL;
		cr_assert_eq(open_text(rows[i].text, &v, &e), -(int)ERR_CONFIG, "%s", rows[i].text);
		cr_assert_not_null(strstr(e.msg, rows[i].says), "%s\nfor\n%s", e.msg, rows[i].text);
		cr_assert_null(strstr(e.msg, "HUSH"), "%s", e.msg);
		cr_assert_null(v);
	}
}

Test(vault_entries, sizes_are_bounded)
{
	struct err e = { 0 };
	struct vault *v = NULL;
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 4097; i++)
		buf_addf(&b, "n%d:\n", i);
	cr_assert_eq(open_text(b.data, &v, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "too many entries"));
	buf_reset(&b);
	buf_adds(&b, "a: ");
	while (b.len < VAULT_TEXT_MAX)
		buf_addc(&b, 'x');
	cr_assert_eq(open_text(b.data, &v, &e), 0, "%s", e.msg);
	cr_assert_eq(secret_len(vault_get(v, "a")), VAULT_TEXT_MAX - 3);
	vault_free(v);
	v = NULL;
	buf_addc(&b, 'x');
	cr_assert_eq(open_text(b.data, &v, &e), -(int)ERR_CONFIG);
}

static void expect_set(const char *text, const char *name, const char *value, const char *wants)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *t = sec(text);
	AUTO_SECRET struct secret *v = sec(value);
	AUTO_SECRET struct secret *now = NULL;
	cr_assert_eq(vault_text_set(t, name, v, &now, &e), 0, "%s\n%s", e.msg, text);
	cr_assert_str_eq(secret_expose(now), wants, "\n--- got\n%s--- wanted\n%s", secret_expose(now), wants);
	expect(wants, name, value);
}

Test(vault_set, keeps_every_other_byte)
{
	static const struct {
		const char *text, *name, *value, *wants;
	} rows[] = {
		{ "", "a", "b", "a: \"b\"\n" },
		{ "# top\n", "a", "b", "# top\na: \"b\"\n" },
		{ "x: 1", "a", "b", "x: 1\na: \"b\"\n" },
		{ "---\nx: 1   # keep\n\n# end\n", "a", "b", "---\nx: 1   # keep\n\n# end\na: \"b\"\n" },
		{ "a:   old   # why\nb: c\n", "a", "new", "a:   \"new\"   # why\nb: c\n" },
		{ "a:\nb: c\n", "a", "new", "a: \"new\"\nb: c\n" },
		{ "a: # why\nb: c\n", "a", "new", "a: \"new\" # why\nb: c\n" },
		{ "a: ~\n", "a", "new", "a: \"new\"\n" },
		{ "'a' :   'o\n  ld' # x\nb: c", "a", "new", "'a' :   \"new\" # x\nb: c" },
		{ "a: |  # cert\n  one\n  two\n\n# b\nb: c\n", "a", "new", "a: \"new\"  # cert\n\n# b\nb: c\n" },
		{ "b: c\na: old", "a", "new", "b: c\na: \"new\"\n" },
		{ "a: old\nb: c\n", "a", "one\ntwo\n", "a: |\n  one\n  two\nb: c\n" },
		{ "a: old # x\nb: c\n", "a", "one\n\n  two", "a: |- # x\n  one\n\n    two\nb: c\n" },
		{ "a: old\n", "a", "one\ntwo\n\n", "a: \"one\\ntwo\\n\\n\"\n" },
		{ "a: old\n", "a", " one\ntwo", "a: \" one\\ntwo\"\n" },
		{ "a: old\n    # deep\nb: c\n", "a", "one\ntwo\n", "a: \"one\\ntwo\\n\"\n    # deep\nb: c\n" },
		{ "ansible_vault:\n", "a", "b", "ansible_vault:\n  a: \"b\"\n" },
		{ "ansible_vault:\n    x: 1\n# end\n", "a", "b\nc", "ansible_vault:\n    x: 1\n# end\n    a: |-\n      b\n      c\n" },
		{ "ansible_vault:\n    x: 1\n    a: 2\n", "a", "3", "ansible_vault:\n    x: 1\n    a: \"3\"\n" },
		/* the last block's value would change if a line end came behind it */
		{ "# top\nx: |\n  one", "a", "b", "# top\na: \"b\"\nx: |\n  one" },
		{ "x: |+\n  one\n\n", "a", "b", "x: |+\n  one\n\na: \"b\"\n" },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		expect_set(rows[i].text, rows[i].name, rows[i].value, rows[i].wants);
}

Test(vault_set, any_text_comes_back)
{
	static const char *const values[] = {
		"", " ", "  lead", "trail  ", "a: b", "# x", "a #b", "'", "\"", "''\"\"", "\\", "\\n", "\n", "\n\n", "x\n",
		"one\ntwo", "one\ntwo\n", "\tx\ny", "x\ty", "- a", "[a]", "{a: b}", "!t", "&a", "*a", "%d", "@x", "`x`",
		"null", "~", "true", "0x1f", "1e3", "2020-01-01", "---", "...", "---\n...\n", "a\r\nb", "\r", "\x01\x1f\x7f",
		"\xc2\x85", "\xc2\xa0", "\xe2\x80\xa8x\xe2\x80\xa9", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f",
		"$(id) `id` ${x} %s %n", "| x", "> x", "|", "a\n\n\n b\n", "a \nb\t\n", "a\n#b\nc", "?", ": ", "a:",
	};
	for (size_t i = 0; i < COUNT(values); i++) {
		static const char *const texts[] = { "", "a: x\nz: |+\n  k\n\n", "ansible_vault:\n   z: 1 # c\n   a: >\n     q\n     r\n   y: 'q'\n" };
		for (size_t k = 0; k < COUNT(texts); k++) {
			struct err e = { 0 };
			AUTO_SECRET struct secret *t = sec(texts[k]);
			AUTO_SECRET struct secret *v = sec(values[i]);
			AUTO_SECRET struct secret *now = NULL;
			AUTO_SECRET struct secret *again = NULL;
			cr_assert_eq(vault_text_set(t, "a", v, &now, &e), 0, "value %zu: %s", i, e.msg);
			expect(secret_expose(now), "a", values[i]);
			/* setting the same again changes nothing more */
			cr_assert_eq(vault_text_set(now, "a", v, &again, &e), 0, "value %zu: %s", i, e.msg);
			cr_assert(secret_equal(now, again), "\n%s\n%s", secret_expose(now), secret_expose(again));
		}
	}
}

Test(vault_set, refuses_what_it_cannot_store)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *t = sec("a: b\n");
	AUTO_SECRET struct secret *ok = sec("x");
	struct secret *now = NULL;
	static const char *const names[] = { "", "a b", "a:", "-a", ".a", "\"a\"", "a\n", "ansible_vault", "\xc3\xbc" };
	for (size_t i = 0; i < COUNT(names); i++)
		cr_assert_eq(vault_text_set(t, names[i], ok, &now, &e), -(int)ERR_USAGE, "%s", names[i]);
	char name[VAULT_NAME_MAX + 2];
	memset(name, 'n', sizeof(name));
	name[VAULT_NAME_MAX + 1] = '\0';
	cr_assert_not(vault_name_ok(name));
	name[VAULT_NAME_MAX] = '\0';
	cr_assert(vault_name_ok(name));
	AUTO_SECRET struct secret *nul = NULL;
	AUTO_SECRET struct secret *latin = sec("gr\xfc" "n");
	cr_assert_eq(secret_new("a\0b", 3, &nul, &e), 0);
	cr_assert_eq(vault_text_set(t, "n", nul, &now, &e), -(int)ERR_CONFIG);
	cr_assert_eq(vault_text_set(t, "n", latin, &now, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "base64"));
	AUTO_SECRET struct secret *broken = sec("a: [\n");
	cr_assert_eq(vault_text_set(broken, "n", ok, &now, &e), -(int)ERR_CONFIG);
	AUTO_SECRET struct secret *big = NULL;
	unsigned char *p = NULL;
	cr_assert_eq(secret_new_empty(VAULT_TEXT_MAX, &big, &p, &e), 0);
	memset(p, 'x', VAULT_TEXT_MAX);
	cr_assert_eq(vault_text_set(t, "n", big, &now, &e), -(int)ERR_CONFIG);
	cr_assert_null(now);
}
