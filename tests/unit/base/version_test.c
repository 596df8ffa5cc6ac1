/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"

static struct version of(const char *s)
{
	struct version v = { 0 };
	cr_assert(version_parse(s, strlen(s), &v), "%s", s);
	return v;
}

Test(version, what_is_none)
{
	static const char *const texts[] = { "",	     "v",	       "1.30.2",       "v1.30",	    "v1.30.",
					     "v1.30.2+",     "v1.30.2+k3s",    "v1.30.2+rke1", "v1.30.2-",
					     "v1.30.2+k3s1x", "v99999999999.1.1", "v1.30.2 ",	"v1.30.2-1", "v1.1.1-abcdefgh1" };
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct version v = { .major = 7 };
		cr_assert_not(version_parse(texts[i], strlen(texts[i]), &v), "%s", texts[i]);
		cr_assert_eq(v.major, 7);
	}
	struct version v;
	cr_assert_not(version_parse("v1.2.3\0", 7, &v), "a NUL is no end");
}

Test(version, each_is_older_than_the_next)
{
	static const char *const rising[] = { "v1.9.0+k3s1",	  "v1.29.12+k3s1",    "v1.30.0-alpha1+k3s1",
					      "v1.30.0-rc1+k3s1", "v1.30.0-rc.2+k3s1", "v1.30.0-rc10+k3s1",
					      "v1.30.0",	  "v1.30.0+k3s1",     "v1.30.0+k3s10",
					      "v1.30.9+k3s1",	  "v1.30.10+k3s1",    "v2.0.0+k3s1" };
	for (size_t i = 0; i < COUNT(rising); i++) {
		for (size_t k = 0; k < COUNT(rising); k++) {
			struct version a = of(rising[i]), b = of(rising[k]);
			int is = version_compare(&a, &b);
			cr_assert_eq((is > 0) - (is < 0), (i > k) - (i < k), "%s and %s: %d", rising[i], rising[k], is);
		}
	}
}

Test(version, steps)
{
	static const struct {
		const char *from, *to;
		enum version_step is;
	} rows[] = {
		{ "v1.30.2+k3s1", "v1.30.2+k3s1", VERSION_SAME }, { "v1.30.2+k3s1", "v1.30.2+k3s2", VERSION_UP },
		{ "v1.30.2+k3s1", "v1.30.14+k3s1", VERSION_UP },  { "v1.30.2+k3s1", "v1.31.0+k3s1", VERSION_UP },
		{ "v1.30.2+k3s1", "v1.32.0+k3s1", VERSION_SKIPS }, { "v1.30.2+k3s1", "v2.0.0+k3s1", VERSION_SKIPS },
		{ "v1.30.2+k3s2", "v1.30.2+k3s1", VERSION_DOWN }, { "v1.30.2+k3s1", "v1.29.9+k3s1", VERSION_DOWN },
		{ "v2.0.0+k3s1", "v1.99.0+k3s1", VERSION_DOWN },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct version from = of(rows[i].from), to = of(rows[i].to);
		cr_assert_eq(version_step(&from, &to), rows[i].is, "%s to %s", rows[i].from, rows[i].to);
	}
}
