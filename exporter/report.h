/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_REPORT_H
#define EXPORTER_REPORT_H
/* What people read about this exporter: the answer of --check and the landing page. */
#include "base/buf.h"
#include "base/err.h"
#include "exporter/metrics.h"

/* Appends a line for each source, what it measures or why it does not, and under it its meters.
 * -ERR_MEMORY. */
int report_check(const struct view *v, struct buf *out, struct err *e);
/* Appends the landing page, HTML without scripts or anything from elsewhere. -ERR_MEMORY. */
int report_landing(const struct view *v, const char *metrics_path, struct buf *out, struct err *e);

#endif
