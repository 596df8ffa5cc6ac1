/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_JOB_H
#define CLI_JOB_H
/*
 * What deploy, destroy, verify and status share: the words of the command line checked, the vault opened
 * when a value of it is needed, the log, the display and the signals. Everything that asks a
 * question happens in job_begin, before the first connection.
 *
 * SIGINT, SIGTERM, SIGHUP: the first asks the run to stop where it safely can; the second ends the
 * process at once.
 */
#include "base/strv.h"
#include "cli/log.h"
#include "cli/live.h"
#include "cli/redact.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "provision/provision.h"

struct job {
	struct cli *cli;
	struct run_options options;
	struct purge purge;
	struct watcher watcher;
	struct vault *vault;		/* NULL when nothing of it is needed */
	struct artifact_options fetching;
	struct artifacts *artifacts;	/* NULL when no part that was named needs any */
	char *kubeconfig;		/* the operator's */
	struct redact redact;
	struct runlog *log;
	struct live *live;
	struct strv words, limit, hosts;	/* parts or checks; --limit's words; the hosts they come to */
	bool check, verify, status;	/* the walk is WALK_CHECK; it is no walk */
};

/* The process' wish to stop, which SIGINT, SIGTERM and SIGHUP set from signals_catch to signals_release. */
struct cancel *signals_catch(void);
void signals_release(void);
/* Is every word one of its kind? "part": a part; "check": a part or a check's id; other kinds are
 * not looked at. -ERR_USAGE with the nearest. */
int job_check_words(int argc, char **argv, const char *kind, struct err *e);
/* Prepares job (zeroed by the caller but for purge, check, verify and status) for the walk (of no meaning to the last two). On failure
 * nothing stays open. */
int job_begin(struct job *job, struct cli *cli, enum walk w, int argc, char **argv, struct err *e);
/* Walks, prints the report (text or JSON) and ends the job. Returns the exit status. */
int job_walk(struct job *job, enum walk w);
/* Ends the display: what is printed from now on stays on the screen. */
void job_shown(struct job *job);
/* What show_report, show_verify and show_status need. */
struct show_context job_context(const struct job *job);
/* Closes everything. Returns status, or 1 when that was 0 and the log is not whole. */
int job_end(struct job *job, int status);

/* words is empty: those parts that a deploy, fetch or verify means when none is named are put into it. */
int job_default_parts(struct strv *words, struct err *e);

#endif
