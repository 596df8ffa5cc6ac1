/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_TMPL_H
#define PROVISION_ENGINE_TMPL_H
/*
 * Templates: constant texts with {{name}} or {{name|filter}} in them (blanks around the words are
 * allowed). No loops, no conditions: a list is rendered by C into one value.
 *
 * A name is looked for in the table that comes with the template, then among the inventory's keys
 * (inventory_value: the host's own, then the whole cluster's). One that is neither is an error:
 * a test renders every template.
 *
 * Without a filter a value must be one line: a newline or another control byte (but a tab) in it
 * is an error, unless its row says that it is made of whole lines.
 *
 *	sh	one word for a POSIX shell: in single quotes
 *	yaml	a YAML double-quoted scalar, quotes included
 *	ini	a double-quoted value for a systemd unit: \ and " escaped, control bytes as \n and \xNN,
 *		% doubled (systemd.syntax(7), "Specifiers" in systemd.unit(5))
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "provision/engine/step.h"

struct tmpl_name {
	const char *name;	/* NULL ends a table */
	/* Appends the value. NULL when secret is given. */
	int (*value)(const struct view *, struct buf *ret, struct err *);
	/* The value of a secret name, or NULL with e filled in. Only a buffer born with buf_init_secret
	 * takes it: -ERR_BUG otherwise. */
	const struct secret *(*secret)(const struct view *, struct err *);
	bool lines;		/* value writes whole lines: newlines are meant */
};

/* Appends the rendered text to out. `from` names the template in messages, which give the line.
 * names may be NULL. -ERR_BUG: unknown name or filter, wrong form, a secret for an open buffer;
 * -ERR_CONFIG: a value that does not fit its place; -ERR_MEMORY: out is full. */
int tmpl_render(const char *from, const char *text, size_t len, const struct tmpl_name *names,
		const struct view *v, struct buf *out, struct err *e);

#endif
