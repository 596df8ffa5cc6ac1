/* SPDX-License-Identifier: BSD-2-Clause */
/* Few ticks under the sanitizers; tests/property has the million. */
#include "tests/property/conservation.h"

#include <criterion/criterion.h>

Test(conservation, random_ticks_add_up_to_the_microjoule)
{
	static struct conserve c;

	for (uint64_t seed = 11; seed < 14; seed++) {
		cr_assert_eq(conserve(seed, 3000, &c), 0, "seed %llu: %s", (unsigned long long)seed, c.wrong);
		cr_expect_gt(c.gpu_users, 0, "seed %llu: nobody used a GPU", (unsigned long long)seed);
	}
}
