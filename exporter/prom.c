/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/prom.h"

#include <inttypes.h>
#include <string.h>

/* Length of the UTF-8 character at p, 0 if there is none (overlong and surrogate forms are none). */
static size_t utf8_len(const unsigned char *p)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 && p[0] < 0xf8 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

	if (n <= 1 || p[0] >= 0xf8)
		return p[0] < 0x80;
	unsigned c = p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

void prom_escape(struct buf *out, const char *text, bool quotes)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = utf8_len(p);

		if (*p == '\\')
			buf_adds(out, "\\\\");
		else if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p == '"' && quotes)
			buf_adds(out, "\\\"");
		else if (n == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else
			buf_add(out, p, n);
		p += n ? n : 1;
	}
}

void prom_head(struct buf *out, const char *name, const char *help, const char *type)
{
	buf_addf(out, "# HELP %s ", name);
	prom_escape(out, help, false);
	buf_addf(out, "\n# TYPE %s %s\n", name, type);
}

void prom_number(struct buf *out, uint64_t value, unsigned decimals)
{
	uint64_t unit = 1;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	buf_addf(out, "%" PRIu64, value / unit);
	uint64_t rest = value % unit;

	if (rest == 0)
		return;
	while (rest % 10 == 0) {
		rest /= 10;
		decimals--;
	}
	buf_addf(out, ".%0*" PRIu64, (int)decimals, rest);
}
