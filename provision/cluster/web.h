/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_WEB_H
#define PROVISION_CLUSTER_WEB_H
/*
 * A page as a visitor sees it, over http or https. Nothing secret is sent, and what comes back is believed no more than a
 * visitor's own eyes: certificates are not checked, for an application's own authority is nobody's but its own.
 */
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "provision/remote/session.h"

/* GET url, by the address (NULL: the url's own host is looked up); at most 5 redirects are followed, and none leaves that
 * address. Appends the status in digits, a newline, and the first 512 KiB of the body. cancel may be NULL.
 * -ERR_UNREACHABLE, -ERR_TIMEOUT, -ERR_INTERRUPTED, -ERR_FAILED: too many redirects. */
int web_get(const char *url, const char *address, unsigned timeout_s, const struct cancel *cancel, struct buf *ret,
	    struct err *e);

/* *ret: when the certificate that the server at an https url shows ends, in seconds since 1970. Else as web_get. */
int web_expires(const char *url, const char *address, unsigned timeout_s, const struct cancel *cancel, int64_t *ret,
		struct err *e);

#endif
