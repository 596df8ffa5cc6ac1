/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/url.h"
#include "provision/cluster/http.h"

#define BODY_MAX (512u * 1024)
#define REDIRECTS_MAX 5L
#define CONNECT_TIMEOUT_S 5L

struct visit {
	struct buf body;
	long status;
	bool only_certificate;
	int64_t expires;	/* 0: not told */
};

/* Of a longer body the beginning is kept. */
static size_t add_body(char *p, size_t size, size_t n, void *ctx)
{
	struct visit *v = ctx;
	size_t room = BODY_MAX - v->body.len, len = size * n;
	return buf_add(&v->body, p, len < room ? len : room) < 0 ? 0 : len;
}

static int broken(const char *url, CURLcode rc, const char *detail, unsigned timeout_s, struct err *e)
{
	const char *why = *detail ? detail : curl_easy_strerror(rc);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, ERR_TIMEOUT, "%s does not answer within %u s", url, timeout_s);
	if (rc == CURLE_TOO_MANY_REDIRECTS)
		return err_set(e, ERR_FAILED, "%s redirects more than %ld times", url, REDIRECTS_MAX);
	return err_set(e, ERR_UNREACHABLE, "%s cannot be reached: %s", url, why);
}

/* What libcurl tells of the server's own certificate: "Expire date:Nov 26 16:10:51 2027 GMT". */
static int64_t expires(CURL *c)
{
	struct curl_certinfo *info = NULL;
	struct tm tm = { 0 };
	if (curl_easy_getinfo(c, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
		return 0;
	for (const struct curl_slist *l = info->certinfo[0]; l; l = l->next)
		if (strncmp(l->data, "Expire date:", 12) == 0 && strptime(l->data + 12, "%b %d %H:%M:%S %Y", &tm))
			return timegm(&tm);
	return 0;
}

static int visit(const char *url, const char *address, unsigned timeout_s, const struct cancel *cancel, struct visit *v,
		 struct err *e)
{
	char detail[CURL_ERROR_SIZE] = "", to[300];
	CURL *c = http_handle(cancel);
	/* every host and port goes to that address, with the port as it is */
	snprintf(to, sizeof(to), "::%s:", address ? URL_HOST(address) : "");
	struct curl_slist *by = address ? curl_slist_append(NULL, to) : NULL;
	if (!c || (address && !by)) {
		curl_easy_cleanup(c);
		curl_slist_free_all(by);
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	buf_init(&v->body, BODY_MAX + 1);
	CURLcode rc = CURLE_OK;
#define SET(option, value) HTTP_SET(c, rc, option, value)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_CERTINFO, v->only_certificate ? 1L : 0L);
	SET(CURLOPT_NOBODY, v->only_certificate ? 1L : 0L);
	SET(CURLOPT_FOLLOWLOCATION, v->only_certificate ? 0L : 1L);
	SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	SET(CURLOPT_CONNECT_TO, by);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	SET(CURLOPT_TIMEOUT, (long)timeout_s);
	SET(CURLOPT_WRITEFUNCTION, add_body);
	SET(CURLOPT_WRITEDATA, v);
	SET(CURLOPT_ERRORBUFFER, detail);
#undef SET
	if (rc == CURLE_OK)
		rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &v->status);
	v->expires = v->only_certificate ? expires(c) : 0;
	curl_easy_cleanup(c);
	curl_slist_free_all(by);
	/* who has shown a certificate may close the door then */
	return rc == CURLE_OK || v->expires ? 0 : broken(url, rc, detail, timeout_s, e);
}

int web_get(const char *url, const char *address, unsigned timeout_s, const struct cancel *cancel, struct buf *ret,
	    struct err *e)
{
	struct visit v = { 0 };
	int rc = visit(url, address, timeout_s, cancel, &v, e);
	if (rc == 0 && (buf_addf(ret, "%ld\n", v.status) < 0 || buf_add(ret, buf_str(&v.body), v.body.len) < 0))
		rc = err_set(e, ERR_MEMORY, "out of memory");
	buf_clear(&v.body);
	return rc;
}

int web_expires(const char *url, const char *address, unsigned timeout_s, const struct cancel *cancel, int64_t *ret,
		struct err *e)
{
	struct visit v = { .only_certificate = true };
	int rc = visit(url, address, timeout_s, cancel, &v, e);
	buf_clear(&v.body);
	if (rc == 0 && !v.expires)
		return err_set(e, ERR_FAILED, "%s shows no certificate", url);
	if (rc == 0)
		*ret = v.expires;
	return rc;
}
