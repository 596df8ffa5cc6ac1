/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the whole machine draws, as its BMC tells it by Redfish. Links are followed from the service
 * root to every chassis that has a Power resource; then those are asked in turn, every interval.
 * A value holds for three intervals at most.
 */
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/client.h"
#include "exporter/integral.h"
#include "exporter/redfish.h"
#include "exporter/sources/sources.h"

#define CHASSIS_MAX 16
#define POWER_MAX_UW (UINT64_C(2000000) * 1000000)

struct chassis {
	char power[REDFISH_PATH_MAX]; /* path of its Power resource */
	char id[64];
	bool interned;
	uint32_t zone;
	struct integral energy;
};

enum stage { STAGE_ROOT, STAGE_COLLECTION, STAGE_CHASSIS, STAGE_POWER };

struct redfish {
	struct source *source;
	const struct redfish_config *config;
	struct client *client;
	struct zones *zones;
	struct event *timer;
	struct call *call;	/* under way, or NULL */
	enum stage stage;
	char members[CHASSIS_MAX][REDFISH_PATH_MAX];
	size_t nmembers, at;
	struct chassis chassis[CHASSIS_MAX];
	size_t nchassis;
	bool found;		/* links were followed to the end */
	struct err why;		/* how the last round failed */
	bool round_failed;
};

static void ask(struct redfish *r, enum stage stage, const char *path);

static uint64_t hold_ns(const struct redfish *r)
{
	return 3 * r->config->interval_ns + r->config->timeout_ns;
}

static void round_ends(struct redfish *r)
{
	if (r->round_failed)
		return;
	err_clear(&r->why);
	r->source->ok_ns = tick_now_ns();
}

static void fail(struct redfish *r, const struct err *why)
{
	r->round_failed = true;
	r->why = *why;
	err_wrap(&r->why, "BMC '%s'", r->config->endpoint);
	r->source->errors++;
}

/* Goes on with the next chassis of the round, or ends it. */
static void next_power(struct redfish *r)
{
	if (r->at < r->nchassis)
		ask(r, STAGE_POWER, r->chassis[r->at].power);
	else
		round_ends(r);
}

static void next_member(struct redfish *r)
{
	if (r->at < r->nmembers) {
		ask(r, STAGE_CHASSIS, r->members[r->at]);
		return;
	}
	if (r->nchassis == 0) {
		fail(r, &(struct err){ ERR_FAILED, "no chassis has a 'Power' resource" });
		return;
	}
	r->found = true;
	r->at = 0;
	next_power(r);
}

/* Remembers a chassis with a Power resource; one known before keeps its counter. */
static void add_chassis(struct redfish *r, const char *power)
{
	struct chassis *c = &r->chassis[r->nchassis];

	for (size_t i = 0; i < r->nchassis; i++) {
		if (strcmp(r->chassis[i].power, power) == 0)
			return;
	}
	if (strcmp(c->power, power) != 0) {
		*c = (struct chassis){ 0 };
		snprintf(c->power, sizeof c->power, "%s", power);
		redfish_id(r->members[r->at], c->id, sizeof c->id);
	}
	r->nchassis++;
}

/* One answer taken in; what comes next is asked for. */
static int advance(struct redfish *r, const struct answer *a, struct err *e)
{
	char path[REDFISH_PATH_MAX];
	int rc = 0;

	switch (r->stage) {
	case STAGE_ROOT:
		rc = redfish_link(a->body, a->len, "Chassis", path, e);
		if (rc == 0)
			ask(r, STAGE_COLLECTION, path);
		return rc;
	case STAGE_COLLECTION:
		for (r->nmembers = 0; r->nmembers < CHASSIS_MAX; r->nmembers++) {
			rc = redfish_member(a->body, a->len, r->nmembers, r->members[r->nmembers], e);
			if (rc != 0)
				break;
		}
		if (rc < 0)
			return rc;
		r->at = r->nchassis = 0;
		next_member(r);
		return 0;
	case STAGE_CHASSIS: {
		struct err none = { 0 }; /* drawers and racks have no Power: nothing wrong */

		if (redfish_link(a->body, a->len, "Power", path, &none) == 0)
			add_chassis(r, path);
		r->at++;
		next_member(r);
		return 0;
	}
	case STAGE_POWER: {
		uint64_t uw = 0;

		rc = redfish_power(a->body, a->len, &uw, e);
		if (rc == 0)
			integral_take(&r->chassis[r->at].energy, uw, tick_now_ns(), hold_ns(r));
		return rc;
	}
	}
	return err_set(e, ERR_BUG, "a stage that is none");
}

static void on_answer(void *arg, const struct answer *a)
{
	struct redfish *r = arg;
	struct err e = { 0 };
	enum stage stage = r->stage;

	r->call = NULL;
	if (a->err->kind != ERR_NONE)
		e = *a->err;
	else if (a->status == 401 || a->status == 403)
		err_set(&e, ERR_FAILED, "it refuses the user name or password (HTTP %d)", a->status);
	else if (a->status != 200)
		err_set(&e, ERR_FAILED, "it answers HTTP %d", a->status);
	else
		advance(r, a, &e);
	if (e.kind != ERR_NONE) {
		fail(r, &e);
		/* A path that is no more is looked for again. */
		if (stage == STAGE_POWER && a->status == 404)
			r->found = false;
	}
	/* One chassis that fails does not silence the others. */
	if (stage == STAGE_POWER && !r->call && (a->status != 0 || e.kind == ERR_NONE)) {
		r->at++;
		next_power(r);
	}
}

static void ask(struct redfish *r, enum stage stage, const char *path)
{
	char url[1024];
	struct err e = { 0 };
	size_t host = strlen(r->config->endpoint);

	while (host > 0 && r->config->endpoint[host - 1] == '/')
		host--;
	snprintf(url, sizeof url, "%.*s%s", (int)host, r->config->endpoint, path);
	r->stage = stage;
	if (client_get(r->client,
		       &(struct client_request){ .url = url,
						 .username = r->config->username,
						 .password = r->config->password,
						 .ca_file = r->config->ca_file,
						 .insecure_skip_verify = r->config->insecure_skip_verify,
						 .timeout_ms = r->config->timeout_ns / 1000000,
						 .body_max = REDFISH_BODY_MAX },
		       on_answer, r, &r->call, &e) < 0)
		fail(r, &e);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redfish *r = arg;

	(void)fd, (void)what;
	if (r->call)
		return; /* the last round still goes on; its requests have their own deadline */
	r->round_failed = false;
	r->at = 0;
	if (r->found)
		next_power(r);
	else
		ask(r, STAGE_ROOT, "/redfish/v1/");
}

static int redfish_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	if (!roots->config->redfish.endpoint)
		return err_set(e, ERR_REFUSED, "no BMC is configured ('redfish.endpoint')");
	if (!roots->client)
		return err_set(e, ERR_FAILED, "the HTTP client could not be set up");
	struct redfish *r = calloc(1, sizeof *r);

	if (!r)
		return err_set(e, ERR_MEMORY, "no memory for Redfish");
	*r = (struct redfish){ .source = s,
			       .config = &roots->config->redfish,
			       .client = roots->client,
			       .zones = zones };
	r->timer = event_new(roots->base, -1, EV_PERSIST, on_timer, r);
	if (!r->timer) {
		free(r);
		return err_set(e, ERR_MEMORY, "no memory for Redfish");
	}
	uint64_t us = r->config->interval_ns / 1000;
	struct timeval every = { .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) };

	event_add(r->timer, &every);
	event_active(r->timer, EV_TIMEOUT, 0); /* and now */
	s->state = r;
	return 0;
}

static int redfish_read(struct source *s, struct tick *into, struct err *e)
{
	struct redfish *r = s->state;
	uint64_t now = tick_now_ns();
	bool any = false;

	for (size_t i = 0; i < r->nchassis; i++) {
		struct chassis *c = &r->chassis[i];

		struct zone_mark mark;

		if (!integral_mark(&c->energy, now, hold_ns(r), &mark))
			continue;
		if (!c->interned) {
			struct zone z = { .component = COMP_PLATFORM, .source = s->index,
					  .power_max_uw = POWER_MAX_UW };

			snprintf(z.name, sizeof z.name, "%s", c->id);
			snprintf(z.package, sizeof z.package, "%s", c->id);
			int rc = zones_intern(r->zones, &z, &c->zone, e);

			if (rc < 0)
				return rc;
			c->interned = true;
		}
		mark.zone = c->zone;
		int rc = tick_add_mark(into, &mark, e);

		if (rc < 0)
			return rc;
		any = true;
	}
	if (r->why.kind != ERR_NONE)
		return err_set(e, r->why.kind, "%s", r->why.msg);
	if (!any)
		return err_set(e, ERR_FAILED, "BMC '%s': no answer yet", r->config->endpoint);
	return 0;
}

static void redfish_close(struct source *s)
{
	struct redfish *r = s->state;

	if (r->call)
		client_cancel(r->call);
	event_free(r->timer);
	free(r);
}

const struct source_ops source_redfish = {
	.name = "redfish",
	.what = "energy of the whole machine (power from its BMC)",
	.components = 1u << COMP_PLATFORM,
	.asynchronous = true,
	.open = redfish_open,
	.read = redfish_read,
	.close = redfish_close,
};
