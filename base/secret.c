/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

struct secret {
	size_t len;
	unsigned char bytes[];
};

int secret_new_empty(size_t len, struct secret **ret, unsigned char **ret_bytes, struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, ERR_FAILED, "libsodium cannot start");
	if (len > SECRET_MAX)
		return err_set(e, ERR_MEMORY, "a secret of %zu bytes is too long (at most %d)", len,
			       SECRET_MAX);
	/* sodium_malloc wants the size rounded up, or the struct would sit unaligned at the guard page */
	size_t size = (sizeof(struct secret) + len + 1 + 15) & ~(size_t)15;
	struct secret *s = sodium_malloc(size);
	if (!s)
		return err_errno(e, ERR_MEMORY, "no guarded memory for a secret (see ulimit -l)");
	memset(s, 0, size);
	s->len = len;
	*ret = s;
	*ret_bytes = s->bytes;
	return 0;
}

int secret_new(const void *bytes, size_t len, struct secret **ret, struct err *e)
{
	unsigned char *to = NULL;
	int r = secret_new_empty(len, ret, &to, e);
	if (r < 0)
		return r;
	if (len)
		memcpy(to, bytes, len);
	return 0;
}

int secret_new_random(size_t len, struct secret **ret, struct err *e)
{
	static const char set[62 + 1] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char *to = NULL;
	int r = secret_new_empty(len, ret, &to, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		to[i] = (unsigned char)set[randombytes_uniform(62)];
	return 0;
}

void secret_free(struct secret *s)
{
	sodium_free(s);
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && sodium_memcmp(a->bytes, b->bytes, a->len) == 0;
}

const char *secret_expose(const struct secret *s)
{
	return (const char *)s->bytes;
}
