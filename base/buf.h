/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_BUF_H
#define BASE_BUF_H
/*
 * Growable bytes with a cap fixed at birth, so that no peer can fill our memory.
 *
 * Invariants: data is never NULL after the first successful add and is always NUL-terminated
 * behind len; len <= max. Failure is sticky: once an add did not fit (cap or memory), `full` is
 * set, nothing more is added, and every later add fails too: build a text with many adds and
 * check once. A buffer born with buf_init_secret is wiped whenever memory is given back.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len, cap, max;
	bool full, secret;
	/* For a text that need not be there whole, set after buf_init: instead of growing, the buffer hands over what it
	 * holds, and is empty. Other than 0: it cannot be taken, the buffer is full. NULL: it grows. */
	int (*drain)(void *arg, const char *data, size_t len);
	void *drain_arg;
};

/* An empty buffer that may hold max bytes. Nothing is allocated yet. */
void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max);
/* Frees the memory (wiped if secret); the buffer is empty and usable again. */
void buf_clear(struct buf *b);
/* Drops the contents, keeps the memory (wiped if secret), forgets a sticky failure. */
void buf_reset(struct buf *b);
/* Hands over what is left to a buffer's drain. 0, or -ERR_MEMORY: something was not taken. */
int buf_drain(struct buf *b);
/* Makes room for n more bytes at once, where a text's length is about known. As an add that fails. */
int buf_reserve(struct buf *b, size_t n);
/* Append. 0, or -ERR_MEMORY when the cap or memory is exhausted (sticky). */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* The text so far; "" when empty. Valid until the next change. */
const char *buf_str(const struct buf *b);
/* Hands the memory to the caller (free() it; "" is allocated when empty); the buffer is empty.
 * NULL when the buffer had failed or memory is out. */
char *buf_take(struct buf *b);

#endif
