/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_CROSS_CRITERION_H
#define TESTS_CROSS_CRITERION_H
/* As much of criterion as the exporter's unit tests use, for other architectures: criterion itself is a shared library
 * with many of its own, and its way to start a test's process is not one that qemu-user goes along with. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cross_options {
	void (*init)(void), (*fini)(void);
	double timeout;
};

struct cross_test {
	const char *suite, *name;
	void (*run)(void); /* NULL: the row is the suite's */
	struct cross_options options;
	struct cross_test *next;
};

void cross_add(struct cross_test *t);
/* Says it; ends the test at once if it is fatal. */
void cross_fail(bool fatal, const char *file, int line, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void cross_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define CROSS_ROW(row, ...)                                                                \
	static struct cross_test row = { __VA_ARGS__ };                                    \
	__attribute__((constructor)) static void row##_add(void)                           \
	{                                                                                  \
		cross_add(&row);                                                           \
	}
#define TestSuite(of, ...) \
	CROSS_ROW(cross_suite_##of, .suite = #of, .options = { __VA_ARGS__ }) \
	struct cross_test
#define Test(of, named, ...)                                                                         \
	static void cross_##of##_##named(void);                                                      \
	CROSS_ROW(cross_row_##of##_##named, .suite = #of, .name = #named, .run = cross_##of##_##named, \
		  .options = { __VA_ARGS__ })                                                        \
	static void cross_##of##_##named(void)

#define CROSS_CHECK(fatal, truth, what, ...) \
	((truth) ? (void)0 : cross_fail(fatal, __FILE__, __LINE__, what, "" __VA_ARGS__))
#define CROSS_STR(op, a, b, fatal, ...) CROSS_CHECK(fatal, strcmp(a, b) op 0, #a " " #op " " #b, __VA_ARGS__)

#define cr_assert(a, ...) CROSS_CHECK(true, a, #a, __VA_ARGS__)
#define cr_assert_not(a, ...) CROSS_CHECK(true, !(a), "not " #a, __VA_ARGS__)
#define cr_assert_fail(...) CROSS_CHECK(true, false, "fail", __VA_ARGS__)
#define cr_assert_null(a, ...) CROSS_CHECK(true, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) CROSS_CHECK(true, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) CROSS_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) CROSS_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) CROSS_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) CROSS_CHECK(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) CROSS_CHECK(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) CROSS_CHECK(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) CROSS_STR(==, a, b, true, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) CROSS_STR(!=, a, b, true, __VA_ARGS__)
#define cr_expect(a, ...) CROSS_CHECK(false, a, #a, __VA_ARGS__)
#define cr_expect_not(a, ...) CROSS_CHECK(false, !(a), "not " #a, __VA_ARGS__)
#define cr_expect_null(a, ...) CROSS_CHECK(false, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_expect_not_null(a, ...) CROSS_CHECK(false, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_expect_eq(a, b, ...) CROSS_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) CROSS_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) CROSS_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) CROSS_CHECK(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) CROSS_CHECK(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) CROSS_CHECK(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) CROSS_STR(==, a, b, false, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) CROSS_STR(!=, a, b, false, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) CROSS_CHECK(false, *(a) == '\0', #a " is empty", __VA_ARGS__)
#define cr_expect_float_eq(a, b, by, ...) \
	CROSS_CHECK(false, (a) - (b) <= (by) && (b) - (a) <= (by), #a " is about " #b, __VA_ARGS__)
#define cr_skip_test(...) cross_skip("" __VA_ARGS__)

#endif
