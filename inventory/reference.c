/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference part of docs/inventory.md, from the rows of the schema and of the rules. */
#include <string.h>

#include "inventory/inventory.h"

static const char *const titles[][2] = {
	{ "host", "Keys of a host" },
	{ "cluster", "Keys of the cluster" },
};

/* Text for a table's cell: a bar would end it. */
static void add_cell(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '|')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
}

static void add_code(struct buf *out, const char *s)
{
	buf_addc(out, '`');
	add_cell(out, s);
	buf_addc(out, '`');
}

static void add_scope(struct buf *out, const char *scope, const char *title)
{
	struct inventory_key k;
	buf_addf(out, "### %s\n\n| key | type | meaning | default, or e.g. |\n|---|---|---|---|\n",
		 title);
	for (size_t i = 0; inventory_key_at(i, &k); i++) {
		if (strcmp(k.scope, scope) != 0 || !k.used_here || k.same_as)
			continue;
		buf_addf(out, "| `%s` | %s | ", k.key, k.type);
		add_cell(out, k.help);
		buf_adds(out, " | ");
		if (k.fallback && *k.fallback) {
			add_code(out, k.fallback);
		} else {
			buf_adds(out, "e.g. ");
			add_code(out, k.example);
		}
		buf_adds(out, " |\n");
	}
	buf_addc(out, '\n');
}

int inventory_reference(struct buf *out)
{
	struct inventory_key k;
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		add_scope(out, titles[i][0], titles[i][1]);
	buf_adds(out, "### Other names\n\n| key | is |\n|---|---|\n");
	for (size_t i = 0; inventory_key_at(i, &k); i++)
		if (k.same_as)
			buf_addf(out, "| `%s` | `%s` |\n", k.key, k.same_as);
	buf_adds(out, "\n### Without effect here\n\nThese are understood and named in one "
		      "warning.\n\n| key | why |\n|---|---|\n");
	for (size_t i = 0; inventory_key_at(i, &k); i++)
		if (!k.used_here && !k.same_as)
			buf_addf(out, "| `%s` | %s |\n", k.key, k.help);
	buf_adds(out, "\n### What must hold\n\n");
	for (size_t i = 0; inventory_rule_at(i); i++)
		buf_addf(out, "- %s\n", inventory_rule_at(i));
	return out->full ? -(int)ERR_MEMORY : 0;
}
