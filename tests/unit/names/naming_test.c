/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for containers, with a kubelet in the same event loop and a clock that we turn. */
#include <criterion/criterion.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "exporter/client.h"
#include "exporter/names/names.h"
#include "exporter/names/naming.h"
#include "exporter/source.h"
#include "tests/unit/exporter/tree.h"

#define A "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17"
#define B "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4"
#define PAUSE "0000000000000000000000000000000000000000000000000000000000000009"
#define UID_D "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"
#define POD "/kubepods/burstable/pod" UID_D "/"
#define SECOND UINT64_C(1000000000)

struct world {
	struct tree t;
	struct config config;
	struct roots roots;
	struct event_base *base;
	struct client *client;
	struct evhttp *http;
	struct names *names;
	uint64_t now, next_id;
	char endpoint[64];
	/* What the kubelet does. */
	const char *body;
	int status;
	bool hangs;
	unsigned asked;
	char authorization[128];
	struct evhttp_request *held[256];
};

static void on_pods(struct evhttp_request *req, void *arg)
{
	struct world *w = arg;
	const char *auth = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");

	w->asked++;
	snprintf(w->authorization, sizeof w->authorization, "%s", auth ? auth : "");
	if (strcmp(evhttp_request_get_uri(req), "/pods") != 0)
		evhttp_send_error(req, 404, NULL);
	if (strcmp(evhttp_request_get_uri(req), "/pods") != 0 || w->hangs)
		return;
	struct evbuffer *out = evbuffer_new();

	evbuffer_add(out, w->body, strlen(w->body));
	evhttp_send_reply(req, w->status, "x", out);
	evbuffer_free(out);
}

static void begin(struct world *w, bool kubelet)
{
	struct err e = { 0 };

	*w = (struct world){ .now = 1000 * SECOND, .next_id = 1000, .body = "{\"items\":[]}", .status = 200 };
	tree_make(&w->t);
	tree_write(&w->t, "fs/cgroup/cgroup.controllers", "cpu\n");
	config_init(&w->config);
	w->base = event_base_new();
	cr_assert_eq(client_new(w->base, &w->client, &e), 0, "%s", e.msg);
	w->http = evhttp_new(w->base);
	evhttp_set_gencb(w->http, on_pods, w);
	struct evhttp_bound_socket *s = evhttp_bind_socket_with_handle(w->http, "127.0.0.1", 0);
	struct sockaddr_in in;
	socklen_t len = sizeof in;

	cr_assert_not_null(s);
	cr_assert_eq(getsockname(evhttp_bound_socket_get_fd(s), (struct sockaddr *)&in, &len), 0);
	snprintf(w->endpoint, sizeof w->endpoint, "http://127.0.0.1:%d", ntohs(in.sin_port));
	if (kubelet)
		w->config.kubelet.endpoint = w->endpoint;
	w->roots = (struct roots){ .sysfs = w->t.root, .procfs = "/nowhere", .rootfs = w->t.root,
				   .config = &w->config, .base = w->base, .client = w->client };
	cr_assert_eq(names_new(&w->roots, false, &w->names, &e), 0, "%s", e.msg);
}

static void end(struct world *w)
{
	names_free(w->names);
	client_free(w->client);
	evhttp_free(w->http);
	event_base_free(w->base);
	config_clear(&w->config);
	tree_remove(&w->t);
}

/* Lets the loop work until the question that was just asked is answered; without an answer, until
 * half a second has passed. */
static void settle_loop(struct world *w)
{
	struct names_stats s;

	for (int i = 0; i < 500; i++) {
		event_base_loop(w->base, EVLOOP_NONBLOCK);
		names_stats(w->names, &s);
		if (!s.kubelet_asking)
			return;
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
}

static void pass(struct world *w, uint64_t ns)
{
	struct names_stats before, after;

	w->now += ns;
	names_stats(w->names, &before);
	names_tick(w->names, w->now);
	names_stats(w->names, &after);
	if (after.kubelet_polls > before.kubelet_polls)
		settle_loop(w);
}

/* A group appears; its directory is there as long as the test does not remove it. */
static const struct workload *appears(struct world *w, const char *path)
{
	char full[512];
	struct err e = { 0 };
	uint64_t id = w->next_id++;

	snprintf(full, sizeof full, "%s/fs/cgroup%s", w->t.root, path);
	cr_assert_eq(file_mkdirs(full, 0755, &e), 0, "%s", e.msg);
	names_made(w->names, id, path, strlen(path));
	return names_of(w->names, id);
}

#define LIST(name, container, id)                                                                      \
	"{\"items\":[{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" UID_D "\"},"  \
	"\"status\":{\"containerStatuses\":[{\"name\":\"" container "\",\"containerID\":\"containerd://" id \
	"\"}]}}]}"

Test(naming, by_the_kubelet)
{
	struct world w;

	begin(&w, true);
	w.body = LIST("web-0", "app", A);
	pass(&w, 0);
	const struct workload *a = appears(&w, POD A);

	cr_assert_str_eq(a->container_id, A);
	cr_assert(!a->settled);
	for (int i = 0; i < 5 && !a->settled; i++)
		pass(&w, SECOND);
	cr_assert(a->settled);
	cr_assert_str_eq(a->pod_name, "web-0");
	cr_assert_str_eq(a->container_namespace, "shop");
	cr_assert_str_eq(a->container_name, "app");
	end(&w);
}

/* The list lacks the container at first, as a kubelet's does for a second or two. */
Test(naming, pods_that_come_between_two_answers)
{
	struct world w;
	struct names_stats s;

	begin(&w, true);
	pass(&w, 0);
	const struct workload *a = appears(&w, POD A);

	pass(&w, SECOND);
	pass(&w, SECOND);
	cr_assert_str_eq(a->pod_name, "");
	cr_assert(!a->settled);
	w.body = LIST("web-0", "app", A);
	pass(&w, 2 * SECOND);
	pass(&w, SECOND);
	cr_assert(a->settled);
	cr_assert_str_eq(a->container_name, "app");
	names_stats(w.names, &s);
	cr_assert(s.kubelet_wanted && s.kubelet_up);
	cr_assert_eq(s.kubelet_pods, 1);
	cr_assert_eq(s.kubelet_containers, 1);
	cr_assert_eq(s.unnamed, 0);
	/* Nobody is unknown now: it is left in peace. */
	unsigned asked = w.asked;

	for (int i = 0; i < 60; i++)
		pass(&w, SECOND);
	cr_assert_geq(w.asked, asked + 1);
	cr_assert_leq(w.asked, asked + 3);
	end(&w);
}

Test(naming, the_container_that_holds_a_pod)
{
	struct world w;

	begin(&w, true);
	w.body = LIST("web-0", "app", A);
	pass(&w, 0);
	const struct workload *pause = appears(&w, POD PAUSE);

	for (int i = 0; i < 4; i++)
		pass(&w, SECOND);
	/* The pod is known at once; which container it is, only later. */
	cr_assert_str_eq(pause->pod_name, "web-0");
	cr_assert_str_eq(pause->container_name, "");
	cr_assert(!pause->settled);
	for (int i = 0; i < 6; i++)
		pass(&w, SECOND);
	cr_assert(pause->settled);
	cr_assert_str_eq(pause->container_name, "POD");
	cr_assert_str_eq(pause->container_namespace, "shop");
	/* A kubelet that was very slow to tell is believed still. */
	w.body = LIST("web-0", "late", PAUSE);
	for (int i = 0; i < 40; i++)
		pass(&w, SECOND);
	cr_assert_str_eq(pause->container_name, "late");
	end(&w);
}

static void link_log(const struct world *w, const char *name)
{
	char path[512];
	struct err e = { 0 };

	snprintf(path, sizeof path, "%s/var/log/containers", w->t.root);
	cr_assert_eq(file_mkdirs(path, 0755, &e), 0);
	snprintf(path, sizeof path, "%s/var/log/containers/%s", w->t.root, name);
	cr_assert_eq(symlink("/nowhere", path), 0);
}

Test(naming, by_log_files_without_a_kubelet)
{
	struct world w;
	struct names_stats s;

	begin(&w, false);
	link_log(&w, "web-0_shop_app-" A ".log");
	pass(&w, 0);
	const struct workload *a = appears(&w, POD A), *pause = appears(&w, POD PAUSE);

	tree_write(&w.t, "var/log/pods/shop_web-0_" UID_D "/x", "");
	pass(&w, SECOND);
	pass(&w, SECOND);
	cr_assert(a->settled);
	cr_assert_str_eq(a->pod_name, "web-0");
	cr_assert_str_eq(a->container_namespace, "shop");
	cr_assert_str_eq(a->container_name, "app");
	cr_assert_str_eq(pause->pod_name, "web-0");
	cr_assert_str_eq(pause->container_name, "");
	names_stats(w.names, &s);
	cr_assert(!s.kubelet_wanted);
	cr_assert_eq(w.asked, 0);
	end(&w);
}

Test(naming, by_the_id_alone)
{
	struct world w;
	struct names_stats s;

	begin(&w, false);
	pass(&w, 0);
	const struct workload *a = appears(&w, POD A), *docker = appears(&w, "/docker/" B);

	pass(&w, SECOND);
	cr_assert(docker->settled, "none of the kubelet's");
	cr_assert(!a->settled);
	for (int i = 0; i < 11; i++)
		pass(&w, SECOND);
	cr_assert(a->settled);
	cr_assert_str_eq(a->container_id, A);
	cr_assert_str_eq(a->pod_name, "");
	names_stats(w.names, &s);
	cr_assert_eq(s.unnamed, 2);
	cr_assert_eq(s.containers, 2);
	/* Log files that come late. */
	link_log(&w, "web-0_shop_app-" A ".log");
	pass(&w, 61 * SECOND);
	cr_assert_str_eq(a->container_name, "app");
	end(&w);
}

/* Refuses, lies, is not there: for an hour. It is asked ever less often, nobody waits for it, and
 * what it knows is taken as soon as it is back. */
Test(naming, an_hour_without_the_kubelet)
{
	static const struct {
		int status;
		const char *body;
	} bad[] = { { 401, "no" }, { 403, "no" }, { 500, "" }, { 302, "" }, { 200, "<html>" }, { 200, "" },
		    { 200, "{\"kind\":\"Status\"}" }, { 200, "{\"items\":[" } };
	struct world w;
	struct names_stats s;

	begin(&w, true);
	link_log(&w, "web-1_shop_side-" B ".log");
	pass(&w, 0);
	const struct workload *a = appears(&w, POD A), *b = appears(&w, POD B);

	for (unsigned i = 0; i < 3600; i++) {
		w.status = bad[i / 60 % COUNT(bad)].status;
		w.body = bad[i / 60 % COUNT(bad)].body;
		pass(&w, SECOND);
	}
	cr_assert_leq(w.asked, 75, "%u", w.asked);
	cr_assert_geq(w.asked, 55, "%u", w.asked);
	names_stats(w.names, &s);
	cr_assert(s.kubelet_wanted && !s.kubelet_up);
	cr_assert_eq(s.kubelet_errors, s.kubelet_polls - 1, "the very first answer was good");
	cr_assert(strstr(s.kubelet_why, "kubelet 'http://127.0.0.1:"), "%s", s.kubelet_why);
	cr_assert(a->settled && b->settled);
	cr_assert_str_eq(a->pod_name, "");
	cr_assert_str_eq(b->pod_name, "web-1");
	cr_assert_str_eq(b->container_name, "side");
	w.status = 200;
	w.body = LIST("web-0", "app", A);
	for (int i = 0; i < 65; i++)
		pass(&w, SECOND);
	cr_assert_str_eq(a->pod_name, "web-0");
	names_stats(w.names, &s);
	cr_assert(s.kubelet_up);
	cr_assert_str_eq(s.kubelet_why, "");
	end(&w);
}

/* Nobody is unknown, and one answer is bad: the next is asked for soon, not a whole interval later. */
Test(naming, a_kubelet_that_fails_once)
{
	struct world w;
	struct names_stats s;

	begin(&w, true);
	w.status = 500;
	pass(&w, 0);
	pass(&w, SECOND);
	cr_assert_eq(w.asked, 1);
	w.status = 200;
	pass(&w, SECOND);
	names_stats(w.names, &s);
	cr_assert_eq(w.asked, 2);
	cr_assert(s.kubelet_up);
	pass(&w, 3 * SECOND);
	cr_assert_eq(w.asked, 2, "and then no sooner than ever");
	pass(&w, 27 * SECOND);
	cr_assert_eq(w.asked, 3);
	end(&w);
}

/* One that takes the request and says nothing: the deadline is real time here. */
Test(naming, a_kubelet_that_hangs)
{
	struct world w;
	struct names_stats s;

	begin(&w, true);
	w.config.kubelet.timeout_ns = SECOND;
	w.hangs = true;
	pass(&w, 0);
	const struct workload *a = appears(&w, POD A);

	for (int i = 0; i < 12; i++)
		pass(&w, SECOND);
	cr_assert(a->settled);
	for (int i = 0; i < 10; i++)
		settle_loop(&w);
	names_stats(w.names, &s);
	cr_assert_geq(s.kubelet_errors, 1);
	cr_assert(!s.kubelet_up);
	end(&w);
}

Test(naming, the_token_is_sent_and_the_file_read_anew)
{
	struct world w;
	char path[256];
	struct names_stats s;

	begin(&w, true);
	tree_write(&w.t, "token", "first\n");
	snprintf(path, sizeof path, "%s/token", w.t.root);
	w.config.kubelet.token_file = path;
	pass(&w, 0);
	cr_assert_str_eq(w.authorization, "Bearer first");
	tree_write(&w.t, "token", "second.part-2_\n");
	pass(&w, 31 * SECOND);
	cr_assert_str_eq(w.authorization, "Bearer second.part-2_");
	/* What would add a line to the request is no token. */
	tree_write(&w.t, "token", "third\r\nX-Evil: 1\n");
	pass(&w, 31 * SECOND);
	cr_assert_str_eq(w.authorization, "Bearer second.part-2_");
	names_stats(w.names, &s);
	cr_assert(strstr(s.kubelet_why, "token is empty or holds blanks"), "%s", s.kubelet_why);
	cr_assert_null(strstr(s.kubelet_why, "Evil"));
	cr_assert_eq(unlink(path), 0);
	pass(&w, 61 * SECOND);
	names_stats(w.names, &s);
	cr_assert(strstr(s.kubelet_why, "cannot read the token file"), "%s", s.kubelet_why);
	end(&w);
}

Test(naming, another_configuration)
{
	struct world w;
	struct names_stats s;
	struct config none;

	begin(&w, true);
	w.body = LIST("web-0", "app", A);
	pass(&w, 0);
	config_init(&none);
	names_reload(w.names, &none);
	names_stats(w.names, &s);
	cr_assert(!s.kubelet_wanted);
	pass(&w, SECOND);
	names_reload(w.names, &w.config);
	const struct workload *a = appears(&w, POD A);

	pass(&w, SECOND);
	pass(&w, SECOND);
	cr_assert_str_eq(a->pod_name, "web-0");
	end(&w);
}

/* Freed while it is asked. */
Test(naming, the_end_comes_at_any_time)
{
	struct world w;

	begin(&w, true);
	w.hangs = true;
	pass(&w, 0);
	appears(&w, POD A);
	names_tick(w.names, w.now + SECOND);
	end(&w);
}
