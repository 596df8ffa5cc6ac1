/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the whole machine draws, as its BMC tells it by Redfish. Links are followed from the service
 * root to every chassis, and of each chassis that tells its power by one of three ways, the first that
 * gives a reading: the Power resource (deprecated, and what most BMCs have), EnvironmentMetrics, or
 * the sum of the supplies' input below PowerSubsystem. Then those are asked in turn, every interval.
 *
 * A chassis inside another one that tells its power is left out: it would count twice. A value holds
 * for three intervals at most.
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
#define SUPPLIES_MAX 8
#define POWER_MAX_UW (UINT64_C(2000000) * 1000000)

/* The ways to a chassis' power, in the order in which they are tried. */
enum way { WAY_POWER, WAY_ENVIRONMENT, WAY_SUPPLIES, NWAYS };
static const char *const way_links[NWAYS] = { "Power", "EnvironmentMetrics", "PowerSubsystem" };

/* A chassis that tells its power. */
struct chassis {
	char self[REDFISH_PATH_MAX];
	char id[64];
	enum way way;
	char paths[SUPPLIES_MAX][REDFISH_PATH_MAX]; /* what is asked; the sum counts */
	size_t npaths;
	bool interned;
	uint32_t zone;
	struct integral energy;
};

/* A member of the chassis collection, while the links are followed. */
struct member {
	char self[REDFISH_PATH_MAX], inside[REDFISH_PATH_MAX];
	char links[NWAYS][REDFISH_PATH_MAX]; /* "" where it has none */
};

enum stage {
	STAGE_ROOT,
	STAGE_COLLECTION,
	STAGE_CHASSIS,
	STAGE_TRY,	 /* the resource of a way: does it have a reading? */
	STAGE_SUPPLIES,	 /* the collection of supplies */
	STAGE_SUPPLY,	 /* one of them: where are its metrics? */
	STAGE_POWER,	 /* all is known: readings */
};

struct redfish {
	struct source *source;
	const struct redfish_config *config;
	struct client *client;
	struct zones *zones;
	struct event *timer;
	struct call *call;	/* under way, or NULL */
	enum stage stage;
	struct member members[CHASSIS_MAX];
	size_t nmembers, at;	/* at: of the members, then of the chassis */
	enum way way;		/* that is tried for the member */
	char supplies[SUPPLIES_MAX][REDFISH_PATH_MAX];
	size_t nsupplies, supply;
	struct chassis candidate; /* what is being found out */
	struct chassis found[CHASSIS_MAX];
	size_t nfound;
	struct chassis chassis[CHASSIS_MAX];
	size_t nchassis;
	bool complete;		/* links were followed to the end */
	size_t part;		/* of the chassis' paths */
	uint64_t sum_uw;
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

/* ---- readings */

/* Goes on with the next reading of the round, or ends it. */
static void next_power(struct redfish *r)
{
	if (r->at < r->nchassis)
		ask(r, STAGE_POWER, r->chassis[r->at].paths[r->part]);
	else
		round_ends(r);
}

/* Leaves the chassis whose reading has failed, or is done. */
static void leave_chassis(struct redfish *r)
{
	r->at++;
	r->part = 0;
	r->sum_uw = 0;
	next_power(r);
}

static int read_way(enum way way, const struct answer *a, uint64_t *ret_uw, struct err *e)
{
	switch (way) {
	case WAY_POWER:
		return redfish_power(a->body, a->len, ret_uw, e);
	case WAY_ENVIRONMENT:
		return redfish_reading(a->body, a->len, "PowerWatts", ret_uw, e);
	case WAY_SUPPLIES:
		return redfish_reading(a->body, a->len, "InputPowerWatts", ret_uw, e);
	case NWAYS:
		break;
	}
	return err_set(e, ERR_BUG, "a way that is none");
}

static int take_power(struct redfish *r, const struct answer *a, struct err *e)
{
	struct chassis *c = &r->chassis[r->at];
	uint64_t uw = 0;
	int rc = read_way(c->way, a, &uw, e);

	if (rc < 0)
		return rc;
	r->sum_uw += uw;
	if (++r->part < c->npaths) {
		next_power(r);
		return 0;
	}
	integral_take(&c->energy, r->sum_uw, tick_now_ns(), hold_ns(r));
	leave_chassis(r);
	return 0;
}

/* ---- finding them */

static bool same_path(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n > 0 && a[n - 1] == '/';
	m -= m > 0 && b[m - 1] == '/';
	return n == m && strncmp(a, b, n) == 0;
}

/* Is the chassis, however deep, inside another one that tells its power? */
static bool is_inside_another(const struct redfish *r, const char *self)
{
	const char *at = self;

	/* A circle ends as well: no way is longer than there are members. */
	for (size_t steps = 0; steps < r->nmembers; steps++) {
		const char *up = "";

		for (size_t i = 0; i < r->nmembers; i++) {
			if (same_path(r->members[i].self, at))
				up = r->members[i].inside;
		}
		if (up[0] == '\0' || same_path(up, self))
			return false;
		for (size_t i = 0; i < r->nfound; i++) {
			if (same_path(r->found[i].self, up))
				return true;
		}
		at = up;
	}
	return false;
}

/* Takes over what was found; a chassis known before keeps its counter. */
static void take_found(struct redfish *r)
{
	size_t n = 0;
	struct chassis *was = r->chassis;

	for (size_t i = 0; i < r->nfound; i++) {
		struct chassis *c = &r->found[i];

		if (is_inside_another(r, c->self))
			continue;
		for (size_t k = 0; k < r->nchassis; k++) {
			if (strcmp(was[k].self, c->self) == 0) {
				c->energy = was[k].energy;
				c->interned = was[k].interned;
				c->zone = was[k].zone;
			}
		}
		r->found[n++] = *c;
	}
	memcpy(r->chassis, r->found, n * sizeof r->chassis[0]);
	r->nchassis = n;
}

static void next_member(struct redfish *r)
{
	if (r->at < r->nmembers) {
		ask(r, STAGE_CHASSIS, r->members[r->at].self);
		return;
	}
	if (r->nfound == 0) {
		fail(r, &(struct err){ ERR_FAILED, "no chassis tells its power ('Power', 'EnvironmentMetrics' or "
						   "'PowerSubsystem')" });
		return;
	}
	take_found(r);
	r->complete = true;
	r->at = r->part = 0;
	r->sum_uw = 0;
	next_power(r);
}

/* Tries the ways of the member from r->way on. */
static void next_way(struct redfish *r)
{
	const struct member *m = &r->members[r->at];

	while (r->way < NWAYS && m->links[r->way][0] == '\0')
		r->way++;
	if (r->way < NWAYS) {
		r->candidate = (struct chassis){ .way = r->way };
		memcpy(r->candidate.self, m->self, sizeof m->self);
		redfish_id(m->self, r->candidate.id, sizeof r->candidate.id);
		ask(r, STAGE_TRY, m->links[r->way]);
		return;
	}
	r->at++;
	next_member(r);
}

/* The member's power is found. */
static void keep_candidate(struct redfish *r)
{
	r->found[r->nfound++] = r->candidate; /* at most one for each member */
	r->at++;
	next_member(r);
}

static void add_path(struct chassis *c, const char *path)
{
	memcpy(c->paths[c->npaths++], path, REDFISH_PATH_MAX);
}

static void next_supply(struct redfish *r)
{
	if (r->supply < r->nsupplies) {
		ask(r, STAGE_SUPPLY, r->supplies[r->supply]);
	} else if (r->candidate.npaths > 0) {
		keep_candidate(r);
	} else {
		r->way++;
		next_way(r);
	}
}

static int take_chassis(struct redfish *r, const struct answer *a)
{
	struct member *m = &r->members[r->at];

	for (enum way way = 0; way < NWAYS; way++) {
		struct err none = { 0 }; /* drawers and racks have no power: nothing wrong */

		m->links[way][0] = '\0';
		(void)redfish_link(a->body, a->len, way_links[way], m->links[way], &none);
	}
	redfish_container(a->body, a->len, m->inside);
	r->way = 0;
	next_way(r);
	return 0;
}

/* The resource of a way. One without a reading is no way: the next one is tried. */
static int take_way(struct redfish *r, const struct answer *a)
{
	char path[REDFISH_PATH_MAX];
	uint64_t uw = 0;
	struct err none = { 0 };

	if (r->way == WAY_SUPPLIES && redfish_link(a->body, a->len, "PowerSupplies", path, &none) == 0) {
		ask(r, STAGE_SUPPLIES, path);
	} else if (r->way != WAY_SUPPLIES && read_way(r->way, a, &uw, &none) == 0) {
		add_path(&r->candidate, r->members[r->at].links[r->way]);
		keep_candidate(r);
	} else {
		r->way++;
		next_way(r);
	}
	return 0;
}

/* One supply that is there but does not tell makes the sum a lie: then this is no way. */
static int take_supply(struct redfish *r, const struct answer *a)
{
	char path[REDFISH_PATH_MAX];
	struct err none = { 0 };

	r->supply++;
	if (redfish_link(a->body, a->len, "Metrics", path, &none) == 0 && !redfish_is_absent(a->body, a->len)) {
		add_path(&r->candidate, path);
	} else if (!redfish_is_absent(a->body, a->len)) {
		r->candidate.npaths = 0;
		r->supply = r->nsupplies;
	}
	next_supply(r);
	return 0;
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
			rc = redfish_member(a->body, a->len, r->nmembers, r->members[r->nmembers].self, e);
			if (rc != 0)
				break;
		}
		if (rc < 0)
			return rc;
		r->at = r->nfound = 0;
		next_member(r);
		return 0;
	case STAGE_CHASSIS:
		return take_chassis(r, a);
	case STAGE_TRY:
		return take_way(r, a);
	case STAGE_SUPPLIES:
		for (r->nsupplies = 0; r->nsupplies < SUPPLIES_MAX; r->nsupplies++) {
			rc = redfish_member(a->body, a->len, r->nsupplies, r->supplies[r->nsupplies], e);
			if (rc != 0)
				break;
		}
		if (rc < 0)
			return rc;
		r->supply = 0;
		next_supply(r);
		return 0;
	case STAGE_SUPPLY:
		return take_supply(r, a);
	case STAGE_POWER:
		return take_power(r, a, e);
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
	if (e.kind == ERR_NONE)
		return;
	/* A link to what is not there is no way to the power; there may be another. */
	if (stage >= STAGE_TRY && stage <= STAGE_SUPPLY && a->status == 404) {
		r->way++;
		next_way(r);
		return;
	}
	fail(r, &e);
	/* A path that is no more is looked for again. */
	if (stage == STAGE_POWER && a->status == 404)
		r->complete = false;
	/* One chassis that fails does not silence the others, but where no answer comes none will. */
	if (stage == STAGE_POWER && a->status != 0 && r->complete)
		leave_chassis(r);
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
	r->at = r->part = 0;
	r->sum_uw = 0;
	if (r->complete)
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
