/* SPDX-License-Identifier: BSD-2-Clause */
/* The set of artifacts of an inventory, and its lock. */
#include "provision/artifact/artifact.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/artifact/cache.h"
#include "provision/artifact/private.h"

#define LOCK_NAME "powerstack.lock"

static bool is_wanted(const struct artifacts *a, const struct release_file *f)
{
	const char *const *part = a->o.parts;
	bool chosen = !part || !*part;
	for (; !chosen && *part; part++)
		chosen = strcmp(*part, f->part) == 0;
	for (size_t i = 0; chosen && i < a->inv->nhosts; i++)
		if ((a->inv->hosts[i].roles & f->roles) &&
		    (!*f->arch || strcmp(a->inv->hosts[i].arch, f->arch) == 0))
			return true;
	return false;
}

static const char *version_of(const struct release_file *f, const struct inventory *inv)
{
	return *(const char *const *)((const char *)inv + f->version_at);
}

/* Appends text with the version in the place of "{version}". A '+' in a URL's path is written %2B: some servers take
 * it for a blank. */
static void expand(struct buf *out, const char *text, const char *version, bool url)
{
	static const char mark[] = "{version}";
	while (*text) {
		bool here = strncmp(text, mark, sizeof(mark) - 1) == 0;
		const char *p = here ? version : text;
		size_t n = here ? strlen(version) : 1;
		for (size_t i = 0; i < n; i++)
			if (url && p[i] == '+')
				buf_adds(out, "%2B");
			else
				buf_addc(out, p[i]);
		text += here ? sizeof(mark) - 1 : 1;
	}
}

/* The address of upstream's folder, with a slash at its end. */
static void add_folder(struct buf *out, const struct release_file *f, const struct inventory *inv)
{
	if (f->base) {
		expand(out, f->base, version_of(f, inv), true);
		return;
	}
	const char *repo = *(const char *const *)((const char *)inv + f->repo_at);
	size_t n = strlen(repo);
	while (n && repo[n - 1] == '/')
		n--;
	buf_add(out, repo, n);
	buf_addc(out, '/');
}

/* "https://HOST/PATH" behind a mirror is "<mirror>/HOST/PATH". */
static int behind_mirror(const char *url, const struct inventory *inv, char **ret, struct err *e)
{
	AUTO_BUF struct buf b;
	const char *mirror = inv->artifact_mirror;
	buf_init(&b, 16384);
	if (mirror) {
		size_t n = strlen(mirror);
		while (n && mirror[n - 1] == '/')
			n--;
		buf_add(&b, mirror, n);
		buf_addc(&b, '/');
		url = strstr(url, "://") + 3;
	}
	buf_adds(&b, url);
	char *text = buf_take(&b);
	if (!text)
		return err_set(e, ERR_MEMORY, "out of memory");
	free(*ret);
	*ret = text;
	return 0;
}

static int expanded(const char *text, const char *version, char **ret, struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 4096);
	expand(&b, text, version, false);
	*ret = buf_take(&b);
	return *ret ? 0 : err_set(e, ERR_MEMORY, "out of memory");
}

static int url_of(const struct release_file *f, const struct inventory *inv, const char *file, char **ret,
		  struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 16384);
	add_folder(&b, f, inv);
	expand(&b, file, version_of(f, inv), true);
	return b.full ? err_set(e, ERR_MEMORY, "out of memory") : behind_mirror(buf_str(&b), inv, ret, e);
}

/* Where a reference in an index leads (RFC 3986, 5.2, as far as such indexes use it). */
static int resolve(const struct release_file *f, const struct inventory *inv, const char *reference,
		   char ret[static PIN_URL_MAX], struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, PIN_URL_MAX - 1);
	if (!strstr(reference, "://")) {
		add_folder(&b, f, inv);
		if (*reference == '/' && !b.full) {
			b.len = (size_t)(strchrnul(strstr(b.data, "://") + 3, '/') - b.data);
			b.data[b.len] = '\0';
		}
	}
	buf_adds(&b, reference);
	if (b.full || !is_pin_url(buf_str(&b)))
		return err_set(e, ERR_FAILED, "the index gives an address that cannot be used: '%.200s'", reference);
	memcpy(ret, buf_str(&b), b.len + 1);
	return 0;
}

static void show_entry(struct entry *entry)
{
	entry->pub.what = entry->row->what;
	entry->pub.arch = entry->row->arch;
	entry->pub.name = entry->name;
	entry->pub.version = entry->version;
	entry->pub.url = entry->url;
	entry->pub.sums_url = entry->sums_url;
}

static int fill_archive(struct entry *entry, const char *path, struct err *e)
{
	entry->row = &image_archive;
	entry->local = path;
	if (!(entry->name = strdup(file_name(path))) || !(entry->version = strdup(IMAGE_ARCHIVE_VERSION)) ||
	    !(entry->url = strdup("")) || !(entry->sums = strdup("")) || !(entry->sums_url = strdup("")))
		return err_set(e, ERR_MEMORY, "out of memory");
	show_entry(entry);
	return 0;
}

static int fill_entry(struct entry *entry, const struct release_file *f, const struct inventory *inv,
		      struct err *e)
{
	const char *version = version_of(f, inv);
	int r = expanded(f->name, version, &entry->name, e);
	entry->row = f;
	if (r == 0)
		r = expanded(f->sums, version, &entry->sums, e);
	if (r == 0 && f->form == SUMS_LINES)
		r = url_of(f, inv, f->name, &entry->url, e);
	else if (r == 0 && !(entry->url = strdup("")))
		r = err_set(e, ERR_MEMORY, "out of memory");
	if (r == 0)
		r = url_of(f, inv, f->sums, &entry->sums_url, e);
	if (r == 0 && !(entry->version = strdup(version)))
		r = err_set(e, ERR_MEMORY, "out of memory");
	show_entry(entry);
	return r;
}

static int take_pin(struct entry *entry, const struct inventory *inv, const struct pin *pin, struct err *e)
{
	/* other threads may be reading what is there: sum and address are written once */
	if (strcmp(entry->pub.sha256, pin->sha256) != 0)
		memcpy(entry->pub.sha256, pin->sha256, sizeof(pin->sha256));
	atomic_store(&entry->pub.size, pin->size);
	if (entry->row->form != SUMS_INDEX || !pin->url[0] || entry->url[0])
		return 0;
	int r = behind_mirror(pin->url, inv, &entry->url, e);
	entry->pub.url = entry->url;
	return r;
}

static int read_lock(struct artifacts *a, struct err *e)
{
	AUTO_BUF struct buf b;
	int missing = 0;
	buf_init(&b, LOCKFILE_BYTES);
	int r = file_read(a->lock_path, &b, &missing, e);
	if (missing) {
		err_clear(e);
		return 0;
	}
	if (r == 0)
		r = lockfile_parse(a->lock_path, buf_str(&b), b.len, &a->lock, e);
	if (r < 0 && e)
		e->kind = ERR_CONFIG;
	return r < 0 ? -(int)ERR_CONFIG : 0;
}

static int lock_path(const char *inventory, char **ret, struct err *e)
{
	const char *slash = strrchr(inventory, '/');
	int dir = slash ? (int)(slash - inventory + 1) : 0;
	if (asprintf(ret, "%.*s" LOCK_NAME, dir, inventory) >= 0)
		return 0;
	*ret = NULL;
	return err_set(e, ERR_MEMORY, "out of memory");
}

static int open_all(struct artifacts *a, struct err *e)
{
	int r = lock_path(a->inv->path, &a->lock_path, e);
	if (r == 0)
		r = cache_dir(a->o.cache_dir, &a->cache, e);
	if (r == 0)
		r = read_lock(a, e);
	const size_t n = nrelease_files + a->inv->nimage_archives;
	if (r == 0 && !(a->v = calloc(n, sizeof(*a->v))))
		r = err_set(e, ERR_MEMORY, "out of memory");
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct release_file *f = i < nrelease_files ? &release_files[i] : &image_archive;
		if (!is_wanted(a, f))
			continue;
		struct entry *entry = &a->v[a->n++];
		if (i < nrelease_files)
			r = fill_entry(entry, f, a->inv, e);
		else
			r = fill_archive(entry, a->inv->image_archives[i - nrelease_files], e);
		const struct pin *pin = r < 0 ? NULL : lockfile_find(&a->lock, entry->name, entry->version);
		if (pin)
			r = take_pin(entry, a->inv, pin, e);
	}
	return r;
}

int artifacts_open(const struct inventory *inv, const struct artifact_options *o,
		   struct artifacts **ret, struct err *e)
{
	struct artifacts *a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_MEMORY, "out of memory");
	a->o = *o;
	a->inv = inv;
	pthread_mutex_init(&a->guard, NULL);
	int r = open_all(a, e);
	if (r < 0) {
		artifacts_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void artifacts_free(struct artifacts *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->v[i].name);
		free(a->v[i].version);
		free(a->v[i].url);
		free(a->v[i].sums);
		free(a->v[i].sums_url);
	}
	free(a->v);
	free(a->lock_path);
	free(a->cache);
	lockfile_clear(&a->lock);
	pthread_mutex_destroy(&a->guard);
	free(a);
}

size_t artifacts_count(const struct artifacts *a)
{
	return a->n;
}

const struct artifact *artifacts_at(const struct artifacts *a, size_t i)
{
	return &a->v[i].pub;
}

const struct artifact *artifacts_find(const struct artifacts *a, const char *what, const char *arch)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].pub.what, what) == 0 &&
		    (!*a->v[i].pub.arch || strcmp(a->v[i].pub.arch, arch) == 0))
			return &a->v[i].pub;
	return NULL;
}

const char *artifacts_lock_path(const struct artifacts *a)
{
	return a->lock_path;
}

const char *artifacts_cache_dir(const struct artifacts *a)
{
	return a->cache;
}

/* Is pin of the version that the inventory has now? Another architecture's stays: it may come back. */
static bool pin_is_current(const struct artifacts *a, const struct pin *pin)
{
	for (size_t i = 0; i < nrelease_files; i++) {
		AUTO_FREE char *name = NULL;
		const char *version = version_of(&release_files[i], a->inv);
		if (expanded(release_files[i].name, version, &name, NULL) == 0 &&
		    strcmp(name, pin->name) == 0 && strcmp(version, pin->version) == 0)
			return true;
	}
	for (size_t i = 0; i < a->inv->nimage_archives; i++)
		if (strcmp(file_name(a->inv->image_archives[i]), pin->name) == 0)
			return strcmp(IMAGE_ARCHIVE_VERSION, pin->version) == 0;
	return false;
}

static int write_lock(struct artifacts *a, struct err *e)
{
	AUTO_BUF struct buf now, was;
	struct lockfile kept = { 0 };
	buf_init(&now, LOCKFILE_BYTES);
	buf_init(&was, LOCKFILE_BYTES);
	int r = 0;
	for (size_t i = 0; r == 0 && i < a->lock.n; i++)
		if (pin_is_current(a, &a->lock.v[i]))
			r = lockfile_set(&kept, &a->lock.v[i], e);
	if (r == 0 && lockfile_render(&kept, &now) < 0)
		r = err_set(e, ERR_MEMORY, "out of memory");
	if (r < 0) {
		lockfile_clear(&kept);
		return r;
	}
	lockfile_clear(&a->lock);
	a->lock = kept;
	if (file_read(a->lock_path, &was, NULL, NULL) == 0 && was.len == now.len &&
	    memcmp(buf_str(&was), buf_str(&now), now.len) == 0)
		return 0;
	return file_replace(a->lock_path, 0644, buf_str(&now), now.len, e);
}

int artifacts_write_lock(struct artifacts *a, struct err *e)
{
	pthread_mutex_lock(&a->guard);
	int r = write_lock(a, e);
	pthread_mutex_unlock(&a->guard);
	return r;
}

int entry_pin(struct artifacts *a, struct entry *entry, const char *sha256, uint64_t size, const char *url,
	      struct err *e)
{
	struct pin pin = { .size = size };
	if (url && *url) {
		int rc = resolve(entry->row, a->inv, url, pin.url, e);
		if (rc < 0)
			return rc;
	}
	snprintf(pin.name, sizeof(pin.name), "%s", entry->name);
	snprintf(pin.version, sizeof(pin.version), "%s", entry->version);
	snprintf(pin.sha256, sizeof(pin.sha256), "%s", sha256);
	pthread_mutex_lock(&a->guard);
	const struct pin *was = lockfile_find(&a->lock, pin.name, pin.version);
	if (was && !pin.url[0])
		memcpy(pin.url, was->url, sizeof(pin.url));
	int r = lockfile_set(&a->lock, &pin, e);
	pthread_mutex_unlock(&a->guard);
	return r < 0 ? r : take_pin(entry, a->inv, &pin, e);
}
