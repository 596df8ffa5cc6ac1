/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_STRV_H
#define BASE_STRV_H
/* A NULL-terminated vector of strings that it owns: v is always terminated once something was
 * pushed; push copies. Zero-initialise to begin. */
#include <stddef.h>

struct strv {
	char **v;
	size_t n, cap;
};

/* Appends a copy of s. 0 or -ERR_MEMORY. */
int strv_push(struct strv *sv, const char *s);
int strv_pushf(struct strv *sv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Index of s, or -1. */
long strv_find(const struct strv *sv, const char *s);
/* The vector for reading; a one-element {NULL} vector when empty. */
const char *const *strv_get(const struct strv *sv);
/* Frees everything; usable again. */
void strv_clear(struct strv *sv);

#endif
