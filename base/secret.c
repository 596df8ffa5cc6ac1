/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

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

/* Fills room up to its size; *ret_len tells how far. */
static int fill(int fd, unsigned char *room, size_t size, const char *what, size_t *ret_len,
		struct err *e)
{
	while (*ret_len < size) {
		ssize_t n = read(fd, room + *ret_len, size - *ret_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot read %s", what);
		if (n == 0)
			break;
		*ret_len += (size_t)n;
	}
	return 0;
}

int secret_read(int fd, size_t max, const char *what, struct secret **ret, struct err *e)
{
	if (max > SECRET_MAX - 1)
		max = SECRET_MAX - 1;
	struct secret *s = NULL;
	size_t len = 0;
	for (size_t size = 4096;; size *= 4) {
		size = size > max + 1 ? max + 1 : size;
		unsigned char *room = NULL;
		struct secret *bigger = NULL;
		int r = secret_new_empty(size, &bigger, &room, e);
		if (r == 0 && s)
			memcpy(room, s->bytes, len);
		secret_free(s);
		s = bigger;
		if (r == 0)
			r = fill(fd, room, size, what, &len, e);
		if (r == 0 && len > max)
			r = err_set(e, ERR_MEMORY, "%s has more than %zu bytes", what, max);
		if (r == 0 && len == size)
			continue;
		if (r == 0)
			r = secret_new(s->bytes, len, ret, e);
		secret_free(s);
		return r;
	}
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
