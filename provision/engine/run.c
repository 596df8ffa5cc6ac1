/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/run.h"

#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/engine/diff.h"
#include "provision/engine/now.h"
#include "provision/engine/plan.h"
#include "provision/engine/pool.h"
#include "provision/files.h"

#define PROBE_TIMEOUT_S 60
#define LOCK_TIMEOUT_S 20
#define LOCK_PATH "/run/powerstack.lock"
#define DIFF_MAX (256 * 1024)

/* One row of the report while it is not decided yet. The first slot of a site is about the whole
 * host and has no step. */
struct slot {
	struct report_row row;
	const struct step *step;
	struct finding seen;	/* the newest; only when known */
	bool known, final;
};

enum job_state {
	JOB_WAITING,
	JOB_RUNNING,
	JOB_DONE,
	JOB_FAILED,
	JOB_SKIPPED,
	JOB_UNREACHABLE,
};

struct job {
	const struct plan_job *plan;
	struct site *site;
	struct slot *slots;	/* plan->nsteps of the site's */
	enum job_state state;
	struct facts *facts;	/* newer than the site's, or NULL */
	uint64_t facts_at, changed_at;	/* run.clock */
};

/* One host during a walk. Used by one thread at a time: whoever set busy, or the survey's. */
struct site {
	const struct host *host;
	struct session *ssh;
	struct job *jobs;
	size_t njobs;
	struct slot *slots;
	size_t nslots;
	struct facts *facts;	/* of all its questions, gathered under the lock */
	uint64_t facts_at, changed_at;
	bool busy, left;
	bool locked;
	bool has_work;
	bool stopped, unreachable;	/* no job starts here any more; why says the reason */
	char why[200];
	const struct host *waits_for;	/* told to the watcher already */
};

struct run {
	enum walk walk;
	const struct inventory *inv;
	const struct vault *vault;
	const struct run_options *o;
	const struct purge *purge;
	char run_id[17];
	char who[200];
	struct plan plan;
	struct site *sites;
	struct job *jobs;
	struct slot *slots;
	size_t nslots;
	atomic_bool interrupted;
	/* Counts changes; what was learnt at t is stale once something it leans on changed later. */
	_Atomic uint64_t clock;
	pthread_mutex_t mutex;	/* site.busy, job.state and what next_task reads */
	pthread_cond_t moved;
	size_t running;
};

static void tell(const struct run *r, const struct event *ev)
{
	const struct watcher *w = r->o->watcher;
	if (w && w->event)
		w->event(w->ctx, ev);
}

static void tell_phase(const struct run *r, const struct site *site, const char *text)
{
	tell(r, &(struct event){ .kind = EV_HOST, .host = site->host->name, .text = text });
}

/* True once the user asked to stop; remembered, because it was then noticed. */
static bool stop_asked(struct run *r)
{
	if (!r->o->cancel || !atomic_load(&r->o->cancel->requested))
		return false;
	atomic_store(&r->interrupted, true);
	return true;
}

/* ---- rows */

__attribute__((format(printf, 4, 5))) static void settle(const struct run *r, struct slot *s,
							 enum outcome o, const char *fmt, ...)
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
	tell(r, &(struct event){ .kind = EV_ROW,
				 .host = s->row.host,
				 .recipe = s->row.recipe,
				 .step = s->row.step,
				 .text = s->step ? s->step->does : NULL,
				 .row = &s->row });
}

static enum presence goal(const struct run *r)
{
	return r->walk == WALK_DESTROY ? ABSENT : PRESENT;
}

/* A finding that leaves nothing to do. */
static bool at_goal(const struct run *r, const struct finding *f)
{
	return f->is == goal(r) || (r->walk == WALK_DESTROY && f->is == FOREIGN);
}

static bool refuses(const struct run *r, const struct slot *s)
{
	return r->walk != WALK_DESTROY &&
	       (s->seen.is == FOREIGN || (s->seen.is != PRESENT && !s->step->ops->apply));
}

static enum outcome outcome_of(const struct err *e)
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

/* Decides every row of jobs [first, first + n) that is still open: what was seen to be as wanted is
 * so, the rest was not tried. */
static void settle_rest(struct run *r, struct site *site, struct job *first, size_t n,
			const char *why)
{
	bool host_row = site->slots[0].final;
	for (struct job *j = first; j < first + n; j++) {
		for (size_t i = 0; i < j->plan->nsteps; i++) {
			struct slot *s = &j->slots[i];
			if (s->final)
				continue;
			if (s->known && at_goal(r, &s->seen))
				settle(r, s, OUT_OK, "%s", s->seen.why);
			else if (s->known || !host_row)
				settle(r, s, OUT_SKIPPED, "not tried: %s", why);
		}
	}
}

/* ---- asking */

static struct view view_of(const struct run *r, const struct site *site, const struct facts *facts)
{
	return (struct view){
		.inv = r->inv,
		.host = site->host,
		.facts = facts,
		.vault = r->vault,
		.purge = r->purge,
		.run_id = r->run_id,
		.destroying = r->walk == WALK_DESTROY,
	};
}

static bool wants_diff(const struct run *r, const struct step *s)
{
	return r->o->diff && r->walk != WALK_DESTROY && s->ops->wanted && s->ops->wanted_path &&
	       !(s->flags & STEP_SECRET);
}

static void ask_job(const struct run *r, const struct job *j, struct probe *p)
{
	struct view v = view_of(r, j->site, NULL);
	for (size_t i = 0; i < j->plan->nsteps; i++) {
		const struct step *s = j->plan->steps[i];
		s->ops->ask(s, &v, p);
		if (wants_diff(r, s))
			probe_ask(p, "text", "%s", s->ops->wanted_path(s));
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

static int gather_site(struct run *r, struct site *site, struct err *e)
{
	__attribute__((cleanup(probe_clear))) struct probe p = { 0 };
	for (size_t i = 0; i < site->njobs; i++)
		ask_job(r, &site->jobs[i], &p);
	return gather(r, site, &p, &site->facts, &site->facts_at, e);
}

static int gather_job(struct run *r, struct job *j, struct err *e)
{
	__attribute__((cleanup(probe_clear))) struct probe p = { 0 };
	ask_job(r, j, &p);
	return gather(r, j->site, &p, &j->facts, &j->facts_at, e);
}

static const struct facts *job_facts(const struct job *j)
{
	return j->facts ? j->facts : j->site->facts;
}

static uint64_t job_facts_at(const struct job *j)
{
	return j->facts ? j->facts_at : j->site->facts_at;
}

static int check_slot(struct run *r, struct job *j, struct slot *s, struct err *e)
{
	struct view v = view_of(r, j->site, job_facts(j));
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

/* The difference that the step would make, when it was asked for and can be told. */
static char *diff_of(const struct run *r, const struct job *j, const struct slot *s)
{
	if (!wants_diff(r, s->step))
		return NULL;
	const char *path = s->step->ops->wanted_path(s->step);
	const char *old = facts_get(job_facts(j), NULL, NULL, "text", "%s", path);
	struct view v = view_of(r, j->site, job_facts(j));
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

/* ---- the first pass: nothing but looking */

static void close_site(struct site *site)
{
	if (site->ssh && site->locked)
		session_drop(site->ssh);
	site->locked = false;
	session_close(site->ssh);
	site->ssh = NULL;
}

static void leave_site(struct run *r, struct site *site)
{
	bool had = site->ssh != NULL;
	close_site(site);
	facts_free(site->facts);
	site->facts = NULL;
	if (had)
		tell_phase(r, site, "done");
}

__attribute__((format(printf, 2, 3))) static void stop_site(struct site *site, const char *fmt, ...)
{
	if (site->stopped)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(site->why, sizeof(site->why), fmt, ap);
	va_end(ap);
	site->stopped = true;
}

/* The host as a whole cannot be worked on. */
static void fail_site(struct run *r, struct site *site, const struct err *e)
{
	if (e->kind == ERR_INTERRUPTED) {
		atomic_store(&r->interrupted, true);
		stop_site(site, "interrupted");
		return;
	}
	enum outcome o = outcome_of(e);
	settle(r, &site->slots[0], o, "%s", e->msg);
	site->unreachable = o == OUT_UNREACHABLE;
	stop_site(site, "%s", site->unreachable ? "the host is unreachable" : "the host failed");
}

static void survey_site(struct run *r, struct site *site)
{
	struct err e = { 0 };
	if (stop_asked(r)) {
		stop_site(site, "interrupted");
		return;
	}
	tell_phase(r, site, "connecting");
	if (r->o->open(r->o->open_ctx, site->host, &site->ssh, &e) < 0) {
		site->ssh = NULL;
		/* Whatever keeps us from talking to it (its host key too) is the same to the others. */
		if (e.kind == ERR_TIMEOUT || e.kind == ERR_REFUSED || e.kind == ERR_FAILED)
			e.kind = ERR_UNREACHABLE;
		fail_site(r, site, &e);
		return;
	}
	site->ssh->timeout_s = r->o->timeout_s;
	tell_phase(r, site, "checking");
	if (gather_site(r, site, &e) < 0) {
		if (e.kind == ERR_TIMEOUT)
			e.kind = ERR_UNREACHABLE;
		fail_site(r, site, &e);
		close_site(site);
		return;
	}
	for (size_t k = 0; k < site->njobs; k++) {
		struct job *j = &site->jobs[k];
		for (size_t i = 0; i < j->plan->nsteps; i++) {
			struct slot *s = &j->slots[i];
			err_clear(&e);
			if (check_slot(r, j, s, &e) < 0) {
				settle(r, s, OUT_FAILED, "%s", e.msg);
				stop_site(site, "'%s/%s' could not be checked on this host",
					  s->row.recipe, s->row.step);
			} else if (!at_goal(r, &s->seen)) {
				site->has_work = true;
				if (r->walk == WALK_CHECK)
					s->row.diff = diff_of(r, j, s);
			}
		}
	}
	/* What is walked is asked again under the lock; the rest needs no connection any more. */
	facts_free(site->facts);
	site->facts = NULL;
	if (!site->has_work || site->stopped || r->walk == WALK_CHECK)
		close_site(site);
}

static void survey_each(void *ctx, size_t i)
{
	struct run *r = ctx;
	struct site *site = &r->sites[i];
	if (site->njobs)
		survey_site(r, site);
	tell_phase(r, site, site->ssh ? "waiting" : "done");
}

/* Says who refuses. True when somebody does. */
static bool find_refusals(const struct run *r, char *why, size_t size)
{
	size_t n = 0;
	size_t len = 0;
	for (size_t i = 0; i < r->nslots; i++) {
		const struct slot *s = &r->slots[i];
		if (!s->step || !s->known || !refuses(r, s))
			continue;
		n++;
		if (n <= 5 && len < size)
			len += (size_t)snprintf(why + len, size - len, "%s'%s/%s' on '%s'",
						n == 1 ? "refused: " : ", ", s->row.recipe,
						s->row.step, s->row.host);
	}
	if (n > 5 && len < size)
		len += (size_t)snprintf(why + len, size - len, " and %zu more", n - 5);
	if (n && len < size)
		snprintf(why + len, size - len, "; nothing was changed on any host");
	return n > 0;
}

/* The rows of a walk that ends with the first pass. */
static void settle_survey(struct run *r, const char *why)
{
	for (size_t h = 0; h < r->plan.nhosts; h++) {
		struct site *site = &r->sites[h];
		for (size_t k = 1; k < site->nslots; k++) {
			struct slot *s = &site->slots[k];
			if (s->final || !s->known)
				continue;
			if (refuses(r, s))
				settle(r, s, OUT_REFUSED, "%s", s->seen.why);
			else if (r->walk == WALK_CHECK && !at_goal(r, &s->seen)) {
				s->row.now = goal(r);
				settle(r, s, OUT_CHANGED, "%s", s->seen.why);
			}
		}
		settle_rest(r, site, site->jobs, site->njobs, site->stopped ? site->why : why);
		leave_site(r, site);
	}
}

/* ---- the walk */

static int take_lock(struct run *r, struct site *site, struct err *e)
{
	static const char *const verbs[] = {
		[WALK_DEPLOY] = "deploy", [WALK_CHECK] = "deploy --check", [WALK_DESTROY] = "destroy"
	};
	struct script script = { "lock", files_text("lock.sh") };
	if (!script.text)
		return err_set(e, ERR_BUG, "the script 'lock.sh' is not built in");
	const char *const argv[] = { LOCK_PATH, r->who, verbs[r->walk], NULL };
	struct cmd cmd = {
		.script = &script,
		.argv = argv,
		.flags = CMD_SUDO | CMD_ANY_STATUS,
		.timeout_s = LOCK_TIMEOUT_S,
	};
	struct answer a = { 0 };
	int rc = session_hold(site->ssh, &cmd, &a, e);
	if (rc == 0) {
		const char *said = buf_str(&a.out);
		size_t len = strcspn(said, "\n");
		if (strncmp(said, "held\n", 5) == 0)
			site->locked = true;
		else if (strncmp(said, "taken ", 6) == 0)
			rc = err_set(e, ERR_FAILED,
				     "another run works on this node: %.*s; wait for its end and run this again",
				     (int)(len - 6), said + 6);
		else
			rc = err_set(e, ERR_FAILED, "cannot take the lock '%s' (status %d): %.200s",
				     LOCK_PATH, a.status, a.err.len ? buf_str(&a.err) : said);
	}
	answer_clear(&a);
	return rc;
}

/* An error while the host is walked, at slot s (NULL: between two). */
static void fail_job(struct run *r, struct job *j, struct slot *s, const struct err *e)
{
	struct site *site = j->site;
	enum outcome o = outcome_of(e);
	if (e->kind == ERR_INTERRUPTED)
		atomic_store(&r->interrupted, true);
	if (s || e->kind != ERR_INTERRUPTED)
		settle(r, s ? s : &site->slots[0], o, "%s", e->msg);
	if (e->kind == ERR_INTERRUPTED)
		stop_site(site, "interrupted");
	else if (o == OUT_UNREACHABLE) {
		site->unreachable = true;
		stop_site(site, "the connection to '%s' is lost", site->host->name);
	} else if (!s)
		stop_site(site, "the host failed");
	else if (r->walk != WALK_DESTROY)
		stop_site(site, "'%s/%s' failed on this host", s->row.recipe, s->row.step);
}

/* The lock, then everything asked again: what is true now decides. */
static int enter_site(struct run *r, struct site *site, struct err *e)
{
	if (site->locked)
		return 0;
	tell_phase(r, site, "locking");
	int rc = take_lock(r, site, e);
	if (rc < 0)
		return rc;
	tell_phase(r, site, "checking");
	return gather_site(r, site, e);
}

struct stage {
	const struct run *r;
	const struct slot *s;
};

static void stage_progress(void *ctx, uint64_t done, uint64_t total)
{
	const struct stage *st = ctx;
	tell(st->r, &(struct event){ .kind = EV_PROGRESS,
				     .host = st->s->row.host,
				     .recipe = st->s->row.recipe,
				     .step = st->s->row.step,
				     .text = st->s->step->does,
				     .done = done,
				     .total = total });
}

/* Applies or takes back one step, then asks the recipe's questions again; their answer decides. */
static int act(struct run *r, struct job *j, struct slot *s, struct err *e)
{
	struct stage stage = { r, s };
	struct hand hand = {
		.view = view_of(r, j->site, job_facts(j)),
		.ssh = j->site->ssh,
		.progress = stage_progress,
		.progress_ctx = &stage,
	};
	const struct step_ops *ops = s->step->ops;
	struct finding before = s->seen;
	tell(r, &(struct event){ .kind = EV_STEP,
				 .host = s->row.host,
				 .recipe = s->row.recipe,
				 .step = s->row.step,
				 .text = s->step->does });
	uint64_t began = now_ms();
	int rc = (r->walk == WALK_DESTROY ? ops->undo : ops->apply)(s->step, &hand, e);
	j->changed_at = j->site->changed_at = atomic_fetch_add(&r->clock, 1) + 1;
	if (rc == 0 && (rc = gather_job(r, j, e)) < 0)
		rc = err_wrap(e, "it was %s, but could not be checked afterwards",
			      r->walk == WALK_DESTROY ? "taken back" : "applied");
	if (rc == 0)
		rc = check_slot(r, j, s, e);
	s->row.ms = now_ms() - began;
	if (rc < 0)
		return rc;
	if (s->seen.is != goal(r))
		return err_set(e, ERR_FAILED,
			       "it was %s without an error, but is still not so: before %s (%s), now %s (%s)",
			       r->walk == WALK_DESTROY ? "taken back" : "applied",
			       presence_name(before.is), before.why, presence_name(s->seen.is),
			       s->seen.why);
	s->row.now = s->seen.is;
	settle(r, s, OUT_CHANGED, "%s", before.why);
	return 0;
}

/* One row with the newest facts. Negative when the job ends here. */
static int walk_slot(struct run *r, struct job *j, struct slot *s)
{
	struct err e = { 0 };
	s->known = false;	/* what the survey saw may be history: the row tells what is now */
	int rc = check_slot(r, j, s, &e);
	if (rc == 0 && at_goal(r, &s->seen)) {
		settle(r, s, OUT_OK, "%s", s->seen.why);
		return 0;
	}
	if (rc == 0 && refuses(r, s))
		rc = err_set(&e, ERR_REFUSED, "%s", s->seen.why);
	if (rc == 0) {
		s->row.diff = diff_of(r, j, s);
		rc = act(r, j, s, &e);
	}
	if (rc < 0)
		fail_job(r, j, s, &e);
	return rc;
}

/* Something that this job leans on changed after its facts were gathered. */
static bool job_is_stale(const struct run *r, const struct job *j)
{
	uint64_t at = job_facts_at(j);
	if (j->site->changed_at > at)
		return true;
	for (size_t i = 0; i < j->plan->ndeps; i++)
		if (r->jobs[j->plan->deps[i]].changed_at > at)
			return true;
	return false;
}

static enum job_state walk_job(struct run *r, struct job *j)
{
	struct err e = { 0 };
	struct site *site = j->site;
	if (enter_site(r, site, &e) < 0 || (job_is_stale(r, j) && gather_job(r, j, &e) < 0)) {
		fail_job(r, j, NULL, &e);
		return site->unreachable ? JOB_UNREACHABLE : JOB_FAILED;
	}
	for (size_t i = 0; i < j->plan->nsteps; i++) {
		if (stop_asked(r)) {
			stop_site(site, "interrupted");
			return JOB_SKIPPED;
		}
		if (walk_slot(r, j, &j->slots[i]) < 0)
			return site->unreachable ? JOB_UNREACHABLE : JOB_FAILED;
	}
	return JOB_DONE;
}

/* ---- who is next; everything here runs under r->mutex */

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
	settle_rest(r, j->site, j, 1, why);
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
		if (stop_asked(r))
			stop_site(site, "interrupted");
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
		tell_phase(r, site, text);
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
		tell_phase(r, j->site, text);
	}
}

static void walk_work(void *ctx)
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
			ended = walk_job(r, j);
			settle_rest(r, site, j, 1,
				    site->stopped ? site->why : "a step before it failed");
			facts_free(j->facts);
			j->facts = NULL;
		} else {
			leave_site(r, site);
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
static void walk(struct run *r)
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
	pool_run(pool_size(r->o->jobs, busy), walk_work, r);
}

/* ---- set-up and report */

static void name_the_run(struct run *r)
{
	now_run_id(r->run_id);
	char host[100] = "?";
	gethostname(host, sizeof(host) - 1);
	struct passwd pw;
	struct passwd *found = NULL;
	char scratch[1024];
	if (getpwuid_r(getuid(), &pw, scratch, sizeof(scratch), &found) != 0)
		found = NULL;
	snprintf(r->who, sizeof(r->who), "%.60s@%s pid %d", found ? found->pw_name : "?", host,
		 (int)getpid());
}

static void run_clear(struct run *r)
{
	for (size_t i = 0; i < r->nslots; i++) {
		free(r->slots[i].row.message);
		free(r->slots[i].row.diff);
	}
	for (size_t h = 0; r->sites && h < r->plan.nhosts; h++) {
		close_site(&r->sites[h]);
		facts_free(r->sites[h].facts);
	}
	free(r->slots);
	free(r->jobs);
	free(r->sites);
	plan_clear(&r->plan);
	pthread_cond_destroy(&r->moved);
	pthread_mutex_destroy(&r->mutex);
}

static int lay_out(struct run *r, struct err *e)
{
	size_t nslots = r->plan.nhosts;
	for (size_t i = 0; i < r->plan.njobs; i++)
		nslots += r->plan.jobs[i].nsteps;
	r->sites = calloc(r->plan.nhosts + 1, sizeof(*r->sites));
	r->jobs = calloc(r->plan.njobs + 1, sizeof(*r->jobs));
	r->slots = calloc(nslots + 1, sizeof(*r->slots));
	if (!r->sites || !r->jobs || !r->slots)
		return err_set(e, ERR_MEMORY, "out of memory for %zu rows", nslots);
	for (size_t h = 0; h < r->plan.nhosts; h++) {
		const struct plan_host *ph = &r->plan.hosts[h];
		struct site *site = &r->sites[h];
		site->host = ph->host;
		site->jobs = r->jobs + ph->first;
		site->njobs = ph->njobs;
		site->slots = r->slots + r->nslots;
		r->slots[r->nslots++].row.host = ph->host->name;
		for (size_t k = 0; k < ph->njobs; k++) {
			struct job *j = &site->jobs[k];
			j->plan = &r->plan.jobs[ph->first + k];
			j->site = site;
			j->slots = r->slots + r->nslots;
			for (size_t i = 0; i < j->plan->nsteps; i++)
				r->slots[r->nslots++] = (struct slot){
					.row = { .host = ph->host->name,
						 .recipe = j->plan->recipe->name,
						 .part = j->plan->recipe->part,
						 .step = j->plan->steps[i]->name },
					.step = j->plan->steps[i],
				};
		}
		site->nslots = (size_t)(r->slots + r->nslots - site->slots);
	}
	return 0;
}

static int hand_out(struct run *r, struct report *ret, struct err *e)
{
	struct report_row *rows = calloc(r->nslots + 1, sizeof(*rows));
	if (!rows)
		return err_set(e, ERR_MEMORY, "out of memory for the report");
	ret->rows = rows;
	ret->n = 0;
	for (size_t i = 0; i < r->nslots; i++) {
		struct slot *s = &r->slots[i];
		if (!s->final)
			continue;
		rows[ret->n] = s->row;
		s->row.message = s->row.diff = NULL;
		if (!rows[ret->n].message)
			rows[ret->n].message = strdup("");
		if (!rows[ret->n].message) {
			free(take_ptr(&rows[ret->n].diff));
			report_clear(ret);
			return err_set(e, ERR_MEMORY, "out of memory for the report");
		}
		ret->n++;
	}
	return 0;
}

int run_walk(enum walk w, const struct inventory *inv, const struct vault *vault,
	     const struct run_options *o, struct report *ret, struct err *e)
{
	static const struct purge none;
	uint64_t began = now_ms();
	__attribute__((cleanup(run_clear))) struct run r = {
		.walk = w,
		.inv = inv,
		.vault = vault,
		.o = o,
		.purge = o->purge ? o->purge : &none,
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER,
	};
	int rc = plan_make(w, inv, o->recipes, o->parts, o->limit, &r.plan, e);
	if (rc == 0)
		rc = lay_out(&r, e);
	if (rc < 0)
		return rc;
	name_the_run(&r);
	struct report report = { 0 };
	pool_each(o->jobs, r.plan.nhosts, survey_each, &r);
	report.stopped = w != WALK_DESTROY && find_refusals(&r, report.why, sizeof(report.why));
	if (stop_asked(&r))
		settle_survey(&r, "interrupted");
	else if (w == WALK_CHECK)
		settle_survey(&r, "the host could not be checked");
	else if (report.stopped)
		settle_survey(&r, "the run stopped before its first change");
	else
		walk(&r);
	rc = hand_out(&r, &report, e);
	if (rc < 0)
		return rc;
	report_count(&report);
	report.interrupted = atomic_load(&r.interrupted);
	report.ms = now_ms() - began;
	*ret = report;
	return 0;
}
