/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/version.h"

#include <limits.h>
#include <string.h>

struct reader {
	const char *at, *end;
};

static bool take(struct reader *r, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool number(struct reader *r, unsigned *ret)
{
	unsigned n = 0;
	const char *from = r->at;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		if (n > (UINT_MAX - 9) / 10)
			return false;
		n = n * 10 + (unsigned)(*r->at - '0');
	}
	*ret = n;
	return r->at > from;
}

bool version_parse(const void *bytes, size_t len, struct version *ret)
{
	struct version v = { 0 };
	struct reader r = { bytes, (const char *)bytes + len };
	if (!take(&r, "v") || !number(&r, &v.major) || !take(&r, ".") || !number(&r, &v.minor) ||
	    !take(&r, ".") || !number(&r, &v.patch))
		return false;
	if (take(&r, "-")) {
		size_t n = 0;
		for (; r.at < r.end && *r.at >= 'a' && *r.at <= 'z'; r.at++) {
			if (n == sizeof(v.pre) - 1)
				return false;
			v.pre[n++] = *r.at;
		}
		(void)take(&r, ".");
		if (!n || (r.at < r.end && *r.at != '+' && !number(&r, &v.pre_n)))
			return false;
	}
	if (take(&r, "+k3s") && !number(&r, &v.build))
		return false;
	if (r.at != r.end)
		return false;
	*ret = v;
	return true;
}

static int order(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

int version_compare(const struct version *a, const struct version *b)
{
	int is = order(a->major, b->major);
	if (is == 0)
		is = order(a->minor, b->minor);
	if (is == 0)
		is = order(a->patch, b->patch);
	if (is == 0 && (!a->pre[0] || !b->pre[0]))
		is = order(!a->pre[0], !b->pre[0]);
	if (is == 0)
		is = strcmp(a->pre, b->pre);
	if (is == 0)
		is = order(a->pre_n, b->pre_n);
	return is ? is : order(a->build, b->build);
}

enum version_step version_step(const struct version *from, const struct version *to)
{
	int is = version_compare(to, from);
	if (is <= 0)
		return is ? VERSION_DOWN : VERSION_SAME;
	return to->major == from->major && to->minor - from->minor <= 1 ? VERSION_UP : VERSION_SKIPS;
}
