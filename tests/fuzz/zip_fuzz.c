/* SPDX-License-Identifier: BSD-2-Clause */
/* A page's compression: whatever is put into it, zlib gets the same out of it. */
#include "tests/property/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len, edited;

	if (!orders_obey(data, size, &len, &edited))
		abort();
	return 0;
}
