/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_TLS_H
#define EXPORTER_TLS_H
/* TLS for the server's connections, by OpenSSL under libevent's bufferevents. */
#include <stdbool.h>

#include "base/err.h"
#include "exporter/web_config.h"

struct bufferevent;
struct event_base;
struct tls;

/* Certificate, key and rules of a configuration. Nothing of *config is needed afterwards.
 * -ERR_CONFIG when the certificate, the key or what they are to be used with does not work; with wait,
 * one that does not exist yet is no error, and tls_refresh finds it. The caller owns *ret: tls_free. */
int tls_new(const struct tls_config *config, bool wait, struct tls **ret, struct err *e);
/* Reads certificate and key again when a file of theirs is another than the one that was read last; else
 * it costs a stat(2) of each. 1: connections from now on are shown the new pair. 0: nothing is new.
 * -ERR_CONFIG: it cannot be used, which is told once for each change; the old pair, if any, goes on. */
int tls_refresh(struct tls *t, struct err *e);
/* Connections that have begun keep what they need. NULL is allowed. */
void tls_free(struct tls *t);
/* A bufferevent that greets the peer on fd and then carries text; it owns fd. NULL: there is no
 * certificate yet, or no memory; fd is still the caller's. */
struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd);
/* Says goodbye, so that the peer knows the answer to be whole. No harm on a plain connection. */
void tls_close(struct bufferevent *bev);

#endif
