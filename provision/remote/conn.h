/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_CONN_H
#define PROVISION_REMOTE_CONN_H
/*
 * A chain of libssh sessions: the jump hosts in order, then the target. Private to remote/.
 *
 * All libssh sessions are non-blocking and so are their sockets. One thread drives the whole
 * chain: conn_step polls every socket once, lets each session handle its packets and moves bytes
 * between a jump host's direct-tcpip channel and the socket pair that is the next session's
 * connection. Nothing in here waits anywhere else, so that a deadline and a cancel always hold.
 */
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <sys/types.h>

#include "provision/remote/bound.h"
#include "provision/remote/knownhosts.h"
#include "provision/remote/sshconf.h"

#define HOPS_MAX 8
#define DEAD_AFTER_MS 25000		/* silence through a jump host, whose kernel does not probe for us */
#define DEAD_AFTER_DIRECT_MS 60000	/* silence of sshd itself while its kernel still answers */
#define PROBE_AFTER_MS 10000
#define PROBE_EVERY_MS 5000

/* The next hop's bytes inside this hop's session. */
struct link {
	ssh_channel ch;
	struct ssh_channel_callbacks_struct cb;
	int fd;			/* our end of the socket pair; -1 when over */
	char *buf;		/* on its way out: LINK_BUF bytes */
	size_t off, len;
	bool remote_eof;
};

struct hop {
	struct sshconf conf;
	char *host, *user;	/* where and as whom, resolved */
	char *khost;		/* the name in known_hosts */
	char *label;		/* for messages: "" for the target, else "jump host 'x': " */
	const char *key_file;	/* from the inventory; NULL for jump hosts */
	const char *known_hosts;	/* from the inventory or NULL */
	unsigned port;
	ssh_session ssh;
	ssh_event ev;
	int fd;			/* until ssh owns it; then -1 */
	struct ssh_counter_struct traffic;
	struct link link;	/* to the next hop; unused in the target */
	bool in;		/* logged in */
};

struct run;
struct conn {
	struct session base;
	struct hop hops[HOPS_MAX];
	size_t nhops;
	char *name;
	pid_t proxy;
	struct cancel *cancel;
	bool accept_new;
	const struct secret *password, *sudo_password;
	void (*ran)(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		    const struct err *e);
	void *ran_ctx;
	bool root;		/* the login is root: sudo would add nothing */
	uint64_t heard_bytes, heard_ms, listened_ms, probed_ms;
	struct run *held;
};

/* One round: waits at most until b's next slice (or until something happens; extra_fd >= 0 counts
 * too when readable) and handles it. -ERR_INTERRUPTED, -ERR_TIMEOUT (b is over), -ERR_UNREACHABLE (a session
 * is gone or silent); messages begin with the host. */
int conn_step(struct conn *c, const struct bound *b, int extra_fd, struct err *e);
/* Why hop h is gone, in words fit for a message. */
const char *conn_why(struct hop *h, char *space, size_t size);
/* Logs in on h, whose key exchange is done and whose host key was checked. */
int conn_login(struct conn *c, struct hop *h, const struct bound *b, struct err *e);
/* "host 'x': " with the jump host when it is one. */
#define HOST_FMT "host '%s': %s"
#define HOST_ARGS(c, h) (c)->name, (h)->label

/* command.c */
int conn_run(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e);
int conn_hold(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e);
void conn_drop(struct session *s);

static inline struct hop *conn_target(struct conn *c)
{
	return &c->hops[c->nhops - 1];
}

#endif
