/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_FACTS_H
#define PROVISION_ENGINE_FACTS_H
/*
 * What is true on one host, learnt in one round trip. A probe is a set of questions "kind:about"
 * (the kinds and the form of each answer: files/probe.sh's table); it is the argv of
 * one constant script. The answers come back as NUL-ended records, "=question=value" or "-question"
 * (asked, not there), and "=probe=complete" at the end, so that a cut-off answer is never taken
 * for absence. "!question=why" means the question could not be answered (a command missing, no
 * right): never mistaken for absence either.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"
#include "provision/remote/session.h"

struct probe {
	struct strv questions;		/* de-duplicated, in the order asked */
	int failed;			/* sticky, as struct buf's */
};

/* Asks "kind:about" (about is formatted). Asking twice is asking once. Failure is sticky. */
void probe_ask(struct probe *p, const char *kind, const char *about_fmt, ...)
	__attribute__((format(printf, 3, 4)));
void probe_clear(struct probe *p);

struct facts;

/* Parses what probe.sh printed. Every question of p must be answered exactly once, and nothing
 * else: -ERR_FAILED otherwise ("cut off", "unasked", ...). The caller owns *ret. */
int facts_parse(const struct probe *p, const void *bytes, size_t len, struct facts **ret,
		struct err *e);
/* Runs the probe in one command (CMD_SUDO). No questions: no command, empty facts. */
int facts_gather(struct session *s, const struct probe *p, unsigned timeout_s,
		 struct facts **ret, struct err *e);
void facts_free(struct facts *f);

/* The value, "" for a present thing without value, or NULL when it is not there. *ret_known (may
 * be NULL) is false when it was never asked or could not be answered; then why (may be NULL) says
 * so. Belongs to f. */
const char *facts_get(const struct facts *f, bool *ret_known, const char **ret_why,
		      const char *kind, const char *about_fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The value of `key` in an answer of the form "key=value" lines; copied into ret (cut to size).
 * False when there is no such line. */
bool facts_field(const char *answer, const char *key, char *ret, size_t size);

#endif
