/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_PAGE_H
#define EXPORTER_PAGE_H
/* The page that a scrape gets: the metric table over a view. */
#include "base/buf.h"
#include "base/err.h"
#include "exporter/metrics.h"

#define PAGE_MAX (64u * 1024 * 1024) /* bytes */

/* Appends the rows' families; page_end ends the page when all tables are in it. Families without a
 * series are left out whole. Takes time in proportion to the rows times the workloads. -ERR_MEMORY. */
int page_render(const struct view *view, enum page_format format, const struct metric *rows, size_t n,
		struct buf *out, struct err *e);
int page_end(enum page_format format, struct buf *out, struct err *e);
/* Appends a plain list of all families: name, type, labels, help. */
int page_document(const struct metric *rows, size_t n, struct buf *out, struct err *e);

#endif
