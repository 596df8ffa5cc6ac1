/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_GROUPS_H
#define INVENTORY_GROUPS_H
/*
 * The tree of groups and hosts of an Ansible YAML inventory, and for every host the mappings that
 * hold its variables in Ansible's order of precedence: the host itself, then its groups, deeper
 * before shallower, higher ansible_group_priority before lower, later name before earlier, `all`
 * last (Ansible documentation, "How variables are merged").
 */
#include <stddef.h>

#include "base/ydoc.h"
#include "inventory/arena.h"
#include "inventory/problem.h"

struct ihost {
	const char *key;
	struct place at;
	const struct ynode **own;	/* the host's own mappings; the last one wins */
	size_t nown;
	const struct ynode **vars;	/* all mappings that count for it, the first one wins */
	size_t nvars;
	const char *port;		/* of a key written "host:port", else NULL */
};

struct igroup {
	const char *name;
	struct place at;		/* where it is first named */
	size_t *children, *parents, *hosts;	/* indices */
	size_t nchildren, nparents, nhosts;
	const struct ynode **vars;	/* the last one wins */
	size_t nvars;
	unsigned depth;			/* `all` is 0 */
	long priority;			/* ansible_group_priority, 1 when not given */
};

struct groups {
	struct arena *a;
	struct igroup *v;		/* [0] is `all` */
	size_t n;
	struct ihost *hosts;		/* in the file's order */
	size_t nhosts;
};

#define GROUPS_MAX 500
#define HOSTS_MAX 1000
#define KEYS_MAX 1000			/* in one mapping of variables */

/* Reads the tree below root; problems are told to p. ret points into root's document and a.
 * -ERR_CONFIG when there is nothing to go on with (a problem says why), -ERR_MEMORY. */
int groups_read(const struct ynode *root, struct arena *a, struct plist *p, struct groups *ret);
/* The group of that name, or NULL. */
const struct igroup *groups_find(const struct groups *g, const char *name);
/* Appends to *v, n the indices of every host in group or below it, in the file's order. */
void groups_members(const struct groups *g, const struct igroup *group, size_t **v, size_t *n);
/* The nodes of key in the mappings v, the first that has it; NULL when none. ret_key may be
 * NULL. */
const struct ynode *groups_lookup(const struct ynode *const *v, size_t n, const char *key,
				  const struct ynode **ret_key);
/* Expands Ansible's ranges in a host key ("ho[1:3]", "n[01:10:3]-[a:c]"); calls each(ctx, name)
 * for every name. 0, or -1 with the reason in why. */
int groups_expand(const char *pattern, size_t max, int (*each)(void *ctx, const char *name),
		  void *ctx, const char **why);

#endif
