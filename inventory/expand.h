/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_EXPAND_H
#define INVENTORY_EXPAND_H
/*
 * "{{ ... }}" as these inventories use it: variables, ansible_vault.NAME, hostvars[HOST]['KEY'],
 * groups['GROUP'][N], inventory_hostname, 'text', numbers, a ~ b, and the filters of expand.c.
 * A value is expanded when it is asked for, in the place of one host, as Ansible does it.
 *
 * Nothing secret is ever known here: a vault entry stays a name, and may only be a whole value.
 */
#include <stdbool.h>
#include <stddef.h>

#include "inventory/arena.h"
#include "inventory/groups.h"
#include "inventory/problem.h"

enum vkind {
	V_UNDEFINED,		/* text: what was asked for */
	V_OMIT,			/* as if the key were not there */
	V_TEXT,
	V_SECRET,		/* text: the vault entry */
	V_NODE,			/* a list or mapping: node, to be expanded for host */
	/* only inside an expression */
	V_NAMES,		/* groups['x'], group_names: names */
	V_VAULT, V_HOSTVARS, V_HOST, V_GROUPS,
};

struct value {
	enum vkind kind;
	const char *text;
	const struct ynode *node;
	size_t host;
	const char *const *names;
	size_t nnames;
	bool plain_name;	/* V_UNDEFINED: text is a single variable's name */
};

struct expander {
	const struct groups *g;
	struct arena *a;
	struct plist *p;
	const char *source;		/* the file's bytes, for places inside a value */
	size_t source_len;
	const char *dir;		/* inventory_dir */
	const char *file;		/* inventory_file */
	/* variables that the expander is asked for and that no mapping sets: the keys' fallbacks.
	 * May be NULL. NULL when the name has none for that host. */
	const char *(*fallback)(void *ctx, size_t host, const char *name);
	/* must that variable be a vault entry? */
	bool (*is_secret)(void *ctx, const char *name);
	void *ctx;
	const char **used;		/* variables that some expression named */
	size_t nused;
	size_t steps, bytes;		/* spent so far; bounded */
	bool spent;
};

/* Expands the value n of the variable name for host. 0, or -1 with a
 * problem told. ret may point into n's document. */
int expand_node(struct expander *x, size_t host, const char *name, const struct ynode *n,
		struct value *ret);
/* Expands a text of our own (name's fallback); problems are told at `at`. */
int expand_text(struct expander *x, size_t host, const char *name, const char *text,
		struct place at, struct value *ret);
/* Notes the names inside the braces of a text that is not expanded (its key is read for no
 * host). */
void expand_scan(struct expander *x, const char *text);
/* Was the variable named in an expression that was expanded or scanned? */
bool expand_used(const struct expander *x, const char *name);
/* For the message about braces that are not understood: what is. */
extern const char expand_understood[];

#endif
