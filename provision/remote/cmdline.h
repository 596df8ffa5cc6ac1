/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_CMDLINE_H
#define PROVISION_REMOTE_CMDLINE_H
/*
 * The only maker of shell text.
 *
 * What sshd gets is one line for the user's login shell, which it starts as `SHELL -c LINE`: the
 * whole line is a single argument of execve, so Linux' bound for one argument (MAX_ARG_STRLEN,
 * 128 KiB with the NUL) is the bound of script and arguments together.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define CMDLINE_MAX (128 * 1024 - 1)	/* bytes of a line without its NUL */

/* Markers on stderr (constants: whoever can forge them on a node already has what they protect). */
#define CMDLINE_PROMPT "[powerstack asks sudo]"		/* sudo wants the password now */
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
 * with SCRIPT and every ARG quoted. With sudo the script first writes CMDLINE_READY to stderr, so that
 * a refusal by sudo is never taken for the script's own answer. timeout_s 0: no timeout(1).
 * argv may be NULL. -ERR_FAILED with the size when the line is longer than CMDLINE_MAX (or than
 * out's cap), -ERR_MEMORY. */
int cmdline_make(struct buf *out, enum cmdline_sudo sudo, unsigned timeout_s,
		 const char *script_text, const char *const *argv, struct err *e);

#endif
