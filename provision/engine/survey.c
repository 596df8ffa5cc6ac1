/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/site.h"

#include <stdio.h>

#include "provision/engine/pool.h"

static void look_at(struct run *r, struct site *site)
{
	struct err e = { 0 };
	if (run_stop_asked(r)) {
		site_stop(site, "interrupted");
		return;
	}
	site_tell(r, site, "connecting");
	if (r->o->open(r->o->open_ctx, site->host, &site->ssh, &e) < 0) {
		site->ssh = NULL;
		/* Whatever keeps us from talking to it (its host key too) is the same to the others. */
		if (e.kind == ERR_TIMEOUT || e.kind == ERR_REFUSED || e.kind == ERR_FAILED)
			e.kind = ERR_UNREACHABLE;
		site_fail(r, site, &e);
		return;
	}
	site->ssh->timeout_s = r->o->timeout_s;
	site_tell(r, site, "checking");
	if (site_gather(r, site, &e) < 0) {
		if (e.kind == ERR_TIMEOUT)
			e.kind = ERR_UNREACHABLE;
		site_fail(r, site, &e);
		site_close(site);
		return;
	}
	for (size_t k = 0; k < site->njobs; k++) {
		struct job *j = &site->jobs[k];
		for (size_t i = 0; i < j->plan->nsteps; i++) {
			struct slot *s = &j->slots[i];
			err_clear(&e);
			bool told = slot_check(r, j, s, &e) == 0;
			if (!told && r->walk == WALK_DESTROY) {
				/* It is asked again in its turn, and fails only its own recipe. */
				site->has_work = true;
			} else if (!told) {
				slot_settle(r, s, OUT_FAILED, "%s", e.msg);
				site_stop(site, "'%s/%s' could not be checked on this host",
					  s->row.recipe, s->row.step);
			} else if (!run_at_goal(r, &s->seen)) {
				site->has_work = true;
				if (r->walk == WALK_CHECK)
					s->row.diff = slot_diff(r, j, s);
			}
		}
	}
	/* What is walked is asked again under the lock; the rest needs no connection any more. */
	facts_free(site->facts);
	site->facts = NULL;
	if (!site->has_work || site->stopped || r->walk == WALK_CHECK)
		site_close(site);
}

static void survey_each(void *ctx, size_t i)
{
	struct run *r = ctx;
	struct site *site = &r->sites[i];
	if (site->njobs)
		look_at(r, site);
	site_tell(r, site, site->ssh ? "waiting" : "done");
}

void survey_run(struct run *r)
{
	pool_each(r->o->jobs, r->plan.nhosts, survey_each, r);
}

bool survey_refusals(const struct run *r, char *why, size_t size)
{
	size_t n = 0;
	size_t len = 0;
	for (size_t i = 0; i < r->nslots; i++) {
		const struct slot *s = &r->slots[i];
		if (!s->step || !s->known || !slot_refuses(r, s))
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

void survey_settle(struct run *r, const char *why)
{
	for (size_t h = 0; h < r->plan.nhosts; h++) {
		struct site *site = &r->sites[h];
		for (size_t k = 1; k < site->nslots; k++) {
			struct slot *s = &site->slots[k];
			if (s->final || !s->known)
				continue;
			if (slot_refuses(r, s))
				slot_settle(r, s, OUT_REFUSED, "%s", s->seen.why);
			else if (r->walk == WALK_CHECK && !run_at_goal(r, &s->seen)) {
				s->row.now = run_goal(r);
				slot_settle(r, s, OUT_CHANGED, "%s", s->seen.why);
			}
		}
		site_settle_rest(r, site, site->jobs, site->njobs, site->stopped ? site->why : why);
		site_leave(r, site);
	}
}
