/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the manual that come from tables, as mdoc(7); man/fill.sh puts them into man/ *.in. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mdoc.h"
#include "cli/verbs.h"
#include "provision/provision.h"

/* " Ar WORD..." of a macro line; a bracket at the end would be taken for a delimiter. */
static void put_args(const char *args)
{
	size_t len = strlen(args);
	if (len && args[len - 1] == ']')
		printf(" Ar %.*s\\(rB", (int)len - 1, args);
	else if (len)
		printf(" Ar %s", args);
}

static void put_verb(const struct verb *v)
{
	printf(".Ss %s\n", v->name);
	for (const struct sub *s = v->subs; s && s->name; s++) {
		printf("%s.Nm\n.Ic %s %s", s == v->subs ? "" : ".br\n", v->name, s->name);
		put_args(s->args);
		putchar('\n');
	}
	if (!v->subs) {
		printf(".Nm\n.Ic %s%s", v->name, v->nopts ? " Oo Ar option ... Oc" : "");
		put_args(v->args);
		putchar('\n');
	}
	puts(".Pp");
	mdoc_sentence(stdout, v->summary);
	if (v->about[0]) {
		puts(".Pp");
		mdoc_text(stdout, v->about);
	}
	if (v->subs) {
		puts(".Bl -tag -width Ds");
		for (const struct sub *s = v->subs; s->name; s++) {
			printf(".It Ic %s", s->name);
			put_args(s->args);
			putchar('\n');
			mdoc_sentence(stdout, s->summary);
		}
		puts(".El");
	}
	if (v->nopts)
		mdoc_options(stdout, v->opts, v->nopts);
}

static void dump_verbs(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (!(v->flags & VERB_HIDDEN))
			put_verb(v);
}

static void dump_options(void)
{
	mdoc_options(stdout, global_opts, nglobal_opts);
}

static void dump_examples(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		for (const char *const *x = v->examples; x && *x; x += 2) {
			puts(".It");
			mdoc_sentence(stdout, x[1]);
			fputs(".Pp\n.Dl ", stdout);
			mdoc_text(stdout, x[0]);
		}
}

static void dump_parts(void)
{
	puts(".Bl -tag -width monitoring");
	for (const struct part *p = parts; p->name; p++) {
		printf(".It Cm %s\n", p->name);
		mdoc_sentence(stdout, p->summary);
	}
	puts(".El");
}

/* Some checks have a row per kind of host: an id is listed once. */
static void dump_checks(void)
{
	puts(".Bl -tag -width B2.10");
	for (size_t i = 0; checks[i]; i++) {
		if (i && strcmp(checks[i]->id, checks[i - 1]->id) == 0)
			continue;
		printf(".It Cm %s Pq %s\n", checks[i]->id, checks[i]->part);
		mdoc_sentence(stdout, checks[i]->what);
	}
	puts(".El");
}

/* ".Ql VALUE ." with its quotes kept. */
static void put_literal(const char *label, const char *value)
{
	printf("%s:\n.Ql ", label);
	for (; *value; value++) {
		if (*value == '"')
			fputs("\\(dq", stdout);
		else if (*value == '\\')
			fputs("\\e", stdout);
		else
			putchar(*value);
	}
	puts(" .");
}

static void dump_key(const struct inventory_key *k)
{
	printf(".It Ic %s Pq %s\n", k->key, k->type);
	mdoc_sentence(stdout, k->help);
	if (k->fallback && *k->fallback)
		put_literal("Default", k->fallback);
	else if (k->example && *k->example)
		put_literal("Example", k->example);
}

/* The keys of one scope that have an effect. */
static void dump_scope(const char *title, const char *scope)
{
	struct inventory_key k;
	printf(".Ss %s\n.Bl -tag -width Ds\n", title);
	for (size_t i = 0; inventory_key_at(i, &k); i++)
		if (strcmp(k.scope, scope) == 0 && k.used_here && !k.same_as)
			dump_key(&k);
	puts(".El");
}

static void dump_keys(void)
{
	struct inventory_key k;
	dump_scope("Hosts", "host");
	dump_scope("Cluster", "cluster");
	puts(".Ss Other names\n.Bl -tag -width Ds -compact");
	for (size_t i = 0; inventory_key_at(i, &k); i++)
		if (k.same_as)
			printf(".It Ic %s\nas\n.Ic %s\n", k.key, k.same_as);
	puts(".El\n.Ss Without effect\nThese are understood, and named once in a warning.\n"
	     ".Bl -tag -width Ds -compact");
	for (size_t i = 0; inventory_key_at(i, &k); i++)
		if (!k.used_here && !k.same_as) {
			printf(".It Ic %s\n", k.key);
			mdoc_sentence(stdout, k.help);
		}
	puts(".El");
}

static void dump_reference(void)
{
	AUTO_BUF struct buf out;
	buf_init(&out, 1 << 20);
	if (inventory_reference(&out) == 0)
		fputs(buf_str(&out), stdout);
}

int verb_dump(struct cli *cli, int argc, char **argv)
{
	static const struct { const char *what; void (*print)(void); } dumps[] = {
		{ "verbs", dump_verbs }, { "options", dump_options }, { "examples", dump_examples },
		{ "parts", dump_parts }, { "checks", dump_checks }, { "keys", dump_keys },
		{ "reference", dump_reference },
	};
	struct err e = { 0 };
	for (size_t i = 0; i < COUNT(dumps); i++)
		if (argc && strcmp(argv[0], dumps[i].what) == 0) {
			dumps[i].print();
			return 0;
		}
	err_set(&e, ERR_USAGE, "'%s' is no generated part of the manual", argc ? argv[0] : "");
	return cli_fail(cli, &e);
}
