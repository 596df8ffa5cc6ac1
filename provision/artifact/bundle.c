/* SPDX-License-Identifier: BSD-2-Clause */
/* A bundle: powerstack.lock, then artifacts/VERSION/NAME for each of its pins, in one tar. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/artifact/artifact.h"
#include "provision/artifact/cache.h"
#include "provision/artifact/private.h"

#define LOCK_ENTRY "powerstack.lock"
#define FOLDER "artifacts/"
#define CHUNK (256u << 10)

static int tar_error(struct archive *tar, const char *doing, const char *path, struct err *e)
{
	const char *why = archive_error_string(tar);
	int error = archive_errno(tar);
	if (error == ENOSPC || error == EDQUOT)
		return err_set(e, ERR_FAILED, "cannot %s '%s': no room is left there", doing, path);
	return err_set(e, ERR_FAILED, "cannot %s '%s': %s", doing, path, why ? why : "unknown error");
}

/* ---- packing */

static int pack_header(struct archive *tar, const char *path, const char *name, uint64_t size, struct err *e)
{
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		return err_set(e, ERR_MEMORY, "out of memory");
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, 0, 0); /* the same content is the same bytes */
	archive_entry_set_size(entry, (la_int64_t)size);
	int rc = archive_write_header(tar, entry);
	archive_entry_free(entry);
	return rc == ARCHIVE_OK ? 0 : tar_error(tar, "write", path, e);
}

static int pack_data(struct archive *tar, const char *path, const void *p, size_t n, struct err *e)
{
	return archive_write_data(tar, p, n) == (la_ssize_t)n ? 0 : tar_error(tar, "write", path, e);
}

static int pack_artifact(struct artifacts *a, struct entry *entry, struct archive *tar, const char *path,
			 struct err *e)
{
	AUTO_FREE char *chunk = malloc(CHUNK), *name = NULL;
	AUTO_CLOSE int fd = -1;
	if (!chunk || asprintf(&name, FOLDER "%s/%s", entry->version, entry->name) < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	int r = entry_cached(a, entry, NULL, NULL, &fd, e);
	if (r == 0 && fd < 0)
		r = err_set(e, ERR_FAILED, "'%s' is not in the cache any more; run it again", entry->name);
	uint64_t left = atomic_load(&entry->pub.size);
	if (r == 0)
		r = pack_header(tar, path, name, left, e);
	while (r == 0 && left) {
		r = cancel_wished(a->o.cancel, e);
		if (r < 0)
			break;
		ssize_t n = read(fd, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot read '%s' in the cache", entry->name);
		if (n == 0 || (uint64_t)n > left)
			return err_set(e, ERR_FAILED, "'%s' changed in the cache; run it again", entry->name);
		r = pack_data(tar, path, chunk, (size_t)n, e);
		left -= (uint64_t)n;
	}
	return r;
}

/* Only what is packed: the file's own lock may have pins of other architectures. */
static int pack_lock(struct artifacts *a, struct archive *tar, const char *path, struct err *e)
{
	AUTO_BUF struct buf text;
	struct lockfile l = { 0 };
	buf_init(&text, LOCKFILE_BYTES);
	int r = 0;
	for (size_t i = 0; r == 0 && i < a->n; i++) {
		const struct pin *pin = lockfile_find(&a->lock, a->v[i].name, a->v[i].version);
		r = pin ? lockfile_set(&l, pin, e) : err_set(e, ERR_BUG, "'%s' is not locked", a->v[i].name);
	}
	if (r == 0 && lockfile_render(&l, &text) < 0)
		r = err_set(e, ERR_MEMORY, "out of memory");
	lockfile_clear(&l);
	if (r == 0)
		r = pack_header(tar, path, LOCK_ENTRY, text.len, e);
	return r < 0 ? r : pack_data(tar, path, buf_str(&text), text.len, e);
}

static int pack_all(struct artifacts *a, struct archive *tar, int fd, const char *path, struct err *e)
{
	/* ustar until a size or a name needs more */
	if (archive_write_set_format_pax_restricted(tar) != ARCHIVE_OK ||
	    archive_write_add_filter_none(tar) != ARCHIVE_OK || archive_write_open_fd(tar, fd) != ARCHIVE_OK)
		return tar_error(tar, "write", path, e);
	int r = pack_lock(a, tar, path, e);
	for (size_t i = 0; r == 0 && i < a->n; i++)
		r = pack_artifact(a, &a->v[i], tar, path, e);
	if (r == 0 && archive_write_close(tar) != ARCHIVE_OK)
		r = tar_error(tar, "write", path, e);
	return r;
}

int artifacts_pack(struct artifacts *a, const char *path, struct err *e)
{
	AUTO_FREE char *tmp = NULL;
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0) {
		tmp = NULL;
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	AUTO_CLOSE int fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot write beside '%s'", path);
	struct archive *tar = archive_write_new();
	int r = tar ? pack_all(a, tar, fd, path, e) : err_set(e, ERR_MEMORY, "out of memory");
	if (tar)
		archive_write_free(tar);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0))
		r = err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	if (r < 0)
		unlink(tmp);
	return r;
}

/* ---- taking apart */

struct unpacking {
	struct artifacts *a;
	struct archive *tar;
	const char *path;
	struct lockfile lock;		/* the bundle's */
	bool locked;
	artifact_progress *progress;
	void *ctx;
};

static int damaged(const struct unpacking *u, const char *what, struct err *e)
{
	return err_set(e, ERR_REFUSED, "'%s' is no sound bundle: %s; copy it again, or make it anew with 'powerstack fetch --bundle'",
		       u->path, what);
}

static int unpack_lock(struct unpacking *u, struct archive_entry *entry, struct err *e)
{
	AUTO_BUF struct buf text;
	char chunk[4096];
	buf_init(&text, LOCKFILE_BYTES);
	(void)entry;
	for (;;) {
		la_ssize_t n = archive_read_data(u->tar, chunk, sizeof(chunk));
		if (n < 0)
			return damaged(u, archive_error_string(u->tar), e);
		if (n == 0)
			break;
		if (buf_add(&text, chunk, (size_t)n) < 0)
			return damaged(u, "its lock is too large", e);
	}
	struct err why = { 0 };
	if (lockfile_parse(LOCK_ENTRY, buf_str(&text), text.len, &u->lock, &why) < 0)
		return damaged(u, why.msg, e);
	u->locked = true;
	for (size_t i = 0; i < u->a->n; i++) {
		const struct entry *ours = &u->a->v[i];
		const struct pin *pin = lockfile_find(&u->lock, ours->name, ours->version);
		if (!pin)
			return err_set(e, ERR_CONFIG,
				       "the bundle '%s' has no '%s' of version %s, which the inventory wants; make the bundle from this inventory, or change the inventory",
				       u->path, ours->name, ours->version);
		if (ours->pub.sha256[0] && strcmp(ours->pub.sha256, pin->sha256) != 0)
			return err_set(e, ERR_REFUSED,
				       "the bundle '%s' says that '%s' (%s) has sha256 %s, but '%s' says %s; nothing of it is used. If the bundle is right, remove the entry from the lock",
				       u->path, ours->name, ours->version, pin->sha256, u->a->lock_path,
				       ours->pub.sha256);
	}
	return 0;
}

static const struct artifact *ours(const struct unpacking *u, const struct pin *pin)
{
	for (size_t i = 0; i < u->a->n; i++)
		if (strcmp(u->a->v[i].name, pin->name) == 0)
			return &u->a->v[i].pub;
	return NULL;
}

static int unpack_data(struct unpacking *u, const struct pin *pin, struct part *p, struct err *e)
{
	AUTO_FREE char *chunk = malloc(CHUNK);
	const struct artifact *art = ours(u, pin);
	uint64_t at = 0;
	if (!chunk)
		return err_set(e, ERR_MEMORY, "out of memory");
	int r = part_empty(p, e);
	while (r == 0) {
		r = cancel_wished(u->a->o.cancel, e);
		if (r < 0)
			break;
		la_ssize_t n = archive_read_data(u->tar, chunk, CHUNK);
		if (n < 0)
			return damaged(u, archive_error_string(u->tar), e);
		if (n == 0)
			return 0;
		if (at + (uint64_t)n > (pin->size ? pin->size : ARTIFACT_BYTES))
			return damaged(u, "a file in it is larger than its lock says", e);
		for (la_ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(p->fd, chunk + done, (size_t)(n - done), (off_t)at);
			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return cache_write_failed(p->path, errno, e);
			done += w;
			at += (uint64_t)w;
		}
		if (u->progress && art)
			u->progress(u->ctx, art, at, pin->size, "unpacking");
	}
	return r;
}

static int unpack_into(struct unpacking *u, const struct pin *pin, struct part *p, struct err *e)
{
	char sum[65];
	int r = unpack_data(u, pin, p, e);
	if (r == 0)
		r = cache_sum(p->fd, p->path, u->a->o.cancel, NULL, NULL, sum, e);
	if (r == 0 && strcmp(sum, pin->sha256) != 0)
		r = err_set(e, ERR_REFUSED,
			    "'%s' in the bundle '%s' has sha256 %s, but the lock in it says %s: it is damaged; copy the bundle again",
			    pin->name, u->path, sum, pin->sha256);
	if (r < 0) {
		(void)part_empty(p, NULL);
		return r;
	}
	return part_commit(p, e);
}

/* A file that the cache has under its sum is verified: it is not taken from the bundle again. */
static int is_cached(struct unpacking *u, const struct pin *pin, bool *ret, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	char sum[65];
	int r = cache_open(u->a->cache, pin->sha256, &fd, &st, e);
	if (r < 0)
		return r;
	*ret = false;
	if (fd < 0)
		return 0;
	r = cache_sum(fd, pin->name, u->a->o.cancel, NULL, NULL, sum, e);
	if (r < 0)
		return r;
	*ret = strcmp(sum, pin->sha256) == 0;
	return *ret ? 0 : cache_drop(u->a->cache, pin->sha256, &st, e);
}

static int unpack_artifact(struct unpacking *u, const char *name, struct err *e)
{
	const struct pin *pin = NULL;
	for (size_t i = 0; i < u->lock.n && !pin; i++) {
		char path[sizeof(FOLDER) + sizeof(pin->version) + sizeof(pin->name)];
		snprintf(path, sizeof(path), FOLDER "%s/%s", u->lock.v[i].version, u->lock.v[i].name);
		if (strcmp(path, name) == 0)
			pin = &u->lock.v[i];
	}
	if (!pin)
		return damaged(u, "it has a file that its lock does not name", e);
	bool whole = false;
	int r = is_cached(u, pin, &whole, e);
	if (r < 0 || whole)
		return r;
	struct part p = { .fd = -1 };
	r = part_open(u->a->cache, pin->sha256, u->a->o.cancel, NULL, NULL, &p, &whole, e);
	if (r < 0 || whole)
		return r;
	r = unpack_into(u, pin, &p, e);
	part_close(&p);
	return r;
}

static int unpack_all(struct unpacking *u, struct err *e)
{
	if (archive_read_support_format_tar(u->tar) != ARCHIVE_OK ||
	    archive_read_support_filter_none(u->tar) != ARCHIVE_OK ||
	    archive_read_open_filename(u->tar, u->path, CHUNK) != ARCHIVE_OK)
		return tar_error(u->tar, "read", u->path, e);
	for (;;) {
		struct archive_entry *entry = NULL;
		int rc = archive_read_next_header(u->tar, &entry);
		if (rc == ARCHIVE_EOF)
			break;
		if (rc != ARCHIVE_OK)
			return damaged(u, archive_error_string(u->tar), e);
		const char *name = archive_entry_pathname(entry);
		if (!name || archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
			return damaged(u, "it holds something else than files", e);
		if (!u->locked && strcmp(name, LOCK_ENTRY) != 0)
			return damaged(u, "it does not begin with " LOCK_ENTRY, e);
		int r = u->locked ? unpack_artifact(u, name, e) : unpack_lock(u, entry, e);
		if (r < 0)
			return r;
	}
	return u->locked ? 0 : damaged(u, "it is empty", e);
}

/* Takes over the bundle's pins of what we want, and sees that all of it came. */
static int adopt(struct unpacking *u, struct err *e)
{
	struct artifacts *a = u->a;
	for (size_t i = 0; i < a->n; i++) {
		struct entry *entry = &a->v[i];
		const struct pin *pin = lockfile_find(&u->lock, entry->name, entry->version);
		struct stat st;
		AUTO_CLOSE int fd = -1;
		int r = 0;
		if (!entry->pub.sha256[0])
			r = entry_pin(a, entry, pin->sha256, pin->size, pin->url, e);
		if (r == 0)
			r = cache_open(a->cache, pin->sha256, &fd, &st, e);
		if (r == 0 && fd < 0)
			r = damaged(u, "a file that its lock names is missing", e);
		if (r < 0)
			return r;
	}
	return artifacts_write_lock(a, e);
}

int artifacts_unpack(struct artifacts *a, const char *path, artifact_progress *progress, void *ctx,
		     struct err *e)
{
	struct unpacking u = { .a = a, .path = path, .progress = progress, .ctx = ctx };
	u.tar = archive_read_new();
	if (!u.tar)
		return err_set(e, ERR_MEMORY, "out of memory");
	int r = unpack_all(&u, e);
	if (r == 0)
		r = adopt(&u, e);
	archive_read_free(u.tar);
	lockfile_clear(&u.lock);
	return r;
}
