/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/web.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define BODY_MAX (512u * 1024)
#define REDIRECTS_MAX 5L
#define CONNECT_TIMEOUT_S 5L

struct visit {
	struct buf body;
	const struct cancel *cancel;
};

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Of a longer body the beginning is kept. */
static size_t add_body(char *p, size_t size, size_t n, void *ctx)
{
	struct visit *v = ctx;
	size_t room = BODY_MAX - v->body.len, len = size * n;
	return buf_add(&v->body, p, len < room ? len : room) < 0 ? 0 : len;
}

static int look_for_cancel(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	const struct cancel *cancel = ((const struct visit *)ctx)->cancel;
	return cancel && atomic_load(&cancel->requested) != CANCEL_NONE;
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

int web_get(const char *url, const char *address, unsigned timeout_s, const struct cancel *cancel, struct buf *ret,
	    struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char detail[CURL_ERROR_SIZE] = "", to[300];
	struct visit v = { .cancel = cancel };
	long status = 0;
	pthread_once(&once, start_curl);
	CURL *c = curl_easy_init();
	/* "": every host and port goes to that address, with the port as it is */
	bool v6 = address && strchr(address, ':');
	snprintf(to, sizeof(to), "::%s%s%s:", v6 ? "[" : "", address ? address : "", v6 ? "]" : "");
	struct curl_slist *by = address ? curl_slist_append(NULL, to) : NULL;
	if (!c || (address && !by)) {
		curl_easy_cleanup(c);
		curl_slist_free_all(by);
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	buf_init(&v.body, BODY_MAX + 1);
	CURLcode rc = CURLE_OK;
#define SET(option, value)                                       \
	do {                                                     \
		if (rc == CURLE_OK)                              \
			rc = curl_easy_setopt(c, option, value); \
	} while (0)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_SSL_VERIFYPEER, 0L);
	SET(CURLOPT_SSL_VERIFYHOST, 0L);
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	SET(CURLOPT_CONNECT_TO, by);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	SET(CURLOPT_TIMEOUT, (long)timeout_s);
	SET(CURLOPT_WRITEFUNCTION, add_body);
	SET(CURLOPT_WRITEDATA, &v);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, look_for_cancel);
	SET(CURLOPT_XFERINFODATA, &v);
	SET(CURLOPT_ERRORBUFFER, detail);
	SET(CURLOPT_USERAGENT, "powerstack/" POWERSTACK_VERSION);
#undef SET
	if (rc == CURLE_OK)
		rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	curl_slist_free_all(by);
	int done = rc == CURLE_OK ? 0 : broken(url, rc, detail, timeout_s, e);
	if (done == 0 && (buf_addf(ret, "%ld\n", status) < 0 || buf_add(ret, buf_str(&v.body), v.body.len) < 0))
		done = err_set(e, ERR_MEMORY, "out of memory");
	buf_clear(&v.body);
	return done;
}
