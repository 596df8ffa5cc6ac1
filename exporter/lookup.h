/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_LOOKUP_H
#define EXPORTER_LOOKUP_H
/*
 * Numbers to places in an array: open addressing, never more than half full. Nothing is taken out: when
 * something goes, places change, and the lookup is made anew.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* All 0 is an empty one. */
struct lookup {
	uint64_t *keys; /* 0: free */
	size_t *at;
	size_t cap, n;
};

#define LOOKUP_NONE SIZE_MAX

/* The place of the number, which is not 0; or LOOKUP_NONE. */
size_t lookup_find(const struct lookup *x, uint64_t key);
/* Makes room for one more, so that the next lookup_put cannot fail. -ERR_MEMORY. */
int lookup_room(struct lookup *x, struct err *e);
/* Only after lookup_room, or into one that held as many before. A number that is there gets the new place. */
void lookup_put(struct lookup *x, uint64_t key, size_t value);
/* Empties it and keeps its memory. */
void lookup_clear(struct lookup *x);
void lookup_free(struct lookup *x);

#endif
