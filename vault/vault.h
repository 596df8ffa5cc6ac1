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


/* Bytes of plain text that a vault holds, and of a file that is looked at. */
#define VAULT_TEXT_MAX (512u * 1024)
#define VAULT_FILE_MAX (1024u * 1024)
#define VAULT_ANSIBLE_FILE_MAX (4u * VAULT_TEXT_MAX + 256u * 1024)	/* hex of hex, line ends */

struct vault_cost {
	unsigned opslimit;
	size_t memlimit;		/* bytes, a multiple of 1024 */
};
extern const struct vault_cost vault_cost_default;	/* libsodium MODERATE */

/* Seals plain into armoured text. The caller owns *ret. */
int vault_seal(const struct secret *plain, const struct secret *password,
	       const struct vault_cost *cost, struct secret **ret_armour, struct err *e);
/* Opens armoured text. -ERR_PASSWORD when only the password can be wrong (the header authenticates
 * on its own), -ERR_CONFIG when the file is damaged or no vault; e names `name`. */
int vault_unseal(const char *name, const void *bytes, size_t len, const struct secret *password,
		 struct secret **ret_plain, struct err *e);

/* The cost that the header of armoured text names. -ERR_CONFIG when it is damaged or no vault. */
int vault_cost_of(const char *name, const void *bytes, size_t len, struct vault_cost *ret,
		  struct err *e);

/* A parsed plain text: entries by name. text is copied. The part of YAML that is read: a mapping
 * of names to one text each (plain on one line, '..', "..", | or >), comments, blank lines, a first
 * "---"; anything else is -ERR_CONFIG with name:line:column and never the text itself. */
#define VAULT_NAME_MAX 128u
int vault_new(const char *name, const struct secret *text, struct vault **ret, struct err *e);
void vault_free(struct vault *v);
/* The entry's text, or NULL when it is not there or has no value (`name:`, `name: ~`). Belongs to
 * the vault. */
const struct secret *vault_get(const struct vault *v, const char *entry);
/* The i-th name in the file's order, or NULL behind the last. */
const char *vault_name(const struct vault *v, size_t i);
/* Can it be an entry's name: 1 to VAULT_NAME_MAX of letters, digits, _ - . (the latter two not
 * first), and not "ansible_vault"? */
bool vault_name_ok(const char *name);
/* A new plain text with entry set (added or replaced; all other lines, comments and their order
 * kept byte for byte); a last line without an end gets one. The value is any UTF-8 text without
 * zero bytes. The caller owns *ret. */
int vault_text_set(const struct secret *text, const char *entry, const struct secret *value,
		   struct secret **ret, struct err *e);

/* Files. vault_read opens the vault at path; -ERR_CONFIG when there is none or it is none of ours
 * (an Ansible vault, plain text: the message says what to do), else as vault_unseal. */
int vault_read(const char *path, const struct secret *password, struct secret **ret_plain,
	       struct err *e);
/* The same for an Ansible vault; errors as vault_unseal_ansible. */
int vault_read_ansible(const char *path, const struct secret *password, struct secret **ret_plain,
		       struct err *e);
/* Seals and writes: beside, synced, renamed, 0600 from the first byte; the old file is untouched on
 * failure. cost NULL: that of the vault which is at path, else vault_cost_default. */
int vault_write_cost(const char *path, const struct secret *plain, const struct secret *password,
		     const struct vault_cost *cost, struct err *e);
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

#define VAULT_PASSWORD_MAX 4096u	/* bytes */
#define VAULT_PASSWORD_ENV "POWERSTACK_VAULT_PASSWORD_FILE"

/* The password, from the first that is given: path (as vault_password_file), the file that
 * $POWERSTACK_VAULT_PASSWORD_FILE names (the same), a prompt on the terminal (twice when confirm).
 * Never argv. -ERR_CONFIG when there is no way to ask. The caller owns *ret. */
int vault_password(const char *path, const char *prompt, bool confirm, struct secret **ret,
		   struct err *e);
/* The first line of a file ("-": of standard input, whose other lines stay unread), or of the output
 * of an executable file: it runs without a shell or arguments, its standard input is empty, and it
 * has two minutes. The line end is not part of the password. -ERR_CONFIG when it is empty, too long or
 * cannot be had, when others may read the file or change the executable; -ERR_TIMEOUT. */
int vault_password_file(const char *path, struct secret **ret, struct err *e);
/* Asks on the terminal, never on standard input; what is typed is not shown. prompt is printed as
 * it is ("Password of x: "). confirm: asks again until both agree (three times). The terminal is as
 * before also after a signal. -ERR_CONFIG without a terminal, -ERR_INTERRUPTED after a signal that did
 * not end the program. The caller owns *ret. */
int vault_password_prompt(const char *prompt, bool confirm, struct secret **ret, struct err *e);

#endif
