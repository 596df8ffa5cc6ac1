/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_SHARE_H
#define EXPORTER_SHARE_H
/* Whole microjoules among many, by weight, so that nothing is left and nothing is made. */
#include <stddef.h>
#include <stdint.h>

/*
 * Hands total out among n by weight: parts[i] is total * weights[i] / sum(weights) rounded down, and the
 * few that are then left go one each to those with the largest remainders (of equal ones to the first;
 * the method of Hamilton). sum(parts) == total, and no part is a whole one off, nor anything where
 * the weight is 0. false, with parts untouched, when all weights are 0. Weights may sum up to anything;
 * scratch has room for n. Takes time in proportion to n.
 */
_Bool share(uint64_t total, const uint64_t *weights, size_t n, uint64_t *parts, uint64_t *scratch);

#endif
