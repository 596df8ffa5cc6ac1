/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/show.h"
#include "cli/text.h"

#define ENTRY_MAX (1u << 20)
#define STDERR_LINES 20
#define SAME_SECOND_MAX 100

struct runlog {
	int fd;
	char *path;
	const struct redact *redact;
	pthread_mutex_t lock;
	int error;		/* first errno of a write, 0: none */
};

/* 2026-03-01T12:00:00.123+0100 */
static void add_time(struct buf *out)
{
	struct timespec t = { 0 };
	struct tm tm = { 0 };
	char day[32], zone[8];
	clock_gettime(CLOCK_REALTIME, &t);
	localtime_r(&t.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	buf_addf(out, "%s.%03ld%s", day, t.tv_nsec / 1000000, zone);
}

/* Redacted, then without control characters: a host cannot forge a line of the log. */
static void add_text(struct buf *out, const struct runlog *l, const char *text,
		     enum text_mode mode)
{
	AUTO_BUF struct buf plain;
	buf_init(&plain, ENTRY_MAX);
	redact_add(&plain, l->redact, text);
	text_clean(out, buf_str(&plain), mode);
}

/* In quotes, with what would leave them escaped; newlines as \n, so that an argument is one word. */
static void add_quoted(struct buf *out, const struct runlog *l, const char *text)
{
	AUTO_BUF struct buf plain, clean;
	buf_init(&plain, ENTRY_MAX);
	buf_init(&clean, ENTRY_MAX);
	redact_add(&plain, l->redact, text);
	text_clean(&clean, buf_str(&plain), TEXT_LINES);
	buf_addc(out, '\'');
	for (const char *p = buf_str(&clean); *p; p++) {
		if (*p == '\'' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else if (*p == '\n')
			buf_adds(out, "\\n");
		else if (*p == '\t')
			buf_adds(out, "\\t");
		else
			buf_addc(out, *p);
	}
	buf_addc(out, '\'');
}

static void put(struct runlog *l, struct buf *entry)
{
	static const char cut[] = " (cut)\n";
	const char *p = buf_str(entry);
	size_t n = entry->len;
	pthread_mutex_lock(&l->lock);
	for (int part = 0; part < 2; part++) {
		while (n) {
			ssize_t w = write(l->fd, p, n);
			if (w < 0 && errno == EINTR)
				continue;
			if (w <= 0) {
				l->error = l->error ? l->error : errno;
				break;
			}
			p += w;
			n -= (size_t)w;
		}
		p = cut;
		n = entry->full ? sizeof(cut) - 1 : 0;
	}
	pthread_mutex_unlock(&l->lock);
}

static int create(const char *dir, const char *verb, char **ret_path, int *ret_fd, struct err *e)
{
	char stamp[32];
	time_t t = time(NULL);
	struct tm tm = { 0 };
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", localtime_r(&t, &tm));
	for (int i = 1; i < SAME_SECOND_MAX; i++) {
		AUTO_FREE char *path = NULL;
		int r = i == 1 ? asprintf(&path, "%s/%s-%s.log", dir, verb, stamp) :
				 asprintf(&path, "%s/%s-%s-%d.log", dir, verb, stamp, i);
		if (r < 0)
			return err_set(e, ERR_MEMORY, "out of memory");
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
			      0600);
		if (fd >= 0) {
			*ret_fd = fd;
			*ret_path = take_ptr(&path);
			return 0;
		}
		if (errno != EEXIST)
			return err_errno(e, ERR_FAILED,
					 "cannot create the log '%s' (--log-dir names another place)", path);
	}
	return err_set(e, ERR_FAILED, "cannot create a log in '%s': all names of this second are taken",
		       dir);
}

int runlog_open(const char *dir, const char *verb, const char *head, const struct redact *redact,
		struct runlog **ret, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	int r = file_mkdirs(dir, 0700, e);
	if (r < 0)
		return err_wrap(e, "the log's directory (--log-dir names another)");
	r = create(dir, verb, &path, &fd, e);
	if (r < 0)
		return r;
	struct runlog *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, ERR_MEMORY, "out of memory");
	l->fd = take_fd(&fd);
	l->path = take_ptr(&path);
	l->redact = redact;
	pthread_mutex_init(&l->lock, NULL);
	runlog_note(l, "powerstack " POWERSTACK_VERSION ": %s", head);
	*ret = l;
	return 0;
}

const char *runlog_path(const struct runlog *l)
{
	return l->path;
}

static void add_stderr(struct buf *out, const struct runlog *l, const char *text)
{
	AUTO_BUF struct buf plain;
	buf_init(&plain, ENTRY_MAX);
	redact_add(&plain, l->redact, text); /* before it is cut into lines: a value may have several */
	const char *begin = buf_str(&plain), *from = begin + plain.len;
	size_t lines = 0;
	while (from > begin && lines < STDERR_LINES) {
		from--;
		lines += *from == '\n' && from[1] != '\0';
	}
	if (lines == STDERR_LINES)
		from++;
	while (*from) {
		size_t len = strcspn(from, "\n");
		AUTO_FREE char *line = strndup(from, len);
		buf_adds(out, "  | ");
		text_clean(out, line ? line : "", TEXT_LINE);
		buf_addc(out, '\n');
		from += len + (from[len] == '\n');
	}
}

void runlog_command(struct runlog *l, const char *host, const struct cmd *cmd,
		    const struct answer *a, const struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, ENTRY_MAX);
	add_time(&b);
	buf_addf(&b, " %s run %s%s", host, cmd->script->name, cmd->flags & CMD_SUDO ? " sudo" : "");
	if (a)
		buf_addf(&b, " status=%d %" PRIu64 "ms", a->status, a->ms);
	if (cmd->in_secret)
		buf_adds(&b, " stdin=secret");
	else if (cmd->in_file)
		buf_addf(&b, " stdin=%" PRIu64, cmd->in_total);
	else if (cmd->in)
		buf_addf(&b, " stdin=%zu", cmd->in_len);
	for (size_t i = 0; cmd->argv && cmd->argv[i]; i++) {
		buf_addc(&b, ' ');
		add_quoted(&b, l, cmd->argv[i]);
	}
	buf_addc(&b, '\n');
	if (e && e->kind) {
		buf_adds(&b, "  ! ");
		add_text(&b, l, e->msg, TEXT_LINE);
		buf_addc(&b, '\n');
	}
	if (a && a->err.len)
		add_stderr(&b, l, buf_str(&a->err));
	put(l, &b);
}

void runlog_row(struct runlog *l, const struct report_row *row)
{
	AUTO_BUF struct buf b;
	buf_init(&b, ENTRY_MAX);
	add_time(&b);
	buf_addf(&b, " %s row %s", row->host ? row->host : "-", show_outcome(row->outcome, false));
	if (row->step)
		buf_addf(&b, " %s/%s", row->recipe, row->step);
	buf_addf(&b, " %s->%s %" PRIu64 "ms ", show_presence(row->was), show_presence(row->now),
		 row->ms);
	add_text(&b, l, row->message, TEXT_LINE);
	buf_addc(&b, '\n');
	put(l, &b);
}

void runlog_check(struct runlog *l, const struct verify_row *row)
{
	AUTO_BUF struct buf b;
	buf_init(&b, ENTRY_MAX);
	add_time(&b);
	buf_addf(&b, " %s check %s %s %" PRIu64 "ms ", row->host ? row->host : "-", row->check->id,
		 show_verdict(row->verdict), row->ms);
	add_text(&b, l, row->why, TEXT_LINE);
	buf_addc(&b, '\n');
	put(l, &b);
}

void runlog_note(struct runlog *l, const char *fmt, ...)
{
	AUTO_BUF struct buf b, text;
	buf_init(&b, ENTRY_MAX);
	buf_init(&text, ENTRY_MAX);
	add_time(&b);
	va_list ap;
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	buf_addc(&b, ' ');
	add_text(&b, l, buf_str(&text), TEXT_LINE);
	buf_addc(&b, '\n');
	put(l, &b);
}

int runlog_close(struct runlog *l, struct err *e)
{
	if (!l)
		return 0;
	int error = l->error;
	if (fsync(l->fd) < 0 && !error)
		error = errno;
	if (close(l->fd) < 0 && !error)
		error = errno;
	int r = error ? err_set(e, ERR_FAILED, "the log '%s' is not whole: %s", l->path, strerror(error)) : 0;
	pthread_mutex_destroy(&l->lock);
	free(l->path);
	free(l);
	return r;
}
