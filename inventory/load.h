/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_LOAD_H
#define INVENTORY_LOAD_H
/* From the document to the struct: who is server and agent, and every key of the schema. */
#include "base/ydoc.h"
#include "inventory/arena.h"
#include "inventory/problem.h"

/* Fills ret (strings in a) from root; source are the file's bytes, dir its absolute folder, home
 * for "~" (or NULL). Every problem is told to p; when one of them is an error ret is incomplete.
 * -ERR_MEMORY or -ERR_CONFIG (there was nothing to go on with) or 0. */
int load_document(const struct ynode *root, const char *source, size_t source_len, const char *dir,
		  const char *home, struct arena *a, struct plist *p, struct inventory *ret);

#endif
