/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_MDOC_H
#define BASE_MDOC_H
/* Writes the parts of manual pages that come from tables, in mdoc(7). */
#include <stddef.h>
#include <stdio.h>

#include "base/opts.h"

/* Text lines: each sentence on a line of its own, nothing read as a request or an escape, dashes
 * of options printed as they are typed. A newline ends a line. */
void mdoc_text(FILE *out, const char *s);
/* A lower-case line without a full stop (as all help is), as a sentence. */
void mdoc_sentence(FILE *out, const char *s);
/* The list of options. */
void mdoc_options(FILE *out, const struct opt *opts, size_t n);

#endif
