/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H
/* Reports as text, JSON and JUnit XML. All of it is pure: a report in, bytes out. */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/redact.h"
#include "inventory/inventory.h"
#include "provision/provision.h"

/* Words for the enums, as people and JSON see them. */
const char *show_presence(enum presence p);	/* "absent", ... */
const char *show_outcome(enum outcome o, bool check);	/* "changed" or "would change", ... */
const char *show_outcome_color(enum outcome o);	/* the escape sequence that switches it on */
const char *show_verdict(enum verdict v);	/* "passed", "failed", "skipped" */

/* One problem a line: FILE:LINE:COLUMN: error: TEXT. */
void show_problems(FILE *out, const struct problems *p, bool color);
/* The same as {"file","errors","warnings","problems":[{"line","column","kind","text"}]}. */
int show_problems_json(struct buf *out, const struct problems *p);
/* {"error": message}: what --json prints when a verb could not start. */
void show_json_error(FILE *out, const char *message);

/* What a summary needs to know beside the report. */
struct show_context {
	const struct inventory *inv;	/* for the hint how to reach a host; may be NULL */
	const struct redact *redact;	/* may be NULL */
	const char *log;		/* path of the log; may be NULL */
	bool color, quiet;
	unsigned verbose;
	unsigned columns;		/* of the terminal; 0: 80 */
};
#define SHOW_WIDE 100000		/* columns of what is no terminal, for a table whose rows are to stay lines */

/* The table of hosts, what to do for each failure, one closing line. */
int show_report(struct buf *out, const struct report *r, enum walk w,
		const struct show_context *c);
/* The table of checks with the evidence of those that did not pass (-v: of all), closing line. */
int show_verify(struct buf *out, const struct verify_report *r, const struct show_context *c);
/* The table of nodes with what they draw, that of parts, what does not work and what to do, closing line. (show_status.c) */
int show_status(struct buf *out, const struct status_report *r, const struct show_context *c);

/* contract.md's object, with a newline. Every step also has "outcome" (ok, changed, failed,
 * refused, skipped, unreachable); a run that was cut short has "error". */
int show_report_json(struct buf *out, const struct report *r, enum walk w, const struct redact *redact);
int show_verify_json(struct buf *out, const struct verify_report *r, const struct redact *redact);
/* powerstack(1) has its keys. */
int show_status_json(struct buf *out, const struct status_report *r, const struct redact *redact);
/* JUnit XML (the schema that Jenkins' junit plug-in reads): one testsuite per part, one testcase
 * per check and host. */
int show_verify_junit(struct buf *out, const struct verify_report *r, const struct redact *redact);

/* ---- what the summaries share */
/* Text of a host's, redacted, cleaned and wrapped. */
void show_wrapped(struct buf *out, const char *text, unsigned indent, unsigned columns, const struct redact *redact);
/* The line that says how to try whether the host can be reached. */
void show_how_to_reach(struct buf *out, const struct host *h, unsigned columns);

#endif
