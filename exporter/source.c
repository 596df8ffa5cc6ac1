/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/source.h"

#include <string.h>

static void tell(struct sampler *sp, const struct source *s)
{
	if (sp->on_change)
		sp->on_change(sp->arg, s);
}

/* Notes the outcome of an open or a read; tells when the state or the reason changed. */
static void note(struct sampler *sp, struct source *s, const struct err *e, uint64_t now_ns)
{
	bool was_up = s->up;

	s->up = e->kind == ERR_NONE;
	if (s->up && !s->ops->asynchronous)
		s->ok_ns = now_ns;
	else if (!s->up && s->wanted && !s->ops->asynchronous)
		s->errors++;
	if (s->up == was_up && strcmp(s->why.msg, e->msg) == 0)
		return;
	s->why = *e;
	tell(sp, s);
}

static void try_open(struct sampler *sp, struct source *s, uint64_t now_ns)
{
	struct err e = { 0 };

	s->tried_ns = now_ns;
	s->wanted = true;
	if (s->ops->open(s, &sp->roots, &sp->zones, &e) < 0) {
		s->state = NULL;
		s->wanted = e.kind != ERR_REFUSED;
		note(sp, s, &e, now_ns);
	}
}

void sampler_open(struct sampler *sp, const struct source_ops *const *table, size_t n,
		  const struct roots *roots)
{
	sp->roots = *roots;
	sp->n = n < SOURCES_MAX ? n : SOURCES_MAX;
	for (size_t i = 0; i < sp->n; i++) {
		sp->v[i] = (struct source){ .ops = table[i], .index = (unsigned)i };
		try_open(sp, &sp->v[i], tick_now_ns());
	}
}

void sampler_read(struct sampler *sp, uint64_t now_ns, struct tick *ret)
{
	ret->zones = &sp->zones;
	tick_reset(ret, now_ns);
	for (size_t i = 0; i < sp->n; i++) {
		struct source *s = &sp->v[i];

		if (!s->state && s->wanted && now_ns - s->tried_ns >= SOURCE_RETRY_NS)
			try_open(sp, s, now_ns);
		if (!s->state) {
			ret->missing |= 1u << i;
			continue;
		}
		struct err e = { 0 };

		if (s->ops->read(s, ret, &e) < 0)
			ret->missing |= 1u << i;
		note(sp, s, &e, now_ns);
	}
}

static void close_one(struct source *s)
{
	if (s->state)
		s->ops->close(s);
	s->state = NULL;
}

void sampler_reopen(struct sampler *sp, const char *name, uint64_t now_ns)
{
	for (size_t i = 0; i < sp->n; i++) {
		struct source *s = &sp->v[i];

		if (strcmp(s->ops->name, name) != 0)
			continue;
		close_one(s);
		s->up = false;
		s->why = (struct err){ 0 };
		try_open(sp, s, now_ns);
	}
}

void sampler_close(struct sampler *sp)
{
	for (size_t i = 0; i < sp->n; i++)
		close_one(&sp->v[i]);
	sp->n = 0;
}
