/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_VALIDATE_H
#define INVENTORY_VALIDATE_H
/* What must hold between the keys of an inventory, once each key on its own was read. */
#include "inventory/inventory.h"
#include "inventory/problem.h"
#include "inventory/schema.h"

/* What became of one key: a rule looks at sound values only. */
enum fstate { FS_NONE, FS_FALLBACK, FS_GIVEN, FS_BAD };

struct spot {
	enum fstate state;
	struct place at;		/* of the value; of the host's key for a fallback */
};

struct checked {
	const struct inventory *inv;	/* hosts and control are set */
	const struct spot *spots;	/* nschema for every host, then nschema for the cluster */
	struct plist *p;
};

/* The spot of key on host (NULL: the cluster). */
const struct spot *checked_spot(const struct checked *c, const struct host *host, const char *key);
/* Runs every rule; problems and warnings go to c->p. */
void validate(const struct checked *c);

#endif
