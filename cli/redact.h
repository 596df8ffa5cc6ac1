/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_REDACT_H
#define CLI_REDACT_H
/*
 * Takes vault values out of text before it is logged or shown. Nothing of ours puts a secret into
 * a message or an argument; this is the second lock, for what a host answers.
 */
#include "base/buf.h"
#include "vault/vault.h"

#define REDACT_MIN 6	/* bytes: shorter values would blot out ordinary words */

struct redact {
	const struct vault *vault;	/* NULL: nothing to take out */
};

/* Appends text with every value of the vault that is at least REDACT_MIN bytes long replaced by
 * "[redacted]"; where values overlap, all their bytes go. -ERR_MEMORY when it does not fit. */
int redact_add(struct buf *out, const struct redact *r, const char *text);

#endif
