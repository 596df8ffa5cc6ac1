/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_CMDLINE_H
#define PROVISION_REMOTE_CMDLINE_H
/* The only maker of shell text. */
#include "base/buf.h"
#include "base/err.h"

/* Appends s in single quotes so that sh, dash, bash and a csh login shell read back exactly its
 * bytes ("'" and "!" leave the quotes, as in git's quote.c). */
int cmdline_quote(struct buf *out, const char *s);
/* Appends "sh -euc SCRIPT powerstack ARG..." with SCRIPT and every ARG quoted, behind prefix (NULL: none),
 * which is constant text such as "sudo -n --". -ERR_MEMORY when it does not fit. */
int cmdline_make(struct buf *out, const char *prefix, const char *script_text,
		 const char *const *argv, struct err *e);

#endif
