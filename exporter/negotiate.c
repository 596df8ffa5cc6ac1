/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/negotiate.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

struct text {
	const char *s;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct text trim(struct text t)
{
	while (t.len > 0 && is_blank(t.s[0]))
		t.s++, t.len--;
	while (t.len > 0 && is_blank(t.s[t.len - 1]))
		t.len--;
	return t;
}

static bool is(struct text t, const char *word)
{
	return strlen(word) == t.len && strncasecmp(t.s, word, t.len) == 0;
}

/* Takes what is before the next `separator` outside of quotes off the front of *rest. */
static struct text next(struct text *rest, char separator)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < rest->len && (quoted || rest->s[i] != separator); i++) {
		if (rest->s[i] == '"')
			quoted = !quoted;
		else if (rest->s[i] == '\\' && quoted && i + 1 < rest->len)
			i++;
	}
	struct text first = { rest->s, i };

	if (i < rest->len)
		i++;
	rest->s += i;
	rest->len -= i;
	return trim(first);
}

/* 0 to 1 with at most three decimals, in thousandths (RFC 9110, 12.4.2). */
static bool weight(struct text t, unsigned *ret)
{
	unsigned q = 0, scale = 1000;

	if (t.len == 0 || t.len > 5 || (t.s[0] != '0' && t.s[0] != '1') || (t.len > 1 && t.s[1] != '.'))
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (i == 1)
			continue;
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
		q += (unsigned)(t.s[i] - '0') * scale;
		scale /= 10;
	}
	*ret = q;
	return q <= 1000;
}

static struct text unquote(struct text t)
{
	if (t.len >= 2 && t.s[0] == '"' && t.s[t.len - 1] == '"')
		return (struct text){ t.s + 1, t.len - 2 };
	return t;
}

/* The parameters of an element: q, and a version if there is one. false: not well formed. */
static bool parameters(struct text rest, unsigned *q, struct text *version)
{
	*q = 1000;
	*version = (struct text){ 0 };
	while (rest.len > 0) {
		struct text value = next(&rest, ';');
		struct text name = next(&value, '=');

		value = trim(value);
		if (is(name, "q") && !weight(value, q))
			return false;
		if (is(name, "version"))
			*version = unquote(value);
	}
	return true;
}

static void wish(struct wish *w, unsigned specific, unsigned q)
{
	if (specific > w->specific || (specific == w->specific && q > w->q))
		*w = (struct wish){ specific, q };
}

void negotiate_accept(struct wishes *w, const char *value, size_t len)
{
	/* Which ranges mean which format; a version must be the one that is served. */
	static const struct {
		const char *range;
		enum page_format format;
		unsigned specific;
		const char *version;
	} ranges[] = {
		{ "*/*", FORMAT_TEXT, 1, NULL },
		{ "*/*", FORMAT_OPENMETRICS, 1, NULL },
		{ "text/*", FORMAT_TEXT, 2, NULL },
		{ "application/*", FORMAT_OPENMETRICS, 2, NULL },
		{ "text/plain", FORMAT_TEXT, 3, "0.0.4" },
		{ "application/openmetrics-text", FORMAT_OPENMETRICS, 3, "1.0.0" },
	};
	struct text rest = { value, len };

	while (rest.len > 0) {
		struct text params = next(&rest, ','), version;
		struct text range = next(&params, ';');
		unsigned q;

		if (!parameters(params, &q, &version))
			continue;
		for (size_t i = 0; i < COUNT(ranges); i++) {
			if (!is(range, ranges[i].range))
				continue;
			if (version.len == 0)
				wish(&w->formats[ranges[i].format], ranges[i].specific, q);
			else if (ranges[i].version && is(version, ranges[i].version))
				wish(&w->formats[ranges[i].format], ranges[i].specific + 1, q);
		}
	}
}

void negotiate_encoding(struct wishes *w, const char *value, size_t len)
{
	struct text rest = { value, len };

	while (rest.len > 0) {
		struct text params = next(&rest, ','), none;
		struct text coding = next(&params, ';');
		unsigned q;

		if (!parameters(params, &q, &none))
			continue;
		if (is(coding, "gzip") || is(coding, "x-gzip")) {
			wish(&w->gzip, 2, q);
		} else if (is(coding, "identity")) {
			wish(&w->identity, 2, q);
		} else if (is(coding, "*")) {
			wish(&w->gzip, 1, q);
			wish(&w->identity, 1, q);
		}
	}
}

enum page_format negotiate_format(const struct wishes *w)
{
	const struct wish *text = &w->formats[FORMAT_TEXT], *open = &w->formats[FORMAT_OPENMETRICS];

	if (open->specific == 0 || open->q == 0)
		return FORMAT_TEXT;
	if (text->specific == 0 || open->q > text->q)
		return FORMAT_OPENMETRICS;
	/* Who names it knows it; who takes anything gets what everybody reads. */
	return open->q == text->q && open->specific > 2 ? FORMAT_OPENMETRICS : FORMAT_TEXT;
}

bool negotiate_gzip(const struct wishes *w)
{
	if (w->gzip.specific == 0 || w->gzip.q == 0)
		return false;
	return w->identity.specific < 2 || w->gzip.q >= w->identity.q;
}

const char *negotiate_type(enum page_format format)
{
	return format == FORMAT_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					    : "text/plain; version=0.0.4; charset=utf-8";
}
