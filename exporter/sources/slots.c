/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/sources/slots.h"

#include <stdlib.h>
#include <string.h>

/* Offered beyond need, so that a storm of new processes between two reads finds room. Not all at
 * once: what was never offered is never scanned. */
#define SPARE 4096
#define CHUNK 1024

static void offer_more(struct slots *s)
{
	while (s->free < SPARE && s->offered < s->n) {
		size_t end = s->offered + CHUNK < s->n ? s->offered + CHUNK : s->n;

		while (s->offered < end) {
			if (s->offer(s->arg, (uint32_t)s->offered) < 0)
				return;
			s->offered++;
			s->free++;
		}
	}
}

int slots_init(struct slots *s, struct err *e)
{
	s->v = calloc(s->n, sizeof *s->v);
	if (!s->v)
		return err_set(e, ERR_MEMORY, "no memory for %zu slots", s->n);
	s->offered = s->scattered ? s->scattered : POWER_SLOT_FIRST;
	s->free = s->held = 0;
	offer_more(s);
	return 0;
}

void slots_clear(struct slots *s)
{
	free(s->v);
	s->v = NULL;
	s->n = 0;
}

static void sum(const struct slots *s, size_t slot, uint64_t ret[POWER_COUNTS])
{
	memset(ret, 0, POWER_COUNTS * sizeof *ret);
	for (size_t cpu = 0; cpu < s->ncpus; cpu++) {
		const volatile struct power_use *row = &s->use[cpu * s->n + slot];

		for (size_t i = 0; i < POWER_WIDE; i++)
			ret[i] += slots_read64(&row->v[i]);
		for (size_t i = POWER_WIDE; i < POWER_COUNTS; i++)
			ret[i] += row->n[i - POWER_WIDE];
	}
}

/* Reads the slot; what came since is in the total, whosever it is. */
static void read_slot(struct slots *s, size_t slot)
{
	struct slot *v = &s->v[slot];
	uint64_t now[POWER_COUNTS];

	sum(s, slot, now);
	for (size_t i = 0; i < POWER_COUNTS; i++) {
		uint64_t step = now[i] - v->last[i];

		if (i >= POWER_WIDE)
			step = (uint32_t)step;
		s->total[i] += step;
		v->last[i] += step;
	}
}

/* No CPU knows from its row whose it is. */
static void untag(struct slots *s, size_t slot)
{
	for (size_t cpu = 0; cpu < s->ncpus; cpu++)
		s->use[cpu * s->n + slot].tag = 0;
}

static int tell(const struct slots *s, size_t slot, int (*fn)(void *, const struct power_owner *, const uint64_t *),
		void *arg)
{
	const struct slot *v = &s->v[slot];
	const volatile struct power_owner *shared = &s->owners[slot];
	struct power_owner owner = { .key = v->key,
				     .cgroup = slots_read64(&shared->cgroup),
				     .tgid = shared->tgid,
				     .gone = shared->gone };
	uint64_t used[POWER_COUNTS];

	for (size_t i = 0; i < sizeof owner.comm - 1; i++)
		owner.comm[i] = shared->comm[i];
	for (size_t i = 0; i < POWER_COUNTS; i++)
		used[i] = v->last[i] - v->base[i];
	return fn(arg, &owner, used);
}

static void take_back(struct slots *s, size_t slot)
{
	struct slot *v = &s->v[slot];

	untag(s, slot); /* again, for one that was under way when it was done before */
	read_slot(s, slot);
	memcpy(v->base, v->last, sizeof v->base);
	v->key = 0;
	v->state = SLOT_FREE;
	s->held--;
	if (s->offer(s->arg, (uint32_t)slot) == 0)
		s->free += slot >= s->scattered;
}

int slots_read(struct slots *s, int (*fn)(void *, const struct power_owner *, const uint64_t *), void *arg)
{
	for (size_t slot = 0; slot < s->offered; slot++) {
		struct slot *v = &s->v[slot];
		uint64_t key = slots_read64(&s->owners[slot].key);
		bool special = slot < POWER_SLOT_FIRST;

		if (v->state == SLOT_LEAVING) {
			take_back(s, slot);
			continue;
		}
		if (!special && key == 0)
			continue;
		if (v->key != key) {
			/* A new owner; or two CPUs came at once and this one was given back. */
			memcpy(v->base, v->last, sizeof v->base);
			if (v->state == SLOT_FREE && !special) {
				v->state = SLOT_HELD;
				s->held++;
				s->free -= slot >= s->scattered && s->free > 0;
			}
			v->key = key;
		}
		read_slot(s, slot);
		int rc = tell(s, slot, fn, arg);

		if (rc != 0)
			return rc;
		if (special)
			continue;
		if (v->state == SLOT_GONE) {
			s->forget(s->arg, key);
			s->owners[slot].key = 0;
			untag(s, slot);
			v->state = SLOT_LEAVING;
		} else if (s->owners[slot].gone) {
			v->state = SLOT_GONE;
		}
	}
	offer_more(s);
	return 0;
}
