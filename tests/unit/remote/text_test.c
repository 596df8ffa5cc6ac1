/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "provision/remote/text.h"

static const char *safe(const char *s)
{
	static char ret[64];
	return text_safe(ret, sizeof(ret), s, strlen(s));
}

Test(text, nothing_reaches_a_terminal_but_text)
{
	cr_assert_str_eq(safe("plain"), "plain");
	cr_assert_str_eq(safe(" \n trimmed\r\n"), "trimmed");
	cr_assert_str_eq(safe("\x1b]0;title\x07x"), "?]0;title?x");
	cr_assert_str_eq(safe("a\tb\nc"), "a b c");
	cr_assert_str_eq(safe("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"), "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
	cr_assert_str_eq(safe("\xc2\x9b" "31m"), "??31m");
	cr_assert_str_eq(safe("\xff\xfe\xc3"), "???");
	cr_assert_str_eq(safe("\xc0\xaf\xed\xa0\x80"), "?????");
	cr_assert_str_eq(safe("a\xe2\x80\xae" "b"), "a???b");
}

Test(text, a_long_one_is_cut_visibly_and_not_in_a_character)
{
	char ret[12];
	cr_assert_str_eq(text_safe(ret, sizeof(ret), "0123456789abcdef", 16), "01234567...");
	cr_assert_str_eq(text_safe(ret, sizeof(ret), "0123456\xe2\x82\xac" "89", 12), "0123456...");
}

Test(text, last_line)
{
	char ret[64];
	cr_assert_str_eq(text_last_line(ret, sizeof(ret), "one\ntwo\n\n \n", 11), "two");
	cr_assert_str_eq(text_last_line(ret, sizeof(ret), "one", 3), "one");
	cr_assert_str_eq(text_last_line(ret, sizeof(ret), "\n\n", 2), "");
	cr_assert_str_eq(text_last_line(ret, sizeof(ret), "", 0), "");
}
