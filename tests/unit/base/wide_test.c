/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wide.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/cleanup.h"

Test(wide, known_values)
{
	struct wide most = wide_mul(UINT64_MAX, UINT64_MAX);
	uint64_t rest = 0;

	cr_assert(most.high == UINT64_MAX - 1 && most.low == 1);
	cr_assert_eq(wide_div(most, UINT64_MAX, &rest), UINT64_MAX);
	cr_assert_eq(rest, 0);
	cr_assert_eq(wide_mul_div(UINT64_MAX, 10, 11), UINT64_C(16769767339735956013));
	cr_assert_eq(wide_mul_div(UINT64_C(1) << 63, 2, 1), UINT64_MAX, "2^64 does not fit");
	cr_assert_eq(wide_mul_div(7, 5, 3), 11);
	struct wide sum = wide_add((struct wide){ .low = UINT64_MAX }, (struct wide){ .low = 1 });

	cr_assert(sum.high == 1 && sum.low == 0);
	cr_assert_eq(wide_shift(sum, 63).low, 2);
	cr_assert_eq(wide_shift(sum, 0).high, 1);
}

/* Random bits in a random number of the low places, or a power of two and its neighbours. */
static uint64_t any(unsigned *seed)
{
	uint64_t v = (uint64_t)rand_r(seed) << 62 ^ (uint64_t)rand_r(seed) << 31 ^ (uint64_t)rand_r(seed);
	unsigned bits = (unsigned)rand_r(seed) % 64;

	return rand_r(seed) % 4 ? v >> bits : (UINT64_C(1) << bits) + (uint64_t)(rand_r(seed) % 3) - 1;
}

/* quotient * by + rest is what was divided, and rest < by: there is one such pair only. */
Test(wide, property_by_parts)
{
	unsigned seed = 1;

	for (int i = 0; i < 1000000; i++) {
		struct wide a = { .high = any(&seed), .low = any(&seed) };
		uint64_t by = any(&seed), rest = 0, again = 0;

		if (by == 0)
			continue;
		uint64_t quotient = wide_div_by_parts(a, by, &rest);

		cr_assert_eq(wide_div(a, by, &again), quotient);
		cr_assert_eq(rest, again);
		cr_assert_lt(rest, by);
		struct wide back = wide_add(wide_mul_by_parts(quotient, by), (struct wide){ .low = rest });

		if (a.high < by)
			cr_assert(back.high == a.high && back.low == a.low, "%llx %llx / %llx",
				  (unsigned long long)a.high, (unsigned long long)a.low, (unsigned long long)by);
		else
			cr_assert_eq(quotient, UINT64_MAX);
		struct wide product = wide_mul(a.high, a.low), parts = wide_mul_by_parts(a.high, a.low);

		cr_assert(product.high == parts.high && product.low == parts.low);
	}
}
