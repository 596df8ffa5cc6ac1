/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ansible Vault payload format 1.1 and 1.2 (Ansible's documentation, "Ansible Vault payload format
 * 1.1 - 1.2"):
 *
 *	$ANSIBLE_VAULT;1.1;AES256		or	$ANSIBLE_VAULT;1.2;AES256;label
 *	hex(hex(salt) \n hex(HMAC-SHA256) \n hex(ciphertext)), in lines of 80
 *
 * PBKDF2-HMAC-SHA256(password, salt, 10,000 rounds) gives 80 bytes: cipher key (32), MAC key (32),
 * counter block (16). AES-256-CTR over the text padded to 16 bytes as PKCS#7 says; the MAC is over
 * the ciphertext.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "vault/vault.h"

#define MAGIC "$ANSIBLE_VAULT;"
#define ROUNDS 10000
#define BLOCK 16u
#define KEY 32u
#define HEADER_MAX 512u

struct keys {
	unsigned char cipher[KEY], mac[KEY], counter[BLOCK];
};

static void keys_free(struct keys **k)
{
	sodium_free(*k);
}

static void cipher_free(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes [p, end) in place of to; blanks and line ends between bytes are skipped when spaced.
 * The number of bytes, or -1. */
static long unhex(const char *p, const char *end, unsigned char *to, bool spaced)
{
	long n = 0;
	while (p < end) {
		if (spaced && (*p == '\n' || *p == '\r' || *p == ' ')) {
			p++;
			continue;
		}
		if (end - p < 2 || hex_value(p[0]) < 0 || hex_value(p[1]) < 0)
			return -1;
		to[n++] = (unsigned char)(hex_value(p[0]) << 4 | hex_value(p[1]));
		p += 2;
	}
	return n;
}

/* One field of the header line. */
static bool field(const char **p, const char *end, const char **ret, size_t *ret_len)
{
	if (*p > end)
		return false;
	const char *semi = memchr(*p, ';', (size_t)(end - *p));
	*ret = *p;
	*ret_len = (size_t)((semi ? semi : end) - *p);
	*p = (semi ? semi : end) + 1;
	return true;
}

static bool is(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(p, word, n) == 0;
}

/* Where the payload begins, or an error. */
static int header_read(const char *name, const char *bytes, size_t len, const char **ret,
		       struct err *e)
{
	if (vault_kind_of(bytes, len) != VAULT_ANSIBLE)
		return err_set(e, ERR_CONFIG, "%s: is no Ansible vault (it does not begin with '" MAGIC "')",
			       name);
	const char *newline = memchr(bytes, '\n', len < HEADER_MAX ? len : HEADER_MAX);
	if (!newline)
		return err_set(e, ERR_CONFIG, "%s:1: the Ansible vault is cut off", name);
	const char *end = newline, *version = "", *cipher = "", *label = "";
	while (end > bytes && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	size_t nversion = 0, ncipher = 0, nlabel = 0;
	const char *p = bytes + strlen(MAGIC);
	(void)!field(&p, end, &version, &nversion);
	(void)!field(&p, end, &cipher, &ncipher);
	bool labelled = field(&p, end, &label, &nlabel);
	if (!is(version, nversion, "1.1") && !is(version, nversion, "1.2"))
		return err_set(e, ERR_CONFIG,
			       "%s:1: only Ansible vault versions 1.1 and 1.2 are read; rekey it with ansible-vault",
			       name);
	if (is(version, nversion, "1.2") != (labelled && nlabel > 0))
		return err_set(e, ERR_CONFIG, "%s:1: the Ansible vault's header is damaged", name);
	if (!is(cipher, ncipher, "AES256"))
		return err_set(e, ERR_CONFIG,
			       "%s:1: the cipher is not AES256; rekey it with ansible-vault", name);
	*ret = newline + 1;
	return 0;
}

/* The three parts of the payload, decoded in place. */
struct payload {
	unsigned char *salt, *mac, *sealed;
	size_t nsalt, nsealed;
};

static int payload_read(const char *name, unsigned char *room, const char *p, const char *end,
			struct payload *ret, struct err *e)
{
	long n = unhex(p, end, room, true);
	unsigned char *parts[3] = { room }, *behind = room + (n > 0 ? n : 0);
	long sizes[3] = { -1, -1, -1 };
	for (int i = 0; n > 0 && i < 3; i++) {
		unsigned char *stop = memchr(parts[i], '\n', (size_t)(behind - parts[i]));
		if (i == 2 ? stop != NULL : !stop)
			break;
		stop = i == 2 ? behind : stop;
		if (i < 2)
			parts[i + 1] = stop + 1;
		sizes[i] = unhex((const char *)parts[i], (const char *)stop, parts[i], false);
	}
	if (sizes[0] < 1 || sizes[0] > 1024 || sizes[1] != (long)crypto_auth_hmacsha256_BYTES ||
	    sizes[2] < (long)BLOCK || sizes[2] % BLOCK)
		return err_set(e, ERR_CONFIG, "%s: the Ansible vault is damaged or cut off", name);
	*ret = (struct payload){ parts[0], parts[1], parts[2], (size_t)sizes[0], (size_t)sizes[2] };
	return 0;
}

static int derive(const struct payload *y, const struct secret *password, struct keys *k, struct err *e)
{
	if (PKCS5_PBKDF2_HMAC(secret_expose(password), (int)secret_len(password), y->salt,
			      (int)y->nsalt, ROUNDS, EVP_sha256(), sizeof(*k), (unsigned char *)k) != 1)
		return err_set(e, ERR_FAILED, "the Ansible vault's keys cannot be derived");
	return 0;
}

static bool mac_is_right(const struct payload *y, const struct keys *k)
{
	crypto_auth_hmacsha256_state st;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_init(&st, k->mac, KEY);
	crypto_auth_hmacsha256_update(&st, y->sealed, y->nsealed);
	crypto_auth_hmacsha256_final(&st, mac);
	sodium_memzero(&st, sizeof(st));
	return sodium_memcmp(mac, y->mac, sizeof(mac)) == 0;
}

/* The length without the padding, or -1; takes the same time for every padding. */
static long unpadded(const unsigned char *p, size_t n)
{
	unsigned pad = p[n - 1], wrong = (pad - 1u) >> 4;
	for (unsigned i = 1; i <= BLOCK; i++) {
		unsigned inside = (i - pad - 1u) >> 31;
		wrong |= inside * (unsigned)(p[n - i] ^ pad);
	}
	return wrong ? -1 : (long)(n - pad);
}

static int decrypt(const char *name, const struct payload *y, const struct keys *k,
		   struct secret **ret, struct err *e)
{
	__attribute__((cleanup(cipher_free))) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	AUTO_SECRET struct secret *padded = NULL;
	unsigned char *to = NULL;
	int n = 0;
	int r = secret_new_empty(y->nsealed, &padded, &to, e);
	if (r < 0)
		return r;
	if (!c || EVP_DecryptInit_ex(c, EVP_aes_256_ctr(), NULL, k->cipher, k->counter) != 1 ||
	    EVP_DecryptUpdate(c, to, &n, y->sealed, (int)y->nsealed) != 1 || (size_t)n != y->nsealed)
		return err_set(e, ERR_FAILED, "%s: the Ansible vault cannot be decrypted", name);
	long len = unpadded(to, y->nsealed);
	if (len < 0)
		return err_set(e, ERR_CONFIG, "%s: the Ansible vault's padding is damaged", name);
	return secret_new(to, (size_t)len, ret, e);
}

int vault_unseal_ansible(const char *name, const void *bytes, size_t len,
			 const struct secret *password, struct secret **ret_plain, struct err *e)
{
	const char *p = NULL;
	if (sodium_init() < 0)
		return err_set(e, ERR_FAILED, "libsodium cannot start");
	if (len > VAULT_ANSIBLE_FILE_MAX)
		return err_set(e, ERR_CONFIG, "%s: is too long for a vault (%zu bytes, at most %u)", name,
			       len, VAULT_ANSIBLE_FILE_MAX);
	int r = header_read(name, bytes, len, &p, e);
	if (r < 0)
		return r;
	AUTO_FREE unsigned char *room = malloc(len / 2 + 1);
	__attribute__((cleanup(keys_free))) struct keys *k = sodium_malloc(sizeof(*k));
	if (!room || !k)
		return err_set(e, ERR_MEMORY, "out of memory");
	struct payload y = { 0 };
	r = payload_read(name, room, p, (const char *)bytes + len, &y, e);
	if (r == 0)
		r = derive(&y, password, k, e);
	if (r < 0)
		return r;
	if (!mac_is_right(&y, k))
		return err_set(e, ERR_PASSWORD,
			       "%s: the password of the Ansible vault is wrong, or the file is damaged", name);
	return decrypt(name, &y, k, ret_plain, e);
}
