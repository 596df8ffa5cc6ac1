// SPDX-License-Identifier: BSD-2-Clause
#include "k3s.h"
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair tls_pair(const char *dir, const char *name) {
	return (struct pair){ strf("%s/%s.crt", dir, name), strf("%s/%s.key", dir, name) };
}

static EVP_PKEY *key_load(const char *path) {
	FILE *f = fopen(path, "re");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	if (f)
		fclose(f);
	return key;
}

static X509 *cert_load(const char *path) {
	FILE *f = fopen(path, "re");
	X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	if (f)
		fclose(f);
	return cert;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value) {
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!e || !X509_add_ext(cert, e, -1))
		fatal("generating certificates: %s", value);
	X509_EXTENSION_free(e);
}

static int save(const struct pair *p, X509 *cert, X509 *above, EVP_PKEY *key) {
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
	char *bytes;
	PEM_write_bio_X509(c, cert);
	if (above)
		PEM_write_bio_X509(c, above);
	PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
	long n = BIO_get_mem_data(k, &bytes);
	int rc = file_write(p->key, 0600, bytes, (size_t)n);
	n = BIO_get_mem_data(c, &bytes);
	rc |= file_write(p->cert, 0644, bytes, (size_t)n);
	BIO_free(c), BIO_free(k);
	return rc;
}

static X509 *cert_new(EVP_PKEY *key, const char *cn, const char *const *orgs) {
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	unsigned char serial[16];
	BIGNUM *number;
	RAND_bytes(serial, sizeof(serial));
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	X509_set_version(cert, 2);
	// A node's clock may be behind the others'.
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3650L * 86400);
	X509_set_pubkey(cert, key);
	for (; orgs && *orgs; orgs++)
		X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)*orgs, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	return cert;
}

int tls_make_ca(const struct pair *p, const char *cn) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = cert_new(key, cn, NULL);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(cert, cert, NID_key_usage, "critical,keyCertSign,digitalSignature,keyEncipherment");
	extend(cert, cert, NID_subject_key_identifier, "hash");
	X509_sign(cert, key, EVP_sha256());
	int rc = save(p, cert, NULL, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

int tls_make_cert(const struct pair *p, const struct pair *ca, const char *cn, const char *const *orgs,
		  const char *const *sans) {
	EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = key_load(ca->key);
	X509 *cert = cert_new(key, cn, orgs), *issuer = cert_load(ca->cert);
	char *names = NULL;
	if (!ca_key || !issuer)
		return -1;
	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	extend(cert, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment");
	extend(cert, issuer, NID_ext_key_usage, sans ? "serverAuth" : "clientAuth");
	extend(cert, issuer, NID_authority_key_identifier, "keyid");
	for (; sans && *sans; sans++) {
		unsigned char raw[16];
		bool ip = inet_pton(AF_INET, *sans, raw) == 1 || inet_pton(AF_INET6, *sans, raw) == 1;
		names = strf("%s%s%s:%s", names ? names : "", names ? "," : "", ip ? "IP" : "DNS", *sans);
	}
	if (names)
		extend(cert, issuer, NID_subject_alt_name, names);
	X509_sign(cert, ca_key, EVP_sha256());
	int rc = save(p, cert, sans ? issuer : NULL, key);
	free(names);
	X509_free(cert), X509_free(issuer);
	EVP_PKEY_free(key), EVP_PKEY_free(ca_key);
	return rc;
}

char *sha256_hex(const void *bytes, size_t size) {
	unsigned char sum[32];
	char *s = calloc(1, 65);
	EVP_Digest(bytes, size, sum, NULL, EVP_sha256(), NULL);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(s + 2 * i, 3, "%02x", sum[i]);
	return s;
}

char *base64(const void *bytes, size_t size) {
	char *s = calloc(1, (size + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)s, bytes, (int)size);
	return s;
}

char *base64_decode(const char *text, size_t *ret_size) {
	size_t len = strlen(text);
	unsigned char *s = calloc(1, len + 4);
	int n = EVP_DecodeBlock(s, (const unsigned char *)text, (int)len);
	if (n < 0) {
		free(s);
		return NULL;
	}
	while (n > 0 && len > 0 && text[len - 1] == '=')
		n--, len--;
	s[n] = 0;
	if (ret_size)
		*ret_size = (size_t)n;
	return (char *)s;
}
