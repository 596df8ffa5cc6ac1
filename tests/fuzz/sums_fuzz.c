/* SPDX-License-Identifier: BSD-2-Clause */
/* A release's checksum file: a sum that is found stands in it, in lower case. */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "provision/artifact/sums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "k3s", "k3s-airgap-images-amd64.tar.zst" };
	for (size_t i = 0; i < 2; i++) {
		char sum[65] = "";
		struct err e = { 0 };
		int r = sums_find("sums", data, size, names[i], sum, &e);
		if ((r == 0) != (sum[0] != '\0') || (r < 0 && !e.msg[0]))
			abort();
		if (r < 0)
			continue;
		size_t line = 66 + strlen(names[i]);
		bool there = false;
		for (size_t at = 0; !there && at + line <= size; at++)
			there = strncasecmp((const char *)data + at, sum, 64) == 0 &&
				memcmp(data + at + 66, names[i], line - 66) == 0;
		if (!there || strlen(sum) != 64)
			abort();
		for (const char *p = sum; *p; p++)
			if (!isxdigit((unsigned char)*p) || isupper((unsigned char)*p))
				abort();
	}
	return 0;
}
