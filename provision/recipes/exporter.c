/* SPDX-License-Identifier: BSD-2-Clause */
/* The energy exporter: a static binary, a helper where there are GPUs, its configuration, a hardened unit. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/opts.h"
#include "base/url.h"
#include "provision/files.h"
#include "provision/recipes/exporter.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

#define CA_PATH "/etc/powerstack/bmc-ca.pem"

static const struct blob_arg binary = { "/usr/local/bin/powerstack-exporter", 0755, files_exporter,
					"the exporter" };

/* ---- GPUs */

#define NVIDIA "/proc/driver/nvidia/version"

static void ask_gpu(const struct view *v, struct probe *p)
{
	(void)v;
	probe_ask(p, "host", "os");
	probe_ask(p, "file", NVIDIA);
}

/* Whether NVIDIA's driver is loaded, and there is a helper for the node's architecture. */
static int has_gpu(const struct view *v, bool *ret, struct err *e)
{
	const char *driver = NULL, *os = NULL, *sha256 = NULL;
	char arch[24] = "";
	size_t len = 0;
	*ret = false;
	if (!v->facts)
		return 0; /* nothing is asked yet */
	int rc = fact(v, &driver, e, "file", NVIDIA);
	if (rc == 0)
		rc = fact(v, &os, e, "host", "os");
	if (rc < 0)
		return rc;
	if (os)
		facts_field(os, "arch", arch, sizeof(arch));
	*ret = driver && files_gpu_helper(arch, &len, &sha256);
	return 0;
}

static const struct blob_arg gpu_helper = { "/usr/local/bin/powerstack-gpu", 0755, files_gpu_helper,
					    "the exporter's helper for GPUs", has_gpu, ask_gpu };

/* ---- TLS: by the certificate that K3s makes for the node's kubelet. It names the node and its addresses, and the ConfigMap
 * kube-root-ca.crt that Kubernetes puts into every namespace verifies it. The exporter waits for it by itself. */

#define WEB_PATH "/etc/powerstack/exporter-web.yml"
#define SERVING_CERT "{k3s}/agent/serving-kubelet.crt"

static bool wants_tls(const struct inventory *inv, const struct host *h)
{
	(void)h;
	return inv->exporter_tls;
}

static void cert_ask(const struct view *v, struct probe *p)
{
	char room[STEP_PATH_MAX];
	probe_ask(p, "file", "%s", node_path(SERVING_CERT, v->inv, room));
}

static int cert_check(const struct view *v, struct finding *ret, struct err *e)
{
	char room[STEP_PATH_MAX];
	const char *is = NULL, *path = node_path(SERVING_CERT, v->inv, room);
	if (v->cluster_comes)
		return found(ret, PRESENT, "K3s brings it");
	int rc = fact(v, &is, e, "file", "%s", path);
	if (rc < 0 || is)
		return rc < 0 ? rc : found(ret, PRESENT, "'%s' is there", path);
	return found(ret, FOREIGN,
		     "exporter_tls: '%s' does not exist: there is no K3s here that has made a certificate; deploy k3s too, or take "
		     "exporter_tls out of the inventory", path);
}

static const struct precondition cert = { .ask = cert_ask, .check = cert_check };

static const struct file_arg web = {
	.path = WEB_PATH, .mode = 0600, .tmpl = "exporter-web.yml.tmpl", .own_dir = true, .needed = wants_tls
};

/* ---- configuration (exporter/config.h says its keys) */

/* Without a user and a password a management controller tells nothing. */
static bool asks_bmc(const struct host *h)
{
	return h->bmc_ip && h->bmc_user.entry && h->bmc_password.entry;
}

static int bmc_endpoint(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return buf_addf(ret, "https://%s", URL_HOST(v->host->bmc_ip));
}

static const struct secret *entry(const struct view *v, const struct secret_ref *ref, struct err *e)
{
	const struct secret *s = v->vault ? vault_get(v->vault, ref->entry) : NULL;
	if (!s)
		err_set(e, ERR_CONFIG,
			"the vault has no entry '%s', which host '%s' needs for its management "
			"controller",
			ref->entry, v->host->name);
	return s;
}

static const struct secret *bmc_user(const struct view *v, struct err *e)
{
	return entry(v, &v->host->bmc_user, e);
}

static const struct secret *bmc_password(const struct view *v, struct err *e)
{
	return entry(v, &v->host->bmc_password, e);
}

static const struct tmpl_name bmc_names[] = {
	{ "bmc_endpoint", .value = bmc_endpoint },
	{ "bmc_user", .secret = bmc_user },
	{ "bmc_password", .secret = bmc_password },
	{ NULL },
};

static int add_bmc(const struct view *v, struct buf *ret, struct err *e)
{
	if (!asks_bmc(v->host))
		return 0;
	int rc = template_add("exporter-bmc.yml.tmpl", bmc_names, v, ret, e);
	if (rc == 0 && v->inv->bmc_ca_file)
		buf_adds(ret, "  ca-file: " CA_PATH "\n");
	if (rc == 0 && v->inv->bmc_insecure)
		buf_adds(ret, "  insecure-skip-verify: true\n");
	return rc;
}

static int token_file(const struct view *v, struct buf *ret, struct err *e)
{
	(void)v;
	(void)e;
	return buf_adds(ret, KUBELET_TOKEN);
}

/* K3s keeps the authority that signs its kubelets' certificates on every node. */
static int server_ca(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return buf_addf(ret, "%s/agent/server-ca.crt", v->inv->k3s_server_location);
}

static const struct tmpl_name kubelet_names[] = {
	{ "token_file", .value = token_file },
	{ "server_ca", .value = server_ca },
	{ NULL },
};

static int add_rest(const struct view *v, struct buf *ret, struct err *e)
{
	bool cluster = false;
	int rc = add_bmc(v, ret, e);
	if (v->inv->exporter_tls)
		buf_adds(ret, "web.config.file: " WEB_PATH "\n");
	if (rc == 0)
		rc = in_cluster(v, &cluster, e);
	return rc < 0 || !cluster ? rc : template_add("exporter-kubelet.yml.tmpl", kubelet_names, v, ret, e);
}

static const struct file_arg config = {
	.path = "/etc/powerstack/exporter.yml",
	.mode = 0600,
	.tmpl = "exporter.yml.tmpl",
	.render = add_rest,
	.ask = in_cluster_ask,
	.own_dir = true,
};

/* ---- the certificates that the management controllers are checked with */

static int render_ca(const struct view *v, struct buf *ret, struct err *e)
{
	/* text before a certificate is a comment to every reader of PEM */
	buf_adds(ret, FILE_MARK);
	return file_read(v->inv->bmc_ca_file, ret, NULL, e);
}

static bool has_ca(const struct inventory *inv, const struct host *h)
{
	return inv->bmc_ca_file && asks_bmc(h);
}

/* 0644: the exporter's own user reads it */
static const struct file_arg ca = {
	.path = CA_PATH, .mode = 0644, .render = render_ca, .own_dir = true, .needed = has_ca
};

/* ---- unit */

/* systemd's watchdog: ten missed readings, at least half a minute. */
static int watchdog(const struct view *v, struct buf *ret, struct err *e)
{
	unsigned long long ns = 0;
	int rc = opts_duration(v->inv->exporter_interval, &ns, e);
	unsigned long long s = ns / 100000000;
	return rc < 0 ? rc : buf_addf(ret, "%llus", s < 30 ? 30 : s);
}

static const struct tmpl_name unit_names[] = { { "watchdog", .value = watchdog }, { NULL } };

/* What the service is kept from seeing is what nobody needs here. */
static int add_sight(const struct view *v, struct buf *ret, struct err *e)
{
	static const struct tmpl_name none[] = { { NULL } };
	const char *data = v->inv->k3s_server_location;
	bool gpu = false;
	int rc = has_gpu(v, &gpu, e);
	if (rc == 0 && gpu)
		rc = template_add("exporter-gpu.service.tmpl", none, v, ret, e);
	if (strncmp(data, "/home/", 6) == 0 || strncmp(data, "/root/", 6) == 0)
		buf_adds(ret, "\n# K3s' certificates are there.\n[Service]\nProtectHome=read-only\n");
	return rc;
}

static const struct file_arg unit_file = {
	.path = "/etc/systemd/system/powerstack-exporter.service",
	.mode = 0644,
	.tmpl = "powerstack-exporter.service.tmpl",
	.names = unit_names,
	.render = add_sight,
	.ask = ask_gpu,
};

enum row { ROW_CERT, ROW_BINARY, ROW_GPU_HELPER, ROW_CA, ROW_WEB, ROW_CONFIG, ROW_UNIT, ROW_SERVICE, NROWS };
static const struct step steps[NROWS];
static const struct step *const inputs[] = {
	&steps[ROW_BINARY], &steps[ROW_GPU_HELPER], &steps[ROW_CA], &steps[ROW_WEB], &steps[ROW_CONFIG], &steps[ROW_UNIT], NULL
};
static const struct unit_arg unit = {
	.unit = "powerstack-exporter.service",
	.inputs = inputs,
	.start_s = 30,
};

static const struct step steps[NROWS] = {
	[ROW_CERT] = { "certificate", "K3s has a certificate for its TLS", &precondition_ops, &cert, .when = wants_tls,
		       .no_undo = "it is K3s'" },
	[ROW_BINARY] = { "binary", "the exporter is installed", &blob_ops, &binary },
	[ROW_GPU_HELPER] = { "gpu-helper", "its helper is installed where there are GPUs", &blob_ops, &gpu_helper },
	[ROW_CA] = { "ca", "the management controllers' certificates are there", &file_ops, &ca },
	[ROW_WEB] = { "web", "it serves its page as the inventory says", &file_ops, &web },
	[ROW_CONFIG] = { "config", "the exporter is configured", &file_ops, &config, .flags = STEP_SECRET },
	[ROW_UNIT] = { "unit", "the exporter's unit is installed", &file_ops, &unit_file },
	[ROW_SERVICE] = { "service", "the exporter runs, now and after a boot", &unit_ops, &unit },
};

static const char *const after[] = { "prereq", NULL };

const struct recipe recipe_exporter = {
	.name = "exporter",
	.part = "exporter",
	.summary = "installs and runs the energy exporter",
	.roles = ROLE_ANY,
	.after = after,
	.steps = steps,
	.nsteps = NROWS,
};
