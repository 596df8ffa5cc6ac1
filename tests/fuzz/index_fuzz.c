/* SPDX-License-Identifier: BSD-2-Clause */
/* The index of a chart repository: what is found is a sum and an address, what is not has a message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/artifact/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const versions[] = { "1.0.0", "v1.1.0" };
	for (size_t i = 0; i < 2; i++) {
		char sum[65] = "", url[PIN_URL_MAX] = "";
		struct err e = { 0 };
		int r = index_find("index", data, size, "stack", versions[i], sum, url, &e);
		if ((r == 0) != (sum[0] != '\0') || (r == 0) != (url[0] != '\0') || (r < 0 && !e.msg[0]))
			abort();
		if (r == 0 && (!is_sha256(sum) || strpbrk(sum, "ABCDEF")))
			abort();
	}
	return 0;
}
