/* SPDX-License-Identifier: BSD-2-Clause */
/* What status looks at of each part: a new part that a node can be seen to run has its row here. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/cluster/page.h"
#include "provision/provision.h"
#include "provision/status/status.h"
#include "provision/steps/cluster.h"
#include "provision/steps/steps.h"

#define SYSCTL_FILE "/etc/sysctl.d/90-powerstack.conf"
#define EXPORTS_FILE "/etc/exports.d/powerstack.exports"
#define HELM "/usr/local/bin/helm"
#define EXPORTER "powerstack-exporter.service"
/* Helm labels all that it installs (helm.sh, "Labels and Annotations", and pkg/action/validate.go). */
#define DEPLOYMENTS "/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm"

__attribute__((format(printf, 3, 4))) static void is(struct part_status *ret, enum part_is state, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(ret->what, sizeof(ret->what), fmt, ap);
	va_end(ap);
	ret->is = state;
}

/* The answer to "kind:about"; NULL when it is not there, or not known: then ret says so. */
static const char *answer(const struct view *v, struct part_status *ret, const char *kind, const char *about)
{
	bool known = false;
	const char *why = NULL;
	const char *a = facts_get(v->facts, &known, &why, kind, "%s", about);
	if (!known)
		is(ret, PART_UNKNOWN, "%s:%.80s: %s", kind, about, why);
	return a;
}

/* Whether the unit is there and active; else ret is filled in. */
static bool unit_works(const struct view *v, const char *unit, struct part_status *ret)
{
	char state[32] = "", sub[32] = "", result[32] = "";
	const char *a = answer(v, ret, "unit", unit);
	if (!a)
		return false;
	facts_field(a, "ActiveState", state, sizeof(state));
	facts_field(a, "SubState", sub, sizeof(sub));
	facts_field(a, "Result", result, sizeof(result));
	if (strcmp(state, "active") == 0)
		return true;
	is(ret, PART_FAILED, "%s is %s (%s%s%s)", unit, state, sub, *result ? ", " : "", result);
	return false;
}

/* ---- a file that is the whole part, or shows that it was done */

static void ask_sysctl(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	(void)v;
	probe_ask(p, "file", SYSCTL_FILE);
}

static void tell_sysctl(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	(void)l;
	const char *a = answer(v, ret, "file", SYSCTL_FILE);
	char mark[8] = "";
	if (a && facts_field(a, "mark", mark, sizeof(mark)) && strcmp(mark, "yes") == 0)
		is(ret, PART_OK, "%s", SYSCTL_FILE);
}

static void ask_helm(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	(void)v;
	probe_ask(p, "file", HELM);
	probe_ask(p, "record", "helm");
}

static void tell_helm(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	(void)l;
	if (answer(v, ret, "record", "helm") && answer(v, ret, "file", HELM))
		is(ret, PART_OK, "%s", HELM);
}

/* ---- k3s */

static const char *k3s_unit(const struct host *h)
{
	return h->roles & ROLE_SERVER ? "k3s.service" : "k3s-agent.service";
}

static void ask_k3s(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	probe_ask(p, "unit", "%s", k3s_unit(v->host));
	probe_ask(p, "node", "%s:%s", v->inv->k3s_server_location, v->host->node_name);
}

static void tell_k3s(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	(void)l;
	char ready[16] = "", why[160] = "", about[512];
	if (!unit_works(v, k3s_unit(v->host), ret))
		return;
	snprintf(about, sizeof(about), "%s:%s", v->inv->k3s_server_location, v->host->node_name);
	const char *a = answer(v, ret, "node", about);
	if (!a) {
		if (ret->is == PART_ABSENT)
			is(ret, PART_FAILED, "%s runs, and the node has not joined a cluster", k3s_unit(v->host));
		return;
	}
	facts_field(a, "version", ret->version, sizeof(ret->version));
	facts_field(a, "ready", ready, sizeof(ready));
	facts_field(a, "why", why, sizeof(why));
	if (strcmp(ready, "True") == 0)
		is(ret, PART_OK, "the node is Ready");
	else
		is(ret, PART_FAILED, "the node is not Ready%s%s", *why ? ": " : "", why);
}

/* ---- disk, nfs */

static int64_t number(const char *answer_text, const char *key)
{
	char text[32] = "";
	facts_field(answer_text, key, text, sizeof(text));
	return strtoll(text, NULL, 10);
}

static void room(struct part_status *ret, const char *where, const char *a)
{
	is(ret, PART_OK, "%s, %" PRId64 " of %" PRId64 " MiB free", where, number(a, "free") >> 20, number(a, "size") >> 20);
}

static void ask_mount(const struct view *v, struct probe *p)
{
	probe_ask(p, "mount", "%s", v->inv->export_path);
	probe_ask(p, "fstab", "%s", v->inv->export_path);
}

/* What is mounted at the export path; "" when nothing is: then ret is filled in. */
static void mounted(const struct view *v, char *source, size_t size, struct part_status *ret)
{
	const char *a = answer(v, ret, "mount", v->inv->export_path);
	*source = '\0';
	if (a && !facts_field(a, "source", source, size))
		*source = '\0';
	if (!a && ret->is == PART_ABSENT && answer(v, ret, "fstab", v->inv->export_path))
		is(ret, PART_FAILED, "%s is in /etc/fstab and not mounted", v->inv->export_path);
}

static void ask_disk(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	ask_mount(v, p);
	probe_ask(p, "free", "%s", v->inv->export_path);
}

static void tell_disk(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	(void)l;
	char source[128];
	mounted(v, source, sizeof(source), ret);
	const char *a = *source ? answer(v, ret, "free", v->inv->export_path) : NULL;
	if (a)
		room(ret, source, a);
}

static void ask_nfs(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	if (v->host->roles & ROLE_CONTROL) {
		probe_ask(p, "file", EXPORTS_FILE);
		probe_ask(p, "unit", "nfs-server.service");
		probe_ask(p, "exports", "%s", v->inv->export_path);
		return;
	}
	ask_mount(v, p);
	probe_ask(p, "statfs", "%s", v->inv->export_path);
}

static void tell_nfs_server(const struct view *v, struct part_status *ret)
{
	if (!answer(v, ret, "file", EXPORTS_FILE) || !unit_works(v, "nfs-server.service", ret))
		return;
	if (answer(v, ret, "exports", v->inv->export_path))
		is(ret, PART_OK, "exports %s", v->inv->export_path);
	else if (ret->is == PART_ABSENT)
		is(ret, PART_FAILED, "%s is not exported", v->inv->export_path);
}

static void tell_nfs(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	(void)l;
	char source[128];
	if (v->host->roles & ROLE_CONTROL) {
		tell_nfs_server(v, ret);
		return;
	}
	mounted(v, source, sizeof(source), ret);
	if (!*source)
		return;
	/* a mount whose server is dead is asked with a time limit */
	const char *a = answer(v, ret, "statfs", v->inv->export_path);
	if (a)
		room(ret, source, a);
	else
		ret->is = PART_FAILED;
}

/* ---- parts that are releases of helm, by the rows that deploy them */

static void ask_releases(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	(void)v;
	probe_ask(p, "api", "%s", RELEASES_QUESTION);
	probe_ask(p, "api", "%s", DEPLOYMENTS);
}

/* The chart's version, from the label that its deployments have: "rancher-2.8.5" (helm.sh, "The Chart Best Practices Guide").
 * "" where none has it. */
static void chart_version(struct json_object *deployments, const struct release_arg *a, const char *ns, char *ret, size_t size)
{
	static const char *const labels[] = { "helm.sh/chart", "chart" };
	struct json_object *items = OBJ(deployments, "items");
	size_t len = strlen(a->chart);
	*ret = '\0';
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *meta = OBJ(json_object_array_get_idx(items, i), "metadata");
		if (strcmp(obj_text(OBJ(meta, "annotations", "meta.helm.sh/release-name")), a->name) != 0 ||
		    strcmp(obj_text(OBJ(meta, "annotations", "meta.helm.sh/release-namespace")), ns) != 0)
			continue;
		for (size_t k = 0; k < COUNT(labels); k++) {
			const char *is_of = obj_text(OBJ(meta, "labels", labels[k]));
			const char *version = is_of + len + 1;
			/* a part of the stack may be called as the stack and a word more */
			if (strncmp(is_of, a->chart, len) != 0 || is_of[len] != '-' ||
			    !isdigit((unsigned char)version[*version == 'v']))
				continue;
			snprintf(ret, size, "%s", version);
			return;
		}
	}
}

struct releases {
	struct part_status *ret;
	unsigned there, missing;
	bool broken;
	char missed[64];
};

static int tell_release(const struct view *v, const struct release_arg *a, struct releases *r, struct err *e)
{
	AUTO_JSON struct json_object *deployments = NULL;
	struct part_status *ret = r->ret;
	struct revision now;
	const char *ns = a->ns(v->inv);
	char why[300] = "";
	int rc = revision_of(v, a->name, ns, &now, why, sizeof(why), e);
	if (rc == 0 && (!now.number || !now.hash[0])) {
		r->missing++;
		snprintf(r->missed, sizeof(r->missed), "%s", a->name);
		return 0;
	}
	if (rc == 0)
		rc = kube_fact(v, DEPLOYMENTS, &deployments, why, sizeof(why), e);
	if (rc > 0)
		return err_set(e, ERR_FAILED, "the API server does not answer: %.200s", why);
	if (rc < 0)
		return rc;
	chart_version(deployments, a, ns, ret->version, sizeof(ret->version));
	bool works = strcmp(now.status, "deployed") == 0 && now.ready;
	size_t len = strlen(ret->what);
	snprintf(ret->what + len, sizeof(ret->what) - len, "%s%s%s%.40s: revision %u is %s%s", len ? "; " : "", a->name,
		 ret->version[0] ? " " : "", ret->version, now.number, now.status,
		 works || strcmp(now.status, "deployed") != 0 ? "" : " and has not come up");
	r->broken |= !works;
	r->there++;
	return 0;
}

/* The last row's version is the part's: what it leans on stands before it. */
static void tell_releases(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	struct releases r = { .ret = ret };
	struct err e = { 0 };
	for (const struct recipe *const *at = recipes; *at; at++) {
		if (strcmp((*at)->part, l->part) != 0)
			continue;
		for (size_t i = 0; i < (*at)->nsteps; i++) {
			if ((*at)->steps[i].ops != &release_ops)
				continue;
			if (tell_release(v, (*at)->steps[i].arg, &r, &e) < 0) {
				is(ret, PART_UNKNOWN, "%.200s", e.msg);
				return;
			}
		}
	}
	if (!r.there)
		return;
	ret->is = r.broken || r.missing ? PART_FAILED : PART_OK;
	size_t len = strlen(ret->what);
	if (r.missing)
		snprintf(ret->what + len, sizeof(ret->what) - len, "; there is no release '%s'", r.missed);
}

/* ---- the exporter */

static void ask_exporter(const struct part_look *l, const struct view *v, struct probe *p)
{
	(void)l;
	char about[PAGE_ABOUT_MAX];
	probe_ask(p, "unit", EXPORTER);
	probe_ask(p, "http", "%s", page_about(v->inv, PAGE_METRICS, about));
}

static void tell_exporter(const struct part_look *l, const struct view *v, struct part_status *ret)
{
	(void)l;
	char about[PAGE_ABOUT_MAX], line[512];
	bool known = false;
	const char *why = NULL;
	if (!unit_works(v, EXPORTER, ret))
		return;
	const char *page = facts_get(v->facts, &known, &why, "http", "%s", page_about(v->inv, PAGE_METRICS, about));
	if (!page)
		is(ret, PART_FAILED, "port %u does not answer: %s", v->inv->exporter_port, known ? "it says nothing" : why);
	else if (!page_is_ours(page))
		is(ret, PART_FAILED, "what answers on port %u is not the exporter", v->inv->exporter_port);
	else
		is(ret, PART_OK, "answers on port %u", v->inv->exporter_port);
	if (ret->is == PART_OK && page_line(page, "kepler_exporter_build_info{", line, sizeof(line)))
		page_label(line, "version", ret->version, sizeof(ret->version));
}

const struct part_look part_looks[STATUS_PARTS + 1] = {
	{ "prereq", ROLE_ANY, ask_sysctl, tell_sysctl },
	{ "k3s", ROLE_ANY, ask_k3s, tell_k3s },
	{ "disk", ROLE_CONTROL, ask_disk, tell_disk },
	{ "nfs", ROLE_ANY, ask_nfs, tell_nfs },
	{ "helm", ROLE_CONTROL, ask_helm, tell_helm },
	{ "rancher", ROLE_CONTROL, ask_releases, tell_releases },
	{ "monitoring", ROLE_CONTROL, ask_releases, tell_releases },
	{ "exporter", ROLE_ANY, ask_exporter, tell_exporter },
	{ NULL },
};
