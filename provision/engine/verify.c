/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "base/steady.h"
#include "provision/engine/run_id.h"
#include "provision/engine/plan.h"
#include "provision/engine/pool.h"
#include "provision/engine/run.h"

#define PROBE_TIMEOUT_S 60
#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS 5000
#define LOOK_EVERY_MS 50	/* how soon a pause notices the user's wish to stop */

/* A row that belongs to a host; the report's row is filled in when it is final. */
struct item {
	const struct check *check;
	struct verify_row *row;
	bool final;
};

struct spot {			/* one host during a verify; one thread works on it at a time */
	const struct host *host;
	struct session *ssh;
	struct item *items;
	size_t nitems;
	bool lost;
	char why[300];		/* when lost */
};

struct verify {
	const struct inventory *inv;
	const struct vault *vault;
	const struct run_options *o;
	char run_id[17];
	struct spot *spots;
	size_t nspots;
	unsigned phase;
	atomic_bool interrupted;
};

static bool stop_asked(struct verify *v)
{
	if (!v->o->cancel || !atomic_load(&v->o->cancel->requested))
		return false;
	atomic_store(&v->interrupted, true);
	return true;
}

static void tell(const struct verify *v, const struct event *ev)
{
	const struct watcher *w = v->o->watcher;
	if (w && w->event)
		w->event(w->ctx, ev);
}

static void tell_phase(const struct verify *v, const struct spot *sp, const char *text)
{
	tell(v, &(struct event){ .kind = EV_HOST, .host = sp->host->name, .text = text });
}

static void settle(struct verify *v, struct spot *sp, struct item *it, enum verdict verdict,
		   uint64_t began)
{
	it->row->verdict = verdict;
	it->row->ms = steady_ms() - began;
	report_line(it->row->why);
	it->final = true;
	tell(v, &(struct event){ .kind = EV_CHECK,
				 .host = sp->host->name,
				 .text = it->check->what,
				 .check_row = it->row });
}

static bool is_pending(const struct verify *v, const struct item *it)
{
	return !it->final && it->check->phase == v->phase;
}

static void settle_pending(struct verify *v, struct spot *sp, enum verdict verdict,
			   const char *why, uint64_t began)
{
	for (size_t i = 0; i < sp->nitems; i++) {
		if (!is_pending(v, &sp->items[i]))
			continue;
		snprintf(sp->items[i].row->why, sizeof(sp->items[i].row->why), "%s", why);
		settle(v, sp, &sp->items[i], verdict, began);
	}
}

static struct view view_of(const struct verify *v, const struct spot *sp,
			   const struct facts *facts)
{
	static const struct purge none;
	return (struct view){
		.inv = v->inv,
		.host = sp->host,
		.facts = facts,
		.vault = v->vault,
		.purge = &none,
		.artifacts = v->o->artifacts,
		.kubeconfig = v->o->kubeconfig,
		.run_id = v->run_id,
	};
}

/* One probe with what is still open, and its verdicts. A row that fails stays open until its
 * deadline; an answer that did not come fails all that were asked. */
static int ask_once(struct verify *v, struct spot *sp, uint64_t began, struct err *e)
{
	__attribute__((cleanup(probe_clear))) struct probe p = { 0 };
	struct view view = view_of(v, sp, NULL);
	for (size_t i = 0; i < sp->nitems; i++)
		if (is_pending(v, &sp->items[i]))
			sp->items[i].check->ask(sp->items[i].check, &view, &p);
	struct facts *facts = NULL;
	int rc = facts_gather(sp->ssh, &p, PROBE_TIMEOUT_S, &facts, e);
	if (rc == -(int)ERR_UNREACHABLE || rc == -(int)ERR_INTERRUPTED)
		return rc;
	view.facts = facts;
	for (size_t i = 0; i < sp->nitems; i++) {
		struct item *it = &sp->items[i];
		if (!is_pending(v, it))
			continue;
		enum verdict verdict = CHECK_FAIL;
		if (rc < 0)
			snprintf(it->row->why, sizeof(it->row->why), "%.390s", e->msg);
		else
			verdict = it->check->judge(it->check, &view, it->row->why,
						   sizeof(it->row->why));
		if (verdict != CHECK_FAIL || v->o->once ||
		    steady_ms() - began >= (uint64_t)it->check->deadline_s * 1000)
			settle(v, sp, it, verdict, began);
	}
	facts_free(facts);
	return 0;
}

/* How long until the first open row has to be asked for the last time; 0: nothing is open. */
static uint64_t first_deadline(const struct verify *v, const struct spot *sp, uint64_t began)
{
	uint64_t spent = steady_ms() - began;
	uint64_t least = 0;
	for (size_t i = 0; i < sp->nitems; i++) {
		if (!is_pending(v, &sp->items[i]))
			continue;
		uint64_t deadline = (uint64_t)sp->items[i].check->deadline_s * 1000;
		uint64_t left = deadline > spent ? deadline - spent : 1;
		if (!least || left < least)
			least = left;
	}
	return least;
}

static void pause_ms(struct verify *v, uint64_t ms)
{
	uint64_t end = steady_ms() + ms;
	for (uint64_t now = steady_ms(); now < end && !stop_asked(v); now = steady_ms()) {
		uint64_t some = end - now < LOOK_EVERY_MS ? end - now : LOOK_EVERY_MS;
		nanosleep(&(struct timespec){ .tv_nsec = (long)some * 1000000 }, NULL);
	}
}

static void lose_spot(struct spot *sp, const struct err *e)
{
	session_close(sp->ssh);
	sp->ssh = NULL;
	sp->lost = true;
	snprintf(sp->why, sizeof(sp->why), "unreachable: %.280s", e->msg);
}

static void open_spot(struct verify *v, struct spot *sp)
{
	struct err e = { 0 };
	tell_phase(v, sp, "connecting");
	if (v->o->open(v->o->open_ctx, sp->host, &sp->ssh, &e) == 0) {
		sp->ssh->timeout_s = v->o->timeout_s;
		return;
	}
	sp->ssh = NULL;
	if (e.kind == ERR_INTERRUPTED)
		stop_asked(v);
	else
		lose_spot(sp, &e);
}

static void verify_spot(struct verify *v, struct spot *sp)
{
	uint64_t began = steady_ms();
	if (first_deadline(v, sp, began) == 0)
		return;
	if (!sp->ssh && !sp->lost && !stop_asked(v))
		open_spot(v, sp);
	uint64_t pause = PAUSE_FIRST_MS;
	uint64_t left;
	while ((left = first_deadline(v, sp, began)) > 0) {
		if (stop_asked(v)) {
			settle_pending(v, sp, CHECK_SKIP, "interrupted", began);
			break;
		}
		if (sp->lost) {
			settle_pending(v, sp, CHECK_FAIL, sp->why, began);
			break;
		}
		struct err e = { 0 };
		tell_phase(v, sp, pause == PAUSE_FIRST_MS ? "checking" : "asking again");
		int rc = ask_once(v, sp, began, &e);
		if (rc == -(int)ERR_UNREACHABLE)
			lose_spot(sp, &e);
		else if (rc == -(int)ERR_INTERRUPTED) {
			atomic_store(&v->interrupted, true);
			settle_pending(v, sp, CHECK_SKIP, "interrupted", began);
			break;
		}
		left = first_deadline(v, sp, began);
		if (left && !sp->lost) {
			tell_phase(v, sp, "waiting to ask again");
			pause_ms(v, pause < left ? pause : left);
			pause = pause * 2 < PAUSE_MOST_MS ? pause * 2 : PAUSE_MOST_MS;
		}
	}
}

static bool spot_is_done(const struct spot *sp)
{
	for (size_t i = 0; i < sp->nitems; i++)
		if (!sp->items[i].final)
			return false;
	return true;
}

static void verify_each(void *ctx, size_t i)
{
	struct verify *v = ctx;
	struct spot *sp = &v->spots[i];
	bool was_done = spot_is_done(sp);
	verify_spot(v, sp);
	if (spot_is_done(sp) && !was_done)
		tell_phase(v, sp, "done");
}

/* The lowest phase above `above` (-1: the lowest) with an open row, or -1. */
static long next_phase(const struct verify *v, long above)
{
	long best = -1;
	for (size_t s = 0; s < v->nspots; s++) {
		for (size_t i = 0; i < v->spots[s].nitems; i++) {
			long phase = (long)v->spots[s].items[i].check->phase;
			if (phase > above && (best < 0 || phase < best))
				best = phase;
		}
	}
	return best;
}

/* ---- what is asked */

static const char *check_word(const void *ctx, size_t i)
{
	const struct check *const *c = ctx;
	return i % 2 ? c[i / 2]->part : c[i / 2]->id;
}

static bool check_is(const struct check *c, const char *word)
{
	return strcmp(c->id, word) == 0 || strcmp(c->part, word) == 0;
}

static int check_words(const struct run_options *o, size_t n, struct err *e)
{
	for (size_t k = 0; o->parts && o->parts[k]; k++) {
		bool found = false;
		for (size_t i = 0; i < n && !found; i++)
			found = check_is(o->checks[i], o->parts[k]);
		if (found)
			continue;
		const char *near = near_find(o->parts[k], 2 * n, check_word, o->checks);
		return err_set(e, ERR_CONFIG, "there is no check and no part with checks '%s'%s%s%s",
			       o->parts[k], near ? ", did you mean '" : "", near ? near : "",
			       near ? "'?" : "");
	}
	return 0;
}

static bool check_chosen(const struct run_options *o, const struct check *c)
{
	if (!o->parts || !o->parts[0])
		return true;
	for (size_t k = 0; o->parts[k]; k++)
		if (check_is(c, o->parts[k]))
			return true;
	return false;
}

/* Why a check has no host here. */
static void no_host(const struct inventory *inv, const struct check *c, char *ret, size_t size)
{
	for (size_t i = 0; i < inv->nhosts; i++) {
		if (inv->hosts[i].roles & c->roles) {
			snprintf(ret, size, "the hosts that were chosen have none that it is for");
			return;
		}
	}
	snprintf(ret, size, "the inventory has no %s",
		 c->roles & ROLE_AGENT && !(c->roles & ROLE_SERVER) ? "worker" :
								      "host that it is for");
}

/* Rows in the checks' order, then the hosts'; each host's items point at its rows. */
static int lay_out(struct verify *v, size_t nchecks, struct verify_report *ret, struct err *e)
{
	size_t most = nchecks * (v->nspots + 1);
	ret->rows = calloc(most + 1, sizeof(*ret->rows));
	for (size_t s = 0; s < v->nspots; s++)
		v->spots[s].items = calloc(nchecks + 1, sizeof(struct item));
	for (size_t s = 0; s < v->nspots; s++)
		if (!v->spots[s].items)
			return err_set(e, ERR_MEMORY, "out of memory for %zu checks", nchecks);
	if (!ret->rows)
		return err_set(e, ERR_MEMORY, "out of memory for %zu rows", most);
	for (size_t i = 0; i < nchecks; i++) {
		const struct check *c = v->o->checks[i];
		if (!check_chosen(v->o, c))
			continue;
		bool has_host = false;
		for (size_t s = 0; s < v->nspots; s++) {
			struct spot *sp = &v->spots[s];
			if (!(sp->host->roles & c->roles))
				continue;
			has_host = true;
			struct verify_row *row = &ret->rows[ret->n++];
			*row = (struct verify_row){ .check = c, .host = sp->host->name };
			sp->items[sp->nitems++] = (struct item){ .check = c, .row = row };
		}
		if (has_host)
			continue;
		struct verify_row *row = &ret->rows[ret->n++];
		*row = (struct verify_row){ .check = c, .host = "-", .verdict = CHECK_SKIP };
		no_host(v->inv, c, row->why, sizeof(row->why));
		tell(v, &(struct event){ .kind = EV_CHECK, .host = "-", .text = c->what,
					 .check_row = row });
	}
	return 0;
}

/* The operator's machine, as a host that no inventory names. */
static const struct host operator_machine = {
	.name = "local", .key = "local", .address = "localhost", .node_name = "local",
	.internal_ip = "127.0.0.1", .roles = ROLE_LOCAL,
};

static bool asks_locally(const struct run_options *o)
{
	for (size_t i = 0; o->checks[i]; i++)
		if ((o->checks[i]->roles & ROLE_LOCAL) && check_chosen(o, o->checks[i]))
			return true;
	return false;
}

static void verify_clear(struct verify *v)
{
	for (size_t s = 0; s < v->nspots; s++) {
		session_close(v->spots[s].ssh);
		free(v->spots[s].items);
	}
	free(v->spots);
}

static int walk_phases(struct verify *v, struct verify_report *report, struct err *e)
{
	AUTO_FREE const struct host **hosts = NULL;
	size_t nchecks = 0;
	while (v->o->checks[nchecks])
		nchecks++;
	int rc = check_words(v->o, nchecks, e);
	if (rc == 0)
		rc = plan_hosts(v->inv, v->o->limit, &hosts, &v->nspots, e);
	if (rc < 0)
		return rc;
	v->spots = calloc(v->nspots + 2, sizeof(*v->spots));
	if (!v->spots) {
		v->nspots = 0;
		return err_set(e, ERR_MEMORY, "out of memory for the hosts");
	}
	for (size_t s = 0; s < v->nspots; s++)
		v->spots[s].host = hosts[s];
	if (asks_locally(v->o))
		v->spots[v->nspots++].host = &operator_machine;
	rc = lay_out(v, nchecks, report, e);
	for (long phase = -1; rc == 0 && (phase = next_phase(v, phase)) >= 0;) {
		v->phase = (unsigned)phase;
		pool_each(v->o->jobs, v->nspots, verify_each, v);
	}
	return rc;
}

int run_verify(const struct inventory *inv, const struct vault *vault,
	       const struct run_options *o, struct verify_report *ret, struct err *e)
{
	uint64_t began = steady_ms();
	struct verify_report report = { 0 };
	__attribute__((cleanup(verify_clear))) struct verify v = {
		.inv = inv,
		.vault = vault,
		.o = o,
	};
	run_id(v.run_id);
	int rc = walk_phases(&v, &report, e);
	if (rc < 0) {
		verify_report_clear(&report);
		return rc;
	}
	verify_report_count(&report);
	report.interrupted = atomic_load(&v.interrupted);
	report.ms = steady_ms() - began;
	*ret = report;
	return 0;
}
