/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_SSHCONF_H
#define PROVISION_REMOTE_SSHCONF_H
/*
 * ssh_config(5) as far as it says how to reach a host and whom to trust. It is read here and not by
 * libssh 0.10, which would start the ssh program for ProxyJump, run the commands of `Match exec`,
 * take one known_hosts file only and knows neither IdentitiesOnly nor HostKeyAlias.
 *
 * Understood: Host (patterns, !), Match (all, final, canonical, host, originalhost, user,
 * localuser, each with !), Include (globs, ~), and the keywords of struct sshconf. As in ssh(1) the first value
 * wins, but for IdentityFile, which adds up. `Match exec` is an error when the command would decide,
 * since no command is run here. Every other keyword is passed over.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"

struct sshconf {
	char *hostname;			/* NULL: the name given */
	char *user;			/* NULL: the login name */
	char *proxy_jump, *proxy_command;	/* "none" is NULL; at most one is set */
	char *host_key_alias;
	char *identity_agent;		/* a socket path; "" for none; NULL: $SSH_AUTH_SOCK */
	char *ciphers, *macs, *kex, *host_key_algorithms, *pubkey_algorithms;
	struct strv identities;		/* IdentityFile, expanded; none: the default ones */
	struct strv user_known_hosts;	/* expanded; never empty */
	struct strv global_known_hosts;	/* never empty */
	unsigned port;			/* 0: 22 */
	int family;			/* AF_UNSPEC, AF_INET, AF_INET6 */
	bool identities_only, hash_known_hosts, compression;
	bool family_set, identities_only_set, hash_set, compression_set;	/* private: first one wins */
	bool user_known_set, global_known_set;
};

/* Resolves what the files say for `name` as given by the user; user (NULL) and port (0) given with it
 * win over the files. file NULL: ~/.ssh/config, then /etc/ssh/ssh_config, each of which may be missing; else only
 * that file, which must be there. -ERR_CONFIG "file:line: ..." . ret is the caller's: sshconf_clear. */
int sshconf_load(const char *file, const char *name, const char *user, unsigned port,
		 struct sshconf *ret, struct err *e);
void sshconf_clear(struct sshconf *c);

/* The user's home folder and login name, from the user database (never $HOME, as in ssh(1)). */
int sshconf_home(char *ret, size_t size, struct err *e);
int sshconf_login(char *ret, size_t size, struct err *e);

/* Applies the text of one file to c, which may hold what was given; exposed for tests and the fuzzer.
 * path is for messages; depth counts Includes (0 outside). */
int sshconf_apply(struct sshconf *c, const char *path, const char *text, size_t len, const char *name,
		  unsigned depth, struct err *e);
/* Fills what no file said and expands ~ and %-tokens. */
int sshconf_finish(struct sshconf *c, const char *name, struct err *e);

#endif
