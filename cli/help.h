/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_HELP_H
#define CLI_HELP_H
/* Help, completion words and the man page's lists, all printed from the tables of cli/verbs.c. */
#include <stdio.h>

#include "base/err.h"
#include "cli/verbs.h"
#include "provision/provision.h"

/* The verb of exactly that name. -ERR_USAGE with the verbs that begin so, or the nearest one. */
int help_find_verb(const char *name, const struct verb **ret, struct err *e);
/* Every verb and the global options. */
void help_all(FILE *out);
/* One verb: usage, what it does, its sub-verbs, options and examples. */
void help_verb(FILE *out, const struct verb *v);
void help_version(FILE *out);

#endif
