/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/file.h"

#define CHUNK (256u << 10)
#define WAIT_MS 100

int cancel_wished(const struct cancel *cancel, struct err *e)
{
	if (cancel && atomic_load(&cancel->requested) != CANCEL_NONE)
		return err_set(e, ERR_INTERRUPTED, "interrupted; the next run goes on from what is there");
	return 0;
}

int cache_dir(const char *dir, char **ret, struct err *e)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	AUTO_FREE char *path = NULL;
	int n;
	if (dir)
		n = asprintf(&path, "%s", dir);
	else if (xdg && *xdg == '/') /* a relative one is invalid, says the XDG base directory specification */
		n = asprintf(&path, "%s/powerstack/artifacts", xdg);
	else if (home && *home)
		n = asprintf(&path, "%s/.cache/powerstack/artifacts", home);
	else
		return err_set(e, ERR_CONFIG,
			       "no place for the cache: neither XDG_CACHE_HOME nor HOME is set; set one of them");
	if (n < 0) {
		path = NULL;
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	int r = file_mkdirs(path, 0700, e);
	if (r < 0)
		return err_wrap(e, "the cache (XDG_CACHE_HOME moves it)");
	*ret = take_ptr(&path);
	return 0;
}

static int sum_all(EVP_MD_CTX *md, int fd, const char *path, struct cancel *cancel,
		   void (*said)(void *ctx, uint64_t done, uint64_t total), void *ctx, struct err *e)
{
	AUTO_FREE unsigned char *chunk = malloc(CHUNK);
	struct stat st;
	if (!chunk || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		return err_set(e, ERR_MEMORY, "out of memory");
	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	for (off_t at = 0;;) {
		int r = cancel_wished(cancel, e);
		if (r < 0)
			return r;
		ssize_t n = pread(fd, chunk, CHUNK, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		if (EVP_DigestUpdate(md, chunk, (size_t)n) != 1)
			return err_set(e, ERR_FAILED, "cannot compute the sha256 of '%s'", path);
		at += n;
		if (said)
			said(ctx, (uint64_t)at, (uint64_t)st.st_size);
	}
}

int cache_sum(int fd, const char *path, struct cancel *cancel, void (*said)(void *ctx, uint64_t done, uint64_t total),
	      void *ctx, char ret[static 65], struct err *e)
{
	unsigned char h[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (!md)
		return err_set(e, ERR_MEMORY, "out of memory");
	int r = sum_all(md, fd, path, cancel, said, ctx, e);
	if (r == 0 && EVP_DigestFinal_ex(md, h, NULL) != 1)
		r = err_set(e, ERR_FAILED, "cannot compute the sha256 of '%s'", path);
	EVP_MD_CTX_free(md);
	for (size_t i = 0; r == 0 && i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", h[i]);
	return r;
}

static int whole_path(const char *dir, const char *sha256, char **ret, struct err *e)
{
	if (asprintf(ret, "%s/%s", dir, sha256) >= 0)
		return 0;
	*ret = NULL;
	return err_set(e, ERR_MEMORY, "out of memory");
}

int cache_open(const char *dir, const char *sha256, int *ret_fd, struct stat *st, struct err *e)
{
	AUTO_FREE char *path = NULL;
	int r = whole_path(dir, sha256, &path, e);
	if (r < 0)
		return r;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	if (fd >= 0 && fstat(fd, st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	if (fd >= 0 && !S_ISREG(st->st_mode))
		return err_set(e, ERR_FAILED, "'%s' is no file; remove it", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

static bool is_same(const char *path, const struct stat *st)
{
	struct stat now;
	return lstat(path, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

int cache_drop(const char *dir, const char *sha256, const struct stat *st, struct err *e)
{
	AUTO_FREE char *path = NULL;
	int r = whole_path(dir, sha256, &path, e);
	if (r == 0 && is_same(path, st) && unlink(path) < 0 && errno != ENOENT)
		r = err_errno(e, ERR_FAILED, "'%s' is damaged and cannot be removed", path);
	return r;
}

int cache_write_failed(const char *path, int error, struct err *e)
{
	errno = error;
	if (error == ENOSPC || error == EDQUOT)
		return err_errno(e, ERR_FAILED,
				 "cannot write '%s' (make room there, or move the cache with XDG_CACHE_HOME, and run it again: what arrived is kept)",
				 path);
	return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
}

/* One try to become the owner: 0 and an open *ret_fd, or 1 when somebody else is. */
static int try_own(const char *path, uint64_t *ret_size, int *ret_fd, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	if (fd < 0)
		return cache_write_failed(path, errno, e);
	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FAILED, "'%s' is no file; remove it", path);
	*ret_size = (uint64_t)st.st_size;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK || errno == EINTR)
			return 1;
		return err_errno(e, ERR_FAILED, "cannot lock '%s'", path);
	}
	/* the owner may have renamed it between our open and our lock: then this is the whole file */
	if (fstat(fd, &st) < 0 || !is_same(path, &st))
		return 1;
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = take_fd(&fd);
	return 0;
}

int part_open(const char *dir, const char *sha256, struct cancel *cancel,
	      void (*waiting)(void *ctx, uint64_t size), void *ctx, struct part *ret, bool *ret_whole,
	      struct err *e)
{
	struct part p = { .fd = -1, .dir = dir };
	int r = whole_path(dir, sha256, &p.whole, e);
	if (r == 0 && asprintf(&p.path, "%s.part", p.whole) < 0) {
		p.path = NULL;
		r = err_set(e, ERR_MEMORY, "out of memory");
	}
	while (r == 0) {
		r = try_own(p.path, &p.size, &p.fd, e);
		if (r <= 0)
			break;
		if (waiting)
			waiting(ctx, p.size);
		poll(NULL, 0, WAIT_MS);
		r = cancel_wished(cancel, e);
	}
	bool whole = r == 0 && access(p.whole, F_OK) == 0;
	if (whole)
		unlink(p.path);
	if (r < 0 || whole)
		part_close(&p);
	else
		*ret = p;
	*ret_whole = whole;
	return r;
}

int part_empty(struct part *p, struct err *e)
{
	if (ftruncate(p->fd, 0) < 0)
		return cache_write_failed(p->path, errno, e);
	p->size = 0;
	return 0;
}

int part_commit(struct part *p, struct err *e)
{
	if (fchmod(p->fd, 0444) < 0 || fsync(p->fd) < 0 || rename(p->path, p->whole) < 0)
		return cache_write_failed(p->path, errno, e);
	AUTO_CLOSE int dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) < 0)
		return err_errno(e, ERR_FAILED, "cannot sync '%s'", p->dir);
	return 0;
}

void part_close(struct part *p)
{
	struct stat st;
	if (p->fd >= 0) {
		if (fstat(p->fd, &st) == 0 && st.st_size == 0 && is_same(p->path, &st))
			unlink(p->path);
		close(p->fd);
	}
	free(p->path);
	free(p->whole);
	*p = (struct part){ .fd = -1 };
}
