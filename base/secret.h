/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H
/*
 * A secret: bytes in guarded, locked memory (sodium_malloc) that is wiped when freed. It is opaque
 * and there is no way to format one: the only door to its bytes is secret_expose, and
 * tests/lint/secrets.sh lists the files that may use it.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct secret;

#define SECRET_MAX (1024 * 1024) /* bytes; what is longer is refused */

/* Copies len bytes (the caller wipes its own copy). 0 or -ERR_MEMORY, -ERR_FAILED. The caller
 * owns *ret and frees it with secret_free. */
int secret_new(const void *bytes, size_t len, struct secret **ret, struct err *e);
/* A secret of len zero bytes to be filled in through *ret_bytes (e.g. from read(2)). */
int secret_new_empty(size_t len, struct secret **ret, unsigned char **ret_bytes, struct err *e);
/* A random secret: len characters of [A-Za-z0-9] (5.95 bits each), for tokens and passwords. */
int secret_new_random(size_t len, struct secret **ret, struct err *e);
/* Reads fd to its end straight into guarded memory, at most max bytes (-ERR_MEMORY when there are
 * more); what names the source in messages. */
int secret_read(int fd, size_t max, const char *what, struct secret **ret, struct err *e);
/* Wipes and frees; NULL is allowed. */
void secret_free(struct secret *s);
size_t secret_len(const struct secret *s);
/* Equal length and bytes; constant time in the bytes. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* The bytes, NUL-terminated behind len. Belongs to the secret. Never log, format or pass as argv. */
const char *secret_expose(const struct secret *s);

#endif
