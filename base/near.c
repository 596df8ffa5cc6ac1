/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/near.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 63

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance, three rows at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	if (na > WORD_MAX || nb > WORD_MAX)
		return (size_t)-1;
	size_t rows[3][WORD_MAX + 1];
	size_t *old = rows[0], *prev = rows[1], *cur = rows[2];
	for (size_t j = 0; j <= nb; j++)
		old[j] = prev[j] = j;
	for (size_t i = 1; i <= na; i++) {
		cur[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
			size_t d = least(prev[j - 1] + (ca != cb), least(prev[j], cur[j - 1]) + 1);
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				d = least(d, old[j - 2] + 1);
			cur[j] = d;
		}
		size_t *spare = old;
		old = prev;
		prev = cur;
		cur = spare;
	}
	return prev[nb];
}

const char *near_find(const char *word, size_t n, const char *(*name)(const void *ctx, size_t i),
		      const void *ctx)
{
	const char *best = NULL;
	size_t best_d = (size_t)-1;
	for (size_t i = 0; i < n; i++) {
		const char *c = name(ctx, i);
		size_t longer = strlen(c) > strlen(word) ? strlen(c) : strlen(word);
		size_t d = distance(word, c);
		if (d <= (longer + 2) / 3 && d < best_d) {
			best = c;
			best_d = d;
		}
	}
	return best;
}
