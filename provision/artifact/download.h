/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_DOWNLOAD_H
#define PROVISION_ARTIFACT_DOWNLOAD_H
/*
 * One file over HTTP or HTTPS into a file descriptor, continued from the bytes that are in it already. Proxies as
 * libcurl reads them from the environment; certificates are always checked, against CURL_CA_BUNDLE or
 * SSL_CERT_FILE when one is set.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "provision/remote/session.h"

struct download {
	const char *url, *name;		/* name: what messages call it */
	const char *path;		/* of the file written to, for messages */
	uint64_t size;			/* bytes that it must have; 0: not known */
	uint64_t max;			/* bytes that it may have */
	unsigned stall_s;		/* a try ends when no byte came for so long */
	struct cancel *cancel;		/* may be NULL */
	/* from the thread that called; may be NULL. total 0: not known */
	void (*progress)(void *ctx, uint64_t done, uint64_t total, const char *doing);
	void *ctx;
};
struct downloaded {
	uint64_t received;		/* bytes of the body, over all tries */
	bool continued;			/* bytes from before are in it: when the sum is wrong, begin at 0 */
};
/* Tries again, at most 4 times in a row that bring less than 64 KiB, after what may pass: time-outs, refused and broken
 * connections, statuses 408, 429 and 5xx. What arrived stays in fd on failure too. ret is filled also on
 * failure. -ERR_TIMEOUT, -ERR_FAILED, -ERR_INTERRUPTED. */
int download(const struct download *d, int fd, struct downloaded *ret, struct err *e);

#endif
