/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_CLIENT_H
#define EXPORTER_CLIENT_H
/*
 * HTTP GET to peers (BMC, kubelet), by curl_multi in the exporter's own event loop: no
 * thread, and no call here ever blocks. Connections are kept open between requests. Redirects are
 * not followed: credentials go to the named host only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

struct event_base;
struct client;
struct call;

/* What to get. Texts are copied, secrets are not and must live until the answer. */
struct client_request {
	const char *url;		/* http:// or https:// */
	const char *username;		/* NULL: without credentials (HTTP Basic) */
	const struct secret *password;	/* NULL: empty */
	const struct secret *token;	/* bearer token, instead of a user; NULL: none. Without blanks at its end */
	const char *certificate_file;	/* PEM of the client, or NULL */
	const char *key_file;		/* its key */
	const char *ca_file;		/* NULL: the system's authorities */
	bool insecure_skip_verify;
	uint64_t timeout_ms;		/* of the whole exchange */
	size_t body_max;		/* a longer answer is an error */
	/* Takes the body of an answer with status 200 as it comes, instead of keeping it: body_max is
	 * then that of other answers. Other than 0 ends the call with an error. */
	int (*on_body)(void *arg, const char *bytes, size_t n);
};

/* What came back. Valid during the callback only. */
struct answer {
	int status;		/* HTTP status; 0 when there was none */
	const char *body;	/* NUL-terminated behind len */
	size_t len;
	const struct err *err;	/* kind ERR_NONE when status and body are there */
};

/* The caller owns *ret: client_free, before the event base. -ERR_FAILED, -ERR_MEMORY. */
int client_new(struct event_base *base, struct client **ret, struct err *e);
/* Cancels all calls without calling back. */
void client_free(struct client *c);
/* Starts; done(arg, answer) is called once from the loop, later. The call in *ret is valid until
 * then and may be given to client_cancel. -ERR_FAILED, -ERR_MEMORY: nothing started. */
int client_get(struct client *c, const struct client_request *r, void (*done)(void *, const struct answer *),
	       void *arg, struct call **ret, struct err *e);
/* Ends a call without calling back. */
void client_cancel(struct call *call);

#endif
