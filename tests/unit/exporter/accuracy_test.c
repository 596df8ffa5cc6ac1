/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of every simulated machine under the sanitizers; tests/property has more of them. */
#include "tests/property/accuracy.h"

#include <criterion/criterion.h>

Test(accuracy, keplers_error_is_so_many_times_ours)
{
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct accuracy a;

		cr_assert_eq(accuracy_of(&scenarios[i], 1, &a), 0);
		cr_expect_leq(a.ours * scenarios[i].at_least, a.kepler, "%s: ours %.2f %%, Kepler's %.2f %%",
			      scenarios[i].name, a.ours * 100, a.kepler * 100);
		cr_expect_gt(a.true_j, 1000);
	}
}
