/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_DIAL_H
#define PROVISION_REMOTE_DIAL_H
/* A byte stream to a host: TCP, or what a ProxyCommand gives. */
#include <sys/types.h>

#include "provision/remote/bound.h"

/* Resolves host (a name, IPv4 or IPv6 address, without brackets) and connects to one of its addresses;
 * the next one is tried beside the first after a short while. family is AF_UNSPEC, AF_INET or AF_INET6.
 * The socket is non-blocking, TCP_NODELAY, close-on-exec, and notices a dead peer within 25 s, with
 * data on its way (TCP_USER_TIMEOUT) or without (keepalive). Returns it (the caller's), or
 * -ERR_UNREACHABLE with the reason (not naming host), -ERR_INTERRUPTED. */
int dial_tcp(const char *host, unsigned port, int family, const struct bound *b, struct err *e);
/* Starts `/bin/sh -c "exec COMMAND"` with a socket as its stdin and stdout; stderr goes nowhere.
 * Returns our end; *ret_pid is its process: dial_end it. */
int dial_command(const char *command, pid_t *ret_pid, struct err *e);
void dial_end(pid_t pid);

#endif
