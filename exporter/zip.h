/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_ZIP_H
#define EXPORTER_ZIP_H
/*
 * A gzip member (RFC 1952) of a large page, which is lines that are like the ones before: who makes it says what stood
 * where, instead of having it searched for, as zlib does, which takes four to eight times as long as making the page.
 * What is the same each time, the codes of a label's letters and the checksum of a text, is not made again for each
 * line. The codes are the same for all pages (one block of RFC 1951, 3.2.7), and chosen for those with thousands of
 * lines: they become as small as zlib's fastest level makes them, a page of a few KB three times as large.
 *
 * What is said to be the same is not looked at again: if it is not, whoever unpacks the page finds its checksum wrong.
 *
 * Failures are sticky in `out` (base/buf.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define ZIP_NOWHERE UINT64_MAX
#define ZIP_PIECE (16 * 1024 - 1) /* bytes of text that are taken at a time */
#define ZIP_LINE_MAX 1024 /* bytes of a line that the next one is compared with */

struct zip {
	struct buf *out;      /* not owned */
	uint64_t at;	      /* bytes of text so far: the place of what comes next */
	uint64_t bits;	      /* not yet in out, the first one lowest */
	unsigned nbits;	      /* less than 8 between two calls */
	uint32_t crc;	      /* as CRC-32's register has it */
	size_t copy, back;    /* to be copied from so far back: it may become more */
	char line[ZIP_LINE_MAX]; /* the last one of zip_text, and its place */
	size_t line_len;
	uint64_t line_at;
};

/* A text that comes more than once. `text` must live as long as it may be spelt out. */
struct zip_part {
	const char *text;
	size_t len;
	uint32_t crc; /* of zip_crc */
};

/* Begins a member at the end of *out. */
void zip_begin(struct zip *z, struct buf *out);
/* Ends it. */
void zip_end(struct zip *z);
/* A buffer (buf_clear), of which all that is added goes to *z. It is to be drained before anything else goes there. */
void zip_buf(struct zip *z, struct buf *text);
/* Where such a buffer drains to; NULL: it is none. */
struct zip *zip_of(const struct buf *text);
/* Any text, compared with the line before. Its lines need not be whole. */
void zip_text(struct zip *z, const char *text, size_t len);

uint32_t zip_crc(const char *text, size_t len);
/* Whether a text of len bytes that stood at `from` can be copied: else it is spelt out, and only then its bytes are
 * looked at. */
bool zip_reaches(const struct zip *z, uint64_t from, size_t len);
/* The part, which stood at `from` as well, or ZIP_NOWHERE. */
void zip_part(struct zip *z, const struct zip_part *part, uint64_t from);
/* Appends to *edits how b comes from a. 0, or -1: not for texts as long as these, or no memory. */
int zip_edit(struct buf *edits, const struct zip_part *a, const struct zip_part *b);
/* The part b, where its a stood at `from`. edit: what zip_edit appended. */
void zip_edited(struct zip *z, const struct zip_part *b, const char *edit, uint64_t from);
/* A number: digits and '.', at most ZIP_NUMBER_MAX of them, and a newline. */
#define ZIP_NUMBER_MAX 24
void zip_number(struct zip *z, const char *text, size_t len);

#endif
