/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the manual that come from tables, as mdoc(7); man/fill.sh puts them into man/ *.in. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/verbs.h"
#include "provision/provision.h"

/* A text line of mdoc: each sentence on its own line, nothing read as a request or escape, and
 * both dashes of an option printed as they are typed. */
static void put_text(const char *s)
{
	bool begins = true;
	for (; *s; s++) {
		if (begins && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		begins = false;
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-' && (s[1] == '-' || isalnum((unsigned char)s[1])))
			fputs("\\-", stdout);
		else if (*s == '\n' || (*s == '.' && s[1] == ' ')) {
			fputs(*s == '.' ? ".\n" : "\n", stdout);
			s += *s == '.';
			begins = true;
		} else
			putchar(*s);
	}
	if (!begins)
		putchar('\n');
}

/* A lower-case line without a full stop, as a sentence. */
static void put_sentence(const char *s)
{
	char line[1024];
	snprintf(line, sizeof(line), "%c%s.", toupper((unsigned char)s[0]), s + 1);
	put_text(line);
}

static void put_option(const struct opt *o)
{
	fputs(".It ", stdout);
	if (o->letter) {
		printf("Fl %c", o->letter);
		if (o->arg)
			printf(" Ar %s", o->arg);
		fputs(" , ", stdout);
	}
	printf("Fl \\-%s", o->name);
	if (o->arg)
		printf(" Ar %s", o->arg);
	if (o->negatable)
		printf(" , Fl \\-no-%s", o->name);
	putchar('\n');
	put_sentence(o->help);
}

static void put_options(const struct opt *opts, size_t n)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < n; i++)
		put_option(&opts[i]);
	puts(".El");
}

static void put_verb(const struct verb *v)
{
	printf(".Ss %s\n", v->name);
	for (const struct sub *s = v->subs; s && s->name; s++)
		printf("%s.Nm\n.Ic %s %s%s%s\n", s == v->subs ? "" : ".br\n", v->name, s->name,
		       s->args[0] ? " Ar " : "", s->args);
	if (!v->subs)
		printf(".Nm\n.Ic %s%s%s%s\n", v->name, v->nopts ? " Op Ar option ..." : "",
		       v->args[0] ? " Ar " : "", v->args);
	puts(".Pp");
	put_sentence(v->summary);
	if (v->about[0]) {
		puts(".Pp");
		put_text(v->about);
	}
	if (v->subs) {
		puts(".Bl -tag -width Ds");
		for (const struct sub *s = v->subs; s->name; s++) {
			printf(".It Ic %s%s%s\n", s->name, s->args[0] ? " Ar " : "", s->args);
			put_sentence(s->summary);
		}
		puts(".El");
	}
	if (v->nopts)
		put_options(v->opts, v->nopts);
}

static void dump_verbs(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (!(v->flags & VERB_HIDDEN))
			put_verb(v);
}

static void dump_options(void)
{
	put_options(global_opts, nglobal_opts);
}

static void dump_examples(void)
{
	for (const struct verb *v = verbs; v->name; v++)
		for (const char *const *x = v->examples; x && *x; x += 2) {
			puts(".It");
			put_sentence(x[1]);
			fputs(".Pp\n.Dl ", stdout);
			put_text(x[0]);
		}
}

static void dump_parts(void)
{
	puts(".Bl -tag -width monitoring");
	for (const struct part *p = parts; p->name; p++) {
		printf(".It Cm %s\n", p->name);
		put_sentence(p->summary);
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
		put_sentence(checks[i]->what);
	}
	puts(".El");
}

static void dump_keys(void)
{
	struct inventory_key k;
	const char *scope = "";
	for (size_t i = 0; inventory_key_at(i, &k); i++) {
		if (strcmp(scope, k.scope) != 0) {
			printf("%s.Ss %s\n.Bl -tag -width Ds\n", *scope ? ".El\n" : "", k.scope);
			scope = k.scope;
		}
		printf(".It Ic %s Pq %s\n", k.key, k.type);
		put_sentence(k.help);
		if (k.fallback && *k.fallback)
			printf("Default:\n.Ql %s .\n", k.fallback);
		if (k.example && *k.example)
			printf("Example:\n.Ql %s .\n", k.example);
		if (!k.used_here)
			puts("Understood, and named in a warning: it means nothing here.");
	}
	if (*scope)
		puts(".El");
}

int verb_dump(struct cli *cli, int argc, char **argv)
{
	static const struct { const char *what; void (*print)(void); } dumps[] = {
		{ "verbs", dump_verbs }, { "options", dump_options }, { "examples", dump_examples },
		{ "parts", dump_parts }, { "checks", dump_checks }, { "keys", dump_keys },
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
