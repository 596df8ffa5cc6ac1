/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_REQUEST_H
#define EXPORTER_REQUEST_H
/* The head of an HTTP/1.x request (RFC 9112), as far as a server of a few pages needs it. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "exporter/negotiate.h"

#define REQUEST_HEAD_MAX 8192u	/* bytes of request line and headers together */
#define REQUEST_HEADERS_MAX 100
#define REQUEST_PATH_MAX 512

struct request {
	int status;		/* 0: a request to answer; else the HTTP status that refuses it */
	bool head;		/* HEAD: the same without the body */
	bool keep_alive;	/* the peer may ask again on this connection */
	enum page_format format;	/* by Accept */
	bool gzip;		/* by Accept-Encoding */
	char path[REQUEST_PATH_MAX];	/* as sent, without the query */
	const char *authorization;	/* the header's value, in the bytes parsed; NULL: none */
	size_t authorization_len;
	size_t len;		/* bytes that the head took */
};

/* Looks for a whole head at the beginning of bytes. 0: not there yet, more is needed; 1: *ret is
 * filled (with status set if the request cannot be served; then the connection is to be closed). */
int request_parse(const char *bytes, size_t len, struct request *ret);

#endif
