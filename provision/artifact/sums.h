/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_SUMS_H
#define PROVISION_ARTIFACT_SUMS_H
/* A release's checksum file, as sha256sum(1) writes it: 64 hex digits, a blank, a blank or '*', the name. */
#include <stddef.h>

#include "base/err.h"

#define SUMS_BYTES (1u << 20)	/* most that is taken for a checksum file */

/* The sum of name, in lower case; lines of another form are passed over. source stands in messages. -ERR_FAILED when
 * there is none, or two that differ. */
int sums_find(const char *source, const void *text, size_t len, const char *name, char ret[static 65],
	      struct err *e);

#endif
