/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The armour. One header line, then the sealed text in base64 (RFC 4648, 76 characters a line):
 *
 *	$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=3;mem=262144;salt=S;mac=M;sum=C
 *
 *	mem	KiB
 *	S	16 random bytes
 *	M	keyed BLAKE2b-256 of everything before ";mac=": only the right password makes it, so a
 *		wrong one is known before the body is looked at
 *	C	plain BLAKE2b-64 of everything before ";sum=": chance damage of the header breaks it, so
 *		that damage is not taken for a wrong password. (Who changes it on purpose can make it fit;
 *		then M fails.)
 * (S, M and C are base64url without padding.)
 *
 * key = Argon2id 1.3(password, S, ops, mem), 32 bytes; from it, by crypto_kdf (context
 * "PSvault1"), subkey 1 for M and subkey 2 for the body. The body is libsodium's
 * crypto_secretstream_xchacha20poly1305: its 24 byte header, then chunks of 4096 bytes of text,
 * each with the header line as associated data; the last one is tagged FINAL, so a cut is found.
 *
 * There is exactly one way to write a given vault: a parser that rebuilds what it has read and
 * compares finds every changed byte, blank, line end and spare bit, also where no key is needed.
 */
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "vault/vault.h"

#define MAGIC "$POWERSTACK;"
#define SUITE ";xchacha20poly1305-stream;argon2id;"
#define KDF_CONTEXT "PSvault1"
#define CHUNK 4096u
#define SEALED_CHUNK (CHUNK + crypto_secretstream_xchacha20poly1305_ABYTES)
#define STREAM_HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define LINE_BYTES 57u
#define LINE_CHARS 76u
#define HEADER_MAX 320u		/* characters; the longest possible one has about 190 */
#define NUMBER_MAX 400000000u	/* that ten times it still fits 32 bits */
#define SALT_BYTES crypto_pwhash_SALTBYTES
#define MAC_BYTES 32u
#define SUM_BYTES 16u		/* the shortest that crypto_generichash makes; 8 of them are kept */
#define SUM_KEPT 8u
#define B64_URL sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define B64 sodium_base64_VARIANT_ORIGINAL

_Static_assert(SALT_BYTES == 16, "the format says 16 bytes of salt");
_Static_assert(STREAM_HEADER == 24, "the format says 24 bytes of stream header");

const struct vault_cost vault_cost_default = {
	.opslimit = crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
	.memlimit = crypto_pwhash_argon2id_MEMLIMIT_MODERATE,
};

struct header {
	struct vault_cost cost;
	unsigned char salt[SALT_BYTES];
	unsigned char mac[MAC_BYTES];
	size_t mac_over;		/* bytes of the line that mac covers */
	size_t len;			/* of the line, without its newline */
	char line[HEADER_MAX + 1];
};

/* Lives in sodium_malloc'ed memory only. */
struct keys {
	unsigned char master[crypto_kdf_KEYBYTES];
	unsigned char mac[crypto_generichash_KEYBYTES];
	unsigned char stream[crypto_secretstream_xchacha20poly1305_KEYBYTES];
	crypto_secretstream_xchacha20poly1305_state state;
	/* sodium_malloc aligns the end, not the start, of what is no multiple of 16 */
} __attribute__((aligned(16)));

static void keys_free(struct keys **k)
{
	sodium_free(*k);
}
#define AUTO_KEYS __attribute__((cleanup(keys_free)))

static bool cost_in_bounds(const struct vault_cost *c)
{
	return c->opslimit >= crypto_pwhash_argon2id_OPSLIMIT_MIN && c->opslimit <= VAULT_OPSLIMIT_MAX &&
	       c->memlimit >= crypto_pwhash_argon2id_MEMLIMIT_MIN && c->memlimit <= VAULT_MEMLIMIT_MAX &&
	       c->memlimit % 1024 == 0;
}

static int derive(const struct header *h, const struct secret *password, struct keys **ret,
		  struct err *e)
{
	AUTO_KEYS struct keys *k = sodium_malloc(sizeof(*k));
	if (!k)
		return err_set(e, ERR_MEMORY, "no guarded memory for the vault's keys (see ulimit -l)");
	if (crypto_pwhash(k->master, sizeof(k->master), secret_expose(password), secret_len(password),
			  h->salt, h->cost.opslimit, h->cost.memlimit,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_set(e, ERR_MEMORY,
			       "deriving the vault's key needs %zu MiB of memory, which are not there",
			       h->cost.memlimit / (1024 * 1024));
	if (crypto_kdf_derive_from_key(k->mac, sizeof(k->mac), 1, KDF_CONTEXT, k->master) != 0 ||
	    crypto_kdf_derive_from_key(k->stream, sizeof(k->stream), 2, KDF_CONTEXT, k->master) != 0)
		return err_set(e, ERR_BUG, "the vault's subkeys cannot be derived");
	*ret = take_ptr(&k);
	return 0;
}

static void mac_of(const struct header *h, const struct keys *k, unsigned char mac[MAC_BYTES])
{
	crypto_generichash(mac, MAC_BYTES, (const unsigned char *)h->line, h->mac_over, k->mac,
			   sizeof(k->mac));
}

/* Writes the line up to what the MAC covers. */
static void header_begin(struct header *h)
{
	char salt[SALT_BYTES * 2];
	sodium_bin2base64(salt, sizeof(salt), h->salt, SALT_BYTES, B64_URL);
	h->mac_over = h->len = (size_t)snprintf(h->line, sizeof(h->line), MAGIC "1" SUITE
						"ops=%u;mem=%zu;salt=%s", h->cost.opslimit,
						h->cost.memlimit / 1024, salt);
}

/* Writes the rest, from h->mac. */
static void header_end(struct header *h)
{
	char mac[MAC_BYTES * 2], sum[SUM_BYTES * 2];
	unsigned char digest[SUM_BYTES];
	sodium_bin2base64(mac, sizeof(mac), h->mac, MAC_BYTES, B64_URL);
	h->len += (size_t)snprintf(h->line + h->len, sizeof(h->line) - h->len, ";mac=%s", mac);
	crypto_generichash(digest, sizeof(digest), (const unsigned char *)h->line, h->len, NULL, 0);
	sodium_bin2base64(sum, sizeof(sum), digest, SUM_KEPT, B64_URL);
	h->len += (size_t)snprintf(h->line + h->len, sizeof(h->line) - h->len, ";sum=%s", sum);
}

struct cursor {
	const char *p, *end;
};

static bool eat(struct cursor *c, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	return true;
}

static bool eat_number(struct cursor *c, unsigned long long max, unsigned long long *ret)
{
	unsigned long long v = 0;
	const char *from = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && v <= max)
		v = v * 10 + (unsigned)(*c->p++ - '0');
	*ret = v;
	return c->p > from;
}

static bool eat_base64(struct cursor *c, unsigned char *ret, size_t n)
{
	const char *end = NULL;
	size_t got = 0;
	if (sodium_base642bin(ret, n, c->p, (size_t)(c->end - c->p), NULL, &got, &end, B64_URL) != 0 ||
	    got != n)
		return false;
	c->p = end;
	return true;
}

/* Reads the first line. What it returns was made by header_begin and header_end, so the caller
 * gets the canonical line or an error. */
static int header_read(const char *name, const char *bytes, size_t len, struct header *ret,
		       struct err *e)
{
	struct header h = { 0 };
	struct cursor c = { bytes, bytes + len };
	unsigned long long version = 0, ops = 0, mem = 0;

	if (!eat(&c, MAGIC))
		return err_set(e, ERR_CONFIG, "%s: is no vault (it does not begin with '" MAGIC "')", name);
	if (eat_number(&c, 1000, &version) && version > 1 && c.p < c.end && *c.p == ';')
		return err_set(e, ERR_CONFIG,
			       "%s: has vault format %llu, this powerstack knows 1; use a newer one", name,
			       version);
	const char *newline = memchr(bytes, '\n', len < HEADER_MAX ? len : HEADER_MAX);
	if (!newline)
		return err_set(e, ERR_CONFIG, "%s:1: the vault's header line is damaged or cut off", name);
	if (newline[-1] == '\r')
		return err_set(e, ERR_CONFIG,
			       "%s:1: the line ends were changed to CR LF; restore the file as it was written",
			       name);
	c.end = newline;
	bool good = version == 1 && eat(&c, SUITE) && eat(&c, "ops=") &&
		    eat_number(&c, NUMBER_MAX, &ops) && eat(&c, ";mem=") &&
		    eat_number(&c, NUMBER_MAX, &mem) && eat(&c, ";salt=") &&
		    eat_base64(&c, h.salt, SALT_BYTES) && eat(&c, ";mac=") &&
		    eat_base64(&c, h.mac, MAC_BYTES) && eat(&c, ";sum=");
	if (good) {
		h.cost.opslimit = (unsigned)ops;
		h.cost.memlimit = (size_t)mem * 1024;
		header_begin(&h);
		header_end(&h);
		good = h.len == (size_t)(newline - bytes) && memcmp(h.line, bytes, h.len) == 0;
	}
	if (!good)
		return err_set(e, ERR_CONFIG,
			       "%s:1: the vault's header line is damaged; restore the file from a copy", name);
	if (!cost_in_bounds(&h.cost))
		return err_set(e, ERR_CONFIG,
			       "%s:1: the header asks for ops=%llu and mem=%llu KiB of key derivation; at most %u and %llu are done",
			       name, ops, mem, VAULT_OPSLIMIT_MAX, VAULT_MEMLIMIT_MAX / 1024);
	*ret = h;
	return 0;
}

/* Decodes the lines behind the header into a buffer that the caller frees. */
static int body_read(const char *name, const char *p, size_t len, unsigned char **ret,
		     size_t *ret_len, struct err *e)
{
	AUTO_FREE unsigned char *body = malloc(len / 4 * 3 + LINE_BYTES + 3);
	if (!body)
		return err_set(e, ERR_MEMORY, "out of memory");
	const char *end = p + len;
	size_t n = 0;
	unsigned line = 2;
	for (bool last = false; p < end; line++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t chars = newline ? (size_t)(newline - p) : 0;
		char again[LINE_CHARS + 1];
		size_t got = 0;
		if (!newline)
			return err_set(e, ERR_CONFIG, "%s:%u: the vault is cut off; restore it from a copy",
				       name, line);
		if (last || chars == 0 || chars > LINE_CHARS ||
		    sodium_base642bin(body + n, LINE_BYTES, p, chars, NULL, &got, NULL, B64) != 0 ||
		    sodium_bin2base64(again, sizeof(again), body + n, got, B64) == NULL ||
		    strlen(again) != chars || memcmp(again, p, chars) != 0)
			return err_set(e, ERR_CONFIG, "%s:%u: the vault is damaged; restore it from a copy",
				       name, line);
		last = chars < LINE_CHARS || got < LINE_BYTES;
		n += got;
		p = newline + 1;
	}
	if (n < STREAM_HEADER + crypto_secretstream_xchacha20poly1305_ABYTES)
		return err_set(e, ERR_CONFIG, "%s:%u: the vault is cut off; restore it from a copy", name,
			       line);
	*ret = take_ptr(&body);
	*ret_len = n;
	return 0;
}

static int damaged(const char *name, struct err *e)
{
	return err_set(e, ERR_CONFIG,
		       "%s: the password is right but the vault is damaged or cut off; restore it from a copy",
		       name);
}

static int body_open(const char *name, const struct header *h, struct keys *k,
		     const unsigned char *body, size_t len, struct secret **ret, struct err *e)
{
	if (crypto_secretstream_xchacha20poly1305_init_pull(&k->state, body, k->stream) != 0)
		return damaged(name, e);
	const unsigned char *p = body + STREAM_HEADER;
	size_t left = len - STREAM_HEADER;
	size_t chunks = (left + SEALED_CHUNK - 1) / SEALED_CHUNK;
	size_t tags = chunks * crypto_secretstream_xchacha20poly1305_ABYTES;
	if (left < tags)
		return damaged(name, e);
	AUTO_SECRET struct secret *plain = NULL;
	unsigned char *to = NULL;
	int r = secret_new_empty(left - tags, &plain, &to, e);
	if (r < 0)
		return r;
	while (left) {
		size_t n = left < SEALED_CHUNK ? left : SEALED_CHUNK;
		unsigned char tag = 0xff;
		unsigned long long got = 0;
		if (n < crypto_secretstream_xchacha20poly1305_ABYTES ||
		    crypto_secretstream_xchacha20poly1305_pull(&k->state, to, &got, &tag, p, n,
							       (const unsigned char *)h->line,
							       h->len) != 0)
			return damaged(name, e);
		p += n;
		to += got;
		left -= n;
		if (tag != (left ? 0 : crypto_secretstream_xchacha20poly1305_TAG_FINAL))
			return damaged(name, e);
	}
	*ret = take_ptr(&plain);
	return 0;
}

int vault_unseal(const char *name, const void *bytes, size_t len, const struct secret *password,
		 struct secret **ret_plain, struct err *e)
{
	struct header h = { 0 };
	if (sodium_init() < 0)
		return err_set(e, ERR_FAILED, "libsodium cannot start");
	if (len > VAULT_FILE_MAX)
		return err_set(e, ERR_CONFIG, "%s: is too long for a vault (%zu bytes, at most %u)", name,
			       len, VAULT_FILE_MAX);
	int r = header_read(name, bytes, len, &h, e);
	if (r < 0)
		return r;
	AUTO_FREE unsigned char *body = NULL;
	size_t n = 0;
	r = body_read(name, (const char *)bytes + h.len + 1, len - h.len - 1, &body, &n, e);
	if (r < 0)
		return r;
	AUTO_KEYS struct keys *k = NULL;
	r = derive(&h, password, &k, e);
	if (r < 0)
		return r;
	unsigned char mac[MAC_BYTES];
	mac_of(&h, k, mac);
	if (sodium_memcmp(mac, h.mac, MAC_BYTES) != 0)
		return err_set(e, ERR_PASSWORD, "%s: the vault password is wrong", name);
	return body_open(name, &h, k, body, n, ret_plain, e);
}

int vault_cost_of(const char *name, const void *bytes, size_t len, struct vault_cost *ret,
		  struct err *e)
{
	struct header h = { 0 };
	int r = header_read(name, bytes, len, &h, e);
	if (r < 0)
		return r;
	*ret = h.cost;
	return 0;
}

static int armour(const struct header *h, const unsigned char *body, size_t len, struct secret **ret,
		  struct err *e)
{
	size_t lines = (len + LINE_BYTES - 1) / LINE_BYTES;
	size_t chars = (len + 2) / 3 * 4 + lines;
	AUTO_SECRET struct secret *text = NULL;
	unsigned char *to = NULL;
	int r = secret_new_empty(h->len + 1 + chars, &text, &to, e);
	if (r < 0)
		return r;
	memcpy(to, h->line, h->len);
	to += h->len;
	*to++ = '\n';
	while (len) {
		char line[LINE_CHARS + 1];
		size_t n = len < LINE_BYTES ? len : LINE_BYTES;
		sodium_bin2base64(line, sizeof(line), body, n, B64);
		size_t made = strlen(line);
		memcpy(to, line, made);
		to += made;
		*to++ = '\n';
		body += n;
		len -= n;
	}
	*ret = take_ptr(&text);
	return 0;
}

int vault_seal(const struct secret *plain, const struct secret *password,
	       const struct vault_cost *cost, struct secret **ret_armour, struct err *e)
{
	struct header h = { .cost = *cost };
	size_t left = secret_len(plain);
	if (sodium_init() < 0)
		return err_set(e, ERR_FAILED, "libsodium cannot start");
	if (!cost_in_bounds(cost))
		return err_set(e, ERR_CONFIG, "a vault cannot be made with ops=%u and %zu bytes of memory",
			       cost->opslimit, cost->memlimit);
	if (left > VAULT_TEXT_MAX)
		return err_set(e, ERR_CONFIG, "%zu bytes are too long for a vault (at most %u)", left,
			       VAULT_TEXT_MAX);
	randombytes_buf(h.salt, sizeof(h.salt));
	header_begin(&h);
	AUTO_KEYS struct keys *k = NULL;
	int r = derive(&h, password, &k, e);
	if (r < 0)
		return r;
	mac_of(&h, k, h.mac);
	header_end(&h);

	size_t chunks = left ? (left + CHUNK - 1) / CHUNK : 1;
	size_t len = STREAM_HEADER + left + chunks * crypto_secretstream_xchacha20poly1305_ABYTES;
	AUTO_FREE unsigned char *body = malloc(len);
	if (!body)
		return err_set(e, ERR_MEMORY, "out of memory");
	crypto_secretstream_xchacha20poly1305_init_push(&k->state, body, k->stream);
	unsigned char *to = body + STREAM_HEADER;
	const unsigned char *from = (const unsigned char *)secret_expose(plain);
	for (size_t i = 0; i < chunks; i++) {
		size_t n = left < CHUNK ? left : CHUNK;
		unsigned char tag = i + 1 < chunks ? 0 : crypto_secretstream_xchacha20poly1305_TAG_FINAL;
		crypto_secretstream_xchacha20poly1305_push(&k->state, to, NULL, from, n,
							   (const unsigned char *)h.line, h.len, tag);
		from += n;
		left -= n;
		to += n + crypto_secretstream_xchacha20poly1305_ABYTES;
	}
	return armour(&h, body, len, ret_armour, e);
}

enum vault_kind vault_kind_of(const void *bytes, size_t len)
{
	static const struct {
		const char *magic;
		enum vault_kind kind;
	} kinds[] = { { MAGIC, VAULT_OURS }, { "$ANSIBLE_VAULT;", VAULT_ANSIBLE } };
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct cursor c = { bytes, (const char *)bytes + len };
		if (eat(&c, kinds[i].magic))
			return kinds[i].kind;
	}
	return VAULT_PLAIN;
}
