/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/prom.h"

#include <string.h>

#include "base/cleanup.h"

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

/* How many bytes from p on can be copied as they are. */
static size_t plain_len(const unsigned char *p)
{
	size_t n = 0;

	while (p[n] >= 0x20 && p[n] < 0x7f && p[n] != '\\' && p[n] != '"')
		n++;
	return n;
}

void prom_escape(struct buf *out, const char *text, bool quotes)
{
	const unsigned char *p = (const unsigned char *)text;

	for (;;) {
		size_t plain = plain_len(p);

		buf_add(out, p, plain);
		p += plain;
		if (!*p)
			return;
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

static const char *const suffixes[NMETRIC_TYPES] = { [METRIC_COUNTER] = "_total", [METRIC_INFO] = "_info" };

/* Length of name without what its type puts at the end. */
static size_t stem_len(const char *name, enum metric_type type)
{
	size_t len = strlen(name), cut = suffixes[type] ? strlen(suffixes[type]) : 0;

	return cut > 0 && len > cut && strcmp(name + len - cut, suffixes[type]) == 0 ? len - cut : len;
}

size_t prom_family_len(enum page_format format, const char *name, enum metric_type type)
{
	return format == FORMAT_OPENMETRICS ? stem_len(name, type) : strlen(name);
}

const char *prom_type(enum page_format format, enum metric_type type)
{
	static const char *const names[NFORMATS][NMETRIC_TYPES] = {
		[FORMAT_TEXT] = { [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_INFO] = "gauge" },
		[FORMAT_OPENMETRICS] = { [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge",
					 [METRIC_INFO] = "info" },
	};

	return names[format][type];
}

const char *prom_unit(const char *name, enum metric_type type)
{
	static const char *const units[] = { "joules", "seconds", "bytes", "watts", "ratio" };
	size_t len = stem_len(name, type);

	for (size_t i = 0; i < COUNT(units); i++) {
		size_t n = strlen(units[i]);

		if (len > n && name[len - n - 1] == '_' && memcmp(name + len - n, units[i], n) == 0)
			return units[i];
	}
	return NULL;
}

void prom_head(struct buf *out, enum page_format format, const char *name, const char *help,
	       enum metric_type type)
{
	int len = (int)prom_family_len(format, name, type);
	const char *unit = format == FORMAT_OPENMETRICS ? prom_unit(name, type) : NULL;

	buf_addf(out, "# HELP %.*s ", len, name);
	/* OpenMetrics escapes quotes in help texts as well. */
	prom_escape(out, help, format == FORMAT_OPENMETRICS);
	buf_addf(out, "\n# TYPE %.*s %s\n", len, name, prom_type(format, type));
	if (unit)
		buf_addf(out, "# UNIT %.*s %s\n", len, name, unit);
}

size_t prom_digits(char ret[PROM_DIGITS_MAX], uint64_t value, unsigned decimals)
{
	char text[PROM_DIGITS_MAX];
	size_t at = sizeof text;
	bool zeros = true; /* nothing but zeros behind the point so far */

	for (unsigned i = 0; i < decimals; i++, value /= 10) {
		if (zeros && value % 10 == 0)
			continue;
		zeros = false;
		text[--at] = (char)('0' + value % 10);
	}
	if (!zeros)
		text[--at] = '.';
	do
		text[--at] = (char)('0' + value % 10);
	while (value /= 10);
	memcpy(ret, text + at, sizeof text - at);
	return sizeof text - at;
}

void prom_number(struct buf *out, uint64_t value, unsigned decimals)
{
	char text[PROM_DIGITS_MAX];

	buf_add(out, text, prom_digits(text, value, decimals));
}

void prom_end(struct buf *out, enum page_format format)
{
	if (format == FORMAT_OPENMETRICS)
		buf_adds(out, "# EOF\n");
}
