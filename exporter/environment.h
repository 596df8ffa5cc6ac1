/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_ENVIRONMENT_H
#define EXPORTER_ENVIRONMENT_H
/*
 * Kepler's environment variables: one table, from which the manual comes too. They win over the
 * configuration file and lose against the command line. A variable of Kepler's that means nothing here
 * has a row that says why, so that a start can tell whoever brought it along.
 */
#include <stddef.h>

#include "base/err.h"
#include "base/opts.h"
#include "exporter/config.h"

/* Where values go. */
struct env_target {
	const struct opt_table *options;
	struct config *config;
};

struct env_name {
	const char *name;
	/* Puts a value in its place; NULL: it is read where it is used, or not at all. */
	int (*set)(const struct env_name *row, const char *value, const struct env_target *into, struct err *e);
	const char *option;	/* for `set`: which one */
	const char *help;	/* what it does */
	const char *unused;	/* not NULL: why it does nothing here */
};

extern const struct env_name env_names[];
extern const size_t nenv_names;

/* Sets what the environment says; get is getenv. -ERR_USAGE naming the variable. */
int environment_read(const struct env_target *into, char *(*get)(const char *name), struct err *e);

#endif
