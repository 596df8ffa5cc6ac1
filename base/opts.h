/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_OPTS_H
#define BASE_OPTS_H
/*
 * Option tables. One row is the whole truth about an option: parsing, --help, completion and the
 * man page's option list come from it.
 *
 *	static const struct opt opts[] = {
 *		{ "jobs", 'j', OPT_UINT, "N", "hosts worked on at once", offsetof(struct x, jobs), .min = 1, .max = 1024 },
 *		...
 *	};
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum opt_kind {
	OPT_FLAG,	/* bool: --name sets true, --no-name (when .negatable) false */
	OPT_STRING,	/* const char *: points into argv */
	OPT_UINT,	/* unsigned, in [min, max] */
	OPT_DURATION,	/* uint64_t nanoseconds: 50ms, 1s, 1.5m, 1m30s; a bare number is seconds; [min, max] in ns */
	OPT_COUNT,	/* unsigned: each occurrence adds one (-vv) */
	OPT_ENUM,	/* int: index into .values */
};

struct opt {
	const char *name;		/* long name without dashes; may hold dots: web.listen-address */
	char letter;			/* short name or 0 */
	enum opt_kind kind;
	const char *arg;		/* what --help calls the value; NULL for flags */
	const char *help;		/* one line, lower case, no full stop */
	size_t offset;			/* of the value in the caller's struct */
	unsigned long long min, max;	/* OPT_UINT, OPT_DURATION */
	const char *const *values;	/* OPT_ENUM: NULL-terminated words */
	bool negatable;
	const char *complete;		/* completion hint: "file", "dir", "host", "part", "check" or NULL */
};

/* Parses argv[1..argc-1] of one command: options of any of the ntables tables may stand anywhere
 * before "--"; each table writes into its own struct. What is no option is moved, in order, to the front
 * of argv and counted in *ret_nargs. stop_at_first: stop at the first word that is no option (for
 * "global options VERB ..."): then *ret_nargs counts all that is left from it on. "--name=value", "--name value",
 * "-jN", "-j N" are understood; a Go-style single dash ("-name") is not. -ERR_USAGE with a
 * did-you-mean. */
struct opt_table {
	const struct opt *opts;
	size_t n;
	void *into;
};
int opts_parse(const struct opt_table *tables, size_t ntables, int argc, char **argv,
	       bool stop_at_first, int *ret_nargs, struct err *e);
/* Sets one option by name from a text (environment, configuration). */
int opts_set(const struct opt_table *table, const char *name, const char *value, struct err *e);
/* Prints the table as the options section of --help, wrapped to 79 columns. */
void opts_help(FILE *out, const struct opt *opts, size_t n);
/* Parses a duration as OPT_DURATION does into nanoseconds. */
int opts_duration(const char *text, unsigned long long *ret_ns, struct err *e);

#endif
