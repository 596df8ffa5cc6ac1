/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/cluster.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/steps/cluster.h"

#define STATE "/var/lib/powerstack/"
#define LOCAL_PATH "/apis/storage.k8s.io/v1/storageclasses/local-path"

static bool is_up(const struct fake_host *h)
{
	return fake_get(h, "k3s", "version") != NULL;
}

static int no_cluster(struct buf *err)
{
	buf_adds(err, "this node has no K3s\n");
	return 1;
}

static void set_record(struct fake_host *h, const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), STATE "%s", name);
	if (text)
		fake_file_put(h, path, 'f', text, strlen(text), 0600, "root:root");
	else
		fake_file_remove(h, path);
}

static const char *path_of(const char *resource, const char *ns, const char *name, char ret[400])
{
	struct kube_object o = { .resource = resource };
	snprintf(o.ns, sizeof(o.ns), "%s", ns);
	snprintf(o.name, sizeof(o.name), "%s", name);
	kube_path(&o, ret);
	if (strncmp(ret, "/api", 4) != 0)
		snprintf(ret, 400, "/%s/%s/%s", resource, ns, name);
	return ret;
}

/* ---- answers */

static void add_revision(const struct fake_pair *p, struct buf *value, bool first)
{
	char number[16] = "", status[32] = "", hash[64] = "", ready[8] = "";
	const char *slash = strchr(p->key, '/');
	sscanf(p->value, "%15s %31s %63s %7s", number, status, hash, ready);
	buf_addf(value,
		 "%s{\"metadata\":{\"namespace\":\"%.*s\",\"labels\":{\"owner\":\"helm\",\"name\":\"%s\",\"version\":\"%s\","
		 "\"status\":\"%s\"",
		 first ? "" : ",", (int)(slash - p->key), p->key, slash + 1, number, status);
	if (strcmp(hash, "-") != 0)
		buf_addf(value, ",\"powerstack-config-hash\":\"%s\",\"powerstack-ready\":\"%s\"", hash, ready);
	buf_adds(value, "}}}");
}

int fake_answer_api(struct fake_host *h, const char *about, struct buf *value)
{
	if (!is_up(h))
		return 0;
	const char *is = fake_get(h, "kube", about);
	if (is) {
		buf_adds(value, is);
		return 1;
	}
	if (strcmp(about, LOCAL_PATH) == 0) {
		buf_adds(value, "{\"metadata\":{\"annotations\":{\"storageclass.kubernetes.io/is-default-class\":\"true\"}}}");
		return 1;
	}
	if (!strstr(about, "labelSelector=owner%3Dhelm"))
		return 0;
	bool first = true;
	buf_adds(value, "{\"items\":[");
	for (size_t i = 0; i < h->npairs; i++)
		if (strcmp(h->pairs[i].space, "helm") == 0) {
			add_revision(&h->pairs[i], value, first);
			first = false;
		}
	buf_adds(value, "]}");
	return 1;
}

int fake_answer_secret(struct fake_host *h, const char *about, struct buf *value)
{
	const char *data = is_up(h) ? fake_get(h, "kube-secret", about) : NULL;
	if (!data)
		return 0;
	unsigned char sum[crypto_hash_sha256_BYTES];
	char hex[65];
	crypto_hash_sha256(sum, (const unsigned char *)data, strlen(data));
	sodium_bin2hex(hex, sizeof(hex), sum, sizeof(sum));
	buf_addf(value, "data=%s\nin_grafana=%s", hex, fake_get(h, "kube-mark", about) ? "yes" : "no");
	return 1;
}

/* "datadir:path" */
int fake_answer_kubelet(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_file *f = is_up(h) ? fake_file_get(h, strrchr(about, ':') + 1) : NULL;
	if (!f)
		return 0;
	buf_adds(value, strcmp(f->data, FAKE_ACCOUNT_TOKEN) == 0 ? "yes" :
			"error: You must be logged in to the server (Unauthorized)");
	return 1;
}

/* ---- scripts */

/* kube-put.sh: seconds, then resource, namespace, name; the manifest as stdin */
CLUSTER_SCRIPT(kube_put)
{
	(void)out;
	char path[400], text[600], hash[64] = "";
	const char *at = strstr(c->in, "powerstack-config-hash: \"");
	if (!is_up(h))
		return no_cluster(err);
	if (at)
		sscanf(at, "powerstack-config-hash: \"%63[0-9a-f]\"", hash);
	for (size_t i = 1; i + 2 < c->argc; i += 3) {
		const char *resource = c->argv[i], *ns = c->argv[i + 1], *name = c->argv[i + 2];
		if (!strstr(c->in, name)) {
			buf_addf(err, "%s '%s' is not in the manifest\n", resource, name);
			return 1;
		}
		snprintf(path, sizeof(path), "%s/%s", ns, name);
		const char *data = strstr(c->in, "\"data\":{");
		if (strcmp(resource, "secret") == 0 && data) {
			AUTO_FREE char *copy = strndup(data + 8, strcspn(data + 8, "}"));
			fake_set(h, "kube-secret", path, copy ? copy : "");
			fake_unset(h, "kube-mark", path);
			continue;
		}
		path_of(resource, ns, name, path);
		const char *is = fake_get(h, "kube", path);
		if (is && !strstr(is, "powerstack") && strcmp(resource, "namespace") != 0)
			continue;
		snprintf(text, sizeof(text),
			 "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"app.kubernetes.io/managed-by\":\"powerstack\","
			 "\"powerstack-config-hash\":\"%s\"}}}",
			 name, hash);
		fake_set(h, "kube", path, text);
	}
	return 0;
}

CLUSTER_SCRIPT(kube_take)
{
	(void)out;
	(void)err;
	for (size_t i = 1; i + 2 < c->argc; i += 3) {
		char path[400];
		snprintf(path, sizeof(path), "%s/%s", c->argv[i + 1], c->argv[i + 2]);
		if (strcmp(c->argv[i], "secret") == 0 && fake_unset(h, "kube-secret", path)) {
			fake_unset(h, "kube-mark", path);
		} else {
			fake_unset(h, "kube", path_of(c->argv[i], c->argv[i + 1], c->argv[i + 2], path));
		}
	}
	return 0;
}

/* kube-claim.sh: record, seconds, then resource, namespace, name */
CLUSTER_SCRIPT(kube_claim)
{
	(void)out;
	AUTO_BUF struct buf before = { 0 };
	buf_init(&before, 8192);
	if (!is_up(h))
		return no_cluster(err);
	for (size_t i = 2; i + 2 < c->argc; i += 3) {
		char path[400];
		if (fake_get(h, "kube", path_of(c->argv[i], c->argv[i + 1], c->argv[i + 2], path)))
			buf_addf(&before, "%s %s %s\n", c->argv[i], c->argv[i + 1], c->argv[i + 2]);
	}
	set_record(h, c->argv[0], buf_str(&before));
	return 0;
}

/* class-default.sh: class, whether it is the default, record, "gone" */
CLUSTER_SCRIPT(class_default)
{
	(void)out;
	if (strcmp(c->argv[1], "false") == 0) {
		if (!is_up(h))
			return no_cluster(err);
		set_record(h, c->argv[2], "local-path\n");
		fake_set(h, "kube", LOCAL_PATH, "{\"metadata\":{\"annotations\":{}}}");
	} else {
		set_record(h, c->argv[2], NULL);
		fake_unset(h, "kube", LOCAL_PATH);
	}
	return 0;
}

/* release-put.sh: release, namespace, chart, hash, seconds, what is expected */
CLUSTER_SCRIPT(release_put)
{
	(void)out;
	char key[200], text[200], hash[64] = "";
	unsigned number = 0;
	if (!is_up(h))
		return no_cluster(err);
	if (!fake_file_get(h, "/usr/local/bin/helm") || !fake_file_get(h, c->argv[2])) {
		buf_adds(err, "helm or the chart is not there\n");
		return 1;
	}
	snprintf(key, sizeof(key), "%s/%s", c->argv[1], c->argv[0]);
	const char *is = fake_get(h, "helm", key);
	if (is)
		sscanf(is, "%u %*s %63s", &number, hash);
	bool same = is && strstr(is, " deployed ") && strcmp(hash, c->argv[3]) == 0;
	snprintf(text, sizeof(text), "%u deployed %s yes", same ? number : number + 1, c->argv[3]);
	fake_set(h, "helm", key, text);
	return 0;
}

CLUSTER_SCRIPT(release_take)
{
	(void)out;
	(void)err;
	char key[200];
	snprintf(key, sizeof(key), "%s/%s", c->argv[1], c->argv[0]);
	fake_unset(h, "helm", key);
	return 0;
}

/* grafana-password.sh: namespace, release, Secret, seconds */
CLUSTER_SCRIPT(grafana_password)
{
	(void)out;
	char key[200];
	snprintf(key, sizeof(key), "%s/%s", c->argv[0], c->argv[1]);
	if (!fake_get(h, "helm", key)) {
		buf_adds(err, "Grafana does not run\n");
		return 1;
	}
	snprintf(key, sizeof(key), "%s/%s", c->argv[0], c->argv[2]);
	fake_set(h, "kube-mark", key, "yes");
	return 0;
}

CLUSTER_SCRIPT(share_dirs)
{
	(void)out;
	(void)err;
	for (size_t i = 0; i + 2 < c->argc; i += 3) {
		char owner[64];
		snprintf(owner, sizeof(owner), "%s %s", c->argv[i + 1], c->argv[i + 2]);
		fake_set(h, "share", c->argv[i], owner);
	}
	return 0;
}

CLUSTER_SCRIPT(share_remove)
{
	(void)out;
	(void)err;
	for (size_t i = 0; i < c->argc; i++)
		fake_unset(h, "share", c->argv[i]);
	return 0;
}

/* rancher-clean.sh: what, record, seconds */
CLUSTER_SCRIPT(rancher_clean)
{
	(void)out;
	bool claim = strcmp(c->argv[0], "claim") == 0;
	if (claim && !is_up(h))
		return no_cluster(err);
	set_record(h, c->argv[1], claim ? "" : NULL);
	return 0;
}

CLUSTER_SCRIPT(record_set)
{
	(void)out;
	(void)err;
	set_record(h, c->argv[0], c->in_len ? c->in : NULL);
	return 0;
}

/* account-token.sh: what, namespace, Secret, seconds */
CLUSTER_SCRIPT(account_token)
{
	char path[400];
	if (!is_up(h))
		return no_cluster(err);
	if (!fake_get(h, "kube", path_of("secret", c->argv[1], c->argv[2], path))) {
		buf_adds(err, "there is no such Secret\n");
		return 1;
	}
	if (strcmp(c->argv[0], "print") == 0)
		buf_adds(out, FAKE_ACCOUNT_TOKEN);
	return 0;
}

/* kubelet-wait.sh: file, data directory, seconds */
CLUSTER_SCRIPT(kubelet_wait)
{
	(void)out;
	const struct fake_file *f = fake_file_get(h, c->argv[0]);
	if (is_up(h) && f && strcmp(f->data, FAKE_ACCOUNT_TOKEN) == 0)
		return 0;
	buf_adds(err, "the kubelet does not take the token\n");
	return 1;
}

void fake_cluster_clear(struct fake_host *h)
{
	static const char *const spaces[] = { "kube", "kube-secret", "kube-mark", "helm" };
	for (size_t i = h->npairs; i-- > 0;)
		for (size_t k = 0; k < COUNT(spaces); k++)
			if (strcmp(h->pairs[i].space, spaces[k]) == 0) {
				fake_unset(h, spaces[k], h->pairs[i].key);
				break;
			}
}
