/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/site.h"

#include <stdio.h>

#include "provision/engine/pool.h"

/* Everything here but schedule_work runs under r->mutex. */

static bool job_ended(const struct job *j)
{
	return j->state != JOB_WAITING && j->state != JOB_RUNNING;
}

enum readiness { READY, BLOCKED, HOPELESS };

static enum readiness job_readiness(const struct run *r, const struct job *j,
				    const struct job **ret_on)
{
	enum readiness is = READY;
	for (size_t i = 0; i < j->plan->ndeps; i++) {
		const struct job *d = &r->jobs[j->plan->deps[i]];
		if (!job_ended(d)) {
			if (is == READY)
				*ret_on = d;
			is = BLOCKED;
			continue;
		}
		if (d->state == JOB_DONE)
			continue;
		if (r->walk == WALK_DESTROY && d->state == JOB_UNREACHABLE && d->site != j->site)
			continue;
		*ret_on = d;
		return HOPELESS;
	}
	return is;
}

static void skip_job(struct run *r, struct job *j, enum job_state state, const char *why)
{
	j->state = state;
	site_settle_rest(r, j->site, j, 1, why);
}

static void skip_hopeless(struct run *r, struct job *j, const struct job *on)
{
	char why[300];
	snprintf(why, sizeof(why), "waits for '%s' on '%s', which %s", on->plan->recipe->name,
		 on->site->host->name,
		 on->state == JOB_UNREACHABLE ? "is unreachable" :
		 on->state == JOB_FAILED      ? "failed" :
						"was not tried");
	skip_job(r, j, JOB_SKIPPED, why);
}

/* The site's next job that can start, or NULL. What cannot start any more is settled on the way;
 * *ret_over says that nothing is left to do here. */
static struct job *next_job(struct run *r, struct site *site, bool *ret_moved, bool *ret_over)
{
	const struct job *on = NULL;
	bool over = true;
	for (size_t i = 0; i < site->njobs; i++) {
		struct job *j = &site->jobs[i];
		if (j->state != JOB_WAITING)
			continue;
		if (run_stop_asked(r))
			site_stop(site, "interrupted");
		if (site->stopped) {
			skip_job(r, j, site->unreachable ? JOB_UNREACHABLE : JOB_SKIPPED, site->why);
			*ret_moved = true;
			continue;
		}
		const struct job *why_not = NULL;
		switch (job_readiness(r, j, &why_not)) {
		case READY:
			site->waits_for = NULL;
			return j;
		case HOPELESS:
			skip_hopeless(r, j, why_not);
			*ret_moved = true;
			break;
		case BLOCKED:
			over = false;
			if (!on)
				on = why_not;
			break;
		}
	}
	if (on && on->site != site && site->waits_for != on->site->host) {
		char text[200];
		snprintf(text, sizeof(text), "waiting for %s", on->site->host->name);
		site->waits_for = on->site->host;
		site_tell(r, site, text);
	}
	*ret_over = over;
	return NULL;
}

/* A job to run, or a site to leave (*ret_job NULL). False when there is neither right now. */
static bool next_task(struct run *r, struct site **ret_site, struct job **ret_job)
{
	bool moved;
	do {
		moved = false;
		for (size_t h = 0; h < r->plan.nhosts; h++) {
			struct site *site = &r->sites[h];
			if (site->busy || site->left)
				continue;
			bool over = false;
			struct job *j = next_job(r, site, &moved, &over);
			if (!j && !over)
				continue;
			*ret_site = site;
			*ret_job = j;
			return true;
		}
		/* A job that was given up may have been what an earlier site waited for. */
	} while (moved);
	return false;
}

static void tell_unreachable_deps(const struct run *r, const struct job *j)
{
	for (size_t i = 0; r->walk == WALK_DESTROY && i < j->plan->ndeps; i++) {
		const struct job *d = &r->jobs[j->plan->deps[i]];
		if (d->state != JOB_UNREACHABLE || d->site == j->site)
			continue;
		char text[300];
		snprintf(text, sizeof(text), "going on without '%s' on %s, which is unreachable",
			 d->plan->recipe->name, d->site->host->name);
		site_tell(r, j->site, text);
	}
}

static void schedule_work(void *ctx)
{
	struct run *r = ctx;
	pthread_mutex_lock(&r->mutex);
	for (;;) {
		struct site *site;
		struct job *j;
		if (!next_task(r, &site, &j)) {
			if (!r->running)
				break;
			pthread_cond_wait(&r->moved, &r->mutex);
			continue;
		}
		site->busy = true;
		r->running++;
		if (j) {
			j->state = JOB_RUNNING;
			tell_unreachable_deps(r, j);
		}
		pthread_mutex_unlock(&r->mutex);
		enum job_state ended = JOB_DONE;
		if (j) {
			ended = act_on_job(r, j);
			site_settle_rest(r, site, j, 1,
				    site->stopped ? site->why : "a step before it failed");
			facts_free(j->facts);
			j->facts = NULL;
		} else {
			site_leave(r, site);
		}
		pthread_mutex_lock(&r->mutex);
		if (j)
			j->state = ended;
		else
			site->left = true;
		site->busy = false;
		r->running--;
		pthread_cond_broadcast(&r->moved);
	}
	pthread_cond_broadcast(&r->moved);
	pthread_mutex_unlock(&r->mutex);
}

/* Hosts that have nothing to do are through; hosts that failed already never start. */
void schedule_run(struct run *r)
{
	size_t busy = 0;
	for (size_t h = 0; h < r->plan.nhosts; h++) {
		struct site *site = &r->sites[h];
		bool works = site->has_work && !site->stopped;
		busy += works;
		for (size_t k = 0; k < site->njobs; k++) {
			struct job *j = &site->jobs[k];
			if (works)
				continue;
			skip_job(r, j,
				 site->unreachable ? JOB_UNREACHABLE :
				 site->stopped     ? JOB_FAILED :
						     JOB_DONE,
				 site->why);
		}
	}
	pool_run(pool_size(r->o->jobs, busy), schedule_work, r);
}
