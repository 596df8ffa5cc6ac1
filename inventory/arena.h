/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_ARENA_H
#define INVENTORY_ARENA_H
/*
 * Memory that is given back all at once, with a cap. Failure is sticky: `failed` is set, pointers
 * come back NULL and strings come back as "", and whoever owns the arena checks once at the end.
 */
#include <stdbool.h>
#include <stddef.h>

struct arena {
	struct arena_block *blocks;
	size_t used, max;
	bool failed;
};

/* n zeroed bytes, or NULL. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of len bytes of s with a NUL behind; never NULL. */
const char *arena_strn(struct arena *a, const char *s, size_t len);
const char *arena_str(struct arena *a, const char *s);
const char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Room for one more element behind the *n that the vector *v holds (it grows by doubling); *v may
 * move. The new element, zeroed, counted into *n; or NULL. */
void *arena_push(struct arena *a, void *v, size_t *n, size_t size);
void arena_clear(struct arena *a);

#endif
