/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/knownhosts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"

#define FILE_MAX ((size_t)16 * 1024 * 1024)
#define SALT_LEN 20	/* of the HMAC-SHA1 that hashes names (ssh-keygen -H) */

int khost_name(struct buf *ret, const char *host, unsigned port)
{
	int r = 0;
	bool plain = port == 22 || port == 0;
	if (!plain)
		r |= buf_addc(ret, '[');
	for (; *host; host++)
		r |= buf_addc(ret, (char)tolower((unsigned char)*host));
	if (!plain)
		r |= buf_addf(ret, "]:%u", port);
	return r ? -(int)ERR_MEMORY : 0;
}

/* Glob match of * and ? without recursion: on a mismatch go back to the last star. */
static bool glob(const char *p, size_t plen, const char *s, size_t slen)
{
	size_t i = 0, j = 0, star = (size_t)-1, mark = 0;
	while (j < slen) {
		if (i < plen && (p[i] == '?' || (p[i] != '*' && tolower((unsigned char)p[i]) == s[j]))) {
			i++, j++;
		} else if (i < plen && p[i] == '*') {
			star = i++;
			mark = j;
		} else if (star != (size_t)-1) {
			i = star + 1;
			j = ++mark;
		} else {
			return false;
		}
	}
	while (i < plen && p[i] == '*')
		i++;
	return i == plen;
}

static EVP_MD *sha1;
static void fetch_sha1(void)
{
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

/* One half of HMAC: SHA1 of the key with every byte of its block xor-ed, then the text. */
static bool keyed_sha1(EVP_MD_CTX *ctx, const unsigned char *salt, unsigned char pad, const void *text, size_t len,
		       unsigned char ret[20])
{
	unsigned char block[64];
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (unsigned char)((i < SALT_LEN ? salt[i] : 0) ^ pad);
	return EVP_DigestInit_ex(ctx, sha1, NULL) == 1 && EVP_DigestUpdate(ctx, block, sizeof(block)) == 1 &&
	       EVP_DigestUpdate(ctx, text, len) == 1 && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
}

/* HMAC-SHA1 (RFC 2104). Every line of a file of hashed names costs every host one of these, a million for a
 * thousand hosts; OpenSSL 3's own HMAC takes five times as long, most of it to look up what "SHA1" is. */
static bool hmac_sha1(const unsigned char salt[SALT_LEN], const char *name, unsigned char ret[20])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned char inner[20];
	pthread_once(&once, fetch_sha1);
	EVP_MD_CTX *ctx = sha1 ? EVP_MD_CTX_new() : NULL;
	bool ok = ctx && keyed_sha1(ctx, salt, 0x36, name, strlen(name), inner) &&
		  keyed_sha1(ctx, salt, 0x5c, inner, sizeof(inner), ret);
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* base64 of exactly `want` bytes. */
static bool unbase64(const char *s, size_t len, unsigned char *ret, size_t want)
{
	unsigned char tmp[64];
	if (len % 4 || len / 4 * 3 > sizeof(tmp) || len == 0)
		return false;
	int n = EVP_DecodeBlock(tmp, (const unsigned char *)s, (int)len);
	size_t pad = s[len - 1] != '=' ? 0 : s[len - 2] != '=' ? 1 : 2;
	if (n < 0 || (size_t)n - pad != want)
		return false;
	memcpy(ret, tmp, want);
	return true;
}

static bool hashed_matches(const char *s, size_t len, const char *name)
{
	if (len < 4 || memcmp(s, "|1|", 3) != 0)
		return false;
	s += 3, len -= 3;
	const char *bar = memchr(s, '|', len);
	if (!bar)
		return false;
	unsigned char salt[SALT_LEN], want[20], is[20];
	size_t rest = len - (size_t)(bar + 1 - s);
	return unbase64(s, (size_t)(bar - s), salt, sizeof(salt)) && unbase64(bar + 1, rest, want, sizeof(want)) &&
	       hmac_sha1(salt, name, is) && memcmp(want, is, sizeof(is)) == 0;
}

static bool names_match(const char *s, size_t len, const char *name)
{
	if (len && *s == '|')
		return hashed_matches(s, len, name);
	bool yes = false;
	size_t name_len = strlen(name);
	for (size_t at = 0; at <= len;) {
		const char *comma = memchr(s + at, ',', len - at);
		size_t end = comma ? (size_t)(comma - s) : len;
		const char *p = s + at;
		size_t n = end - at;
		bool negated = n && *p == '!';
		if (negated)
			p++, n--;
		if (n && glob(p, n, name, name_len)) {
			if (negated)
				return false;
			yes = true;
		}
		at = end + 1;
	}
	return yes;
}

/* The next word of s[*at..len). */
static size_t word(const char *s, size_t len, size_t *at, const char **ret)
{
	while (*at < len && (s[*at] == ' ' || s[*at] == '\t'))
		(*at)++;
	*ret = s + *at;
	size_t from = *at;
	while (*at < len && s[*at] != ' ' && s[*at] != '\t' && s[*at] != '\r')
		(*at)++;
	return *at - from;
}

bool khost_line_matches(const char *line, size_t len, const char *name, struct khost_line *ret)
{
	const char *w;
	size_t at = 0, n = word(line, len, &at, &w);
	struct khost_line l = { 0 };
	if (!n || *w == '#' || memchr(line, '\0', len))
		return false;
	if (*w == '@') {
		l.revoked = n == 8 && memcmp(w, "@revoked", 8) == 0;
		if (!l.revoked)
			return false;
		n = word(line, len, &at, &w);
	}
	if (!n || !names_match(w, n, name))
		return false;
	n = word(line, len, &at, &w);
	if (!n || n >= sizeof(l.type))
		return false;
	memcpy(l.type, w, n);
	l.base64_len = word(line, len, &at, &l.base64);
	if (!l.base64_len)
		return false;
	*ret = l;
	return true;
}

static int keep(struct khosts *k, const char *file, size_t lineno, const struct khost_line *l)
{
	struct khost_entry *more = reallocarray(k->entries, k->n + 1, sizeof(*more));
	if (!more)
		return -1;
	k->entries = more;
	size_t type_len = strlen(l->type) + 1;
	char *text = malloc(type_len + l->base64_len + 1);
	if (!text)
		return -1;
	memcpy(text, l->type, type_len);
	memcpy(text + type_len, l->base64, l->base64_len);
	text[type_len + l->base64_len] = '\0';
	more[k->n++] = (struct khost_entry){ .revoked = l->revoked, .type = text, .base64 = text + type_len,
					     .file = file, .line = lineno };
	return 0;
}

static int load(const char *file, const char *name, struct khosts *k, struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, FILE_MAX);
	int missing = 0, r = file_read(file, &b, &missing, e);
	if (r < 0 && missing) {
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return r;
	const char *p = buf_str(&b), *end = p + b.len;
	for (size_t lineno = 1; p < end; lineno++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		struct khost_line l;
		if (khost_line_matches(p, len, name, &l) && keep(k, file, lineno, &l) < 0)
			return err_set(e, ERR_MEMORY, "no memory for '%s'", file);
		p += len + 1;
	}
	return 0;
}

int khosts_load(const char *const *files, const char *name, struct khosts *ret, struct err *e)
{
	struct khosts k = { 0 };
	for (; *files; files++) {
		int r = load(*files, name, &k, e);
		if (r < 0) {
			khosts_clear(&k);
			return r;
		}
	}
	*ret = k;
	return 0;
}

void khosts_clear(struct khosts *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->entries[i].type);
	free(k->entries);
	*k = (struct khosts){ 0 };
}

enum khost_verdict khosts_judge(const struct khosts *k, const char *type, const char *base64,
				const struct khost_entry **ret_at)
{
	enum khost_verdict is = KHOST_UNKNOWN;
	const struct khost_entry *at = NULL;
	for (size_t i = 0; i < k->n; i++) {
		const struct khost_entry *l = &k->entries[i];
		bool same = strcmp(l->type, type) == 0 && strcmp(l->base64, base64) == 0;
		if (l->revoked && same) {
			is = KHOST_REVOKED;
			at = l;
			break;
		}
		if (l->revoked)
			continue;
		if (same) {
			is = KHOST_KNOWN;	/* a later line may still revoke it */
		} else if (is == KHOST_UNKNOWN) {
			is = KHOST_CHANGED;
			at = l;
		}
	}
	if (ret_at)
		*ret_at = is == KHOST_CHANGED || is == KHOST_REVOKED ? at : NULL;
	return is;
}

static int add_hashed(struct buf *line, const char *name)
{
	unsigned char salt[SALT_LEN], mac[20];
	char text[40];
	if (RAND_bytes(salt, sizeof(salt)) != 1 || !hmac_sha1(salt, name, mac))
		return -1;
	EVP_EncodeBlock((unsigned char *)text, salt, sizeof(salt));
	int r = buf_addf(line, "|1|%s", text);
	EVP_EncodeBlock((unsigned char *)text, mac, sizeof(mac));
	return r | buf_addf(line, "|%s", text);
}

static int append(int fd, const char *file, const struct buf *line, struct err *e)
{
	if (flock(fd, LOCK_EX) < 0)
		return err_errno(e, ERR_FAILED, "cannot lock '%s'", file);
	char last = '\n';
	off_t end = lseek(fd, 0, SEEK_END);
	AUTO_BUF struct buf b;
	buf_init(&b, line->len + 1);
	if (end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n')
		buf_addc(&b, '\n');
	buf_add(&b, buf_str(line), line->len);
	if (b.full || write(fd, buf_str(&b), b.len) != (ssize_t)b.len)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", file);
	return 0;
}

int khost_add(const char *file, const char *name, bool hash, const char *type, const char *base64,
	      struct err *e)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	AUTO_BUF struct buf line;
	buf_init(&line, 32 * 1024);
	int r = hash ? add_hashed(&line, name) : buf_adds(&line, name);
	r |= buf_addf(&line, " %s %s\n", type, base64);
	if (r)
		return err_set(e, ERR_FAILED, "no line can be made for '%s' in '%s'", name, file);
	const char *slash = strrchr(file, '/');
	if (slash && slash != file) {
		AUTO_FREE char *dir = strndup(file, (size_t)(slash - file));
		if (!dir)
			return err_set(e, ERR_MEMORY, "no memory for a path");
		if ((r = file_mkdirs(dir, 0700, e)) < 0)
			return r;
	}
	pthread_mutex_lock(&one_at_a_time);
	AUTO_CLOSE int fd = open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	r = fd < 0 ? err_errno(e, ERR_FAILED, "cannot open '%s'", file) : append(fd, file, &line, e);
	pthread_mutex_unlock(&one_at_a_time);
	return r;
}
