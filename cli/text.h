/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H
/* Text for people: made safe for a terminal, wrapped, and sizes and times in words. */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum text_mode {
	TEXT_LINE,	/* one line: newlines and tabs become spaces */
	TEXT_LINES,	/* newlines and tabs stay */
	TEXT_ASCII,	/* as TEXT_LINE, and every other character than ASCII becomes one '?': its width is known */
};

/* Appends s as valid UTF-8 without control characters: what a host says must not move the cursor,
 * nor make JSON or XML invalid. Control characters (C0, DEL, C1) become '?', bytes that are no UTF-8 and
 * the two non-characters U+FFFE and U+FFFF become U+FFFD. -ERR_MEMORY when it does not fit. */
int text_clean(struct buf *out, const char *s, enum text_mode mode);
/* Appends text wrapped at width columns, each line behind `indent` spaces; the first line's indent is
 * left out when the caller has already written that far (hanging). Newlines in text end a paragraph
 * line; an empty line stays. Ends with a newline. */
int text_wrap(struct buf *out, const char *text, unsigned indent, unsigned width, int hanging);
/* "0.4s", "12.3s", "2m05s", "1h02m". */
const char *text_ms(char ret[static 24], uint64_t ms);
/* "17 B", "3.1 KiB", "6.9 MiB". */
const char *text_bytes(char ret[static 24], uint64_t n);

#endif
