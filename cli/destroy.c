/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/job.h"

#define ANSWER_MAX 256

/* One line from the terminal, without its newline. The caller frees *ret. */
static int ask(const char *question, char **ret, struct err *e)
{
	char line[ANSWER_MAX];
	fflush(stdout);
	fprintf(stderr, "%s", question);
	fflush(stderr);
	if (!fgets(line, sizeof(line), stdin)) {
		fputc('\n', stderr);
		return err_set(e, ERR_INTERRUPTED, "no answer; nothing was done");
	}
	line[strcspn(line, "\r\n")] = '\0';
	*ret = strdup(line);
	return *ret ? 0 : err_set(e, ERR_MEMORY, "out of memory");
}

static int confirm(const struct cli *cli, int argc, char **argv, struct err *e)
{
	AUTO_FREE char *answer = NULL;
	const char *name = cli->inv->cluster_name;
	if (cli->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(e, ERR_USAGE,
			       "destroy asks for the cluster's name, and standard input is no terminal; --yes leaves the question out");
	fprintf(stderr, "This takes away ");
	for (int i = 0; i < argc; i++)
		fprintf(stderr, "%s%s", i ? ", " : "", argv[i]);
	fprintf(stderr, "%s on %zu host%s of the cluster '%s'%s.\n", argc ? "" : "every part",
		cli->inv->nhosts, cli->inv->nhosts == 1 ? "" : "s", name,
		cli->limit ? " (or those of --limit)" : "");
	fprintf(stderr, cli->wipe_disk	? "Its disk is wiped: all data on it is lost.\n" :
			cli->purge_data ? "Its data is deleted.\n" :
					  "Its data is kept.\n");
	int r = ask("Type the cluster's name to go on: ", &answer, e);
	if (r < 0)
		return r;
	if (strcmp(answer, name) != 0)
		return err_set(e, ERR_REFUSED, "'%s' is not '%s'; nothing was done", answer, name);
	return 0;
}

static int ask_serial(struct cli *cli, char **ret_typed, struct err *e)
{
	const struct host *control = cli->inv->control;
	if (cli->disk_serial && !cli->wipe_disk)
		return err_set(e, ERR_USAGE, "--disk-serial does nothing without --wipe-disk");
	if (!cli->wipe_disk || cli->disk_serial)
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(e, ERR_USAGE,
			       "--wipe-disk asks for the disk's serial, and standard input is no terminal; give it with --disk-serial");
	char question[512];
	snprintf(question, sizeof(question), "Type the serial of the disk '%s' of %s to wipe it: ",
		 control->disk ? control->disk : "(none)", control->name);
	int r = ask(question, ret_typed, e);
	if (r == 0 && !**ret_typed)
		r = err_set(e, ERR_REFUSED, "no serial was typed; nothing was done");
	cli->disk_serial = *ret_typed;
	return r;
}

int verb_destroy(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	AUTO_FREE char *typed = NULL;
	if (confirm(cli, argc, argv, &e) < 0 ||
	    ask_serial(cli, &typed, &e) < 0)
		return cli_fail(cli, &e);
	struct job job = { .purge = { cli->purge_data, cli->wipe_disk, cli->disk_serial } };
	if (job_begin(&job, cli, WALK_DESTROY, argc, argv, &e) < 0)
		return cli_fail(cli, &e);
	return job_walk(&job, WALK_DESTROY);
}
