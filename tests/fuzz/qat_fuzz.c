/* SPDX-License-Identifier: BSD-2-Clause */
/* What a QuickAssist driver may tell: percentages of parts that have a name, or an error. */
#include "exporter/qat.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tick tick;
	char *text = malloc(size + 1);
	struct err e = { 0 };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	tick_reset(&tick, 1);
	(void)qat_parse(text, "0000:6b:00.0", &tick, &e);
	for (size_t i = 0; i < tick.nengines; i++) {
		if (tick.engines[i].percent > 100 || tick.engines[i].part[0] == '\0')
			abort();
	}
	free(text);
	return 0;
}
