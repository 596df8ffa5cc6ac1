/* SPDX-License-Identifier: BSD-2-Clause */
/* B1: the cluster, as the operator's machine sees it through the kubeconfig, and as its nodes do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/url.h"
#include "provision/checks/checks.h"
#include "provision/cluster/objects.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

#define WAIT_S 300
#define HEARTBEAT_S 60
#define NODES "/api/v1/nodes"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
#define PODS "/api/v1/pods?limit=500"
#define NAMESPACES "/api/v1/namespaces"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/kube-system/deployments"

static const char *internal_ip(struct json_object *node)
{
	return obj_text(OBJ(obj_element(OBJ(node, "status", "addresses"), "type", "InternalIP"), "address"));
}

/* The node of a host: by its address in the cluster, which names cannot hide; else by name. */
static struct json_object *node_of(struct json_object *list, const struct host *h)
{
	struct json_object *items = OBJ(list, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		if (strcmp(internal_ip(o), h->internal_ip) == 0)
			return o;
	}
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		if (strcmp(obj_name(o), h->node_name) == 0)
			return o;
	}
	return NULL;
}

static void ask_nodes(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "api", NODES);
}

/* ---- B1.1 */

static enum verdict b1_1_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *nodes = check_object(v, NODES, &bad, why, size);
	if (!nodes)
		return bad;
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const struct host *h = &v->inv->hosts[i];
		struct json_object *n = node_of(nodes, h);
		if (!n)
			return check_says(CHECK_FAIL, why, size, "host '%s' (%s) is not in the cluster",
					  h->name, h->internal_ip);
		if (strcmp(obj_name(n), h->node_name) != 0)
			return check_says(CHECK_FAIL, why, size, "host '%s' is called '%s' in the cluster",
					  h->name, obj_name(n));
	}
	struct json_object *items = OBJ(nodes, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *n = json_object_array_get_idx(items, i);
		bool known = false;
		for (size_t k = 0; k < v->inv->nhosts && !known; k++)
			known = node_of(nodes, &v->inv->hosts[k]) == n;
		if (!known)
			return check_says(CHECK_FAIL, why, size,
					  "node '%s' (%s) is in the cluster and not in the inventory",
					  obj_name(n), internal_ip(n));
	}
	return check_says(CHECK_PASS, why, size, "%zu nodes, as in the inventory", v->inv->nhosts);
}

const struct check check_b1_1 = {
	"B1.1", "k3s", "the cluster's nodes are the inventory's", ROLE_LOCAL, 0, WAIT_S, ask_nodes, b1_1_judge,
};

/* ---- B1.2: the condition, and that somebody still renews it */

static void b1_2_ask(const struct check *c, const struct view *v, struct probe *p)
{
	ask_nodes(c, v, p);
	probe_ask(p, "api", LEASES);
}

static enum verdict b1_2_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *nodes = check_object(v, NODES, &bad, why, size);
	AUTO_JSON struct json_object *leases = nodes ? check_object(v, LEASES, &bad, why, size) : NULL;
	if (!leases)
		return bad;
	double oldest = 0;
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const struct host *h = &v->inv->hosts[i];
		struct json_object *n = node_of(nodes, h), *lease = obj_named(leases, obj_name(n));
		struct json_object *ready = obj_element(OBJ(n, "status", "conditions"), "type", "Ready");
		if (!ready || strcmp(obj_text(OBJ(ready, "status")), "True") != 0)
			return check_says(CHECK_FAIL, why, size, "node '%s' is not Ready: %s", h->name,
					  ready ? obj_text(OBJ(ready, "message")) : "nothing is known of it");
		double s = check_age(obj_text(OBJ(lease, "spec", "renewTime")));
		if (!lease || s < -HEARTBEAT_S)
			return check_says(CHECK_FAIL, why, size, "node '%s' has no heartbeat", h->name);
		if (s > HEARTBEAT_S)
			return check_says(CHECK_FAIL, why, size,
					  "node '%s' is Ready by its last report, which is %.0f s old",
					  h->name, s);
		oldest = s > oldest ? s : oldest;
	}
	return check_says(CHECK_PASS, why, size, "%zu nodes Ready, heartbeats at most %.0f s old",
			  v->inv->nhosts, oldest);
}

const struct check check_b1_2 = {
	"B1.2", "k3s", "every node is Ready and reports", ROLE_LOCAL, 0, WAIT_S, b1_2_ask, b1_2_judge,
};

/* ---- B1.3 */

static enum verdict b1_3_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *nodes = check_object(v, NODES, &bad, why, size);
	if (!nodes)
		return bad;
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const struct host *h = &v->inv->hosts[i];
		struct json_object *n = node_of(nodes, h);
		const char *told = obj_text(OBJ(n, "metadata", "annotations", "k3s.io/internal-ip"));
		if (strcmp(internal_ip(n), h->internal_ip) != 0)
			return check_says(CHECK_FAIL, why, size, "node '%s' has InternalIP %s instead of %s",
					  h->name, n ? internal_ip(n) : "-", h->internal_ip);
		if (*told && strcmp(told, h->internal_ip) != 0)
			return check_says(CHECK_FAIL, why, size,
					  "node '%s' is annotated with k3s.io/internal-ip %s instead of %s",
					  h->name, told, h->internal_ip);
	}
	return check_says(CHECK_PASS, why, size, "as internal_ip says, on %zu nodes", v->inv->nhosts);
}

const struct check check_b1_3 = {
	"B1.3", "k3s", "nodes have their internal addresses", ROLE_LOCAL, 0, WAIT_S, ask_nodes, b1_3_judge,
};

/* ---- B1.4, B1.5 */

static const char *unit_of(const struct host *h)
{
	return h->roles & ROLE_SERVER ? "k3s.service" : "k3s-agent.service";
}

static void unit_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "unit", "%s", unit_of(v->host));
}

static enum verdict unit_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *a = check_answer(v, "unit", unit_of(v->host), "does not exist", &bad, why, size);
	if (!a)
		return bad;
	char active[24] = "", sub[24] = "", enabled[24] = "", restarts[24] = "";
	facts_field(a, "ActiveState", active, sizeof(active));
	facts_field(a, "SubState", sub, sizeof(sub));
	facts_field(a, "UnitFileState", enabled, sizeof(enabled));
	facts_field(a, "NRestarts", restarts, sizeof(restarts));
	bool good = strcmp(active, "active") == 0 && strcmp(enabled, "enabled") == 0;
	return check_says(good ? CHECK_PASS : CHECK_FAIL, why, size, "%s is %s (%s), %s, restarted %s times",
			  unit_of(v->host), active, sub, enabled, restarts);
}

const struct check check_b1_4 = {
	"B1.4", "k3s", "K3s runs on every control node, and at boot", ROLE_SERVER, 0, 60, unit_ask, unit_judge,
};
const struct check check_b1_5 = {
	"B1.5", "k3s", "K3s runs on every worker, and at boot", ROLE_AGENT, 0, 60, unit_ask, unit_judge,
};

/* ---- B1.6 */

static void ask_pods(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "api", PODS);
}

static enum verdict b1_6_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	return check_pods(v, PODS, why, size);
}

const struct check check_b1_6 = {
	"B1.6", "k3s", "every pod runs or has ended well", ROLE_LOCAL, 0, WAIT_S, ask_pods, b1_6_judge,
};

/* ---- B1.7 */

static void b1_7_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "api", DEPLOYMENTS);
}

static enum verdict b1_7_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	static const struct {
		const char *deployment, *component;
	} wanted[] = { { "coredns", "coredns" },
		       { "metrics-server", "metrics-server" },
		       { "local-path-provisioner", "local-storage" },
		       { "traefik", "traefik" } };
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, DEPLOYMENTS, &bad, why, size);
	if (!list)
		return bad;
	AUTO_BUF struct buf told;
	buf_init(&told, 400);
	for (size_t i = 0; i < COUNT(wanted); i++) {
		if (k3s_disables(v->inv, wanted[i].component))
			continue;
		struct json_object *d = obj_named(list, wanted[i].deployment);
		struct json_object *available = obj_element(OBJ(d, "status", "conditions"), "type", "Available");
		if (strcmp(obj_text(OBJ(available, "status")), "True") != 0)
			return check_says(CHECK_FAIL, why, size, "%s is not available: %s",
					  wanted[i].deployment,
					  !d	     ? "there is no such deployment" :
					  !available ? "nothing is known of it" :
						       obj_text(OBJ(available, "message")));
		buf_addf(&told, "%s%s", told.len ? ", " : "", wanted[i].deployment);
	}
	return check_says(CHECK_PASS, why, size, "%s", told.len ? buf_str(&told) : "all are disabled");
}

const struct check check_b1_7 = {
	"B1.7", "k3s", "K3s' own components are available", ROLE_LOCAL, 0, WAIT_S, b1_7_ask, b1_7_judge,
};

/* ---- B1.8, B1.9: the operator's context works */

static void b1_8_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "api", NAMESPACES);
}

static enum verdict b1_8_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, NAMESPACES, &bad, why, size);
	return list ? check_says(CHECK_PASS, why, size, "%zu namespaces, by context '%s'",
				 obj_length(OBJ(list, "items")), v->inv->cluster_name) :
		      bad;
}

static enum verdict b1_9_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *list = check_object(v, PODS, &bad, why, size);
	return list ? check_says(CHECK_PASS, why, size, "%zu pods, by context '%s'",
				 obj_length(OBJ(list, "items")), v->inv->cluster_name) :
		      bad;
}

const struct check check_b1_8 = {
	"B1.8", "k3s", "the kubeconfig's context lists namespaces", ROLE_LOCAL, 0, 60, b1_8_ask, b1_8_judge,
};
const struct check check_b1_9 = {
	"B1.9", "k3s", "the kubeconfig's context lists pods", ROLE_LOCAL, 0, 60, ask_pods, b1_9_judge,
};

/* ---- B1.10: every node reaches every other by the internal network */

static void b1_10_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	for (size_t i = 0; i < v->inv->nhosts; i++)
		if (&v->inv->hosts[i] != v->host)
			probe_ask(p, "reach", "%s %s", v->host->internal_ip,
				  v->inv->hosts[i].internal_ip);
}

static enum verdict b1_10_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	size_t n = 0;
	char how[200] = "";
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const struct host *h = &v->inv->hosts[i];
		char about[200];
		if (h == v->host)
			continue;
		snprintf(about, sizeof(about), "%s %s", v->host->internal_ip, h->internal_ip);
		const char *a = check_answer(v, "reach", about, "got no answer", &bad, why, size);
		if (!a)
			return bad;
		snprintf(how, sizeof(how), "%s", a);
		n++;
	}
	return n ? check_says(CHECK_PASS, why, size, "%zu other nodes answer from %s (%s)", n,
			      v->host->internal_ip, how) :
		   check_says(CHECK_SKIP, why, size, "there is no other node");
}

const struct check check_b1_10 = {
	"B1.10", "k3s", "nodes reach each other by internal_ip", ROLE_ANY, 0, 30, b1_10_ask, b1_10_judge,
};

/* ---- B1.11: what is reached from outside */

static void tcp_about(const struct view *v, const struct host *h, bool api, char *ret, size_t size)
{
	if (api)
		snprintf(ret, size, "%s %u", v->inv->api_endpoint, v->inv->api_port);
	else
		snprintf(ret, size, "%s %u", h->address, h->port ? h->port : 22);
}

static void b1_11_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char about[300];
	tcp_about(v, NULL, true, about, sizeof(about));
	probe_ask(p, "tcp", "%s", about);
}

static enum verdict b1_11_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	char about[300];
	enum verdict bad = CHECK_FAIL;
	tcp_about(v, NULL, true, about, sizeof(about));
	const char *a = check_answer(v, "tcp", about, "cannot be told", &bad, why, size);
	if (!a)
		return bad;
	if (strcmp(a, "open") == 0)
		return check_says(CHECK_PASS, why, size, "%s:%u connects", v->inv->api_endpoint,
				  v->inv->api_port);
	return check_says(CHECK_FAIL, why, size, "%s:%u is %s", v->inv->api_endpoint, v->inv->api_port,
			  strcmp(a, "refused") == 0 ?
				  "refused: nothing listens there" :
				  "filtered: a firewall or a missing VPN between here and there");
}

const struct check check_b1_11 = {
	"B1.11", "k3s", "the API is reached by its external address", ROLE_LOCAL, 0, 60, b1_11_ask, b1_11_judge,
};

/* ---- B1.12, B1.13: what `deploy k3s` would do here, by its own rows */

static const struct recipe *const k3s_recipes[] = { &recipe_k3s_control, &recipe_k3s_server,
						    &recipe_k3s_agent };

static const struct recipe *recipe_of(const struct host *h)
{
	for (size_t i = 0; i < COUNT(k3s_recipes); i++)
		if ((k3s_recipes[i]->roles & h->roles) && !(k3s_recipes[i]->but_roles & h->roles))
			return k3s_recipes[i];
	return NULL;
}

static void plan_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	const struct recipe *r = recipe_of(v->host);
	for (size_t i = 0; r && i < r->nsteps; i++)
		if (!r->steps[i].when || r->steps[i].when(v->inv, v->host))
			r->steps[i].ops->ask(&r->steps[i], v, p);
}

/* The first row that is not as wanted, and how many; -1 when one cannot be told. */
static int plan_rows(const struct view *v, enum presence worst, char *why, size_t size)
{
	const struct recipe *r = recipe_of(v->host);
	int n = 0;
	for (size_t i = 0; r && i < r->nsteps; i++) {
		const struct step *s = &r->steps[i];
		struct finding f = { 0 };
		struct err e = { 0 };
		if (s->when && !s->when(v->inv, v->host))
			continue;
		if (s->ops->check(s, v, &f, &e) < 0) {
			check_says(CHECK_FAIL, why, size, "%s: %s", s->name, e.msg);
			return -1;
		}
		bool counts = worst == FOREIGN ? f.is == FOREIGN : f.is != PRESENT;
		if (counts && n++ == 0)
			check_says(CHECK_FAIL, why, size, "%s: %s", s->name, f.why);
	}
	return n;
}

static enum verdict b1_12_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	return plan_rows(v, FOREIGN, why, size) ?
		       CHECK_FAIL :
		       check_says(CHECK_PASS, why, size, "nothing would be refused");
}

static enum verdict b1_13_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	return plan_rows(v, PRESENT, why, size) ?
		       CHECK_FAIL :
		       check_says(CHECK_PASS, why, size, "0 changes");
}

const struct check check_b1_12 = {
	"B1.12", "k3s", "deploy of k3s can be run again", ROLE_ANY, 0, 0, plan_ask, b1_12_judge,
};
const struct check check_b1_13 = {
	"B1.13", "k3s", "deploy of k3s would change nothing", ROLE_ANY, 0, 0, plan_ask, b1_13_judge,
};

/* ---- X4 */

static void api_url(const struct view *v, char *ret, size_t size)
{
	snprintf(ret, size, "https://%s:%u/", URL_HOST(v->inv->api_endpoint), v->inv->api_port);
}

static void x4_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	char url[400];
	api_url(v, url, sizeof(url));
	probe_ask(p, "cert", "%s", url);
}

static enum verdict x4_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	char url[400];
	api_url(v, url, sizeof(url));
	return check_certificate(v, url, why, size);
}

const struct check check_x4_k3s = {
	"X4", "k3s", "the API server's certificate holds for another 30 days", ROLE_LOCAL, 0, 60, x4_ask, x4_judge,
};

/* ---- X5 */

static void x5_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "host", "os");
	probe_ask(p, "node", "%s:%s", v->inv->k3s_server_location, v->host->node_name);
}

static enum verdict x5_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char about[600], kernel[64] = "", arch[24] = "", cgroup[8] = "", version[64] = "";
	snprintf(about, sizeof(about), "%s:%s", v->inv->k3s_server_location, v->host->node_name);
	const char *os = check_answer(v, "host", "os", "cannot be told", &bad, why, size);
	const char *node = os ? check_answer(v, "node", about, "is not in the cluster", &bad, why, size) : NULL;
	if (!node)
		return bad;
	facts_field(os, "kernel", kernel, sizeof(kernel));
	facts_field(os, "arch", arch, sizeof(arch));
	facts_field(os, "cgroup", cgroup, sizeof(cgroup));
	facts_field(node, "version", version, sizeof(version));
	bool good = strcmp(version, v->inv->k3s_version) == 0 && strcmp(arch, v->host->arch) == 0;
	return check_says(good ? CHECK_PASS : CHECK_FAIL, why, size,
			  "K3s %s (wanted %s), kernel %s, %s (wanted %s), cgroup v%s", version,
			  v->inv->k3s_version, kernel, arch, v->host->arch, cgroup);
}

const struct check check_x5 = {
	"X5", "k3s", "every node runs the release that is wanted", ROLE_ANY, 0, 60, x5_ask, x5_judge,
};

/* ---- X2: what pods of different nodes send each other goes by flannel's VXLAN. No pod is started for it: any image would
 * have to be there first. */

#define VXLAN "flannel.1"
#define DNS_NAME "kubernetes.default.svc.cluster.local"

static void overlay_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "overlay", VXLAN);
}

static enum verdict overlay_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char local[64] = "", mtu[16] = "";
	size_t reached = 0;
	if (v->inv->nhosts == 1)
		return check_says(CHECK_SKIP, why, size, "there is no other node");
	if (k3s_sets(v->inv, "flannel-backend", ""))
		return check_says(CHECK_SKIP, why, size, "the inventory chooses flannel's backend: it may be no VXLAN");
	const char *a = check_answer(v, "overlay", VXLAN, "is not there: pods have no network", &bad, why, size);
	if (!a)
		return bad;
	facts_field(a, "local", local, sizeof(local));
	facts_field(a, "mtu", mtu, sizeof(mtu));
	if (strcmp(local, v->host->internal_ip) != 0)
		return check_says(CHECK_FAIL, why, size, "the VXLAN between pods goes by %s, not by internal_ip %s", local,
				  v->host->internal_ip);
	for (const char *s = a; *s;) {
		size_t len = strcspn(s, "\n");
		if (len > 5 && strncmp(s + len - 5, "=lost", 5) == 0)
			return check_says(CHECK_FAIL, why, size,
					  "packets of %s bytes to the pods of %.*s are lost: is UDP port 8472 open, and the network's MTU at least 50 more?",
					  mtu, (int)(len - 5), s);
		reached += len > 8 && strncmp(s + len - 8, "=reached", 8) == 0;
		s += len + (s[len] == '\n');
	}
	return check_says(reached >= v->inv->nhosts - 1 ? CHECK_PASS : CHECK_FAIL, why, size,
			  "%zu of %zu other nodes' pods are reached by packets of %s bytes", reached, v->inv->nhosts - 1, mtu);
}

static void dns_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "dns", DNS_NAME);
}

static enum verdict dns_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char address[64] = "", code[16] = "";
	if (k3s_disables(v->inv, "coredns"))
		return check_says(CHECK_SKIP, why, size, "coredns is disabled");
	const char *a = check_answer(v, "dns", DNS_NAME, "cannot be asked for: there is no K3s", &bad, why, size);
	if (!a)
		return bad;
	if (facts_field(a, "address", address, sizeof(address)))
		return check_says(CHECK_PASS, why, size, DNS_NAME " is %s", address);
	facts_field(a, "rcode", code, sizeof(code));
	return check_says(CHECK_FAIL, why, size, "the cluster's DNS knows no " DNS_NAME " (code %s)", code);
}

const struct check check_x2_overlay = {
	"X2", "k3s", "pods of different nodes reach each other by the internal network", ROLE_ANY, 0, 60, overlay_ask, overlay_judge,
};
const struct check check_x2_dns = {
	"X2", "k3s", "the cluster's DNS answers", ROLE_CONTROL, 0, 60, dns_ask, dns_judge,
};
