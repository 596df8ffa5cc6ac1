/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_SITE_H
#define PROVISION_ENGINE_SITE_H
/*
 * A walk's working memory, and what its parts share. Inside the engine only.
 *
 *	run.c		sets up, and hands the report out
 *	survey.c	the first pass: nothing but looking
 *	schedule.c	who is next
 *	act.c		one job on one host; the only caller of apply and undo
 *	site.c		rows, questions, checks; the only caller of ask and check
 */
#include <pthread.h>
#include <stdatomic.h>

#include "provision/engine/plan.h"
#include "provision/engine/run.h"

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
	bool cluster_goes;
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

/* ---- telling and deciding (site.c) */

void run_tell(const struct run *r, const struct event *ev);
void site_tell(const struct run *r, const struct site *site, const char *phase);
/* True once the user asked to stop; remembered, because it was then noticed. */
bool run_stop_asked(struct run *r);
enum presence run_goal(const struct run *r);
/* A finding that leaves nothing to do. */
bool run_at_goal(const struct run *r, const struct finding *f);
/* What an error makes of the row or host that it hit. */
enum outcome run_outcome(const struct err *e);
/* FOREIGN, or a precondition that is not met; never on the way down. */
bool slot_refuses(const struct run *r, const struct slot *s);
/* The row is final; the message is made printable. */
void slot_settle(const struct run *r, struct slot *s, enum outcome o, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Decides every row of n jobs of the site that is still open: what was seen to be as wanted is so, the
 * rest was not tried. Rows that were never seen say nothing beside a row about the whole host. */
void site_settle_rest(struct run *r, struct site *site, struct job *first, size_t n,
		      const char *why);

/* ---- asking and checking (site.c) */

struct view site_view(const struct run *r, const struct site *site, const struct facts *facts);
/* All questions of the site, or of one job, in one command. */
int site_gather(struct run *r, struct site *site, struct err *e);
int site_gather_job(struct run *r, struct job *j, struct err *e);
/* The newest facts that cover the job, and how old they are. */
const struct facts *site_job_facts(const struct job *j);
uint64_t site_job_facts_at(const struct job *j);
/* Checks the row with the newest facts, into s->seen. */
int slot_check(struct run *r, struct job *j, struct slot *s, struct err *e);
/* The difference that the step would make, when it was asked for and can be told; free() it. */
char *slot_diff(const struct run *r, const struct job *j, const struct slot *s);

/* ---- hosts (site.c) */

void site_close(struct site *site);
/* Closes it and tells that it is done. */
void site_leave(struct run *r, struct site *site);
/* No job starts here any more; the first reason stands. */
void site_stop(struct site *site, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The host as a whole cannot be worked on. */
void site_fail(struct run *r, struct site *site, const struct err *e);

/* ---- the passes */

void survey_run(struct run *r);
/* Says who refuses, and that nothing was changed. True when somebody does. */
bool survey_refusals(const struct run *r, char *why, size_t size);
/* The rows of a walk that ends with the first pass. */
void survey_settle(struct run *r, const char *why);
/* Walks all jobs of the hosts that have something to do. */
void schedule_run(struct run *r);
/* Walks one job; called by one thread per site. */
enum job_state act_on_job(struct run *r, struct job *j);

#endif
