/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Length of the UTF-8 sequence at s, its code point in *ret; 0 when it is none (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_at(const unsigned char *s, uint32_t *ret)
{
	static const struct { unsigned char mask, lead; size_t len; uint32_t least; } forms[] = {
		{ 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		uint32_t c = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[k] & 0x3f);
		}
		if (c < forms[i].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		*ret = c;
		return forms[i].len;
	}
	return 0;
}

int text_clean(struct buf *out, const char *s, enum text_mode mode)
{
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		uint32_t c = 0;
		size_t len = utf8_at(p, &c);
		if (len == 0 || c == 0xfffe || c == 0xffff)
			buf_adds(out, mode == TEXT_ASCII ? "?" : "\xef\xbf\xbd");
		else if (c == '\n' || c == '\t')
			buf_addc(out, mode == TEXT_LINES ? (char)c : ' ');
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (mode == TEXT_ASCII && len > 1))
			buf_addc(out, '?');
		else
			buf_add(out, p, len);
		p += len ? len : 1;
	}
	return out->full ? -(int)ERR_MEMORY : 0;
}

int text_wrap(struct buf *out, const char *text, unsigned indent, unsigned width, int hanging)
{
	unsigned at = hanging ? indent : 0;
	for (const char *p = text; *p;) {
		if (*p == '\n') {
			buf_addc(out, '\n');
			at = 0;
			p++;
			continue;
		}
		size_t blanks = strspn(p, " "), len = strcspn(p + blanks, " \n");
		const char *word = p + blanks;
		p = word + len;
		if (len == 0)
			continue;
		if (at > indent && at + 1 + len > width) {
			buf_addc(out, '\n');
			at = 0;
		}
		if (at == 0)
			buf_addf(out, "%*s", (int)indent, "");
		else if (at > indent)
			buf_addc(out, ' ');
		at = (at == 0 ? indent : at > indent ? at + 1 : at) + (unsigned)len;
		buf_add(out, word, len);
	}
	if (at)
		buf_addc(out, '\n');
	return out->full ? -(int)ERR_MEMORY : 0;
}

const char *text_ms(char ret[static 24], uint64_t ms)
{
	if (ms < 60000)
		snprintf(ret, 24, "%" PRIu64 ".%" PRIu64 "s", ms / 1000, ms % 1000 / 100);
	else if (ms < 3600000)
		snprintf(ret, 24, "%" PRIu64 "m%02" PRIu64 "s", ms / 60000, ms / 1000 % 60);
	else
		snprintf(ret, 24, "%" PRIu64 "h%02" PRIu64 "m", ms / 3600000, ms / 60000 % 60);
	return ret;
}

const char *text_bytes(char ret[static 24], uint64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	size_t u = 0;
	while (v >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		u++;
	}
	snprintf(ret, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return ret;
}
