/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_CMDLINE_H
#define PROVISION_REMOTE_CMDLINE_H
/*
 * The only maker of shell text.
 *
 * What sshd gets is one line for the user's login shell, which it starts as `SHELL -c LINE`: the
 * whole line is a single argument of execve, so Linux' bound for one argument (MAX_ARG_STRLEN,
 * 128 KiB with the NUL) is its bound.
 *
 * Without sudo the script is an argument in that line. sudo writes the arguments of all it starts to
 * the node's log, 1 KiB a line; so with sudo the script goes ahead of the contents on stdin and the log
 * shows which program ran with which arguments. The contents follow only when CMDLINE_READY was heard,
 * because the program that reads the script may buffer more than it was asked for.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define CMDLINE_MAX (128 * 1024 - 1)	/* bytes of a line without its NUL */

/* Markers on stderr (constants: whoever can forge them on a node already has what they protect). */
#define CMDLINE_PROMPT "[powerstack asks sudo]"		/* sudo wants the password now */
#define CMDLINE_AWAIT "[powerstack script, please]"	/* a line: sudo is content and started the shell */
#define CMDLINE_READY "[powerstack script starts]"	/* a line: the script runs, stdin is its own */

enum cmdline_sudo {
	CMDLINE_NO_SUDO,
	CMDLINE_SUDO,		/* sudo must not need a password */
	CMDLINE_SUDO_ASK,	/* sudo may ask for one with CMDLINE_PROMPT; it reads stdin's first line */
};

/* Appends s in single quotes so that sh, dash and bash read back exactly its bytes ("'" and "!"
 * leave the quotes, as in git's quote.c). A csh or tcsh login shell reads them back too, but for
 * a newline, which csh has no way to quote that sh understands: such users need another shell. */
int cmdline_quote(struct buf *out, const char *s);
/* Appends
 *	env LC_ALL=C [sudo ...] [timeout -k 10 SECONDS] sh -euc SCRIPT powerstack ARG...
 * with SCRIPT and every ARG quoted. With sudo, SCRIPT is a constant that reads the true one from stdin and
 * runs it only when it came whole; ret_stdin gets the bytes to be sent there first. It writes
 * CMDLINE_AWAIT to stderr before (send nothing earlier when sudo may read a password) and
 * CMDLINE_READY when the script runs, so that a refusal by sudo is never taken for the script's own
 * answer. timeout_s 0: no timeout(1). argv may be NULL. -ERR_FAILED with the size when the line is longer
 * than CMDLINE_MAX (or than out's cap), -ERR_MEMORY. */
int cmdline_make(struct buf *out, struct buf *ret_stdin, enum cmdline_sudo sudo, unsigned timeout_s,
		 const char *script_text, const char *const *argv, struct err *e);

#endif
