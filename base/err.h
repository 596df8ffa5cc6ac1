/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_ERR_H
#define BASE_ERR_H
/*
 * The one error value. It lives on the caller's stack, owns nothing and is always born zeroed:
 *
 *	struct err e = { 0 };
 *	if (thing_do(x, &e) < 0)
 *		return err_wrap(&e, "while doing '%s'", x);
 *
 * A function that can fail returns 0 or a negative kind and has filled its last parameter.
 * Only an edge (cli/, exporter/main.c) prints one. Messages name what happened, where, and what
 * to do next; lower case, no full stop, values in 'quotes'.
 */
#include <stdarg.h>

enum err_kind {
	ERR_NONE = 0,
	ERR_FAILED,		/* something went wrong while working */
	ERR_USAGE,		/* the command line is wrong */
	ERR_CONFIG,		/* inventory, vault or configuration is unusable */
	ERR_PASSWORD,		/* a password is wrong (a kind of ERR_CONFIG that may be asked again) */
	ERR_UNREACHABLE,	/* a host cannot be talked to */
	ERR_REFUSED,		/* doing it could destroy something that is not ours */
	ERR_TIMEOUT,		/* a bounded wait ran out */
	ERR_INTERRUPTED,	/* the user asked to stop */
	ERR_MEMORY,		/* out of memory, or a buffer's cap is reached */
	ERR_BUG,		/* the program contradicts itself */
};

struct err {
	enum err_kind kind;
	char msg[1024];
};

/* Fills e (NULL is allowed) with kind and the formatted message; a longer one ends in "...".
 * Returns -kind, so that a failing line is one line. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));
/* As err_set, with ": " and strerror(errno) behind the message. */
int err_errno(struct err *e, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));
/* Puts "<formatted>: " before the message that e holds; keeps its kind. Returns -kind. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));
/* Forgets what e holds. */
void err_clear(struct err *e);
/* The process exit status of contract.md for a kind: 0, 1 failed, 2 usage, 3 configuration. */
int err_exit_status(enum err_kind kind);

#endif
