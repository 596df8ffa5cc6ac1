/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_WIDE_H
#define BASE_WIDE_H
/* Products and sums of more than 64 bits, also where the compiler has no type for them: on 32-bit machines. Pure. */
#include <stdint.h>

struct wide {
	uint64_t high, low;
};

/* By halves of 64 bits: what 32-bit machines do, and to be tested on all. */
static inline struct wide wide_mul_by_parts(uint64_t a, uint64_t b)
{
	uint64_t a1 = a >> 32, a0 = (uint32_t)a, b1 = b >> 32, b0 = (uint32_t)b;
	uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32); /* at most 2^64 - 2^32 */
	uint64_t middle = a0 * b1 + (uint32_t)cross;

	return (struct wide){ .high = a1 * b1 + (cross >> 32) + (middle >> 32),
			      .low = middle << 32 | (uint32_t)low };
}
uint64_t wide_div_by_parts(struct wide a, uint64_t by, uint64_t *ret_rest);

static inline struct wide wide_mul(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128)a * b;

	return (struct wide){ .high = (uint64_t)(product >> 64), .low = (uint64_t)product };
#else
	return wide_mul_by_parts(a, b);
#endif
}

static inline struct wide wide_add(struct wide a, struct wide b)
{
	uint64_t low = a.low + b.low;

	return (struct wide){ .high = a.high + b.high + (low < a.low), .low = low };
}

/* a / 2^by, by at most 63. */
static inline struct wide wide_shift(struct wide a, unsigned by)
{
	if (by == 0)
		return a;
	return (struct wide){ .high = a.high >> by, .low = a.high << (64 - by) | a.low >> by };
}

/* a / by, rounded down, and what that leaves; UINT64_MAX when it does not fit. by is not 0. */
static inline uint64_t wide_div(struct wide a, uint64_t by, uint64_t *ret_rest)
{
	if (a.high == 0) {
		*ret_rest = a.low % by;
		return a.low / by;
	}
#ifdef __SIZEOF_INT128__
	unsigned __int128 whole = (unsigned __int128)a.high << 64 | a.low;

	*ret_rest = (uint64_t)(whole % by);
	return a.high >= by ? UINT64_MAX : (uint64_t)(whole / by);
#else
	return wide_div_by_parts(a, by, ret_rest);
#endif
}

/* (a * b + *rest) / by, rounded down; *rest, less than by, becomes what that leaves, for the next time. Else like wide_div. */
static inline uint64_t wide_carry(uint64_t a, uint64_t b, uint64_t by, uint64_t *rest)
{
	return wide_div(wide_add(wide_mul(a, b), (struct wide){ .low = *rest }), by, rest);
}

/* a * b / by, like wide_div. */
static inline uint64_t wide_mul_div(uint64_t a, uint64_t b, uint64_t by)
{
	uint64_t rest;

	return wide_div(wide_mul(a, b), by, &rest);
}

#endif
