/* SPDX-License-Identifier: BSD-2-Clause */
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/job.h"

#define OUT_BYTES (64u << 20)

static int write_junit(const struct job *job, const struct verify_report *report, struct err *e)
{
	AUTO_BUF struct buf xml;
	buf_init(&xml, OUT_BYTES);
	if (show_verify_junit(&xml, report, &job->redact) < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	return file_replace(job->cli->junit, 0644, buf_str(&xml), xml.len, e);
}

int verb_verify(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	struct job job = { .verify = true };
	struct verify_report report = { 0 };
	if (job_begin(&job, cli, WALK_CHECK, argc, argv, &e) < 0)
		return cli_fail(cli, &e);
	int r = provision_verify(cli->inv, job.vault, &job.options, &report, &e);
	job_shown(&job);
	if (r < 0)
		return job_end(&job, cli_fail(cli, &e));
	AUTO_BUF struct buf out;
	buf_init(&out, OUT_BYTES);
	struct show_context c = job_context(&job);
	if (cli->json)
		r = show_verify_json(&out, &report, &job.redact);
	else
		r = show_verify(&out, &report, &c);
	fputs(buf_str(&out), stdout);
	int status = r < 0 || report.failed || report.interrupted ? 1 : 0;
	if (cli->junit && write_junit(&job, &report, &e) < 0) {
		fprintf(stderr, "powerstack: %s\n", e.msg);
		status = 1;
	}
	verify_report_clear(&report);
	return job_end(&job, status);
}
