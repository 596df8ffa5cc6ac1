/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/artifact/lockfile.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "BBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B_LOWER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int parse(const char *text, struct lockfile *ret, struct err *e)
{
	return lockfile_parse("powerstack.lock", text, strlen(text), ret, e);
}

Test(lockfile, is_sorted_and_the_same_again)
{
	struct lockfile l = { 0 };
	struct err e = { 0 };
	AUTO_BUF struct buf b;
	buf_init(&b, 10000);
	cr_assert_eq(parse("z: { version: v1, sha256: " A ", size: 9, url: 'https://h/x?y=1#z' }\na-b: { sha256: " B ", version: v2+k3s1 }\n",
			   &l, &e), 0, "%s", e.msg);
	cr_assert_eq(lockfile_render(&l, &b), 0);
	const char *body = strstr(buf_str(&b), "a-b:");
	cr_assert_not_null(body);
	cr_assert_str_eq(body, "a-b:\n  version: v2+k3s1\n  sha256: " B_LOWER "\n"
			       "z:\n  version: v1\n  sha256: " A "\n  size: 9\n  url: https://h/x?y=1#z\n");
	lockfile_clear(&l);
}

Test(lockfile, an_empty_one_has_no_pins)
{
	struct lockfile l = { 0 };
	struct err e = { 0 };
	cr_assert_eq(parse("", &l, &e), 0);
	cr_assert_eq(parse("# only this\n", &l, &e), 0);
	cr_assert_eq(l.n, 0);
	cr_assert_null(lockfile_find(&l, "k3s", "v1"));
}

Test(lockfile, a_pin_is_of_one_version)
{
	struct lockfile l = { 0 };
	struct err e = { 0 };
	struct pin pin = { .name = "k3s", .version = "v1", .sha256 = A };
	cr_assert_eq(lockfile_set(&l, &pin, &e), 0);
	cr_assert_not_null(lockfile_find(&l, "k3s", "v1"));
	cr_assert_null(lockfile_find(&l, "k3s", "v2"));
	cr_assert_null(lockfile_find(&l, "k3", "v1"));
	snprintf(pin.version, sizeof(pin.version), "v2");
	cr_assert_eq(lockfile_set(&l, &pin, &e), 0);
	cr_assert_eq(l.n, 1);
	cr_assert_null(lockfile_find(&l, "k3s", "v1"));
	cr_assert_not_null(lockfile_find(&l, "k3s", "v2"));
	lockfile_clear(&l);
}

Test(lockfile, names_the_place_of_a_mistake)
{
	static const struct {
		const char *text, *place;
	} rows[] = {
		{ "k3s: [", "powerstack.lock:2:1: " },
		{ "- k3s\n", "powerstack.lock:1:1: a mapping" },
		{ "k3s: v1\n", "powerstack.lock:1:6: an artifact has" },
		{ "../k3s: { version: v1, sha256: " A " }\n", "powerstack.lock:1:1: an artifact's name" },
		{ ".k3s: { version: v1, sha256: " A " }\n", "powerstack.lock:1:1: an artifact's name" },
		{ "a/b: { version: v1, sha256: " A " }\n", "powerstack.lock:1:1: an artifact's name" },
		{ "k3s:\n  version: v1\n", "powerstack.lock:1:1: version and sha256" },
		{ "k3s:\n  version: v1\n  sha256: abc\n", "powerstack.lock:3:11: a sha256 is 64" },
		{ "k3s:\n  version: v/1\n  sha256: " A "\n", "powerstack.lock:2:12: this is no version" },
		{ "k3s:\n  version: v1\n  sha256: " A "\n  size: -1\n", "powerstack.lock:4:9: a size is" },
		{ "k3s:\n  version: v1\n  sha256: " A "\n  size: 0\n", "powerstack.lock:4:9: a size is" },
		{ "k3s:\n  version: v1\n  sha256: " A "\n  size: 99999999999999999999\n", "powerstack.lock:4:9: a size" },
		{ "k3s:\n  version: v1\n  sha256: " A "\n  url: ftp://h/x\n", "powerstack.lock:4:8: this is no address" },
		{ "k3s:\n  version: v1\n  sha256: " A "\n  url: 'http://h/\\n'\n", "powerstack.lock:4:8: this is no address" },
		{ "k3s:\n  version: v1\n  sha265: " A "\n", "powerstack.lock:3:3: only version" },
		{ "k3s: { version: v1, sha256: " A " }\nk3s: { version: v1, sha256: " A " }\n", "powerstack.lock:2:1" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lockfile l = { 0 };
		struct err e = { 0 };
		cr_expect_eq(parse(rows[i].text, &l, &e), -(int)ERR_CONFIG, "%s", rows[i].text);
		cr_expect(strstr(e.msg, rows[i].place) == e.msg, "%s\nis no %s", e.msg, rows[i].place);
		cr_expect_eq(l.n, 0);
	}
}
