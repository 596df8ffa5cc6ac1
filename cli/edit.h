/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H
/*
 * A secret text in the user's editor, without a disk in between. The text is a file (0600) in a new
 * directory (0700) on a file system that is checked to be memory (tmpfs or ramfs), because editors
 * rename, write beside and want a directory; editors that are known to leave swap files, backups or
 * histories are told not to. Memory of a tmpfs can be swapped out: edit_may_swap tells. Nothing of it
 * is left behind when the program ends, also by SIGINT, SIGTERM, SIGHUP and SIGQUIT (they are
 * forwarded to the editor and raised again by edit_end); what a SIGKILL left is removed by the next
 * edit_begin of the same user.
 */
#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/secret.h"

struct edit {
	char dir[PATH_MAX];
	int fd;				/* of dir, locked while we live; -1: none */
};

/* Puts text into a new place. One edit at a time. -ERR_FAILED when no memory-backed place is there. */
int edit_begin(const struct secret *text, struct edit *ret, struct err *e);
/* Runs the editor ($VISUAL, $EDITOR, else the first of editor, vi, nano that is installed) and waits
 * for it. -ERR_FAILED when it ends with another status than 0, -ERR_INTERRUPTED after a signal. */
int edit_run(const struct edit *ed, struct err *e);
/* The text as it is now; the caller owns *ret. */
int edit_text(const struct edit *ed, struct secret **ret, struct err *e);
/* Overwrites and removes everything; raises again what arrived. Safe to call twice. */
void edit_end(struct edit *ed);
/* Is there swap space that is a disk (not zram)? */
bool edit_may_swap(void);

#endif
