/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/site.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/diff.h"

#define PROBE_TIMEOUT_S 60
#define DIFF_MAX (256 * 1024)

void run_tell(const struct run *r, const struct event *ev)
{
	const struct watcher *w = r->o->watcher;
	if (w && w->event)
		w->event(w->ctx, ev);
}

void site_tell(const struct run *r, const struct site *site, const char *text)
{
	run_tell(r, &(struct event){ .kind = EV_HOST, .host = site->host->name, .text = text });
}

bool run_stop_asked(struct run *r)
{
	if (!r->o->cancel || !atomic_load(&r->o->cancel->requested))
		return false;
	atomic_store(&r->interrupted, true);
	return true;
}

/* ---- rows */

void slot_settle(const struct run *r, struct slot *s, enum outcome o, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	free(s->row.message);
	s->row.message = strdup(report_line(text));
	s->row.outcome = o;
	if (o != OUT_CHANGED)
		s->row.now = s->seen.is;
	s->final = true;
	run_tell(r, &(struct event){ .kind = EV_ROW,
				     .host = s->row.host,
				     .recipe = s->row.recipe,
				     .step = s->row.step,
				     .text = s->step ? s->step->does : NULL,
				     .row = &s->row });
}

enum presence run_goal(const struct run *r)
{
	return r->walk == WALK_DESTROY ? ABSENT : PRESENT;
}

bool run_at_goal(const struct run *r, const struct finding *f)
{
	return f->is == run_goal(r) || (r->walk == WALK_DESTROY && f->is == FOREIGN);
}

bool slot_refuses(const struct run *r, const struct slot *s)
{
	return r->walk != WALK_DESTROY &&
	       (s->seen.is == FOREIGN || (s->seen.is != PRESENT && !s->step->ops->apply));
}

enum outcome run_outcome(const struct err *e)
{
	switch (e->kind) {
	case ERR_UNREACHABLE:
		return OUT_UNREACHABLE;
	case ERR_REFUSED:
		return OUT_REFUSED;
	case ERR_NONE:
	case ERR_FAILED:
	case ERR_USAGE:
	case ERR_CONFIG:
	case ERR_PASSWORD:
	case ERR_TIMEOUT:
	case ERR_INTERRUPTED:
	case ERR_MEMORY:
	case ERR_BUG:
		return OUT_FAILED;
	}
	return OUT_FAILED;
}

void site_settle_rest(struct run *r, struct site *site, struct job *first, size_t n,
			const char *why)
{
	bool host_row = site->slots[0].final;
	for (struct job *j = first; j < first + n; j++) {
		for (size_t i = 0; i < j->plan->nsteps; i++) {
			struct slot *s = &j->slots[i];
			if (s->final)
				continue;
			if (s->known && run_at_goal(r, &s->seen))
				slot_settle(r, s, OUT_OK, "%s", s->seen.why);
			else if (s->known || !host_row)
				slot_settle(r, s, OUT_SKIPPED, "not tried: %s", why);
		}
	}
}

/* ---- asking */

static bool joins_cluster(const struct site *site)
{
	for (size_t i = 0; i < site->njobs; i++)
		if (site->jobs[i].plan->recipe->joins_cluster)
			return true;
	return false;
}

struct view site_view(const struct run *r, const struct site *site, const struct facts *facts)
{
	return (struct view){
		.inv = r->inv,
		.host = site->host,
		.facts = facts,
		.vault = r->vault,
		.purge = r->purge,
		.artifacts = r->o->artifacts,
		.kubeconfig = r->o->kubeconfig,
		.run_id = r->run_id,
		.destroying = r->walk == WALK_DESTROY,
		.cluster_goes = r->cluster_goes,
		.cluster_comes = r->walk != WALK_DESTROY && joins_cluster(site),
		.force_version = r->o->force_version,
	};
}

static bool wants_diff(const struct run *r, const struct step *s)
{
	return r->o->diff && r->walk != WALK_DESTROY && s->ops->wanted && s->ops->wanted_path &&
	       !(s->flags & STEP_SECRET);
}

static void ask_job(const struct run *r, const struct job *j, struct probe *p)
{
	struct view v = site_view(r, j->site, NULL);
	for (size_t i = 0; i < j->plan->nsteps; i++) {
		const struct step *s = j->plan->steps[i];
		s->ops->ask(s, &v, p);
		char room[STEP_PATH_MAX];
		if (wants_diff(r, s))
			probe_ask(p, "text", "%s", s->ops->wanted_path(s, &v, room));
	}
}

static int gather(struct run *r, struct site *site, const struct probe *p, struct facts **facts,
		  uint64_t *at, struct err *e)
{
	struct facts *fresh = NULL;
	uint64_t began = atomic_load(&r->clock);
	int rc = facts_gather(site->ssh, p, PROBE_TIMEOUT_S, &fresh, e);
	if (rc < 0)
		return rc;
	facts_free(*facts);
	*facts = fresh;
	*at = began;
	return 0;
}

int site_gather(struct run *r, struct site *site, struct err *e)
{
	__attribute__((cleanup(probe_clear))) struct probe p = { 0 };
	for (size_t i = 0; i < site->njobs; i++)
		ask_job(r, &site->jobs[i], &p);
	return gather(r, site, &p, &site->facts, &site->facts_at, e);
}

int site_gather_job(struct run *r, struct job *j, struct err *e)
{
	__attribute__((cleanup(probe_clear))) struct probe p = { 0 };
	ask_job(r, j, &p);
	return gather(r, j->site, &p, &j->facts, &j->facts_at, e);
}

const struct facts *site_job_facts(const struct job *j)
{
	return j->facts ? j->facts : j->site->facts;
}

uint64_t site_job_facts_at(const struct job *j)
{
	return j->facts ? j->facts_at : j->site->facts_at;
}

int slot_check(struct run *r, struct job *j, struct slot *s, struct err *e)
{
	struct view v = site_view(r, j->site, site_job_facts(j));
	struct finding found = { .is = ABSENT };
	int rc = s->step->ops->check(s->step, &v, &found, e);
	if (rc < 0)
		return rc;
	if (!s->known)
		s->row.was = found.is;
	s->seen = found;
	report_line(s->seen.why);
	s->known = true;
	return 0;
}

char *slot_diff(const struct run *r, const struct job *j, const struct slot *s)
{
	if (!wants_diff(r, s->step))
		return NULL;
	struct view v = site_view(r, j->site, site_job_facts(j));
	char room[STEP_PATH_MAX];
	const char *path = s->step->ops->wanted_path(s->step, &v, room);
	const char *old = facts_get(site_job_facts(j), NULL, NULL, "text", "%s", path);
	struct err e = { 0 };
	AUTO_BUF struct buf wanted;
	AUTO_BUF struct buf out;
	buf_init(&wanted, DIFF_MAX);
	buf_init(&out, 4 * DIFF_MAX);
	/* A wanted text that cannot be told yet (it needs what an earlier step makes) is no error. */
	if (s->step->ops->wanted(s->step, &v, &wanted, &e) < 0 ||
	    diff_unified(path, old, buf_str(&wanted), &out, &e) < 0)
		return NULL;
	return buf_take(&out);
}

/* ---- hosts */

void site_close(struct site *site)
{
	if (site->ssh && site->locked)
		session_drop(site->ssh);
	site->locked = false;
	session_close(site->ssh);
	site->ssh = NULL;
}

void site_leave(struct run *r, struct site *site)
{
	bool had = site->ssh != NULL;
	site_close(site);
	facts_free(site->facts);
	site->facts = NULL;
	if (had)
		site_tell(r, site, "done");
}

void site_stop(struct site *site, const char *fmt, ...)
{
	if (site->stopped)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(site->why, sizeof(site->why), fmt, ap);
	va_end(ap);
	site->stopped = true;
}

void site_fail(struct run *r, struct site *site, const struct err *e)
{
	if (e->kind == ERR_INTERRUPTED) {
		atomic_store(&r->interrupted, true);
		site_stop(site, "interrupted");
		return;
	}
	enum outcome o = run_outcome(e);
	slot_settle(r, &site->slots[0], o, "%s", e->msg);
	site->unreachable = o == OUT_UNREACHABLE;
	site_stop(site, "%s", site->unreachable ? "the host is unreachable" : "the host failed");
}
