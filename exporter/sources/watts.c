/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/sources/watts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/number.h"

#define SECOND_NS UINT64_C(1000000000)

/* ---- the child */

bool watts_tell(int out, size_t i, uint64_t uw, const struct err *why)
{
	char line[WORKER_LINE_MAX];
	int n = why->kind == ERR_NONE ? snprintf(line, sizeof line, "%zu %llu\n", i, (unsigned long long)uw)
				      : snprintf(line, sizeof line, "%zu !%.400s\n", i, why->msg);

	return write(out, line, (size_t)n) == n;
}

void watts_pause(const struct watts *w)
{
	struct timespec pause = { .tv_sec = (time_t)(w->every_ns / SECOND_NS),
				  .tv_nsec = (long)(w->every_ns % SECOND_NS) };

	nanosleep(&pause, NULL);
}

/* ---- the exporter's side */

static uint64_t hold_ns(const struct watts *w)
{
	return 3 * w->every_ns + SECOND_NS;
}

static void on_line(void *arg, const char *line, size_t len)
{
	struct watts *w = arg;
	char *end = NULL;
	unsigned long i = isdigit((unsigned char)line[0]) ? strtoul(line, &end, 10) : WATTS_METERS_MAX;
	uint64_t now = tick_now_ns(), uw = 0;
	struct err e = { 0 };

	if (i >= w->n || *end != ' ')
		return;
	struct watts_meter *m = &w->v[i];

	end++;
	if (*end == '!')
		err_set(&e, ERR_FAILED, "%s", end + 1);
	else if (number_parse(end, len - (size_t)(end - line), &uw, &e) == 0 && uw > WATTS_MAX_UW)
		err_set(&e, ERR_FAILED, "'%s': it says %llu microwatts", m->path, (unsigned long long)uw);
	m->why = e;
	if (e.kind != ERR_NONE) {
		w->source->errors++;
		return;
	}
	err_clear(&w->why);
	integral_take(&m->energy, uw, now, hold_ns(w));
	w->source->ok_ns = now;
}

static void on_end(void *arg, const struct err *why)
{
	struct watts *w = arg;

	w->why = *why;
	w->source->errors++;
}

/* Finds the meters, anew, and starts the child. */
static int begin(struct watts *w, struct err *e)
{
	worker_stop(take_ptr(&w->worker));
	w->begun_ns = tick_now_ns();
	w->n = 0;
	w->every_ns = SECOND_NS;
	int rc = w->ops->find(w, e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < w->n; i++) {
		struct watts_meter *m = &w->v[i];

		m->zone.source = w->source->index;
		m->zone.power_max_uw = WATTS_MAX_UW;
		rc = zones_intern(w->zones, &m->zone, &m->id, e);
		if (rc < 0)
			return rc;
	}
	return worker_start(w->roots->base,
			    &(struct worker_job){ .what = w->ops->what,
						  .main = w->ops->child,
						  .child_arg = w,
						  .silence_ns = 3 * w->every_ns + 30 * SECOND_NS,
						  .on_line = on_line,
						  .on_end = on_end,
						  .arg = w },
			    &w->worker, e);
}

int watts_open(struct source *s, const struct roots *roots, struct zones *zones, const struct watts_ops *ops,
	       struct err *e)
{
	AUTO_FREE struct watts *w = calloc(1, sizeof *w);

	if (!w)
		return err_set(e, ERR_MEMORY, "no memory for power meters");
	*w = (struct watts){ .ops = ops, .source = s, .roots = roots, .zones = zones };
	int rc = begin(w, e);

	if (rc == 0)
		s->state = take_ptr(&w);
	return rc;
}

int watts_read(struct source *s, struct tick *into, struct err *e)
{
	struct watts *w = s->state;
	uint64_t now = tick_now_ns();
	const struct err *why = w->why.kind != ERR_NONE ? &w->why : NULL;
	bool silent = w->n == 0;

	/* Devices come back under other numbers when their module is loaded again. */
	if (now - s->ok_ns >= 2 * SOURCE_RETRY_NS && now - w->begun_ns >= 2 * SOURCE_RETRY_NS) {
		int rc = begin(w, e);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < w->n; i++) {
		struct watts_meter *m = &w->v[i];
		struct zone_mark mark;

		silent |= !m->energy.told;
		if (!why && m->why.kind != ERR_NONE)
			why = &m->why;
		if (!integral_mark(&m->energy, now, hold_ns(w), &mark))
			continue;
		mark.zone = m->id;
		int rc = tick_add_mark(into, &mark, e);

		if (rc < 0)
			return rc;
	}
	if (why)
		return err_set(e, why->kind, "%s", why->msg);
	return silent ? err_set(e, ERR_FAILED, "no reading of a power meter yet") : 0;
}

void watts_close(struct source *s)
{
	struct watts *w = s->state;

	worker_stop(w->worker);
	free(w);
}
