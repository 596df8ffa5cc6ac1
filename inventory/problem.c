/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/problem.h"

#include <stdlib.h>
#include <string.h>

#define PROBLEMS_MAX 200
#define TEXT_MAX 600

int plist_begin(struct plist *p, const char *path, struct problems *ret, struct err *e)
{
	struct arena *a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_MEMORY, "out of memory");
	a->max = PROBLEMS_MAX * 16 * 1024;
	*ret = (struct problems){ .path = arena_str(a, path), .owned = a };
	*p = (struct plist){ ret, a };
	return 0;
}

/* Bytes of the UTF-8 sequence at s, 0 when it is none or a control character. */
static size_t sequence(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 :
		   c >= 0xf0 && c < 0xf5 ? 4 : 0;
	if (n == 1 && (c < 0x20 || c == 0x7f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
	return n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0 ? 0 : n;
}

/* A message goes to terminals, logs and JSON: what a file or a cut put into it must not act
 * there. */
static void make_printable(char *s)
{
	while (*s) {
		size_t n = sequence(s);
		if (!n)
			*s = '?';
		s += n ? n : 1;
	}
}

static bool is_told(const struct problems *ps, struct place at, const char *text)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->v[i].line == at.line && ps->v[i].column == at.column &&
		    strcmp(ps->v[i].text, text) == 0)
			return true;
	return false;
}

static void add(struct plist *p, bool warning, struct place at, const char *fmt, va_list ap)
{
	struct problems *ps = p->out;
	char text[TEXT_MAX];
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	make_printable(text);
	if (is_told(ps, at, text))
		return;
	if (!warning)
		ps->nerrors++;
	if (ps->n > PROBLEMS_MAX)
		return;
	struct problem *one = arena_push(p->a, &ps->v, &ps->n, sizeof(*ps->v));
	if (!one)
		return;
	if (ps->n > PROBLEMS_MAX)
		*one = (struct problem){ warning, (unsigned)-1, 0,
					 "there are more problems than are listed" };
	else
		*one = (struct problem){ warning, at.line, at.column, arena_str(p->a, text) };
}

void problem_at(struct plist *p, struct place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(p, false, at, fmt, ap);
	va_end(ap);
}

void warning_at(struct plist *p, struct place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(p, true, at, fmt, ap);
	va_end(ap);
}

static bool is_before(const struct problem *a, const struct problem *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void plist_end(struct plist *p)
{
	struct problems *ps = p->out;
	for (size_t i = 1; i < ps->n; i++) {
		struct problem one = ps->v[i];
		size_t j = i;
		for (; j > 0 && is_before(&one, &ps->v[j - 1]); j--)
			ps->v[j] = ps->v[j - 1];
		ps->v[j] = one;
	}
	if (ps->n && ps->v[ps->n - 1].line == (unsigned)-1)
		ps->v[ps->n - 1].line = 0;
}

void problems_free(struct problems *p)
{
	struct arena *a = p->owned;
	if (a)
		arena_clear(a);
	free(a);
	*p = (struct problems){ 0 };
}
