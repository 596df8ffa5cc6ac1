/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/api.h"

#include <curl/curl.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ydoc.h"
#include "provision/cluster/http.h"

#define KUBECONFIG_MAX (1024 * 1024)
#define CREDENTIAL_MAX (256 * 1024)
#define CONNECT_TIMEOUT_S 10L

struct api {
	CURL *curl;
	char *server;
	struct buf ca, cert, key, token;	/* PEM, PEM, PEM, "Bearer ..." */
};

/* ---- the kubeconfig */

/* The item named so of a list of {name, KEY: {...}}: its KEY. */
static const struct ynode *named(const struct ynode *root, const char *list, const char *name,
				 const char *key)
{
	const struct ynode *items = ydoc_get(root, list);
	for (size_t i = 0; items && items->kind == YDOC_SEQ && i < items->n; i++) {
		const struct ynode *n = ydoc_get(items->items[i], "name");
		if (n && n->kind == YDOC_SCALAR && strcmp(n->text, name) == 0)
			return ydoc_get(items->items[i], key);
	}
	return NULL;
}

static const char *text_of(const struct ynode *map, const char *key)
{
	const struct ynode *n = ydoc_get(map, key);
	return n && n->kind == YDOC_SCALAR && !ydoc_is_null(n) ? n->text : NULL;
}

/* KEY-data in base64, or the file KEY, relative to the kubeconfig's folder. Neither: nothing is added. */
static int credential(const struct ynode *map, const char *key, const char *kubeconfig,
		      struct buf *ret, struct err *e)
{
	char data_key[64], path[4096];
	snprintf(data_key, sizeof(data_key), "%s-data", key);
	buf_init_secret(ret, CREDENTIAL_MAX);
	const char *data = text_of(map, data_key), *file = text_of(map, key);
	if (data) {
		size_t room = strlen(data), len = 0;
		if (room > CREDENTIAL_MAX)
			return err_set(e, ERR_CONFIG, "'%s': %s is too long", kubeconfig, data_key);
		AUTO_SECRET struct secret *plain = NULL;
		unsigned char *bytes = NULL;
		int rc = secret_new_empty(room + 1, &plain, &bytes, e);
		if (rc < 0)
			return rc;
		if (sodium_base642bin(bytes, room + 1, data, strlen(data), " \n\r\t", &len, NULL,
				      sodium_base64_VARIANT_ORIGINAL) < 0)
			return err_set(e, ERR_CONFIG, "'%s': %s is not base64", kubeconfig,
				       data_key);
		return buf_add(ret, bytes, len) < 0 ? err_set(e, ERR_MEMORY, "out of memory") : 0;
	}
	if (!file)
		return 0;
	const char *slash = strrchr(kubeconfig, '/');
	if (file[0] == '/' || !slash)
		snprintf(path, sizeof(path), "%s", file);
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - kubeconfig), kubeconfig, file);
	return file_read(path, ret, NULL, e);
}

static bool is_true(const char *s)
{
	return s && strcmp(s, "true") == 0;
}

static int take_user(struct api *a, const struct ynode *user, const char *kubeconfig,
		     const char *context, struct err *e)
{
	if (ydoc_get(user, "exec") || ydoc_get(user, "auth-provider"))
		return err_set(e, ERR_CONFIG,
			       "'%s': the user of context '%s' gets its credentials from a program, "
			       "which is not powerstack's entry: run 'powerstack deploy k3s'",
			       kubeconfig, context);
	int rc = credential(user, "client-certificate", kubeconfig, &a->cert, e);
	if (rc == 0)
		rc = credential(user, "client-key", kubeconfig, &a->key, e);
	if (rc < 0)
		return rc;
	buf_init_secret(&a->token, CREDENTIAL_MAX);
	const char *token = text_of(user, "token");
	if (token && buf_addf(&a->token, "Authorization: Bearer %s", token) < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	return 0;
}

static int take(struct api *a, const struct ynode *root, const char *kubeconfig,
		const char *context, struct err *e)
{
	const struct ynode *c = named(root, "contexts", context, "context");
	if (!c)
		return err_set(e, ERR_CONFIG,
			       "'%s' has no context '%s': 'powerstack deploy k3s' adds it", kubeconfig,
			       context);
	const char *cluster_name = text_of(c, "cluster"), *user_name = text_of(c, "user");
	const struct ynode *cluster = cluster_name ? named(root, "clusters", cluster_name, "cluster") :
						     NULL;
	const struct ynode *user = user_name ? named(root, "users", user_name, "user") : NULL;
	const char *server = text_of(cluster, "server");
	if (!server || !user)
		return err_set(e, ERR_CONFIG,
			       "'%s': context '%s' names a cluster or user that is not there",
			       kubeconfig, context);
	if (strncmp(server, "https://", 8) != 0 || is_true(text_of(cluster, "insecure-skip-tls-verify")))
		return err_set(e, ERR_CONFIG,
			       "'%s': the server of context '%s' is not checked by its certificate",
			       kubeconfig, context);
	a->server = strdup(server);
	if (!a->server)
		return err_set(e, ERR_MEMORY, "out of memory");
	int rc = credential(cluster, "certificate-authority", kubeconfig, &a->ca, e);
	return rc < 0 ? rc : take_user(a, user, kubeconfig, context, e);
}

/* ---- curl */

static size_t add_body(char *p, size_t size, size_t n, void *ctx)
{
	return buf_add(ctx, p, size * n) < 0 ? 0 : size * n;
}

static struct curl_blob blob(const struct buf *b)
{
	return (struct curl_blob){ .data = b->data, .len = b->len, .flags = CURL_BLOB_COPY };
}

static int set_up(struct api *a, const struct cancel *cancel, struct err *e)
{
	CURL *c = a->curl = http_handle(cancel);
	if (!c)
		return err_set(e, ERR_MEMORY, "out of memory");
	struct curl_blob ca = blob(&a->ca), cert = blob(&a->cert), key = blob(&a->key);
	CURLcode rc = CURLE_OK;
#define SET(option, value) HTTP_SET(c, rc, option, value)
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	SET(CURLOPT_WRITEFUNCTION, add_body);
	if (a->ca.len) {
		/* this authority and no other */
		SET(CURLOPT_CAINFO_BLOB, &ca);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (a->cert.len) {
		SET(CURLOPT_SSLCERT_BLOB, &cert);
		SET(CURLOPT_SSLKEY_BLOB, &key);
	}
#undef SET
	return rc == CURLE_OK ? 0 :
				err_set(e, ERR_CONFIG, "the kubeconfig's credentials cannot be used: %s",
					curl_easy_strerror(rc));
}

int api_open(const char *kubeconfig, const char *context, const struct cancel *cancel,
	     struct api **ret, struct err *e)
{
	AUTO_BUF struct buf text;
	struct ydoc doc = { 0 };
	int missing = 0;
	buf_init_secret(&text, KUBECONFIG_MAX);
	int rc = file_read(kubeconfig, &text, &missing, e);
	if (rc < 0 && missing)
		return err_set(e, ERR_CONFIG, "there is no kubeconfig '%s': 'powerstack deploy k3s' makes it",
			       kubeconfig);
	if (rc == 0)
		rc = ydoc_parse(kubeconfig, buf_str(&text), text.len, &doc, e);
	if (rc < 0)
		return rc;
	struct api *a = calloc(1, sizeof(*a));
	rc = a ? take(a, doc.root, kubeconfig, context, e) : err_set(e, ERR_MEMORY, "out of memory");
	ydoc_free(&doc);
	if (rc == 0)
		rc = set_up(a, cancel, e);
	if (rc < 0) {
		api_free(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	if (a->curl)
		curl_easy_cleanup(a->curl);
	free(a->server);
	buf_clear(&a->ca);
	buf_clear(&a->cert);
	buf_clear(&a->key);
	buf_clear(&a->token);
	free(a);
}

const char *api_server(const struct api *a)
{
	return a->server;
}

/* What a Status object says (Kubernetes API conventions, "Response Status Kind"). */
static int refused(const struct api *a, const char *path, long status, const struct buf *body,
		   struct err *e)
{
	struct json_object *o = json_tokener_parse(buf_str(body)), *message = NULL;
	const char *says = o && json_object_object_get_ex(o, "message", &message) ?
				   json_object_get_string(message) :
				   "";
	err_set(e, ERR_FAILED, "%s%s: status %ld%s%.200s", a->server, path, status,
		says && *says ? ": " : "", says ? says : "");
	json_object_put(o);
	return -(int)ERR_FAILED;
}

static int broken(const struct api *a, CURLcode rc, const char *detail, unsigned timeout_s,
		  const struct buf *body, struct err *e)
{
	const char *why = *detail ? detail : curl_easy_strerror(rc);
	if (body->full)
		return err_set(e, ERR_MEMORY, "%s: its answer is longer than %zu bytes", a->server,
			       body->max);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, ERR_TIMEOUT, "%s does not answer within %u s", a->server,
			       timeout_s);
	if (rc == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_UNREACHABLE,
			       "%s does not prove to be the cluster of the kubeconfig: %s", a->server,
			       why);
	return err_set(e, ERR_UNREACHABLE, "%s cannot be reached: %s", a->server, why);
}

int api_get(struct api *a, const char *path, unsigned timeout_s, long *ret_status, struct buf *ret,
	    struct err *e)
{
	char detail[CURL_ERROR_SIZE] = "", url[4096];
	AUTO_BUF struct buf body;
	long status = 0;
	buf_init(&body, ret->max - ret->len);
	snprintf(url, sizeof(url), "%s%s", a->server, path);
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	if (headers && a->token.len) {
		struct curl_slist *more = curl_slist_append(headers, buf_str(&a->token));
		if (!more)
			curl_slist_free_all(headers);
		headers = more;
	}
	if (!headers)
		return err_set(e, ERR_MEMORY, "out of memory");
	curl_easy_setopt(a->curl, CURLOPT_URL, url);
	curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(a->curl, CURLOPT_TIMEOUT, (long)timeout_s);
	curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &body);
	curl_easy_setopt(a->curl, CURLOPT_ERRORBUFFER, detail);
	CURLcode rc = curl_easy_perform(a->curl);
	curl_easy_setopt(a->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, NULL);
	for (struct curl_slist *h = headers; h; h = h->next)
		sodium_memzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
	if (rc != CURLE_OK)
		return broken(a, rc, detail, timeout_s, &body, e);
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (ret_status)
		*ret_status = status;
	if (status != 200)
		return refused(a, path, status, &body, e);
	return buf_add(ret, buf_str(&body), body.len) < 0 ? err_set(e, ERR_MEMORY, "out of memory") : 0;
}
