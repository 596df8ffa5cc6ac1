/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/status/status.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/steady.h"
#include "provision/cluster/page.h"
#include "provision/engine/plan.h"
#include "provision/engine/pool.h"

#define PROBE_TIMEOUT_S 60

struct looking {
	const struct inventory *inv;
	const struct run_options *o;
	struct node_status *nodes;
	atomic_bool interrupted;
};

static void tell_phase(const struct looking *s, const struct node_status *n, const char *text)
{
	const struct watcher *w = s->o->watcher;
	if (w && w->event)
		w->event(w->ctx, &(struct event){ .kind = EV_HOST, .host = n->host->name, .text = text });
}

static struct view view_of(const struct looking *s, const struct node_status *n, const struct facts *facts)
{
	static const struct purge none;
	return (struct view){ .inv = s->inv, .host = n->host, .facts = facts, .purge = &none, .run_id = "" };
}

static void tell_system(const struct facts *facts, struct node_status *n)
{
	const char *os = facts_get(facts, NULL, NULL, "host", "os");
	char id[24] = "", version[24] = "";
	if (!os)
		return;
	facts_field(os, "id", id, sizeof(id));
	facts_field(os, "version", version, sizeof(version));
	snprintf(n->os, sizeof(n->os), "%s%s%s", id, *version ? " " : "", version);
	facts_field(os, "kernel", n->kernel, sizeof(n->kernel));
	facts_field(os, "arch", n->arch, sizeof(n->arch));
}

static void tell_power(const struct looking *s, const struct facts *facts, struct node_status *n)
{
	char about[PAGE_ABOUT_MAX];
	const char *page = facts_get(facts, NULL, NULL, "http", "%s", page_about(s->inv, PAGE_METRICS, about));
	if (page && page_is_ours(page))
		power_read(page, &n->power);
	else
		snprintf(n->power.why, sizeof(n->power.why), "no exporter answers on port %u", s->inv->exporter_port);
}

static void tell_ready(const struct looking *s, const struct facts *facts, struct node_status *n)
{
	const char *a = facts_get(facts, NULL, NULL, "node", "%s:%s", s->inv->k3s_server_location, n->host->node_name);
	if (a)
		facts_field(a, "ready", n->ready, sizeof(n->ready));
}

static int gather(struct looking *s, struct node_status *n, struct session *ssh, struct facts **ret, struct err *e)
{
	__attribute__((cleanup(probe_clear))) struct probe p = { 0 };
	struct view view = view_of(s, n, NULL);
	probe_ask(&p, "host", "os");
	for (const struct part_look *l = part_looks; l->part; l++)
		if (n->host->roles & l->roles)
			l->ask(l, &view, &p);
	return facts_gather(ssh, &p, PROBE_TIMEOUT_S, ret, e);
}

static void look_at(struct looking *s, struct node_status *n)
{
	struct session *ssh = NULL;
	struct facts *facts = NULL;
	struct err e = { 0 };
	if (s->o->cancel && atomic_load(&s->o->cancel->requested)) {
		err_set(&e, ERR_INTERRUPTED, "interrupted");
	} else {
		tell_phase(s, n, "connecting");
		n->reached = s->o->open(s->o->open_ctx, n->host, &ssh, &e) == 0;
	}
	if (n->reached) {
		ssh->timeout_s = s->o->timeout_s;
		tell_phase(s, n, "asking");
		n->asked = gather(s, n, ssh, &facts, &e) == 0;
		session_close(ssh);
	}
	if (n->asked) {
		struct view view = view_of(s, n, facts);
		tell_system(facts, n);
		tell_ready(s, facts, n);
		tell_power(s, facts, n);
		for (size_t i = 0; part_looks[i].part; i++)
			if ((n->parts[i].applies = n->host->roles & part_looks[i].roles))
				part_looks[i].tell(&part_looks[i], &view, &n->parts[i]);
	} else {
		if (e.kind == ERR_INTERRUPTED)
			atomic_store(&s->interrupted, true);
		snprintf(n->why, sizeof(n->why), "%.290s", e.msg);
	}
	facts_free(facts);
}

static void look_at_each(void *ctx, size_t i)
{
	struct looking *s = ctx;
	struct node_status *n = &s->nodes[i];
	look_at(s, n);
	/* what a host says is one line */
	report_line(n->why);
	for (size_t k = 0; k < STATUS_PARTS; k++) {
		report_line(n->parts[k].what);
		report_line(n->parts[k].version);
	}
	tell_phase(s, n, "done");
}

int run_status(const struct inventory *inv, const struct run_options *o, struct status_report *ret, struct err *e)
{
	AUTO_FREE const struct host **hosts = NULL;
	struct status_report report = { 0 };
	uint64_t began = steady_ms();
	int rc = plan_hosts(inv, o->limit, &hosts, &report.n, e);
	if (rc < 0)
		return rc;
	report.nodes = calloc(report.n + 1, sizeof(*report.nodes));
	if (!report.nodes)
		return err_set(e, ERR_MEMORY, "out of memory for %zu hosts", report.n);
	for (size_t i = 0; i < report.n; i++)
		report.nodes[i].host = hosts[i];
	struct looking s = { .inv = inv, .o = o, .nodes = report.nodes };
	pool_each(o->jobs, report.n, look_at_each, &s);
	for (size_t i = 0; i < report.n; i++) {
		const struct node_status *n = &report.nodes[i];
		report.unasked += !n->asked;
		for (size_t k = 0; k < STATUS_PARTS; k++)
			report.failed += n->parts[k].is == PART_FAILED || n->parts[k].is == PART_UNKNOWN;
	}
	report.interrupted = atomic_load(&s.interrupted);
	report.ms = steady_ms() - began;
	*ret = report;
	return 0;
}

void status_report_clear(struct status_report *r)
{
	free(r->nodes);
	*r = (struct status_report){ 0 };
}

int status_exit(const struct status_report *r)
{
	return r->unasked || r->failed || r->interrupted ? 1 : 0;
}
