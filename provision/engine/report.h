/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_REPORT_H
#define PROVISION_ENGINE_REPORT_H
/* What a walk or a verify did, row by row. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/engine/step.h"

enum walk { WALK_DEPLOY, WALK_CHECK, WALK_DESTROY };

/* What became of one row on one host. */
enum outcome {
	OUT_OK,			/* was as wanted */
	OUT_CHANGED,		/* was changed, and the re-check agrees (WALK_CHECK: would change) */
	OUT_FAILED,		/* tried and failed, or the re-check disagrees */
	OUT_REFUSED,		/* FOREIGN or an unmet precondition: nothing was done */
	OUT_SKIPPED,		/* not tried: something before it failed */
	OUT_UNREACHABLE,	/* the host could not be talked to */
};

/* "absent", "drifted", "present", "foreign". */
const char *presence_name(enum presence p);
/* "ok", "changed", "failed", "refused", "skipped", "unreachable". */
const char *outcome_name(enum outcome o);

/* Makes s fit for a terminal's line: newlines and tabs become spaces, other control bytes '?'. What
 * hosts say passes through it. Returns s. */
char *report_line(char *s);

struct report_row {
	const char *host;
	const char *recipe, *part, *step;	/* NULL for a row about the whole host */
	enum presence was, now;
	enum outcome outcome;
	uint64_t ms;
	char *message;		/* evidence or error; one printable line; never NULL */
	char *diff;		/* unified diff, or NULL */
};
struct report {
	struct report_row *rows;
	size_t n;
	unsigned changed, ok, failed, unreachable, skipped;	/* failed counts refusals too */
	uint64_t ms;
	bool stopped;		/* refused before the first change: nothing was changed anywhere */
	char why[600];		/* when stopped: who refused, and that nothing was changed; else "" */
	bool interrupted;
};
/* Rows stand in inventory order, then in the order of the walk, however the threads ran. Host,
 * recipe and step names point into the inventory and the tables. Frees what the rows own. */
void report_clear(struct report *r);
/* Fills in the counters from the rows. */
void report_count(struct report *r);
/* contract.md: 0 done, 1 something failed (or unreachable, or interrupted), 4 WALK_CHECK found changes. */
int report_exit(const struct report *r, enum walk w);

struct verify_row {
	const struct check *check;
	const char *host;		/* "-" for a check that has no host here (then it is skipped) */
	enum verdict verdict;
	char why[400];
	uint64_t ms;
};
struct verify_report {
	struct verify_row *rows;
	size_t n;
	unsigned passed, failed, skipped;
	uint64_t ms;
	bool interrupted;
};
/* Fills in the counters from the rows. */
void verify_report_count(struct verify_report *r);
void verify_report_clear(struct verify_report *r);

#endif
