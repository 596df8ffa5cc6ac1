/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CONTEXT 3
/* Cells of the table of common lengths: 8 MiB of it. */
#define CELLS_MAX (4 * 1024 * 1024)

struct line {
	const char *s;
	size_t len;	/* with the newline, if it has one */
};

struct lines {
	struct line *v;
	size_t n;
};

/* One line of the edit: ' ' (in both), '-' (in old), '+' (in new). */
struct edit {
	char op;
	struct line line;
};

static int split(const char *text, struct lines *ret)
{
	size_t n = 0;
	for (const char *s = text; s && *s; n++) {
		const char *end = strchr(s, '\n');
		s = end ? end + 1 : s + strlen(s);
	}
	ret->v = calloc(n + 1, sizeof(*ret->v));
	if (!ret->v)
		return -(int)ERR_MEMORY;
	for (const char *s = text; s && *s;) {
		const char *end = strchr(s, '\n');
		size_t len = end ? (size_t)(end + 1 - s) : strlen(s);
		ret->v[ret->n++] = (struct line){ s, len };
		s += len;
	}
	return 0;
}

static void lines_clear(struct lines *l)
{
	free(l->v);
}

static bool same(struct line a, struct line b)
{
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* Edits of a[0..na) into b[0..nb) by the table of longest common subsequences of their tails. */
static int edit_middle(const struct line *a, size_t na, const struct line *b, size_t nb,
		       struct edit *ret, size_t *n)
{
	AUTO_FREE uint16_t *common = NULL;
	size_t width = nb + 1;
	bool table = na < UINT16_MAX && nb < UINT16_MAX && (na + 1) * width <= CELLS_MAX;
	if (table) {
		common = calloc((na + 1) * width, sizeof(*common));
		if (!common)
			return -(int)ERR_MEMORY;
		for (size_t i = na; i-- > 0;) {
			for (size_t j = nb; j-- > 0;) {
				uint16_t down = common[(i + 1) * width + j];
				uint16_t right = common[i * width + j + 1];
				common[i * width + j] =
					same(a[i], b[j]) ?
						(uint16_t)(common[(i + 1) * width + j + 1] + 1) :
					down > right ? down :
						       right;
			}
		}
	}
	size_t i = 0;
	size_t j = 0;
	while (i < na || j < nb) {
		if (table && i < na && j < nb && same(a[i], b[j])) {
			ret[(*n)++] = (struct edit){ ' ', a[i++] };
			j++;
		} else if (i < na && (j == nb || !table ||
				      common[(i + 1) * width + j] >= common[i * width + j + 1])) {
			ret[(*n)++] = (struct edit){ '-', a[i++] };
		} else {
			ret[(*n)++] = (struct edit){ '+', b[j++] };
		}
	}
	return 0;
}

static void put_line(struct buf *out, char op, struct line l)
{
	buf_addc(out, op);
	for (size_t i = 0; i < l.len; i++) {
		unsigned char c = (unsigned char)l.s[i];
		bool plain = c == '\n' || c == '\t' || (c >= ' ' && c != 127);
		buf_addc(out, plain ? (char)c : '?');
	}
	if (l.len == 0 || l.s[l.len - 1] != '\n')
		buf_adds(out, "\n\\ No newline at end of file\n");
}

/* "start,count" of a hunk's header; an empty side is named by the line before it. */
static void put_range(struct buf *out, size_t before, size_t count)
{
	if (count == 1)
		buf_addf(out, "%zu", before + 1);
	else
		buf_addf(out, "%zu,%zu", count ? before + 1 : before, count);
}

static void put_hunk(struct buf *out, const struct edit *ed, size_t from, size_t to, size_t olds,
		     size_t news)
{
	size_t no = 0;
	size_t nn = 0;
	for (size_t i = from; i < to; i++) {
		no += ed[i].op != '+';
		nn += ed[i].op != '-';
	}
	buf_adds(out, "@@ -");
	put_range(out, olds, no);
	buf_adds(out, " +");
	put_range(out, news, nn);
	buf_adds(out, " @@\n");
	for (size_t i = from; i < to; i++)
		put_line(out, ed[i].op, ed[i].line);
}

static void put_hunks(struct buf *out, const struct edit *ed, size_t n)
{
	size_t done = 0;	/* edits before this one are counted in olds and news */
	size_t olds = 0;
	size_t news = 0;
	for (size_t i = 0; i < n;) {
		if (ed[i].op == ' ') {
			i++;
			continue;
		}
		size_t from = i > CONTEXT ? i - CONTEXT : 0;
		if (from < done)
			from = done;
		/* A hunk goes on while the next change is so near that their contexts touch. */
		size_t last = i;
		for (size_t k = i; k < n && k <= last + 2 * CONTEXT + 1; k++)
			if (ed[k].op != ' ')
				last = k;
		size_t to = last + 1 + CONTEXT < n ? last + 1 + CONTEXT : n;
		for (; done < from; done++) {
			olds += ed[done].op != '+';
			news += ed[done].op != '-';
		}
		put_hunk(out, ed, from, to, olds, news);
		i = to;
	}
}

int diff_unified(const char *path, const char *old_text, const char *new_text, struct buf *out,
		 struct err *e)
{
	__attribute__((cleanup(lines_clear))) struct lines a = { 0 };
	__attribute__((cleanup(lines_clear))) struct lines b = { 0 };
	if (split(old_text, &a) < 0 || split(new_text, &b) < 0)
		return err_set(e, ERR_MEMORY, "out of memory for a diff of '%s'", path);
	AUTO_FREE struct edit *ed = calloc(a.n + b.n + 1, sizeof(*ed));
	if (!ed)
		return err_set(e, ERR_MEMORY, "out of memory for a diff of '%s'", path);
	size_t head = 0;
	while (head < a.n && head < b.n && same(a.v[head], b.v[head]))
		head++;
	if (head == a.n && head == b.n && !old_text == !new_text)
		return 0;
	size_t tail = 0;
	while (tail < a.n - head && tail < b.n - head &&
	       same(a.v[a.n - 1 - tail], b.v[b.n - 1 - tail]))
		tail++;
	size_t n = 0;
	for (size_t i = 0; i < head; i++)
		ed[n++] = (struct edit){ ' ', a.v[i] };
	if (edit_middle(a.v + head, a.n - head - tail, b.v + head, b.n - head - tail, ed, &n) < 0)
		return err_set(e, ERR_MEMORY, "out of memory for a diff of '%s'", path);
	for (size_t i = 0; i < tail; i++)
		ed[n++] = (struct edit){ ' ', a.v[a.n - tail + i] };
	buf_addf(out, "--- %s\n+++ %s\n", old_text ? path : "/dev/null",
		 new_text ? path : "/dev/null");
	put_hunks(out, ed, n);
	return out->full ? err_set(e, ERR_MEMORY, "the diff of '%s' is too long", path) : 0;
}
