/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop over the verb table (cli/verbs.c). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cli/help.h"
#include "cli/job.h"
#include "cli/verbs.h"

static const char *sub_name(const void *ctx, size_t i)
{
	return ((const struct sub *)ctx)[i].name;
}

static int find_sub(const struct verb *v, int argc, char **argv, const struct sub **ret,
		    struct err *e)
{
	char names[256] = "";
	size_t n = 0;
	for (const struct sub *s = v->subs; s->name; s++, n++) {
		if (argc && strcmp(argv[0], s->name) == 0) {
			*ret = s;
			return 0;
		}
		size_t used = strlen(names);
		snprintf(names + used, sizeof(names) - used, "%s%s", n ? ", " : "", s->name);
	}
	if (argc == 0)
		return err_set(e, ERR_USAGE, "'%s' needs one of: %s", v->name, names);
	const char *near = near_find(argv[0], n, sub_name, v->subs);
	if (near)
		return err_set(e, ERR_USAGE, "unknown '%s %s'; did you mean '%s %s'?", v->name, argv[0],
			       v->name, near);
	return err_set(e, ERR_USAGE, "unknown '%s %s'; known are: %s", v->name, argv[0], names);
}

static int fits(const char *verb, const char *sub, const char *args, int min, int max, int argc,
		char **argv, struct err *e)
{
	const char *blank = sub[0] ? " " : "";
	if (argc < min)
		return err_set(e, ERR_USAGE, "'%s%s%s' needs more words: %s", verb, blank, sub, args);
	if (max >= 0 && argc > max)
		return err_set(e, ERR_USAGE, "'%s%s%s' does not take '%s'", verb, blank, sub, argv[max]);
	return 0;
}

/* argv[0] is the verb. */
static int run_verb(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	const struct verb *v = NULL;
	int r = help_find_verb(argv[0], &v, &e);
	if (r < 0)
		return cli_fail(cli, &e);
	cli->verb = v;
	const struct opt_table tables[] = {
		{ global_opts, nglobal_opts, cli }, { v->opts, v->nopts, cli },
	};
	int nargs = 0;
	if (opts_parse(tables, COUNT(tables), argc, argv, false, &nargs, &e) < 0)
		return cli_fail(cli, &e);
	if (cli->help) {
		help_verb(stdout, v);
		return 0;
	}
	if (cli->version) {
		help_version(stdout);
		return 0;
	}
	if (cli->json && !(v->flags & VERB_JSON)) {
		err_set(&e, ERR_USAGE, "'%s' has no JSON output; leave --json out", v->name);
		return cli_fail(cli, &e);
	}
	if (v->subs) {
		r = find_sub(v, nargs, argv, &cli->sub, &e);
		if (r == 0)
			r = fits(v->name, cli->sub->name, cli->sub->args, cli->sub->min_args,
				 cli->sub->max_args, nargs - 1, argv + 1, &e);
		nargs--;
		argv++;
	} else {
		r = fits(v->name, "", v->args, v->min_args, v->max_args, nargs, argv, &e);
	}
	if (r == 0 && v->complete)
		r = job_check_words(nargs, argv, v->complete, &e);
	if (r == 0 && (v->flags & VERB_INVENTORY))
		r = cli_inventory_load(cli, &e);
	return r < 0 ? cli_fail(cli, &e) : v->run(cli, nargs, argv);
}

/* What was printed must have arrived. A reader that left (EPIPE) wants no more and needs no message. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "powerstack: cannot write to standard output: %s\n", strerror(errno));
	return status ? status : 1;
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	struct err e = { 0 };
	signal(SIGPIPE, SIG_IGN);
	const struct opt_table globals = { global_opts, nglobal_opts, &cli };
	int nargs = 0;
	int status = 0;
	if (opts_parse(&globals, 1, argc, argv, true, &nargs, &e) < 0)
		status = cli_fail(&cli, &e);
	else if (nargs)
		status = run_verb(&cli, nargs, argv);
	else if (cli.version)
		help_version(stdout);
	else if (cli.help)
		help_all(stdout);
	else {
		help_all(stderr);
		status = err_exit_status(ERR_USAGE);
	}
	inventory_free(cli.inv);
	return flushed(status);
}
