/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "vault/vault.h"

static const struct vault_cost cheap = { 1, 8192 };

static struct secret *sec(const char *s)
{
	struct secret *r = NULL;
	cr_assert_eq(secret_new(s, strlen(s), &r, NULL), 0);
	return r;
}

static struct secret *seal(const struct secret *plain, const char *password)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *pw = sec(password);
	struct secret *r = NULL;
	cr_assert_eq(vault_seal(plain, pw, &cheap, &r, &e), 0, "%s", e.msg);
	return r;
}

static int unseal(const void *p, size_t len, const char *password, struct secret **ret, struct err *e)
{
	AUTO_SECRET struct secret *pw = sec(password);
	return vault_unseal("v.yml", p, len, pw, ret, e);
}

Test(vault_format, every_size_comes_back)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 56, 57, 58, 4095, 4096, 4097, 8192, 8193, 100000,
					VAULT_TEXT_MAX };
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct err e = { 0 };
		AUTO_SECRET struct secret *plain = NULL;
		AUTO_SECRET struct secret *back = NULL;
		unsigned char *p = NULL;
		cr_assert_eq(secret_new_empty(sizes[i], &plain, &p, &e), 0);
		randombytes_buf(p, sizes[i]);
		AUTO_SECRET struct secret *armour = seal(plain, "pass");
		cr_assert_eq(unseal(secret_expose(armour), secret_len(armour), "pass", &back, &e), 0, "%s", e.msg);
		cr_assert(secret_equal(plain, back), "size %zu", sizes[i]);
	}
}

Test(vault_format, the_armour_is_what_the_header_comment_says)
{
	AUTO_SECRET struct secret *plain = sec("a: b\n");
	AUTO_SECRET struct secret *one = seal(plain, "pass");
	AUTO_SECRET struct secret *two = seal(plain, "pass");
	const char *t = secret_expose(one);
	cr_assert_eq(strncmp(t, "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=1;mem=8;salt=", 65), 0, "%s", t);
	cr_assert_not(secret_equal(one, two), "the same text is never sealed the same way");
	cr_assert_null(strstr(t, "a: b"));
	cr_assert_eq(vault_kind_of(t, secret_len(one)), VAULT_OURS);
	cr_assert_eq(t[secret_len(one) - 1], '\n');
	for (const char *p = t, *nl; (nl = strchr(p, '\n')); p = nl + 1)
		cr_assert(p == t || nl - p <= 76);
}

Test(vault_format, a_text_sealed_elsewhere_opens)
{
	/* made once by this format's first version: the format may not change under version 1 */
	static const char kept[] =
#include "kept_vault.inc"
		;
	struct err e = { 0 };
	AUTO_SECRET struct secret *back = NULL;
	cr_assert_eq(unseal(kept, sizeof(kept) - 1, "correct horse", &back, &e), 0, "%s", e.msg);
	cr_assert_str_eq(secret_expose(back), "ansible_vault:\n  token: \"kept\"\n");
}

Test(vault_format, a_wrong_password_is_told_from_damage)
{
	AUTO_SECRET struct secret *plain = sec("a: b\n");
	AUTO_SECRET struct secret *armour = seal(plain, "right");
	static const char *const wrong[] = { "Right", "right ", "", "righ" };
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct err e = { 0 };
		struct secret *back = NULL;
		cr_assert_eq(unseal(secret_expose(armour), secret_len(armour), wrong[i], &back, &e),
			     -(int)ERR_PASSWORD);
		cr_assert_str_eq(e.msg, "v.yml: the vault password is wrong");
		cr_assert_null(back);
	}
}

/* Every change of one byte must be found, as damage or (in the header) as a wrong password. */
static void tamper(const struct secret *armour, bool every_bit)
{
	size_t len = secret_len(armour);
	AUTO_FREE char *copy = malloc(len + 1);
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < (every_bit ? 8 : 1); bit++) {
			struct err e = { 0 };
			struct secret *back = NULL;
			memcpy(copy, secret_expose(armour), len);
			copy[i] ^= (char)(every_bit ? 1 << bit : 1 + (int)randombytes_uniform(255));
			int r = unseal(copy, len, "pass", &back, &e);
			cr_assert_eq(r, -(int)ERR_CONFIG, "byte %zu bit %d: %d %s", i, bit, r, e.msg);
			cr_assert_null(back);
			cr_assert_eq(strncmp(e.msg, "v.yml:", 6), 0);
		}
	}
}

Test(vault_format, every_bit_of_a_small_vault_counts, .timeout = 300)
{
	AUTO_SECRET struct secret *plain = sec("token: hunter2\n");
	AUTO_SECRET struct secret *armour = seal(plain, "pass");
	tamper(armour, true);
}

Test(vault_format, every_byte_of_a_longer_vault_counts, .timeout = 300)
{
	AUTO_SECRET struct secret *plain = NULL;
	unsigned char *p = NULL;
	cr_assert_eq(secret_new_empty(5000, &plain, &p, NULL), 0);
	memset(p, 'x', 5000);
	AUTO_SECRET struct secret *armour = seal(plain, "pass");
	tamper(armour, false);
}

Test(vault_format, every_cut_is_found, .timeout = 300)
{
	AUTO_SECRET struct secret *plain = NULL;
	unsigned char *p = NULL;
	cr_assert_eq(secret_new_empty(4200, &plain, &p, NULL), 0);
	memset(p, 'y', 4200);
	AUTO_SECRET struct secret *armour = seal(plain, "pass");
	for (size_t len = 0; len < secret_len(armour); len++) {
		struct err e = { 0 };
		struct secret *back = NULL;
		int r = unseal(secret_expose(armour), len, "pass", &back, &e);
		cr_assert_eq(r, -(int)ERR_CONFIG, "%zu bytes: %d %s", len, r, e.msg);
	}
}

/* Whole chunks taken away, doubled or swapped, with sound base64 around them. */
Test(vault_format, chunks_keep_their_number_and_order)
{
	AUTO_SECRET struct secret *plain = NULL;
	unsigned char *p = NULL;
	size_t chunk = 4096 + 17;
	cr_assert_eq(secret_new_empty(4096 * 3, &plain, &p, NULL), 0);
	AUTO_SECRET struct secret *armour = seal(plain, "pass");
	const char *t = secret_expose(armour), *body = strchr(t, '\n') + 1;
	unsigned char bin[24 + 3 * 4113], made[24 + 4 * 4113];
	size_t n = 0;
	cr_assert_eq(sodium_base642bin(bin, sizeof(bin), body, strlen(body), "\n", &n, NULL,
				       sodium_base64_VARIANT_ORIGINAL), 0);
	cr_assert_eq(n, sizeof(bin));
	static const int orders[][5] = { { 0, 1, 2, -1 }, { 0, 1, -1 }, { 0, -1 }, { 1, 0, 2, -1 }, { 0, 2, -1 },
					 { 2, -1 }, { 0, 1, 2, 2, -1 }, { -1 } };
	for (size_t i = 0; i < COUNT(orders); i++) {
		memcpy(made, bin, 24);
		size_t len = 24;
		for (int k = 0; orders[i][k] >= 0; k++, len += chunk)
			memcpy(made + len, bin + 24 + (size_t)orders[i][k] * chunk, chunk);
		AUTO_BUF struct buf b;
		buf_init(&b, 100000);
		buf_add(&b, t, (size_t)(body - t));
		for (size_t at = 0; at < len; at += 57) {
			char line[80];
			sodium_bin2base64(line, sizeof(line), made + at, len - at < 57 ? len - at : 57,
					  sodium_base64_VARIANT_ORIGINAL);
			buf_addf(&b, "%s\n", line);
		}
		struct err e = { 0 };
		AUTO_SECRET struct secret *back = NULL;
		int r = unseal(b.data, b.len, "pass", &back, &e);
		cr_assert_eq(r, i == 0 ? 0 : -(int)ERR_CONFIG, "order %zu: %d %s", i, r, e.msg);
	}
}

/* A header that somebody made on purpose: its checksum is sound. */
static void forge(struct buf *b, const char *fields, const char *body)
{
	unsigned char sum[16];
	char text[32];
	buf_reset(b);
	buf_addf(b, "%s;mac=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", fields);
	crypto_generichash(sum, 16, (const unsigned char *)b->data, b->len, NULL, 0);
	sodium_bin2base64(text, sizeof(text), sum, 8, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_addf(b, ";sum=%s\n%s", text, body);
}

Test(vault_format, work_that_a_header_asks_for_is_bounded)
{
	static const struct {
		const char *fields, *says;
		int kind;
	} rows[] = {
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=21;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "at most 20", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=0;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "ops=0", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=1;mem=7;salt=AAAAAAAAAAAAAAAAAAAAAA", "mem=7", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=1;mem=1048577;salt=AAAAAAAAAAAAAAAAAAAAAA", "1048576", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=1;mem=99999999999999999999;salt=AAAAAAAAAAAAAAAAAAAAAA", "damaged", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=4294967297;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "damaged", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=01;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "damaged", ERR_CONFIG },
		{ "$POWERSTACK;1;aes;argon2id;ops=1;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "damaged", ERR_CONFIG },
		{ "$POWERSTACK;2;xchacha20poly1305-stream;argon2id;ops=1;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "format 2", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=1;mem=8;salt=AAAAAAAAAAAAAAAAAAAAA", "damaged", ERR_CONFIG },
		{ "$POWERSTACK;1;xchacha20poly1305-stream;argon2id;ops=1;mem=8;salt=AAAAAAAAAAAAAAAAAAAAAA", "password is wrong", ERR_PASSWORD },
	};
	AUTO_BUF struct buf b;
	buf_init(&b, 10000);
	char body[80];
	memset(body, 'A', sizeof(body));
	memcpy(body + 76, "\n", 2);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		struct secret *back = NULL;
		forge(&b, rows[i].fields, body);
		int r = unseal(b.data, b.len, "pass", &back, &e);
		cr_assert_eq(r, -rows[i].kind, "row %zu: %d %s", i, r, e.msg);
		cr_assert_not_null(strstr(e.msg, rows[i].says), "row %zu: %s", i, e.msg);
	}
}

Test(vault_format, the_cost_is_read_back_and_bounded_when_sealing)
{
	struct err e = { 0 };
	struct vault_cost c = { 0 };
	AUTO_SECRET struct secret *plain = sec("a: b\n");
	AUTO_SECRET struct secret *armour = seal(plain, "pass");
	cr_assert_eq(vault_cost_of("v", secret_expose(armour), secret_len(armour), &c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.opslimit, 1);
	cr_assert_eq(c.memlimit, 8192);
	static const struct vault_cost bad[] = { { 0, 8192 }, { 21, 8192 }, { 1, 8191 }, { 1, 8193 }, { 1, 2ull << 30 } };
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct secret *r = NULL;
		cr_assert_eq(vault_seal(plain, plain, &bad[i], &r, &e), -(int)ERR_CONFIG);
	}
	AUTO_SECRET struct secret *huge = NULL;
	unsigned char *p = NULL;
	struct secret *r = NULL;
	cr_assert_eq(secret_new_empty(VAULT_TEXT_MAX + 1, &huge, &p, &e), 0);
	cr_assert_eq(vault_seal(huge, plain, &cheap, &r, &e), -(int)ERR_CONFIG);
	AUTO_FREE char *long_file = calloc(1, VAULT_FILE_MAX + 1);
	cr_assert_eq(unseal(long_file, VAULT_FILE_MAX + 1, "pass", &r, &e), -(int)ERR_CONFIG);
}

Test(vault_format, changed_line_ends_and_trailing_bytes_are_named)
{
	AUTO_SECRET struct secret *plain = sec("a: b\n");
	AUTO_SECRET struct secret *armour = seal(plain, "pass");
	AUTO_BUF struct buf b;
	buf_init(&b, 10000);
	for (const char *p = secret_expose(armour); *p; p++) {
		if (*p == '\n')
			buf_addc(&b, '\r');
		buf_addc(&b, *p);
	}
	struct err e = { 0 };
	struct secret *back = NULL;
	cr_assert_eq(unseal(b.data, b.len, "pass", &back, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "CR LF"), "%s", e.msg);
	static const char *const tails[] = { "\n", " ", "x", "AAAA\n", "\0" };
	for (size_t i = 0; i < COUNT(tails); i++) {
		buf_reset(&b);
		buf_add(&b, secret_expose(armour), secret_len(armour));
		buf_add(&b, tails[i], i == 4 ? 1 : strlen(tails[i]));
		cr_assert_eq(unseal(b.data, b.len, "pass", &back, &e), -(int)ERR_CONFIG, "tail %zu", i);
	}
}
