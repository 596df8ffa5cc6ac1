/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wide.h"

#include <stdbool.h>

/* The next digit (of 32 bits) of (*rest * 2^32 + next) / by, whose first bit is set; *rest < by. It is guessed by the
 * upper half of by, and the guess is at most two too large (Knuth, volume 2, 4.3.1, algorithm D). */
static uint64_t digit(uint64_t *rest, uint32_t next, uint64_t by)
{
	uint64_t upper = by >> 32, lower = (uint32_t)by, guess = *rest / upper, over = *rest % upper;

	while (guess > UINT32_MAX || guess * lower > (over << 32 | next)) {
		guess--;
		over += upper;
		if (over > UINT32_MAX)
			break;
	}
	*rest = (*rest << 32 | next) - guess * by;
	return guess;
}

uint64_t wide_div_by_parts(struct wide a, uint64_t by, uint64_t *ret_rest)
{
	bool fits = a.high < by;
	unsigned shift = (unsigned)__builtin_clzll(by);
	uint64_t rest = a.high % by, low = a.low << shift;

	by <<= shift;
	rest = shift ? rest << shift | a.low >> (64 - shift) : rest;
	uint64_t high = digit(&rest, (uint32_t)(low >> 32), by);
	uint64_t quotient = high << 32 | digit(&rest, (uint32_t)low, by);

	*ret_rest = rest >> shift;
	return fits ? quotient : UINT64_MAX;
}
