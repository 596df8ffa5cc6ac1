/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/steady.h"
#include "cli/show.h"
#include "cli/text.h"

#define TICK_NS 100000000
#define LINES_MAX 256		/* of the block */
#define OUT_MAX (4u << 20)	/* bytes of one update, a diff among them */
#define BLOCK_MAX (256u << 10)
#define BAR 16
static const char *const stopping[] = {
	[CANCEL_NONE] = "",
	[CANCEL_SOON] = "stopping: no new step begins, the running ones are finished; Ctrl-C again interrupts them\n",
	[CANCEL_NOW] = "interrupting the running steps; the next run continues from what they left\n",
};

static const char *on(const struct live_view *v, const char *escape)
{
	return v->color ? escape : "";
}

/* ---- the view */

static struct live_host *host_named(struct live_view *v, const char *name)
{
	for (size_t i = 0; name && i < v->n; i++)
		if (strcmp(v->hosts[i].name, name) == 0)
			return &v->hosts[i];
	return NULL;
}

static void cut_copy(char *ret, size_t size, const char *s)
{
	snprintf(ret, size, "%s", s ? s : "");
}

static bool row_is_bad(enum outcome o)
{
	return o == OUT_FAILED || o == OUT_REFUSED || o == OUT_UNREACHABLE;
}

void live_view_event(struct live_view *v, const struct event *ev, uint64_t now_ns)
{
	struct live_host *h = host_named(v, ev->host);
	if (!h)
		return;
	switch (ev->kind) {
	case EV_HOST:
		if (h->state == LIVE_WORKING && !h->step[0] && strcmp(h->phase, ev->text) == 0)
			return; /* it goes on: the time since it began does too */
		cut_copy(h->phase, sizeof(h->phase), ev->text);
		h->step[0] = h->does[0] = '\0';
		h->total = 0;
		h->since_ns = now_ns;
		h->state = strcmp(h->phase, "done") != 0 ? LIVE_WORKING :
			   h->failed			 ? LIVE_FAILED :
							   LIVE_DONE;
		return;
	case EV_STEP:
		snprintf(h->step, sizeof(h->step), "%s%s%s", ev->recipe ? ev->recipe : "",
			 ev->recipe ? "/" : "", ev->step ? ev->step : "");
		cut_copy(h->does, sizeof(h->does), ev->text);
		h->since_ns = now_ns;
		h->total = 0;
		h->state = LIVE_WORKING;
		return;
	case EV_PROGRESS:
		h->done = ev->done;
		h->total = ev->total;
		return;
	case EV_DOING:
		cut_copy(h->does, sizeof(h->does), ev->text);
		return;
	case EV_ROW:
		h->step[0] = h->does[0] = '\0';
		h->total = 0;
		if (!ev->row)
			return;
		h->done_well += ev->row->outcome == OUT_CHANGED;
		h->failed += row_is_bad(ev->row->outcome);
		return;
	case EV_CHECK:
		h->done_well += ev->check_row && ev->check_row->verdict == CHECK_PASS;
		h->failed += ev->check_row && ev->check_row->verdict == CHECK_FAIL;
		return;
	}
}

static void add_safe(struct buf *out, const struct live_view *v, const char *text,
		     enum text_mode mode)
{
	AUTO_BUF struct buf plain;
	buf_init(&plain, OUT_MAX);
	redact_add(&plain, v->redact, text);
	text_clean(out, buf_str(&plain), mode);
}

static void add_diff(struct buf *out, const struct live_view *v, const char *diff)
{
	static const struct { char first; const char *color; } colors[] = {
		{ '+', "\033[32m" }, { '-', "\033[31m" }, { '@', "\033[36m" },
	};
	AUTO_BUF struct buf safe;
	buf_init(&safe, OUT_MAX);
	add_safe(&safe, v, diff, TEXT_LINES);
	for (const char *p = buf_str(&safe); *p;) {
		size_t len = strcspn(p, "\n");
		const char *color = "";
		for (size_t i = 0; i < COUNT(colors); i++)
			if (*p == colors[i].first)
				color = on(v, colors[i].color);
		buf_addf(out, "  %s", color);
		buf_add(out, p, len);
		buf_adds(out, *color ? "\033[0m\n" : "\n");
		p += len + (p[len] == '\n');
	}
}

int live_view_row(const struct live_view *v, const struct report_row *row, struct buf *out)
{
	char took[24];
	bool bad = row_is_bad(row->outcome);
	if (!bad && (v->quiet || (row->outcome != OUT_CHANGED && !v->show_ok)))
		return 0;
	int width = 0;
	for (size_t i = 0; i < v->n; i++) {
		int len = (int)strlen(v->hosts[i].name);
		width = len > width ? len : width;
	}
	buf_addf(out, "%-*s  %s%s%s  ", width, row->host ? row->host : "-",
		 on(v, show_outcome_color(row->outcome)), show_outcome(row->outcome, v->check),
		 on(v, "\033[0m"));
	if (row->step)
		buf_addf(out, "%s/%s: ", row->recipe, row->step);
	add_safe(out, v, row->message, TEXT_LINE);
	if (row->ms >= 1000)
		buf_addf(out, " (%s)", text_ms(took, row->ms));
	buf_addc(out, '\n');
	if (v->diff && row->diff)
		add_diff(out, v, row->diff);
	return out->full ? -(int)ERR_MEMORY : 0;
}

static void add_bar(struct buf *out, uint64_t done, uint64_t total)
{
	char a[24], b[24];
	done = done > total ? total : done;
	unsigned full = (unsigned)((double)done / (double)total * BAR);
	buf_addf(out, "  [%.*s%.*s] %s of %s", (int)full, "################", (int)(BAR - full),
		 "................", text_bytes(a, done), text_bytes(b, total));
}

/* Ends a line: appends what fits of text, coloured, and the newline; returns its width. */
static unsigned end_line(struct buf *out, const char *text, const char *color, unsigned columns)
{
	unsigned most = columns > 1 ? columns - 1 : 1;
	unsigned len = (unsigned)strlen(text);
	len = len > most ? most : len;
	buf_addf(out, "%s%.*s%s\n", color, (int)len, text, *color ? "\033[0m" : "");
	return len;
}

static unsigned host_line(const struct live_view *v, const struct live_host *h, int name_width,
			  unsigned columns, uint64_t now_ns, struct buf *out)
{
	AUTO_BUF struct buf b;
	char took[24];
	buf_init(&b, 4096);
	uint64_t ms = h->since_ns && now_ns > h->since_ns ? (now_ns - h->since_ns) / 1000000 : 0;
	text_clean(&b, h->name, TEXT_ASCII);
	buf_addf(&b, "%*s  %7s  ", name_width - (int)b.len > 0 ? name_width - (int)b.len : 0, "",
		 h->since_ns ? text_ms(took, ms) : "");
	text_clean(&b, h->step[0] ? h->step : h->phase[0] ? h->phase : "waiting", TEXT_ASCII);
	if (h->total)
		add_bar(&b, h->done, h->total);
	else if (h->does[0]) {
		buf_adds(&b, "  ");
		text_clean(&b, h->does, TEXT_ASCII);
	}
	return end_line(out, buf_str(&b), on(v, h->failed ? "\033[31m" : ""), columns);
}

/* Hosts in the order of their claim to a line: at work, waiting, failed, done. */
static const enum live_state claim[] = { LIVE_WORKING, LIVE_WAITING, LIVE_FAILED, LIVE_DONE };

static unsigned closing_line(const struct live_view *v, size_t hidden, unsigned columns,
			     uint64_t now_ns, struct buf *out)
{
	AUTO_BUF struct buf b;
	char took[24];
	unsigned n[LIVE_FAILED + 1] = { 0 }, well = 0, failed = 0;
	buf_init(&b, 1024);
	for (size_t i = 0; i < v->n; i++) {
		n[v->hosts[i].state]++;
		well += v->hosts[i].done_well;
		failed += v->hosts[i].failed;
	}
	uint64_t ms = now_ns > v->began_ns ? (now_ns - v->began_ns) / 1000000 : 0;
	if (v->stopping)
		buf_adds(&b, "stopping; ");
	if (hidden)
		buf_addf(&b, "%zu more; ", hidden);
	buf_addf(&b, "%u of %zu %s done", n[LIVE_DONE] + n[LIVE_FAILED], v->n,
		 v->noun ? v->noun : "hosts");
	if (n[LIVE_FAILED])
		buf_addf(&b, " (%u failed)", n[LIVE_FAILED]);
	const char *word = v->word ? v->word : v->verify ? "passed" : show_outcome(OUT_CHANGED, v->check);
	if (!v->status)
		buf_addf(&b, ", %u %s, %u failed", well, word, failed);
	buf_addf(&b, ", %s", text_ms(took, ms));
	return end_line(out, buf_str(&b), on(v, "\033[1m"), columns);
}

int live_view_render(const struct live_view *v, unsigned columns, unsigned rows, uint64_t now_ns,
		     struct buf *out, unsigned *ret_widths, size_t max, unsigned *ret_lines)
{
	unsigned lines = 0;
	/* one row for the cursor below the block, one for the closing line */
	size_t room = rows > 3 ? rows - 2 : 1;
	if (room > max - 1)
		room = max - 1;
	int width = 0;
	for (size_t i = 0; i < v->n; i++) {
		int len = (int)strlen(v->hosts[i].name);
		width = len > width ? len : width;
	}
	/* a host that is done needs no line of its own once the others fill the screen */
	for (size_t c = 0; c < COUNT(claim); c++)
		for (size_t i = 0; i < v->n && lines < room; i++)
			if (v->hosts[i].state == claim[c]) {
				ret_widths[lines++] =
					host_line(v, &v->hosts[i], width, columns, now_ns, out);
			}
	size_t hidden = v->n - lines;
	ret_widths[lines] = closing_line(v, hidden, columns, now_ns, out);
	*ret_lines = lines + 1;
	return out->full ? -(int)ERR_MEMORY : 0;
}

/* ---- the terminal */

struct live {
	struct live_options o;
	struct live_view view;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool ended;
	int told;		/* enum cancel_wish */
	unsigned widths[LINES_MAX];	/* of the block on the screen */
	unsigned drawn;			/* its lines; 0: none */
	struct buf last;		/* what it looked like */
};

static void window(int fd, unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize w = { 0 };
	bool known = ioctl(fd, TIOCGWINSZ, &w) == 0;
	*ret_columns = known && w.ws_col ? w.ws_col : 80;
	*ret_rows = known && w.ws_row ? w.ws_row : 24;
}

unsigned live_columns(int fd)
{
	unsigned columns = 0, rows = 0;
	window(fd, &columns, &rows);
	return columns;
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return; /* nobody reads any more: the run goes on */
		p += w;
		n -= (size_t)w;
	}
}

/* Moves up over the block and erases it line by line (some terminals keep a copy in their history
 * of a screen that is erased whole). A terminal that became narrower has wrapped its lines. */
static void add_erase(const struct live *l, unsigned columns, struct buf *out)
{
	unsigned up = 0;
	for (unsigned i = 0; i < l->drawn; i++)
		up += l->widths[i] ? (l->widths[i] + columns - 1) / columns : 1;
	if (!up)
		return;
	buf_addf(out, "\033[%uA\r", up);
	for (unsigned i = 0; i < up; i++)
		buf_adds(out, "\033[2K\n");
	buf_addf(out, "\033[%uA", up);
}

/* Writes text above the block and the block anew; nothing when neither changed. */
static void update(struct live *l, const char *text, bool with_block)
{
	AUTO_BUF struct buf out, block;
	buf_init(&out, OUT_MAX + (1u << 20));
	buf_init(&block, BLOCK_MAX);
	unsigned columns = 0, rows = 0, lines = 0;
	unsigned widths[LINES_MAX];
	window(l->o.fd, &columns, &rows);
	if (l->o.block && with_block &&
	    live_view_render(&l->view, columns, rows, steady_ns(), &block, widths, LINES_MAX, &lines) < 0)
		lines = 0; /* more hosts than memory: lines only */
	if (!*text && with_block && strcmp(buf_str(&l->last), buf_str(&block)) == 0)
		return;
	add_erase(l, columns, &out);
	buf_adds(&out, text);
	if (lines)
		buf_adds(&out, buf_str(&block));
	write_all(l->o.fd, buf_str(&out), out.len);
	memcpy(l->widths, widths, lines * sizeof(widths[0]));
	l->drawn = lines;
	buf_reset(&l->last);
	if (lines)
		buf_adds(&l->last, buf_str(&block));
}

/* What the user's wish to stop came to, once each; "" otherwise. */
static const char *news_of_stopping(struct live *l)
{
	int wish = l->o.cancel ? atomic_load(&l->o.cancel->requested) : CANCEL_NONE;
	if (wish <= l->told)
		return "";
	l->told = wish < CANCEL_NOW ? wish : CANCEL_NOW;
	l->view.stopping = true;
	return stopping[l->told];
}

static void *tick(void *arg)
{
	struct live *l = arg;
	pthread_mutex_lock(&l->lock);
	while (!l->ended) {
		const char *text = news_of_stopping(l);
		if (*text || l->o.block)
			update(l, text, true);
		struct timespec until = { 0 };
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&l->wake, &l->lock, &until);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void live_free(struct live *l)
{
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	buf_clear(&l->last);
	free(l->view.hosts);
	free(l);
}

int live_start(const struct live_options *o, const struct strv *hosts_shown, struct live **ret,
	       struct err *e)
{
	struct live *l = calloc(1, sizeof(*l));
	struct live_host *hosts = calloc(hosts_shown->n + 1, sizeof(*hosts));
	if (!l || !hosts) {
		free(l);
		free(hosts);
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	pthread_condattr_t attr;
	l->o = *o;
	l->view = o->look;
	l->view.hosts = hosts;
	l->view.n = hosts_shown->n;
	l->view.began_ns = steady_ns();
	for (size_t i = 0; i < hosts_shown->n; i++)
		hosts[i].name = hosts_shown->v[i];
	buf_init(&l->last, BLOCK_MAX);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	fflush(stdout);
	fflush(stderr);
	int r = pthread_create(&l->thread, NULL, tick, l);
	if (r) {
		live_free(l);
		return err_set(e, ERR_FAILED, "cannot start the display's thread: %s", strerror(r));
	}
	*ret = l;
	return 0;
}

void live_event(struct live *l, const struct event *ev)
{
	AUTO_BUF struct buf text;
	buf_init(&text, OUT_MAX);
	pthread_mutex_lock(&l->lock);
	live_view_event(&l->view, ev, steady_ns());
	if (ev->kind == EV_ROW && ev->row && l->o.lines)
		live_view_row(&l->view, ev->row, &text);
	if (text.len)
		update(l, buf_str(&text), true);
	pthread_mutex_unlock(&l->lock);
}

void live_stop(struct live *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->ended = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	update(l, news_of_stopping(l), false);
	live_free(l);
}
