/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rancher, by its own chart in the only namespace that it takes, behind cert-manager, which signs what its ingress and
 * its webhooks show.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

#define CERT_MANAGER "cert-manager"
#define RANCHER "rancher"
#define CATTLE "cattle-system"
#define UP_S 1800
#define TAKE_S 600

static const char *cert_manager_ns(const struct inventory *inv)
{
	(void)inv;
	return CERT_MANAGER;
}

static const char *rancher_ns(const struct inventory *inv)
{
	(void)inv;
	return CATTLE;
}

static size_t one_namespace(const char *name, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	ret[0] = (struct kube_object){ .resource = "namespace", .shared = true };
	snprintf(ret[0].name, sizeof(ret[0].name), "%s", name);
	return 1;
}

/* ---- cert-manager */

/* The chart keeps its own kinds (crds.keep), the leases are its controllers', and webhooks outlive a release that was cut
 * off. */
static const struct kube_object *cert_manager_leftovers(const struct inventory *inv, size_t *ret_n)
{
	(void)inv;
	static const struct kube_object all[] = {
		{ "validatingwebhookconfiguration", "", "cert-manager-webhook", false },
		{ "mutatingwebhookconfiguration", "", "cert-manager-webhook", false },
		{ "customresourcedefinition", "", "challenges.acme.cert-manager.io", false },
		{ "customresourcedefinition", "", "orders.acme.cert-manager.io", false },
		{ "customresourcedefinition", "", "certificaterequests.cert-manager.io", false },
		{ "customresourcedefinition", "", "certificates.cert-manager.io", false },
		{ "customresourcedefinition", "", "clusterissuers.cert-manager.io", false },
		{ "customresourcedefinition", "", "issuers.cert-manager.io", false },
		{ "lease", "kube-system", "cert-manager-controller", false },
		{ "lease", "kube-system", "cert-manager-cainjector-leader-election", false },
	};
	*ret_n = COUNT(all);
	return all;
}

static size_t cert_manager_namespace_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	(void)inv;
	return one_namespace(CERT_MANAGER, ret);
}

static const struct claim_arg cert_manager_claim = { CERT_MANAGER, cert_manager_leftovers, TAKE_S };
static const struct kube_arg cert_manager_namespace = { "cert-manager-namespace.yaml.tmpl", NULL,
							cert_manager_namespace_objects, 300 };
static const struct artifact_arg cert_manager_chart = { .what = CERT_MANAGER,
							.path = "/var/lib/powerstack/cert-manager.tgz",
							.mode = 0644,
							.claim = CERT_MANAGER };

#define CM_CHART 2
#define CM_NSTEPS 4
static const struct step cert_manager_steps[CM_NSTEPS];
static const struct release_arg cert_manager_release = {
	.name = CERT_MANAGER,
	.ns = cert_manager_ns,
	.chart = CERT_MANAGER,
	.chart_row = &cert_manager_steps[CM_CHART],
	.tmpl = "cert-manager-values.yaml.tmpl",
	/* its webhook answers only when the injector has given its certificate to the API server */
	.trial = "cert-manager-trial.yaml.tmpl",
	.timeout_s = UP_S,
};
static const struct step cert_manager_steps[CM_NSTEPS] = {
	{ "claim", "cert-manager is powerstack's", &claim_ops, &cert_manager_claim },
	{ "namespace", "its namespace is there", &kube_ops, &cert_manager_namespace },
	[CM_CHART] = { "chart", "its chart is on the node", &artifact_ops, &cert_manager_chart },
	{ "release", "cert-manager is installed and takes issuers", &release_ops, &cert_manager_release },
};

static const char *const after_cluster[] = { "helm", "k3s-control", "k3s-agent", NULL };

const struct recipe recipe_cert_manager = {
	.name = CERT_MANAGER,
	.part = RANCHER,
	.summary = "installs cert-manager",
	.roles = ROLE_CONTROL,
	.after = after_cluster,
	.steps = cert_manager_steps,
	.nsteps = CM_NSTEPS,
};

/* ---- Rancher */

static int rancher_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const args[] = { "claim", RANCHER, "300", NULL };
	return step_script(h, "rancher-clean", args, 420, e);
}

/* What Rancher made by itself, which is nobody's release: nothing but its own controllers would take it away, and they
 * are gone. */
static int rancher_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const args[] = { h->view.cluster_goes ? "forget" : "clean", RANCHER, "1200", NULL };
	return step_script(h, "rancher-clean", args, 1500, e);
}

static const struct claim_arg rancher_claim = { .record = RANCHER };
static const struct step_ops rancher_claim_ops = {
	.ask = claim_ask,
	.check = claim_check,
	.apply = rancher_apply,
	.undo = rancher_undo,
};

static size_t rancher_namespace_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	(void)inv;
	return one_namespace(CATTLE, ret);
}

static const struct kube_arg rancher_namespace = { "rancher-namespace.yaml.tmpl", NULL, rancher_namespace_objects, 300 };

static const struct kube_secret_entry bootstrap_entries[] = {
	{ "bootstrapPassword", NULL, offsetof(struct inventory, bootstrap_password), "bootstrapPassword" },
};
/* Rancher reads it before it looks anywhere else; the chart is not given the password (chart: templates/secret.yaml). */
static const struct kube_secret_arg bootstrap = { rancher_ns, "bootstrap-secret", bootstrap_entries,
						  COUNT(bootstrap_entries), RANCHER };

/* ---- tls: external. A proxy in front ends TLS, and Traefik has to believe what it says of it: otherwise Rancher redirects
 * to https for ever (rancher issues 42279 and 43875). */

static bool is_external(const struct inventory *inv, const struct host *h)
{
	(void)h;
	return strcmp(inv->rancher_tls, "external") == 0;
}

static size_t traefik_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	(void)inv;
	ret[0] = (struct kube_object){ .resource = "helmchartconfig", .ns = "kube-system", .name = "traefik" };
	return 1;
}

static const struct kube_arg traefik = { "rancher-traefik.yaml.tmpl", NULL, traefik_objects, 300 };

/* ---- the release */

/* As many as the chart has by default, and no more than there are nodes to put them on. */
static int replicas(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return buf_addf(ret, "%zu", v->inv->nhosts < 3 ? (size_t)1 : (size_t)3);
}

static const struct tmpl_name rancher_names[] = {
	{ "replicas", .value = replicas },
	{ NULL },
};

static const struct artifact_arg rancher_chart = { .what = RANCHER,
						   .path = "/var/lib/powerstack/rancher.tgz",
						   .mode = 0644,
						   .claim = RANCHER };

enum row { ROW_NAMESPACE, ROW_CLAIM, ROW_BOOTSTRAP, ROW_TRAEFIK, ROW_CHART, ROW_RELEASE, NROWS };
static const struct step rancher_steps[NROWS];
static const struct release_arg rancher_release = {
	.name = RANCHER,
	.ns = rancher_ns,
	.chart = RANCHER,
	.chart_row = &rancher_steps[ROW_CHART],
	.tmpl = "rancher-values.yaml.tmpl",
	.names = rancher_names,
	.timeout_s = UP_S,
};

static const struct step rancher_steps[NROWS] = {
	[ROW_NAMESPACE] = { "namespace", "its namespace is there", &kube_ops, &rancher_namespace },
	[ROW_CLAIM] = { "claim", "Rancher is powerstack's", &rancher_claim_ops, &rancher_claim },
	[ROW_BOOTSTRAP] = { "bootstrap", "its first password is in a Secret", &kube_secret_ops, &bootstrap,
			    .flags = STEP_SECRET },
	[ROW_TRAEFIK] = { "traefik", "Traefik trusts the proxy in front of it", &kube_ops, &traefik, .when = is_external },
	[ROW_CHART] = { "chart", "its chart is on the node", &artifact_ops, &rancher_chart },
	[ROW_RELEASE] = { "release", "Rancher is installed and up", &release_ops, &rancher_release },
};

static const char *const after_cert_manager[] = { CERT_MANAGER, NULL };

const struct recipe recipe_rancher = {
	.name = RANCHER,
	.part = RANCHER,
	.summary = "installs Rancher",
	.roles = ROLE_CONTROL,
	.after = after_cert_manager,
	.steps = rancher_steps,
	.nsteps = NROWS,
};
