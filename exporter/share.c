/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/share.h"

#include "base/wide.h"

/* The k-th largest of v (k from 1). v is put into some other order. */
static uint64_t kth_largest(uint64_t *v, size_t n, size_t k)
{
	size_t from = 0, to = n;

	for (;;) {
		uint64_t pivot = v[from + (to - from) / 2];
		size_t larger = from, at = from, smaller = to;

		/* from..larger: above the pivot; larger..at: equal to it; smaller..to: below */
		while (at < smaller) {
			uint64_t t = v[at];

			if (t > pivot) {
				v[at++] = v[larger];
				v[larger++] = t;
			} else if (t < pivot) {
				v[at] = v[--smaller];
				v[smaller] = t;
			} else {
				at++;
			}
		}
		if (k - 1 < larger)
			to = larger;
		else if (k - 1 >= smaller)
			from = smaller;
		else
			return pivot;
	}
}

/* What total * weight leaves when part, rounded down, was taken: less than whole, so that 64 bits of the products are
 * enough. No division. */
static uint64_t left(uint64_t total, uint64_t weight, uint64_t part, uint64_t whole)
{
	return total * weight - part * whole;
}

_Bool share(uint64_t total, const uint64_t *weights, size_t n, uint64_t *parts, uint64_t *scratch)
{
	struct wide sum = { 0 };
	uint64_t rest = total;

	for (size_t i = 0; i < n; i++)
		sum = wide_add(sum, (struct wide){ .low = weights[i] });
	if (sum.high == 0 && sum.low == 0)
		return 0;
	/* Scaled down together until a product fits into 128 bits and a remainder into 64; what a
	 * shift takes off a weight is less than one part in 2^63 of all. */
	unsigned shift = 0;

	for (; sum.high > 0 || sum.low > UINT64_MAX / 2; shift++)
		sum = wide_shift(sum, 1);
	uint64_t whole = 0;

	for (size_t i = 0; i < n; i++)
		whole += weights[i] >> shift;
	for (size_t i = 0; i < n; i++) {
		uint64_t weight = weights[i] >> shift;

		parts[i] = weight ? wide_mul_div(total, weight, whole) : 0;
		scratch[i] = left(total, weight, parts[i], whole);
		rest -= parts[i];
	}
	if (rest == 0)
		return 1;
	/* rest < the number of remainders that are not 0. The largest get one; equals in order. */
	uint64_t least = kth_largest(scratch, n, (size_t)rest);
	uint64_t above = 0;

	for (size_t i = 0; i < n; i++)
		above += left(total, weights[i] >> shift, parts[i], whole) > least;
	uint64_t equals = rest - above;

	for (size_t i = 0; i < n; i++) {
		uint64_t remainder = left(total, weights[i] >> shift, parts[i], whole);

		if (remainder > least) {
			parts[i]++;
		} else if (remainder == least && equals > 0) {
			parts[i]++;
			equals--;
		}
	}
	return 1;
}
