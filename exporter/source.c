/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/source.h"

#include <string.h>

#include "exporter/choice.h"

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
	else if (!s->up && s->wanted && !s->absent && (!s->ops->asynchronous || !s->state))
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
	int rc = s->ops->components && !choice_wants(&sp->choice, s->index)
			 ? err_set(&e, ERR_REFUSED, "it is in no order of preference")
			 : s->ops->open(s, &sp->roots, &sp->zones, &e);

	if (rc < 0) {
		s->state = NULL;
		s->wanted = e.kind != ERR_REFUSED;
		s->absent = e.kind == ERR_UNREACHABLE;
		note(sp, s, &e, now_ns);
	} else {
		s->absent = false;
	}
}

int sampler_open(struct sampler *sp, const struct source_ops *const *table, size_t n,
		 const struct roots *roots, struct err *e)
{
	const struct meters *m = roots->meters;

	sp->roots = *roots;
	sp->n = 0;
	n = n < SOURCES_MAX ? n : SOURCES_MAX;
	int rc = choice_init(&sp->choice, table, n, m ? m->components : NULL, m ? m->platform : NULL, e);

	if (rc < 0)
		return rc;
	sp->n = n;
	for (size_t i = 0; i < sp->n; i++) {
		sp->v[i] = (struct source){ .ops = table[i], .index = (unsigned)i };
		try_open(sp, &sp->v[i], tick_now_ns());
	}
	return 0;
}

/* Who fed what before and after. */
static void tell_feeds(struct sampler *sp, const int *was)
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		int is = sp->choice.feed[c];

		if (is != was[c] && is >= 0 && sp->on_feed)
			sp->on_feed(sp->arg, c, was[c] < 0 ? NULL : &sp->v[was[c]], &sp->v[is]);
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
		if (!choice_needs(&sp->choice, s, now_ns))
			continue;
		struct err e = { 0 };

		s->read_ns = now_ns;
		if (s->ops->read(s, ret, &e) < 0)
			ret->missing |= 1u << i;
		note(sp, s, &e, now_ns);
	}
	int was[NCOMPONENTS];

	memcpy(was, sp->choice.feed, sizeof was);
	choice_apply(&sp->choice, sp->v, sp->n, ret);
	tell_feeds(sp, was);
}

size_t sampler_measured(const struct sampler *sp, const struct tick *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nmarks; i++) {
		unsigned source = sp->zones.v[t->marks[i].zone].source;

		n += source < sp->n && !sp->v[source].ops->estimates;
	}
	return n;
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
