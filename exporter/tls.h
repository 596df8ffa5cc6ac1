/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_TLS_H
#define EXPORTER_TLS_H
/* TLS for the server's connections, by OpenSSL under libevent's bufferevents. */
#include "base/err.h"
#include "exporter/web_config.h"

struct bufferevent;
struct event_base;
struct tls;

/* Certificate, key and rules of a configuration. Nothing of *config is needed afterwards.
 * -ERR_CONFIG when the certificate, the key or what they are to be used with does not work. The
 * caller owns *ret: tls_free. */
int tls_new(const struct tls_config *config, struct tls **ret, struct err *e);
/* Connections that have begun keep what they need. NULL is allowed. */
void tls_free(struct tls *t);
/* A bufferevent that greets the peer on fd and then carries text; it owns fd. NULL: no memory, fd is
 * still the caller's. */
struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd);
/* Says goodbye, so that the peer knows the answer to be whole. No harm on a plain connection. */
void tls_close(struct bufferevent *bev);

#endif
