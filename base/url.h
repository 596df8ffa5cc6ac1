/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_URL_H
#define BASE_URL_H
/* Hosts as URLs write them. */
#include <stdio.h>
#include <string.h>

#define URL_HOST_MAX 258	/* a name of 253 letters, two brackets, and some */

/* A name or address as it stands before ":port" or ":/path": IPv6 in brackets (RFC 3986, section 3.2.2). Returns ret. */
static inline const char *url_host(const char *host, char ret[static URL_HOST_MAX])
{
	snprintf(ret, URL_HOST_MAX, strchr(host, ':') ? "[%s]" : "%s", host);
	return ret;
}
/* The same, in room of the block around it. */
#define URL_HOST(host) url_host(host, (char[URL_HOST_MAX]){ 0 })

#endif
