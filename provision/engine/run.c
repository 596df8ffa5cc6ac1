/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/run.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/steady.h"
#include "provision/engine/run_id.h"
#include "provision/engine/site.h"

static void name_the_run(struct run *r)
{
	run_id(r->run_id);
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
		site_close(&r->sites[h]);
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
	uint64_t began = steady_ms();
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
	for (size_t i = 0; i < r.plan.njobs; i++)
		r.cluster_goes |= w == WALK_DESTROY && r.plan.jobs[i].recipe->holds_cluster;
	struct report report = { 0 };
	survey_run(&r);
	report.stopped = w != WALK_DESTROY && survey_refusals(&r, report.why, sizeof(report.why));
	if (run_stop_asked(&r))
		survey_settle(&r, "interrupted");
	else if (w == WALK_CHECK)
		survey_settle(&r, "the host could not be checked");
	else if (report.stopped)
		survey_settle(&r, "the run stopped before its first change");
	else
		schedule_run(&r);
	rc = hand_out(&r, &report, e);
	if (rc < 0)
		return rc;
	report_count(&report);
	report.interrupted = atomic_load(&r.interrupted);
	report.ms = steady_ms() - began;
	*ret = report;
	return 0;
}
