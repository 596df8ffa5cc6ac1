/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_JSON_H
#define EXPORTER_NAMES_JSON_H
/*
 * JSON (RFC 8259) as a stream: fed in pieces of any size, told as events, in constant memory. A
 * kubelet's list of pods may be tens of megabytes, of which a few names are wanted: a tree of all of
 * it would be the largest thing in this process.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define JSON_DEPTH_MAX 64
#define JSON_TEXT_MAX 1024 /* bytes of a string that are told */

enum json_event {
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_END,	/* of the innermost of the two */
	JSON_KEY,	/* with text */
	JSON_STRING,	/* with text */
	JSON_OTHER,	/* number, true, false, null */
};

/* text (of len bytes, UTF-8, NUL behind it, and maybe a NUL inside) is the string or key; NULL when
 * it is longer than JSON_TEXT_MAX, and for other events. Other than 0 ends the reading. */
typedef int json_fn(void *arg, enum json_event event, const char *text, size_t len);

struct json {
	json_fn *fn;
	void *arg;
	int state, literal_at;
	const char *literal;
	unsigned depth;
	bool is_object[JSON_DEPTH_MAX]; /* of every open level */
	bool key;		/* the string under way is a key */
	bool cut;		/* ... and too long */
	unsigned code, high, digits;
	size_t utf8_left;	/* bytes still missing of a UTF-8 sequence */
	unsigned utf8_low, utf8_high; /* bounds of its next byte */
	size_t len;
	char text[JSON_TEXT_MAX + 1];
};

void json_begin(struct json *j, json_fn *fn, void *arg);
/* 0; -ERR_FAILED: no JSON, or too deep. What fn returned, if that was not 0. Nothing may be fed
 * after a failure. */
int json_feed(struct json *j, const char *bytes, size_t n, struct err *e);
/* -ERR_FAILED when what was fed is no whole document. */
int json_end(const struct json *j, struct err *e);

#endif
