/* SPDX-License-Identifier: BSD-2-Clause */
/* The set of artifacts of an inventory, and several that want the same one. */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>

#include "provision/artifact/artifact.h"
#include "provision/artifact/table.h"
#include "tests/unit/inventory/helper.h"

static char dir[] = "/tmp/artifact-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void end(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(artifact, .init = begin, .fini = end);

/* An inventory in dir with K3s' files in dir/airgap: no network. */
static struct read offline_site(const char *agent, const char *vars)
{
	char text[2048], name[64];
	snprintf(text, sizeof(text),
		 "k3s_cluster:\n  children:\n    server:\n      hosts:\n        ho1:\n" SERVER
		 "    agent:\n      hosts:\n        ho2:\n" AGENT "%s  vars:\n" VARS "    airgap_dir: airgap\n%s",
		 agent, vars);
	snprintf(name, sizeof(name), "%s/inventory.yml", dir);
	return read_named(name, text);
}

static void put(const char *name, const char *text)
{
	char path[128];
	struct err e = { 0 };
	snprintf(path, sizeof(path), "%s/airgap", dir);
	cr_assert_eq(file_mkdirs(path, 0755, &e), 0);
	snprintf(path, sizeof(path), "%s/airgap/%s", dir, name);
	cr_assert_eq(file_replace(path, 0644, text, strlen(text), &e), 0, "%s", e.msg);
}

static const char *const k3s_alone[] = { "k3s", NULL };
static const char *const *only = k3s_alone;

static struct artifact_options options(char cache[static 64])
{
	snprintf(cache, 64, "%s/cache", dir);
	return (struct artifact_options){ .cache_dir = cache, .offline = true, .parts = only };
}

Test(artifact, needs_what_the_hosts_architectures_need)
{
	AUTO_READ struct read r = offline_site("          arch: armhf\n", "");
	struct artifacts *a = NULL;
	struct err e = { 0 };
	char cache[64];
	only = NULL;
	const struct artifact_options o = options(cache);
	assert_sound(&r);
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_expect_eq(artifacts_count(a), 8);
	cr_expect_null(artifacts_find(a, "k3s", "arm64"));
	cr_expect_null(artifacts_find(a, "k4s", "amd64"));
	cr_expect_null(artifacts_find(a, "helm", "armhf"), "only the control node gets helm");
	cr_expect_str_eq(artifacts_find(a, "helm", "amd64")->url, "https://get.helm.sh/helm-v4.2.4-linux-amd64.tar.gz");
	cr_expect_str_eq(artifacts_find(a, "kube-prometheus-stack", "amd64")->sums_url,
			 "https://prometheus-community.github.io/helm-charts/index.yaml");
	cr_expect_str_eq(artifacts_find(a, "rancher", "armhf")->name, "rancher-2.11.3.tgz");
	const struct artifact *art = artifacts_find(a, "k3s-images", "armhf");
	cr_assert_not_null(art);
	cr_expect_str_eq(art->name, "k3s-airgap-images-arm.tar.zst");
	cr_expect_str_eq(art->version, "v1.30.2+k3s1");
	cr_expect_str_eq(art->url, "https://github.com/k3s-io/k3s/releases/download/v1.30.2%2Bk3s1/k3s-airgap-images-arm.tar.zst");
	cr_expect_str_eq(art->sums_url, "https://github.com/k3s-io/k3s/releases/download/v1.30.2%2Bk3s1/sha256sum-arm.txt");
	cr_expect_str_empty(art->sha256);
	artifacts_free(a);
}

Test(artifact, a_mirror_has_the_whole_address_below_it)
{
	AUTO_READ struct read r = offline_site("", "    artifact_mirror: http://m:81/x//\n");
	struct artifacts *a = NULL;
	struct err e = { 0 };
	char cache[64];
	const struct artifact_options o = options(cache);
	assert_sound(&r);
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_expect_str_eq(artifacts_find(a, "k3s", "amd64")->url,
			 "http://m:81/x/github.com/k3s-io/k3s/releases/download/v1.30.2%2Bk3s1/k3s");
	artifacts_free(a);
}

Test(artifact, table_has_unique_names_and_known_architectures)
{
	for (size_t i = 0; i < nrelease_files; i++) {
		const struct release_file *f = &release_files[i];
		cr_expect(!*f->arch || strcmp(f->arch, "amd64") == 0 || strcmp(f->arch, "arm64") == 0 ||
			  strcmp(f->arch, "armhf") == 0);
		cr_expect(f->base ? strncmp(f->base, "https://", 8) == 0 && f->base[strlen(f->base) - 1] == '/' :
				    f->repo_at && f->form == SUMS_INDEX,
			  "%s", f->name);
		for (size_t j = 0; j < i; j++) {
			const struct release_file *g = &release_files[j];
			cr_expect_str_neq(f->name, g->name);
			cr_expect(strcmp(f->what, g->what) || strcmp(f->arch, g->arch));
		}
	}
}

struct wanting {
	struct artifacts *a;
	const struct artifact *art;
	int rc;
	ssize_t n;
	struct err e;
};

static void *want(void *arg)
{
	struct wanting *w = arg;
	AUTO_CLOSE int fd = -1;
	char text[64];
	w->rc = artifact_open(w->a, w->art, NULL, NULL, &fd, &w->e);
	w->n = w->rc == 0 ? read(fd, text, sizeof(text)) : -1;
	return NULL;
}

Test(artifact, many_want_the_same)
{
	enum { N = 16 };
	AUTO_READ struct read r = offline_site("", "");
	struct artifacts *a = NULL;
	struct err e = { 0 };
	char cache[64];
	const struct artifact_options o = options(cache);
	put("k3s", "a binary");
	put("k3s-airgap-images-amd64.tar.zst", "images");
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_assert_eq(artifacts_lock(a, &e), 0, "%s", e.msg);
	struct wanting w[N];
	pthread_t threads[N];
	for (size_t i = 0; i < N; i++) {
		w[i] = (struct wanting){ .a = a, .art = artifacts_find(a, "k3s", "amd64") };
		cr_assert_eq(pthread_create(&threads[i], NULL, want, &w[i]), 0);
	}
	for (size_t i = 0; i < N; i++) {
		pthread_join(threads[i], NULL);
		cr_expect_eq(w[i].rc, 0, "%s", w[i].e.msg);
		cr_expect_eq(w[i].n, 8);
	}
	cr_expect_eq(atomic_load(&w[0].art->size), 8);
	cr_expect_str_eq(w[0].art->sha256, "a31362f60e9c65899145b6d69e92ceb0ae73fdc3a44f91dd654c9301548c4f5f");
	artifacts_free(a);
}

Test(artifact, a_changed_file_is_refused_and_a_wish_to_stop_heard)
{
	AUTO_READ struct read r = offline_site("", "");
	struct artifacts *a = NULL;
	struct err e = { 0 };
	char cache[64];
	struct artifact_options o = options(cache);
	struct cancel cancel = { 0 };
	struct fetched rows[2];
	const struct fetch_watch silent = { 0 };
	o.cancel = &cancel;
	put("k3s", "a binary");
	put("k3s-airgap-images-amd64.tar.zst", "images");
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_assert_eq(artifacts_lock(a, &e), 0, "%s", e.msg);
	put("k3s", "A binary");
	cr_expect_eq(artifacts_fetch(a, &silent, rows, &e), -(int)ERR_REFUSED);
	cr_expect_eq(rows[0].err.kind, ERR_REFUSED);
	cr_expect_eq(rows[1].err.kind, ERR_NONE, "%s", rows[1].err.msg);
	cr_expect_eq(rows[1].from, FROM_AIRGAP_DIR);
	atomic_store(&cancel.requested, CANCEL_SOON);
	cr_expect_eq(artifacts_fetch(a, &silent, rows, &e), -(int)ERR_INTERRUPTED);
	artifacts_free(a);
}

Test(artifact, nothing_is_opened_before_the_lock)
{
	AUTO_READ struct read r = offline_site("", "");
	struct artifacts *a = NULL;
	struct err e = { 0 };
	char cache[64];
	const struct artifact_options o = options(cache);
	int fd = -1;
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_expect_eq(artifact_open(a, artifacts_find(a, "k3s", "amd64"), NULL, NULL, &fd, &e), -(int)ERR_BUG);
	cr_expect_eq(artifacts_lock(a, &e), -(int)ERR_FAILED);
	cr_expect(strstr(e.msg, "is not in"), "%s", e.msg);
	cr_expect_eq(fd, -1);
	artifacts_free(a);
}

/* A repository's index in airgap_dir tells sum and address; the address is upstream's, and used behind the mirror. */
Test(artifact, a_chart_is_pinned_with_its_address)
{
	static const char *const monitoring[] = { "monitoring", NULL };
	AUTO_READ struct read r = offline_site("", "    artifact_mirror: http://m:81/x/\n");
	struct artifacts *a = NULL;
	struct err e = { 0 };
	char cache[64], path[128];
	struct artifact_options o = options(cache);
	AUTO_BUF struct buf lock;
	buf_init(&lock, 4096);
	o.parts = monitoring;
#define SUM "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"	/* of "x" */
	put("index.yaml", "entries:\n  kube-prometheus-stack:\n  - version: 88.5.3\n    digest: " SUM
			  "\n    urls: [https://h.example/d/c.tgz]\n");
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_expect_eq(artifacts_count(a), 1);
	cr_expect_str_empty(artifacts_at(a, 0)->url);
	cr_assert_eq(artifacts_lock(a, &e), 0, "%s", e.msg);
	cr_expect_str_eq(artifacts_at(a, 0)->sha256, SUM);
	cr_expect_str_eq(artifacts_at(a, 0)->url, "http://m:81/x/h.example/d/c.tgz");
	artifacts_free(a);
	snprintf(path, sizeof(path), "%s/powerstack.lock", dir);
	cr_assert_eq(file_read(path, &lock, NULL, &e), 0, "%s", e.msg);
	cr_expect(strstr(buf_str(&lock), "\n  url: https://h.example/d/c.tgz\n"), "%s", buf_str(&lock));
	/* read back, and kept when the size is learnt */
	put("kube-prometheus-stack-88.5.3.tgz", "x");
	cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
	cr_expect_str_eq(artifacts_at(a, 0)->url, "http://m:81/x/h.example/d/c.tgz");
	struct fetched row;
	const struct fetch_watch silent = { 0 };
	cr_assert_eq(artifacts_fetch(a, &silent, &row, &e), 0, "%s", e.msg);
	buf_reset(&lock);
	cr_assert_eq(file_read(path, &lock, NULL, &e), 0, "%s", e.msg);
	cr_expect(strstr(buf_str(&lock), "\n  size: 1\n  url: https://h.example/d/c.tgz\n"), "%s", buf_str(&lock));
	artifacts_free(a);
}

/* Relative to the repository, to its host, or whole. */
Test(artifact, an_index_may_give_relative_addresses)
{
	static const char *const rancher[] = { "rancher", NULL };
	static const struct {
		const char *given, *url;
	} rows[] = {
		{ "charts/a.tgz", "https://charts.jetstack.io/r/charts/a.tgz" },
		{ "/a.tgz", "https://charts.jetstack.io/a.tgz" },
		{ "http://h:1/a.tgz", "http://h:1/a.tgz" },
		{ "ftp://h/a.tgz", NULL },
		{ "a b.tgz", NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_READ struct read r = offline_site("", "    cert_manager_repo_url: https://charts.jetstack.io/r//\n");
		struct artifacts *a = NULL;
		struct err e = { 0 };
		char cache[64], text[600], path[128];
		struct artifact_options o = options(cache);
		o.parts = rancher;
		snprintf(path, sizeof(path), "%s/powerstack.lock", dir);
		unlink(path);
		snprintf(text, sizeof(text),
			 "entries:\n  cert-manager:\n  - version: v1.17.2\n    digest: " SUM "\n    urls: ['%s']\n"
			 "  rancher:\n  - version: 2.11.3\n    digest: " SUM "\n    urls: [r.tgz]\n",
			 rows[i].given);
		put("index.yaml", text);
		cr_assert_eq(artifacts_open(r.inv, &o, &a, &e), 0, "%s", e.msg);
		int rc = artifacts_lock(a, &e);
		if (rows[i].url) {
			cr_assert_eq(rc, 0, "%s", e.msg);
			cr_expect_str_eq(artifacts_find(a, "cert-manager", "amd64")->url, rows[i].url);
			cr_expect_str_eq(artifacts_find(a, "rancher", "amd64")->url,
					 "https://releases.rancher.com/server-charts/stable/r.tgz");
		} else {
			cr_expect_eq(rc, -(int)ERR_FAILED);
			cr_expect(strstr(e.msg, rows[i].given), "%s", e.msg);
		}
		artifacts_free(a);
	}
}
