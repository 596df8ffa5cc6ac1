/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_HTTP_H
#define EXPORTER_HTTP_H
/*
 * The pages: GET and HEAD of the metrics, /healthz, /readyz and a landing page at /.
 *
 * Nothing a peer does makes this wait: connections, heads, times and memory are bounded. A head must
 * be complete in HTTP_HEAD_S, an answer taken in HTTP_SEND_S; when all HTTP_CONNECTIONS_MAX are in
 * use, the one that has waited longest without asking makes room. The metrics page is made
 * beforehand and swapped whole: a connection that is still sending keeps the one it began with.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define HTTP_CONNECTIONS_MAX 64
#define HTTP_HEAD_S 10
#define HTTP_SEND_S 30
#define HTTP_IDLE_S 180

struct event_base;
struct http;

struct http_stats {
	uint64_t requests, refused, evicted;
	unsigned connections;
};

/* Parses HOST:PORT with a numeric host, [V6]:PORT, or :PORT for all addresses. -ERR_USAGE. */
int http_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct err *e);

/* Listens. metrics_path begins with '/' and must live as long as the server. The caller owns *ret:
 * http_free, before the event base. -ERR_USAGE, -ERR_FAILED. */
int http_new(struct event_base *base, const char *address, const char *metrics_path, struct http **ret,
	     struct err *e);
void http_free(struct http *h);
/* Puts a new metrics page in place; takes the memory of `text` (free()). */
void http_publish(struct http *h, char *text, size_t len);
void http_stats(const struct http *h, struct http_stats *ret);
/* The address listened on, as text: "[::]:9102". */
void http_where(const struct http *h, char *ret, size_t size);

#endif
