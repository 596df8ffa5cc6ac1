/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H
/*
 * The secrets file. Armoured text around libsodium (format in format.c): Argon2id turns the
 * password into a key, XChaCha20-Poly1305 secretstream seals the text; every byte of the file is
 * authenticated. The plain text is a YAML mapping of names to values, either flat or below one key
 * `ansible_vault` (as PowerStack's file is); it lives only in guarded memory.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"

struct vault;

/* Bounds of Argon2id work that a header may ask for: a hostile file cannot eat the machine. */
#define VAULT_OPSLIMIT_MAX 20u
#define VAULT_MEMLIMIT_MAX (1024ull * 1024 * 1024)

struct vault_cost {
	unsigned opslimit;
	size_t memlimit;		/* bytes */
};
extern const struct vault_cost vault_cost_default;	/* libsodium MODERATE */

/* Seals plain into armoured text. The caller owns *ret. */
int vault_seal(const struct secret *plain, const struct secret *password,
	       const struct vault_cost *cost, struct secret **ret_armour, struct err *e);
/* Opens armoured text. -ERR_PASSWORD when only the password can be wrong (the header authenticates
 * on its own), -ERR_CONFIG when the file is damaged or no vault; e names `name`. */
int vault_unseal(const char *name, const void *bytes, size_t len, const struct secret *password,
		 struct secret **ret_plain, struct err *e);

/* A parsed plain text: entries by name. text is copied. */
int vault_new(const char *name, const struct secret *text, struct vault **ret, struct err *e);
void vault_free(struct vault *v);
/* The entry, or NULL. Belongs to the vault. */
const struct secret *vault_get(const struct vault *v, const char *entry);
/* The i-th name in the file's order, or NULL behind the last. */
const char *vault_name(const struct vault *v, size_t i);
/* A new plain text with entry set (added or replaced; all other lines, comments and their order
 * kept); the caller owns *ret. */
int vault_text_set(const struct secret *text, const char *entry, const struct secret *value,
		   struct secret **ret, struct err *e);

/* Files: read and open; seal and write (beside, synced, renamed, 0600). */
int vault_read(const char *path, const struct secret *password, struct secret **ret_plain,
	       struct err *e);
int vault_write(const char *path, const struct secret *plain, const struct secret *password,
		struct err *e);
/* Is it one of ours ($POWERSTACK;1;), or an Ansible vault ($ANSIBLE_VAULT;)? */
enum vault_kind { VAULT_OURS, VAULT_ANSIBLE, VAULT_PLAIN };
enum vault_kind vault_kind_of(const void *bytes, size_t len);
/* Opens an Ansible Vault 1.1 or 1.2 text (PBKDF2-HMAC-SHA256 10,000 rounds, AES-256-CTR,
 * HMAC-SHA256; format: Ansible's documentation "Ansible Vault payload format 1.1 - 1.2").
 * Errors as vault_unseal; there a wrong password and damage cannot be told apart: -ERR_PASSWORD. */
int vault_unseal_ansible(const char *name, const void *bytes, size_t len,
			 const struct secret *password, struct secret **ret_plain, struct err *e);

/* The password, from the first that is given: path (a file; run when executable, its first line
 * of output is taken; "-" is stdin), $POWERSTACK_VAULT_PASSWORD_FILE (the same), a prompt on the
 * terminal (twice when confirm). Never argv. -ERR_CONFIG when there is no way to ask. */
int vault_password(const char *path, const char *prompt, bool confirm, struct secret **ret,
		   struct err *e);

#endif
