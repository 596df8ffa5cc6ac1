/* SPDX-License-Identifier: BSD-2-Clause */
/* The Redfish source against BMCs of every shape, served from the same loop. */
#include <event2/buffer.h>
#include <event2/http.h>

#include "base/cleanup.h"
#include "exporter/client.h"
#include "exporter/sources/sources.h"
#include "tests/unit/exporter/rig.h"

struct page {
	const char *path, *body;
	int status; /* 0: 200 */
};

struct bmc {
	const struct page *pages;
	unsigned asked;
};

static void serve(struct evhttp_request *q, void *arg)
{
	struct bmc *b = arg;
	struct evbuffer *out = evbuffer_new();

	b->asked++;
	for (const struct page *p = b->pages; p->path; p++) {
		if (strcmp(evhttp_request_get_uri(q), p->path) == 0) {
			evbuffer_add(out, p->body, strlen(p->body));
			evhttp_send_reply(q, p->status ? p->status : 200, "x", out);
			evbuffer_free(out);
			return;
		}
	}
	evhttp_send_reply(q, 404, "x", out);
	evbuffer_free(out);
}

struct told {
	bool up;
	struct rig_account all;
	char why[300];
	uint64_t uw; /* the sum of what holds */
	size_t meters;
	char package[64];
};

/* A rig whose BMC is served from its own loop. */
struct visit {
	struct rig r;
	struct bmc bmc;
	struct client *client;
	struct evhttp *http;
	char endpoint[64];
};

static void visit_begin(struct visit *v, const struct page *pages)
{
	struct err e = { 0 };
	struct sockaddr_in name;
	socklen_t len = sizeof name;

	*v = (struct visit){ .bmc = { .pages = pages } };
	rig_make(&v->r, &source_redfish);
	v->http = evhttp_new(v->r.base);
	struct evhttp_bound_socket *at = evhttp_bind_socket_with_handle(v->http, "127.0.0.1", 0);

	cr_assert_not_null(at);
	getsockname(evhttp_bound_socket_get_fd(at), (struct sockaddr *)&name, &len);
	evhttp_set_gencb(v->http, serve, &v->bmc);
	snprintf(v->endpoint, sizeof v->endpoint, "http://127.0.0.1:%u", ntohs(name.sin_port));
	v->r.config.redfish.endpoint = v->endpoint;
	v->r.config.redfish.timeout_ns = UINT64_C(20000000000);
	cr_assert_eq(client_new(v->r.base, &v->client, &e), 0);
	cr_assert_eq(ledger_new(&v->r.ledger, &e), 0);
}

static void visit_open(struct visit *v)
{
	struct err e = { 0 };

	cr_assert_eq(sampler_open(&v->r.sampler, v->r.only, 1,
				  &(struct roots){ .sysfs = "", .procfs = "", .rootfs = "", .config = &v->r.config,
						   .base = v->r.base, .client = v->client },
				  &e), 0);
}

static void visit_end(struct visit *v)
{
	sampler_close(&v->r.sampler);
	client_free(v->client);
	evhttp_free(v->http);
	v->r.sampler.n = 0;
	rig_close(&v->r);
}

/* Asks a BMC with these pages until it has answered all that it is asked for, or has failed. */
static struct told ask(const struct page *pages)
{
	struct told t = { 0 };
	struct visit v;

	visit_begin(&v, pages);
	visit_open(&v);
	struct rig *r = &v.r;

	for (int i = 0; i < 1000; i++) {
		rig_run(r, 20);
		rig_tick(r);
		if (r->sampler.v[0].ok_ns != 0 || r->sampler.v[0].errors > 0)
			break;
	}
	rig_tick(r);
	t.up = r->sampler.v[0].up;
	t.meters = r->tick.nmarks;
	snprintf(t.why, sizeof t.why, "%.299s", r->sampler.v[0].why.msg);
	if (r->sampler.zones.n)
		snprintf(t.package, sizeof t.package, "%.63s", r->sampler.zones.v[0].package);
	/* The power that it told: what is counted in a while, by the times of its readings. */
	uint64_t before = rig_account(r, COMP_PLATFORM, NULL).uj, from = t.meters ? r->tick.marks[0].at_ns : 0;

	usleep(50000);
	rig_tick(r);
	if (t.up && r->tick.nmarks)
		t.uw = (rig_account(r, COMP_PLATFORM, NULL).uj - before) * 1000000 / ((r->tick.marks[0].at_ns - from) / 1000);
	visit_end(&v);
	return t;
}

static bool is_about(uint64_t uw, uint64_t watts)
{
	return uw > watts * 950000 && uw < watts * 1050000;
}

#define ROOT { "/redfish/v1/", "{\"Chassis\":{\"@odata.id\":\"/c\"}}", 0 }
#define ONE { "/c", "{\"Members\":[{\"@odata.id\":\"/c/1\"}]}", 0 }
#define END { NULL, NULL, 0 }
#define LINK(name, to) "\"" name "\":{\"@odata.id\":\"" to "\"}"

Test(bmc, each_way_to_the_power)
{
	static const struct page power[] = { ROOT, ONE, { "/c/1", "{" LINK("Power", "/p") "}", 0 },
					     { "/p", "{\"PowerControl\":[{\"PowerConsumedWatts\":\"300\"}]}", 0 }, END };
	static const struct page environment[] = {
		ROOT, ONE, { "/c/1", "{" LINK("EnvironmentMetrics", "/e") "," LINK("PowerSubsystem", "/s") "}", 0 },
		{ "/e", "{\"PowerWatts\":{\"Reading\":310.5,\"DataSourceUri\":\"/x\"}}", 0 }, END };
	static const struct page supplies[] = {
		ROOT, ONE, { "/c/1", "{" LINK("PowerSubsystem", "/s") "}", 0 },
		{ "/s", "{" LINK("PowerSupplies", "/s/all") "}", 0 },
		{ "/s/all", "{\"Members\":[{\"@odata.id\":\"/s/1\"},{\"@odata.id\":\"/s/2\"},{\"@odata.id\":\"/s/3\"}]}", 0 },
		{ "/s/1", "{" LINK("Metrics", "/s/1/m") "}", 0 },
		{ "/s/2", "{" LINK("Metrics", "/s/2/m") ",\"Status\":{\"State\":\"Enabled\"}}", 0 },
		{ "/s/3", "{\"Status\":{\"State\":\"Absent\"}}", 0 },
		{ "/s/1/m", "{\"InputPowerWatts\":{\"Reading\":200}}", 0 },
		{ "/s/2/m", "{\"InputPowerWatts\":{\"Reading\":120}}", 0 }, END };
	struct told t = ask(power);

	cr_assert(t.up && t.meters == 1 && is_about(t.uw, 300), "%s %llu", t.why, (unsigned long long)t.uw);
	cr_assert_str_eq(t.package, "1");
	t = ask(environment);
	cr_assert(t.up && is_about(t.uw, 310), "%s %llu", t.why, (unsigned long long)t.uw);
	t = ask(supplies);
	cr_assert(t.up && t.meters == 1 && is_about(t.uw, 320), "%s %llu", t.why, (unsigned long long)t.uw);
}

Test(bmc, a_way_without_a_reading_is_followed_by_the_next)
{
	static const struct page pages[] = {
		ROOT, ONE,
		{ "/c/1", "{" LINK("Power", "/gone") "," LINK("EnvironmentMetrics", "/e") "," LINK("PowerSubsystem", "/s") "}", 0 },
		{ "/e", "{\"PowerWatts\":{\"Reading\":null}}", 0 }, { "/s", "{" LINK("PowerSupplies", "/s/all") "}", 0 },
		{ "/s/all", "{\"Members\":[{\"@odata.id\":\"/s/1\"}]}", 0 }, { "/s/1", "{" LINK("Metrics", "/s/1/m") "}", 0 },
		{ "/s/1/m", "{\"InputPowerWatts\":{\"Reading\":99}}", 0 }, END };
	struct told t = ask(pages);

	cr_assert(t.up && is_about(t.uw, 99), "%s %llu", t.why, (unsigned long long)t.uw);
}

/* Runs until the BMC was asked so often; the newest mark. */
static struct zone_mark after(struct visit *v, unsigned asked)
{
	for (int i = 0; i < 6000 && v->bmc.asked < asked; i++)
		rig_run(&v->r, 10);
	cr_assert_geq(v->bmc.asked, asked);
	rig_run(&v->r, 10); /* and its last answer has come */
	rig_tick(&v->r);
	cr_assert_eq(v->r.tick.nmarks, 1, "%s", v->r.sampler.v[0].why.msg);
	return v->r.tick.marks[0];
}

/* Each answer with a number is a reading of its time; one without is none, however often it comes. */
Test(bmc, what_is_no_number_is_no_reading)
{
	static struct page pages[] = { ROOT, ONE, { "/c/1", "{" LINK("Power", "/p") "}", 0 },
				       { "/p", "{\"PowerControl\":[{\"PowerConsumedWatts\":300}]}", 0 }, END };
	struct visit v;

	visit_begin(&v, pages);
	v.r.config.redfish.interval_ns = 20000000;
	visit_open(&v);
	struct zone_mark first = after(&v, 6), next = after(&v, 16);

	cr_assert(first.told_uw == 300000000 && next.told_uw == 300000000);
	cr_assert_gt(next.told_ns, first.told_ns);
	pages[3].body = "{\"PowerControl\":[{\"PowerConsumedWatts\":null}]}";
	first = after(&v, v.bmc.asked + 10);
	cr_assert_not(v.r.sampler.v[0].up);
	next = after(&v, v.bmc.asked + 10);
	cr_assert_eq(next.told_ns, first.told_ns);
	cr_assert_gt(next.uj, first.uj, "the last one goes on to hold");
	pages[3].body = "{\"PowerControl\":[{\"PowerConsumedWatts\":301}]}";
	struct zone_mark other = after(&v, v.bmc.asked + 10);

	cr_assert_gt(other.told_ns, next.told_ns);
	cr_assert_eq(other.told_uw, 301000000);
	cr_assert(v.r.sampler.v[0].up);
	visit_end(&v);
}

Test(bmc, a_supply_that_does_not_tell_makes_no_sum)
{
	static const struct page pages[] = {
		ROOT, ONE, { "/c/1", "{" LINK("PowerSubsystem", "/s") "}", 0 },
		{ "/s", "{" LINK("PowerSupplies", "/s/all") "}", 0 },
		{ "/s/all", "{\"Members\":[{\"@odata.id\":\"/s/1\"},{\"@odata.id\":\"/s/2\"}]}", 0 },
		{ "/s/1", "{" LINK("Metrics", "/s/1/m") "}", 0 }, { "/s/2", "{}", 0 },
		{ "/s/1/m", "{\"InputPowerWatts\":{\"Reading\":99}}", 0 }, END };
	struct told t = ask(pages);

	cr_assert(!t.up && t.meters == 0);
	cr_assert_not_null(strstr(t.why, "no chassis tells its power"), "%s", t.why);
}

Test(bmc, a_chassis_inside_another_counts_once)
{
	static const struct page pages[] = {
		ROOT,
		{ "/c", "{\"Members\":[{\"@odata.id\":\"/c/gpu\"},{\"@odata.id\":\"/c/tray\"},{\"@odata.id\":\"/c/box\"},"
			"{\"@odata.id\":\"/c/jbod\"}]}", 0 },
		{ "/c/box", "{" LINK("Power", "/p/box") "}", 0 },
		{ "/c/tray", "{\"Links\":{" LINK("ContainedBy", "/c/box/") "}}", 0 },
		{ "/c/gpu", "{" LINK("EnvironmentMetrics", "/p/gpu") ",\"Links\":{" LINK("ContainedBy", "/c/tray") "}}", 0 },
		{ "/c/jbod", "{" LINK("Power", "/p/jbod") "}", 0 },
		{ "/p/box", "{\"PowerControl\":[{\"PowerConsumedWatts\":1000}]}", 0 },
		{ "/p/gpu", "{\"PowerWatts\":{\"Reading\":400}}", 0 },
		{ "/p/jbod", "{\"PowerControl\":[{\"PowerConsumedWatts\":100}]}", 0 }, END };
	struct told t = ask(pages);

	cr_assert(t.up && t.meters == 2 && is_about(t.uw, 1100), "%s %zu %llu", t.why, t.meters,
		  (unsigned long long)t.uw);
}

Test(bmc, a_circle_of_containers_ends)
{
	static const struct page pages[] = {
		ROOT, { "/c", "{\"Members\":[{\"@odata.id\":\"/c/1\"},{\"@odata.id\":\"/c/2\"},{\"@odata.id\":\"/c/3\"}]}", 0 },
		{ "/c/1", "{" LINK("Power", "/p") ",\"Links\":{" LINK("ContainedBy", "/c/2") "}}", 0 },
		{ "/c/2", "{\"Links\":{" LINK("ContainedBy", "/c/3") "}}", 0 },
		{ "/c/3", "{\"Links\":{" LINK("ContainedBy", "/c/2") "}}", 0 },
		{ "/p", "{\"PowerControl\":[{\"PowerConsumedWatts\":5}]}", 0 }, END };
	struct told t = ask(pages);

	cr_assert(t.up && is_about(t.uw, 5), "%s", t.why);
}

Test(bmc, what_is_wrong_is_said)
{
	static const struct {
		struct page pages[6];
		const char *why;
	} cases[] = {
		{ { END }, "HTTP 404" },
		{ { { "/redfish/v1/", "{}", 0 }, END }, "no 'Chassis'" },
		{ { { "/redfish/v1/", "", 401 }, END }, "refuses the user name or password" },
		{ { { "/redfish/v1/", "", 302 }, END }, "HTTP 302" },
		{ { ROOT, { "/c", "{}", 0 }, END }, "no 'Members'" },
		{ { ROOT, { "/c", "{\"Members\":[]}", 0 }, END }, "no chassis tells its power" },
		{ { ROOT, ONE, { "/c/1", "[", 0 }, END }, "no chassis tells its power" },
		{ { ROOT, ONE, { "/c/1", "{" LINK("Power", "/p") "}", 0 }, { "/p", "", 500 }, END }, "HTTP 500" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct told t = ask(cases[i].pages);

		cr_expect(!t.up && t.meters == 0, "%zu", i);
		cr_expect_not_null(strstr(t.why, cases[i].why), "%zu: %s", i, t.why);
	}
}
