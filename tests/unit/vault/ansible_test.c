/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that ansible-vault (ansible-core 2.14) has made; tests/vault/ansible.test.sh makes fresh ones. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "vault/vault.h"

static const char v11[] =
#include "ansible_11.inc"
	;
static const char v12[] =
#include "ansible_12.inc"
	;
static const char plain[] = "---\nansible_vault:\n  token: \"kept\"\n";

static int unseal(const char *p, size_t len, const char *password, struct secret **ret, struct err *e)
{
	AUTO_SECRET struct secret *pw = NULL;
	cr_assert_eq(secret_new(password, strlen(password), &pw, e), 0);
	return vault_unseal_ansible("a.yml", p, len, pw, ret, e);
}

Test(vault_ansible, both_versions_open)
{
	static const char *const files[] = { v11, v12 };
	for (size_t i = 0; i < COUNT(files); i++) {
		struct err e = { 0 };
		AUTO_SECRET struct secret *got = NULL;
		cr_assert_eq(unseal(files[i], strlen(files[i]), "correct horse", &got, &e), 0, "%s", e.msg);
		cr_assert_str_eq(secret_expose(got), plain);
		cr_assert_eq(secret_len(got), strlen(plain));
		cr_assert_eq(vault_kind_of(files[i], strlen(files[i])), VAULT_ANSIBLE);
		struct secret *none = NULL;
		cr_assert_eq(unseal(files[i], strlen(files[i]), "correct hors", &none, &e), -(int)ERR_PASSWORD);
		cr_assert_null(none);
	}
}

Test(vault_ansible, line_ends_and_upper_case_do_not_matter)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *got = NULL;
	AUTO_BUF struct buf b;
	buf_init(&b, 10000);
	for (const char *p = v11, *body = strchr(v11, '\n'); *p; p++) {
		if (*p == '\n')
			buf_addc(&b, '\r');
		buf_addc(&b, p > body && *p >= 'a' && *p <= 'f' ? (char)(*p - 32) : *p);
	}
	cr_assert_eq(unseal(b.data, b.len, "correct horse", &got, &e), 0, "%s", e.msg);
	cr_assert_str_eq(secret_expose(got), plain);
}

/* Each try costs PBKDF2's 10,000 rounds: the whole header, then every 11th byte and cut. */
Test(vault_ansible, changed_bytes_and_cuts_are_found, .timeout = 300)
{
	size_t len = strlen(v11);
	AUTO_FREE char *copy = malloc(len + 1);
	for (size_t i = 0; i < len; i += i < 28 ? 1 : 11) {
		struct err e = { 0 };
		AUTO_SECRET struct secret *got = NULL;
		memcpy(copy, v11, len);
		copy[i] = (char)(copy[i] == '3' ? '4' : copy[i] == '\n' ? '0' : '3');
		int r = unseal(copy, len, "correct horse", &got, &e);
		cr_assert(r == -(int)ERR_CONFIG || r == -(int)ERR_PASSWORD, "byte %zu: %d", i, r);
		cr_assert_null(got);
	}
	for (size_t n = 0; n < len - 1; n += 11) {
		struct err e = { 0 };
		struct secret *got = NULL;
		int r = unseal(v11, n, "correct horse", &got, &e);
		cr_assert(r == -(int)ERR_CONFIG || r == -(int)ERR_PASSWORD, "%zu bytes: %d", n, r);
	}
}

Test(vault_ansible, what_it_does_not_read_is_named)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "is no Ansible vault" },
		{ "a: b\n", "is no Ansible vault" },
		{ "$ANSIBLE_VAULT;1.1;AES256", "cut off" },
		{ "$ANSIBLE_VAULT;1.1;AES256\n", "damaged or cut off" },
		{ "$ANSIBLE_VAULT;1.0;AES\n31\n", "only Ansible vault versions" },
		{ "$ANSIBLE_VAULT;1.3;AES256;x\n31\n", "only Ansible vault versions" },
		{ "$ANSIBLE_VAULT;1.1;AES\n31\n", "not AES256" },
		{ "$ANSIBLE_VAULT;1.2;AES256\n31\n", "header is damaged" },
		{ "$ANSIBLE_VAULT;1.2;AES256;\n31\n", "header is damaged" },
		{ "$ANSIBLE_VAULT;1.1;AES256;x\n31\n", "header is damaged" },
		{ "$ANSIBLE_VAULT;\n31\n", "only Ansible vault versions" },
		{ "$ANSIBLE_VAULT;1.1;AES256\n3\n", "damaged or cut off" },
		{ "$ANSIBLE_VAULT;1.1;AES256\n3z\n", "damaged or cut off" },
		{ "$ANSIBLE_VAULT;1.1;AES256\n0a0a0a0a\n", "damaged or cut off" },
		{ "$ANSIBLE_VAULT;1.1;AES256\n33310a33310a33310a\n", "damaged or cut off" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		struct secret *got = NULL;
		cr_assert_eq(unseal(rows[i].text, strlen(rows[i].text), "x", &got, &e), -(int)ERR_CONFIG, "row %zu", i);
		cr_assert_not_null(strstr(e.msg, rows[i].says), "row %zu: %s", i, e.msg);
	}
	struct err e = { 0 };
	struct secret *got = NULL;
	AUTO_FREE char *huge = calloc(1, VAULT_ANSIBLE_FILE_MAX + 1);
	cr_assert_eq(unseal(huge, VAULT_ANSIBLE_FILE_MAX + 1, "x", &got, &e), -(int)ERR_CONFIG);
}
