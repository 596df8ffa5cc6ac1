/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int file_read(const char *path, struct buf *b, int *missing, struct err *e)
{
	if (missing)
		*missing = 0;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		if (missing)
			*missing = errno == ENOENT;
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	}
	char chunk[4096];
	int r = 0;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = err_errno(e, ERR_FAILED, "cannot read '%s'", path);
		else if (n > 0 && buf_add(b, chunk, (size_t)n) < 0)
			r = err_set(e, ERR_MEMORY, "'%s' is larger than %zu bytes", path, b->max);
		if (n <= 0 || r < 0)
			break;
	}
	if (b->secret)
		explicit_bzero(chunk, sizeof(chunk));
	return r;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	AUTO_FREE char *dir = strdup(path);
	if (!dir)
		return -1;
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	AUTO_CLOSE int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

int file_replace(const char *path, mode_t mode, const void *data, size_t len, struct err *e)
{
	AUTO_FREE char *real = realpath(path, NULL);
	const char *target = real ? real : path;
	AUTO_FREE char *tmp = NULL;
	if (asprintf(&tmp, "%s.XXXXXX", target) < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	AUTO_CLOSE int fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot write beside '%s'", path);
	if (write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
	    rename(tmp, target) < 0) {
		int r = err_errno(e, ERR_FAILED, "cannot write '%s'", path);
		unlink(tmp);
		return r;
	}
	if (sync_parent(target) < 0)
		return err_errno(e, ERR_FAILED, "cannot sync the directory of '%s'", path);
	return 0;
}

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

int file_mkdirs(const char *path, mode_t mode, struct err *e)
{
	AUTO_FREE char *p = strdup(path);
	if (!p)
		return err_set(e, ERR_MEMORY, "out of memory");
	for (char *s = p + 1;; s++) {
		if (*s != '/' && *s != '\0')
			continue;
		char was = *s;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return err_errno(e, ERR_FAILED, "cannot make directory '%s'", p);
		if (!was)
			return 0;
		*s = was;
	}
}
