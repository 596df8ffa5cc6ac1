/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/host.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

struct fake_session {
	struct session s;
	struct fake_host *h;
	bool lost, holds;
	atomic_bool in_use;
};

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "fake host: out of memory\n");
		abort();
	}
	return p;
}

void fake_str(char **field, const char *s)
{
	char *was = *field;
	*field = s ? must(strdup(s)) : NULL;
	free(was);
}

/* ---- lists: one grow and one remove for every kind */

static void *list_add(void **v, size_t *n, size_t size)
{
	*v = must(realloc(*v, (*n + 1) * size));
	void *row = (char *)*v + *n * size;
	memset(row, 0, size);
	(*n)++;
	return row;
}

static void list_drop(void *v, size_t *n, size_t size, size_t i)
{
	memmove((char *)v + i * size, (char *)v + (i + 1) * size, (*n - i - 1) * size);
	(*n)--;
}

#define ADD(h, list) list_add((void **)&(h)->list, &(h)->n##list, sizeof(*(h)->list))
#define DROP(h, list, row) \
	list_drop((h)->list, &(h)->n##list, sizeof(*(h)->list), (size_t)((row) - (h)->list))

struct fake_file *fake_file_get(const struct fake_host *h, const char *path)
{
	for (size_t i = 0; i < h->nfiles; i++)
		if (strcmp(h->files[i].path, path) == 0)
			return &h->files[i];
	return NULL;
}

struct fake_file *fake_file_put(struct fake_host *h, const char *path, char kind, const void *data,
				size_t len, unsigned mode, const char *owner)
{
	struct fake_file *f = fake_file_get(h, path);
	char *copy = must(malloc(len + 1));
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	if (!f) {
		f = ADD(h, files);
		f->path = must(strdup(path));
	}
	free(f->data);
	f->data = copy;
	f->len = len;
	f->kind = kind;
	f->mode = mode;
	snprintf(f->owner, sizeof(f->owner), "%s", owner);
	f->changed_at = h->clock_s;
	f->sha256[0] = '\0';
	return f;
}

static void file_clear(struct fake_file *f)
{
	free(f->path);
	free(f->data);
}

bool fake_file_remove(struct fake_host *h, const char *path)
{
	struct fake_file *f = fake_file_get(h, path);
	if (!f)
		return false;
	file_clear(f);
	DROP(h, files, f);
	return true;
}

struct fake_unit *fake_unit_get(const struct fake_host *h, const char *name)
{
	for (size_t i = 0; i < h->nunits; i++)
		if (strcmp(h->units[i].name, name) == 0)
			return &h->units[i];
	return NULL;
}

struct fake_unit *fake_unit_make(struct fake_host *h, const char *name)
{
	struct fake_unit *u = fake_unit_get(h, name);
	if (!u) {
		u = ADD(h, units);
		u->name = must(strdup(name));
	}
	return u;
}

bool fake_unit_remove(struct fake_host *h, const char *name)
{
	struct fake_unit *u = fake_unit_get(h, name);
	if (!u)
		return false;
	free(u->name);
	DROP(h, units, u);
	return true;
}

struct fake_mount *fake_mount_get(const struct fake_host *h, const char *target)
{
	for (size_t i = 0; i < h->nmounts; i++)
		if (strcmp(h->mounts[i].target, target) == 0)
			return &h->mounts[i];
	return NULL;
}

void fake_mount_put(struct fake_host *h, const char *target, const char *source,
		    const char *fstype, const char *options)
{
	struct fake_mount *m = fake_mount_get(h, target);
	if (!m)
		m = ADD(h, mounts);
	fake_str(&m->target, target);
	fake_str(&m->source, source);
	fake_str(&m->fstype, fstype);
	fake_str(&m->options, options);
}

static void mount_clear(struct fake_mount *m)
{
	free(m->target);
	free(m->source);
	free(m->fstype);
	free(m->options);
}

bool fake_mount_remove(struct fake_host *h, const char *target)
{
	struct fake_mount *m = fake_mount_get(h, target);
	if (!m)
		return false;
	mount_clear(m);
	DROP(h, mounts, m);
	return true;
}

struct fake_block *fake_block_get(const struct fake_host *h, const char *path)
{
	for (size_t i = 0; i < h->nblocks; i++)
		if (strcmp(h->blocks[i].path, path) == 0)
			return &h->blocks[i];
	return NULL;
}

static void block_clear(struct fake_block *b)
{
	free(b->path);
	free(b->serial);
	free(b->fstype);
	free(b->uuid);
	free(b->label);
	free(b->parttype);
	free(b->pttype);
	free(b->parent);
}

struct fake_block *fake_block_put(struct fake_host *h, const char *path, uint64_t size)
{
	struct fake_block *b = fake_block_get(h, path);
	if (b)
		block_clear(b);
	else
		b = ADD(h, blocks);
	*b = (struct fake_block){ .path = must(strdup(path)), .size = size };
	return b;
}

bool fake_block_remove(struct fake_host *h, const char *path)
{
	struct fake_block *b = fake_block_get(h, path);
	if (!b)
		return false;
	block_clear(b);
	DROP(h, blocks, b);
	return true;
}

static struct fake_pair *pair_get(const struct fake_host *h, const char *space, const char *key)
{
	for (size_t i = 0; i < h->npairs; i++)
		if (strcmp(h->pairs[i].space, space) == 0 && strcmp(h->pairs[i].key, key) == 0)
			return &h->pairs[i];
	return NULL;
}

const char *fake_get(const struct fake_host *h, const char *space, const char *key)
{
	const struct fake_pair *p = pair_get(h, space, key);
	return p ? p->value : NULL;
}

void fake_set(struct fake_host *h, const char *space, const char *key, const char *value)
{
	struct fake_pair *p = pair_get(h, space, key);
	if (!p) {
		p = ADD(h, pairs);
		p->space = must(strdup(space));
		p->key = must(strdup(key));
	}
	fake_str(&p->value, value);
}

static void pair_clear(struct fake_pair *p)
{
	free(p->space);
	free(p->key);
	free(p->value);
}

bool fake_unset(struct fake_host *h, const char *space, const char *key)
{
	struct fake_pair *p = pair_get(h, space, key);
	if (!p)
		return false;
	pair_clear(p);
	DROP(h, pairs, p);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *or_none(const char *s)
{
	return s ? s : "-";
}

void fake_host_dump(const struct fake_host *h, struct buf *out)
{
	AUTO_STRV struct strv lines = { 0 };
	for (size_t i = 0; i < h->nfiles; i++) {
		const struct fake_file *f = &h->files[i];
		strv_pushf(&lines, "file %s %c %04o %s %zu %s", f->path, f->kind, f->mode,
			   f->owner, f->len, f->data);
	}
	for (size_t i = 0; i < h->nunits; i++) {
		const struct fake_unit *u = &h->units[i];
		strv_pushf(&lines, "unit %s loaded %d enabled %d active %d masked %d starts %u",
			   u->name, u->loaded, u->enabled, u->active, u->masked, u->starts);
	}
	for (size_t i = 0; i < h->nmounts; i++) {
		const struct fake_mount *m = &h->mounts[i];
		strv_pushf(&lines, "mount %s %s %s %s", m->target, m->source, m->fstype,
			   m->options);
	}
	for (size_t i = 0; i < h->nblocks; i++) {
		const struct fake_block *b = &h->blocks[i];
		strv_pushf(&lines, "block %s %s %s %s %s %s %s %s %d %d", b->path,
			   or_none(b->serial), or_none(b->fstype), or_none(b->uuid),
			   or_none(b->label), or_none(b->parttype), or_none(b->pttype),
			   or_none(b->parent), b->held, b->swap);
	}
	for (size_t i = 0; i < h->npairs; i++) {
		const struct fake_pair *p = &h->pairs[i];
		strv_pushf(&lines, "%s %s %s", p->space, p->key, p->value);
	}
	if (lines.n)
		qsort(lines.v, lines.n, sizeof(*lines.v), by_text);
	for (size_t i = 0; i < lines.n; i++)
		buf_addf(out, "%s: %s\n", h->name, lines.v[i]);
}

void fake_net_dump(const struct fake_net *net, struct buf *out)
{
	for (size_t i = 0; i < net->nhosts; i++)
		fake_host_dump(net->hosts[i], out);
}

/* ---- the net */

struct fake_net *fake_net_new(const struct inventory *inv, const struct fake_script *scripts,
			      const struct fake_question *questions)
{
	struct fake_net *net = must(calloc(1, sizeof(*net)));
	pthread_mutex_init(&net->mutex, NULL);
	net->scripts = scripts;
	net->questions = questions;
	net->hosts = must(calloc(inv->nhosts + 1, sizeof(*net->hosts)));
	for (size_t i = 0; i < inv->nhosts; i++) {
		struct fake_host *h = must(calloc(1, sizeof(*h)));
		h->name = must(strdup(inv->hosts[i].name));
		h->net = net;
		h->clock_s = 1700000000;
		pthread_mutex_init(&h->mutex, NULL);
		net->hosts[net->nhosts++] = h;
	}
	return net;
}

static void records_clear(struct fake_host *h)
{
	for (size_t i = 0; i < h->nrecords; i++) {
		free(h->records[i].script);
		strv_clear(&h->records[i].argv);
		free(h->records[i].in);
	}
	free(h->records);
	h->records = NULL;
	h->nrecords = 0;
}

void fake_net_rearm(struct fake_net *net)
{
	net->commands = net->kill_at = net->cancel_at = net->running = net->most_running = 0;
	net->killed = net->kill_after = false;
	for (size_t i = 0; i < net->nhosts; i++) {
		struct fake_host *h = net->hosts[i];
		records_clear(h);
		h->opens = h->commands = h->changes = h->fault_at = 0;
	}
}

void fake_net_free(struct fake_net *net)
{
	if (!net)
		return;
	for (size_t i = 0; i < net->nhosts; i++) {
		struct fake_host *h = net->hosts[i];
		records_clear(h);
		for (size_t k = 0; k < h->nfiles; k++)
			file_clear(&h->files[k]);
		for (size_t k = 0; k < h->nunits; k++)
			free(h->units[k].name);
		for (size_t k = 0; k < h->nmounts; k++)
			mount_clear(&h->mounts[k]);
		for (size_t k = 0; k < h->nblocks; k++)
			block_clear(&h->blocks[k]);
		for (size_t k = 0; k < h->npairs; k++)
			pair_clear(&h->pairs[k]);
		free(h->files);
		free(h->units);
		free(h->mounts);
		free(h->blocks);
		free(h->pairs);
		free(h->lock_holder);
		free(h->name);
		pthread_mutex_destroy(&h->mutex);
		free(h);
	}
	free(net->hosts);
	pthread_mutex_destroy(&net->mutex);
	free(net);
}

struct fake_host *fake_net_host(const struct fake_net *net, const char *name)
{
	for (size_t i = 0; i < net->nhosts; i++)
		if (strcmp(net->hosts[i]->name, name) == 0)
			return net->hosts[i];
	return NULL;
}

unsigned fake_net_changes(const struct fake_net *net)
{
	unsigned n = 0;
	for (size_t i = 0; i < net->nhosts; i++)
		n += net->hosts[i]->changes;
	return n;
}

bool fake_net_argv_has(const struct fake_net *net, const char *needle)
{
	for (size_t i = 0; i < net->nhosts; i++) {
		const struct fake_host *h = net->hosts[i];
		for (size_t k = 0; k < h->nrecords; k++)
			for (size_t m = 0; m < h->records[k].argv.n; m++)
				if (strstr(h->records[k].argv.v[m], needle))
					return true;
	}
	return false;
}

/* ---- built-in scripts */

static int answer_question(struct fake_host *h, const char *question, struct buf *value)
{
	const char *planted = fake_get(h, "answer", question);
	if (planted) {
		buf_adds(value, planted);
		return 1;
	}
	const char *colon = strchr(question, ':');
	for (const struct fake_question *q = h->net->questions; colon && q && q->kind; q++)
		if (strlen(q->kind) == (size_t)(colon - question) &&
		    strncmp(q->kind, question, strlen(q->kind)) == 0)
			return q->answer(h, colon + 1, value);
	buf_adds(value, "no such kind of question");
	return -1;
}

static int script_probe(struct fake_host *h, const struct fake_cmd *c, struct buf *out,
			struct buf *err)
{
	(void)err;
	for (size_t i = 0; i < c->argc; i++) {
		AUTO_BUF struct buf value;
		buf_init(&value, 1024 * 1024);
		int is = answer_question(h, c->argv[i], &value);
		if (is > 0)
			buf_addf(out, "=%s=%s", c->argv[i], buf_str(&value));
		else if (is == 0)
			buf_addf(out, "-%s", c->argv[i]);
		else
			buf_addf(out, "!%s=%s", c->argv[i], buf_str(&value));
		buf_addc(out, '\0');
	}
	buf_adds(out, "=probe=complete");
	buf_addc(out, '\0');
	return 0;
}

static int script_lock(struct fake_host *h, const struct fake_cmd *c, struct buf *out,
		       struct buf *err)
{
	(void)err;
	if (h->lock_holder) {
		buf_addf(out, "taken %s\n", h->lock_holder);
		return 75;
	}
	AUTO_FREE char *who = NULL;
	if (asprintf(&who, "%s runs \"%s\"", c->argc > 1 ? c->argv[1] : "?",
		     c->argc > 2 ? c->argv[2] : "?") < 0)
		who = NULL;
	fake_str(&h->lock_holder, must(who));
	buf_adds(out, "held\n");
	return 0;
}

static const struct fake_script built_in[] = {
	{ "probe", script_probe, .reads_only = true },
	{ "lock", script_lock, .reads_only = true },
	{ 0 },
};

static const struct fake_script *find_script(const struct fake_net *net, const char *name)
{
	for (const struct fake_script *s = net->scripts; s && s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	for (const struct fake_script *s = built_in; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* ---- sessions */

static void read_all(int fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(b, chunk, (size_t)n);
}

#define TAKEN 65536	/* of a text that is sent: only a binary is longer, and it would be most of the laws' time */

static void take_input(const struct cmd *cmd, struct buf *in)
{
	if (cmd->in)
		buf_add(in, cmd->in, cmd->in_len < TAKEN ? cmd->in_len : TAKEN);
	else if (cmd->in_secret)
		buf_add(in, secret_expose(cmd->in_secret), secret_len(cmd->in_secret));
	else if (cmd->in_file)
		read_all(cmd->in_fd, in);
	if (cmd->progress)
		cmd->progress(cmd->progress_ctx, in->len, in->len);
}

static void record(struct fake_host *h, const struct cmd *cmd, const struct buf *in)
{
	struct fake_record *r = ADD(h, records);
	r->script = must(strdup(cmd->script->name));
	for (size_t i = 0; cmd->argv && cmd->argv[i]; i++)
		strv_push(&r->argv, cmd->argv[i]);
	r->in = must(malloc(in->len + 1));
	memcpy(r->in, buf_str(in), in->len + 1);
	r->in_len = in->len;
	r->flags = cmd->flags;
}

static bool cancelled(const struct fake_net *net, bool finishes)
{
	return net->cancel &&
	       atomic_load(&net->cancel->requested) >= (finishes ? CANCEL_NOW : CANCEL_SOON);
}

static int hang(struct fake_net *net, bool finishes, struct err *e)
{
	atomic_fetch_add(&net->hanging, 1);
	for (int i = 0; i < 500; i++) {
		if (cancelled(net, finishes))
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		usleep(1000);
	}
	return err_set(e, ERR_TIMEOUT, "the command did not end in time");
}

struct fate {
	bool killed_before, killed_after;
};

/* Counts the command and says what is to become of it. */
static struct fate count_command(struct fake_net *net, const struct cmd *cmd)
{
	struct fate fate = { .killed_before = false };
	pthread_mutex_lock(&net->mutex);
	unsigned nth = ++net->commands;
	net->last_timeout_s = cmd->timeout_s;
	if (net->cancel && nth == net->cancel_at)
		atomic_store(&net->cancel->requested, CANCEL_SOON);
	if (net->killed)
		fate.killed_before = true;
	else if (nth == net->kill_at) {
		net->killed = true;
		fate.killed_before = !net->kill_after;
		fate.killed_after = net->kill_after;
	}
	if (++net->running > net->most_running)
		net->most_running = net->running;
	pthread_mutex_unlock(&net->mutex);
	return fate;
}

static int lose(struct fake_session *fs, struct err *e)
{
	fs->lost = true;
	if (fs->holds)
		fake_str(&fs->h->lock_holder, NULL);
	fs->holds = false;
	return err_set(e, ERR_UNREACHABLE, "'%s': the connection is lost", fs->h->name);
}

static int execute(struct fake_session *fs, const struct cmd *cmd, struct fate fate,
		   struct answer *ret, struct err *e)
{
	struct fake_host *h = fs->h;
	unsigned nth = ++h->commands;
	bool faulty = h->fault_at && nth == h->fault_at;
	AUTO_BUF struct buf in;
	buf_init(&in, 512 * 1024 * 1024);
	take_input(cmd, &in);
	record(h, cmd, &in);
	if (fs->lost || fate.killed_before || (faulty && h->fault == FAKE_CUT))
		return lose(fs, e);
	if (cancelled(h->net, fs->s.finishes))
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	if (faulty && h->fault == FAKE_HANG)
		return hang(h->net, fs->s.finishes, e);
	(cmd->flags & CMD_SECRET_OUT ? buf_init_secret : buf_init)(&ret->out, cmd->out_max ? cmd->out_max :
											       64 * 1024);
	buf_init(&ret->err, 16 * 1024);
	const struct fake_script *s = find_script(h->net, cmd->script->name);
	if (!s) {
		fprintf(stderr, "fake host: no script '%s'\n", cmd->script->name);
		abort();
	}
	struct fake_cmd fc = {
		.script = s->name,
		.argv = cmd->argv,
		.in = buf_str(&in),
		.in_len = in.len,
		.flags = cmd->flags,
	};
	while (fc.argv && fc.argv[fc.argc])
		fc.argc++;
	h->clock_s++;
	if (faulty && h->fault == FAKE_FAIL) {
		buf_adds(&ret->err, "made to fail\n");
		ret->status = 1;
	} else {
		ret->status = s->run(h, &fc, &ret->out, &ret->err);
		if (!s->reads_only)
			h->changes++;
		/* The lock lives as long as the session that took it, whoever hears of it. */
		if (ret->status == 0 && strcmp(s->name, "lock") == 0)
			fs->holds = true;
	}
	if (fate.killed_after || (faulty && h->fault == FAKE_CUT_AFTER))
		return lose(fs, e);
	if (ret->out.full)
		return err_set(e, ERR_MEMORY, "'%s' printed too much", s->name);
	return 0;
}

static void end_use(struct fake_session *fs)
{
	atomic_store(&fs->in_use, false);
}

static void begin_use(struct fake_session *fs)
{
	if (atomic_exchange(&fs->in_use, true)) {
		fprintf(stderr, "fake host: two threads use the session of '%s'\n", fs->h->name);
		abort();
	}
}

static int fake_run(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	struct fake_session *fs = (struct fake_session *)s;
	struct fake_net *net = fs->h->net;
	begin_use(fs);
	struct fate fate = count_command(net, cmd);
	if (fs->h->delay_us)
		usleep(fs->h->delay_us);
	pthread_mutex_lock(&fs->h->mutex);
	struct err mine = { 0 };
	int rc = execute(fs, cmd, fate, ret, &mine);
	pthread_mutex_unlock(&fs->h->mutex);
	pthread_mutex_lock(&net->mutex);
	net->running--;
	if (net->ran)
		net->ran(net->ran_ctx, fs->h->name, cmd, ret, rc < 0 ? &mine : NULL);
	pthread_mutex_unlock(&net->mutex);
	if (rc < 0 && e)
		*e = mine;
	end_use(fs);
	return rc;
}

static void fake_drop(struct session *s)
{
	struct fake_session *fs = (struct fake_session *)s;
	begin_use(fs);
	pthread_mutex_lock(&fs->h->mutex);
	if (fs->holds)
		fake_str(&fs->h->lock_holder, NULL);
	fs->holds = false;
	pthread_mutex_unlock(&fs->h->mutex);
	end_use(fs);
}

static void fake_close(struct session *s)
{
	fake_drop(s);
	free(s);
}

int fake_open(void *ctx, const struct host *host, struct session **ret, struct err *e)
{
	static const struct session_ops ops = { fake_run, fake_run, fake_drop, fake_close };
	struct fake_net *net = ctx;
	struct fake_host *h = fake_net_host(net, host->name);
	if (cancelled(net, false))
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	if (!h || h->unreachable)
		return err_set(e, ERR_UNREACHABLE, "cannot connect to '%s': no route to host",
			       host->name);
	struct fake_session *fs = must(calloc(1, sizeof(*fs)));
	fs->s = (struct session){ .ops = &ops, .host = h->name };
	fs->h = h;
	pthread_mutex_lock(&h->mutex);
	h->opens++;
	pthread_mutex_unlock(&h->mutex);
	*ret = &fs->s;
	return 0;
}
