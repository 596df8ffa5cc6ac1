/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/lookup.h"

struct entry {
	uint64_t serial;
	const struct workload *w; /* held */
	bool kept;		  /* somebody's still */
};

/* One that had a container that is no more, and has one still. */
struct pod {
	char *uid;
	bool kept;
	struct pod_rest rest;
};

struct roster {
	struct entry *v;
	size_t n, cap;
	struct lookup by_serial;
	struct pod *pods; /* by uid */
	size_t npods, pods_cap;
};

_Static_assert(NAMES_KERNEL == WORK_KERNEL, "the kernel's threads have one number");

int roster_new(struct roster **ret, struct err *e)
{
	struct roster *r = calloc(1, sizeof *r);

	if (!r)
		return err_set(e, ERR_MEMORY, "no memory for the roster of workloads");
	*ret = r;
	return 0;
}

void roster_free(struct roster *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		workload_unref(r->v[i].w);
	for (size_t i = 0; i < r->npods; i++)
		free(r->pods[i].uid);
	lookup_free(&r->by_serial);
	free(r->v);
	free(r->pods);
	free(r);
}

static struct entry *entry_of(const struct roster *r, uint64_t serial)
{
	size_t at = serial ? lookup_find(&r->by_serial, serial) : LOOKUP_NONE;

	return at == LOOKUP_NONE ? NULL : &r->v[at];
}

const struct workload *roster_find(const struct roster *r, uint64_t serial)
{
	const struct entry *found = entry_of(r, serial);

	return found ? found->w : NULL;
}

int roster_add(struct roster *r, const struct workload *w, struct err *e)
{
	if (entry_of(r, w->serial))
		return 0;
	if (r->n == r->cap) {
		size_t more = r->cap ? r->cap * 2 : 64;
		struct entry *p = reallocarray(r->v, more, sizeof *p);

		if (!p)
			return err_set(e, ERR_MEMORY, "no memory for %zu workloads", r->n + 1);
		r->v = p;
		r->cap = more;
	}
	int rc = lookup_room(&r->by_serial, e);

	if (rc < 0)
		return rc;
	lookup_put(&r->by_serial, w->serial, r->n);
	r->v[r->n++] = (struct entry){ .serial = w->serial, .w = workload_ref(w) };
	return 0;
}

int roster_join(struct roster *r, struct names *n, struct tick *t, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < t->nworks; i++) {
		struct work_mark *m = &t->works[i];
		const struct workload *w = names_of(n, m->cgroup);
		int added = w ? roster_add(r, w, e) : 0;

		if (w && added == 0)
			m->workload = w->serial;
		rc = added < 0 ? added : rc;
	}
	return rc;
}

/* Where the pod is or would be. */
static size_t pod_place(const struct roster *r, const char *uid)
{
	size_t from = 0, to = r->npods;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(r->pods[middle].uid, uid) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct pod *pod_of(const struct roster *r, const char *uid)
{
	size_t at = pod_place(r, uid);

	return at < r->npods && strcmp(r->pods[at].uid, uid) == 0 ? &r->pods[at] : NULL;
}

const struct pod_rest *roster_pod(const struct roster *r, const char *uid)
{
	const struct pod *found = pod_of(r, uid);

	return found ? &found->rest : NULL;
}

/* NULL: no memory. */
static struct pod *add_pod(struct roster *r, const char *uid)
{
	if (r->npods == r->pods_cap) {
		size_t more = r->pods_cap ? r->pods_cap * 2 : 16;
		struct pod *p = reallocarray(r->pods, more, sizeof *p);

		if (!p)
			return NULL;
		r->pods = p;
		r->pods_cap = more;
	}
	size_t at = pod_place(r, uid);
	char *copy = strdup(uid);

	if (!copy)
		return NULL;
	memmove(&r->pods[at + 1], &r->pods[at], (r->npods++ - at) * sizeof *r->pods);
	r->pods[at] = (struct pod){ .uid = copy };
	return &r->pods[at];
}

void roster_retired(void *roster, const struct party *p)
{
	const struct workload *w = p->process == 0 ? roster_find(roster, p->workload) : NULL;

	if (!w || !w->pod_uid[0])
		return;
	struct pod *pod = pod_of(roster, w->pod_uid);

	pod = pod ? pod : add_pod(roster, w->pod_uid);
	if (!pod)
		return;
	uj_add(pod->rest.uj, p->uj);
	for (size_t u = 0; u < NUSES; u++)
		pod->rest.use[u] += p->use[u];
}

static int keep(const struct party *p, void *arg)
{
	struct roster *r = arg;
	struct entry *found = p->workload ? entry_of(r, p->workload) : NULL;
	struct pod *pod = found && r->npods > 0 && p->process == 0 ? pod_of(r, found->w->pod_uid) : NULL;

	if (found)
		found->kept = true;
	if (pod)
		pod->kept = true;
	return 0;
}

static void keep_pods(struct roster *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->npods; i++) {
		if (r->pods[i].kept)
			r->pods[kept++] = r->pods[i];
		else
			free(r->pods[i].uid);
	}
	r->npods = kept;
}

void roster_keep(struct roster *r, const struct works *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++)
		r->v[i].kept = false;
	for (size_t i = 0; i < r->npods; i++)
		r->pods[i].kept = false;
	for (size_t i = 0; i < NWORKS_LEVELS; i++)
		works_each(w, (enum works_level)i, keep, r);
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].kept)
			r->v[kept++] = r->v[i];
		else
			workload_unref(r->v[i].w);
	}
	if (kept < r->n) {
		lookup_clear(&r->by_serial);
		for (size_t i = 0; i < kept; i++)
			lookup_put(&r->by_serial, r->v[i].serial, i);
	}
	r->n = kept;
	keep_pods(r);
}
