/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/artifact/sums.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A_UPPER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int find(const char *text, const char *name, char ret[static 65], struct err *e)
{
	return sums_find("sha256sum-amd64.txt", text, strlen(text), name, ret, e);
}

Test(sums, finds_the_sum_of_exactly_that_name)
{
	static const char *const texts[] = {
		A "  k3s\n" B "  k3s-airgap-images-amd64.tar.zst\n",
		B "  k3s-airgap-images-amd64.tar.zst\n" A "  k3s",
		A " *k3s\n",
		A_UPPER "  k3s\r\n",
		"# comment\n\n" B "  xk3s\n" B "  k3s.\n" A "  k3s\n" A "  k3s\n",
		B " k3s\n" A "  k3s\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		char sum[65] = "";
		struct err e = { 0 };
		cr_expect_eq(find(texts[i], "k3s", sum, &e), 0, "%s: %s", texts[i], e.msg);
		cr_expect_str_eq(sum, A, "%s", texts[i]);
	}
}

Test(sums, takes_nothing_else_for_one)
{
	static const char *const texts[] = {
		"", "\n", "<html>k3s</html>", A, A "  ", A "  k3s-arm64\n", "x" A "  k3s\n", A "   k3s\n", A "\tk3s\n",
		"gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  k3s\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		char sum[65] = "";
		struct err e = { 0 };
		cr_expect_eq(find(texts[i], "k3s", sum, &e), -(int)ERR_FAILED, "%s", texts[i]);
		cr_expect(strstr(e.msg, "'sha256sum-amd64.txt' has no sum of 'k3s'"), "%s", e.msg);
		cr_expect_str_empty(sum);
	}
}

Test(sums, two_that_differ_are_none)
{
	char sum[65] = "";
	struct err e = { 0 };
	cr_expect_eq(find(A "  k3s\n" B "  k3s\n", "k3s", sum, &e), -(int)ERR_FAILED);
	cr_expect(strstr(e.msg, "two different sums of 'k3s'"), "%s", e.msg);
	cr_expect_str_empty(sum);
}
