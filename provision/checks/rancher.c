/* SPDX-License-Identifier: BSD-2-Clause */
/* B3: Rancher and cert-manager, as the operator's machine sees them through the kubeconfig and by Rancher's own address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/checks/checks.h"
#include "provision/cluster/objects.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

#define WAIT_S 600	/* it starts for minutes */
#define CATTLE "cattle-system"
#define CERT_MANAGER "cert-manager"
#define NAMESPACE "/api/v1/namespaces/" CATTLE
#define DEPLOYMENTS_OF(ns) "/apis/apps/v1/namespaces/" ns "/deployments"
#define INGRESSES "/apis/networking.k8s.io/v1/namespaces/" CATTLE "/ingresses"
#define LOCAL_CLUSTER "/apis/management.cattle.io/v3/clusters/local"

#define ASKS(name, path)                                                                   \
	static void name(const struct check *c, const struct view *v, struct probe *p)     \
	{                                                                                  \
		(void)c;                                                                   \
		(void)v;                                                                   \
		probe_ask(p, "api", path);                                                 \
	}
ASKS(ask_namespace, NAMESPACE)
ASKS(ask_cert_manager, DEPLOYMENTS_OF(CERT_MANAGER))
ASKS(ask_rancher, DEPLOYMENTS_OF(CATTLE))
ASKS(ask_ingresses, INGRESSES)
ASKS(ask_local_cluster, LOCAL_CLUSTER)

/* ---- B3.1 */

static enum verdict b3_1_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	return check_namespace(v, CATTLE, why, size);
}

const struct check check_b3_1 = {
	"B3.1", "rancher", "Rancher's namespace is active", ROLE_LOCAL, 0, 60, ask_namespace, b3_1_judge,
};

/* ---- B3.2, B3.3 */

static enum verdict deployments(const struct view *v, const char *path, const char *const *names, char *why, size_t size)
{
	enum verdict bad = CHECK_FAIL;
	AUTO_BUF struct buf told = { 0 };
	AUTO_JSON struct json_object *list = check_object(v, path, &bad, why, size);
	if (!list)
		return bad;
	buf_init(&told, 400);
	for (size_t i = 0; names[i]; i++) {
		struct json_object *d = obj_named(list, names[i]);
		int want = json_object_get_int(OBJ(d, "spec", "replicas"));
		int ready = json_object_get_int(OBJ(d, "status", "readyReplicas"));
		int current = json_object_get_int(OBJ(d, "status", "updatedReplicas"));
		if (!d)
			return check_says(CHECK_FAIL, why, size, "there is no deployment '%s'", names[i]);
		if (want < 1 || ready < want || current < want)
			return check_says(CHECK_FAIL, why, size, "%s: %d of %d pods ready, %d up to date", names[i], ready, want,
					  current);
		buf_addf(&told, "%s%s %d of %d", told.len ? ", " : "", names[i], ready, want);
	}
	return check_says(CHECK_PASS, why, size, "ready: %s", buf_str(&told));
}

static enum verdict b3_2_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	static const char *const names[] = { "cert-manager", "cert-manager-cainjector", "cert-manager-webhook", NULL };
	return deployments(v, DEPLOYMENTS_OF(CERT_MANAGER), names, why, size);
}

static enum verdict b3_3_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	static const char *const names[] = { "rancher", "rancher-webhook", NULL };
	return deployments(v, DEPLOYMENTS_OF(CATTLE), names, why, size);
}

const struct check check_b3_2 = {
	"B3.2", "rancher", "cert-manager, its webhook and its injector are ready", ROLE_LOCAL, 0, WAIT_S, ask_cert_manager, b3_2_judge,
};
const struct check check_b3_3 = {
	"B3.3", "rancher", "Rancher and its webhook are ready", ROLE_LOCAL, 0, WAIT_S, ask_rancher, b3_3_judge,
};

/* ---- B3.4, B3.5 */

static enum verdict b3_4_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, INGRESSES, &bad, why, size);
	if (!list)
		return bad;
	size_t n = obj_length(OBJ(list, "items"));
	return check_says(n ? CHECK_PASS : CHECK_FAIL, why, size, "%zu ingresses in " CATTLE, n);
}

static enum verdict b3_5_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, INGRESSES, &bad, why, size);
	if (!list)
		return bad;
	struct json_object *items = OBJ(list, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		struct json_object *at = OBJ(o, "status", "loadBalancer", "ingress");
		if (!obj_element(OBJ(o, "spec", "rules"), "host", v->inv->rancher_hostname))
			continue;
		if (!obj_length(at))
			return check_says(CHECK_FAIL, why, size, "the ingress of '%s' has no address yet",
					  v->inv->rancher_hostname);
		at = json_object_array_get_idx(at, 0);
		return check_says(CHECK_PASS, why, size, "'%s' at %s", v->inv->rancher_hostname,
				  *obj_text(OBJ(at, "ip")) ? obj_text(OBJ(at, "ip")) : obj_text(OBJ(at, "hostname")));
	}
	return check_says(CHECK_FAIL, why, size, "no ingress in " CATTLE " has the host '%s'", v->inv->rancher_hostname);
}

const struct check check_b3_4 = {
	"B3.4", "rancher", "there is an ingress for Rancher", ROLE_LOCAL, 0, WAIT_S, ask_ingresses, b3_4_judge,
};
const struct check check_b3_5 = {
	"B3.5", "rancher", "it has Rancher's host name and an address", ROLE_LOCAL, 0, WAIT_S, ask_ingresses, b3_5_judge,
};

/* ---- B3.6: by its name and the control node's external address, whatever DNS says of the name */

static void page(const struct view *v, const char *path, char *ret, size_t size)
{
	snprintf(ret, size, "https://%s%s %s", v->inv->rancher_hostname, path, v->inv->control->external_ip);
}

static void b3_6_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[600];
	page(v, "/ping", about, sizeof(about));
	probe_ask(p, "web", "%s", about);
	page(v, "/", about, sizeof(about));
	probe_ask(p, "web", "%s", about);
}

static enum verdict b3_6_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char about[600];
	page(v, "/ping", about, sizeof(about));
	const char *a = check_answer(v, "web", about, "does not answer", &bad, why, size);
	if (!a)
		return bad;
	if (strcmp(a, "200\npong") != 0)
		return check_says(CHECK_FAIL, why, size, "/ping answers %.60s, not 200 and pong", a);
	page(v, "/", about, sizeof(about));
	a = check_answer(v, "web", about, "does not answer", &bad, why, size);
	if (!a)
		return bad;
	if (strncmp(a, "200\n", 4) != 0)
		return check_says(CHECK_FAIL, why, size, "/ answers %.3s", a);
	return check_says(CHECK_PASS, why, size, "https://%s at %s answers /ping with pong, and / without a redirect loop",
			  v->inv->rancher_hostname, v->inv->control->external_ip);
}

const struct check check_b3_6 = {
	"B3.6", "rancher", "Rancher answers by its host name", ROLE_LOCAL, 0, WAIT_S, b3_6_ask, b3_6_judge,
};

/* ---- B3.7: asked once, for Rancher counts logins */

/* The row that puts the first password into a Secret. */
static const struct step *bootstrap_row(void)
{
	for (size_t i = 0; i < recipe_rancher.nsteps; i++)
		if (recipe_rancher.steps[i].ops == &kube_secret_ops)
			return &recipe_rancher.steps[i];
	return NULL;
}

static const char *login(const struct view *v, char ret[400])
{
	const struct kube_secret_arg *a = bootstrap_row()->arg;
	snprintf(ret, 400, "%s/%s", a->ns(v->inv), a->name);
	return ret;
}

static void b3_7_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[400];
	bootstrap_row()->ops->ask(bootstrap_row(), v, p);
	probe_ask(p, "rancher", "%s", login(v, about));
}

static enum verdict b3_7_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	struct finding f = { 0 };
	struct err e = { 0 };
	char about[400];
	const char *a = check_answer(v, "rancher", login(v, about), "cannot be asked for: there is no K3s", &bad, why, size);
	if (!a)
		return bad;
	if (strcmp(a, "over") == 0)
		return check_says(CHECK_PASS, why, size, "its admin has been set up: the first password is over");
	if (strcmp(a, "taken") != 0)
		return check_says(CHECK_FAIL, why, size, "Rancher does not take its first password: %.200s", a);
	/* it takes what is in the cluster: is that the vault's? */
	if (bootstrap_row()->ops->check(bootstrap_row(), v, &f, &e) < 0)
		return check_says(CHECK_FAIL, why, size, "%s", e.msg);
	if (f.is != PRESENT)
		return check_says(CHECK_FAIL, why, size, "%s", f.why);
	return check_says(CHECK_PASS, why, size, "admin logs in with the vault's first password");
}

const struct check check_b3_7 = {
	"B3.7", "rancher", "Rancher's admin logs in with the first password, or has another by now", ROLE_CONTROL, 0, 0, b3_7_ask,
	b3_7_judge,
};

/* ---- B3.8, B3.9: the cluster that it runs in is one of its own */

static enum verdict b3_8_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *o = check_object(v, LOCAL_CLUSTER, &bad, why, size);
	return o ? check_says(CHECK_PASS, why, size, "cluster 'local', %s", obj_text(OBJ(o, "spec", "displayName"))) : bad;
}

static enum verdict b3_9_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	static const char *const wanted[] = { "Ready", "Connected" };
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *o = check_object(v, LOCAL_CLUSTER, &bad, why, size);
	if (!o)
		return bad;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		struct json_object *one = obj_element(OBJ(o, "status", "conditions"), "type", wanted[i]);
		if (strcmp(obj_text(OBJ(one, "status")), "True") != 0)
			return check_says(CHECK_FAIL, why, size, "cluster 'local' is not %s: %s", wanted[i],
					  one ? obj_text(OBJ(one, "message")) : "nothing is known of it");
	}
	return check_says(CHECK_PASS, why, size, "Ready and Connected");
}

const struct check check_b3_8 = {
	"B3.8", "rancher", "Rancher knows the cluster that it runs in", ROLE_LOCAL, 0, WAIT_S, ask_local_cluster, b3_8_judge,
};
const struct check check_b3_9 = {
	"B3.9", "rancher", "and is connected to it", ROLE_LOCAL, 0, WAIT_S, ask_local_cluster, b3_9_judge,
};

/* ---- B3.10: there are always some, so that it is their number that counts */

#define ERRORS_MOST 10		/* in ten minutes */
#define RETRIES_MOST 200

static void b3_10_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "journal", "rancher");
}

static bool has_one_of(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (strstr(line, *words))
			return true;
	return false;
}

/* Its own levels as text and as JSON, and those of the Kubernetes libraries: "E0405 12:22:30 ...". */
static enum severity { MERE, WARNING, RETRY, TROUBLE, END } severity(const char *line)
{
	static const char *const ends[] = { "[FATAL]", "[PANIC]", "panic: ", "level=fatal", "level=panic", "\"level\":\"fatal\"",
					    "\"level\":\"panic\"", NULL };
	static const char *const errors[] = { "[ERROR]", "level=error", "\"level\":\"error\"", NULL };
	static const char *const warnings[] = { "[WARNING]", "level=warning", "\"level\":\"warning\"", NULL };
	/* what is tried again by itself, or was given up by the other side: every controller says so now and then */
	static const char *const retries[] = { "requeuing", "context canceled", "TLS handshake error", "websocket: close",
					       "the object has been modified", NULL };
	bool klog = line[0] && strspn(line + 1, "0123456789") == 4 && line[5] == ' ';
	if (has_one_of(line, ends) || (klog && line[0] == 'F'))
		return END;
	if (has_one_of(line, errors) || (klog && line[0] == 'E'))
		return has_one_of(line, retries) ? RETRY : TROUBLE;
	return has_one_of(line, warnings) || (klog && line[0] == 'W') ? WARNING : MERE;
}

static enum verdict b3_10_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	unsigned n[END + 1] = { 0 };
	char line[401], last[END + 1][401] = { "" };
	const char *a = check_answer(v, "journal", "rancher", "cannot be asked for: there is no K3s", &bad, why, size);
	if (!a)
		return bad;
	for (const char *s = a; *s;) {
		size_t len = strcspn(s, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)(len < 400 ? len : 400), s);
		enum severity is = severity(line);
		n[is]++;
		memcpy(last[is], line, sizeof(line));
		s += len + (s[len] == '\n');
	}
	if (n[END])
		return check_says(CHECK_FAIL, why, size, "Rancher ended in the last ten minutes: %.300s", last[END]);
	if (n[TROUBLE] > ERRORS_MOST)
		return check_says(CHECK_FAIL, why, size, "%u errors in ten minutes, the last: %.300s", n[TROUBLE], last[TROUBLE]);
	if (n[RETRY] > RETRIES_MOST)
		return check_says(CHECK_FAIL, why, size, "%u things were tried again in ten minutes, the last: %.300s", n[RETRY], last[RETRY]);
	return check_says(CHECK_PASS, why, size, "in ten minutes %u errors, %u things tried again, %u warnings%s%.200s", n[TROUBLE],
			  n[RETRY], n[WARNING], n[TROUBLE] ? "; the last error: " : "", last[TROUBLE]);
}

const struct check check_b3_10 = {
	"B3.10", "rancher", "Rancher's log has no more errors than it always has", ROLE_CONTROL, 0, 0, b3_10_ask, b3_10_judge,
};

/* ---- X4 */

static void x4_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[600];
	page(v, "/", about, sizeof(about));
	probe_ask(p, "cert", "%s", about);
}

static enum verdict x4_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	char about[600];
	page(v, "/", about, sizeof(about));
	return check_certificate(v, about, why, size);
}

const struct check check_x4_rancher = {
	"X4", "rancher", "Rancher's certificate holds for another 30 days", ROLE_LOCAL, 0, 60, x4_ask, x4_judge,
};

/* ---- X7 */

static const struct recipe *const recipes_of[] = { &recipe_cert_manager, &recipe_rancher, NULL };

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

const struct check check_x7_rancher = {
	"X7", "rancher", "its releases are deployed, with the inventory's configuration", ROLE_CONTROL, 0, 60, x7_ask, x7_judge,
};
