/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/lockfile.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ydoc.h"

#define PINS_MAX 1024u

static const char head[] =
	"# Made by powerstack: what exactly is installed. Keep it with the inventory. An entry that is\n"
	"# removed is taken anew from the release's checksums.\n";

bool is_sha256(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdefABCDEF") == 64;
}

bool is_pin_name(const char *s, size_t max)
{
	size_t len = strlen(s);
	if (len == 0 || len > max || *s == '.' || *s == '-')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._+-", *s))
			return false;
	return true;
}

bool is_pin_url(const char *s)
{
	const char *host = strncmp(s, "https://", 8) == 0 ? s + 8 : strncmp(s, "http://", 7) == 0 ? s + 7 : "";
	if (!isalnum((unsigned char)*host) && *host != '[')
		return false;
	for (const char *p = host; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._~:/?#[]@!$&()*+,;=%", *p)) /* RFC 3986, 2 */
			return false;
	return strlen(s) < PIN_URL_MAX;
}

static int bad(const char *path, const struct ynode *at, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG,
		       "%s:%u:%u: %s; restore the file from where the inventory is kept, or remove the entry",
		       path, at->line, at->column, what);
}

static bool read_size(const char *s, uint64_t *ret)
{
	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 18)
		return false;
	*ret = strtoull(s, NULL, 10);
	return *ret > 0;
}

static int read_pin(const char *path, const struct ypair *pair, struct pin *ret, struct err *e)
{
	const struct ynode *key = pair->key, *map = pair->value;
	if (!is_pin_name(key->text, sizeof(ret->name) - 1))
		return bad(path, key, "an artifact's name is letters, digits, '.', '_', '+' and '-'", e);
	if (map->kind != YDOC_MAP)
		return bad(path, map, "an artifact has version, sha256 and size below it", e);
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *k = map->pairs[i].key, *v = map->pairs[i].value;
		if (v->kind != YDOC_SCALAR)
			return bad(path, v, "a single value belongs here", e);
		if (strcmp(k->text, "version") == 0) {
			if (!is_pin_name(v->text, sizeof(ret->version) - 1))
				return bad(path, v, "this is no version", e);
			snprintf(ret->version, sizeof(ret->version), "%s", v->text);
		} else if (strcmp(k->text, "sha256") == 0) {
			if (!is_sha256(v->text))
				return bad(path, v, "a sha256 is 64 hex digits", e);
			for (size_t j = 0; j < 65; j++)
				ret->sha256[j] = (char)tolower((unsigned char)v->text[j]);
		} else if (strcmp(k->text, "size") == 0) {
			if (!read_size(v->text, &ret->size))
				return bad(path, v, "a size is a number of bytes", e);
		} else if (strcmp(k->text, "url") == 0) {
			if (!is_pin_url(v->text))
				return bad(path, v, "this is no address", e);
			snprintf(ret->url, sizeof(ret->url), "%s", v->text);
		} else {
			return bad(path, k, "only version, sha256, size and url are known here", e);
		}
	}
	if (!ret->version[0] || !ret->sha256[0])
		return bad(path, key, "version and sha256 are both needed", e);
	snprintf(ret->name, sizeof(ret->name), "%s", key->text);
	return 0;
}

int lockfile_parse(const char *path, const void *bytes, size_t len, struct lockfile *ret,
		   struct err *e)
{
	struct ydoc doc = { 0 };
	struct lockfile l = { 0 };
	int r = ydoc_parse(path, bytes, len, &doc, e);
	if (r < 0)
		return r;
	if (doc.root && doc.root->kind != YDOC_MAP)
		r = bad(path, doc.root, "a mapping of artifacts belongs here", e);
	else if (doc.root && doc.root->n > PINS_MAX)
		r = bad(path, doc.root, "there are too many entries", e);
	for (size_t i = 0; r == 0 && doc.root && i < doc.root->n; i++) {
		struct pin pin = { 0 };
		r = read_pin(path, &doc.root->pairs[i], &pin, e);
		if (r == 0)
			r = lockfile_set(&l, &pin, e);
	}
	ydoc_free(&doc);
	if (r < 0) {
		lockfile_clear(&l);
		return r;
	}
	*ret = l;
	return 0;
}

int lockfile_render(const struct lockfile *l, struct buf *out)
{
	buf_adds(out, head);
	for (size_t i = 0; i < l->n; i++) {
		const struct pin *p = &l->v[i];
		buf_addf(out, "%s:\n  version: %s\n  sha256: %s\n", p->name, p->version, p->sha256);
		if (p->size)
			buf_addf(out, "  size: %" PRIu64 "\n", p->size);
		if (p->url[0])
			buf_addf(out, "  url: %s\n", p->url);
	}
	return out->full ? -(int)ERR_MEMORY : 0;
}

/* Where name is, or where it belongs. */
static size_t place_of(const struct lockfile *l, const char *name, bool *ret_there)
{
	size_t i = 0;
	while (i < l->n && strcmp(l->v[i].name, name) < 0)
		i++;
	*ret_there = i < l->n && strcmp(l->v[i].name, name) == 0;
	return i;
}

const struct pin *lockfile_find(const struct lockfile *l, const char *name, const char *version)
{
	bool there;
	size_t i = place_of(l, name, &there);
	return there && strcmp(l->v[i].version, version) == 0 ? &l->v[i] : NULL;
}

int lockfile_set(struct lockfile *l, const struct pin *pin, struct err *e)
{
	bool there;
	size_t i = place_of(l, pin->name, &there);
	if (!there) {
		struct pin *v = reallocarray(l->v, l->n + 1, sizeof(*v));
		if (!v)
			return err_set(e, ERR_MEMORY, "out of memory");
		l->v = v;
		memmove(v + i + 1, v + i, (l->n - i) * sizeof(*v));
		l->n++;
	}
	l->v[i] = *pin;
	return 0;
}

void lockfile_clear(struct lockfile *l)
{
	free(l->v);
	*l = (struct lockfile){ 0 };
}
