/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/help.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cli/text.h"

#define WIDTH 79

static const char *verb_name(const void *ctx, size_t i)
{
	(void)ctx;
	return verbs[i].name;
}

int help_find_verb(const char *name, const struct verb **ret, struct err *e)
{
	char begin[256] = "";
	size_t n = 0;
	for (; verbs[n].name; n++) {
		if (strcmp(verbs[n].name, name) == 0) {
			*ret = &verbs[n];
			return 0;
		}
		if (name[0] && strncmp(verbs[n].name, name, strlen(name)) == 0 &&
		    !(verbs[n].flags & VERB_HIDDEN)) {
			size_t used = strlen(begin);
			snprintf(begin + used, sizeof(begin) - used, "%s'%s'", used ? ", " : "",
				 verbs[n].name);
		}
	}
	const char *near = near_find(name, n, verb_name, NULL);
	if (begin[0])
		return err_set(e, ERR_USAGE, "unknown verb '%s'; did you mean %s?", name, begin);
	if (near)
		return err_set(e, ERR_USAGE, "unknown verb '%s'; did you mean '%s'?", name, near);
	return err_set(e, ERR_USAGE, "unknown verb '%s'; see 'powerstack help'", name);
}

static void print_wrapped(FILE *out, const char *text, unsigned indent, bool hanging)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 65536);
	text_wrap(&b, text, indent, WIDTH, hanging);
	fputs(buf_str(&b), out);
}

void help_version(FILE *out)
{
	fputs("powerstack " POWERSTACK_VERSION "\n", out);
}

void help_all(FILE *out)
{
	fputs("powerstack: bring a few Linux machines to a verified cluster that measures its\n"
	      "energy, and back\n"
	      "\n"
	      "usage: powerstack [option...] VERB [argument...]\n"
	      "\n"
	      "verbs ('powerstack help VERB' tells more):\n",
	      out);
	for (const struct verb *v = verbs; v->name; v++)
		if (!(v->flags & VERB_HIDDEN))
			fprintf(out, "  %-12s  %s\n", v->name, v->summary);
	fputs("\noptions, before or behind the verb:\n", out);
	opts_help(out, global_opts, nglobal_opts);
	fputs("\nexit status: 0 done or nothing to do, 1 something failed, 2 wrong usage,\n"
	      "3 inventory or vault unusable, 4 'deploy --check' found changes\n",
	      out);
}

/* Some checks have a row per kind of host: an id is listed once. */
static void print_checks(FILE *out)
{
	fputs("\nchecks:\n", out);
	for (size_t i = 0; checks[i]; i++) {
		if (i && strcmp(checks[i]->id, checks[i - 1]->id) == 0)
			continue;
		fprintf(out, "  %-12s  ", checks[i]->id);
		print_wrapped(out, checks[i]->what, 16, true);
	}
}

static void print_subs(FILE *out, const struct verb *v)
{
	size_t width = 0;
	for (const struct sub *s = v->subs; s->name; s++) {
		size_t len = strlen(s->name) + 1 + strlen(s->args);
		width = len > width ? len : width;
	}
	for (const struct sub *s = v->subs; s->name; s++) {
		char head[80];
		snprintf(head, sizeof(head), "%s %s", s->name, s->args);
		fprintf(out, "  %-*s  ", (int)width, head);
		print_wrapped(out, s->summary, (unsigned)width + 4, true);
	}
}

void help_verb(FILE *out, const struct verb *v)
{
	fprintf(out, "powerstack %s: %s\n\nusage: powerstack [option...] %s%s%s%s%s\n", v->name,
		v->summary, v->name, v->subs ? " WHAT" : "", v->nopts ? " [option...]" : "",
		v->args[0] ? " " : "", v->args);
	if (v->about[0]) {
		fputc('\n', out);
		print_wrapped(out, v->about, 0, false);
	}
	if (v->subs) {
		fputs("\nWHAT is one of:\n", out);
		print_subs(out, v);
	}
	if (v->complete && (strcmp(v->complete, "part") == 0 || strcmp(v->complete, "check") == 0)) {
		fputs("\nparts:\n", out);
		for (const struct part *p = parts; p->name; p++) {
			fprintf(out, "  %-12s  ", p->name);
			print_wrapped(out, p->summary, 16, true);
		}
	}
	if (v->complete && strcmp(v->complete, "check") == 0)
		print_checks(out);
	if (v->nopts) {
		fputs("\noptions:\n", out);
		opts_help(out, v->opts, v->nopts);
	}
	if (v->examples) {
		fputs("\nexamples:\n", out);
		for (const char *const *x = v->examples; *x; x += 2) {
			fprintf(out, "  %s\n", x[0]);
			print_wrapped(out, x[1], 6, false);
		}
	}
	fputs("\nThe options for every verb are listed by 'powerstack help'.\n", out);
}

int verb_help(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	const struct verb *v = NULL;
	if (argc == 0) {
		help_all(stdout);
		return 0;
	}
	if (help_find_verb(argv[0], &v, &e) < 0)
		return cli_fail(cli, &e);
	help_verb(stdout, v);
	return 0;
}
