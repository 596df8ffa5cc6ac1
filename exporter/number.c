/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/number.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

int number_parse(const char *text, size_t len, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return err_set(e, ERR_FAILED, "number too large");
	}
	size_t digits = i;

	while (i < len && is_space(text[i]))
		i++;
	if (digits == 0 || i != len)
		return err_set(e, ERR_FAILED, "not a number");
	*ret = n;
	return 0;
}

int number_text(const char *path, char *text, size_t size, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot open '%s'", path);
	ssize_t n = read(fd, text, size - 1);

	if (n < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	while (n > 0 && is_space(text[n - 1]))
		n--;
	text[n] = '\0';
	return 0;
}

int number_read(const char *path, uint64_t *ret, struct err *e)
{
	char text[64];
	int rc = number_text(path, text, sizeof text, e);

	if (rc < 0)
		return rc;
	errno = 0;
	rc = number_parse(text, strlen(text), ret, e);
	return rc < 0 ? err_wrap(e, "'%s'", path) : 0;
}
