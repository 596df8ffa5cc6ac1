/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_SESSION_H
#define PROVISION_REMOTE_SESSION_H
/*
 * One command on one host. A command is a constant script with an argument vector; nothing ever
 * prints shell text but cmdline.c, and stdin is free for contents and secrets. ssh.c stands behind
 * this interface; tests/fake/host.c stands behind it in tests.
 *
 * A session is used by one thread at a time.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

/* A constant POSIX sh script; its text is embedded from provision/files/<name>.sh. */
struct script {
	const char *name;
	const char *text;
};

enum cmd_flags {
	CMD_SUDO = 1 << 0,		/* as root (nothing is added when the user is root already) */
	CMD_ANY_STATUS = 1 << 1,	/* a non-zero status is an answer, not an error */
	CMD_SECRET_OUT = 1 << 2,	/* stdout is secret: ret->out is a secret buffer */
};

struct cmd {
	const struct script *script;
	const char *const *argv;	/* NULL-terminated, without argv[0]; NULL: none. No NUL, no secret. */
	/* stdin: at most one of these; none means empty */
	const void *in;			/* in_len bytes */
	size_t in_len;
	const struct secret *in_secret;
	int in_fd;			/* streamed from here to its end when in_file is set */
	bool in_file;
	uint64_t in_total;		/* bytes that in_fd will give, for progress */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);	/* while stdin is sent */
	void *progress_ctx;
	/* each whole line of stdout (cut to 300 bytes), as it comes; may be NULL */
	void (*said)(void *ctx, const char *line);
	void *said_ctx;
	unsigned flags;			/* enum cmd_flags */
	unsigned timeout_s;		/* whole command; 0 means 60 */
	size_t out_max;			/* cap of stdout; 0 means 64 KiB (stderr always 16 KiB, then cut) */
};

struct answer {
	int status;			/* exit status; 128+n when killed by signal n */
	struct buf out, err;
	uint64_t ms;
};
void answer_clear(struct answer *a);

/* Set by a signal handler or another thread, only ever upwards: a wait in a session that the wish concerns
 * ends with -ERR_INTERRUPTED. */
enum cancel_wish {
	CANCEL_NONE,
	CANCEL_SOON,	/* what is under way and changes something (session.finishes) is finished first */
	CANCEL_NOW,	/* every wait ends */
};
struct cancel {
	atomic_int requested;	/* enum cancel_wish */
};

struct session;
struct session_ops {
	int (*run)(struct session *, const struct cmd *, struct answer *ret, struct err *);
	/* Starts cmd and leaves it running until the session closes or drop is called; returns once
	 * it wrote its first line to stdout (into ret->out) or ended (then ret->status tells). */
	int (*hold)(struct session *, const struct cmd *, struct answer *ret, struct err *);
	void (*drop)(struct session *);	/* ends what hold started; waits for its end, bounded */
	void (*close)(struct session *);
};
struct session {
	const struct session_ops *ops;
	const char *host;		/* for messages; belongs to the opener */
	unsigned timeout_s;		/* set by the user's --timeout: replaces each command's own; 0: it stands */
	bool finishes;			/* set while a change is made: commands go on after CANCEL_SOON */
};

/* Runs cmd and waits for its end. ret is filled (answer_clear it) whenever 0 is returned or the command
 * ended with a non-zero status (then -ERR_FAILED unless CMD_ANY_STATUS, the message naming the
 * script and its last stderr line).
 * -ERR_UNREACHABLE: the connection is gone, or the command ended without a status;
 * -ERR_TIMEOUT: timeout(1) ended the command on the node, or (3 s later, when the node does not say so) its
 * channel was closed and it may still run; it never runs longer than timeout_s + 10 there;
 * -ERR_INTERRUPTED: its channel was closed; it runs on until its own end or its timeout, but finds its
 * stdin ended and its stdout and stderr closed;
 * -ERR_PASSWORD: sudo refuses the password (given once, never tried again), or wants one and there is none;
 * -ERR_FAILED: also when sudo does not start the script at all (then never a status, also not with
 * CMD_ANY_STATUS), and when script and arguments are more than a node takes (128 KiB);
 * -ERR_MEMORY: more output than out_max. */
int session_run(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e);
int session_hold(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e);
void session_drop(struct session *s);
void session_close(struct session *s);	/* NULL is allowed */

/* What ssh needs to know of a host. Strings belong to the caller and outlive the session. */
struct ssh_target {
	const char *name;		/* for messages */
	const char *address;
	unsigned port;			/* 0: ~/.ssh/config, else 22 */
	const char *user;		/* NULL: ~/.ssh/config, else the login name */
	const char *key_file;		/* NULL: agent, ~/.ssh/config, default keys */
	const char *known_hosts;	/* NULL: ~/.ssh/known_hosts and the system's */
	const char *jump;		/* [user@]host[:port],... or NULL (then ~/.ssh/config's ProxyJump) */
	const struct secret *password;		/* NULL: none is tried */
	const struct secret *sudo_password;	/* NULL: sudo must need none */
};
struct ssh_policy {
	bool accept_new_host_keys;	/* an unknown key is added; a changed one is always refused */
	const char *config_file;	/* NULL: the user's own ~/.ssh/config */
	unsigned connect_timeout_s;	/* 0 means 20: TCP, key exchange and login together */
	struct cancel *cancel;		/* may be NULL */
	/* told of every command with its outcome, for the log; argv is never secret. a: how it ended, whatever its
	 * status; or e: why it has no answer (the other is NULL). May be NULL. */
	void (*ran)(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		    const struct err *e);
	void *ran_ctx;
};
/* Connects (through jump hosts, if any), checks every host key, logs in with the key files named for the
 * host, the agent, the default key files, the password, in this order. ~/.ssh/config counts as
 * far as sshconf.h says. -ERR_UNREACHABLE with the reason and what to do next (also for unknown host
 * keys and refused logins); -ERR_REFUSED: a changed or revoked host key; -ERR_CONFIG: a mistake in
 * ~/.ssh/config or in the jump hosts; -ERR_INTERRUPTED. A lost or dead peer is noticed within 25 s, an
 * sshd that says nothing while its kernel still answers within 60 s. */
int ssh_open(const struct ssh_target *t, const struct ssh_policy *p, struct session **ret,
	     struct err *e);

#endif
