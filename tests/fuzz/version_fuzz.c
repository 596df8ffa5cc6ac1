/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two texts at a NUL: what is a version is the same as itself, and an order has two directions. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t first = nul ? (size_t)(nul - data) : size;
	struct version a, b;
	if (!version_parse(data, first, &a))
		return 0;
	assert(version_step(&a, &a) == VERSION_SAME);
	if (!nul || !version_parse(nul + 1, size - first - 1, &b))
		return 0;
	int is = version_compare(&a, &b), back = version_compare(&b, &a);
	assert((is > 0) - (is < 0) == (back < 0) - (back > 0));
	assert((version_step(&a, &b) == VERSION_DOWN) == (is > 0));
	return 0;
}
