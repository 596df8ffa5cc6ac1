/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cleanup.h"
#include "cli/job.h"

#define OUT_BYTES (64u << 20)

int verb_status(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	struct job job = { .status = true };
	struct status_report report = { 0 };
	if (job_begin(&job, cli, WALK_CHECK, argc, argv, &e) < 0)
		return cli_fail(cli, &e);
	int r = provision_status(cli->inv, job.vault, &job.options, &report, &e);
	job_shown(&job);
	if (r < 0)
		return job_end(&job, cli_fail(cli, &e));
	for (size_t i = 0; i < report.n; i++)
		if (!report.nodes[i].asked)
			runlog_note(job.log, "%s was not asked: %s", report.nodes[i].host->name, report.nodes[i].why);
	AUTO_BUF struct buf out;
	buf_init(&out, OUT_BYTES);
	struct show_context c = job_context(&job);
	r = cli->json ? show_status_json(&out, &report, &job.redact) : show_status(&out, &report, &c);
	int status = r < 0 ? 1 : status_exit(&report);
	status_report_clear(&report);
	fputs(buf_str(&out), stdout);
	return job_end(&job, status);
}
