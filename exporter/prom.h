/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_PROM_H
#define EXPORTER_PROM_H
/*
 * The two text formats: Prometheus 0.0.4 and OpenMetrics 1.0.0. They differ in a family's head (in
 * OpenMetrics a counter's name is without _total, an info's without _info, and its unit has a line),
 * in the _created series of counters, and in the last line. Failures are sticky in the buffer
 * (base/buf.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "exporter/negotiate.h"

/* METRIC_INFO is a gauge of 1 whose labels are what matters; its name ends in _info. */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_INFO, NMETRIC_TYPES };

/* The lines before a family's series. */
void prom_head(struct buf *out, enum page_format format, const char *name, const char *help,
	       enum metric_type type);
/* The type's name as the format has it. */
const char *prom_type(enum page_format format, enum metric_type type);
/* Length of the family's name in the format: that of `name`, or less its suffix. */
size_t prom_family_len(enum page_format format, const char *name, enum metric_type type);
/* What the family counts in, taken from its name as OpenMetrics wants: "joules", or NULL. */
const char *prom_unit(const char *name, enum metric_type type);
/* A label value or, with quotes false, a help text: backslash, newline and quote escaped; bytes that
 * are not UTF-8 become U+FFFD. */
void prom_escape(struct buf *out, const char *text, bool quotes);
/* value / 10^decimals, exactly, without trailing zeros: 1234500 with 6 is 1.2345. decimals < 20. */
void prom_number(struct buf *out, uint64_t value, unsigned decimals);
/* The same, to memory and without a NUL; returns its length. */
#define PROM_DIGITS_MAX 24
size_t prom_digits(char ret[PROM_DIGITS_MAX], uint64_t value, unsigned decimals);
/* What ends a page. */
void prom_end(struct buf *out, enum page_format format);

#endif
