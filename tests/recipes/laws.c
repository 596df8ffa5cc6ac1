/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/recipes/laws.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/plan.h"
#include "provision/provision.h"

#define MUST(call)                  \
	do {                        \
		int rc_ = (call);   \
		if (rc_ < 0)        \
			return rc_; \
	} while (0)

#define AUTO_NET __attribute__((cleanup(net_clear))) struct fake_net *
#define AUTO_REPORT __attribute__((cleanup(report_clear))) struct report

static void net_clear(struct fake_net **net)
{
	fake_net_free(*net);
}

static bool is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz", rest[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	return s && strspn(s, letters) && s[strspn(s, rest)] == '\0';
}

int law_names(const struct law_world *w, struct err *e)
{
	for (size_t i = 0; w->recipes[i]; i++) {
		const struct recipe *r = w->recipes[i];
		if (!is_name(r->name) || !r->part || !*r->part || !r->summary || !*r->summary)
			return err_set(e, ERR_FAILED, "recipe '%s' lacks a name, part or summary",
				       r->name ? r->name : "?");
		if (!(r->roles & ROLE_ANY) && !(r->roles & ROLE_CONTROL))
			return err_set(e, ERR_FAILED, "recipe '%s' is for no host", r->name);
		for (size_t k = 0; k < r->nsteps; k++) {
			const struct step *s = &r->steps[k];
			if (!is_name(s->name) || !s->does || !*s->does)
				return err_set(e, ERR_FAILED, "'%s' step %zu lacks name or sentence",
					       r->name, k);
			for (size_t m = 0; m < k; m++)
				if (strcmp(r->steps[m].name, s->name) == 0)
					return err_set(e, ERR_FAILED, "'%s/%s' stands there twice",
						       r->name, s->name);
		}
	}
	/* Unique recipe names, `after` and circles are what plan_make itself insists on. */
	struct plan p = { 0 };
	MUST(plan_make(WALK_DEPLOY, w->inv, w->recipes, NULL, NULL, &p, e));
	plan_clear(&p);
	return 0;
}

int law_undo_or_reason(const struct law_world *w, struct err *e)
{
	for (size_t i = 0; w->recipes[i]; i++) {
		const struct recipe *r = w->recipes[i];
		for (size_t k = 0; k < r->nsteps; k++) {
			const struct step *s = &r->steps[k];
			if (!s->ops || !s->ops->ask || !s->ops->check)
				return err_set(e, ERR_FAILED, "'%s/%s' cannot be asked or checked",
					       r->name, s->name);
			if (!s->ops->undo && (!s->no_undo || !*s->no_undo))
				return err_set(e, ERR_FAILED,
					       "'%s/%s' has no undo and does not say why", r->name,
					       s->name);
			if (s->ops->undo && s->no_undo)
				return err_set(e, ERR_FAILED,
					       "'%s/%s' has an undo and a reason for having none",
					       r->name, s->name);
		}
	}
	return 0;
}

/* ---- walks over the world */

struct listener {
	struct strv said;	/* events and the log, for law_secrets; NULL v otherwise unused */
	bool listening;
	pthread_mutex_t mutex;	/* events come under the engine's lock, the log under the net's */
};

static void hear_event(void *ctx, const struct event *ev)
{
	struct listener *l = ctx;
	if (!l->listening)
		return;
	pthread_mutex_lock(&l->mutex);
	strv_pushf(&l->said, "%s %s", ev->text ? ev->text : "", ev->row ? ev->row->message : "");
	pthread_mutex_unlock(&l->mutex);
}

static int walk(const struct law_world *w, struct fake_net *net, enum walk walk, bool diff,
		struct listener *l, struct report *ret, struct err *e)
{
	const struct watcher watcher = { .event = hear_event, .ctx = l };
	struct run_options o = {
		.open = fake_open,
		.open_ctx = net,
		.recipes = w->recipes,
		.parts = w->parts,
		.artifacts = w->artifacts,
		.purge = walk == WALK_DESTROY ? w->purge : NULL,
		.diff = diff,
		/* one after another, so that the k-th command is the same one each time and no state is left out */
		.jobs = net->kill_at ? 1 : 0,
		.watcher = l ? &watcher : NULL,
	};
	report_clear(ret);
	return provision_run(walk, w->inv, w->vault, &o, ret, e);
}

/* What went wrong in a walk that should have gone well. */
static int expect_done(const char *what, unsigned k, const struct report *r, enum walk walk,
		       struct err *e)
{
	if (report_exit(r, walk) == 0)
		return 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &r->rows[i];
		if (row->outcome == OUT_OK || row->outcome == OUT_CHANGED)
			continue;
		return err_set(e, ERR_FAILED, "%s (cut at %u): '%s' %s/%s is %s: %s", what, k,
			       row->host, row->recipe ? row->recipe : "-",
			       row->step ? row->step : "-", outcome_name(row->outcome),
			       row->message);
	}
	return err_set(e, ERR_FAILED, "%s (cut at %u) did not go well: %s", what, k, r->why);
}

static int expect_no_change(const char *what, const struct law_world *w, struct fake_net *net,
			    enum walk way, struct err *e)
{
	AUTO_REPORT r = { 0 };
	fake_net_rearm(net);
	MUST(walk(w, net, way, false, NULL, &r, e));
	MUST(expect_done(what, 0, &r, way, e));
	for (size_t i = 0; i < r.n; i++)
		if (r.rows[i].outcome == OUT_CHANGED)
			return err_set(e, ERR_FAILED, "%s: '%s' %s/%s is changed once more: %s",
				       what, r.rows[i].host, r.rows[i].recipe, r.rows[i].step,
				       r.rows[i].message);
	for (size_t i = 0; i < net->nhosts; i++) {
		const struct fake_host *h = net->hosts[i];
		if (h->opens > 1 || h->commands > 1)
			return err_set(e, ERR_FAILED,
				       "%s: with nothing to do, '%s' took %u connections and %u commands",
				       what, h->name, h->opens, h->commands);
	}
	return 0;
}

static int deploy_whole(const struct law_world *w, struct fake_net *net, struct err *e)
{
	AUTO_REPORT r = { 0 };
	fake_net_rearm(net);
	MUST(walk(w, net, WALK_DEPLOY, false, NULL, &r, e));
	return expect_done("deploy", 0, &r, WALK_DEPLOY, e);
}

int law_converges(const struct law_world *w, struct err *e)
{
	AUTO_NET net = w->bare(w->ctx);
	AUTO_REPORT r = { 0 };
	MUST(walk(w, net, WALK_DEPLOY, false, NULL, &r, e));
	MUST(expect_done("deploy", 0, &r, WALK_DEPLOY, e));
	for (size_t i = 0; i < r.n; i++)
		if (r.rows[i].now != PRESENT)
			return err_set(e, ERR_FAILED, "deploy: '%s' %s/%s ends %s", r.rows[i].host,
				       r.rows[i].recipe, r.rows[i].step,
				       presence_name(r.rows[i].now));
	return expect_no_change("a second deploy", w, net, WALK_DEPLOY, e);
}

static char *dump(const struct fake_net *net)
{
	struct buf b;
	buf_init(&b, 256 * 1024 * 1024);
	fake_net_dump(net, &b);
	return buf_take(&b);
}

int law_check_tells(const struct law_world *w, struct err *e)
{
	AUTO_NET net = w->bare(w->ctx);
	AUTO_REPORT told = { 0 };
	AUTO_REPORT done = { 0 };
	AUTO_FREE char *before = dump(net);
	MUST(walk(w, net, WALK_CHECK, true, NULL, &told, e));
	AUTO_FREE char *after = dump(net);
	if (strcmp(before, after) != 0 || fake_net_changes(net))
		return err_set(e, ERR_FAILED, "deploy --check changed something");
	if (report_exit(&told, WALK_CHECK) != 4)
		return err_set(e, ERR_FAILED, "deploy --check on bare machines ends with %d",
			       report_exit(&told, WALK_CHECK));
	MUST(walk(w, net, WALK_DEPLOY, false, NULL, &done, e));
	MUST(expect_done("deploy", 0, &done, WALK_DEPLOY, e));
	if (told.n != done.n)
		return err_set(e, ERR_FAILED, "deploy --check lists %zu rows, deploy %zu", told.n,
			       done.n);
	for (size_t i = 0; i < done.n; i++)
		if (done.rows[i].outcome == OUT_CHANGED && told.rows[i].outcome != OUT_CHANGED)
			return err_set(e, ERR_FAILED,
				       "'%s' %s/%s is changed, but --check said it is %s",
				       done.rows[i].host, done.rows[i].recipe, done.rows[i].step,
				       outcome_name(told.rows[i].outcome));
	return 0;
}

/* Lines of b that a lacks. */
static int expect_bare(const struct law_world *w, const char *what, unsigned k, const char *before,
		       const struct fake_net *net, struct err *e)
{
	AUTO_FREE char *after = dump(net);
	for (int turn = 0; turn < 2; turn++) {
		const char *a = turn ? after : before;
		char *b = turn ? strdup(before) : strdup(after);
		AUTO_FREE char *owned = b;
		char *save = NULL;
		for (char *line = strtok_r(b, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			AUTO_FREE char *whole = NULL;
			if (asprintf(&whole, "%s\n", line) < 0)
				abort();
			if (strstr(a, whole) || (w->may_stay && w->may_stay(w->ctx, line)))
				continue;
			return err_set(e, ERR_FAILED, "%s (cut at %u) %s '%s'", what, k,
				       turn ? "took away" : "leaves", line);
		}
	}
	return 0;
}

/* Destroy, and destroy again: nothing more to do, and nothing left. */
static int destroy_whole(const struct law_world *w, const char *what, unsigned k,
			 const char *before, struct fake_net *net, struct err *e)
{
	AUTO_REPORT r = { 0 };
	fake_net_rearm(net);
	MUST(walk(w, net, WALK_DESTROY, false, NULL, &r, e));
	MUST(expect_done(what, k, &r, WALK_DESTROY, e));
	for (size_t i = 0; i < r.n; i++)
		if (r.rows[i].now != ABSENT && r.rows[i].now != FOREIGN)
			return err_set(e, ERR_FAILED, "%s (cut at %u): '%s' %s/%s ends %s", what, k,
				       r.rows[i].host, r.rows[i].recipe, r.rows[i].step,
				       presence_name(r.rows[i].now));
	MUST(expect_no_change(what, w, net, WALK_DESTROY, e));
	return expect_bare(w, what, k, before, net, e);
}

int law_destroys(const struct law_world *w, struct err *e)
{
	AUTO_NET net = w->bare(w->ctx);
	AUTO_FREE char *before = dump(net);
	MUST(deploy_whole(w, net, e));
	return destroy_whole(w, "destroy", 0, before, net, e);
}

/* Runs `way` and kills it at command k. *ret_cut is false when it ended before that. */
static int cut(const struct law_world *w, struct fake_net *net, enum walk way, unsigned k,
	       bool after, bool *ret_cut, struct err *e)
{
	AUTO_REPORT r = { 0 };
	fake_net_rearm(net);
	net->kill_at = k;
	net->kill_after = after;
	MUST(walk(w, net, way, false, NULL, &r, e));
	*ret_cut = net->killed;
	fake_net_rearm(net);
	return 0;
}

/* What a run killed before its command k left is what one killed after k - 1 left: k = 0 is before the first. */
static int cut_at(const struct law_world *w, struct fake_net *net, enum walk way, unsigned k, bool *ret_cut,
		  struct err *e)
{
	return cut(w, net, way, k ? k : 1, k > 0, ret_cut, e);
}

int law_cut_deploy(const struct law_world *w, struct err *e)
{
	bool was_cut = true;
	for (unsigned k = 0; was_cut; k++) {
		AUTO_NET net = w->bare(w->ctx);
		AUTO_NET down = w->bare(w->ctx);
		AUTO_FREE char *before = dump(down);
		AUTO_REPORT r = { 0 };
		MUST(cut_at(w, net, WALK_DEPLOY, k, &was_cut, e));
		MUST(walk(w, net, WALK_DEPLOY, false, NULL, &r, e));
		MUST(expect_done("deploy after a cut one", k, &r, WALK_DEPLOY, e));
		MUST(expect_no_change("deploy after a cut and a whole one", w, net, WALK_DEPLOY, e));
		bool again;
		MUST(cut_at(w, down, WALK_DEPLOY, k, &again, e));
		MUST(destroy_whole(w, "destroy after a cut deploy", k, before, down, e));
	}
	return 0;
}

int law_cut_destroy(const struct law_world *w, struct err *e)
{
	bool was_cut = true;
	for (unsigned k = 0; was_cut; k++) {
		AUTO_NET net = w->bare(w->ctx);
		AUTO_FREE char *before = dump(net);
		MUST(deploy_whole(w, net, e));
		MUST(cut_at(w, net, WALK_DESTROY, k, &was_cut, e));
		MUST(destroy_whole(w, "destroy after a cut one", k, before, net, e));
	}
	return 0;
}

/* ---- foreign things */

static int foreign_step(const struct law_world *w, size_t host, const struct recipe *r,
			const struct step *s, struct err *e)
{
	AUTO_NET net = w->bare(w->ctx);
	AUTO_REPORT report = { 0 };
	struct fake_host *h = fake_net_host(net, w->inv->hosts[host].name);
	if (!w->make_foreign(w->ctx, h, r, s))
		return 0;
	AUTO_FREE char *before = dump(net);
	MUST(walk(w, net, WALK_DEPLOY, false, NULL, &report, e));
	AUTO_FREE char *after = dump(net);
	if (!report.stopped || fake_net_changes(net) || strcmp(before, after) != 0)
		return err_set(e, ERR_FAILED, "what '%s/%s' is about is foreign on '%s', but deploy %s",
			       r->name, s->name, h->name,
			       report.stopped ? "changed something" : "did not stop");
	MUST(walk(w, net, WALK_DESTROY, false, NULL, &report, e));
	AUTO_FREE char *end = dump(net);
	if (strcmp(before, end) != 0)
		return err_set(e, ERR_FAILED,
			       "what '%s/%s' is about is foreign on '%s', but destroy changed something",
			       r->name, s->name, h->name);
	return 0;
}

static bool in_parts(const struct law_world *w, const char *part)
{
	for (const char *const *p = w->parts; p && *p; p++)
		if (strcmp(*p, part) == 0)
			return true;
	return !w->parts;
}

int law_foreign(const struct law_world *w, struct err *e)
{
	for (size_t h = 0; w->make_foreign && h < w->inv->nhosts; h++) {
		for (size_t i = 0; w->recipes[i]; i++) {
			const struct recipe *r = w->recipes[i];
			for (size_t k = 0; k < r->nsteps; k++) {
				const struct step *s = &r->steps[k];
				if (in_parts(w, r->part) && (r->roles & w->inv->hosts[h].roles) &&
				    !(r->but_roles & w->inv->hosts[h].roles) &&
				    (!s->when || s->when(w->inv, &w->inv->hosts[h])))
					MUST(foreign_step(w, h, r, s, e));
			}
		}
	}
	return 0;
}

/* ---- secrets */

static void hear_ran(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		     const struct err *e)
{
	struct listener *l = ctx;
	(void)host;
	pthread_mutex_lock(&l->mutex);
	for (size_t i = 0; cmd->argv && cmd->argv[i]; i++)
		strv_push(&l->said, cmd->argv[i]);
	if (a)
		strv_pushf(&l->said, "%s %s", cmd->flags & CMD_SECRET_OUT ? "" : buf_str(&a->out), buf_str(&a->err));
	if (e)
		strv_push(&l->said, e->msg);
	pthread_mutex_unlock(&l->mutex);
}

static int no_secret(const struct law_world *w, const char *where, const char *text,
		     struct err *e)
{
	for (size_t i = 0; text && w->secrets[i]; i++)
		if (strstr(text, w->secrets[i]))
			return err_set(e, ERR_FAILED, "a planted secret (%zu) stands in %s", i, where);
	return 0;
}

static bool reached_a_host(const struct fake_net *net, const char *secret)
{
	for (size_t i = 0; i < net->nhosts; i++)
		for (size_t k = 0; k < net->hosts[i]->nrecords; k++)
			if (memmem(net->hosts[i]->records[k].in, net->hosts[i]->records[k].in_len,
				   secret, strlen(secret)))
				return true;
	return false;
}

int law_secrets(const struct law_world *w, struct err *e)
{
	static const struct {
		enum walk walk;
		bool diff;
	} runs[] = {
		{ WALK_CHECK, true },
		{ WALK_DEPLOY, true },
		{ WALK_CHECK, true },
		{ WALK_DESTROY, false },
	};
	AUTO_NET net = w->bare(w->ctx);
	for (size_t i = 0; w->secrets && i < COUNT(runs); i++) {
		AUTO_REPORT r = { 0 };
		struct listener l = { .listening = true, .mutex = PTHREAD_MUTEX_INITIALIZER };
		fake_net_rearm(net);
		net->ran = hear_ran;
		net->ran_ctx = &l;
		int rc = walk(w, net, runs[i].walk, runs[i].diff, &l, &r, e);
		for (size_t k = 0; rc == 0 && k < l.said.n; k++)
			rc = no_secret(w, "a command, the log or an event", l.said.v[k], e);
		for (size_t k = 0; rc == 0 && k < r.n; k++) {
			rc = no_secret(w, "a row's message", r.rows[k].message, e);
			if (rc == 0)
				rc = no_secret(w, "a diff", r.rows[k].diff, e);
		}
		for (size_t k = 0; rc == 0 && w->secrets[k] && runs[i].walk == WALK_DEPLOY; k++)
			if (!reached_a_host(net, w->secrets[k]))
				rc = err_set(e, ERR_FAILED, "planted secret %zu reached no host", k);
		strv_clear(&l.said);
		MUST(rc);
	}
	return 0;
}
