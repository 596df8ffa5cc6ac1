/* SPDX-License-Identifier: BSD-2-Clause */
/* Artifacts into the cache, into a bundle, out of one. */
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/steady.h"
#include "cli/job.h"
#include "cli/text.h"

struct fetch {
	struct cli *cli;
	struct strv parts;
	struct artifact_options options;
	struct artifacts *artifacts;
	struct fetched *rows;
	size_t n;
	struct live *live;
	uint64_t began_ms;
	pthread_mutex_t guard;		/* of notes */
	struct strv notes;		/* shown when the display has gone */
};

/* ---- the display: deploy's, with a line for each file */

static void on_progress(void *ctx, const struct artifact *art, uint64_t done, uint64_t total,
			const char *doing)
{
	struct fetch *f = ctx;
	const struct event begun = { .kind = EV_HOST, .host = art->name, .text = doing };
	const struct event bytes = { .kind = EV_PROGRESS, .host = art->name, .done = done, .total = total };
	live_event(f->live, &begun);
	live_event(f->live, &bytes);
}

static void describe(const struct fetched *row, struct buf *out)
{
	char a[24], b[24];
	uint64_t size = atomic_load(&row->artifact->size);
	switch (row->from) {
	case FROM_UPSTREAM:
		buf_addf(out, "%s downloaded and verified", text_bytes(a, size));
		if (row->received != size)
			buf_addf(out, " (%s of them now)", text_bytes(b, row->received));
		return;
	case FROM_INVENTORY:
	case FROM_AIRGAP_DIR:
		buf_addf(out, "%s copied from %s and verified", text_bytes(a, size), artifact_from_name(row->from));
		return;
	case FROM_CACHE:
		buf_addf(out, "%s in the cache, verified", text_bytes(a, size));
		return;
	case FROM_NOWHERE:
		return;
	}
}

static void on_done(void *ctx, const struct fetched *row)
{
	struct fetch *f = ctx;
	AUTO_BUF struct buf said;
	buf_init(&said, sizeof(row->err.msg) + 256);
	if (row->err.kind != ERR_NONE)
		buf_adds(&said, row->err.msg);
	else
		describe(row, &said);
	AUTO_FREE char *message = buf_take(&said);
	struct report_row shown = {
		.host = row->artifact->name,
		.outcome = row->err.kind == ERR_REFUSED	  ? OUT_REFUSED :
			   row->err.kind == ERR_INTERRUPTED ? OUT_SKIPPED :
			   row->err.kind != ERR_NONE	  ? OUT_FAILED :
			   row->from == FROM_CACHE	  ? OUT_OK :
							    OUT_CHANGED,
		.ms = row->ms,
		.message = message ? report_line(message) : NULL,
	};
	const struct event ev = { .kind = EV_ROW, .host = shown.host, .row = &shown };
	const struct event end = { .kind = EV_HOST, .host = shown.host, .text = "done" };
	if (message)
		live_event(f->live, &ev);
	live_event(f->live, &end);
}

static void on_note(void *ctx, const char *text)
{
	struct fetch *f = ctx;
	pthread_mutex_lock(&f->guard);
	(void)!strv_push(&f->notes, text);
	pthread_mutex_unlock(&f->guard);
}

static void show_notes(struct fetch *f)
{
	for (size_t i = 0; i < f->notes.n && !f->cli->quiet; i++) {
		AUTO_BUF struct buf clean;
		buf_init(&clean, 8192);
		text_clean(&clean, f->notes.v[i], TEXT_LINE);
		fprintf(stderr, "powerstack: %s\n", buf_str(&clean));
	}
	strv_clear(&f->notes);
}

static int start_display(struct fetch *f, struct strv *names, struct err *e)
{
	const struct cli *cli = f->cli;
	int fd = cli->json ? STDERR_FILENO : STDOUT_FILENO;
	const char *term = getenv("TERM");
	bool terminal = isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
	for (size_t i = 0; i < f->n; i++)
		if (strv_push(names, f->rows[i].artifact->name) < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
	const struct live_options o = {
		.fd = fd,
		.block = terminal && !cli->no_progress && !cli->quiet,
		.lines = !cli->json || terminal,
		.look = { .color = cli_color(cli, fd), .show_ok = cli->verbose > 0, .quiet = cli->quiet,
			  .noun = "files", .word = "fetched" },
	};
	return live_start(&o, names, &f->live, e);
}

/* ---- what came out */

static void count(const struct fetch *f, unsigned *ret_fetched, unsigned *ret_cached, unsigned *ret_failed,
		  uint64_t *ret_received)
{
	*ret_fetched = *ret_cached = *ret_failed = 0;
	*ret_received = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct fetched *row = &f->rows[i];
		*ret_received += row->received;
		*ret_failed += row->err.kind != ERR_NONE;
		*ret_cached += row->err.kind == ERR_NONE && row->from == FROM_CACHE;
		*ret_fetched += row->err.kind == ERR_NONE && row->from > FROM_CACHE;
	}
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	AUTO_BUF struct buf clean;
	buf_init(&clean, 16384);
	text_clean(&clean, text, TEXT_LINES);
	json_object_object_add(o, key, json_object_new_string(buf_str(&clean)));
}

static struct json_object *row_json(const struct fetch *f, const struct fetched *row)
{
	const struct artifact *art = row->artifact;
	struct json_object *o = json_object_new_object();
	AUTO_BUF struct buf said;
	buf_init(&said, sizeof(row->err.msg) + 8192);
	add_text(o, "name", art->name);
	add_text(o, "what", art->what);
	add_text(o, "arch", art->arch);
	add_text(o, "version", art->version);
	add_text(o, "url", art->url);
	add_text(o, "sha256", art->sha256);
	json_object_object_add(o, "size", json_object_new_uint64(atomic_load(&art->size)));
	json_object_object_add(o, "received", json_object_new_uint64(row->received));
	json_object_object_add(o, "ms", json_object_new_uint64(row->ms));
	bool sound = row->err.kind == ERR_NONE && row->from != FROM_NOWHERE;
	add_text(o, "from", sound ? artifact_from_name(row->from) : "");
	if (sound)
		buf_addf(&said, "%s/%s", artifacts_cache_dir(f->artifacts), art->sha256);
	add_text(o, "path", buf_str(&said));
	add_text(o, "message", row->err.msg);
	return o;
}

static void show_json(const struct fetch *f, const struct err *e)
{
	unsigned fetched, cached, failed;
	uint64_t received;
	char seconds[32];
	count(f, &fetched, &cached, &failed, &received);
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	uint64_t ms = steady_ms() - f->began_ms;
	snprintf(seconds, sizeof(seconds), "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
	json_object_object_add(o, "fetched", json_object_new_int64(fetched));
	json_object_object_add(o, "cached", json_object_new_int64(cached));
	json_object_object_add(o, "failed", json_object_new_int64(failed));
	json_object_object_add(o, "received", json_object_new_uint64(received));
	json_object_object_add(o, "seconds", json_object_new_double_s((double)ms / 1000, seconds));
	add_text(o, "lock", artifacts_lock_path(f->artifacts));
	if (f->cli->bundle)
		add_text(o, "bundle", f->cli->bundle);
	for (size_t i = 0; i < f->n; i++)
		json_object_array_add(list, row_json(f, &f->rows[i]));
	json_object_object_add(o, "artifacts", list);
	if (e->kind != ERR_NONE)
		add_text(o, "error", e->msg);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void show_text(const struct fetch *f, const struct err *e)
{
	unsigned fetched, cached, failed;
	uint64_t received;
	char a[24], b[24];
	struct err shown = *e;
	count(f, &fetched, &cached, &failed, &received);
	if (e->kind == ERR_NONE) {
		if (f->cli->bundle)
			cli_say(f->cli, "bundle: %s", f->cli->bundle);
		cli_say(f->cli, "%u fetched, %u in the cache, %s received, %s; lock: %s", fetched, cached,
			text_bytes(a, received), text_ms(b, steady_ms() - f->began_ms),
			artifacts_lock_path(f->artifacts));
		return;
	}
	/* each file that failed has its line with the reason already */
	if (failed && e->kind != ERR_INTERRUPTED)
		err_set(&shown, e->kind, "%u of %zu files could not be fetched; what arrived is kept, and the next run goes on from there",
			failed, f->n);
	cli_fail(f->cli, &shown);
}

/* ---- the run */

static int work(struct fetch *f, struct err *e)
{
	AUTO_STRV struct strv names = { 0 };
	const struct fetch_watch watch = { on_progress, on_done, f };
	int r = start_display(f, &names, e);
	if (r == 0 && f->cli->from)
		r = artifacts_unpack(f->artifacts, f->cli->from, on_progress, f, e);
	if (r == 0)
		r = artifacts_fetch(f->artifacts, &watch, f->rows, e);
	live_stop(take_ptr(&f->live));
	if (r == 0 && f->cli->bundle)
		r = artifacts_pack(f->artifacts, f->cli->bundle, e);
	return r;
}

static int fetch(struct fetch *f, int argc, char **argv, struct err *e)
{
	for (int i = 0; i < argc; i++)
		if (strv_push(&f->parts, argv[i]) < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
	int r = job_default_parts(&f->parts, e);
	f->options.parts = strv_get(&f->parts);
	r = r < 0 ? r : artifacts_open(f->cli->inv, &f->options, &f->artifacts, e);
	if (r < 0)
		return r;
	f->n = artifacts_count(f->artifacts);
	f->rows = calloc(f->n + 1, sizeof(*f->rows));
	if (!f->rows)
		return err_set(e, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < f->n; i++)
		f->rows[i].artifact = artifacts_at(f->artifacts, i);
	return work(f, e);
}

int verb_fetch(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	struct fetch f = { .cli = cli, .began_ms = steady_ms() };
	f.options = (struct artifact_options){
		.stall_s = (unsigned)((cli->timeout_ns + 999999999u) / 1000000000u),
		.jobs = cli->jobs,
		.offline = cli->from != NULL,
		.cancel = signals_catch(),
		.note = on_note,
		.note_ctx = &f,
	};
	pthread_mutex_init(&f.guard, NULL);
	int r = fetch(&f, argc, argv, &e);
	signals_release();
	show_notes(&f);
	if (!f.artifacts)
		cli_fail(cli, &e);
	else if (!cli->json)
		show_text(&f, &e);
	else
		show_json(&f, &e);
	if (r < 0 && f.artifacts && cli->json)
		fprintf(stderr, "powerstack: %s\n", e.msg);
	pthread_mutex_destroy(&f.guard);
	artifacts_free(f.artifacts);
	free(f.rows);
	strv_clear(&f.parts);
	return err_exit_status(e.kind);
}
