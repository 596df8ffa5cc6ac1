/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_PAGE_H
#define PROVISION_CLUSTER_PAGE_H
/*
 * Reading the exporter's page as a node has it: the answer to the question http:ABOUT, which is a status line, headers and the page
 * in Prometheus' text format, one series a line (prometheus.io, "Exposition formats"). It may be cut off at its end; what is of the
 * node stands before what is of containers. The texts are a node's: anything may be in them.
 */
#include <stdbool.h>
#include <stddef.h>

#include "inventory/inventory.h"

#define PAGE_METRICS "/metrics"
#define PAGE_ABOUT_MAX 1024

/* What that question is about, for a path of the exporter: by TLS where the inventory wants it so. Returns ret. */
const char *page_about(const struct inventory *inv, const char *path, char ret[static PAGE_ABOUT_MAX]);

/* Does an answer to http:... begin with status 200? */
bool page_is_200(const char *http);
/* Is it a page of powerstack-exporter? */
bool page_is_ours(const char *http);
/* The next line that begins with prefix at or behind page, copied and cut to size; behind it, or NULL when there is none. */
const char *page_line(const char *page, const char *prefix, char *ret, size_t size);
/* The value of a label of a line, cut to size; false when it has none. */
bool page_label(const char *line, const char *label, char *ret, size_t size);

#endif
