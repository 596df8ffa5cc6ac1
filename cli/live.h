/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H
/*
 * What a run looks like while it runs. On a terminal: one line per host, rewritten in place, and
 * finished changes scrolling above; elsewhere plain lines only. The cursor is never hidden and
 * rests below the block, so there is nothing to restore after a kill; the block is erased when the
 * run ends.
 *
 * live_view is plain data and live_view_event, live_view_row and live_view_render are pure: tests
 * drive them without a terminal. struct live adds the file descriptor, the clock, a lock and the
 * thread that redraws.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "cli/redact.h"
#include "provision/provision.h"

enum live_state { LIVE_WAITING, LIVE_WORKING, LIVE_DONE, LIVE_FAILED };

struct live_host {
	const char *name;
	enum live_state state;
	char phase[64];			/* the engine's word for it, until a step begins */
	char step[80];			/* "nfs-server/exports"; "" between steps */
	char does[160];
	uint64_t since_ns;		/* when phase or step began; 0: not yet */
	uint64_t done, total;		/* bytes of a transfer; total 0: none */
	unsigned done_well, failed;	/* changed rows, or passed checks */
};

struct live_view {
	struct live_host *hosts;
	size_t n;
	uint64_t began_ns;
	bool color, check, stopping;
	bool verify;			/* counts are of checks that passed */
	bool status;			/* there is nothing to count but hosts */
	bool show_ok, quiet, diff;
	const char *noun, *word;	/* of the closing line; NULL: "hosts", and what a change is called */
	const struct redact *redact;
};

/* Takes an event into the view; events about other hosts are ignored. */
void live_view_event(struct live_view *v, const struct event *ev, uint64_t now_ns);
/* Appends the line for a row that is final (nothing when it is not to be shown), its message and diff. */
int live_view_row(const struct live_view *v, const struct report_row *row, struct buf *out);
/* Appends the block: no line is wider than columns - 1, and there are at most rows - 1 of them:
 * hosts that do not fit are counted in one line, those at work come first. ret_widths[i] is the
 * width of line i (max of them); *ret_lines how many there are. */
int live_view_render(const struct live_view *v, unsigned columns, unsigned rows, uint64_t now_ns,
		     struct buf *out, unsigned *ret_widths, size_t max, unsigned *ret_lines);

struct live;
struct live_options {
	int fd;
	bool block;		/* fd is a terminal that can move its cursor: draw the block */
	bool lines;		/* write lines for rows */
	struct live_view look;	/* color, check, show_ok, quiet, diff, redact are taken from it */
	struct cancel *cancel;	/* watched, to say that the run is stopping, and how */
};
/* Starts showing these hosts, which outlive it. The caller owns *ret and ends it with live_stop. */
int live_start(const struct live_options *o, const struct strv *hosts, struct live **ret,
	       struct err *e);
/* From any thread. */
void live_event(struct live *l, const struct event *ev);
/* Erases the block and ends the thread; NULL is allowed. */
void live_stop(struct live *l);
/* Columns of the terminal behind fd, or 80. */
unsigned live_columns(int fd);

#endif
