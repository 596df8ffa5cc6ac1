/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	_Alignas(max_align_t) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	if (a->failed || n > a->max - a->used) {
		a->failed = true;
		return NULL;
	}
	struct arena_block *b = calloc(1, sizeof(*b) + n);
	if (!b) {
		a->failed = true;
		return NULL;
	}
	a->used += n;
	b->next = a->blocks;
	a->blocks = b;
	return b->data;
}

const char *arena_strn(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);
	if (!p)
		return "";
	memcpy(p, s, len);
	return p;
}

const char *arena_str(struct arena *a, const char *s)
{
	return arena_strn(a, s, strlen(s));
}

const char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (!p)
		return "";
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *arena_push(struct arena *a, void *v, size_t *n, size_t size)
{
	unsigned char *vec;
	memcpy(&vec, v, sizeof(vec)); /* *v is some other pointer type */
	if ((*n & (*n - 1)) == 0) {
		unsigned char *wider = arena_alloc(a, (*n ? *n * 2 : 1) * size);
		if (!wider)
			return NULL;
		if (*n)
			memcpy(wider, vec, *n * size);
		vec = wider;
		memcpy(v, &vec, sizeof(vec));
	}
	return vec + (*n)++ * size;
}

void arena_clear(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
	a->used = 0;
}
