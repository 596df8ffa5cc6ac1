/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_KNOWNHOSTS_H
#define PROVISION_REMOTE_KNOWNHOSTS_H
/*
 * known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): plain and hashed names, patterns with
 * * ? and !, [host]:port, @revoked. Lines of @cert-authority are passed over (libssh verifies no host
 * certificates), so are lines that make no sense: they vouch for nobody.
 *
 * It is read here and not by libssh, because libssh 0.10 gives up a whole file at the first line it
 * cannot read, knows no @revoked, takes only one file and cannot say which line disagrees.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum khost_verdict {
	KHOST_UNKNOWN,		/* no line for this host */
	KHOST_KNOWN,		/* a line has this very key */
	KHOST_CHANGED,		/* lines for this host, of this or other key types, but none with this key */
	KHOST_REVOKED,		/* a @revoked line has this key */
};

/* The host's name as known_hosts writes it: "host" in lower case, or "[host]:port" when the port is not 22. */
int khost_name(struct buf *ret, const char *host, unsigned port);

/* The lines about one host, of all its files in their order. */
struct khost_entry {
	bool revoked;
	char *type, *base64;	/* base64 follows type in one allocation */
	const char *file;	/* belongs to the caller of khosts_load */
	size_t line;
};
struct khosts {
	struct khost_entry *entries;
	size_t n;
};

/* Reads what the files (NULL-terminated) say about name. A missing file is an empty one; one that
 * cannot be read is -ERR_FAILED, since it could hold a key that disagrees. ret is the caller's. */
int khosts_load(const char *const *files, const char *name, struct khosts *ret, struct err *e);
void khosts_clear(struct khosts *k);
/* Judges a key by its type ("ssh-ed25519", ...) and base64 text. *ret_at (may be NULL) is the first
 * line in question for KHOST_CHANGED and KHOST_REVOKED, else NULL. */
enum khost_verdict khosts_judge(const struct khosts *k, const char *type, const char *base64,
				const struct khost_entry **ret_at);
/* Appends a line to file (made with mode 0600, its folder with 0700, when missing), the name hashed
 * when hash is set. Safe against other threads and processes that do the same. */
int khost_add(const char *file, const char *name, bool hash, const char *type, const char *base64,
	      struct err *e);

/* One line against a name. Exposed for tests and the fuzzer. */
struct khost_line {
	bool revoked;
	char type[64];
	const char *base64;	/* into line */
	size_t base64_len;
};
/* True when line (len bytes, no newline) is a key of host name. */
bool khost_line_matches(const char *line, size_t len, const char *name, struct khost_line *ret);

#endif
