/* SPDX-License-Identifier: BSD-2-Clause */
/* The laws over every row of the product's own recipes, and what the rows find wrong. */
#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/artifact/artifact.h"
#include "provision/checks/checks.h"
#include "provision/provision.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"
#include "tests/fake/cluster.h"
#include "tests/fake/scripts.h"
#include "tests/recipes/laws.h"

static const char text[] =
	"k3s_cluster:\n"
	"  children:\n"
	"    server:\n"
	"      hosts:\n"
	"        160.85.30.104:\n"
	"          node_name: ho1\n"
	"          internal_ip: 192.168.0.104\n"
	"          external_ip: 160.85.30.104\n"
	"          disk_for_persistent_storage: /dev/sdd\n"
	"          disk_serial: SERIAL-7\n"
	"          BMC_ip: 160.85.30.101\n"
	"          bmc_user: \"{{ ansible_vault.bmcUser }}\"\n"
	"          bmc_password: \"{{ ansible_vault.bmcPassword }}\"\n"
	"    agent:\n"
	"      hosts:\n"
	"        160.85.30.105: { node_name: ho2, internal_ip: 192.168.0.105 }\n"
	"        160.85.30.106: { node_name: ho3, internal_ip: 192.168.0.106 }\n"
	"  vars:\n"
	"    ansible_user: ubuntu\n"
	"    k3s_version: v1.30.2+k3s1\n"
	"    image_archives: [ own.tar, more.tar.zst ]\n"
	"    token: \"{{ ansible_vault.token }}\"\n"
	"    bootstrapPassword: \"{{ ansible_vault.bootstrapPassword }}\"\n"
	"    rancher_tls: external\n"
	"    grafana_admin_password: \"{{ ansible_vault.grafanaAdminPassword }}\"\n"
	"    nfs_network: 192.168.0.0/24\n"
	"    export_path: /mnt/data\n";

#define USER "planted-user-3Kz"
#define PASSWORD "planted \\\"pass\\\" 9Qv"	/* as the vault's text has it */
#define PASSWORD_YAML "planted \\\"pass\\\" 9Qv"	/* as the exporter's configuration has it */
#define TOKEN "planted-token-7Jw4"
#define GRAFANA "planted-grafana-5Tb"
static const char *const secrets[] = { TOKEN, USER, PASSWORD_YAML, GRAFANA, FAKE_ACCOUNT_TOKEN, NULL };
static const char *const exporter_secrets[] = { PASSWORD_YAML, FAKE_ACCOUNT_TOKEN, NULL };
static const char *const app_secrets[] = { GRAFANA, NULL };

static struct inventory *inv;
static struct artifacts *artifacts;
static struct artifact_options options = { .offline = true };
/* In memory: the laws write the operator's kubeconfig many thousand times, and each time it is synced. */
static char release[] = "/dev/shm/powerstack-release.XXXXXX";
static struct vault *vault;

/* A release of helm as it is packed. */
static void pack_helm(const char *path)
{
	struct archive *tar = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	cr_assert_eq(archive_write_set_format_ustar(tar), ARCHIVE_OK);
	cr_assert_eq(archive_write_add_filter_gzip(tar), ARCHIVE_OK);
	cr_assert_eq(archive_write_open_filename(tar, path), ARCHIVE_OK);
	archive_entry_set_pathname(entry, "linux-amd64/helm");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0755);
	archive_entry_set_size(entry, 9);
	cr_assert_eq(archive_write_header(tar, entry), ARCHIVE_OK);
	cr_assert_eq(archive_write_data(tar, "some helm", 9), 9);
	archive_entry_free(entry);
	cr_assert_eq(archive_write_free(tar), ARCHIVE_OK);
}

static void begin(void)
{
	struct err e = { 0 };
	struct problems ps = { 0 };
	struct secret *plain = NULL;
	static const char *const files[] = { "k3s", "k3s-airgap-images-amd64.tar.zst", "kube-prometheus-stack-88.5.3.tgz",
					     "cert-manager-v1.17.2.tgz", "rancher-2.11.3.tgz", "own.tar", "more.tar.zst" };
	char path[200], whole[sizeof(text) + 200];
	cr_assert(mkdtemp(release));
	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", release, files[i]);
		FILE *f = fopen(path, "w");
		cr_assert(f && fputs(files[i], f) >= 0 && fclose(f) == 0);
	}
	snprintf(path, sizeof(path), "%s/helm-v4.2.4-linux-amd64.tar.gz", release);
	pack_helm(path);
	snprintf(path, sizeof(path), "%s/inventory.yml", release);
	snprintf(whole, sizeof(whole), "%s    airgap_dir: %s\n    kubeconfig: %s/kubeconfig\n", text, release,
		 release);
	int rc = inventory_parse(path, whole, strlen(whole), &inv, &ps, &e);
	for (size_t i = 0; rc < 0 && i < ps.n; i++)
		fprintf(stderr, "%u:%u %s\n", ps.v[i].line, ps.v[i].column, ps.v[i].text);
	problems_free(&ps);
	cr_assert_eq(rc, 0, "%s", e.msg);
	static const char entries[] = "token: " TOKEN "\nbmcUser: " USER "\nbmcPassword: \"" PASSWORD "\"\n"
				     "grafanaAdminPassword: " GRAFANA "\nbootstrapPassword: planted-first-8Lm\n";
	cr_assert_eq(secret_new(entries, sizeof(entries) - 1, &plain, &e), 0);
	cr_assert_eq(vault_new("vault.yml", plain, &vault, &e), 0, "%s", e.msg);
	secret_free(plain);
	options.cache_dir = release;
	cr_assert_eq(artifacts_open(inv, &options, &artifacts, &e), 0, "%s", e.msg);
	cr_assert_eq(artifacts_lock(artifacts, &e), 0, "%s", e.msg);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void end(void)
{
	artifacts_free(artifacts);
	nftw(release, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	vault_free(vault);
	inventory_free(inv);
}

static struct fake_net *bare(void *ctx)
{
	(void)ctx;
	unlink(inv->kubeconfig);
	struct fake_net *net = fake_net_new(inv, node_scripts, node_questions);
	for (size_t i = 0; i < inv->nhosts; i++)
		node_make_bare(net->hosts[i], &inv->hosts[i]);
	/* one with ufw, one that has a package of ours already */
	fake_set(net->hosts[1], "ufw", "active", "yes");
	fake_file_put(net->hosts[1], "/proc/driver/nvidia/version", 'f', "535\n", 4, 0444, "root:root");
	fake_set(net->hosts[2], "pkg", "nfs-common", "1:2.6");
	return net;
}

static bool make_foreign(void *ctx, struct fake_host *h, const struct recipe *r, const struct step *s)
{
	(void)ctx;
	char room[STEP_PATH_MAX];
	const struct view v = { .inv = inv, .host = inventory_find_host(inv, h->name), .artifacts = artifacts };
	const char *path = step_file_path(s, &v, room);
	const struct file_arg *file = s->ops == &file_ops ? s->arg : NULL;
	if (file && file->needed && !file->needed(inv, v.host)) {
		return false; /* whoever's it is, nothing is to be there */
	} else if (s->ops == &kubeconfig_ops) {
		static const char mine[] = "contexts:\n- name: powerstack\n  context: {cluster: mine, user: me}\n";
		struct err e = { 0 };
		cr_assert_eq(file_replace(inv->kubeconfig, 0600, mine, sizeof(mine) - 1, &e), 0, "%s", e.msg);
	} else if (strcmp(s->name, "token") == 0 && r == &recipe_exporter_kubelet) {
		fake_file_put(h, "/etc/powerstack/kubelet-token", 'f', "mine\n", 5, 0600, "root:root");
	} else if (r == &recipe_exporter_account) {
		if (!fake_get(h, "k3s", "version"))
			return false;
		fake_set(h, "kube", "/apis/rbac.authorization.k8s.io/v1/clusterroles/powerstack-exporter",
			 "{\"metadata\":{\"labels\":{}}}");
	} else if (!fake_get(h, "k3s", "version") &&
		   (s->ops == &kube_ops || s->ops == &kube_secret_ops || s->ops == &release_ops)) {
		return false; /* without a cluster nothing is in it */
	} else if (s->ops == &kube_ops) {
		struct kube_object objects[KUBE_OBJECTS_MAX];
		char object[KUBE_PATH_MAX];
		((const struct kube_arg *)s->arg)->objects(inv, objects);
		if (objects[0].shared)
			return false;
		kube_path(&objects[0], object);
		fake_set(h, "kube", object, "{\"metadata\":{\"labels\":{}}}");
	} else if (s->ops == &kube_secret_ops) {
		const struct kube_secret_arg *a = s->arg;
		char key[200];
		snprintf(key, sizeof(key), "%s/%s", a->ns(inv), a->name);
		fake_set(h, "kube-secret", key, "mine");
	} else if (s->ops == &release_ops) {
		const struct release_arg *a = s->arg;
		char key[200];
		snprintf(key, sizeof(key), "%s/%s", a->ns(inv), a->name);
		fake_set(h, "helm", key, "3 deployed -");
	} else if (s->ops == &share_ops) {
		fake_file_put(h, "/mnt/data/grafana", 'f', "mine\n", 5, 0644, "root:root");
	} else if (s->ops == &artifact_ops) {
		fake_file_put(h, path, 'f', "mine\n", 5, 0755, "root:root");
	} else if (s->ops == &blob_ops) {
		fake_file_put(h, path, 'd', "", 0, 0755, "root:root");
	} else if (path) {
		fake_file_put(h, path, 'f', "mine\n", 5, 0644, "root:root");
	} else if (s->ops == &sysctl_ops) {
		fake_file_put(h, ((const struct sysctl_arg *)s->arg)->path, 'f', "a = b\n", 6, 0644, "root:root");
	} else if (s->ops == &disk_ops) {
		fake_str(&fake_block_get(h, inv->control->disk)->fstype, "ext4");
	} else if (s->ops == &mount_ops) {
		static const char fstab[] = "LABEL=mine /mnt/data ext4 defaults 0 2\n";
		fake_file_put(h, "/etc/fstab", 'f', fstab, sizeof(fstab) - 1, 0644, "root:root");
	} else if (s->ops == &unit_ops) {
		struct fake_unit *u = fake_unit_make(h, ((const struct unit_arg *)s->arg)->unit);
		u->loaded = u->masked = true;
	} else if (s->ops == &precondition_ops && strcmp(s->name, "distribution") == 0) {
		fake_set(h, "os", "id", "fedora");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "kernel") == 0) {
		fake_set(h, "os", "kernel", "5.10.0-1-amd64");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "architecture") == 0) {
		fake_set(h, "os", "arch", "riscv64");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "memory") == 0) {
		fake_set(h, "os", "memory_cgroup", "no");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "network") == 0) {
		fake_set(h, "os", "route", "");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "clock") == 0) {
		fake_set(h, "answer", "clock:-", "daemon=");
	} else {
		return false;
	}
	return true;
}

static struct law_world world(void)
{
	return (struct law_world){
		.inv = inv,
		.vault = vault,
		.artifacts = artifacts,
		.recipes = recipes,
		.bare = bare,
		.make_foreign = make_foreign,
		.secrets = secrets,
	};
}

/* The data, and nothing else: the disk keeps its partition and file system. */
static bool data_stays(void *ctx, const char *line)
{
	(void)ctx;
	return strstr(line, " block /dev/sdd") || strstr(line, " share /mnt/data/");
}

/* The parts that stand in a cluster, by themselves: it is there, and stays. */
static const char *const base_parts[] = { "prereq", "k3s", "disk", "nfs", NULL };
static const char *const app_parts[] = { "helm", "rancher", "monitoring", NULL };

static struct fake_net *with_cluster(void *ctx)
{
	struct fake_net *net = bare(ctx);
	struct report report = { 0 };
	struct err e = { 0 };
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = base_parts };
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	cr_assert_eq(report_exit(&report, WALK_DEPLOY), 0);
	report_clear(&report);
	fake_net_rearm(net);
	return net;
}

TestSuite(recipe_laws, .init = begin, .fini = end, .timeout = 600);

#define HOLDS(law)                                                 \
	Test(recipe_laws, law)                                     \
	{                                                          \
		struct law_world w = world();                      \
		w.may_stay = data_stays;                           \
		struct err e = { 0 };                              \
		cr_assert_eq(law(&w, &e), 0, "%s", e.msg);         \
	}

HOLDS(law_names)
HOLDS(law_undo_or_reason)
HOLDS(law_converges)
HOLDS(law_check_tells)
HOLDS(law_destroys)
HOLDS(law_cut_deploy)
HOLDS(law_cut_destroy)
HOLDS(law_foreign)
HOLDS(law_secrets)

#define HOLDS_FOR_APPS(law)                                                 \
	Test(recipe_laws, apps_##law)                                       \
	{                                                                   \
		struct law_world w = world();                               \
		w.bare = with_cluster;                                      \
		w.parts = app_parts;                                        \
		w.secrets = app_secrets;                                    \
		w.may_stay = data_stays;                                    \
		struct err e = { 0 };                                       \
		cr_assert_eq(law(&w, &e), 0, "%s", e.msg);                  \
	}

HOLDS_FOR_APPS(law_converges)
HOLDS_FOR_APPS(law_check_tells)
HOLDS_FOR_APPS(law_destroys)
HOLDS_FOR_APPS(law_cut_deploy)
HOLDS_FOR_APPS(law_cut_destroy)
HOLDS_FOR_APPS(law_foreign)
HOLDS_FOR_APPS(law_secrets)

/* Without a password in the inventory no host is changed: it is not found out when the password's turn comes. */
Test(recipe_laws, apps_without_a_password)
{
	struct fake_net *net = with_cluster(NULL);
	struct report report = { 0 };
	struct err e = { 0 };
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = app_parts };
	inv->grafana_admin_password.entry = NULL;
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	cr_assert_neq(report_exit(&report, WALK_DEPLOY), 0);
	cr_assert_not_null(strstr(report.why, "'monitoring/admin' on 'ho1'; nothing was changed on any host"), "%s", report.why);
	cr_assert_eq(fake_net_changes(net), 0);
	report_clear(&report);
	fake_net_free(net);
}

/* ---- status sees what deploy makes, and what destroy leaves, and changes nothing */

static void see(struct fake_net *net, enum part_is want, const char *when)
{
	static const struct recipe *const no_recipes[] = { NULL };
	static const struct check *const no_checks[] = { NULL };
	struct status_report report = { 0 };
	struct err e = { 0 };
	const struct run_options o = { .open = fake_open, .open_ctx = net, .recipes = no_recipes, .checks = no_checks };
	fake_net_rearm(net);
	cr_assert_eq(provision_status(inv, NULL, &o, &report, &e), 0, "%s", e.msg);
	cr_expect_eq(net->commands, inv->nhosts);
	cr_expect_eq(fake_net_changes(net), 0);
	for (size_t i = 0; i < report.n; i++)
		for (size_t k = 0; part_looks[k].part; k++) {
			const struct part_status *p = &report.nodes[i].parts[k];
			cr_expect(!p->applies || p->is == want, "%s, %s %s: %s", when, report.nodes[i].host->name, part_looks[k].part, p->what);
		}
	status_report_clear(&report);
}

Test(recipe_laws, status_sees_what_is_there)
{
	struct fake_net *net = bare(NULL);
	struct err e = { 0 };
	see(net, PART_ABSENT, "bare");
	for (enum walk w = WALK_DEPLOY; w <= WALK_DESTROY; w++) {
		struct report report = { 0 };
		const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts };
		if (w == WALK_CHECK)
			continue;
		cr_assert_eq(provision_run(w, inv, vault, &o, &report, &e), 0, "%s", e.msg);
		cr_assert_eq(report_exit(&report, w), 0);
		report_clear(&report);
		/* what fake machines have no more than a planted answer to */
		for (size_t i = 0; w == WALK_DEPLOY && i < net->nhosts; i++) {
			fake_set(net->hosts[i], "answer", "statfs:/mnt/data", "type=nfs\nsize=1\nfree=1");
			fake_set(net->hosts[i], "answer", "http:9102:/metrics",
				 "HTTP/1.1 200 OK\r\n\r\n\nkepler_node_info{} 1\nkepler_exporter_build_info{version=\"1\"} 1\n");
		}
		see(net, w == WALK_DEPLOY ? PART_OK : PART_ABSENT, w == WALK_DEPLOY ? "deployed" : "destroyed");
	}
	fake_net_free(net);
}

/* The exporter by itself, where there is a cluster and where there is none. */
static const char *const exporter_parts[] = { "exporter", NULL };

static void exporter_holds(int (*law)(const struct law_world *, struct err *), struct fake_net *(*on)(void *),
			   const char *const *planted, const char *where)
{
	struct law_world w = world();
	struct err e = { 0 };
	w.bare = on;
	w.parts = exporter_parts;
	w.secrets = planted;
	cr_assert_eq(law(&w, &e), 0, "%s: %s", where, e.msg);
}

#define HOLDS_FOR_EXPORTER(law)                                                       \
	Test(recipe_laws, exporter_##law)                                             \
	{                                                                             \
		exporter_holds(law, bare, NULL, "alone");                             \
		exporter_holds(law, with_cluster, exporter_secrets, "in a cluster");  \
	}

HOLDS_FOR_EXPORTER(law_converges)
HOLDS_FOR_EXPORTER(law_check_tells)
HOLDS_FOR_EXPORTER(law_destroys)
HOLDS_FOR_EXPORTER(law_cut_deploy)
HOLDS_FOR_EXPORTER(law_cut_destroy)
HOLDS_FOR_EXPORTER(law_foreign)
HOLDS_FOR_EXPORTER(law_secrets)

/* The same with TLS, where K3s has made its certificates. */
#define SERVING_CERT "/var/lib/rancher/k3s/agent/serving-kubelet.crt"

static void make_certificates(struct fake_net *net)
{
	for (size_t i = 0; i < net->nhosts; i++)
		fake_file_put(net->hosts[i], SERVING_CERT, 'f', "PEM\n", 4, 0644, "root:root");
}

static struct fake_net *with_certificates(void *ctx)
{
	struct fake_net *net = with_cluster(ctx);
	make_certificates(net);
	return net;
}

#define HOLDS_FOR_TLS(law)                                                             \
	Test(recipe_laws, exporter_tls_##law)                                         \
	{                                                                             \
		inv->exporter_tls = true;                                             \
		exporter_holds(law, with_certificates, exporter_secrets, "with TLS"); \
	}

HOLDS_FOR_TLS(law_undo_or_reason)
HOLDS_FOR_TLS(law_converges)
HOLDS_FOR_TLS(law_check_tells)
HOLDS_FOR_TLS(law_destroys)
HOLDS_FOR_TLS(law_cut_deploy)
HOLDS_FOR_TLS(law_foreign)

static size_t deploy(struct fake_net *net, const char *const *which, char *ret_rows, size_t size)
{
	struct report report = { 0 };
	struct err e = { 0 };
	size_t n = 0, at = 0;
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = which };
	fake_net_rearm(net);
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	cr_assert_eq(report_exit(&report, WALK_DEPLOY), 0);
	ret_rows[0] = '\0';
	for (size_t i = 0; i < report.n; i++)
		if (report.rows[i].outcome == OUT_CHANGED && ++n && at < size)
			at += (size_t)snprintf(ret_rows + at, size - at, "%s:%s/%s ", report.rows[i].host, report.rows[i].recipe,
					       report.rows[i].step);
	report_clear(&report);
	return n;
}

static const char *text_of(const struct fake_host *h, const char *path)
{
	const struct fake_file *f = fake_file_get(h, path);
	return f ? f->data : "";
}

/* Its kubelet is asked where there is one: with a token in a file of its own, by K3s' authority. */
Test(recipe_laws, exporter_and_its_kubelet)
{
	static const char *const k3s[] = { "k3s", NULL };
	char rows[4096];
	struct fake_net *net = bare(NULL);
	struct fake_host *ho2 = fake_net_host(net, "ho2");
	deploy(net, exporter_parts, rows, sizeof(rows));
	cr_assert_null(strstr(rows, "exporter-kubelet"), "%s", rows);
	cr_assert_null(strstr(text_of(ho2, "/etc/powerstack/exporter.yml"), "kubelet"));
	cr_assert_null(fake_file_get(ho2, "/etc/powerstack/kubelet-token"));

	/* the cluster comes later: only what hangs on it is done */
	deploy(net, k3s, rows, sizeof(rows));
	cr_assert_eq(deploy(net, exporter_parts, rows, sizeof(rows)), 3 * 3 + 1, "%s", rows);
	cr_assert_not_null(strstr(rows, "ho1:exporter-account/account "), "%s", rows);
	cr_assert_not_null(strstr(rows, "ho2:exporter/config "), "%s", rows);
	cr_assert_not_null(strstr(rows, "ho2:exporter-kubelet/token "), "%s", rows);
	cr_assert_not_null(strstr(text_of(ho2, "/etc/powerstack/exporter.yml"),
				  "kubelet:\n"
				  "  endpoint: https://127.0.0.1:10250\n"
				  "  token-file: \"/etc/powerstack/kubelet-token\"\n"
				  "  ca-file: \"/var/lib/rancher/k3s/agent/server-ca.crt\"\n"));
	for (size_t i = 0; i < net->nhosts; i++) {
		const struct fake_file *f = fake_file_get(net->hosts[i], "/etc/powerstack/kubelet-token");
		cr_assert_not_null(f);
		cr_assert_str_eq(f->data, FAKE_ACCOUNT_TOKEN);
		cr_assert_eq(f->mode, 0600);
	}

	/* a token that the kubelet refuses is replaced, and nothing is restarted for it */
	unsigned starts = fake_unit_get(ho2, "powerstack-exporter.service")->starts;
	fake_file_put(ho2, "/etc/powerstack/kubelet-token", 'f', "of another cluster", 18, 0600, "root:root");
	deploy(net, exporter_parts, rows, sizeof(rows));
	cr_assert_str_eq(rows, "ho2:exporter-kubelet/token ");
	cr_assert_eq(fake_unit_get(ho2, "powerstack-exporter.service")->starts, starts);
	fake_net_free(net);
}

/* exporter_tls, on and off again: one file of its own, and only the exporter is restarted. */
Test(recipe_laws, exporter_tls_comes_and_goes)
{
	static const char path[] = "/etc/powerstack/exporter-web.yml";
	static const char *const all[] = { "prereq", "k3s", "disk", "nfs", "exporter", NULL };
	char rows[4096];
	struct fake_net *net = bare(NULL);
	struct fake_host *ho2 = fake_net_host(net, "ho2");
	/* together with the cluster: the exporter waits for the certificate, nobody else does */
	inv->exporter_tls = true;
	deploy(net, all, rows, sizeof(rows));
	cr_assert_not_null(strstr(rows, "ho2:exporter/web "), "%s", rows);
	make_certificates(net);
	cr_assert_eq(deploy(net, all, rows, sizeof(rows)), 0, "%s", rows);
	cr_assert_eq(fake_file_get(ho2, path)->mode, 0600);
	cr_assert_not_null(strstr(text_of(ho2, path), "cert_file: \"" SERVING_CERT "\"\n"));
	cr_assert_not_null(strstr(text_of(ho2, "/etc/powerstack/exporter.yml"), "\nweb.config.file: /etc/powerstack/exporter-web.yml\n"));

	unsigned starts = fake_unit_get(ho2, "powerstack-exporter.service")->starts;
	inv->exporter_tls = false;
	cr_assert_eq(deploy(net, all, rows, sizeof(rows)), 3 * 3, "%s", rows);
	cr_assert_not_null(strstr(rows, "ho2:exporter/web ho2:exporter/config ho2:exporter/service "), "%s", rows);
	cr_assert_str_eq(text_of(ho2, path), "# managed by powerstack\n");
	cr_assert_null(strstr(text_of(ho2, "/etc/powerstack/exporter.yml"), "web.config.file"));
	cr_assert_eq(fake_unit_get(ho2, "powerstack-exporter.service")->starts, starts + 1);

	inv->exporter_tls = true;
	cr_assert_eq(deploy(net, all, rows, sizeof(rows)), 3 * 3, "%s", rows);
	cr_assert_eq(fake_unit_get(ho2, "powerstack-exporter.service")->starts, starts + 2);
	fake_net_free(net);
}

/* What the inventory gave K3s and gives no more: the node has none of it, and K3s is started anew for it. */
Test(recipe_laws, texts_for_k3s_come_and_go)
{
	static const char path[] = "/etc/rancher/k3s/registries.yaml", env[] = "/etc/systemd/system/k3s-agent.service.env";
	static const char *const cluster[] = { "prereq", "k3s", NULL };
	static char mirrors[] = "mirrors: {docker.io: {endpoint: [http://mirror.example]}}";
	static struct keyval proxy = { .key = "HTTP_PROXY", .value = "http://proxy.example" };
	char rows[4096];
	struct fake_net *net = bare(NULL);
	struct fake_host *ho2 = fake_net_host(net, "ho2"), *ho3 = fake_net_host(net, "ho3");
	/* with none in the inventory, somebody's own is nobody else's business */
	fake_file_put(ho3, path, 'f', "mine\n", 5, 0644, "root:root");
	deploy(net, cluster, rows, sizeof(rows));
	cr_assert_null(strstr(rows, "/registries"), "%s", rows);
	cr_assert_null(fake_file_get(ho2, path));
	cr_assert_str_eq(text_of(ho3, path), "mine\n");
	fake_file_remove(ho3, path);

	inv->registries_config_yaml = mirrors;
	inv->extra_service_envs = &proxy;
	inv->nextra_service_envs = 1;
	deploy(net, cluster, rows, sizeof(rows));
	cr_assert_not_null(strstr(rows, "ho2:k3s-agent/registries ho2:k3s-agent/agent-environment ho2:k3s-agent/agent-service "), "%s", rows);
	cr_assert_not_null(strstr(text_of(ho2, path), mirrors));

	unsigned starts = fake_unit_get(ho2, "k3s-agent.service")->starts;
	inv->registries_config_yaml = NULL;
	inv->extra_service_envs = NULL;
	inv->nextra_service_envs = 0;
	deploy(net, cluster, rows, sizeof(rows));
	cr_assert_not_null(strstr(rows, "ho2:k3s-agent/registries ho2:k3s-agent/agent-environment ho2:k3s-agent/agent-service "), "%s", rows);
	cr_assert_str_eq(text_of(ho2, path), "# managed by powerstack\n");
	cr_assert_str_eq(text_of(ho2, env), "# managed by powerstack\n");
	cr_assert_eq(fake_unit_get(ho2, "k3s-agent.service")->starts, starts + 1);
	cr_assert_eq(deploy(net, cluster, rows, sizeof(rows)), 0, "%s", rows);
	fake_net_free(net);
}

/* Without a cluster nothing is changed on any host. */
Test(recipe_laws, exporter_tls_without_a_cluster)
{
	struct fake_net *net = bare(NULL);
	struct report report = { 0 };
	struct err e = { 0 };
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = exporter_parts };
	inv->exporter_tls = true;
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	cr_assert_neq(report_exit(&report, WALK_DEPLOY), 0);
	cr_assert_not_null(strstr(report.why, "exporter/certificate"), "%s", report.why);
	cr_assert_eq(fake_net_changes(net), 0);
	report_clear(&report);
	fake_net_free(net);
}

/* With --purge-data nothing at all stays. */
Test(recipe_laws, apps_purged)
{
	static const struct purge purge = { .data = true };
	struct law_world w = world();
	struct err e = { 0 };
	w.bare = with_cluster;
	w.parts = app_parts;
	w.purge = &purge;
	cr_assert_eq(law_destroys(&w, &e), 0, "%s", e.msg);
	cr_assert_eq(law_cut_destroy(&w, &e), 0, "%s", e.msg);
}

/* With the disk's serial typed, the disk is empty again, too. */
Test(recipe_laws, wiping)
{
	static const struct purge purge = { .wipe_disk = true, .disk_serial = "SERIAL-7" };
	struct law_world w = world();
	struct err e = { 0 };
	w.purge = &purge;
	cr_assert_eq(law_destroys(&w, &e), 0, "%s", e.msg);
	cr_assert_eq(law_cut_destroy(&w, &e), 0, "%s", e.msg);
}

/* B1.12 and B1.13 ask the recipe's own rows. */
static enum verdict verdict_of(struct fake_net *net, const char *id, char *why, size_t size)
{
	struct verify_report report = { 0 };
	struct err e = { 0 };
	const char *const words[] = { id, NULL };
	static const struct check *const plan_checks[] = { &check_b1_12, &check_b1_13, NULL };
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = words, .once = true,
				       .checks = plan_checks };
	enum verdict worst = CHECK_PASS;
	cr_assert_eq(provision_verify(inv, vault, &o, &report, &e), 0, "%s", e.msg);
	cr_assert_eq(report.n, inv->nhosts);
	for (size_t i = 0; i < report.n; i++) {
		if (report.rows[i].verdict == CHECK_PASS)
			continue;
		worst = report.rows[i].verdict;
		snprintf(why, size, "%s: %s", report.rows[i].host, report.rows[i].why);
	}
	verify_report_clear(&report);
	return worst;
}

/* X7 asks the rows of the releases, B4.6 the one of the admin, on the control node. */
static const struct check *const release_checks[] = { &check_x7_rancher, &check_x7_monitoring, NULL };
static const struct check *const login_checks[] = { &check_b4_6, NULL };
static const struct check *const rancher_login_checks[] = { &check_b3_7, NULL };
static enum verdict verdict_at_control(struct fake_net *net, const struct check *const *which, char *why, size_t size)
{
	struct verify_report report = { 0 };
	struct err e = { 0 };
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .once = true, .checks = which };
	enum verdict worst = CHECK_PASS;
	cr_assert_eq(provision_verify(inv, vault, &o, &report, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < report.n; i++) {
		if (report.rows[i].verdict == CHECK_PASS)
			continue;
		worst = report.rows[i].verdict;
		snprintf(why, size, "%s", report.rows[i].why);
	}
	verify_report_clear(&report);
	return worst;
}

Test(recipe_laws, verify_tells_of_releases)
{
	struct fake_net *net = with_cluster(NULL);
	struct report report = { 0 };
	struct err e = { 0 };
	char why[600] = "", key[] = "monitoring/monitoring", changed[200];
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = app_parts };
	cr_assert_eq(verdict_at_control(net, release_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "there is no release 'monitoring'"), "%s", why);
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	report_clear(&report);
	cr_assert_eq(verdict_at_control(net, release_checks, why, sizeof(why)), CHECK_PASS, "%s", why);
	struct fake_host *ho1 = fake_net_host(net, "ho1");
	snprintf(changed, sizeof(changed), "%s", fake_get(ho1, "helm", key));
	fake_set(ho1, "helm", key, "2 pending-upgrade 0123 no");
	cr_assert_eq(verdict_at_control(net, release_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "revision 2 of 'monitoring' is pending-upgrade"), "%s", why);
	fake_set(ho1, "helm", key, "2 deployed 0123 yes");
	cr_assert_eq(verdict_at_control(net, release_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "another configuration"), "%s", why);
	fake_set(ho1, "helm", key, changed);
	cr_assert_eq(verdict_at_control(net, release_checks, why, sizeof(why)), CHECK_PASS, "%s", why);
	fake_net_free(net);
}

Test(recipe_laws, verify_logs_in_to_grafana)
{
	struct fake_net *net = with_cluster(NULL);
	struct fake_host *ho1 = fake_net_host(net, "ho1");
	struct report report = { 0 };
	struct err e = { 0 };
	char why[600] = "", question[] = "grafana:monitoring/monitoring-grafana-admin 192.168.0.104 30003";
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = app_parts };
	fake_set(ho1, "answer", question, "HTTP/1.0 200 OK");
	cr_assert_eq(verdict_at_control(net, login_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "there is no Secret"), "%s", why);
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	report_clear(&report);
	cr_assert_eq(verdict_at_control(net, login_checks, why, sizeof(why)), CHECK_PASS, "%s", why);
	fake_set(ho1, "answer", question, "HTTP/1.0 401 Unauthorized");
	cr_assert_eq(verdict_at_control(net, login_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "401 Unauthorized to its admin"), "%s", why);
	fake_set(ho1, "answer", question, "HTTP/1.0 200 OK");
	fake_set(ho1, "kube-secret", "monitoring/monitoring-grafana-admin", "another");
	cr_assert_eq(verdict_at_control(net, login_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "another content"), "%s", why);
	fake_net_free(net);
}

Test(recipe_laws, verify_logs_in_to_rancher)
{
	struct fake_net *net = with_cluster(NULL);
	struct fake_host *ho1 = fake_net_host(net, "ho1");
	struct report report = { 0 };
	struct err e = { 0 };
	char why[600] = "", question[] = "rancher:cattle-system/bootstrap-secret";
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts, .parts = app_parts };
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	report_clear(&report);
	fake_set(ho1, "answer", question, "taken");
	cr_assert_eq(verdict_at_control(net, rancher_login_checks, why, sizeof(why)), CHECK_PASS, "%s", why);
	fake_set(ho1, "kube-secret", "cattle-system/bootstrap-secret", "another");
	cr_assert_eq(verdict_at_control(net, rancher_login_checks, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "another content"), "%s", why);
	fake_set(ho1, "answer", question, "over");
	cr_assert_eq(verdict_at_control(net, rancher_login_checks, why, sizeof(why)), CHECK_PASS, "%s", why);
	fake_net_free(net);
}

Test(recipe_laws, verify_tells_what_deploy_would_do)
{
	struct fake_net *net = bare(NULL);
	struct report report = { 0 };
	struct err e = { 0 };
	char why[600] = "";
	const struct run_options o = { .open = fake_open, .open_ctx = net, .artifacts = artifacts };
	cr_assert_eq(verdict_of(net, "B1.12", why, sizeof(why)), CHECK_PASS, "%s", why);
	cr_assert_eq(verdict_of(net, "B1.13", why, sizeof(why)), CHECK_FAIL);
	cr_assert_eq(provision_run(WALK_DEPLOY, inv, vault, &o, &report, &e), 0, "%s", e.msg);
	report_clear(&report);
	cr_assert_eq(verdict_of(net, "B1.12", why, sizeof(why)), CHECK_PASS, "%s", why);
	cr_assert_eq(verdict_of(net, "B1.13", why, sizeof(why)), CHECK_PASS, "%s", why);
	struct fake_host *ho3 = fake_net_host(net, "ho3");
	fake_file_put(ho3, "/etc/rancher/k3s/token", 'f', "other\n", 6, 0600, "root:root");
	cr_assert_eq(verdict_of(net, "B1.13", why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "ho3: token: "), "%s", why);
	fake_file_put(ho3, "/etc/systemd/system/k3s-agent.service", 'f', "mine\n", 5, 0644, "root:root");
	cr_assert_eq(verdict_of(net, "B1.12", why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "not managed by powerstack"), "%s", why);
	fake_net_free(net);
}
