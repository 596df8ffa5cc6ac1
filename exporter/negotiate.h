/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NEGOTIATE_H
#define EXPORTER_NEGOTIATE_H
/*
 * What a client wants a page to look like: Accept and Accept-Encoding (RFC 9110, 12.5). Pure.
 * Headers may be repeated: each is added to the same struct, the answer is asked for at the end.
 * An element that is not well formed, or of a type that is not served, counts for nothing.
 */
#include <stdbool.h>
#include <stddef.h>

/* Prometheus text 0.0.4, OpenMetrics 1.0.0. */
enum page_format { FORMAT_TEXT, FORMAT_OPENMETRICS, NFORMATS };

/* The weight of the most specific range seen, in thousandths. */
struct wish {
	unsigned specific; /* 0: not named, else the larger the more exactly */
	unsigned q;
};

struct wishes {
	struct wish formats[NFORMATS];
	struct wish gzip, identity;
};

void negotiate_accept(struct wishes *w, const char *value, size_t len);
void negotiate_encoding(struct wishes *w, const char *value, size_t len);
/* Never "not acceptable": who wants nothing that is served gets FORMAT_TEXT, as from every exporter. */
enum page_format negotiate_format(const struct wishes *w);
bool negotiate_gzip(const struct wishes *w);
/* The value of Content-Type. */
const char *negotiate_type(enum page_format format);

#endif
