/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/job.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/near.h"

#define FILES_MAX 65536		/* open files are allowed up to the system's limit, or this */
#define OUT_BYTES (64u << 20)	/* of a report */

/* ---- signals */

static struct cancel the_cancel;	/* a handler reaches nothing else than globals */
static const int caught[] = { SIGINT, SIGTERM, SIGHUP };

static void on_signal(int sig)
{
	if (atomic_fetch_add(&the_cancel.requested, 1) < CANCEL_NOW)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

static void signals_set(void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_RESTART };
	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < COUNT(caught); i++) {
		struct sigaction was;
		/* nohup's choice stays: what was ignored when we came is ignored */
		if (sigaction(caught[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaction(caught[i], &a, NULL);
	}
}

struct cancel *signals_catch(void)
{
	signals_set(on_signal);
	return &the_cancel;
}

void signals_release(void)
{
	signals_set(SIG_DFL);
}

/* ---- words */

struct words {
	size_t nparts;
};

static size_t count_parts(void)
{
	size_t n = 0;
	while (parts[n].name)
		n++;
	return n;
}

static size_t count_checks(void)
{
	size_t n = 0;
	while (checks[n])
		n++;
	return n;
}

/* Parts first, then ids; a check's id stands once per row of its table. */
static const char *word_at(const void *ctx, size_t i)
{
	const struct words *w = ctx;
	return i < w->nparts ? parts[i].name : checks[i - w->nparts]->id;
}

int job_check_words(int argc, char **argv, const char *kind, struct err *e)
{
	bool checks_too = strcmp(kind, "check") == 0;
	if (!checks_too && strcmp(kind, "part") != 0)
		return 0;
	struct words w = { count_parts() };
	size_t n = w.nparts + (checks_too ? count_checks() : 0);
	for (int k = 0; k < argc; k++) {
		size_t i = 0;
		while (i < n && strcmp(word_at(&w, i), argv[k]) != 0)
			i++;
		if (i < n)
			continue;
		const char *what = checks_too ? "part or check" : "part";
		const char *near = near_find(argv[k], n, word_at, &w);
		if (near)
			return err_set(e, ERR_USAGE, "unknown %s '%s'; did you mean '%s'?", what, argv[k],
				       near);
		char names[256] = "";
		for (i = 0; i < w.nparts; i++) {
			size_t used = strlen(names);
			snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", parts[i].name);
		}
		return err_set(e, ERR_USAGE, "unknown %s '%s'; the parts are %s", what, argv[k], names);
	}
	return 0;
}

int job_default_parts(struct strv *words, struct err *e)
{
	if (words->n > 0)
		return 0;
	for (const struct part *p = parts; p->name; p++)
		if (!p->when_named && strv_push(words, p->name) < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
	return 0;
}

static const char *host_name_at(const void *ctx, size_t i)
{
	return ((const struct inventory *)ctx)->hosts[i].name;
}

static int split_limit(struct job *job, const char *text, struct err *e)
{
	const struct inventory *inv = job->cli->inv;
	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, ",");
		AUTO_FREE char *word = strndup(p, len);
		p += len + (p[len] == ',');
		if (!word)
			return err_set(e, ERR_MEMORY, "out of memory");
		if (!*word)
			continue;
		const struct host *h = inventory_find_host(inv, word);
		const char *near = h ? NULL : near_find(word, inv->nhosts, host_name_at, inv);
		if (!h && near)
			return err_set(e, ERR_USAGE, "--limit: no host '%s' in '%s'; did you mean '%s'?", word,
				       inv->path, near);
		if (!h)
			return err_set(e, ERR_USAGE, "--limit: no host '%s' in '%s'", word, inv->path);
		if (strv_find(&job->limit, h->name) < 0 && strv_push(&job->limit, h->name) < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
	}
	if (text && job->limit.n == 0)
		return err_set(e, ERR_USAGE, "--limit names no host");
	return 0;
}

static int collect_words(struct job *job, int argc, char **argv, struct err *e)
{
	const struct inventory *inv = job->cli->inv;
	int r = split_limit(job, job->cli->limit, e);
	if (r < 0)
		return r;
	for (int i = 0; i < argc; i++)
		if (strv_push(&job->words, argv[i]) < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < inv->nhosts; i++)
		if ((job->limit.n == 0 || strv_find(&job->limit, inv->hosts[i].name) >= 0) &&
		    strv_push(&job->hosts, inv->hosts[i].name) < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
	return 0;
}

/* ---- the watcher */

static void on_event(void *ctx, const struct event *ev)
{
	struct job *job = ctx;
	if (ev->kind == EV_ROW && ev->row)
		runlog_row(job->log, ev->row);
	if (ev->kind == EV_CHECK && ev->check_row)
		runlog_check(job->log, ev->check_row);
	live_event(job->live, ev);
}

static void on_command(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		       const struct err *e)
{
	runlog_command(((struct job *)ctx)->log, host, cmd, a, e);
}

/* ---- begin and end */

/* A run that changes something stays connected to all of its hosts at once; the limit that a shell starts with is
 * mostly 1024, while a process may raise its own far above. */
static void allow_many_files(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= FILES_MAX)
		return;
	l.rlim_cur = l.rlim_max < FILES_MAX ? l.rlim_max : FILES_MAX;
	(void)!setrlimit(RLIMIT_NOFILE, &l);
}

static int open_vault_if_needed(struct job *job, struct err *e)
{
	AUTO_STRV struct strv entries = { 0 };
	int r = provision_secrets(job->cli->inv, &job->options, &entries, e);
	if (r < 0 || entries.n == 0)
		return r;
	r = cli_vault_open(job->cli, &job->vault, e);
	if (r < 0) {
		if (r != -(int)ERR_CONFIG)
			return r;
		return err_wrap(e, "the inventory takes '%s'%s from the vault", entries.v[0],
				entries.n > 1 ? " and more" : "");
	}
	job->redact.vault = job->vault;
	return 0;
}

/* What kubectl takes: the first file of $KUBECONFIG, else ~/.kube/config (client-go's clientcmd loading rules). */
static int find_kubeconfig(struct job *job, struct err *e)
{
	const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
	if (job->cli->inv->kubeconfig)
		return 0;
	while (list && *list == ':')
		list++;
	if (!(list && *list) && !(home && *home))
		return err_set(e, ERR_CONFIG,
			       "neither $KUBECONFIG nor $HOME is set: write 'kubeconfig: PATH' into the inventory");
	int rc = list && *list ? asprintf(&job->kubeconfig, "%.*s", (int)strcspn(list, ":"), list) :
				 asprintf(&job->kubeconfig, "%s/.kube/config", home);
	if (rc < 0) {
		job->kubeconfig = NULL;
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	job->options.kubeconfig = job->kubeconfig;
	return 0;
}

static void on_note(void *ctx, const char *text)
{
	struct job *job = ctx;
	if (job->log)
		runlog_note(job->log, "%s", text);
}

/*
 * What the parts bring to the nodes. Only deploy needs to know every sum, and only then the network is asked for
 * those that the lock lacks; verify judges by what the lock has; destroy takes away whatever is there.
 */
static int open_artifacts(struct job *job, enum walk w, struct err *e)
{
	const struct inventory *inv = job->cli->inv;
	bool deploy = !job->verify && w != WALK_DESTROY;
	if (!provision_needs_artifacts(inv, &job->options))
		return 0;
	job->fetching = (struct artifact_options){ .cancel = &the_cancel, .note = on_note, .note_ctx = job };
	if (deploy) /* verify's words may be checks */
		job->fetching.parts = strv_get(&job->words);
	int r = artifacts_open(inv, &job->fetching, &job->artifacts, e);
	if (r < 0 && !deploy && !job->verify) {
		runlog_note(job->log, "%s", e->msg);
		err_clear(e);
		return 0;
	}
	size_t unlocked = 0;
	for (size_t i = 0; r == 0 && deploy && i < artifacts_count(job->artifacts); i++)
		unlocked += !artifacts_at(job->artifacts, i)->sha256[0];
	if (unlocked) /* before the display: it is about hosts */
		cli_say(job->cli, "Reading the checksums of what will be installed; they are kept in %s.",
			artifacts_lock_path(job->artifacts));
	/* a file of the user's may have changed since it was locked */
	if (r == 0 && deploy && (unlocked || inv->nimage_archives))
		r = artifacts_lock(job->artifacts, e);
	job->options.artifacts = job->artifacts;
	return r;
}

static int start_log(struct job *job, struct err *e)
{
	const struct cli *cli = job->cli;
	AUTO_BUF struct buf head;
	buf_init(&head, 4096);
	buf_addf(&head, "%s%s on %s (%zu host%s)", cli->verb->name, cli->check ? " --check" : "",
		 cli->inv->path, job->hosts.n, job->hosts.n == 1 ? "" : "s");
	for (size_t i = 0; i < job->words.n; i++)
		buf_addf(&head, " %s", job->words.v[i]);
	return runlog_open(cli->log_dir ? cli->log_dir : "logs", cli->verb->name, buf_str(&head),
			   &job->redact, &job->log, e);
}

static int start_display(struct job *job, struct err *e)
{
	const struct cli *cli = job->cli;
	/* --json leaves standard output to the object: the display moves to a terminal's stderr */
	int fd = cli->json ? STDERR_FILENO : STDOUT_FILENO;
	const char *term = getenv("TERM");
	bool terminal = isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
	struct live_options o = {
		.fd = fd,
		.block = terminal && !cli->no_progress && !cli->quiet,
		.lines = !cli->json || terminal,
		.look = { .color = cli_color(cli, fd), .check = job->check, .verify = job->verify, .status = job->status,
			  .show_ok = cli->verbose > 0, .quiet = cli->quiet, .diff = cli->diff,
			  .redact = &job->redact },
		.cancel = &the_cancel,
	};
	return live_start(&o, &job->hosts, &job->live, e);
}

/* status does no part and judges none: it needs no secret but those to log in with, nothing fetched and no kubeconfig. */
static const struct recipe *const no_recipes[] = { NULL };
static const struct check *const no_checks[] = { NULL };

static int begin(struct job *job, enum walk w, int argc, char **argv, struct err *e)
{
	struct cli *cli = job->cli;
	int r = collect_words(job, argc, argv, e);
	if (r == 0 && !job->status && (job->verify || w != WALK_DESTROY))
		r = job_default_parts(&job->words, e);
	if (r < 0)
		return r;
	job->watcher = (struct watcher){ on_event, on_command, job };
	job->options = (struct run_options){
		.parts = strv_get(&job->words),
		.limit = strv_get(&job->limit),
		.jobs = cli->jobs,
		.diff = cli->diff,
		.force_version = cli->force_version,
		.accept_new_host_keys = cli->accept_new_host_keys,
		.once = cli->strict,
		.ssh_config = cli->ssh_config,
		.timeout_s = (unsigned)((cli->timeout_ns + 999999999u) / 1000000000u),
		.purge = &job->purge,
		.cancel = &the_cancel,
		.watcher = &job->watcher,
		.recipes = job->status ? no_recipes : NULL,
		.checks = job->status ? no_checks : NULL,
	};
	r = job->status ? 0 : find_kubeconfig(job, e);
	if (r == 0)
		r = open_vault_if_needed(job, e);
	if (r == 0)
		r = start_log(job, e);
	if (r < 0)
		return r;
	allow_many_files();
	(void)signals_catch();
	r = open_artifacts(job, w, e);
	return r < 0 ? r : start_display(job, e);
}

int job_begin(struct job *job, struct cli *cli, enum walk w, int argc, char **argv, struct err *e)
{
	job->cli = cli;
	int r = begin(job, w, argc, argv, e);
	if (r < 0)
		job_end(job, 0);
	return r;
}

void job_shown(struct job *job)
{
	live_stop(take_ptr(&job->live));
}

struct show_context job_context(const struct job *job)
{
	return (struct show_context){
		.inv = job->cli->inv,
		.redact = &job->redact,
		.log = job->log ? runlog_path(job->log) : NULL,
		.color = cli_color(job->cli, STDOUT_FILENO),
		.quiet = job->cli->quiet,
		.verbose = job->cli->verbose,
		.columns = isatty(STDOUT_FILENO) ? live_columns(STDOUT_FILENO) : job->status ? SHOW_WIDE : 80,
	};
}

int job_end(struct job *job, int status)
{
	struct err e = { 0 };
	job_shown(job);
	signals_release();
	if (job->log)
		runlog_note(job->log, "exit status %d", status);
	if (runlog_close(take_ptr(&job->log), &e) < 0) {
		fprintf(stderr, "powerstack: %s\n", e.msg);
		status = status ? status : 1;
	}
	artifacts_free(take_ptr(&job->artifacts));
	free(take_ptr(&job->kubeconfig));
	vault_free(take_ptr(&job->vault));
	job->redact.vault = NULL;
	strv_clear(&job->words);
	strv_clear(&job->limit);
	strv_clear(&job->hosts);
	return status;
}

int job_walk(struct job *job, enum walk w)
{
	struct err e = { 0 };
	struct report report = { 0 };
	struct cli *cli = job->cli;
	int r = provision_run(w, cli->inv, job->vault, &job->options, &report, &e);
	job_shown(job);
	if (r < 0)
		return job_end(job, cli_fail(cli, &e));
	AUTO_BUF struct buf out;
	buf_init(&out, OUT_BYTES);
	struct show_context c = job_context(job);
	int shown = cli->json ? show_report_json(&out, &report, w, &job->redact) :
				show_report(&out, &report, w, &c);
	int status = report_exit(&report, w);
	report_clear(&report);
	fputs(buf_str(&out), stdout);
	return job_end(job, shown < 0 && !status ? 1 : status);
}
