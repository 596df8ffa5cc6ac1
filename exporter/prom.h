/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_PROM_H
#define EXPORTER_PROM_H
/* The Prometheus text format, version 0.0.4. Failures are sticky in the buffer (base/buf.h). */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* "# HELP name help" and "# TYPE name type". */
void prom_head(struct buf *out, const char *name, const char *help, const char *type);
/* A label value or, with quotes false, a help text: backslash, newline and quote escaped; bytes that
 * are not UTF-8 become U+FFFD. */
void prom_escape(struct buf *out, const char *text, bool quotes);
/* value / 10^decimals, exactly, without trailing zeros: 1234500 with 6 is 1.2345. */
void prom_number(struct buf *out, uint64_t value, unsigned decimals);

#endif
