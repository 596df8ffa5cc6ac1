/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/text.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the UTF-8 character at s that is fit to be shown; 0: not fit. */
static size_t shown(const unsigned char *s, size_t len)
{
	if (s[0] >= 0x20 && s[0] < 0x7f)
		return 1;
	size_t n = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : 0;
	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (s[0] == 0xc2 && s[1] < 0xa0)	/* C1 controls */
		return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90) ||
	    (s[0] == 0xed && s[1] >= 0xa0))	/* overlong, too large, surrogates */
		return 0;
	if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9 || (s[2] >= 0xaa && s[2] <= 0xae)))
		return 0;			/* line separators and direction overrides */
	return n;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *text_safe(char *ret, size_t size, const char *s, size_t len)
{
	while (len && blank(*s))
		s++, len--;
	while (len && blank(s[len - 1]))
		len--;
	size_t o = 0;
	for (size_t i = 0; i < len;) {
		size_t n = shown((const unsigned char *)s + i, len - i);
		size_t put = n ? n : 1;
		if (o + put + 3 >= size) {
			memcpy(ret + o, "...", 3);
			o += 3;
			break;
		}
		if (n)
			memcpy(ret + o, s + i, n);
		else
			ret[o] = s[i] == '\t' || s[i] == '\n' ? ' ' : '?';
		o += put;
		i += put;
	}
	ret[o] = '\0';
	return ret;
}

char *text_last_line(char *ret, size_t size, const char *s, size_t len)
{
	while (len && blank(s[len - 1]))
		len--;
	size_t from = len;
	while (from && s[from - 1] != '\n')
		from--;
	return text_safe(ret, size, s + from, len - from);
}
