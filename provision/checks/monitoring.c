/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * B4: the monitoring stack. What needs no credentials of its own is asked through the API server's proxy, so that its
 * certificate is checked and no NodePort is needed; that those answer, too, is B4.4 and B4.5.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/opts.h"
#include "base/url.h"
#include "provision/checks/checks.h"
#include "provision/cluster/objects.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

#define WAIT_S 600	/* images, and what Prometheus reads again when it starts */
#define VOLUMES "/api/v1/persistentvolumes"
#define CLASSES "/apis/storage.k8s.io/v1/storageclasses"
#define JOB "kepler-metrics"

/* The three programs, by what their charts call their Services. */
static const struct app {
	const char *service, *volume, *ready;
	unsigned port;			/* of the Service */
	size_t nodeport_at, size_at, claim_at;	/* in struct inventory */
} apps[] = {
#define APP(service, name, ready, port)                                                                      \
	{ service, #name, ready, port, offsetof(struct inventory, name##_nodeport),                          \
	  offsetof(struct inventory, pv_size_##name), offsetof(struct inventory, pvc_size_##name) }
	APP("monitoring-kube-prometheus-prometheus", prometheus, "/-/ready", 9090),
	APP("monitoring-grafana", grafana, "/api/health", 80),
	APP("monitoring-kube-prometheus-alertmanager", alertmanager, "/-/ready", 9093),
#undef APP
};
enum { PROMETHEUS, GRAFANA, ALERTMANAGER };

static unsigned nodeport(const struct view *v, const struct app *a)
{
	return *(const unsigned *)(const void *)((const char *)v->inv + a->nodeport_at);
}

static const char *in_namespace(const struct view *v, const char *api, const char *resource, char ret[300])
{
	snprintf(ret, 300, "%s/namespaces/%s%s", api, v->inv->monitoring_namespace, resource);
	return ret;
}

/* Prometheus' own API, through the API server. */
static const char *of_prometheus(const struct view *v, const char *path, char ret[600])
{
	snprintf(ret, 600, "/api/v1/namespaces/%s/services/http:%s:%u/proxy%s", v->inv->monitoring_namespace,
		 apps[PROMETHEUS].service, apps[PROMETHEUS].port, path);
	return ret;
}

/* ---- B4.1, B4.2 */

static void b4_1_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[300];
	probe_ask(p, "api", "%s", in_namespace(v, "/api/v1", "", path));
}

static enum verdict b4_1_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	return check_namespace(v, v->inv->monitoring_namespace, why, size);
}

const struct check check_b4_1 = {
	"B4.1", "monitoring", "its namespace is active", ROLE_LOCAL, 0, 60, b4_1_ask, b4_1_judge,
};

static void b4_2_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[300];
	probe_ask(p, "api", "%s", in_namespace(v, "/api/v1", "/pods", path));
}

static enum verdict b4_2_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	char path[300];
	return check_pods(v, in_namespace(v, "/api/v1", "/pods", path), why, size);
}

const struct check check_b4_2 = {
	"B4.2", "monitoring", "all its pods run or have ended well", ROLE_LOCAL, 0, WAIT_S, b4_2_ask, b4_2_judge,
};

/* ---- B4.3 */

static void b4_3_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[300];
	probe_ask(p, "api", "%s", in_namespace(v, "/api/v1", "/services", path));
	probe_ask(p, "api", "%s", in_namespace(v, "/apis/discovery.k8s.io/v1", "/endpointslices", path));
}

/* Is somebody ready behind the Service? */
static bool has_endpoint(struct json_object *slices, const char *service)
{
	struct json_object *items = OBJ(slices, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i), *ends = OBJ(o, "endpoints");
		if (strcmp(obj_text(OBJ(o, "metadata", "labels", "kubernetes.io/service-name")), service) != 0)
			continue;
		for (size_t k = 0; k < obj_length(ends); k++)
			if (json_object_get_boolean(OBJ(json_object_array_get_idx(ends, k), "conditions", "ready")))
				return true;
	}
	return false;
}

static enum verdict b4_3_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char path[300];
	AUTO_JSON struct json_object *services =
		check_object(v, in_namespace(v, "/api/v1", "/services", path), &bad, why, size);
	AUTO_JSON struct json_object *slices =
		services ? check_object(v, in_namespace(v, "/apis/discovery.k8s.io/v1", "/endpointslices", path), &bad, why,
					size) :
			   NULL;
	if (!slices)
		return bad;
	for (size_t i = 0; i < COUNT(apps); i++) {
		struct json_object *s = obj_named(services, apps[i].service), *ports = OBJ(s, "spec", "ports");
		int port = 0;
		for (size_t k = 0; k < obj_length(ports); k++) {
			struct json_object *one = json_object_array_get_idx(ports, k);
			if (json_object_get_int(OBJ(one, "port")) == (int)apps[i].port)
				port = json_object_get_int(OBJ(one, "nodePort"));
		}
		if (!s)
			return check_says(CHECK_FAIL, why, size, "there is no service '%s'", apps[i].service);
		if (strcmp(obj_text(OBJ(s, "spec", "type")), "NodePort") != 0 || port != (int)nodeport(v, &apps[i]))
			return check_says(CHECK_FAIL, why, size, "service '%s' is of type %s with NodePort %d, wanted %u",
					  apps[i].service, obj_text(OBJ(s, "spec", "type")), port, nodeport(v, &apps[i]));
		if (!has_endpoint(slices, apps[i].service))
			return check_says(CHECK_FAIL, why, size, "nobody is ready behind the service '%s'", apps[i].service);
	}
	return check_says(CHECK_PASS, why, size, "Prometheus %u, Grafana %u, Alertmanager %u", v->inv->prometheus_nodeport,
			  v->inv->grafana_nodeport, v->inv->alertmanager_nodeport);
}

const struct check check_b4_3 = {
	"B4.3", "monitoring", "its services have their ports, and somebody behind them", ROLE_LOCAL, 0, WAIT_S, b4_3_ask, b4_3_judge,
};

/* ---- B4.4, B4.5: from outside */

static const char *page(const struct view *v, const struct app *a, const char *path, char ret[400])
{
	snprintf(ret, 400, "http://%s:%u%s", URL_HOST(v->inv->control->external_ip), nodeport(v, a), path);
	return ret;
}

static void b4_4_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[400];
	for (size_t i = 0; i < COUNT(apps); i++)
		probe_ask(p, "web", "%s", page(v, &apps[i], apps[i].ready, about));
}

static enum verdict b4_4_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	for (size_t i = 0; i < COUNT(apps); i++) {
		char about[400];
		const char *a = check_answer(v, "web", page(v, &apps[i], apps[i].ready, about), "does not answer", &bad, why, size);
		if (!a)
			return bad;
		if (strncmp(a, "200\n", 4) != 0)
			return check_says(CHECK_FAIL, why, size, "%s answers %.100s", about, a);
	}
	return check_says(CHECK_PASS, why, size, "all three answer at %s", v->inv->control->external_ip);
}

const struct check check_b4_4 = {
	"B4.4", "monitoring", "Prometheus, Grafana and Alertmanager answer by their NodePorts", ROLE_LOCAL, 0, WAIT_S, b4_4_ask,
	b4_4_judge,
};

static void b4_5_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[400];
	probe_ask(p, "web", "%s", page(v, &apps[GRAFANA], "/login", about));
}

static enum verdict b4_5_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char about[400];
	const char *a = check_answer(v, "web", page(v, &apps[GRAFANA], "/login", about), "does not answer", &bad, why, size);
	if (!a)
		return bad;
	bool good = strncmp(a, "200\n", 4) == 0 && strstr(a, "Grafana");
	return check_says(good ? CHECK_PASS : CHECK_FAIL, why, size, "%s %s", about,
			  good ? "is Grafana's login page" : "is not Grafana's login page");
}

const struct check check_b4_5 = {
	"B4.5", "monitoring", "Grafana shows its login page", ROLE_LOCAL, 0, WAIT_S, b4_5_ask, b4_5_judge,
};

/* ---- B4.6: asked once, for Grafana locks out whoever fails too often */

/* The row that puts the admin into a Secret. */
static const struct step *admin_row(void)
{
	for (size_t i = 0; i < recipe_monitoring.nsteps; i++)
		if (recipe_monitoring.steps[i].ops == &kube_secret_ops)
			return &recipe_monitoring.steps[i];
	return NULL;
}

static const char *login(const struct view *v, char ret[400])
{
	const struct kube_secret_arg *a = admin_row()->arg;
	snprintf(ret, 400, "%s/%s %s %u", a->ns(v->inv), a->name, v->host->internal_ip, v->inv->grafana_nodeport);
	return ret;
}

static void b4_6_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[400];
	admin_row()->ops->ask(admin_row(), v, p);
	probe_ask(p, "grafana", "%s", login(v, about));
}

static enum verdict b4_6_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	struct finding f = { 0 };
	struct err e = { 0 };
	char about[400];
	if (admin_row()->ops->check(admin_row(), v, &f, &e) < 0)
		return check_says(CHECK_FAIL, why, size, "%s", e.msg);
	if (f.is != PRESENT)
		return check_says(CHECK_FAIL, why, size, "%s", f.why);
	const char *a = check_answer(v, "grafana", login(v, about), "does not answer", &bad, why, size);
	if (!a)
		return bad;
	if (strncmp(a, "HTTP/1.", 7) != 0 || strncmp(a + 8, " 200", 4) != 0)
		return check_says(CHECK_FAIL, why, size, "Grafana answers %.60s to its admin with the vault's password", a);
	return check_says(CHECK_PASS, why, size, "the admin logs in with the vault's password");
}

const struct check check_b4_6 = {
	"B4.6", "monitoring", "Grafana's admin logs in with the vault's password", ROLE_CONTROL, 0, 0, b4_6_ask, b4_6_judge,
};

/* ---- B4.7 */

#define TARGETS "/api/v1/targets?state=active"

static void b4_7_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[600];
	probe_ask(p, "api", "%s", of_prometheus(v, TARGETS, path));
}

/* The target of a node; NULL when there is none. *ret_n: how many it has. */
static struct json_object *target_of(struct json_object *targets, const char *node, size_t *ret_n)
{
	struct json_object *found = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < obj_length(targets); i++) {
		struct json_object *t = json_object_array_get_idx(targets, i);
		if (strcmp(obj_text(OBJ(t, "labels", "job")), JOB) != 0 ||
		    strcmp(obj_text(OBJ(t, "labels", "instance")), node) != 0)
			continue;
		found = t;
		++*ret_n;
	}
	return found;
}

static enum verdict b4_7_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char path[600];
	unsigned long long interval_ns = 0;
	struct err e = { 0 };
	AUTO_JSON struct json_object *o = check_object(v, of_prometheus(v, TARGETS, path), &bad, why, size);
	if (!o)
		return bad;
	if (opts_duration(v->inv->prometheus_scrape_interval, &interval_ns, &e) < 0)
		return check_says(CHECK_FAIL, why, size, "%s", e.msg);
	struct json_object *targets = OBJ(o, "data", "activeTargets");
	size_t all = 0, n = 0;
	for (size_t i = 0; i < obj_length(targets); i++)
		all += strcmp(obj_text(OBJ(json_object_array_get_idx(targets, i), "labels", "job")), JOB) == 0;
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const char *node = v->inv->hosts[i].node_name;
		struct json_object *t = target_of(targets, node, &n);
		double s = check_age(obj_text(OBJ(t, "lastScrape")));
		if (n != 1)
			return check_says(CHECK_FAIL, why, size, "Prometheus has %zu targets for the exporter of '%s'", n, node);
		if (strcmp(obj_text(OBJ(t, "health")), "up") != 0)
			return check_says(CHECK_FAIL, why, size, "the exporter of '%s' is %s: %s", node,
					  obj_text(OBJ(t, "health")), obj_text(OBJ(t, "lastError")));
		/* clocks may be a moment apart */
		if (s > 3 * (double)interval_ns / 1e9 + 5)
			return check_says(CHECK_FAIL, why, size, "the exporter of '%s' was asked %.0f s ago", node, s);
	}
	if (all != v->inv->nhosts)
		return check_says(CHECK_FAIL, why, size, "%zu targets for %zu nodes", all, v->inv->nhosts);
	return check_says(CHECK_PASS, why, size, "%zu exporters, all up", all);
}

const struct check check_b4_7 = {
	"B4.7", "monitoring", "Prometheus asks the exporter of every node, once", ROLE_LOCAL, 0, 180, b4_7_ask, b4_7_judge,
};

/* ---- B4.8 */

static void b4_8_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[300];
	probe_ask(p, "api", VOLUMES);
	probe_ask(p, "api", "%s", in_namespace(v, "/api/v1", "/persistentvolumeclaims", path));
}

/* A Kubernetes quantity that is whole, in bytes; 0 for anything else. */
static uint64_t bytes(const char *text)
{
	static const struct { const char *suffix; uint64_t factor; } rows[] = {
		{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { "T", 1000000000000 },
		{ "Ki", 1ull << 10 }, { "Mi", 1ull << 20 }, { "Gi", 1ull << 30 }, { "Ti", 1ull << 40 },
	};
	char *end = NULL;
	unsigned long long n = strtoull(text, &end, 10);
	for (size_t i = 0; end != text && i < COUNT(rows); i++)
		if (strcmp(end, rows[i].suffix) == 0)
			return n * rows[i].factor;
	return 0;
}

static uint64_t size_at(const struct view *v, size_t at)
{
	return *(const uint64_t *)(const void *)((const char *)v->inv + at);
}

static enum verdict volume_judge(const struct view *v, const struct app *a, struct json_object *volumes,
				 struct json_object *claims, char *why, size_t size)
{
	char name[80];
	snprintf(name, sizeof(name), "%s-%s", v->inv->pv_name, a->volume);
	struct json_object *pv = obj_named(volumes, name);
	const char *claim_name = obj_text(OBJ(pv, "spec", "claimRef", "name"));
	struct json_object *claim = obj_named(claims, claim_name);
	const char *class = obj_text(OBJ(pv, "spec", "storageClassName"));
	if (!pv)
		return check_says(CHECK_FAIL, why, size, "there is no volume '%s'", name);
	if (strcmp(obj_text(OBJ(pv, "status", "phase")), "Bound") != 0)
		return check_says(CHECK_FAIL, why, size, "volume '%s' is %s", name, obj_text(OBJ(pv, "status", "phase")));
	if (strcmp(obj_text(OBJ(pv, "spec", "claimRef", "namespace")), v->inv->monitoring_namespace) != 0 || !claim ||
	    strcmp(obj_text(OBJ(claim, "status", "phase")), "Bound") != 0)
		return check_says(CHECK_FAIL, why, size, "volume '%s' is claimed by '%s', which is not bound to it", name, claim_name);
	if (strcmp(class, v->inv->storageclass_name) != 0)
		return check_says(CHECK_FAIL, why, size, "volume '%s' is of class '%s', not '%s'", name, class,
				  v->inv->storageclass_name);
	uint64_t have = bytes(obj_text(OBJ(pv, "spec", "capacity", "storage")));
	uint64_t asked = bytes(obj_text(OBJ(claim, "spec", "resources", "requests", "storage")));
	if (have != size_at(v, a->size_at) || asked != size_at(v, a->claim_at))
		return check_says(CHECK_FAIL, why, size,
				  "volume '%s' has %" PRIu64 " MiB and its claim asks for %" PRIu64 " MiB, wanted %" PRIu64 " and %" PRIu64,
				  name, have >> 20, asked >> 20, size_at(v, a->size_at) >> 20, size_at(v, a->claim_at) >> 20);
	return CHECK_PASS;
}

static enum verdict b4_8_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char path[300];
	AUTO_JSON struct json_object *volumes = check_object(v, VOLUMES, &bad, why, size);
	AUTO_JSON struct json_object *claims =
		volumes ? check_object(v, in_namespace(v, "/api/v1", "/persistentvolumeclaims", path), &bad, why, size) : NULL;
	if (!claims)
		return bad;
	for (size_t i = 0; i < COUNT(apps); i++)
		if (volume_judge(v, &apps[i], volumes, claims, why, size) != CHECK_PASS)
			return CHECK_FAIL;
	return check_says(CHECK_PASS, why, size, "three volumes and their claims are bound, as large as the inventory says");
}

const struct check check_b4_8 = {
	"B4.8", "monitoring", "its volumes are claimed, of their class and size", ROLE_LOCAL, 0, WAIT_S, b4_8_ask, b4_8_judge,
};

/* ---- B4.9 */

#define RUNTIME "/api/v1/status/runtimeinfo"
#define OLDEST "/api/v1/query?query=prometheus_tsdb_lowest_timestamp_seconds"
#define FIRST_START_S 3600	/* images come in less, between the claim of a volume and the first start */

static void b4_9_ask(const struct check *c, const struct view *v, struct probe *p)
{
	char path[600];
	b4_8_ask(c, v, p);
	probe_ask(p, "api", "%s", of_prometheus(v, RUNTIME, path));
	probe_ask(p, "api", "%s", of_prometheus(v, OLDEST, path));
}

/* The claim of Prometheus' volume, when each of the volumes belongs to the very claim that has it. */
static struct json_object *kept_claim(const struct view *v, struct json_object *volumes, struct json_object *claims, char *why,
				      size_t size)
{
	struct json_object *ret = NULL;
	for (size_t i = COUNT(apps); i-- > 0;) {
		char name[80];
		snprintf(name, sizeof(name), "%s-%s", v->inv->pv_name, apps[i].volume);
		struct json_object *ref = OBJ(obj_named(volumes, name), "spec", "claimRef");
		ret = obj_named(claims, obj_text(OBJ(ref, "name")));
		const char *uid = obj_text(OBJ(ret, "metadata", "uid"));
		if (!*uid || strcmp(uid, obj_text(OBJ(ref, "uid"))) != 0) {
			check_says(CHECK_FAIL, why, size, "volume '%s' does not belong to the claim that is there now", name);
			return NULL;
		}
	}
	return ret;
}

static enum verdict b4_9_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char path[600];
	AUTO_JSON struct json_object *volumes = check_object(v, VOLUMES, &bad, why, size);
	AUTO_JSON struct json_object *claims =
		volumes ? check_object(v, in_namespace(v, "/api/v1", "/persistentvolumeclaims", path), &bad, why, size) : NULL;
	AUTO_JSON struct json_object *runtime = claims ? check_object(v, of_prometheus(v, RUNTIME, path), &bad, why, size) : NULL;
	AUTO_JSON struct json_object *oldest = runtime ? check_object(v, of_prometheus(v, OLDEST, path), &bad, why, size) : NULL;
	if (!oldest)
		return bad;
	struct json_object *claim = kept_claim(v, volumes, claims, why, size);
	if (!claim)
		return CHECK_FAIL;
	const char *text = check_sample(oldest, 0);
	double sample = text ? (double)time(NULL) - strtod(text, NULL) : -1;
	double start = check_age(obj_text(OBJ(runtime, "data", "startTime")));
	double claimed = check_age(obj_text(OBJ(claim, "metadata", "creationTimestamp")));
	if (start < 0)
		return check_says(CHECK_FAIL, why, size, "Prometheus does not say when it was started");
	/* without any sample it tells a time that is far to come */
	if (sample < 0)
		return check_says(CHECK_FAIL, why, size, "Prometheus has no sample of its oldest time yet");
	if (sample > start + 1)
		return check_says(CHECK_PASS, why, size, "Prometheus was started %.1f h ago and has data of the %.1f h before that",
				  start / 3600, (sample - start) / 3600);
	if (claimed > start + FIRST_START_S)
		return check_says(CHECK_FAIL, why, size,
				  "Prometheus' volume was claimed %.1f h before its last start, and nothing from then is there", (claimed - start) / 3600);
	return check_says(CHECK_SKIP, why, size, "Prometheus runs since its first sample: restart the nodes, and ask again");
}

const struct check check_b4_9 = {
	"B4.9", "monitoring", "what was measured before the last start is still there", ROLE_LOCAL, 0, 180, b4_9_ask, b4_9_judge,
};

/* ---- S6, X6 */

static void ask_classes(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "api", CLASSES);
}

static bool is_default(struct json_object *class)
{
	return strcmp(obj_text(OBJ(class, "metadata", "annotations", "storageclass.kubernetes.io/is-default-class")), "true") == 0;
}

static enum verdict s6_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, CLASSES, &bad, why, size);
	if (!list)
		return bad;
	if (!obj_named(list, v->inv->storageclass_name))
		return check_says(CHECK_FAIL, why, size, "there is no storage class '%s'", v->inv->storageclass_name);
	if (is_default(obj_named(list, "local-path")))
		return check_says(CHECK_FAIL, why, size, "local-path is a default storage class");
	return check_says(CHECK_PASS, why, size, "'%s' is there, local-path is no default", v->inv->storageclass_name);
}

static enum verdict x6_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	size_t n = 0;
	AUTO_BUF struct buf told = { 0 };
	AUTO_JSON struct json_object *list = check_object(v, CLASSES, &bad, why, size);
	if (!list)
		return bad;
	buf_init(&told, 300);
	struct json_object *items = OBJ(list, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		if (is_default(o))
			buf_addf(&told, "%s%s", n++ ? ", " : "", obj_name(o));
	}
	return check_says(n == 1 ? CHECK_PASS : CHECK_FAIL, why, size, "%zu default storage classes%s%s", n, n ? ": " : "",
			  buf_str(&told));
}

const struct check check_s6 = {
	"S6", "monitoring", "the data volume is a storage class, and K3s' own is not the default", ROLE_LOCAL, 0, 60, ask_classes,
	s6_judge,
};
const struct check check_x6 = {
	"X6", "monitoring", "there is exactly one default storage class", ROLE_LOCAL, 0, 60, ask_classes, x6_judge,
};

/* ---- S8: what a worker holds that no other node has */

static void s8_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "api", VOLUMES);
}

static enum verdict s8_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, VOLUMES, &bad, why, size);
	if (!list)
		return bad;
	struct json_object *items = OBJ(list, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i), *spec = OBJ(o, "spec");
		if (!OBJ(spec, "local") && !OBJ(spec, "hostPath"))
			continue;
		/* where it is pinned to; a hostPath that is not may be anywhere */
		const char *where = json_object_to_json_string(OBJ(spec, "nodeAffinity"));
		char quoted[260];
		snprintf(quoted, sizeof(quoted), "\"%s\"", v->inv->control->node_name);
		if (!strstr(where, quoted))
			return check_says(CHECK_FAIL, why, size, "volume '%s' (claim %s/%s) has its data on a worker, or on no node that is told",
					  obj_name(o), obj_text(OBJ(spec, "claimRef", "namespace")),
					  obj_text(OBJ(spec, "claimRef", "name")));
	}
	return check_says(CHECK_PASS, why, size, "none of %zu volumes has its data on a worker", obj_length(items));
}

const struct check check_s8 = {
	"S8", "monitoring", "workers hold no volume's data: they can be powered off", ROLE_LOCAL, 0, 60, s8_ask, s8_judge,
};

/* ---- X7 */

static const struct recipe *const recipes_of[] = { &recipe_monitoring, NULL };

static void x7_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	check_releases_ask(recipes_of, v, p);
}

static enum verdict x7_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	return check_releases(recipes_of, v, why, size);
}

const struct check check_x7_monitoring = {
	"X7", "monitoring", "its release is deployed, with the inventory's configuration", ROLE_CONTROL, 0, 60, x7_ask, x7_judge,
};

/* ---- X8 */

#define RULES "/api/v1/rules"
#define ALERTS "/api/v1/alerts"
/* count(prometheus_tsdb_compactions_failed_total > 0) or vector(0) */
#define COMPACTIONS "/api/v1/query?query=count%28prometheus_tsdb_compactions_failed_total%20%3E%200%29%20or%20vector%280%29"

static void x8_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[600];
	probe_ask(p, "api", "%s", of_prometheus(v, RULES, path));
	probe_ask(p, "api", "%s", of_prometheus(v, ALERTS, path));
	probe_ask(p, "api", "%s", of_prometheus(v, COMPACTIONS, path));
}

/* The first rule that fails; NULL when none does. */
static struct json_object *failing_rule(struct json_object *o, size_t *ret_n)
{
	struct json_object *groups = OBJ(o, "data", "groups"), *found = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < obj_length(groups); i++) {
		struct json_object *rules = OBJ(json_object_array_get_idx(groups, i), "rules");
		for (size_t k = 0; k < obj_length(rules); k++, ++*ret_n) {
			struct json_object *rule = json_object_array_get_idx(rules, k);
			if (!found && strcmp(obj_text(OBJ(rule, "health")), "err") == 0)
				found = rule;
		}
	}
	return found;
}

static enum verdict alerts_judge(struct json_object *o, char *why, size_t size)
{
	struct json_object *alerts = OBJ(o, "data", "alerts");
	bool watchdog = false;
	for (size_t i = 0; i < obj_length(alerts); i++) {
		struct json_object *a = json_object_array_get_idx(alerts, i);
		const char *name = obj_text(OBJ(a, "labels", "alertname")), *severity = obj_text(OBJ(a, "labels", "severity"));
		if (strcmp(obj_text(OBJ(a, "state")), "firing") != 0)
			continue;
		watchdog = watchdog || strcmp(name, "Watchdog") == 0;
		if (strcmp(severity, "warning") == 0 || strcmp(severity, "critical") == 0) {
			const char *summary = obj_text(OBJ(a, "annotations", "summary"));
			return check_says(CHECK_FAIL, why, size, "alert %s fires: %.200s", name,
					  *summary ? summary : obj_text(OBJ(a, "annotations", "description")));
		}
	}
	/* it fires as long as alerts work */
	return watchdog ? CHECK_PASS : check_says(CHECK_FAIL, why, size, "the alert Watchdog does not fire: alerts do not work");
}

static enum verdict x8_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char path[600];
	size_t n = 0;
	AUTO_JSON struct json_object *rules = check_object(v, of_prometheus(v, RULES, path), &bad, why, size);
	AUTO_JSON struct json_object *alerts = rules ? check_object(v, of_prometheus(v, ALERTS, path), &bad, why, size) : NULL;
	AUTO_JSON struct json_object *failed =
		alerts ? check_object(v, of_prometheus(v, COMPACTIONS, path), &bad, why, size) : NULL;
	if (!failed)
		return bad;
	struct json_object *rule = failing_rule(rules, &n);
	if (rule)
		return check_says(CHECK_FAIL, why, size, "rule %s fails: %.200s", obj_text(OBJ(rule, "name")),
				  obj_text(OBJ(rule, "lastError")));
	if (n == 0)
		return check_says(CHECK_FAIL, why, size, "Prometheus has no rules");
	const char *count = check_sample(failed, 0);
	if (!count || strcmp(count, "0") != 0)
		return check_says(CHECK_FAIL, why, size, "Prometheus could not merge its blocks; see its log");
	if (alerts_judge(alerts, why, size) != CHECK_PASS)
		return CHECK_FAIL;
	return check_says(CHECK_PASS, why, size, "%zu rules without a failure, blocks are merged, no warning or critical alert fires", n);
}

const struct check check_x8 = {
	"X8", "monitoring", "Prometheus' rules work, and no alert fires", ROLE_LOCAL, 0, 300, x8_ask, x8_judge,
};

/* ---- X9 */

/* Above what any machine of one board draws: a meter that lies. */
#define WATTS_MAX 20000
#define WATTS "/api/v1/query?query=instance%3Akepler_node_watts%3Arate"

static void x9_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char path[600];
	probe_ask(p, "api", "%s", of_prometheus(v, WATTS, path));
}

static enum verdict x9_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char path[600];
	double all = 0;
	AUTO_JSON struct json_object *o = check_object(v, of_prometheus(v, WATTS, path), &bad, why, size);
	if (!o)
		return bad;
	struct json_object *series = OBJ(o, "data", "result");
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const char *node = v->inv->hosts[i].node_name, *text = NULL;
		for (size_t k = 0; k < obj_length(series) && !text; k++)
			if (strcmp(obj_text(OBJ(json_object_array_get_idx(series, k), "metric", "instance")), node) == 0)
				text = check_sample(o, k);
		double watts = text ? strtod(text, NULL) : 0;
		if (!text)
			return check_says(CHECK_FAIL, why, size, "Prometheus knows no power of '%s'", node);
		if (!(watts > 0 && watts < WATTS_MAX))
			return check_says(CHECK_FAIL, why, size, "'%s' draws %s W, which cannot be", node, text);
		all += watts;
	}
	return check_says(CHECK_PASS, why, size, "%zu nodes draw %.0f W", v->inv->nhosts, all);
}

const struct check check_x9 = {
	"X9", "monitoring", "every node's energy counters move, by what can be", ROLE_LOCAL, 0, 180, x9_ask, x9_judge,
};
