/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_SHOW_H
#define INVENTORY_SHOW_H
/* Values of the struct as text, by the rows of the schema. */
#include "base/buf.h"
#include "inventory/schema.h"

/* Is the value of f in base (a struct host or struct inventory) there at all? */
bool show_is_set(const struct field *f, const void *base);
/* As plain text: sizes in bytes, yes/no, list items one a line, secrets as "<vault: name>". */
void show_plain(const struct field *f, const void *base, struct buf *out);

#endif
