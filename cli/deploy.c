/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cleanup.h"
#include "cli/job.h"

int verb_deploy(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	enum walk walk = cli->check ? WALK_CHECK : WALK_DEPLOY;
	struct job job = { .check = cli->check };
	if (job_begin(&job, cli, walk, argc, argv, &e) < 0)
		return cli_fail(cli, &e);
	return job_walk(&job, walk);
}
