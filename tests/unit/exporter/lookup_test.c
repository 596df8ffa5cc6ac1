/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/lookup.h"

#include <criterion/criterion.h>

#define MANY 5000

/* Processes' numbers: those that began together are alike in their lower half. */
static uint64_t key(size_t i, uint64_t began)
{
	return (uint64_t)(1000 + i) << 32 | began;
}

static size_t longest_run(const struct lookup *x)
{
	size_t longest = 0;

	for (size_t i = 0, run = 0; i < x->cap; i++) {
		run = x->keys[i] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

Test(lookup, every_number_is_found_after_a_few_looks)
{
	struct lookup x = { 0 };
	struct err e = { 0 };

	cr_expect_eq(lookup_find(&x, 1), LOOKUP_NONE);
	for (uint64_t began = 1; began < 100000; began *= 7) {
		for (size_t i = 0; i < MANY; i++) {
			cr_assert_eq(lookup_room(&x, &e), 0, "%s", e.msg);
			lookup_put(&x, key(i, began), i);
		}
		for (size_t i = 0; i < MANY; i++)
			cr_assert_eq(lookup_find(&x, key(i, began)), i);
		cr_expect_eq(lookup_find(&x, key(MANY, began)), LOOKUP_NONE);
		cr_expect_lt(longest_run(&x), 100, "%zu in a row of numbers that end in %llu", longest_run(&x),
			     (unsigned long long)began);
		lookup_clear(&x);
		cr_expect_eq(lookup_find(&x, key(0, began)), LOOKUP_NONE);
	}
	lookup_free(&x);
}
