/* SPDX-License-Identifier: BSD-2-Clause */
/* Vault files. */
#include "vault/vault.h"

#include "base/cleanup.h"
#include "base/file.h"

static int load(const char *path, struct buf *b, struct err *e)
{
	int missing = 0;
	int r = file_read(path, b, &missing, e);
	if (r == 0)
		return 0;
	if (missing)
		return err_set(e, ERR_CONFIG,
			       "there is no vault '%s'; make one with 'powerstack vault create'", path);
	if (e)
		e->kind = ERR_CONFIG;
	return -(int)ERR_CONFIG;
}

int vault_read(const char *path, const struct secret *password, struct secret **ret_plain,
	       struct err *e)
{
	AUTO_BUF struct buf b;
	/* it may turn out to be a plain text */
	buf_init_secret(&b, VAULT_FILE_MAX);
	int r = load(path, &b, e);
	if (r < 0)
		return r;
	switch (vault_kind_of(b.data, b.len)) {
	case VAULT_OURS:
		return vault_unseal(path, b.data, b.len, password, ret_plain, e);
	case VAULT_ANSIBLE:
		return err_set(e, ERR_CONFIG,
			       "%s: is an Ansible vault; take it over with 'powerstack vault import'", path);
	case VAULT_PLAIN:
		break;
	}
	return err_set(e, ERR_CONFIG,
		       "%s: is not encrypted; 'powerstack vault encrypt' does it, if it is your vault", path);
}

int vault_read_ansible(const char *path, const struct secret *password, struct secret **ret_plain,
		       struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init_secret(&b, VAULT_ANSIBLE_FILE_MAX);
	int r = load(path, &b, e);
	return r < 0 ? r : vault_unseal_ansible(path, b.data, b.len, password, ret_plain, e);
}

int vault_write_cost(const char *path, const struct secret *plain, const struct secret *password,
		     const struct vault_cost *cost, struct err *e)
{
	struct vault_cost kept = vault_cost_default;
	if (!cost) {
		AUTO_BUF struct buf b;
		buf_init_secret(&b, VAULT_FILE_MAX);
		if (file_read(path, &b, NULL, NULL) == 0)
			/* anything else at path keeps the default */
			(void)!vault_cost_of(path, b.data, b.len, &kept, NULL);
		cost = &kept;
	}
	AUTO_SECRET struct secret *armour = NULL;
	int r = vault_seal(plain, password, cost, &armour, e);
	if (r < 0)
		return r;
	return file_replace(path, 0600, secret_expose(armour), secret_len(armour), e);
}

int vault_write(const char *path, const struct secret *plain, const struct secret *password,
		struct err *e)
{
	return vault_write_cost(path, plain, password, NULL, e);
}
