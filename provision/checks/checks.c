/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/checks/checks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum verdict check_says(enum verdict v, char *why, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return v;
}

const char *check_answer(const struct view *v, const char *kind, const char *about,
			 const char *absent, enum verdict *ret, char *why, size_t size)
{
	bool known = false;
	const char *reason = NULL;
	const char *a = facts_get(v->facts, &known, &reason, kind, "%s", about);
	if (known && a)
		return a;
	if (known)
		*ret = check_says(CHECK_FAIL, why, size, "%s %s", about, absent);
	else
		*ret = check_says(CHECK_FAIL, why, size, "%s:%s could not be told: %s", kind, about,
				  reason ? reason : "no reason given");
	return NULL;
}

bool check_number(const char *answer, const char *key, int64_t *ret)
{
	char text[32], *end = NULL;
	if (!facts_field(answer, key, text, sizeof(text)))
		return false;
	errno = 0;
	intmax_t n = strtoimax(text, &end, 10);
	if (errno || end == text || *end)
		return false;
	*ret = n;
	return true;
}
