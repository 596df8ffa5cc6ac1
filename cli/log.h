/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_LOG_H
#define CLI_LOG_H
/*
 * The log of a run: DIR/<verb>-<timestamp>.log, 0600 from the first byte, a directory that is
 * created is 0700. Every remote command and every row, as they end, one line each:
 *
 *	TIME HOST run SCRIPT [sudo] status=0 812ms stdin=- 'ARG' 'ARG'...
 *	TIME HOST row changed nfs-server/exports absent->present 400ms MESSAGE
 *
 * Lines that a command wrote to stderr follow it behind "  | ", the last 20 of them. Vault values
 * are taken out of all of it (cli/redact.h). Lines are written whole, so a killed run leaves a readable log.
 */
#include "base/err.h"
#include "cli/redact.h"
#include "provision/provision.h"

struct runlog;

/* Opens a new log in dir; head (the command line) is its first line. *ret_path, the log's path,
 * belongs to the log. -ERR_FAILED when it cannot be created. */
int runlog_open(const char *dir, const char *verb, const char *head, const struct redact *redact,
		struct runlog **ret, struct err *e);
const char *runlog_path(const struct runlog *l);
/* One remote command; e is what it ended with (NULL or kind 0: well). From any thread. */
void runlog_command(struct runlog *l, const char *host, const struct cmd *cmd,
		    const struct answer *a, const struct err *e);
void runlog_row(struct runlog *l, const struct report_row *row);
void runlog_check(struct runlog *l, const struct verify_row *row);
/* A line of our own. */
void runlog_note(struct runlog *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Syncs and closes. -ERR_FAILED when any line could not be written (then the log is not whole).
 * NULL is allowed. */
int runlog_close(struct runlog *l, struct err *e);

#endif
