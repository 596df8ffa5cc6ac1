/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a vault's plain text. This is a scanner of its own and not base/ydoc, because
 * libyaml copies what it reads through ordinary heap memory that nobody wipes. It reads a strict
 * part of YAML (1.1, as libyaml does), line by line, straight from one secret into others:
 *
 *	a mapping of names to text values, at the top or below one key `ansible_vault`;
 *	values on one line, in '..', "..", or as | and > blocks; comments, blank lines, a first '---'.
 *
 * What it reads, libyaml reads the same (tests/fuzz/vault_fuzz.c compares them); what it does not
 * know is an error that names line and column and never the text.
 */
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "vault/vault.h"

#define ENTRIES_MAX 4096u
#define NESTED_KEY "ansible_vault"

struct entry {
	char name[VAULT_NAME_MAX + 1];
	unsigned line;			/* from 1 */
	struct secret *value;		/* NULL: no value */
	size_t from, to;		/* the value's bytes on the name's line (a block: its | or >) */
	size_t body_from, body_to;	/* a block's lines; empty for others */
};

struct vault {
	struct entry *v;
	size_t n, cap;
	bool nested;			/* below NESTED_KEY */
	size_t column;			/* blanks before each name; 0 when there is none yet */
};

struct scan {
	const char *name;
	const char *p;
	size_t len, at, line_from;
	unsigned line;
	struct vault *into;
	bool placed;			/* into->column is known */
	unsigned char *out;		/* the value being read, in a secret of its own */
	size_t nout;
	struct err *e;
};

static int bad(const struct scan *s, const char *what)
{
	return err_set(s->e, ERR_CONFIG, "%s:%u:%zu: %s", s->name, s->line, s->at - s->line_from + 1,
		       what);
}

/* ---- characters */

/* Decodes one character of UTF-8 (RFC 3629) into *ret; 0 when it is none. */
static size_t utf8_read(const char *p, size_t len, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
	if (!n || n > len)
		return 0;
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = u[0] & mask[n];
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

static size_t utf8_write(unsigned char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (unsigned char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		to[i] = (unsigned char)(0x80 | (c & 0x3f));
	to[0] = (unsigned char)(lead[n] | c);
	return n;
}

/* May a character stand in the text as itself, and be the same for every YAML reader? */
static bool printable(uint32_t c)
{
	return c == '\t' || (c >= 0x20 && c <= 0x7e) ||
	       (c >= 0xa0 && c <= 0xfffd && c != 0xfeff && c != 0x2028 && c != 0x2029) ||
	       (c >= 0x10000 && c <= 0x10ffff);
}

static int check_characters(struct scan *s)
{
	for (s->at = 0, s->line = 1, s->line_from = 0; s->at < s->len;) {
		uint32_t c = 0;
		size_t n = utf8_read(s->p + s->at, s->len - s->at, &c);
		if (!n)
			return bad(s, "the text is not UTF-8");
		if (c == '\r')
			return bad(s, "a carriage return; save the text with Unix line ends");
		if (c != '\n' && !printable(c))
			return bad(s, "an unprintable character; write it as an escape in \"..\"");
		s->at += n;
		if (c == '\n') {
			s->line++;
			s->line_from = s->at;
		}
	}
	s->at = s->line_from = 0;
	s->line = 1;
	return 0;
}

/* ---- lines */

static int peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->len ? (unsigned char)s->p[s->at + ahead] : -1;
}

static bool at_end_of_line(const struct scan *s)
{
	return s->at >= s->len || s->p[s->at] == '\n';
}

static void next_line(struct scan *s)
{
	while (!at_end_of_line(s))
		s->at++;
	if (s->at < s->len) {
		s->at++;
		s->line++;
		s->line_from = s->at;
	}
}

static size_t skip_spaces(struct scan *s)
{
	size_t n = 0;
	while (peek(s, 0) == ' ') {
		s->at++;
		n++;
	}
	return n;
}

/* '---' or '...' alone at the begin of a line ends a document, wherever it stands. */
static bool at_document_mark(const struct scan *s)
{
	if (s->at != s->line_from || s->len - s->at < 3 ||
	    (memcmp(s->p + s->at, "---", 3) != 0 && memcmp(s->p + s->at, "...", 3) != 0))
		return false;
	int c = peek(s, 3);
	return c == ' ' || c == '\t' || c == '\n' || c == -1;
}

/* Behind a value: blanks, a comment, the end of the line. */
static int finish_line(struct scan *s)
{
	size_t blanks = skip_spaces(s);
	if (!at_end_of_line(s) && !(blanks && peek(s, 0) == '#'))
		return bad(s, peek(s, 0) == '\t' ? "a tab outside quotes; use spaces" :
						   "text behind the value; quote the whole value");
	next_line(s);
	return 0;
}

static void put(struct scan *s, char c)
{
	s->out[s->nout++] = (unsigned char)c;
}

/* ---- values; each starts at its first character and ends at the begin of the next line */

static int read_plain(struct scan *s, struct entry *t)
{
	size_t end = s->at;
	for (; !at_end_of_line(s); s->at++) {
		int c = peek(s, 0), after = peek(s, 1);
		if (c == '\t')
			return bad(s, "a tab outside quotes; use spaces");
		if (c == '#' && s->at > end)
			break;
		if (c == ':' && (after == ' ' || after == '\t' || after == '\n' || after == -1))
			return bad(s, "a colon ends a name here; quote the value");
		if (c != ' ')
			end = s->at + 1;
	}
	size_t n = end - t->from;
	memcpy(s->out, s->p + t->from, n);
	s->nout = n;
	t->to = end;
	next_line(s);
	return 0;
}

static const struct {
	char letter;
	uint32_t c;
} escapes[] = {
	{ 'a', 7 }, { 'b', 8 }, { 't', '\t' }, { '\t', '\t' }, { 'n', '\n' }, { 'v', 11 }, { 'f', 12 },
	{ 'r', '\r' }, { 'e', 27 }, { ' ', ' ' }, { '"', '"' }, { '/', '/' }, { '\\', '\\' },
	{ 'N', 0x85 }, { '_', 0xa0 }, { 'L', 0x2028 }, { 'P', 0x2029 },
};

/* Behind a backslash. */
static int read_escape(struct scan *s)
{
	int letter = peek(s, 0);
	size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
	uint32_t c = 0;
	if (!digits) {
		size_t i = 0;
		while (i < COUNT(escapes) && escapes[i].letter != letter)
			i++;
		if (i == COUNT(escapes))
			return bad(s, "an unknown escape behind a backslash in \"..\"");
		c = escapes[i].c;
	}
	s->at++;
	for (; digits; digits--, s->at++) {
		int d = peek(s, 0);
		int v = d >= '0' && d <= '9' ? d - '0' : d >= 'a' && d <= 'f' ? d - 'a' + 10 :
			d >= 'A' && d <= 'F' ? d - 'A' + 10 : -1;
		if (v < 0)
			return bad(s, "an escape with too few hexadecimal digits");
		c = c << 4 | (uint32_t)v;
	}
	if (c == 0 || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return bad(s, "an escape for a character that cannot be in a value");
	s->nout += utf8_write(s->out + s->nout, c);
	return 0;
}

/* The blanks, line ends and further blanks between two words of a quoted value: one line end is
 * a space, n are n - 1 line ends; after an escaped line end n are n. */
static int fold_blanks(struct scan *s, bool escaped)
{
	size_t from = s->at, breaks = 0;
	while (peek(s, 0) == ' ' || peek(s, 0) == '\t' || peek(s, 0) == '\n') {
		if (peek(s, 0) != '\n') {
			s->at++;
			continue;
		}
		next_line(s);
		breaks++;
		if (at_document_mark(s))
			return bad(s, "the quoted value is not closed");
	}
	if (!breaks && !escaped) {
		memcpy(s->out + s->nout, s->p + from, s->at - from);
		s->nout += s->at - from;
		return 0;
	}
	if (breaks == 1 && !escaped)
		put(s, ' ');
	for (size_t i = escaped ? 0 : 1; i < breaks; i++)
		put(s, '\n');
	return 0;
}

static int read_quoted(struct scan *s, struct entry *t)
{
	char quote = s->p[s->at++];
	unsigned line = s->line;
	size_t line_from = s->line_from;
	for (;;) {
		int c = peek(s, 0), r = 0;
		if (c == -1) {
			s->line = line;
			s->line_from = line_from;
			s->at = t->from;
			return bad(s, "the quoted value that begins here is not closed");
		}
		if (c == quote && quote == '\'' && peek(s, 1) == '\'') {
			put(s, '\'');
			s->at += 2;
		} else if (c == quote) {
			break;
		} else if (c == '\\' && quote == '"' && peek(s, 1) == '\n') {
			s->at++;
			next_line(s);
			r = at_document_mark(s) ? bad(s, "the quoted value is not closed") : fold_blanks(s, true);
		} else if (c == '\\' && quote == '"') {
			s->at++;
			r = read_escape(s);
		} else if (c == ' ' || c == '\t' || c == '\n') {
			r = fold_blanks(s, false);
		} else {
			put(s, (char)c);
			s->at++;
		}
		if (r < 0)
			return r;
	}
	t->to = ++s->at;
	return finish_line(s);
}

/* What stands behind | or >: keeps or drops the last line ends, a fixed indentation. */
struct block {
	bool literal;
	char chomp;			/* '+', '-' or 0 */
	size_t indent;			/* 0: that of the first line */
};

static int read_block_header(struct scan *s, struct block *b)
{
	b->literal = s->p[s->at++] == '|';
	for (;; s->at++) {
		int c = peek(s, 0);
		if ((c == '+' || c == '-') && !b->chomp)
			b->chomp = (char)c;
		else if (c >= '1' && c <= '9' && !b->indent)
			b->indent = s->into->column + (size_t)(c - '0');
		else
			return 0;
	}
}

/* Skips blank lines to the next line of the block; counts them. The scan then stands behind the
 * indentation, or at the begin of a line that is no part of the block (*ret_more false). */
static int block_breaks(struct scan *s, struct block *b, size_t *breaks, bool *ret_more)
{
	size_t widest = 0, from = s->at;
	for (;;) {
		size_t n = 0;
		while ((!b->indent || n < b->indent) && peek(s, 0) == ' ') {
			s->at++;
			n++;
		}
		if (peek(s, 0) == '\t' && (!b->indent || n < b->indent))
			return bad(s, "a tab in the indentation; use spaces");
		if (peek(s, 0) == '\n') {
			if (n > widest)
				widest = n;
			next_line(s);
			from = s->at;
			(*breaks)++;
			continue;
		}
		if (!b->indent && widest > n && widest > s->into->column)
			return bad(s, "a blank line before is indented further than the block's first line");
		if (!b->indent)
			b->indent = n > s->into->column ? n : s->into->column + 1;
		*ret_more = n == b->indent && s->at < s->len;
		if (!*ret_more)
			s->at = from;
		return 0;
	}
}

static int read_block(struct scan *s, struct entry *t)
{
	struct block b = { 0 };
	int r = read_block_header(s, &b);
	if (r < 0)
		return r;
	t->to = s->at;
	r = finish_line(s);
	if (r < 0)
		return r;
	size_t breaks = 0;
	bool more = false, was_blank = false, ended = false, first = true;
	t->body_from = t->body_to = s->at;
	r = block_breaks(s, &b, &breaks, &more);
	while (r == 0 && more) {
		bool blank = peek(s, 0) == ' ' || peek(s, 0) == '\t';
		/* a folded line end between two lines that do not begin with a blank is a space */
		if (ended && !b.literal && !was_blank && !blank) {
			if (!breaks)
				put(s, ' ');
		} else if (!first) {
			put(s, '\n');
		}
		for (; breaks; breaks--)
			put(s, '\n');
		while (!at_end_of_line(s))
			put(s, s->p[s->at++]);
		ended = s->at < s->len;
		next_line(s);
		t->body_to = s->at;
		first = false;
		was_blank = blank;
		r = block_breaks(s, &b, &breaks, &more);
	}
	if (r < 0)
		return r;
	if (b.chomp != '-' && ended)
		put(s, '\n');
	for (; b.chomp == '+' && breaks; breaks--)
		put(s, '\n');
	return 0;
}

/* ---- names */

static bool name_character(int c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       (!first && (c == '-' || c == '.'));
}

bool vault_name_ok(const char *name)
{
	size_t n = 0;
	while (name_character((unsigned char)name[n], n == 0))
		n++;
	return n > 0 && n <= VAULT_NAME_MAX && !name[n] && strcmp(name, NESTED_KEY) != 0;
}

/* Reads `name:` and the blanks behind it. What turns out to be no name may be a secret in the wrong
 * place: it is not copied. */
static int read_name(struct scan *s, struct entry *t)
{
	int quote = peek(s, 0) == '"' || peek(s, 0) == '\'' ? peek(s, 0) : 0;
	s->at += quote != 0;
	size_t n = 0, from = s->at;
	while (name_character(peek(s, 0), n == 0) && n < VAULT_NAME_MAX) {
		s->at++;
		n++;
	}
	if (quote && peek(s, 0) == quote)
		s->at++;
	else if (quote)
		n = 0;
	skip_spaces(s);
	if (!n || peek(s, 0) != ':')
		return bad(s, "not 'name: value'; a name is made of letters, digits and _ - .");
	s->at++;
	if (!at_end_of_line(s) && peek(s, 0) != ' ')
		return bad(s, "a space is missing behind the colon");
	skip_spaces(s);
	memcpy(t->name, s->p + from, n);
	t->name[n] = '\0';
	t->from = t->to = s->at;
	return 0;
}

static int read_value(struct scan *s, struct entry *t)
{
	int c = peek(s, 0), after = peek(s, 1);
	bool word_follows = after != ' ' && after != '\t' && after != '\n' && after != -1;
	if (c == '\'' || c == '"')
		return read_quoted(s, t);
	if (c == '|' || c == '>')
		return read_block(s, t);
	if (c == '[' || c == '{')
		return bad(s, "a list or mapping; the value of an entry is one text");
	if (c == '!')
		return bad(s, "a tag; decrypt a value that is encrypted on its own and write its text");
	if (strchr("]},&*%@`#", c) || (strchr("-?:", c) && !word_follows))
		return bad(s, "a character that means something in YAML; quote the value");
	return read_plain(s, t);
}

static const struct entry *entry_find(const struct vault *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i].name, name) == 0)
			return &v->v[i];
	return NULL;
}

static bool is_null(const struct scan *s, const struct entry *t)
{
	static const char *const words[] = { "", "~", "null" };
	size_t n = t->to - t->from;
	for (size_t i = 0; i < COUNT(words); i++)
		if (n == strlen(words[i]) && memcmp(s->p + t->from, words[i], n) == 0)
			return true;
	return false;
}

static int entry_add(struct scan *s, const struct entry *t)
{
	struct vault *v = s->into;
	if (v->n == ENTRIES_MAX)
		return bad(s, "too many entries");
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 16;
		struct entry *more = realloc(v->v, cap * sizeof(*more));
		if (!more)
			return err_set(s->e, ERR_MEMORY, "out of memory");
		v->v = more;
		v->cap = cap;
	}
	v->v[v->n] = *t;
	if (!is_null(s, t)) {
		int r = secret_new(s->out, s->nout, &v->v[v->n].value, s->e);
		if (r < 0)
			return r;
	}
	v->n++;
	return 0;
}

/* At a line that is neither blank nor comment, behind its column blanks. */
static int read_entry(struct scan *s, size_t column)
{
	struct vault *v = s->into;
	struct entry t = { .line = s->line };
	bool first = !s->placed && !v->nested;
	if (peek(s, 0) == '-' && (peek(s, 1) == ' ' || peek(s, 1) == '\n' || peek(s, 1) == -1))
		return bad(s, "a list; a vault is a mapping of names to texts");
	if (v->nested && column == 0)
		return bad(s, "an entry beside '" NESTED_KEY "'; move it below");
	if (!s->placed)
		v->column = column;
	s->placed = true;
	if (column != v->column)
		return bad(s, "unexpected indentation; an entry is one text, quoted or a | block when it is longer than a line");
	size_t key_at = s->at;
	int r = read_name(s, &t);
	if (r < 0)
		return r;
	bool empty = at_end_of_line(s) || (peek(s, 0) == '#' && s->p[s->at - 1] == ' ');
	if (strcmp(t.name, NESTED_KEY) == 0) {
		if (!empty || !first || column) {
			s->at = key_at;
			return bad(s, "'" NESTED_KEY "' must be the only name at the top, with the entries below it");
		}
		v->nested = true;
		s->placed = false;
		next_line(s);
		return 0;
	}
	const struct entry *twin = entry_find(v, t.name);
	if (twin)
		return err_set(s->e, ERR_CONFIG, "%s:%u: '%s' is set twice (first on line %u); keep one",
			       s->name, t.line, t.name, twin->line);
	s->nout = 0;
	if (empty)
		next_line(s);
	else if ((r = read_value(s, &t)) < 0)
		return r;
	return entry_add(s, &t);
}

static int read_entries(struct scan *s)
{
	int r = check_characters(s);
	bool marked = false;
	while (r == 0 && s->at < s->len) {
		if (at_document_mark(s)) {
			if (s->p[s->at] == '.' || marked || s->placed || s->into->nested)
				return bad(s, "a second document; keep one, with '---' at most before it");
			marked = true;
			s->at += 3;
			r = finish_line(s);
			continue;
		}
		size_t column = skip_spaces(s);
		if (peek(s, 0) == '\t')
			return bad(s, "a tab in the indentation; use spaces");
		if (at_end_of_line(s) || peek(s, 0) == '#')
			next_line(s);
		else
			r = read_entry(s, column);
	}
	return r;
}

int vault_new(const char *name, const struct secret *text, struct vault **ret, struct err *e)
{
	size_t len = secret_len(text);
	if (len > VAULT_TEXT_MAX)
		return err_set(e, ERR_CONFIG, "%s: %zu bytes are too long for a vault (at most %u)", name,
			       len, VAULT_TEXT_MAX);
	struct vault *v = calloc(1, sizeof(*v));
	if (!v)
		return err_set(e, ERR_MEMORY, "out of memory");
	struct scan s = { .name = name, .p = secret_expose(text), .len = len, .into = v, .e = e };
	AUTO_SECRET struct secret *room = NULL;
	/* a value is never longer than twice its text (\L is two bytes that mean three) */
	int r = secret_new_empty(len * 2, &room, &s.out, e);
	if (r == 0)
		r = read_entries(&s);
	if (r < 0) {
		vault_free(v);
		return r;
	}
	*ret = v;
	return 0;
}

void vault_free(struct vault *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++)
		secret_free(v->v[i].value);
	free(v->v);
	free(v);
}

const struct secret *vault_get(const struct vault *v, const char *entry)
{
	const struct entry *t = entry_find(v, entry);
	return t ? t->value : NULL;
}

const char *vault_name(const struct vault *v, size_t i)
{
	return i < v->n ? v->v[i].name : NULL;
}

/* ---- writing */

/* A text under construction: first only measured (p is NULL), then written into its secret. */
struct draft {
	unsigned char *p;
	size_t n;
};

static void draft_add(struct draft *d, const void *p, size_t n)
{
	if (d->p && n)
		memcpy(d->p + d->n, p, n);
	d->n += n;
}

static void draft_adds(struct draft *d, const char *s)
{
	draft_add(d, s, strlen(s));
}

/* "..": right for every text, on one line. */
static void draft_quoted(struct draft *d, const char *p, size_t len)
{
	draft_adds(d, "\"");
	for (size_t i = 0; i < len;) {
		uint32_t c = 0;
		size_t n = utf8_read(p + i, len - i, &c);
		char esc[16];
		if (c == '"' || c == '\\')
			snprintf(esc, sizeof(esc), "\\%c", (char)c);
		else if (c == '\n' || c == '\t')
			snprintf(esc, sizeof(esc), "\\%c", c == '\n' ? 'n' : 't');
		else if (printable(c))
			snprintf(esc, sizeof(esc), "%.*s", (int)n, p + i);
		else
			snprintf(esc, sizeof(esc), c < 0x100 ? "\\x%02X" : "\\u%04X", c);
		draft_adds(d, esc);
		explicit_bzero(esc, sizeof(esc));
		i += n;
	}
	draft_adds(d, "\"");
}

/* A | block reads best for a key or certificate; only for lines that it keeps as they are. */
static bool block_suits(const char *p, size_t len)
{
	if (len == 0 || p[0] == ' ' || p[0] == '\t' || p[0] == '\n')
		return false;
	const char *newline = memchr(p, '\n', len);
	if (!newline || newline == p + len - 1 || (p[len - 1] == '\n' && p[len - 2] == '\n'))
		return false;
	for (size_t i = 0; i < len;) {
		uint32_t c = 0;
		size_t n = utf8_read(p + i, len - i, &c);
		if (c != '\n' && !printable(c))
			return false;
		i += n;
	}
	return true;
}

static void draft_block(struct draft *d, const char *p, size_t len, size_t column)
{
	bool open = true;
	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; open && p[i] != '\n' && k < column; k++)
			draft_adds(d, " ");
		open = p[i] == '\n';
		draft_add(d, p + i, 1);
	}
	if (!open)
		draft_adds(d, "\n");
}

enum shape { SHAPE_BLOCK, SHAPE_QUOTED, SHAPE_FIRST, SHAPES };

/* The text with one entry changed: replaced where it stands, or added at the end; SHAPE_FIRST adds
 * it before the others. */
static void draft_make(struct draft *d, const char *text, size_t len, const struct vault *v,
		       const char *name, const struct secret *value, enum shape shape)
{
	const struct entry *t = entry_find(v, name);
	const char *p = secret_expose(value);
	size_t n = secret_len(value);
	size_t column = t || v->column ? v->column : v->nested ? 2 : 0;
	size_t at = t ? t->from : len;
	if (!t && shape == SHAPE_FIRST && v->n) {
		unsigned line = 1;
		for (at = 0; line < v->v[0].line; at++)
			line += text[at] == '\n';
	}
	draft_add(d, text, at);
	if (!t) {
		if (at && text[at - 1] != '\n')
			draft_adds(d, "\n");
		for (size_t i = 0; i < column; i++)
			draft_adds(d, " ");
		draft_adds(d, name);
		draft_adds(d, ": ");
	} else if (at && text[at - 1] == ':') {
		draft_adds(d, " ");
	}
	if (shape == SHAPE_BLOCK)
		draft_adds(d, p[n - 1] == '\n' ? "|" : "|-");
	else
		draft_quoted(d, p, n);
	size_t behind = at;
	if (t) {
		size_t eol = t->to;
		while (eol < len && text[eol] != '\n')
			eol++;
		/* the blank before a comment */
		if (t->from == t->to && eol > t->to)
			draft_adds(d, " ");
		draft_add(d, text + t->to, eol - t->to);
		behind = t->body_to > t->body_from ? t->body_to : eol < len ? eol + 1 : len;
	}
	draft_adds(d, "\n");
	if (shape == SHAPE_BLOCK)
		draft_block(d, p, n, column + 2);
	draft_add(d, text + behind, len - behind);
}

/* Is the text the old entries with this one changed, as a reader sees them? */
static bool is_right(const struct secret *text, const struct vault *old, const char *name,
		     const struct secret *value)
{
	struct vault *v = NULL;
	if (vault_new("vault", text, &v, NULL) < 0)
		return false;
	const struct secret *got = vault_get(v, name);
	bool right = got && secret_equal(got, value) &&
		     v->n == old->n + (entry_find(old, name) ? 0 : 1);
	for (size_t i = 0; right && i < old->n; i++) {
		const struct secret *was = old->v[i].value;
		if (strcmp(old->v[i].name, name) == 0)
			continue;
		got = vault_get(v, old->v[i].name);
		right = was && got ? secret_equal(was, got) : was == got;
	}
	vault_free(v);
	return right;
}

static int check_value(const char *entry, const struct secret *value, struct err *e)
{
	const char *p = secret_expose(value);
	size_t len = secret_len(value);
	for (size_t i = 0; i < len;) {
		uint32_t c = 0;
		size_t n = utf8_read(p + i, len - i, &c);
		if (!n || !c)
			return err_set(e, ERR_CONFIG,
				       "the value for '%s' is not text (UTF-8 without zero bytes); store it in base64",
				       entry);
		i += n;
	}
	return 0;
}

int vault_text_set(const struct secret *text, const char *entry, const struct secret *value,
		   struct secret **ret, struct err *e)
{
	if (!vault_name_ok(entry))
		return err_set(e, ERR_USAGE,
			       "'%s' cannot be an entry's name; use letters, digits and _ - .", entry);
	int r = check_value(entry, value, e);
	if (r < 0)
		return r;
	struct vault *v = NULL;
	r = vault_new("vault", text, &v, e);
	if (r < 0)
		return r;
	const char *was = secret_expose(text);
	bool done = false, block = block_suits(secret_expose(value), secret_len(value));
	for (int shape = block ? SHAPE_BLOCK : SHAPE_QUOTED; r == 0 && !done && shape < SHAPES; shape++) {
		AUTO_SECRET struct secret *now = NULL;
		struct draft d = { 0 };
		draft_make(&d, was, secret_len(text), v, entry, value, shape);
		if (d.n > VAULT_TEXT_MAX)
			r = err_set(e, ERR_CONFIG, "with '%s' the vault has %zu bytes; it holds %u at most",
				    entry, d.n, VAULT_TEXT_MAX);
		else
			r = secret_new_empty(d.n, &now, &d.p, e);
		if (r < 0)
			break;
		d.n = 0;
		draft_make(&d, was, secret_len(text), v, entry, value, shape);
		done = is_right(now, v, entry, value);
		if (done)
			*ret = take_ptr(&now);
	}
	if (r == 0 && !done)
		r = err_set(e, ERR_BUG, "'%s' cannot be set in this vault; edit it by hand", entry);
	vault_free(v);
	return r;
}
