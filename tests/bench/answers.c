/* SPDX-License-Identifier: BSD-2-Clause */
/* What a deployed node says: deploys parts on machines in memory (tests/fake/), one host of the inventory after
 * the other, and writes for each what the probe of the next run prints there.
 *	answers INVENTORY DIR PART...
 * makes DIR/ADDRESS, named by the host's SSH address. hosts.sh lets sshd answer with these files: a run
 * of powerstack finds nothing to do on as many "machines" as there are addresses, and whatever is not
 * answered exactly as asked fails it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/files.h"
#include "provision/provision.h"
#include "tests/fake/scripts.h"

static int failed(const struct err *e)
{
	fprintf(stderr, "answers: %s\n", e->msg);
	return 1;
}

/* Runs the newest recorded probe of h again. */
static int ask_again(struct fake_net *net, const struct host *host, struct buf *ret, struct err *e)
{
	struct fake_host *h = fake_net_host(net, host->name);
	struct script script = { "probe", files_text("probe.sh") };
	struct session *s = NULL;
	struct answer a = { 0 };
	AUTO_STRV struct strv questions = { 0 };
	for (size_t i = h->nrecords; i-- > 0 && !questions.n;)
		if (strcmp(h->records[i].script, "probe") == 0)
			for (size_t k = 0; k < h->records[i].argv.n; k++)
				strv_push(&questions, h->records[i].argv.v[k]);
	int rc = fake_open(net, host, &s, e);
	if (rc < 0)
		return rc;
	const struct cmd cmd = { .script = &script, .argv = strv_get(&questions), .out_max = 1 << 20 };
	rc = session_run(s, &cmd, &a, e);
	session_close(s);
	if (rc == 0 && buf_add(ret, buf_str(&a.out), a.out.len) < 0)
		rc = err_set(e, ERR_MEMORY, "the answers of '%s' are too long", host->name);
	answer_clear(&a);
	return rc;
}

/* Twice: the second run asks what a run asks that has nothing to do. */
static int deploy(const struct inventory *inv, const struct host *host, const char *const *chosen,
		  struct fake_net *net, struct err *e)
{
	const char *const limit[] = { host->name, NULL };
	const struct run_options o = { .parts = chosen, .limit = limit, .open = fake_open, .open_ctx = net };
	for (int round = 0; round < 2; round++) {
		struct report report = { 0 };
		fake_net_rearm(net);
		int rc = provision_run(WALK_DEPLOY, inv, NULL, &o, &report, e);
		if (rc == 0 && report_exit(&report, WALK_DEPLOY) != 0) {
			const char *why = report.stopped ? report.why : "";
			for (size_t i = 0; i < report.n && !*why; i++)
				if (report.rows[i].outcome == OUT_FAILED)
					why = report.rows[i].message;
			rc = err_set(e, ERR_FAILED, "host '%s' in memory: %s", host->name, why);
		}
		unsigned changed = report.changed;
		report_clear(&report);
		if (rc < 0)
			return rc;
		if (round && changed)
			return err_set(e, ERR_FAILED, "host '%s' in memory: a second deploy changes %u things",
				       host->name, changed);
	}
	return 0;
}

static int answer_of(const struct inventory *inv, const struct host *host, const char *dir, const char *const *chosen,
		     struct fake_net *net, struct err *e)
{
	struct fake_host *h = fake_net_host(net, host->name);
	AUTO_BUF struct buf answer;
	AUTO_FREE char *path = NULL;
	buf_init(&answer, 1 << 20);
	node_make_bare(h, host);
	int rc = deploy(inv, host, chosen, net, e);
	if (rc == 0)
		rc = ask_again(net, host, &answer, e);
	/* its exporter is several megabytes, and there may be a thousand of them */
	while (h->nfiles)
		fake_file_remove(h, h->files[h->nfiles - 1].path);
	if (rc == 0 && asprintf(&path, "%s/%s", dir, host->address) < 0) {
		path = NULL;
		rc = err_set(e, ERR_MEMORY, "no memory");
	}
	return rc < 0 ? rc : file_replace(path, 0644, buf_str(&answer), answer.len, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct inventory *inv = NULL;
	struct problems problems = { 0 };
	if (argc < 4)
		return fprintf(stderr, "usage: answers INVENTORY DIR PART...\n"), 2;
	int rc = inventory_load(argv[1], &inv, &problems, &e);
	problems_free(&problems);
	if (rc < 0)
		return failed(&e);
	struct fake_net *net = fake_net_new(inv, node_scripts, node_questions);
	for (size_t i = 0; i < inv->nhosts && rc == 0; i++)
		rc = answer_of(inv, &inv->hosts[i], argv[2], (const char *const *)argv + 3, net, &e);
	fake_net_free(net);
	inventory_free(inv);
	return rc < 0 ? failed(&e) : 0;
}
