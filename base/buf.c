/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_init_secret(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max, .secret = true };
}

static void give_back(struct buf *b)
{
	if (b->data && b->secret)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	b->data = NULL;
}

void buf_clear(struct buf *b)
{
	give_back(b);
	b->len = b->cap = 0;
	b->full = false;
}

void buf_reset(struct buf *b)
{
	if (b->data) {
		if (b->secret)
			explicit_bzero(b->data, b->cap);
		b->data[0] = '\0';
	}
	b->len = 0;
	b->full = false;
}

int buf_drain(struct buf *b)
{
	if (!b->full && b->len > 0) {
		b->full = b->drain(b->drain_arg, b->data, b->len) != 0;
		b->len = 0;
		b->data[0] = '\0';
	}
	return b->full ? -(int)ERR_MEMORY : 0;
}

/* Room for n more bytes and the NUL. Secret memory is never realloc'ed: the old copy would stay. */
int buf_reserve(struct buf *b, size_t n)
{
	if (b->full)
		return -(int)ERR_MEMORY;
	if (n > b->max - b->len) {
		b->full = true;
		return -(int)ERR_MEMORY;
	}
	size_t need = b->len + n + 1;
	if (need <= b->cap)
		return 0;
	if (b->drain && b->len > 0)
		return buf_drain(b) < 0 ? -(int)ERR_MEMORY : buf_reserve(b, n);
	size_t cap = b->cap ? b->cap : 128;
	while (cap < need)
		cap *= 2;
	char *p = malloc(cap);
	if (!p) {
		b->full = true;
		return -(int)ERR_MEMORY;
	}
	if (b->data)
		memcpy(p, b->data, b->len + 1);
	give_back(b);
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	if (buf_reserve(b, n) < 0)
		return -(int)ERR_MEMORY;
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || buf_reserve(b, (size_t)n) < 0) {
		b->full = true;
		return -(int)ERR_MEMORY;
	}
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return r;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	if (b->full || buf_reserve(b, 0) < 0)
		return NULL;
	char *p = b->data;
	b->data = NULL;
	b->len = b->cap = 0;
	return p;
}
