/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_YDOC_H
#define BASE_YDOC_H
/*
 * A YAML document as a tree (named ydoc: libyaml itself owns the names yaml_*) with the place of every node, read by libyaml's parser. Anchors and
 * aliases are followed (depth, nodes and bytes are bounded; a recursive alias is an error).
 * A repeated key in a mapping is an error: the second one would silently win elsewhere.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum ykind { YDOC_SCALAR, YDOC_MAP, YDOC_SEQ };

struct ynode {
	enum ykind kind;
	unsigned line, column;		/* from 1 */
	char *text;			/* YDOC_SCALAR: NUL-terminated, without quotes */
	size_t len;			/* bytes of text; a NUL inside is refused */
	bool quoted;			/* the scalar was quoted or a block: never a number or null */
	size_t n;			/* YDOC_MAP: pairs, YDOC_SEQ: items */
	struct ypair *pairs;	/* YDOC_MAP */
	struct ynode **items;	/* YDOC_SEQ */
	char *tag;			/* explicit tag such as "!vault", else NULL */
};

struct ypair {
	struct ynode *key;		/* always a scalar */
	struct ynode *value;
};

struct ydoc {
	struct ynode *root;		/* NULL for an empty document */
	void *owned;			/* every node; private */
};

/* Parses len bytes; name stands for the file in messages "name:line:column: ...". More than one
 * document is an error. -ERR_CONFIG on bad YAML. The caller owns ret: ydoc_free. */
int ydoc_parse(const char *name, const void *bytes, size_t len, struct ydoc *ret,
	       struct err *e);
void ydoc_free(struct ydoc *doc);
/* The value of key in a mapping, or NULL (also when map is NULL or no mapping). */
const struct ynode *ydoc_get(const struct ynode *map, const char *key);
/* An unquoted null: empty, ~ or null. */
bool ydoc_is_null(const struct ynode *n);

#endif
