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

		if (u->gpu >= GPUS_MAX || u->told_busy_ns > u->busy_ns || u->told_memory_ns > u->memory_ns ||
		    u->told_held_ns > u->held_ns)
			abort();
	}
	for (size_t i = 0; i < GPUS_MAX; i++) {
		const struct gpu *d = &g->v[i];

		if (d->mark.at_ns > d->at_ns || d->users >= NUSERS || (d->instances > 0 && d->users != USERS_DIVIDED))
			abort();
	}
}

/* What the ledger gets: marks of zones that there are, each once, and of their users. */
static void check_tick(struct gpus *g, struct zones *zones, uint64_t now_ns)
{
	struct tick t = { .zones = zones };
	struct err e = { 0 };
	bool marked[ZONES_MAX] = { false };

	if (gpus_tick(g, 5, zones, now_ns, &t, &e) < 0 && zones->n < ZONES_MAX)
		abort();
	for (size_t i = 0; i < t.nmarks; i++) {
		if (t.marks[i].zone >= zones->n || marked[t.marks[i].zone] || zones->v[t.marks[i].zone].source != 5)
			abort();
		marked[t.marks[i].zone] = true;
	}
	for (size_t i = 0; i < t.ngpus; i++) {
		if (t.gpus[i].zone >= zones->n)
			abort();
	}
	tick_clear(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zones zones;
	struct gpus g = { 0 };
	char *text = malloc(size + 1);
	struct err e = { 0 };

	if (!text)
		return 0;
	zones.n = 0;
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
		if (len % 5 == 0)
			check_tick(&g, &zones, g.round_ns + (len % 2 ? 0 : GPU_LOST_NS + 1));
		gpus_forget(&g, g.round_ns + (len % 2 ? GPU_USER_KEPT_NS : 0));
		line += len + 1;
	}
	gpus_clear(&g);
	free(text);
	return 0;
}
