/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/http.h"

#include <pthread.h>

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int look_for_cancel(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	const struct cancel *cancel = ctx;
	return cancel && atomic_load(&cancel->requested) != CANCEL_NONE;
}

CURL *http_handle(const struct cancel *cancel)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_curl);
	CURL *c = curl_easy_init();
	CURLcode rc = c ? CURLE_OK : CURLE_OUT_OF_MEMORY;
	HTTP_SET(c, rc, CURLOPT_NOSIGNAL, 1L);
	HTTP_SET(c, rc, CURLOPT_NOPROGRESS, 0L);
	HTTP_SET(c, rc, CURLOPT_XFERINFOFUNCTION, look_for_cancel);
	HTTP_SET(c, rc, CURLOPT_XFERINFODATA, cancel);
	HTTP_SET(c, rc, CURLOPT_USERAGENT, "powerstack/" POWERSTACK_VERSION);
	if (rc == CURLE_OK)
		return c;
	curl_easy_cleanup(c);
	return NULL;
}
