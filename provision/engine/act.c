/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/site.h"

#include <stdio.h>
#include <string.h>

#include "base/steady.h"
#include "provision/files.h"

#define LOCK_TIMEOUT_S 20
/* How long the lock waits for a command of a run that died: the longest that a step's command may
 * take is a package's installation. */
#define LOCK_WAIT_S 600
#define LOCK_PATH "/run/powerstack.lock"

static int take_lock(struct run *r, struct site *site, struct err *e)
{
	static const char *const verbs[] = {
		[WALK_DEPLOY] = "deploy", [WALK_CHECK] = "deploy --check", [WALK_DESTROY] = "destroy"
	};
	struct script script = { "lock", files_text("lock.sh") };
	if (!script.text)
		return err_set(e, ERR_BUG, "the script 'lock.sh' is not built in");
	char wait[16];
	snprintf(wait, sizeof(wait), "%d", LOCK_WAIT_S);
	const char *const argv[] = { LOCK_PATH, r->who, verbs[r->walk], wait, NULL };
	struct cmd cmd = {
		.script = &script,
		.argv = argv,
		.flags = CMD_SUDO | CMD_ANY_STATUS,
		.timeout_s = LOCK_TIMEOUT_S + LOCK_WAIT_S,
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
		else if (strncmp(said, "busy ", 5) == 0)
			rc = err_set(e, ERR_FAILED,
				     "a command of a run that was cut off is still at work on this node (process %.*s); "
				     "wait for its end, or end it there, and run this again",
				     (int)(len - 5), said + 5);
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
	enum outcome o = run_outcome(e);
	if (e->kind == ERR_INTERRUPTED)
		atomic_store(&r->interrupted, true);
	if (s || e->kind != ERR_INTERRUPTED)
		slot_settle(r, s ? s : &site->slots[0], o, "%s", e->msg);
	if (e->kind == ERR_INTERRUPTED)
		site_stop(site, "interrupted");
	else if (o == OUT_UNREACHABLE) {
		site->unreachable = true;
		site_stop(site, "the connection to '%s' is lost", site->host->name);
	} else if (!s)
		site_stop(site, "the host failed");
	else if (r->walk != WALK_DESTROY)
		site_stop(site, "'%s/%s' failed on this host", s->row.recipe, s->row.step);
}

/* The lock, then everything asked again: what is true now decides. */
static int enter_site(struct run *r, struct site *site, struct err *e)
{
	if (site->locked)
		return 0;
	site_tell(r, site, "locking");
	int rc = take_lock(r, site, e);
	if (rc < 0)
		return rc;
	site_tell(r, site, "checking");
	return site_gather(r, site, e);
}

struct stage {
	const struct run *r;
	const struct slot *s;
};

static void stage_progress(void *ctx, uint64_t done, uint64_t total)
{
	const struct stage *st = ctx;
	run_tell(st->r, &(struct event){ .kind = EV_PROGRESS,
					 .host = st->s->row.host,
					 .recipe = st->s->row.recipe,
					 .step = st->s->row.step,
					 .text = st->s->step->does,
					 .done = done,
					 .total = total });
}

static void stage_doing(void *ctx, const char *text)
{
	const struct stage *st = ctx;
	run_tell(st->r, &(struct event){ .kind = EV_DOING,
					 .host = st->s->row.host,
					 .recipe = st->s->row.recipe,
					 .step = st->s->row.step,
					 .text = text });
}

static bool is_walked(const struct run *r, const struct host *host)
{
	for (size_t h = 0; h < r->plan.nhosts; h++)
		if (r->plan.hosts[h].host == host && r->plan.hosts[h].njobs)
			return true;
	return false;
}

static int stage_reach(void *ctx, const struct host *host, struct session **ret, struct err *e)
{
	const struct stage *st = ctx;
	bool destroys = st->r->walk == WALK_DESTROY;
	*ret = NULL;
	if (destroys && is_walked(st->r, host))
		return 0;
	struct err why = { 0 };
	if (st->r->o->open(st->r->o->open_ctx, host, ret, &why) == 0) {
		(*ret)->timeout_s = st->r->o->timeout_s;
		(*ret)->finishes = true;
		return 0;
	}
	*ret = NULL;
	if (!destroys || why.kind == ERR_INTERRUPTED)
		/* this host is not the one that is unreachable */
		return err_set(e, why.kind == ERR_UNREACHABLE ? ERR_FAILED : why.kind,
			       "'%s' is needed for this: %s", host->name, why.msg);
	char text[300];
	snprintf(text, sizeof(text), "going on without %s: %.200s", host->name, why.msg);
	run_tell(st->r, &(struct event){ .kind = EV_HOST, .host = st->s->row.host, .text = text });
	return 0;
}

/* Applies or takes back one step, then asks the recipe's questions again; their answer decides. */
static int act(struct run *r, struct job *j, struct slot *s, struct err *e)
{
	struct stage stage = { r, s };
	struct hand hand = {
		.view = site_view(r, j->site, site_job_facts(j)),
		.ssh = j->site->ssh,
		.progress = stage_progress,
		.doing = stage_doing,
		.progress_ctx = &stage,
		.reach = stage_reach,
		.reach_ctx = &stage,
	};
	const struct step_ops *ops = s->step->ops;
	struct finding before = s->seen;
	run_tell(r, &(struct event){ .kind = EV_STEP,
				     .host = s->row.host,
				     .recipe = s->row.recipe,
				     .step = s->row.step,
				     .text = s->step->does });
	uint64_t began = steady_ms();
	hand.ssh->finishes = true;	/* a first Ctrl-C leaves no package half installed */
	int rc = (r->walk == WALK_DESTROY ? ops->undo : ops->apply)(s->step, &hand, e);
	j->changed_at = j->site->changed_at = atomic_fetch_add(&r->clock, 1) + 1;
	if (rc == 0 && (rc = site_gather_job(r, j, e)) < 0)
		rc = err_wrap(e, "it was %s, but could not be checked afterwards",
			      r->walk == WALK_DESTROY ? "taken back" : "applied");
	if (rc == 0)
		rc = slot_check(r, j, s, e);
	hand.ssh->finishes = false;
	s->row.ms = steady_ms() - began;
	if (rc < 0)
		return rc;
	if (s->seen.is != run_goal(r))
		return err_set(e, ERR_FAILED,
			       "it was %s without an error, but is still not so: before %s (%s), now %s (%s)",
			       r->walk == WALK_DESTROY ? "taken back" : "applied",
			       presence_name(before.is), before.why, presence_name(s->seen.is),
			       s->seen.why);
	s->row.now = s->seen.is;
	slot_settle(r, s, OUT_CHANGED, "%s", before.why);
	return 0;
}

/* One row with the newest facts. Negative when the job ends here. */
static int walk_slot(struct run *r, struct job *j, struct slot *s)
{
	struct err e = { 0 };
	s->known = false;	/* what the survey saw may be history: the row tells what is now */
	int rc = slot_check(r, j, s, &e);
	if (rc == 0 && run_at_goal(r, &s->seen)) {
		slot_settle(r, s, OUT_OK, "%s", s->seen.why);
		return 0;
	}
	if (rc == 0 && slot_refuses(r, s))
		rc = err_set(&e, ERR_REFUSED, "%s", s->seen.why);
	if (rc == 0) {
		s->row.diff = slot_diff(r, j, s);
		rc = act(r, j, s, &e);
	}
	if (rc < 0)
		fail_job(r, j, s, &e);
	return rc;
}

/* Something that this job leans on changed after its facts were gathered. */
static bool job_is_stale(const struct run *r, const struct job *j)
{
	uint64_t at = site_job_facts_at(j);
	if (j->site->changed_at > at)
		return true;
	for (size_t i = 0; i < j->plan->ndeps; i++)
		if (r->jobs[j->plan->deps[i]].changed_at > at)
			return true;
	return false;
}

enum job_state act_on_job(struct run *r, struct job *j)
{
	struct err e = { 0 };
	struct site *site = j->site;
	if (enter_site(r, site, &e) < 0 || (job_is_stale(r, j) && site_gather_job(r, j, &e) < 0)) {
		fail_job(r, j, NULL, &e);
		return site->unreachable ? JOB_UNREACHABLE : JOB_FAILED;
	}
	for (size_t i = 0; i < j->plan->nsteps; i++) {
		if (run_stop_asked(r)) {
			site_stop(site, "interrupted");
			return JOB_SKIPPED;
		}
		if (walk_slot(r, j, &j->slots[i]) < 0)
			return site->unreachable ? JOB_UNREACHABLE : JOB_FAILED;
	}
	return JOB_DONE;
}
