/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_TYPES_H
#define INVENTORY_TYPES_H
/* From text to a value and back, one row per enum ftype. */
#include "base/buf.h"
#include "inventory/arena.h"
#include "inventory/schema.h"

/* A value before it is stored; which member counts is the field's store. */
struct fvalue {
	const char *s;
	uint64_t n;
	bool b;
	const struct keyval *kv;
	const char *const *strs;
	size_t count;			/* of kv or strs */
	/* T_SSHARGS */
	const char *jump, *known_hosts, *key_file;
};

struct tctx {
	struct arena *a;
	const char *dir;		/* absolute folder of the inventory, for T_LOCAL */
	const char *home;		/* for "~", or NULL */
	char why[300];			/* set on failure, may stay empty: more than "is not ..." */
};

struct ftype_row {
	const char *name;		/* for docs: "NodePort" */
	const char *what;		/* for messages: "a NodePort: 30000 to 32767" */
	bool (*parse)(struct tctx *, const struct field *, const char *text, struct fvalue *ret);
};

const struct ftype_row *type_row(enum ftype t);

/* Parses text for f; *ret is zeroed first. False with c->why. Strings go to c->a. */
bool type_parse(struct tctx *c, const struct field *f, const char *text, struct fvalue *ret);
/* Says in c->why what is wrong with a value; always false, for a parser to return. */
bool type_why(struct tctx *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A quantity in bytes as it is usually written: the biggest binary suffix that divides it. */
void type_print_size(uint64_t bytes, struct buf *out);

/* ---- addresses, for types and rules */
struct net {
	bool v6;
	unsigned bits;
	unsigned char addr[16];
};
/* "192.168.0.0/24"; a bare address has all bits. Host bits are kept. */
bool net_parse(const char *text, struct net *ret);
bool net_holds(const struct net *net, const struct net *inner);
bool net_overlaps(const struct net *a, const struct net *b);
/* The network of an address with host bits: "192.168.0.5/24" -> "192.168.0.0/24". */
void net_print_network(const struct net *n, char out[64]);
/* The i-th of a comma-separated list; false behind the last. */
bool net_parse_nth(const char *list, size_t i, struct net *ret);

/* ---- T_SSHARGS (sshargs.c): understands -J, -o ProxyJump=, ProxyCommand=ssh -W,
 * UserKnownHostsFile=, -i and IdentityFile=; refuses what would soften host key checking. ret->s
 * names ignored options. */
bool sshargs_parse(struct tctx *c, const struct field *f, const char *text, struct fvalue *ret);
/* "[user@]host[:port],..." */
bool jump_check(struct tctx *c, const char *text);

#endif
