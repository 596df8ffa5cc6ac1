/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/lookup.h"

#include <stdlib.h>
#include <string.h>

/* By the product's upper half, in which every bit of the key counts: processes' numbers may differ in their upper
 * bits only. */
static size_t slot_of(const struct lookup *x, uint64_t key)
{
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15) >> 32) * x->cap >> 32);

	while (x->keys[at] != 0 && x->keys[at] != key)
		at = (at + 1) & (x->cap - 1);
	return at;
}

size_t lookup_find(const struct lookup *x, uint64_t key)
{
	if (x->cap == 0)
		return LOOKUP_NONE;
	size_t at = slot_of(x, key);

	return x->keys[at] == key ? x->at[at] : LOOKUP_NONE;
}

void lookup_clear(struct lookup *x)
{
	if (x->cap)
		memset(x->keys, 0, x->cap * sizeof *x->keys);
	x->n = 0;
}

void lookup_free(struct lookup *x)
{
	free(x->keys);
	free(x->at);
	*x = (struct lookup){ 0 };
}

int lookup_room(struct lookup *x, struct err *e)
{
	if (x->n * 2 < x->cap)
		return 0;
	struct lookup more = { .cap = x->cap ? x->cap * 2 : 64 };

	more.keys = calloc(more.cap, sizeof *more.keys);
	more.at = calloc(more.cap, sizeof *more.at);
	if (!more.keys || !more.at) {
		free(more.keys);
		free(more.at);
		return err_set(e, ERR_MEMORY, "no memory for %zu workloads", x->n);
	}
	for (size_t i = 0; i < x->cap; i++) {
		if (x->keys[i] == 0)
			continue;
		size_t at = slot_of(&more, x->keys[i]);

		more.keys[at] = x->keys[i];
		more.at[at] = x->at[i];
		more.n++;
	}
	lookup_free(x);
	*x = more;
	return 0;
}

void lookup_put(struct lookup *x, uint64_t key, size_t value)
{
	size_t at = slot_of(x, key);

	x->n += x->keys[at] == 0;
	x->keys[at] = key;
	x->at[at] = value;
}
