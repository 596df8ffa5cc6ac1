/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_AGENT_H
#define PROVISION_REMOTE_AGENT_H
/*
 * An ssh-agent (draft-miller-ssh-agent) that stands between libssh and the user's own. libssh 0.10
 * offers every key of the agent in the agent's order, which a server with MaxAuthTries ends early,
 * and waits for the agent for ever; this one offers the keys named for the host first (or only
 * them) and is ended by a deadline or a cancel.
 */
#include "base/strv.h"
#include "provision/remote/bound.h"

struct agent;
struct agent_choice {
	const struct strv *first;	/* base64 public keys to offer first */
	const struct strv *skip;	/* those that were tried already */
	bool only;			/* nothing but `first` */
};

/* Connects to the agent at path, reads its keys and serves the chosen ones from a thread of its own,
 * which ends with b or agent_stop. *ret_keys: how many it offers; when none, *ret is NULL and 0 is
 * returned. *ret_fd is the socket for libssh (the caller's until ssh_set_agent_socket has it).
 * -ERR_UNREACHABLE: no agent answers there; -ERR_INTERRUPTED. */
int agent_start(const char *path, const struct agent_choice *choice, const struct bound *b,
		struct agent **ret, int *ret_fd, unsigned *ret_keys, struct err *e);
/* Waits for its thread; NULL is allowed. Call it after libssh closed its end or is done. */
void agent_stop(struct agent *a);

/* One list of keys (SSH_AGENT_IDENTITIES_ANSWER without its length), cut down to the choice, as a
 * whole answer with its length. Exposed for tests and the fuzzer. */
int agent_select(const unsigned char *msg, size_t len, const struct agent_choice *choice, struct buf *ret,
		 unsigned *ret_keys, struct err *e);

#endif
