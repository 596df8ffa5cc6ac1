/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "provision/artifact/index.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "BBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define B_LOWER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char text[] =
	"apiVersion: v1\n"
	"entries:\n"
	"  other:\n"
	"  - {version: 1.0.0, digest: " A ", urls: [other.tgz]}\n"
	"  stack:\n"
	"  - annotations:\n"
	"      version: 9.9.9\n"
	"      digest: [" A "]\n"
	"    dependencies:\n"
	"    - name: sub\n"
	"      version: 1.0.0\n"
	"    digest: " B "\n"
	"    urls:\n"
	"    - https://example.org/d/stack-1.0.0.tgz\n"
	"    - https://example.org/e/stack-1.0.0.tgz\n"
	"    version: 1.0.0\n"
	"  - digest: sha256:" A "\n"
	"    urls: [charts/stack-v1.1.0.tgz]\n"
	"    version: v1.1.0\n"
	"  - version: 1.2.0\n"
	"    urls: [x.tgz]\n"
	"  - version: 1.3.0\n"
	"    digest: " A "\n"
	"    urls: []\n"
	"  - {version: 1.4.0, digest: " A ", urls: [x]}\n"
	"  - {version: 1.4.0, digest: " B ", urls: [x]}\n"
	"generated: x\n";

static int find(const char *in, const char *chart, const char *version, char sum[65], char url[PIN_URL_MAX], struct err *e)
{
	*e = (struct err){ 0 };
	return index_find("index.yaml", in, strlen(in), chart, version, sum, url, e);
}

Test(index, finds_sum_and_first_address)
{
	char sum[65] = "", url[PIN_URL_MAX] = "";
	struct err e;
	cr_assert_eq(find(text, "stack", "1.0.0", sum, url, &e), 0, "%s", e.msg);
	cr_expect_str_eq(sum, B_LOWER);
	cr_expect_str_eq(url, "https://example.org/d/stack-1.0.0.tgz");
	cr_assert_eq(find(text, "stack", "v1.1.0", sum, url, &e), 0, "%s", e.msg);
	cr_expect_str_eq(sum, A);
	cr_expect_str_eq(url, "charts/stack-v1.1.0.tgz");
	cr_assert_eq(find("{\"entries\":{\"s\":[{\"version\":\"1.0\",\"digest\":\"" A "\",\"urls\":[\"u\"]}]}}", "s", "1.0",
			  sum, url, &e),
		     0, "%s", e.msg);
}

Test(index, says_what_is_missing)
{
	static const struct {
		const char *in, *chart, *version, *says;
	} rows[] = {
		{ text, "stack", "9.9.9", "no version 9.9.9 of 'stack'" },
		{ text, "stack", "1.1.0", "no version 1.1.0" },
		{ text, "stick", "1.0.0", "is it the right repository" },
		{ text, "stack", "1.2.0", "no digest of 'stack' 1.2.0" },
		{ text, "stack", "1.3.0", "no address of 'stack' 1.3.0" },
		{ text, "stack", "1.4.0", "two different digests" },
		{ "", "stack", "1", "is it the right repository" },
		{ "a\n", "stack", "1", "is it the right repository" },
		{ "entries: [x]\n", "stack", "1", "is it the right repository" },
		{ "entries: {stack: 1}\n", "stack", "1", "is it the right repository" },
		{ "<html>: {\n", "stack", "1", "no index of a chart repository: line 2" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char sum[65] = "", url[PIN_URL_MAX] = "";
		struct err e;
		cr_expect_eq(find(rows[i].in, rows[i].chart, rows[i].version, sum, url, &e), -(int)ERR_FAILED);
		cr_expect(strstr(e.msg, rows[i].says), "%zu: %s", i, e.msg);
		cr_expect_str_empty(sum);
		cr_expect_str_empty(url);
	}
}
