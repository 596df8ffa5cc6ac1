/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"

static const char *host_name(const void *ctx, size_t i)
{
	return ((const struct inventory *)ctx)->hosts[i].name;
}

int plan_hosts(const struct inventory *inv, const char *const *limit, const struct host ***ret,
	       size_t *ret_n, struct err *e)
{
	bool all = !limit || !limit[0];
	AUTO_FREE const struct host **v = calloc(inv->nhosts + 1, sizeof(const struct host *));
	AUTO_FREE bool *chosen = calloc(inv->nhosts + 1, sizeof(bool));
	if (!v || !chosen)
		return err_set(e, ERR_MEMORY, "out of memory for %zu hosts", inv->nhosts);
	for (size_t i = 0; !all && limit[i]; i++) {
		const struct host *host = inventory_find_host(inv, limit[i]);
		if (!host) {
			const char *near = near_find(limit[i], inv->nhosts, host_name, inv);
			return err_set(e, ERR_CONFIG, "the inventory has no host '%s'%s%s%s",
				       limit[i], near ? ", did you mean '" : "",
				       near ? near : "", near ? "'?" : "");
		}
		chosen[host - inv->hosts] = true;
	}
	size_t n = 0;
	for (size_t i = 0; i < inv->nhosts; i++)
		if (all || chosen[i])
			v[n++] = &inv->hosts[i];
	*ret = take_ptr(&v);
	*ret_n = n;
	return 0;
}

/* The recipe table while a plan is made. Recipes are meant by their index in the table. */
struct table {
	const struct recipe *const *v;
	size_t n;
	bool *chosen;		/* its part was named, or none was */
	size_t *order;		/* indices, `after` before */
	size_t *after;		/* n * n: after[i * n ...] of nafter[i] chosen ones */
	size_t *nafter;
	size_t *job;		/* nhosts * n: index of the job + 1, or 0 */
};

static void table_clear(struct table *t)
{
	free(t->chosen);
	free(t->order);
	free(t->after);
	free(t->nafter);
	free(t->job);
}

static size_t recipe_index(const struct table *t, const char *name)
{
	size_t i = 0;
	while (i < t->n && strcmp(t->v[i]->name, name) != 0)
		i++;
	return i;
}

static const char *part_name(const void *ctx, size_t i)
{
	return ((const struct table *)ctx)->v[i]->part;
}

static int choose_parts(struct table *t, const char *const *parts, struct err *e)
{
	bool all = !parts || !parts[0];
	for (size_t i = 0; i < t->n; i++)
		t->chosen[i] = all;
	for (size_t k = 0; !all && parts[k]; k++) {
		bool found = false;
		for (size_t i = 0; i < t->n; i++) {
			if (strcmp(t->v[i]->part, parts[k]) == 0)
				t->chosen[i] = found = true;
		}
		if (found)
			continue;
		const char *near = near_find(parts[k], t->n, part_name, t);
		return err_set(e, ERR_CONFIG, "there is no part '%s'%s%s%s", parts[k],
			       near ? ", did you mean '" : "", near ? near : "",
			       near ? "'?" : "");
	}
	return 0;
}

static int check_names(const struct table *t, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct recipe *r = t->v[i];
		if (recipe_index(t, r->name) != i)
			return err_set(e, ERR_BUG, "two recipes are called '%s'", r->name);
		for (size_t k = 0; r->after && r->after[k]; k++)
			if (recipe_index(t, r->after[k]) == t->n)
				return err_set(e, ERR_BUG,
					       "recipe '%s' comes after '%s', which is none",
					       r->name, r->after[k]);
	}
	return 0;
}

/* Takes the first recipe whose `after` all stand already, again and again: the table's own order
 * decides wherever the arrows leave a choice. */
static int sort_recipes(struct table *t, struct err *e)
{
	AUTO_FREE bool *placed = calloc(t->n + 1, sizeof(bool));
	if (!placed)
		return err_set(e, ERR_MEMORY, "out of memory for the plan");
	for (size_t n = 0; n < t->n; n++) {
		size_t pick = t->n;
		size_t blocked = t->n;
		for (size_t i = 0; i < t->n && pick == t->n; i++) {
			if (placed[i])
				continue;
			const char *const *after = t->v[i]->after;
			bool ready = true;
			for (size_t k = 0; after && after[k]; k++)
				ready = ready && placed[recipe_index(t, after[k])];
			if (ready)
				pick = i;
			else
				blocked = i;
		}
		if (pick == t->n)
			return err_set(e, ERR_BUG, "recipes come after each other in a circle: '%s'",
				       t->v[blocked]->name);
		placed[pick] = true;
		t->order[n] = pick;
	}
	return 0;
}

static void add_after(struct table *t, size_t of, size_t what)
{
	size_t *list = t->after + of * t->n;
	for (size_t i = 0; i < t->nafter[of]; i++)
		if (list[i] == what)
			return;
	list[t->nafter[of]++] = what;
}

/* A dependency that was not chosen is met, but stands for what it depends on itself. Works in
 * t->order, so that every list it copies is complete. */
static void close_over(struct table *t)
{
	for (size_t n = 0; n < t->n; n++) {
		size_t i = t->order[n];
		const char *const *after = t->v[i]->after;
		for (size_t k = 0; after && after[k]; k++) {
			size_t d = recipe_index(t, after[k]);
			if (t->chosen[d]) {
				add_after(t, i, d);
				continue;
			}
			for (size_t m = 0; m < t->nafter[d]; m++)
				add_after(t, i, t->after[d * t->n + m]);
		}
	}
}

static bool step_counts(enum walk w, const struct step *s, const struct inventory *inv,
			const struct host *host)
{
	if (s->when && !s->when(inv, host))
		return false;
	return w != WALK_DESTROY || s->ops->undo;
}

static int make_job(enum walk w, const struct inventory *inv, const struct recipe *r,
		    size_t host, struct plan *p, struct err *e)
{
	struct plan_job *job = &p->jobs[p->njobs];
	*job = (struct plan_job){ .recipe = r, .host = host };
	job->steps = calloc(r->nsteps + 1, sizeof(*job->steps));
	if (!job->steps)
		return err_set(e, ERR_MEMORY, "out of memory for the plan");
	p->njobs++;
	p->hosts[host].njobs++;
	for (size_t i = 0; i < r->nsteps; i++) {
		const struct step *s = &r->steps[w == WALK_DESTROY ? r->nsteps - 1 - i : i];
		if (step_counts(w, s, inv, p->hosts[host].host))
			job->steps[job->nsteps++] = s;
	}
	return 0;
}

static int add_dep(struct plan *p, size_t job, size_t dep, struct err *e)
{
	struct plan_job *j = &p->jobs[job];
	size_t *deps = realloc(j->deps, (j->ndeps + 1) * sizeof(*deps));
	if (!deps)
		return err_set(e, ERR_MEMORY, "out of memory for the plan");
	deps[j->ndeps++] = dep;
	j->deps = deps;
	return 0;
}

/* One arrow of the plan, as the walk goes. */
static int add_arrow(enum walk w, struct plan *p, size_t first, size_t then, struct err *e)
{
	return w == WALK_DESTROY ? add_dep(p, first, then, e) : add_dep(p, then, first, e);
}

static int add_arrows(enum walk w, const struct table *t, struct plan *p, size_t host,
		      size_t recipe, struct err *e)
{
	size_t then = t->job[host * t->n + recipe];
	if (!then)
		return 0;
	for (size_t h = host; h-- > 0 && t->v[recipe]->one_by_one && w != WALK_DESTROY;) {
		size_t before = t->job[h * t->n + recipe];
		if (!before)
			continue;
		int rc = add_arrow(w, p, before - 1, then - 1, e);
		if (rc < 0)
			return rc;
		break;
	}
	for (size_t k = 0; k < t->nafter[recipe]; k++) {
		size_t d = t->after[recipe * t->n + k];
		size_t same = t->job[host * t->n + d];
		if (same) {
			int rc = add_arrow(w, p, same - 1, then - 1, e);
			if (rc < 0)
				return rc;
			continue;
		}
		for (size_t h = 0; h < p->nhosts; h++) {
			size_t first = t->job[h * t->n + d];
			int rc = first ? add_arrow(w, p, first - 1, then - 1, e) : 0;
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int make_jobs(enum walk w, const struct inventory *inv, struct table *t, struct plan *p,
		     struct err *e)
{
	p->jobs = calloc(p->nhosts * t->n + 1, sizeof(*p->jobs));
	t->job = calloc(p->nhosts * t->n + 1, sizeof(*t->job));
	if (!p->jobs || !t->job)
		return err_set(e, ERR_MEMORY, "out of memory for the plan");
	for (size_t h = 0; h < p->nhosts; h++) {
		p->hosts[h].first = p->njobs;
		for (size_t n = 0; n < t->n; n++) {
			size_t i = t->order[w == WALK_DESTROY ? t->n - 1 - n : n];
			unsigned roles = p->hosts[h].host->roles;
			if (!t->chosen[i] || !(t->v[i]->roles & roles) ||
			    (t->v[i]->but_roles & roles))
				continue;
			int rc = make_job(w, inv, t->v[i], h, p, e);
			if (rc < 0)
				return rc;
			t->job[h * t->n + i] = p->njobs;
		}
	}
	for (size_t h = 0; h < p->nhosts; h++) {
		for (size_t i = 0; i < t->n; i++) {
			int rc = add_arrows(w, t, p, h, i, e);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

int plan_make(enum walk w, const struct inventory *inv, const struct recipe *const *recipes,
	      const char *const *parts, const char *const *limit, struct plan *ret,
	      struct err *e)
{
	__attribute__((cleanup(table_clear))) struct table t = { .v = recipes };
	__attribute__((cleanup(plan_clear))) struct plan p = { 0 };
	while (recipes[t.n])
		t.n++;
	t.chosen = calloc(t.n + 1, sizeof(*t.chosen));
	t.order = calloc(t.n + 1, sizeof(*t.order));
	t.after = calloc(t.n * t.n + 1, sizeof(*t.after));
	t.nafter = calloc(t.n + 1, sizeof(*t.nafter));
	if (!t.chosen || !t.order || !t.after || !t.nafter)
		return err_set(e, ERR_MEMORY, "out of memory for the plan");
	int rc;
	if ((rc = check_names(&t, e)) < 0 || (rc = sort_recipes(&t, e)) < 0 ||
	    (rc = choose_parts(&t, parts, e)) < 0)
		return rc;
	close_over(&t);
	AUTO_FREE const struct host **hosts = NULL;
	rc = plan_hosts(inv, limit, &hosts, &p.nhosts, e);
	if (rc < 0)
		return rc;
	p.hosts = calloc(p.nhosts + 1, sizeof(*p.hosts));
	if (!p.hosts)
		return err_set(e, ERR_MEMORY, "out of memory for the plan");
	for (size_t i = 0; i < p.nhosts; i++)
		p.hosts[i].host = hosts[i];
	rc = make_jobs(w, inv, &t, &p, e);
	if (rc < 0)
		return rc;
	*ret = p;
	p = (struct plan){ 0 };
	return 0;
}

void plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->njobs; i++) {
		free(p->jobs[i].steps);
		free(p->jobs[i].deps);
	}
	free(p->jobs);
	free(p->hosts);
	*p = (struct plan){ 0 };
}
