/* SPDX-License-Identifier: BSD-2-Clause */
/* From the sources into the cache. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/steady.h"
#include "provision/artifact/artifact.h"
#include "provision/artifact/cache.h"
#include "provision/artifact/download.h"
#include "provision/artifact/index.h"
#include "provision/artifact/private.h"
#include "provision/artifact/sums.h"

#define STALL_S 30
#define JOBS 4
#define CHUNK (256u << 10)

static const char *const from_names[] = {
	[FROM_NOWHERE] = "",
	[FROM_CACHE] = "cache",
	[FROM_INVENTORY] = "image_archives",
	[FROM_AIRGAP_DIR] = "airgap_dir",
	[FROM_UPSTREAM] = "upstream",
};

const char *artifact_from_name(enum artifact_from f)
{
	return from_names[f];
}

static void note(const struct artifacts *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(const struct artifacts *a, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (a->o.note)
		a->o.note(a->o.note_ctx, text);
}

/* Who is told how far one artifact is. */
struct teller {
	const struct artifact *art;
	artifact_progress *progress;
	void *ctx;
};

static void tell(const struct teller *t, uint64_t done, uint64_t total, const char *doing)
{
	if (t->progress)
		t->progress(t->ctx, t->art, done, total, doing);
}

static void tell_checking(void *ctx, uint64_t done, uint64_t total)
{
	tell(ctx, done, total, "checking");
}

static void tell_waiting(void *ctx, uint64_t size)
{
	const struct teller *t = ctx;
	tell(t, size, atomic_load(&t->art->size), "waiting for another powerstack");
}

static void tell_download(void *ctx, uint64_t done, uint64_t total, const char *doing)
{
	tell(ctx, done, total, doing);
}

/* ---- the cache */

static bool was_verified(struct artifacts *a, const struct entry *entry, const struct stat *st)
{
	pthread_mutex_lock(&a->guard);
	const struct stat *v = &entry->verified;
	bool same = v->st_ino && v->st_ino == st->st_ino && v->st_dev == st->st_dev && v->st_size == st->st_size &&
		    v->st_mtim.tv_sec == st->st_mtim.tv_sec && v->st_mtim.tv_nsec == st->st_mtim.tv_nsec &&
		    v->st_ctim.tv_sec == st->st_ctim.tv_sec && v->st_ctim.tv_nsec == st->st_ctim.tv_nsec;
	pthread_mutex_unlock(&a->guard);
	return same;
}

static void set_verified(struct artifacts *a, struct entry *entry, const struct stat *st)
{
	pthread_mutex_lock(&a->guard);
	entry->verified = *st;
	pthread_mutex_unlock(&a->guard);
}

int entry_cached(struct artifacts *a, struct entry *entry, artifact_progress *progress, void *ctx,
		 int *ret_fd, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;
	char sum[65];
	struct teller t = { &entry->pub, progress, ctx };
	int r = cache_open(a->cache, entry->pub.sha256, &fd, &st, e);
	if (r < 0)
		return r;
	*ret_fd = -1;
	if (fd < 0)
		return 0;
	if (!was_verified(a, entry, &st)) {
		r = cache_sum(fd, entry->pub.sha256, a->o.cancel, tell_checking, &t, sum, e);
		if (r < 0)
			return r;
		if (strcmp(sum, entry->pub.sha256) != 0) {
			note(a, "'%s' in the cache was damaged; it is fetched anew", entry->name);
			return cache_drop(a->cache, entry->pub.sha256, &st, e);
		}
		set_verified(a, entry, &st);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- files of this machine */

/* -1 in *ret_fd when there is no such file. */
static int open_local(const char *path, int *ret_fd, struct err *e)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*ret_fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	return 0;
}

/* -1 in *ret_fd when there is no airgap_dir or it has no such file. */
static int airgap_open(const struct artifacts *a, const char *name, char **ret_path, int *ret_fd, struct err *e)
{
	*ret_fd = -1;
	if (!a->inv->airgap_dir)
		return 0;
	if (asprintf(ret_path, "%s/%s", a->inv->airgap_dir, name) < 0) {
		*ret_path = NULL;
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	return open_local(*ret_path, ret_fd, e);
}

/* The entry's own file: where the inventory names it, then in airgap_dir. -1 in *ret_fd when neither has it. */
static int own_open(const struct artifacts *a, const struct entry *entry, char **ret_path, int *ret_fd,
		    enum artifact_from *ret_from, struct err *e)
{
	*ret_fd = -1;
	if (entry->local) {
		int r = open_local(entry->local, ret_fd, e);
		*ret_from = FROM_INVENTORY;
		if (r == 0 && *ret_fd >= 0 && !(*ret_path = strdup(entry->local)))
			r = err_set(e, ERR_MEMORY, "out of memory");
		if (r < 0 || *ret_fd >= 0)
			return r;
	}
	*ret_from = FROM_AIRGAP_DIR;
	return airgap_open(a, entry->name, ret_path, ret_fd, e);
}

static int copy_in(const struct artifacts *a, int from, const char *path, struct part *p, const struct teller *t,
		   struct err *e)
{
	AUTO_FREE char *chunk = malloc(CHUNK);
	struct stat st;
	if (!chunk)
		return err_set(e, ERR_MEMORY, "out of memory");
	if (fstat(from, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	int r = part_empty(p, e);
	for (off_t at = 0; r == 0;) {
		r = cancel_wished(a->o.cancel, e);
		if (r < 0)
			break;
		ssize_t n = read(from, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
		if (n == 0)
			return 0;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(p->fd, chunk + done, (size_t)(n - done), at);
			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return cache_write_failed(p->path, errno, e);
			done += w;
			at += w;
		}
		tell(t, (uint64_t)at, (uint64_t)st.st_size, "copying");
	}
	return r;
}

/* ---- one artifact */

static int sum_part(const struct artifacts *a, struct part *p, struct teller *t, char ret[static 65], struct err *e)
{
	return cache_sum(p->fd, p->path, a->o.cancel, tell_checking, t, ret, e);
}

static int refuse(const struct artifacts *a, const struct entry *entry, const char *where, const char *sum,
		  struct err *e)
{
	return err_set(e, ERR_REFUSED,
		       "'%s' (%s) from '%s' has sha256 %s, but '%s' says %s: it is damaged, or what was pinned has been changed; it is not used. Try again or from another source; if the change is meant, remove its entry from the lock",
		       entry->name, entry->version, where, sum, a->lock_path, entry->pub.sha256);
}

/* Fills the part with bytes that have the entry's sum. */
static int fill_from_local(struct artifacts *a, struct entry *entry, int from, const char *path, struct part *p,
			    struct teller *t, struct err *e)
{
	char sum[65];
	int r = copy_in(a, from, path, p, t, e);
	if (r == 0)
		r = sum_part(a, p, t, sum, e);
	if (r == 0 && strcmp(sum, entry->pub.sha256) != 0)
		r = refuse(a, entry, path, sum, e);
	if (r < 0) /* a copy costs nothing: nothing of it is kept */
		(void)part_empty(p, NULL);
	return r;
}

static int fill_from_upstream(struct artifacts *a, struct entry *entry, struct part *p, struct teller *t,
			      uint64_t *received, struct err *e)
{
	const uint64_t size = atomic_load(&entry->pub.size);
	const struct download d = {
		.url = entry->url,
		.name = entry->name,
		.path = p->path,
		.size = size,
		.max = size ? size : ARTIFACT_BYTES,
		.stall_s = a->o.stall_s ? a->o.stall_s : STALL_S,
		.cancel = a->o.cancel,
		.progress = tell_download,
		.ctx = t,
	};
	char sum[65];
	for (;;) {
		struct downloaded got = { 0 };
		int r = download(&d, p->fd, &got, e);
		*received += got.received;
		if (r < 0) {
			if (r == -(int)ERR_REFUSED)
				(void)part_empty(p, NULL);
			return r;
		}
		r = sum_part(a, p, t, sum, e);
		if (r < 0 || strcmp(sum, entry->pub.sha256) == 0)
			return r;
		r = part_empty(p, e);
		if (r < 0)
			return r;
		/* the beginning may be of other bytes than the rest: once more, in one piece */
		if (!got.continued)
			return refuse(a, entry, entry->url, sum, e);
	}
}

static int fill_part(struct artifacts *a, struct entry *entry, struct part *p, struct teller *t,
		     struct fetched *f, struct err *e)
{
	char sum[65] = "";
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int from = -1;
	int r = 0;
	if (p->size) /* complete when the run before ended between its last byte and the rename */
		r = sum_part(a, p, t, sum, e);
	if (r < 0)
		return r;
	if (strcmp(sum, entry->pub.sha256) == 0) {
		f->from = FROM_UPSTREAM;
		return 0;
	}
	enum artifact_from whence = FROM_NOWHERE;
	r = own_open(a, entry, &path, &from, &whence, e);
	if (r < 0)
		return r;
	if (from >= 0) {
		f->from = whence;
		return fill_from_local(a, entry, from, path, p, t, e);
	}
	if (entry->local)
		return err_set(e, ERR_FAILED, "'%s' is neither there nor in the cache '%s': put it there, or take it out of image_archives",
			       entry->local, a->cache);
	if (a->o.offline)
		return err_set(e, ERR_FAILED, "'%s' (%s) is not in the cache '%s'", entry->name, entry->version,
			       a->cache);
	if (!entry->url[0])
		return err_set(e, ERR_FAILED,
			       "'%s' (%s) is not in the cache, and '%s' does not say where it comes from: remove its entry there, so that '%s' is asked",
			       entry->name, entry->version, a->lock_path, entry->sums_url);
	f->from = FROM_UPSTREAM;
	return fill_from_upstream(a, entry, p, t, &f->received, e);
}

static int learn_size(struct artifacts *a, struct entry *entry, uint64_t size, struct err *e)
{
	if (atomic_load(&entry->pub.size) == size)
		return 0;
	int r = entry_pin(a, entry, entry->pub.sha256, size, NULL, e);
	return r < 0 ? r : artifacts_write_lock(a, e);
}

/* An fd on the verified bytes of entry; tells in f where they came from. */
static int obtain(struct artifacts *a, struct entry *entry, artifact_progress *progress, void *ctx,
		  struct fetched *f, int *ret_fd, struct err *e)
{
	struct teller t = { &entry->pub, progress, ctx };
	struct stat st;
	AUTO_CLOSE int fd = -1;
	bool fetched = false;
	if (!entry->pub.sha256[0])
		return err_set(e, ERR_BUG, "'%s' has no sum yet: artifacts_lock comes first", entry->name);
	for (;;) {
		int r = entry_cached(a, entry, progress, ctx, &fd, e);
		if (r < 0)
			return r;
		if (fd >= 0)
			break;
		struct part p = { .fd = -1 };
		bool whole = false;
		r = part_open(a->cache, entry->pub.sha256, a->o.cancel, tell_waiting, &t, &p, &whole, e);
		if (r < 0)
			return r;
		if (whole)
			continue;
		r = fill_part(a, entry, &p, &t, f, e);
		if (r == 0)
			r = part_commit(&p, e);
		if (r == 0 && fstat(p.fd, &st) == 0)
			set_verified(a, entry, &st);
		part_close(&p);
		if (r < 0)
			return r;
		fetched = true;
	}
	if (!fetched)
		f->from = FROM_CACHE;
	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s' in the cache", entry->name);
	int r = learn_size(a, entry, (uint64_t)st.st_size, e);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

/* The const is the caller's: an artifact is always a member of one of our entries. */
static struct entry *entry_of(struct artifacts *a, const struct artifact *art)
{
	for (size_t i = 0; i < a->n; i++)
		if (&a->v[i].pub == art)
			return &a->v[i];
	return NULL;
}

int artifact_open(struct artifacts *a, const struct artifact *art, artifact_progress *progress,
		  void *ctx, int *ret_fd, struct err *e)
{
	struct fetched f = { 0 };
	struct entry *entry = entry_of(a, art);
	if (!entry)
		return err_set(e, ERR_BUG, "an artifact of another inventory");
	return obtain(a, entry, progress, ctx, &f, ret_fd, e);
}

/* ---- the sums */

static int read_fd(int fd, const char *what, struct buf *out, struct err *e)
{
	char chunk[16384];
	for (off_t at = 0;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot read '%s'", what);
		if (n == 0)
			return 0;
		if (buf_add(out, chunk, (size_t)n) < 0)
			return err_set(e, ERR_FAILED, "'%s' is larger than such a file may be", what);
		at += n;
	}
}

static int download_sums(const struct artifacts *a, const struct entry *entry, struct buf *out, struct err *e)
{
	struct downloaded got = { 0 };
	AUTO_CLOSE int fd = memfd_create("sums", MFD_CLOEXEC);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot make room for '%s'", entry->sums);
	const struct download d = {
		.url = entry->sums_url,
		.name = entry->sums,
		.path = entry->sums,
		.max = out->max,
		.stall_s = a->o.stall_s ? a->o.stall_s : STALL_S,
		.cancel = a->o.cancel,
	};
	int r = download(&d, fd, &got, e);
	return r < 0 ? r : read_fd(fd, entry->sums_url, out, e);
}

/* The text of entry's checksum file, and in source where it was read. Nothing when airgap_dir has the file itself
 * but no checksum file. */
static int read_sums(const struct artifacts *a, const struct entry *entry, struct buf *out, char **ret_source,
		     struct err *e)
{
	AUTO_FREE char *path = NULL, *own = NULL;
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int own_fd = -1;
	int r = airgap_open(a, entry->sums, &path, &fd, e);
	if (r < 0)
		return r;
	if (fd >= 0) {
		r = read_fd(fd, path, out, e);
		*ret_source = take_ptr(&path);
		return r;
	}
	r = airgap_open(a, entry->name, &own, &own_fd, e);
	if (r < 0 || own_fd >= 0)
		return r;
	if (a->o.offline)
		return err_set(e, ERR_FAILED, "'%s' (%s) is not in '%s'", entry->name, entry->version, a->lock_path);
	r = download_sums(a, entry, out, e);
	if (r == 0 && !(*ret_source = strdup(entry->sums_url)))
		r = err_set(e, ERR_MEMORY, "out of memory");
	return r;
}

static int pin_own_sum(struct artifacts *a, struct entry *entry, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	enum artifact_from whence;
	struct stat st;
	char sum[65];
	int r = own_open(a, entry, &path, &fd, &whence, e);
	if (r < 0 || fd < 0)
		return r < 0 ? r : err_set(e, ERR_FAILED, "there is no '%s'", path ? path : entry->local);
	r = cache_sum(fd, path, a->o.cancel, NULL, NULL, sum, e);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	if (entry->row->form != SUMS_OWN)
		note(a, "'%s' is pinned as it is: there is no '%s' beside it to check it with", path, entry->sums);
	return entry_pin(a, entry, sum, (uint64_t)st.st_size, NULL, e);
}

/* A file of the user's may be another one by now. It is read only when it can be: of another size than the pinned one, or
 * younger than the lock. */
static int check_own_sum(struct artifacts *a, struct entry *entry, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	enum artifact_from whence;
	struct stat st, lock;
	char sum[65];
	int r = own_open(a, entry, &path, &fd, &whence, e);
	if (r < 0 || fd < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	if ((uint64_t)st.st_size == atomic_load(&entry->pub.size) && stat(a->lock_path, &lock) == 0 &&
	    (st.st_mtim.tv_sec < lock.st_mtim.tv_sec ||
	     (st.st_mtim.tv_sec == lock.st_mtim.tv_sec && st.st_mtim.tv_nsec < lock.st_mtim.tv_nsec)))
		return 0;
	r = cache_sum(fd, path, a->o.cancel, NULL, NULL, sum, e);
	return r < 0 || strcmp(sum, entry->pub.sha256) == 0 ? r : refuse(a, entry, path, sum, e);
}

/* What the checksum file or index says of entry. */
static int find_sum(const struct entry *entry, const char *source, const struct buf *text, char ret[static 65],
		    char ret_url[static PIN_URL_MAX], struct err *e)
{
	ret_url[0] = '\0';
	if (entry->row->form == SUMS_INDEX)
		return index_find(source, buf_str(text), text->len, entry->row->what, entry->version, ret, ret_url,
				  e);
	return sums_find(source, buf_str(text), text->len, entry->name, ret, e);
}

/* Takes the sums of all that the checksum file of first lists: those that are locked must agree. */
static int pin_from(struct artifacts *a, const struct entry *first, const char *source, const struct buf *text,
		    struct err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		struct entry *entry = &a->v[i];
		char sum[65], url[PIN_URL_MAX];
		if (strcmp(entry->sums_url, first->sums_url) != 0)
			continue;
		int r = find_sum(entry, source, text, sum, url, e);
		if (r < 0)
			return r;
		if (!entry->pub.sha256[0])
			r = entry_pin(a, entry, sum, 0, url, e);
		else if (strcmp(sum, entry->pub.sha256) != 0)
			return err_set(e, ERR_REFUSED,
				       "'%s' says that '%s' (%s) has sha256 %s, but '%s' says %s: what was pinned has been changed; nothing of it is used. Find out why; if the change is meant, remove its entry from the lock",
				       source, entry->name, entry->version, sum, a->lock_path, entry->pub.sha256);
		if (r < 0)
			return r;
	}
	return 0;
}

static int lock_entry(struct artifacts *a, struct entry *entry, struct err *e)
{
	const bool locked = entry->pub.sha256[0];
	AUTO_FREE char *source = NULL;
	AUTO_BUF struct buf text;
	buf_init(&text, entry->row->form == SUMS_INDEX ? INDEX_BYTES : SUMS_BYTES);
	if (entry->row->form == SUMS_OWN)
		return locked ? check_own_sum(a, entry, e) : pin_own_sum(a, entry, e);
	int r = locked ? 0 : read_sums(a, entry, &text, &source, e);
	if (r < 0 || locked)
		return r;
	return source ? pin_from(a, entry, source, &text, e) : pin_own_sum(a, entry, e);
}

int artifacts_lock(struct artifacts *a, struct err *e)
{
	for (size_t i = 0; i < a->n; i++)
		if (lock_entry(a, &a->v[i], e) < 0)
			return err_wrap(e, "the sum of '%s'", a->v[i].name);
	return artifacts_write_lock(a, e);
}

/* ---- all of them */

struct crew {
	struct artifacts *a;
	const struct fetch_watch *watch;
	struct fetched *rows;
	atomic_size_t next;
	pthread_mutex_t telling;
};

static void crew_progress(void *ctx, const struct artifact *art, uint64_t done, uint64_t total,
			  const char *doing)
{
	struct crew *c = ctx;
	if (!c->watch->progress)
		return;
	pthread_mutex_lock(&c->telling);
	c->watch->progress(c->watch->ctx, art, done, total, doing);
	pthread_mutex_unlock(&c->telling);
}

static void *work(void *arg)
{
	struct crew *c = arg;
	for (;;) {
		size_t i = atomic_fetch_add(&c->next, 1);
		if (i >= c->a->n)
			return NULL;
		struct fetched *f = &c->rows[i];
		AUTO_CLOSE int fd = -1;
		uint64_t began = steady_ms();
		if (cancel_wished(c->a->o.cancel, &f->err) == 0)
			obtain(c->a, &c->a->v[i], crew_progress, c, f, &fd, &f->err);
		f->ms = steady_ms() - began;
		if (!c->watch->done)
			continue;
		pthread_mutex_lock(&c->telling);
		c->watch->done(c->watch->ctx, f);
		pthread_mutex_unlock(&c->telling);
	}
}

static void work_together(struct crew *c)
{
	pthread_t threads[64];
	size_t n = c->a->o.jobs ? c->a->o.jobs : JOBS, started = 0;
	n = n > c->a->n ? c->a->n : n;
	n = n > COUNT(threads) ? COUNT(threads) : n;
	/* a thread that cannot be started is one less; this one works in any case */
	while (started + 1 < n && pthread_create(&threads[started], NULL, work, c) == 0)
		started++;
	work(c);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

int artifacts_fetch(struct artifacts *a, const struct fetch_watch *w, struct fetched *ret,
		    struct err *e)
{
	struct crew c = { .a = a, .watch = w, .rows = ret };
	for (size_t i = 0; i < a->n; i++)
		ret[i] = (struct fetched){ .artifact = &a->v[i].pub };
	int r = artifacts_lock(a, e);
	if (r < 0)
		return r;
	pthread_mutex_init(&c.telling, NULL);
	work_together(&c);
	pthread_mutex_destroy(&c.telling);
	for (size_t i = 0; i < a->n; i++)
		if (ret[i].err.kind != ERR_NONE) {
			if (e)
				*e = ret[i].err;
			return -(int)ret[i].err.kind;
		}
	return 0;
}
