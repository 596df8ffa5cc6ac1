/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H
/* "did you mean": the nearest of some names. */
#include <stddef.h>

/* The name nearest to word by edit distance (insert, delete, replace, swap of neighbours; case
 * ignored), or NULL when none is near: more than a third of the longer one's letters apart.
 * name(ctx, i) gives the i-th of n candidates. */
const char *near_find(const char *word, size_t n, const char *(*name)(const void *ctx, size_t i),
		      const void *ctx);

#endif
