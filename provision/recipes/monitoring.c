/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitoring stack: Prometheus, Grafana and Alertmanager by the chart kube-prometheus-stack, each with its data on
 * the data volume, so that it survives the stack and the cluster. The names are those of the thesis' scripts: release
 * "monitoring", StorageClass local-nfs, volumes nfs-pv-*, claims nfs-pvc-*. Behind the release, whose kinds they are: what
 * Prometheus asks of the exporters, what it reckons from that, and dashboards.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/opts.h"
#include "provision/recipes/dashboard.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

#define RELEASE "monitoring"
#define CLAIM "monitoring"	/* the record that the stack is ours */
#define ADMIN "monitoring-grafana-admin"
#define UP_S 1800		/* images of a gigabyte and a half come first */
#define TAKE_S 600

static const char *ns_of(const struct inventory *inv)
{
	return inv->monitoring_namespace;
}

/* ---- exactly one default storage class: K3s' own steps back */

#define LOCAL_PATH "/apis/storage.k8s.io/v1/storageclasses/local-path"
#define LOCAL_PATH_RECORD "monitoring-local-path"	/* it was the default before */

static void default_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	probe_ask(p, "record", LOCAL_PATH_RECORD);
	if (!v->cluster_goes)
		probe_ask(p, "api", LOCAL_PATH);
}

static int default_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	(void)s;
	AUTO_JSON struct json_object *is = NULL;
	const char *record = NULL;
	char why[300];
	int rc = fact(v, &record, e, "record", LOCAL_PATH_RECORD);
	if (rc < 0)
		return rc;
	if (v->destroying)
		return found(ret, record ? PRESENT : ABSENT, record ? "local-path was the default class before" :
								       "the default class was not changed");
	rc = kube_fact(v, LOCAL_PATH, &is, why, sizeof(why), e);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return kube_untold(v, "", LOCAL_PATH, why, ret, e);
	const char *mark = obj_text(OBJ(is, "metadata", "annotations", "storageclass.kubernetes.io/is-default-class"));
	if (strcmp(mark, "true") == 0)
		return found(ret, DRIFTED, "local-path is the default class, too");
	if (is)
		return found(ret, PRESENT, "local-path is not the default class");
	return k3s_disables(v->inv, "local-storage") ? found(ret, PRESENT, "local-path is switched off") :
						       found(ret, ABSENT, "K3s has not made local-path yet");
}

static int default_set(struct hand *h, const char *value, struct err *e)
{
	const char *const args[] = { "local-path", value, LOCAL_PATH_RECORD, h->view.cluster_goes ? "gone" : "", NULL };
	return step_script(h, "class-default", args, 180, e);
}

static int default_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	return default_set(h, "false", e);
}

static int default_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	return default_set(h, "true", e);
}

static const struct step_ops default_ops = {
	.ask = default_ask,
	.check = default_check,
	.apply = default_apply,
	.undo = default_undo,
};

static size_t class_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	ret[0] = (struct kube_object){ .resource = "storageclass" };
	snprintf(ret[0].name, sizeof(ret[0].name), "%s", inv->storageclass_name);
	return 1;
}

static const struct kube_arg class = { "monitoring-class.yaml.tmpl", NULL, class_objects, 120 };

static const struct step class_steps[] = {
	{ "default-class", "K3s' storage class is not the default one", &default_ops, NULL },
	{ "class", "the data volume is the default storage class", &kube_ops, &class },
};

static const char *const after_cluster[] = { "k3s-control", "nfs-server", NULL };

const struct recipe recipe_monitoring_class = {
	.name = "monitoring-class",
	.part = "monitoring",
	.summary = "makes the data volume the default storage class",
	.roles = ROLE_CONTROL,
	.after = after_cluster,
	.steps = class_steps,
	.nsteps = COUNT(class_steps),
};

/* ---- every server: K3s' own storage class is not the default one, also after a restart of K3s */

static int skip_text(const struct view *v, struct buf *ret, struct err *e)
{
	(void)v;
	(void)e;
	return buf_adds(ret, FILE_MARK
			     "# K3s leaves the manifest of this name alone, so that its storage class stays as it is.\n");
}

/* Behind the row above: without it K3s would not make the class at all.
 * https://docs.k3s.io/installation/packaged-components, "Using .skip files" */
static const struct file_arg skip = { .path = "{k3s}/server/manifests/local-storage.yaml.skip",
				      .mode = 0600,
				      .render = skip_text };

static const struct step server_steps[] = {
	{ "keep-default", "K3s does not make its storage class the default again", &file_ops, &skip },
};

static const char *const after_class[] = { "k3s-server", "monitoring-class", NULL };

const struct recipe recipe_monitoring_server = {
	.name = "monitoring-server",
	.part = "monitoring",
	.summary = "keeps K3s' servers from changing the default storage class",
	.roles = ROLE_SERVER,
	.after = after_class,
	.steps = server_steps,
	.nsteps = COUNT(server_steps),
};

/* ---- what is left of the stack when its release is gone */

static const struct kube_object *leftovers(const struct inventory *inv, size_t *ret_n)
{
	(void)inv;
	/* helm never removes a chart's own kinds; the operator made the Services; webhooks outlive a hook that was cut off */
	static const struct kube_object all[] = {
		{ "validatingwebhookconfiguration", "", "monitoring-kube-prometheus-admission", false },
		{ "mutatingwebhookconfiguration", "", "monitoring-kube-prometheus-admission", false },
		{ "clusterrole", "", "monitoring-kube-prometheus-admission", false },
		{ "clusterrolebinding", "", "monitoring-kube-prometheus-admission", false },
		{ "service", "kube-system", "monitoring-kube-prometheus-kubelet", false },
		{ "customresourcedefinition", "", "alertmanagerconfigs.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "alertmanagers.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "podmonitors.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "probes.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "prometheusagents.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "prometheuses.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "prometheusrules.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "scrapeconfigs.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "servicemonitors.monitoring.coreos.com", false },
		{ "customresourcedefinition", "", "thanosrulers.monitoring.coreos.com", false },
	};
	*ret_n = COUNT(all);
	return all;
}

static const struct claim_arg claim = { CLAIM, leftovers, TAKE_S };

/* ---- folders. The users are those that the charts' pods run as: Grafana's image 472, the others the values'. */

static const struct share_dir dirs[] = {
	{ "grafana", 472, 472 },
	{ "prometheus", 1000, 2000 },
	{ "alertmanager", 1000, 2000 },
};
static const struct share_arg share = { dirs, COUNT(dirs) };

/* ---- namespace, volumes, Grafana's claim */

static size_t namespace_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	ret[0] = (struct kube_object){ .resource = "namespace", .shared = true };
	snprintf(ret[0].name, sizeof(ret[0].name), "%s", inv->monitoring_namespace);
	return 1;
}

static size_t volume_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	for (size_t i = 0; i < COUNT(dirs); i++) {
		ret[i] = (struct kube_object){ .resource = "persistentvolume" };
		snprintf(ret[i].name, sizeof(ret[i].name), "%s-%s", inv->pv_name, dirs[i].name);
	}
	return COUNT(dirs);
}

static size_t in_namespace(const struct inventory *inv, const char *resource, const char *name,
			   struct kube_object ret[KUBE_OBJECTS_MAX])
{
	ret[0] = (struct kube_object){ .resource = resource };
	snprintf(ret[0].ns, sizeof(ret[0].ns), "%s", inv->monitoring_namespace);
	snprintf(ret[0].name, sizeof(ret[0].name), "%s", name);
	return 1;
}

static size_t claim_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	char name[80];
	snprintf(name, sizeof(name), "%s-grafana", inv->pvc_name);
	return in_namespace(inv, "persistentvolumeclaim", name, ret);
}

static const struct kube_arg namespace = { "monitoring-namespace.yaml.tmpl", NULL, namespace_objects, 300 };
static const struct kube_arg volumes = { "monitoring-volumes.yaml.tmpl", NULL, volume_objects, 300 };
static const struct kube_arg grafana_claim = { "monitoring-claim.yaml.tmpl", NULL, claim_objects, 300 };

/* ---- Grafana's admin */

static const struct kube_secret_entry admin_entries[] = {
	{ "admin-password", NULL, offsetof(struct inventory, grafana_admin_password), "grafana_admin_password" },
	{ "admin-user", "admin", 0, NULL },
};
static const struct kube_secret_arg admin = { ns_of, ADMIN, admin_entries, COUNT(admin_entries), CLAIM };

static void password_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	if (!v->cluster_goes)
		probe_ask(p, "secret", "%s/" ADMIN, v->inv->monitoring_namespace);
}

static int password_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	(void)s;
	(void)e;
	bool known = false;
	char set[8] = "";
	if (v->destroying)
		return found(ret, ABSENT, "the password goes with Grafana");
	const char *is = facts_get(v->facts, &known, NULL, "secret", "%s/" ADMIN, v->inv->monitoring_namespace);
	if (is)
		facts_field(is, "in_grafana", set, sizeof(set));
	return strcmp(set, "yes") == 0 ? found(ret, PRESENT, "Grafana has the vault's password") :
					 found(ret, is ? DRIFTED : ABSENT, "Grafana was not given this password yet");
}

static int password_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const struct secret *password = kube_secret_value(&admin_entries[0], &h->view, e);
	if (!password)
		return -(int)e->kind;
	AUTO_BUF struct buf in = { 0 };
	buf_init_secret(&in, 4096);
	if (buf_add(&in, secret_expose(password), secret_len(password)) < 0)
		return err_set(e, ERR_CONFIG, "grafana_admin_password is too long");
	const char *const args[] = { h->view.inv->monitoring_namespace, RELEASE, ADMIN, "300", NULL };
	return step_script_in(h, "grafana-password", args, &in, true, 420, e);
}

static const struct step_ops password_ops = { .ask = password_ask, .check = password_check, .apply = password_apply };

/* ---- what Prometheus asks, reckons and shows of the energy */

/* Template engines of others write their tags with two braces, too: "{{l}} $value }}" is one of theirs. */
static int braces(const struct view *v, struct buf *ret, struct err *e)
{
	(void)v;
	(void)e;
	return buf_adds(ret, "{{");
}

/* Seconds of the longer of the two intervals in which news come. */
static int interval_s(const struct view *v, unsigned long long *ret, struct err *e)
{
	unsigned long long scrape = 0, read = 0;
	int rc = opts_duration(v->inv->prometheus_scrape_interval, &scrape, e);
	if (rc == 0)
		rc = opts_duration(v->inv->exporter_interval, &read, e);
	*ret = ((scrape > read ? scrape : read) + 999999999) / 1000000000;
	return rc;
}

/* A rate needs two values that differ, also when one scrape is missed: as Grafana's $__rate_interval, four intervals. */
static int rate_window(const struct view *v, struct buf *ret, struct err *e)
{
	unsigned long long s = 0;
	int rc = interval_s(v, &s, e);
	return rc < 0 ? rc : buf_addf(ret, "%llus", s < 15 ? 60 : 4 * s);
}

/* Long for a meter, and longer than the slowest of them may be asked. */
static int stale_seconds(const struct view *v, struct buf *ret, struct err *e)
{
	unsigned long long s = 0;
	int rc = interval_s(v, &s, e);
	return rc < 0 ? rc : buf_addf(ret, "%llu", s < 60 ? 300 : 5 * s);
}

static int power_limits(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < v->inv->nhosts; i++)
		if (v->inv->hosts[i].power_limit)
			buf_addf(ret,
				 "        - record: instance:power_limit_watts\n          expr: vector(%u)\n"
				 "          labels: {instance: \"%s\"}\n",
				 v->inv->hosts[i].power_limit, v->inv->hosts[i].node_name);
	return 0;
}

static int cluster_dashboard(const struct view *v, struct buf *ret, struct err *e)
{
	return dashboard_add(&dashboard_cluster, v->inv, ret, e);
}

static int workloads_dashboard(const struct view *v, struct buf *ret, struct err *e)
{
	return dashboard_add(&dashboard_workloads, v->inv, ret, e);
}

static int exporters_dashboard(const struct view *v, struct buf *ret, struct err *e)
{
	return dashboard_add(&dashboard_exporters, v->inv, ret, e);
}

static const struct tmpl_name energy_names[] = {
	{ "l", .value = braces },
	{ "rate_window", .value = rate_window },
	{ "stale_seconds", .value = stale_seconds },
	{ "power_limits", .value = power_limits, .lines = true },
	{ "dashboard_cluster", .value = cluster_dashboard },
	{ "dashboard_workloads", .value = workloads_dashboard },
	{ "dashboard_exporters", .value = exporters_dashboard },
	{ NULL },
};

/* Every node's certificate is for the address that it is asked at, and of the authority that this ConfigMap holds. */
static int scrape_tls(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return !v->inv->exporter_tls ? 0 :
				       buf_adds(ret, "  scheme: HTTPS\n"
						     "  tlsConfig:\n"
						     "    ca:\n"
						     "      configMap: {name: kube-root-ca.crt, key: ca.crt}\n");
}

static const struct tmpl_name scrape_names[] = {
	{ "tls", .value = scrape_tls, .lines = true },
	{ NULL },
};

static size_t scrape_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	return in_namespace(inv, "scrapeconfig", "powerstack-exporter", ret);
}

static size_t rules_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	return in_namespace(inv, "prometheusrule", "powerstack-energy", ret);
}

static size_t dashboards_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	return in_namespace(inv, "configmap", "powerstack-dashboards", ret);
}

static const struct kube_arg scrape = { "monitoring-scrape.yaml.tmpl", scrape_names, scrape_objects, 300 };
static const struct kube_arg rules = { "monitoring-rules.yaml.tmpl", energy_names, rules_objects, 300 };
static const struct kube_arg dashboards = { "monitoring-dashboards.yaml.tmpl", energy_names, dashboards_objects, 300 };

/* ---- the release */

/* A share knows no quota: Prometheus drops its oldest blocks before its claim is full. A tenth is left for what it writes
 * before blocks are made, and while they are merged. Prometheus' units are powers of 2. */
static int retention_size(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	uint64_t mib = v->inv->pvc_size_prometheus / 10 * 9 >> 20;
	return buf_addf(ret, "%" PRIu64 "MB", mib ? mib : 1);
}

static const struct tmpl_name value_names[] = {
	{ "retention_size", .value = retention_size },
	{ NULL },
};

static const struct artifact_arg chart = { .what = "kube-prometheus-stack",
					   .path = "/var/lib/powerstack/kube-prometheus-stack.tgz",
					   .mode = 0644,
					   .claim = CLAIM };

enum row {
	ROW_CLAIM,
	ROW_DIRS,
	ROW_NAMESPACE,
	ROW_VOLUMES,
	ROW_GRAFANA_CLAIM,
	ROW_ADMIN,
	ROW_CHART,
	ROW_RELEASE,
	ROW_PASSWORD,
	ROW_SCRAPE,
	ROW_RULES,
	ROW_DASHBOARDS,
	NROWS,
};
static const struct step steps[NROWS];

static const char *const expected[] = {
	"StatefulSet/prometheus-monitoring-kube-prometheus-prometheus",
	"StatefulSet/alertmanager-monitoring-kube-prometheus-alertmanager",
	NULL,
};
static const struct release_arg release = {
	.name = RELEASE,
	.ns = ns_of,
	.chart = "kube-prometheus-stack",
	.chart_row = &steps[ROW_CHART],
	.tmpl = "monitoring-values.yaml.tmpl",
	.names = value_names,
	.expect = expected,
	.timeout_s = UP_S,
};

static const struct step steps[NROWS] = {
	[ROW_CLAIM] = { "claim", "the monitoring stack is powerstack's", &claim_ops, &claim },
	[ROW_DIRS] = { "folders", "its folders on the data volume have their owners", &share_ops, &share },
	[ROW_NAMESPACE] = { "namespace", "its namespace is there", &kube_ops, &namespace },
	[ROW_VOLUMES] = { "volumes", "there is a volume for each of its folders", &kube_ops, &volumes },
	[ROW_GRAFANA_CLAIM] = { "grafana-claim", "Grafana's volume is claimed", &kube_ops, &grafana_claim },
	[ROW_ADMIN] = { "admin", "Grafana's admin is in a Secret", &kube_secret_ops, &admin, .flags = STEP_SECRET },
	[ROW_CHART] = { "chart", "its chart is on the node", &artifact_ops, &chart },
	[ROW_RELEASE] = { "release", "the monitoring stack is installed and up", &release_ops, &release },
	[ROW_PASSWORD] = { "password", "Grafana takes its admin's password", &password_ops, NULL,
			   .flags = STEP_SECRET, .no_undo = "the password goes with Grafana" },
	[ROW_SCRAPE] = { "scrape", "Prometheus asks every node's exporter", &kube_ops, &scrape },
	[ROW_RULES] = { "rules", "it reckons the power of nodes, and tells what is wrong", &kube_ops, &rules },
	[ROW_DASHBOARDS] = { "dashboards", "Grafana shows the energy", &kube_ops, &dashboards },
};

static const char *const after[] = { "helm", "k3s-control", "k3s-agent", "nfs-server", "nfs-client", "monitoring-server",
				     NULL };

const struct recipe recipe_monitoring = {
	.name = "monitoring",
	.part = "monitoring",
	.summary = "installs Prometheus, Grafana and Alertmanager",
	.roles = ROLE_CONTROL,
	.after = after,
	.steps = steps,
	.nsteps = NROWS,
};
