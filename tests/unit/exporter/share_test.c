/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/share.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/wide.h"

#define MOST 200

static uint64_t weights[MOST], parts[MOST], scratch[MOST];

static uint64_t any64(void)
{
	return (uint64_t)random() << 62 ^ (uint64_t)random() << 31 ^ (uint64_t)random();
}

/* The definition, by the slowest way there is. */
static void by_definition(uint64_t total, size_t n, uint64_t *ret)
{
	uint64_t sum = 0, remainder[MOST], rest = total;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	for (size_t i = 0; i < n; i++) {
		ret[i] = wide_div(wide_mul(total, weights[i]), sum, &remainder[i]);
		rest -= ret[i];
	}
	for (; rest > 0; rest--) {
		size_t best = 0;

		for (size_t i = 1; i < n; i++)
			best = remainder[i] > remainder[best] ? i : best;
		ret[best]++;
		remainder[best] = 0;
	}
}

Test(share, it_is_what_the_definition_says)
{
	srandom(3);
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = 1 + (size_t)random() % (round % 100 == 0 ? MOST : 12);
		uint64_t total = any64() >> random() % 64, want[MOST], sum = 0;
		unsigned small = 9 + (unsigned)random() % 55; /* MOST of them fit into 63 bits */

		for (size_t i = 0; i < n; i++)
			weights[i] = random() % 3 ? any64() >> small : (uint64_t)random() % 4;
		if (!share(total, weights, n, parts, scratch)) {
			for (size_t i = 0; i < n; i++)
				cr_assert_eq(weights[i], 0);
			continue;
		}
		by_definition(total, n, want);
		for (size_t i = 0; i < n; i++) {
			cr_assert_eq(parts[i], want[i], "round %u, %zu of %zu: %llu, not %llu", round, i, n,
				     (unsigned long long)parts[i], (unsigned long long)want[i]);
			cr_assert(weights[i] != 0 || parts[i] == 0);
			sum += parts[i];
		}
		cr_assert_eq(sum, total);
	}
}

/* Weights that do not fit into 64 bits together are still shared out to the last one. */
Test(share, any_weights_sum_up)
{
	srandom(5);
	for (unsigned round = 0; round < 2000; round++) {
		size_t n = 1 + (size_t)random() % MOST;
		uint64_t total = any64(), sum = 0;

		for (size_t i = 0; i < n; i++)
			weights[i] = random() % 4 ? UINT64_MAX - (uint64_t)random() : 0;
		if (!share(total, weights, n, parts, scratch))
			continue;
		for (size_t i = 0; i < n; i++) {
			cr_assert(weights[i] != 0 || parts[i] == 0);
			sum += parts[i];
		}
		cr_assert_eq(sum, total);
	}
}

Test(share, nobody_gets_nothing)
{
	weights[0] = weights[1] = 0;
	parts[0] = 77;
	cr_expect_not(share(5, weights, 2, parts, scratch));
	cr_expect_not(share(5, weights, 0, parts, scratch));
	cr_expect_eq(parts[0], 77);
}
