/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/tick.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

int zones_intern(struct zones *zones, const struct zone *zone, uint32_t *ret_id, struct err *e)
{
	for (size_t i = 0; i < zones->n; i++) {
		const struct zone *has = &zones->v[i];

		if (has->source == zone->source && strcmp(has->name, zone->name) == 0) {
			*ret_id = (uint32_t)i;
			return 0;
		}
	}
	if (zones->n == ZONES_MAX)
		return err_set(e, ERR_MEMORY, "more than %d energy meters", ZONES_MAX);
	zones->v[zones->n] = *zone;
	*ret_id = (uint32_t)zones->n++;
	return 0;
}

void tick_reset(struct tick *t, uint64_t at_ns)
{
	t->at_ns = at_ns;
	t->nmarks = t->nworks = t->ngpus = t->nprograms = t->nengines = 0;
	t->sched = (struct sched_mark){ 0 };
	t->missing = 0;
}

void tick_clear(struct tick *t)
{
	free(t->marks);
	free(t->works);
	free(t->gpus);
	*t = (struct tick){ .zones = t->zones };
}

/* Room for one more element; *v moves when it must grow. */
static int grow(void **v, size_t *cap, size_t n, size_t size, struct err *e)
{
	if (n < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 16;
	void *p = reallocarray(*v, more, size);

	if (!p)
		return err_set(e, ERR_MEMORY, "no memory for a reading");
	*v = p;
	*cap = more;
	return 0;
}

int tick_add_mark(struct tick *t, const struct zone_mark *mark, struct err *e)
{
	void *v = t->marks;
	int rc = grow(&v, &t->marks_cap, t->nmarks, sizeof *t->marks, e);

	t->marks = v;
	if (rc == 0)
		t->marks[t->nmarks++] = *mark;
	return rc;
}

int tick_add_work(struct tick *t, const struct work_mark *work, struct err *e)
{
	void *v = t->works;
	int rc = grow(&v, &t->works_cap, t->nworks, sizeof *t->works, e);

	t->works = v;
	if (rc == 0)
		t->works[t->nworks++] = *work;
	return rc;
}

int tick_add_gpu(struct tick *t, const struct gpu_mark *gpu, struct err *e)
{
	void *v = t->gpus;
	int rc = grow(&v, &t->gpus_cap, t->ngpus, sizeof *t->gpus, e);

	t->gpus = v;
	if (rc == 0)
		t->gpus[t->ngpus++] = *gpu;
	return rc;
}

uint64_t tick_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
