/* SPDX-License-Identifier: BSD-2-Clause */
/* What the GPU helper may write: any lines leave the counters whole. */
#include "exporter/gpus.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct gpus *g)
{
	for (size_t i = 0; i < g->nusers; i++) {
		const struct gpu_user *u = &g->users[i];

		if (u->gpu >= GPUS_MAX || u->told_busy_ns > u->busy_ns || u->told_held_ns > u->held_ns)
			abort();
	}
	for (size_t i = 0; i < GPUS_MAX; i++) {
		if (g->v[i].mark.at_ns > g->v[i].at_ns)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gpus g = { 0 };
	char *text = malloc(size + 1);
	struct err e = { 0 };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *line = text; line < text + size;) {
		char *end = memchr(line, '\n', (size_t)(text + size - line));
		size_t len = end ? (size_t)(end - line) : (size_t)(text + size - line);
		struct zone_mark mark;

		line[len] = '\0';
		(void)gpus_line(&g, line, len, UINT64_C(1) << 60, &e);
		check(&g);
		if (len % 3 == 0)
			(void)gpus_take(&g, 0, &mark);
		gpus_forget(&g, g.round_ns + (len % 2 ? GPU_USER_KEPT_NS : 0));
		line += len + 1;
	}
	gpus_clear(&g);
	free(text);
	return 0;
}
