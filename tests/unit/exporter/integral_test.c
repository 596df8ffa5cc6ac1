/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/integral.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)
#define HOLD (3 * SECOND)

Test(integral, a_value_holds_until_the_next)
{
	struct integral i = { 0 };
	struct zone_mark m = { .uj = 7 };

	cr_assert_not(integral_mark(&i, SECOND, HOLD, &m));
	cr_assert_eq(m.uj, 7, "untouched");
	integral_take(&i, 100000000, SECOND, HOLD);
	cr_assert(integral_mark(&i, SECOND, HOLD, &m));
	cr_assert(m.anew && m.uj == 0 && m.wraps_at_uj == 0);
	cr_assert(integral_mark(&i, 3 * SECOND, HOLD, &m));
	cr_assert(!m.anew && m.uj == 200000000);
	integral_take(&i, 50000000, 3 * SECOND + SECOND / 2, HOLD);
	cr_assert(integral_mark(&i, 4 * SECOND, HOLD, &m));
	cr_assert(!m.anew && m.uj == 275000000 && m.at_ns == 4 * SECOND);
}

Test(integral, silence_is_unknown_and_not_zero)
{
	struct integral i = { 0 };
	struct zone_mark m = { 0 };

	integral_take(&i, 1000000, SECOND, HOLD);
	cr_assert(integral_mark(&i, 4 * SECOND, HOLD, &m));
	cr_assert_not(integral_mark(&i, 4 * SECOND + 1, HOLD, &m));
	integral_take(&i, 1000000, 9 * SECOND, HOLD);
	cr_assert(integral_mark(&i, 10 * SECOND, HOLD, &m));
	cr_assert(m.anew, "what was counted while it held may not be set against what comes now");
	cr_assert_eq(m.uj, 3000000 + 1000000);
}

/* However it is cut up, the sum is the exact integral, rounded down once. */
Test(integral, property_no_rounding_adds_up)
{
	unsigned seed = 1;
	struct integral i = { 0 };
	struct zone_mark m = { 0 };
	uint64_t now = SECOND, uw = 0;
	uint64_t exact_uj = 0, rest = 0;

	integral_take(&i, uw, now, 1000 * SECOND);
	for (int k = 0; k < 100000; k++) {
		uint64_t ns = (uint64_t)rand_r(&seed) % SECOND;

		now += ns;
		exact_uj += uw * ns / 1000000000u; /* 2^30 * 2^30 */
		rest += uw * ns % 1000000000u;
		if (rand_r(&seed) % 2) {
			uw = (uint64_t)rand_r(&seed) % 1000000007;
			integral_take(&i, uw, now, 1000 * SECOND);
		} else {
			cr_assert(integral_mark(&i, now, 1000 * SECOND, &m));
		}
		if (rand_r(&seed) % 2 && integral_mark(&i, now, 1000 * SECOND, &m))
			cr_assert_eq(m.uj, exact_uj + rest / 1000000000u);
	}
}
