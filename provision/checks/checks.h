/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CHECKS_CHECKS_H
#define PROVISION_CHECKS_CHECKS_H
/* The rows of verify, one file per subject, and what their judges share. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/engine/step.h"

extern const struct check check_b1_1, check_b1_2, check_b1_3, check_b1_4, check_b1_5, check_b1_6, check_b1_7,
	check_b1_8, check_b1_9, check_b1_10, check_b1_11, check_b1_12, check_b1_13, check_x5;
extern const struct check check_b2_1, check_b2_2, check_b2_3, check_b2_4, check_b2_5, check_b2_6,
	check_b2_7, check_b2_8, check_b2_9_deleted, check_b2_9_gone, check_b2_10, check_b2_11;
extern const struct check check_s1, check_s3, check_x1, check_x3, check_x10;

/* All of them (declared to the world by provision.h), NULL-terminated. */
extern const struct check *const checks[];

/* The evidence goes to why; returns the verdict, so that a judgement is one line. */
enum verdict check_says(enum verdict v, char *why, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The answer to "kind:about". NULL when it is not there or could not be told: then *ret holds the
 * verdict (CHECK_FAIL) and why the reason; absent says what absence means ("is not mounted"). */
const char *check_answer(const struct view *v, const char *kind, const char *about,
			 const char *absent, enum verdict *ret, char *why, size_t size);
/* A number in "key=value" lines; false when it is missing or no number. */
bool check_number(const char *answer, const char *key, int64_t *ret);

#endif
