/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "cli/redact.h"
#include "cli/text.h"

static const struct { const char *in; enum text_mode mode; const char *out; } clean[] = {
	{ "plain", TEXT_LINE, "plain" },
	{ "a\nb\tc", TEXT_LINE, "a b c" },
	{ "a\nb\tc", TEXT_LINES, "a\nb\tc" },
	{ "\033[2Jgone\a\r", TEXT_LINES, "?[2Jgone??" },
	{ "\x7f", TEXT_LINE, "?" },
	{ "\xc2\x9b" "31m", TEXT_LINE, "?31m" },		/* C1: CSI in one character */
	{ "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x8b", TEXT_LINE, "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x8b" },
	{ "Z\xc3\xbcrich", TEXT_ASCII, "Z?rich" },
	{ "\xff" "a\xc3", TEXT_LINE, "\xef\xbf\xbd" "a\xef\xbf\xbd" },
	{ "\xc0\xaf", TEXT_LINE, "\xef\xbf\xbd\xef\xbf\xbd" },	/* overlong '/' */
	{ "\xed\xa0\x80", TEXT_LINE, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },	/* a surrogate */
	{ "\xef\xbf\xbe", TEXT_LINE, "\xef\xbf\xbd" },	/* U+FFFE: not in XML */
	{ "\xf4\x90\x80\x80", TEXT_LINE, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
};

Test(text, clean)
{
	for (size_t i = 0; i < COUNT(clean); i++) {
		AUTO_BUF struct buf b;
		buf_init(&b, 1000);
		cr_assert_eq(text_clean(&b, clean[i].in, clean[i].mode), 0);
		cr_expect_str_eq(buf_str(&b), clean[i].out, "row %zu: '%s'", i, buf_str(&b));
	}
}

Test(text, clean_says_when_it_does_not_fit)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 3);
	cr_assert_eq(text_clean(&b, "four", TEXT_LINE), -(int)ERR_MEMORY);
}

Test(text, wrap)
{
	static const struct { const char *in; unsigned indent, width; int hanging; const char *out; } rows[] = {
		{ "one two three", 0, 8, 0, "one two\nthree\n" },
		{ "one two three", 2, 9, 0, "  one two\n  three\n" },
		{ "one two three", 4, 12, 1, "one two\n    three\n" },
		{ "a\n\nb", 0, 10, 0, "a\n\nb\n" },
		{ "muchtoolongforit x", 0, 5, 0, "muchtoolongforit\nx\n" },
		{ "", 0, 10, 0, "" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_BUF struct buf b;
		buf_init(&b, 1000);
		cr_assert_eq(text_wrap(&b, rows[i].in, rows[i].indent, rows[i].width, rows[i].hanging), 0);
		cr_expect_str_eq(buf_str(&b), rows[i].out, "row %zu: '%s'", i, buf_str(&b));
	}
}

Test(text, times_and_sizes)
{
	char s[24];
	cr_expect_str_eq(text_ms(s, 0), "0.0s");
	cr_expect_str_eq(text_ms(s, 12345), "12.3s");
	cr_expect_str_eq(text_ms(s, 59999), "59.9s");
	cr_expect_str_eq(text_ms(s, 60000), "1m00s");
	cr_expect_str_eq(text_ms(s, 3725000), "1h02m");
	cr_expect_str_eq(text_bytes(s, 17), "17 B");
	cr_expect_str_eq(text_bytes(s, 1536), "1.5 KiB");
	cr_expect_str_eq(text_bytes(s, 6913560), "6.6 MiB");
	cr_expect_str_eq(text_bytes(s, UINT64_MAX), "16777216.0 TiB");
}

/* ---- redaction */

static struct vault *vault_of(const char *text)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *s = NULL;
	struct vault *v = NULL;
	cr_assert_eq(secret_new(text, strlen(text), &s, &e), 0, "%s", e.msg);
	cr_assert_eq(vault_new("test", s, &v, &e), 0, "%s", e.msg);
	return v;
}

static const char *redacted(const struct redact *r, const char *text)
{
	static char line[500];
	AUTO_BUF struct buf b;
	buf_init(&b, sizeof(line) - 1);
	cr_assert_eq(redact_add(&b, r, text), 0);
	snprintf(line, sizeof(line), "%s", buf_str(&b));
	return line;
}

Test(redact, takes_values_out)
{
	struct redact r = { vault_of("ansible_vault:\n  token: sesame123\n  longer: sesame123456\n"
				     "  short: abcde\n  other: 456789xyz\n  empty:\n") };
	cr_expect_str_eq(redacted(&r, "nothing here"), "nothing here");
	cr_expect_str_eq(redacted(&r, "sesame123"), "[redacted]");
	cr_expect_str_eq(redacted(&r, "a sesame123 b sesame123\n"), "a [redacted] b [redacted]\n");
	cr_expect_str_eq(redacted(&r, "sesame123456."), "[redacted].");
	cr_expect_str_eq(redacted(&r, "sesame12"), "sesame12");
	cr_expect_str_eq(redacted(&r, "abcde"), "abcde", "values below %d bytes stay", REDACT_MIN);
	/* one begins inside the other and reaches further */
	cr_expect_str_eq(redacted(&r, "<sesame123456789xyz>"), "<[redacted]>");
	cr_expect_str_eq(redacted(&r, "sesame123sesame123"), "[redacted]");
	cr_expect_str_eq(redacted(&(struct redact){ NULL }, "sesame123"), "sesame123");
	vault_free((struct vault *)r.vault);
}
