/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_AUTH_H
#define EXPORTER_AUTH_H
/*
 * Basic authentication (RFC 7617) against bcrypt hashes.
 *
 * bcrypt is slow on purpose: 70 ms at cost 10, a second at cost 14. In the loop it would make every
 * scrape wait, so it runs in a thread of its own, the only one, which shares nothing: a job goes to it
 * and back through two pipes, and whoever holds it owns it. What was found is remembered (a keyed
 * hash of name and password, never they themselves), so that a scraper costs one bcrypt after a start
 * or a reload, and somebody who repeats a wrong password none at all.
 *
 * Somebody who tries many passwords gets a tenth of one processor and no more: the thread rests nine
 * times as long as it worked. (A low priority would do too, but on a busy node a scraper's first
 * request would then never get through.) One unknown password per address is looked at at a time, and
 * AUTH_JOBS_MAX at all; others are told to come again (429). Who is known already does not wait for
 * any of that. A name that does not exist takes as long as one that does.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "exporter/web_config.h"

#define AUTH_JOBS_MAX 8
#define AUTH_REFUSED_MAX 128 /* wrong passwords that are remembered */

struct event_base;
struct auth;

enum auth_answer {
	AUTH_YES,
	AUTH_NO,
	AUTH_WAIT, /* the answer comes later */
	AUTH_BUSY, /* too many are waiting: not looked at */
};

/* The caller owns *ret: auth_free, before the event base. -ERR_FAILED, -ERR_MEMORY. */
int auth_new(struct event_base *base, struct auth **ret, struct err *e);
/* Whoever waits is not called back any more. Waits for a bcrypt that is running. */
void auth_free(struct auth *a);
/* These are the users from now on (none: everybody may); forgets what was found out about others.
 * -ERR_MEMORY: those from before stay. */
int auth_users(struct auth *a, const struct web_user *users, size_t n, struct err *e);
/* Whether the value of an Authorization header (NULL: there is none) names a user and his password.
 * After AUTH_WAIT, done(arg, whether) is called once from the loop, unless auth_forget(arg) is. arg
 * waits for one answer at a time. */
enum auth_answer auth_ask(struct auth *a, const char *header, size_t len, const struct in6_addr *peer,
			  void (*done)(void *arg, bool ok), void *arg);
void auth_forget(struct auth *a, const void *arg);
/* Name and password out of "Basic <base64>"; ret has size bytes and gets "name:password" with a NUL
 * behind it. false: it is none, or too long. Pure. */
bool auth_decode(const char *header, size_t len, char *ret, size_t size, size_t *ret_len);

#endif
