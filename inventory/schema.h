/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_SCHEMA_H
#define INVENTORY_SCHEMA_H
/*
 * One row per key of inventory.yml. Reading, `inventory show`, inventory_value, inventory_key_at
 * and docs/inventory.md all come from these rows; nothing else knows a key by name, except the
 * cross-field rules (validate.c).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inventory/inventory.h"

enum ftype {
	T_STRING,	/* one line of text */
	T_TEXT,		/* any text */
	T_YAML,		/* text that is itself a YAML mapping */
	T_BOOL,
	T_INT,		/* min..max */
	T_DECIMAL,	/* digits, with or without a fraction; kept as it is written */
	T_PORT,
	T_NODEPORT,
	T_SIZE,		/* a Kubernetes quantity, in bytes, min..max */
	T_DURATION,	/* Prometheus form; min..max in milliseconds */
	T_IP,
	T_HOST,		/* IP address or host name */
	T_DNS,		/* host name, no address */
	T_CIDR,
	T_CIDRS,	/* one, or an IPv4 and an IPv6 one with a comma between */
	T_PATH,		/* absolute, on the nodes */
	T_LOCAL,	/* here: "~" and relative to the inventory are made absolute */
	T_DEVICE,
	T_NODE,		/* a Kubernetes node name: lower-cased, dots allowed */
	T_NAME,		/* a Kubernetes name without dots; at most max letters */
	T_VERSION,	/* of K3s */
	T_RELEASE,	/* of anything else that is fetched: [v]MAJOR.MINOR... */
	T_URL,
	T_USER,
	T_CHOICE,	/* one of choices */
	T_JUMP,
	T_SSHARGS,	/* an OpenSSH argument list; fills several members */
	T_LOCALS,	/* a list of local paths */
	T_ENVS,		/* NAME=VALUE, a list or a mapping */
	T_LABELS,	/* Kubernetes labels, a mapping or a list */
	T_TAINTS,	/* key=value:Effect, a list */
	T_SECRET,	/* the name of a vault entry, never a value */
	T_ANY,		/* not looked at */
};

/* How a member of struct host or struct inventory holds the value. */
enum fstore { ST_NONE, ST_STR, ST_UINT, ST_SIZE, ST_BOOL, ST_SECRET, ST_KEYVALS, ST_STRS };

enum fscope { F_HOST, F_CLUSTER };

enum fflags {
	F_NEEDED = 1 << 0,	/* must be given (where `roles` says) */
	F_DEAD = 1 << 1,	/* understood, means nothing here: named in one warning */
	F_QUIET = 1 << 2,	/* understood, and rightly without effect: no warning */
};

struct field {
	const char *key;
	enum fscope scope;
	enum ftype type;
	enum fstore store;
	size_t at, at_n;		/* offsets of the member and of its count */
	const char *fallback;		/* text as in the file, references allowed; NULL: none */
	unsigned roles;			/* hosts that it is read for (F_HOST), 0: all */
	unsigned fallback_roles;	/* hosts that get the fallback, 0: all */
	uint64_t min, max;
	const char *const *choices;	/* T_CHOICE, NULL-terminated */
	const char *same_as;		/* another name of that key */
	unsigned flags;
	const char *example, *help;
};

extern const struct field schema[];
extern const size_t nschema;

/* The row of key, or NULL. */
const struct field *schema_find(const char *key);
/* The key that a misspelt one is nearest to, or NULL. */
const char *schema_near(const char *key);

#endif
