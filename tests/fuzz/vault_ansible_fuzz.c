/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ansible's vault format, with one round of PBKDF2 in place of 10,000: the file under test is included
 * under another name, and its call goes through a macro. A file as it comes; behind 'm', a padded text
 * that is sealed with the right keys, so that what stands behind the MAC is reached too.
 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vault/vault.h"

#define PKCS5_PBKDF2_HMAC(pass, len, salt, nsalt, rounds, ...) \
	PKCS5_PBKDF2_HMAC(pass, len, salt, nsalt, 1, __VA_ARGS__)
#define vault_unseal_ansible fuzzed_unseal_ansible
int fuzzed_unseal_ansible(const char *name, const void *bytes, size_t len, const struct secret *password,
			  struct secret **ret_plain, struct err *e);
#include "vault/ansible.c"

#define must(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "does not hold: %s\n", #x); \
			abort(); \
		} \
	} while (0)

static void unseal(const void *p, size_t len, const uint8_t *padded, size_t npadded)
{
	static struct secret *password;
	struct err e = { 0 };
	AUTO_SECRET struct secret *plain = NULL;
	if (!password)
		must(secret_new("fuzz", 4, &password, NULL) == 0);
	int r = vault_unseal_ansible("f", p, len, password, &plain, &e);
	must(r == 0 ? plain != NULL : !plain && e.msg[0] && (r == -ERR_CONFIG || r == -ERR_PASSWORD));
	if (!padded)
		return;
	unsigned pad = padded[npadded - 1];
	bool sound = pad >= 1 && pad <= 16;
	for (unsigned i = 1; sound && i <= pad; i++)
		sound = padded[npadded - i] == pad;
	must(sound == (r == 0));
	must(!sound || (secret_len(plain) == npadded - pad && memcmp(secret_expose(plain), padded, npadded - pad) == 0));
}

static void hex(struct buf *b, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%02x", ((const unsigned char *)p)[i]);
}

static void seal(const uint8_t *p, size_t len)
{
	unsigned char keys[80], salt[32] = "a salt", mac[32];
	unsigned char sealed[4096];
	len -= len % 16;
	if (!len || len > sizeof(sealed))
		return;
	must(PKCS5_PBKDF2_HMAC("fuzz", 4, salt, sizeof(salt), 10000, EVP_sha256(), sizeof(keys), keys) == 1);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;
	must(EVP_EncryptInit_ex(c, EVP_aes_256_ctr(), NULL, keys, keys + 64) == 1);
	must(EVP_EncryptUpdate(c, sealed, &n, p, (int)len) == 1);
	EVP_CIPHER_CTX_free(c);
	crypto_auth_hmacsha256_state st;
	crypto_auth_hmacsha256_init(&st, keys + 32, 32);
	crypto_auth_hmacsha256_update(&st, sealed, len);
	crypto_auth_hmacsha256_final(&st, mac);
	AUTO_BUF struct buf inner;
	AUTO_BUF struct buf outer;
	buf_init(&inner, 100000);
	buf_init(&outer, 200000);
	hex(&inner, salt, sizeof(salt));
	buf_addc(&inner, '\n');
	hex(&inner, mac, sizeof(mac));
	buf_addc(&inner, '\n');
	hex(&inner, sealed, len);
	buf_adds(&outer, "$ANSIBLE_VAULT;1.1;AES256\n");
	hex(&outer, inner.data, inner.len);
	unseal(outer.data, outer.len, p, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (sodium_init() < 0)
		return 0;
	if (len && p[0] == 'm')
		seal(p + 1, len - 1);
	else
		unseal(p, len, NULL, 0);
	return 0;
}
