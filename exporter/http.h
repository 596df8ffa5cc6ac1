/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_HTTP_H
#define EXPORTER_HTTP_H
/*
 * The pages: GET and HEAD of the metrics, /healthz, /readyz and a landing page at /.
 *
 * Nothing a peer does makes this wait: connections, heads, times and memory are bounded. A head must
 * be complete in HTTP_HEAD_S, an answer taken in HTTP_SEND_S. When all HTTP_CONNECTIONS_MAX are in
 * use, room is made at the expense of the address that holds the most of them, by closing the one
 * that has waited longest without asking.
 *
 * A page is made when it is first asked for after a reading, once per form, and is the same for all
 * who ask until the next reading; then it is dropped whole. A connection that is still sending keeps
 * the one it began with; such pages are bounded too (HTTP_HELD_MAX): the slowest reader goes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "exporter/negotiate.h"

#define HTTP_CONNECTIONS_MAX 64
#define HTTP_HEAD_S 10
#define HTTP_SEND_S 30
#define HTTP_IDLE_S 180
#define HTTP_ASK_S 30 /* for a password to be looked at */
/* Bytes of pages that only slow readers still need; or two pages, if these are larger. */
#define HTTP_HELD_MAX (16u * 1024 * 1024)
#define HTTP_SNDBUF (256 * 1024)	  /* bytes of an answer that the kernel may hold, per connection */
#define HTTP_RCVBUF (32 * 1024)

struct event_base;
struct http;
struct web_config;

/* Every status that is ever answered. */
struct http_status {
	int status;
	const char *code, *reason; /* the number as text: label `code` */
};
extern const struct http_status http_statuses[];
extern const size_t nhttp_statuses;
#define HTTP_STATUSES_MAX 20

/* What the pages hold. The first two append to out; all are called from the loop. */
struct http_pages {
	int (*metrics)(void *arg, enum page_format format, struct buf *out, struct err *e);
	int (*landing)(void *arg, struct buf *out, struct err *e); /* HTML */
	/* Somebody was sent all of the metrics of the last reading. May be NULL. */
	void (*served)(void *arg);
	/* The certificate's files have changed: what they hold is shown from now on, or cannot be used (why),
	 * and the old one, if any, goes on. May be NULL. */
	void (*certificate)(void *arg, const struct err *why);
	void *arg;
};

struct http_stats {
	uint64_t evicted;
	uint64_t answers[HTTP_STATUSES_MAX]; /* by row of http_statuses */
	uint64_t failures;		     /* pages that could not be made */
	uint64_t page_bytes[NFORMATS];	     /* size of the last page made, without compression */
	unsigned connections;
};

/* Parses HOST:PORT with a numeric host, [V6]:PORT, or :PORT for all addresses. -ERR_USAGE. */
int http_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct err *e);

/* Listens. metrics_path begins with '/' and must live as long as the server. The caller owns *ret:
 * http_free, before the event base. -ERR_USAGE, -ERR_FAILED. */
int http_new(struct event_base *base, const char *address, const char *metrics_path,
	     const struct http_pages *pages, struct http **ret, struct err *e);
void http_free(struct http *h);
/* Takes over TLS, headers and users for connections and requests from now on; nothing of *config is
 * needed afterwards. With wait, a certificate that does not exist yet is no error: until it does,
 * connections are closed. -ERR_CONFIG, -ERR_MEMORY, -ERR_FAILED: all stays as it was. */
int http_configure(struct http *h, const struct web_config *config, bool wait, struct err *e);
/* There is a new reading: what was made before is out of date. The first one makes /readyz ready. */
void http_publish(struct http *h);
void http_stats(const struct http *h, struct http_stats *ret);
/* The address listened on, as text: "[::]:9102". */
void http_where(const struct http *h, char *ret, size_t size);

#endif
