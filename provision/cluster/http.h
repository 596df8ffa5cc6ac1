/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_HTTP_H
#define PROVISION_CLUSTER_HTTP_H
/* What every request of this folder has in common. */
#include <curl/curl.h>

#include "provision/remote/session.h"

/* A handle that ends its transfers with CURLE_ABORTED_BY_CALLBACK once cancel (may be NULL; outlives it) is
 * requested, sends no signals and says whose it is. For curl_easy_cleanup; NULL: no memory. */
CURL *http_handle(const struct cancel *cancel);

/* Sets an option as long as rc, a CURLcode, is CURLE_OK. */
#define HTTP_SET(c, rc, option, value)                           \
	do {                                                     \
		if ((rc) == CURLE_OK)                            \
			(rc) = curl_easy_setopt(c, option, value); \
	} while (0)

#endif
