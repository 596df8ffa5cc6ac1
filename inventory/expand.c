/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/expand.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"

#define DEPTH_MAX 32			/* variables inside variables, brackets inside brackets */
#define STEPS_MAX 2000000
#define BYTES_MAX (8u << 20)
#define TEXT_MAX (1u << 20)		/* of one expanded value */

const char expand_understood[] =
	"understood are variables, ansible_vault.NAME, hostvars[HOST]['KEY'], groups['GROUP'][N], "
	"inventory_hostname, 'text', a ~ b, and | default(...), lower, upper, trim, first, last";

/* One variable being expanded; the chain is what makes a cycle visible. */
struct frame {
	const struct frame *up;
	const char *name;
	size_t host;
	unsigned depth;
};

/* One "{{ ... }}" being read. */
struct reader {
	struct expander *x;
	const struct frame *frame;
	size_t host;
	const struct ynode *node;	/* the value that holds it, NULL for a text of our own */
	size_t nth;			/* it is the nth opening brace of that value */
	struct place at;		/* of the value */
	const char *p, *end;
	unsigned depth;
};

static struct place place_in(const struct expander *x, const struct ynode *n, struct place at,
			     size_t nth);
static const char *find_close(const char *s);
static int expand(struct expander *x, size_t host, const char *text, const struct ynode *node,
		  struct place at, const struct frame *frame, struct value *ret);
static int expand_any(struct expander *x, size_t host, const struct ynode *n,
		      const struct frame *frame, struct value *ret);

static int bad(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct reader *r, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	const struct frame *f = r->frame;
	while (f && !*f->name)
		f = f->up;
	problem_at(r->x->p, place_in(r->x, r->node, r->at, r->nth), "%s%s%s", f ? f->name : "",
		   f ? ": " : "", text);
	return -1;
}

static int not_understood(struct reader *r)
{
	return bad(r, "this {{ }} is not understood near '%.30s'; %s", r->p < r->end ? r->p : "}}",
		   expand_understood);
}

static bool spend(struct reader *r, size_t bytes)
{
	struct expander *x = r->x;
	if (++x->steps <= STEPS_MAX && (x->bytes += bytes) <= BYTES_MAX)
		return true;
	if (!x->spent)
		problem_at(x->p, r->at, "the references in this file expand to too much");
	x->spent = true;
	return false;
}

static struct value text_value(const char *text)
{
	return (struct value){ .kind = V_TEXT, .text = text };
}

/* ---- variables */

static void note_used(struct expander *x, const char *name)
{
	if (expand_used(x, name))
		return;
	const char **one = arena_push(x->a, &x->used, &x->nused, sizeof(*x->used));
	if (one)
		*one = arena_str(x->a, name);
}

bool expand_used(const struct expander *x, const char *name)
{
	for (size_t i = 0; i < x->nused; i++)
		if (strcmp(x->used[i], name) == 0)
			return true;
	return false;
}

#define USED_MAX 4096

void expand_scan(struct expander *x, const char *text)
{
	for (const char *s = text; (s = strstr(s, "{{"));) {
		const char *close = find_close(s + 2), *end = close ? close : s + strlen(s);
		for (s += 2; s < end && x->nused < USED_MAX;) {
			size_t n = 0;
			while (isalnum((unsigned char)s[n]) || s[n] == '_')
				n++;
			if (n)
				note_used(x, arena_strn(x->a, s, n));
			s += n ? n : 1;
		}
		s = end;
	}
}

/* A name in the place of host: 0, or -1 with a problem told. V_UNDEFINED when nothing sets it (the
 * caller may then take the key's fallback). */
static int lookup(struct reader *r, size_t host, const char *name, struct value *ret)
{
	struct expander *x = r->x;
	const struct ihost *h = &x->g->hosts[host];
	if (!spend(r, 0))
		return -1;
	note_used(x, name);
	*ret = (struct value){ .kind = V_UNDEFINED, .text = arena_str(x->a, name), .host = host,
			       .plain_name = true };
	const struct ynode *n = NULL;
	n = groups_lookup(h->vars, h->nvars, name, NULL);
	if (!n && h->port && strcmp(name, "ansible_port") == 0) {
		*ret = text_value(h->port);
		return 0;
	}
	if (!n || ydoc_is_null(n))
		return 0;
	for (const struct frame *f = r->frame; f; f = f->up) {
		if (f->host != host || strcmp(f->name, name) != 0)
			continue;
		if (f == r->frame && x->is_secret && x->is_secret(x->ctx, name))
			return 0;	/* token: "{{ token }}" can only mean the vault's */
		return bad(r, "'%.60s' refers to itself%s%.60s%s", name,
			   f == r->frame ? "" : " through '", f == r->frame ? "" : r->frame->name,
			   f == r->frame ? "" : "'");
	}
	struct frame here = { r->frame, name, host, r->frame ? r->frame->depth + 1 : 1 };
	if (here.depth > DEPTH_MAX)
		return bad(r, "references are nested too deeply");
	if (expand_any(x, host, n, &here, ret) < 0)
		return -1;
	if (ret->kind == V_TEXT && x->is_secret && x->is_secret(x->ctx, name))
		return -1;	/* a secret in clear text: told at its own place */
	return 0;
}

static int fallback(struct reader *r, struct value *v)
{
	struct expander *x = r->x;
	if (v->kind != V_UNDEFINED || !v->plain_name || !x->fallback)
		return 0;
	const char *text = x->fallback(x->ctx, v->host, v->text);
	if (!text)
		return 0;
	struct frame here = { r->frame, v->text, v->host, r->frame ? r->frame->depth + 1 : 1 };
	for (const struct frame *f = r->frame; f; f = f->up)
		if (f->host == here.host && strcmp(f->name, here.name) == 0)
			return 0;
	if (here.depth > DEPTH_MAX)
		return bad(r, "references are nested too deeply");
	return expand(x, v->host, text, NULL, r->at, &here, v);
}

/* ---- the expression */

static void skip_space(struct reader *r)
{
	while (r->p < r->end && isspace((unsigned char)*r->p))
		r->p++;
}

static bool eat(struct reader *r, char c)
{
	skip_space(r);
	if (r->p >= r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static const char *read_name(struct reader *r)
{
	skip_space(r);
	const char *from = r->p;
	if (r->p < r->end && (isalpha((unsigned char)*r->p) || *r->p == '_'))
		while (r->p < r->end && (isalnum((unsigned char)*r->p) || *r->p == '_'))
			r->p++;
	return from == r->p ? NULL : arena_strn(r->x->a, from, (size_t)(r->p - from));
}

static int read_expr(struct reader *r, struct value *ret);

static int read_string(struct reader *r, char quote, struct value *ret)
{
	AUTO_BUF struct buf b;
	buf_init(&b, TEXT_MAX);
	for (r->p++; r->p < r->end && *r->p != quote; r->p++) {
		if (*r->p == '\\' && r->p + 1 < r->end)
			r->p++;
		if (buf_addc(&b, *r->p) < 0)
			return bad(r, "a text is too long");
	}
	if (r->p++ >= r->end)
		return bad(r, "a quote inside {{ }} is not closed");
	*ret = text_value(arena_str(r->x->a, buf_str(&b)));
	return spend(r, b.len) ? 0 : -1;
}

static size_t find_host(const struct groups *g, const char *key)
{
	for (size_t i = 0; i < g->nhosts; i++)
		if (strcmp(g->hosts[i].key, key) == 0)
			return i;
	return g->nhosts;
}

static int group_names(struct reader *r, struct value *ret)
{
	const struct groups *g = r->x->g;
	const char **v = NULL;
	size_t n = 0;
	for (size_t i = 1; i < g->n; i++) {
		size_t *members = NULL, nmembers = 0;
		groups_members(g, &g->v[i], &members, &nmembers);
		if (!spend(r, nmembers))
			return -1;
		for (size_t m = 0; m < nmembers; m++) {
			const char **one = members[m] != r->host ? NULL :
					   arena_push(r->x->a, &v, &n, sizeof(*v));
			if (one)
				*one = g->v[i].name;
		}
	}
	*ret = (struct value){ .kind = V_NAMES, .names = v, .nnames = n };
	return 0;
}

static int group_hosts(struct reader *r, const char *name, struct value *ret)
{
	const struct groups *g = r->x->g;
	const struct igroup *group = groups_find(g, name);
	if (!group) {
		*ret = (struct value){ .kind = V_UNDEFINED,
				       .text = arena_printf(r->x->a, "groups['%.60s']", name) };
		return 0;
	}
	size_t *members = NULL, n = 0;
	groups_members(g, group, &members, &n);
	if (!spend(r, n * sizeof(char *)))
		return -1;
	const char **v = arena_alloc(r->x->a, n * sizeof(*v) + 1);
	if (!v)
		return -1;
	for (size_t i = 0; i < n; i++)
		v[i] = g->hosts[members[i]].key;
	*ret = (struct value){ .kind = V_NAMES, .names = v, .nnames = n };
	return 0;
}

static int read_primary(struct reader *r, struct value *ret)
{
	struct expander *x = r->x;
	skip_space(r);
	if (r->p >= r->end)
		return bad(r, "this {{ }} is empty or cut; %s", expand_understood);
	if (*r->p == '\'' || *r->p == '"')
		return read_string(r, *r->p, ret);
	if (isdigit((unsigned char)*r->p) || *r->p == '-') {
		const char *from = r->p++;
		while (r->p < r->end && isdigit((unsigned char)*r->p))
			r->p++;
		if (r->p - from == 1 && *from == '-')
			return not_understood(r);
		*ret = text_value(arena_strn(x->a, from, (size_t)(r->p - from)));
		return 0;
	}
	if (eat(r, '(')) {
		if (read_expr(r, ret) < 0)
			return -1;
		return eat(r, ')') ? 0 : not_understood(r);
	}
	const char *start = r->p, *name = read_name(r);
	if (!name)
		return not_understood(r);
	skip_space(r);
	if (r->p < r->end && *r->p == '(') {
		if (strcmp(name, "lookup") == 0 || strcmp(name, "query") == 0)
			return bad(r,
				   "%s(...) is refused: nothing but this file is read; write the "
				   "value, or put it into the vault",
				   name);
		r->p = start;
		return not_understood(r);
	}
	static const char *const keywords[] = { "if", "else", "not", "and", "or", "in", "is" };
	for (size_t i = 0; i < COUNT(keywords); i++)
		if (strcmp(name, keywords[i]) == 0) {
			r->p = start;
			return not_understood(r);
		}
	*ret = (struct value){ .host = r->host };
	if (strcmp(name, "ansible_vault") == 0)
		ret->kind = V_VAULT;
	else if (strcmp(name, "hostvars") == 0)
		ret->kind = V_HOSTVARS;
	else if (strcmp(name, "groups") == 0)
		ret->kind = V_GROUPS;
	else if (strcmp(name, "group_names") == 0)
		return group_names(r, ret);
	else if (strcmp(name, "omit") == 0)
		ret->kind = V_OMIT;
	else if (strcmp(name, "true") == 0 || strcmp(name, "True") == 0)
		*ret = text_value("true");
	else if (strcmp(name, "false") == 0 || strcmp(name, "False") == 0)
		*ret = text_value("false");
	else if (strcmp(name, "inventory_hostname") == 0)
		*ret = text_value(x->g->hosts[r->host].key);
	else if (strcmp(name, "inventory_hostname_short") == 0)
		*ret = text_value(arena_strn(x->a, x->g->hosts[r->host].key,
					     strcspn(x->g->hosts[r->host].key, ".")));
	else if (strcmp(name, "inventory_dir") == 0)
		*ret = text_value(x->dir);
	else if (strcmp(name, "inventory_file") == 0)
		*ret = text_value(x->file);
	else if (strcmp(name, "playbook_dir") == 0 || strncmp(name, "ansible_facts", 13) == 0 ||
		 strncmp(name, "ansible_default_ip", 18) == 0)
		return bad(r, "'%s' is known to Ansible only while it runs; write the value itself",
			   name);
	else
		return lookup(r, r->host, name, ret);
	return 0;
}

static int pick_name(struct reader *r, const struct value *v, const char *index, struct value *ret)
{
	char *end;
	long i = strtol(index, &end, 10);
	if (*end || !*index || strlen(index) > 6)
		return bad(r, "[%.40s]: a number is wanted here", index);
	if (i < 0)
		i += (long)v->nnames;
	if (i < 0 || (size_t)i >= v->nnames)
		*ret = (struct value){ .kind = V_UNDEFINED,
				       .text = arena_printf(r->x->a, "[%s] of a list of %zu", index,
							    v->nnames) };
	else
		*ret = text_value(v->names[i]);
	return 0;
}

/* v.key or v[key] */
static int pick(struct reader *r, const struct value *v, const char *key, struct value *ret)
{
	struct expander *x = r->x;
	switch (v->kind) {
	case V_UNDEFINED:
		*ret = *v;
		ret->plain_name = false;
		return 0;
	case V_VAULT:
		if (!*key || key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					     "0123456789_-.")])
			return bad(r, "ansible_vault: '%.60s' is no name of a vault entry", key);
		*ret = (struct value){ .kind = V_SECRET, .text = arena_str(x->a, key) };
		return 0;
	case V_GROUPS:
		return group_hosts(r, key, ret);
	case V_HOSTVARS: {
		size_t host = find_host(x->g, key);
		*ret = (struct value){ .kind = V_HOST, .host = host };
		if (host == x->g->nhosts)
			*ret = (struct value){ .kind = V_UNDEFINED,
					       .text = arena_printf(x->a, "hostvars['%.60s']",
								    key) };
		return 0;
	}
	case V_HOST:
		if (strcmp(key, "inventory_hostname") == 0) {
			*ret = text_value(x->g->hosts[v->host].key);
			return 0;
		}
		return lookup(r, v->host, key, ret);
	case V_NAMES:
		return pick_name(r, v, key, ret);
	case V_NODE: {
		const struct ynode *n = ydoc_get(v->node, key);
		if (v->node->kind == YDOC_SEQ && strlen(key) < 6 && *key &&
		    strspn(key, "0123456789") == strlen(key)) {
			size_t i = strtoul(key, NULL, 10);
			n = i < v->node->n ? v->node->items[i] : NULL;
		}
		if (!n) {
			*ret = (struct value){ .kind = V_UNDEFINED,
					       .text = arena_printf(x->a, "[%.60s]", key) };
			return 0;
		}
		struct frame here = { r->frame, "", v->host, r->frame ? r->frame->depth + 1 : 1 };
		if (here.depth > DEPTH_MAX)
			return bad(r, "references are nested too deeply");
		return expand_any(x, v->host, n, &here, ret);
	}
	case V_SECRET:
		return bad(r, "a vault entry has no parts: 'ansible_vault.NAME' is its whole name");
	case V_OMIT:
	case V_TEXT:
		break;
	}
	return bad(r, "'%.40s' cannot be taken from a text; %s", key, expand_understood);
}

static int read_postfix(struct reader *r, struct value *ret)
{
	if (read_primary(r, ret) < 0)
		return -1;
	for (;;) {
		struct value v = *ret, index;
		if (eat(r, '.')) {
			const char *key = read_name(r);
			if (!key)
				return not_understood(r);
			if (pick(r, &v, key, ret) < 0)
				return -1;
		} else if (eat(r, '[')) {
			if (read_expr(r, &index) < 0)
				return -1;
			if (!eat(r, ']'))
				return not_understood(r);
			if (index.kind == V_UNDEFINED && fallback(r, &index) < 0)
				return -1;
			if (index.kind == V_UNDEFINED) {
				*ret = index;
				ret->plain_name = false;
				continue;
			}
			if (index.kind != V_TEXT)
				return bad(r, "a text or number is wanted between [ and ]");
			if (pick(r, &v, index.text, ret) < 0)
				return -1;
		} else {
			return 0;
		}
	}
}

static int change_case(struct reader *r, struct value *v, int (*fn)(int))
{
	char *s = arena_alloc(r->x->a, strlen(v->text) + 1);
	for (size_t i = 0; s && v->text[i]; i++)
		s[i] = (char)fn((unsigned char)v->text[i]);
	v->text = s ? s : "";
	return 0;
}

static int f_lower(struct reader *r, struct value *v)
{
	return change_case(r, v, tolower);
}

static int f_upper(struct reader *r, struct value *v)
{
	return change_case(r, v, toupper);
}

static int f_trim(struct reader *r, struct value *v)
{
	const char *s = v->text + strspn(v->text, " \t\r\n");
	size_t n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		n--;
	v->text = arena_strn(r->x->a, s, n);
	return 0;
}

static int f_same(struct reader *r, struct value *v)
{
	(void)r, (void)v;
	return 0;
}

static int f_int(struct reader *r, struct value *v)
{
	const char *s = v->text + (v->text[0] == '-');
	if (*s && strspn(s, "0123456789") == strlen(s))
		return 0;
	return bad(r, "'%.40s' | int: a whole number is wanted", v->text);
}

/* Filters on texts; default, first and last are special. */
static const struct {
	const char *name;
	int (*fn)(struct reader *, struct value *);
} filters[] = {
	{ "lower", f_lower }, { "upper", f_upper }, { "trim", f_trim }, { "string", f_same },
	{ "int", f_int }, { "mandatory", f_same },
};

/* default(value[, true]): for what is not set; with true also for what is empty. */
static int filter_default(struct reader *r, struct value *v)
{
	struct value other = text_value(""), also = text_value("false");
	if (eat(r, '(')) {
		if (!eat(r, ')')) {
			if (read_expr(r, &other) < 0)
				return -1;
			if (eat(r, ',') && read_expr(r, &also) < 0)
				return -1;
			if (!eat(r, ')'))
				return not_understood(r);
		}
	}
	bool empty_too = also.kind == V_TEXT && strcmp(also.text, "true") == 0;
	if (v->kind == V_SECRET)
		return bad(
			r,
			"a vault entry takes no default: a secret would stand here in clear text");
	if (v->kind == V_UNDEFINED || (empty_too && v->kind == V_TEXT && !*v->text))
		*v = other;
	return 0;
}

static int read_filter(struct reader *r, struct value *v)
{
	const char *start = r->p, *name = read_name(r);
	if (!name)
		return not_understood(r);
	if (strcmp(name, "default") == 0 || strcmp(name, "d") == 0)
		return filter_default(r, v);
	if (fallback(r, v) < 0)
		return -1;
	if ((strcmp(name, "first") == 0 || strcmp(name, "last") == 0) && v->kind == V_NAMES) {
		struct value list = *v;
		return pick_name(r, &list, name[0] == 'f' ? "0" : "-1", v);
	}
	for (size_t i = 0; i < COUNT(filters); i++) {
		if (strcmp(name, filters[i].name) != 0)
			continue;
		if (v->kind == V_SECRET)
			return bad(r, "a vault entry takes no filter: its value is not known here");
		if (v->kind == V_UNDEFINED)
			return 0;
		if (v->kind != V_TEXT)
			return bad(r, "| %s wants a text", name);
		return filters[i].fn(r, v);
	}
	r->p = start;
	return bad(r, "the filter '%.30s' is not understood; %s", name, expand_understood);
}

static int read_filtered(struct reader *r, struct value *ret)
{
	if (read_postfix(r, ret) < 0)
		return -1;
	while (eat(r, '|'))
		if (read_filter(r, ret) < 0)
			return -1;
	return 0;
}

/* v must be a text now. */
static int need_text(struct reader *r, struct value *v)
{
	if (fallback(r, v) < 0)
		return -1;
	switch (v->kind) {
	case V_TEXT:
		return 0;
	case V_UNDEFINED:
		return bad(
			r,
			"'%.80s' is not set anywhere; set it, or write | default('...') behind it",
			v->text);
	case V_SECRET:
		return bad(r,
			   "the vault entry '%.60s' cannot be part of a text: it would be printed "
			   "and stored in clear; it can only be the whole value of a secret key",
			   v->text);
	case V_OMIT:
	case V_NODE:
	case V_NAMES:
	case V_VAULT:
	case V_HOSTVARS:
	case V_HOST:
	case V_GROUPS:
		break;
	}
	return bad(r, "a text is wanted here, this is a list or mapping; %s", expand_understood);
}

static int read_expr(struct reader *r, struct value *ret)
{
	if (++r->depth > DEPTH_MAX)
		return bad(r, "this {{ }} is nested too deeply");
	if (!spend(r, 0) || read_filtered(r, ret) < 0)
		return -1;
	while (eat(r, '~')) {
		struct value other;
		if (read_filtered(r, &other) < 0 || need_text(r, ret) < 0 ||
		    need_text(r, &other) < 0)
			return -1;
		if (!spend(r, strlen(ret->text) + strlen(other.text)))
			return -1;
		*ret = text_value(arena_printf(r->x->a, "%s%s", ret->text, other.text));
	}
	r->depth--;
	return 0;
}

/* ---- text with {{ }} inside */

/* The first "{{", "{%" or "{#" at or behind s. */
static const char *find_open(const char *s, const char *end)
{
	for (; s + 1 < end; s++)
		if (s[0] == '{' && (s[1] == '{' || s[1] == '%' || s[1] == '#'))
			return s;
	return NULL;
}

/* The "}}" that ends the expression; quoted ones do not count. */
static const char *find_close(const char *s)
{
	for (char quote = '\0'; *s; s++) {
		if (quote) {
			if (*s == '\\' && s[1])
				s++;
			else if (*s == quote)
				quote = '\0';
		} else if (*s == '\'' || *s == '"') {
			quote = *s;
		} else if (s[0] == '}' && s[1] == '}') {
			return s;
		}
	}
	return NULL;
}

/* Where the nth opening brace of a value stands in the file: values are read in the file's order,
 * so it is the nth one behind the value's begin, however YAML wrapped and indented it. */
static struct place place_in(const struct expander *x, const struct ynode *n, struct place at,
			     size_t nth)
{
	if (!n || !x->source)
		return at;
	const char *p = x->source, *end = p + x->source_len;
	unsigned line = 1, column = 1;
	for (; p < end && (line < n->line || (line == n->line && column < n->column)); p++) {
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*p & 0xC0) != 0x80) {
			column++;
		}
	}
	for (; p + 1 < end; p++) {
		if (p[0] == '{' && (p[1] == '{' || p[1] == '%' || p[1] == '#')) {
			if (nth-- == 0)
				return (struct place){ line, column };
			p++;
			column++;
		}
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*p & 0xC0) != 0x80) {
			column++;
		}
	}
	return at;
}

/* "<vault: name>", as `inventory show` writes a reference. */
static const char *shown_secret(struct expander *x, const char *text)
{
	static const char head[] = "<vault: ";
	size_t n = strlen(text), h = strlen(head);
	if (n < h + 2 || strncmp(text, head, h) != 0 || text[n - 1] != '>' || strchr(text, '\n'))
		return NULL;
	return arena_strn(x->a, text + h, n - h - 1);
}

static int expand(struct expander *x, size_t host, const char *text, const struct ynode *node,
		  struct place at, const struct frame *frame, struct value *ret)
{
	const char *s = text, *end = text + strlen(text), *open = find_open(s, end);
	if (!open) {
		*ret = text_value(text);
		const char *entry = shown_secret(x, text);
		if (entry)
			*ret = (struct value){ .kind = V_SECRET, .text = entry };
		return 0;
	}
	struct reader r = { .x = x, .frame = frame, .host = host, .node = node, .at = at };
	AUTO_BUF struct buf out;
	buf_init(&out, TEXT_MAX);
	for (size_t nth = 0; open; nth++) {
		if (open > s)
			buf_add(&out, s, (size_t)(open - s));
		r.nth = nth;
		if (open[1] != '{')
			return bad(&r, "'%.2s' is not understood; %s", open, expand_understood);
		const char *close = find_close(open + 2);
		if (!close)
			return bad(&r, "'{{' is not closed by '}}'");
		r.p = open + 2;
		r.end = close;
		r.depth = 0;
		struct value v = { 0 };
		if (read_expr(&r, &v) < 0)
			return -1;
		skip_space(&r);
		if (r.p < r.end)
			return not_understood(&r);
		s = close + 2;
		/* a single reference gives its value as it is: a list, a secret, nothing at all */
		if (text + strspn(text, " \t\n") == open && s[strspn(s, " \t\n")] == '\0') {
			if (fallback(&r, &v) < 0)
				return -1;
			if (v.kind > V_NODE)
				return need_text(&r, &v);
			*ret = v;
			return 0;
		}
		if (need_text(&r, &v) < 0)
			return -1;
		if (!spend(&r, strlen(v.text)))
			return -1;
		buf_adds(&out, v.text);
		open = find_open(s, end);
	}
	buf_adds(&out, s);
	if (out.full)
		return bad(&r, "this value expands to too much");
	if (!spend(&r, out.len))
		return -1;
	*ret = text_value(arena_str(x->a, buf_str(&out)));
	return 0;
}

static int expand_any(struct expander *x, size_t host, const struct ynode *n,
		      const struct frame *frame, struct value *ret)
{
	struct place at = { n->line, n->column };
	const struct frame *named = frame;
	while (named && !*named->name)
		named = named->up;
	const char *name = named ? named->name : "a value";
	if (n->tag && strcmp(n->tag, "!vault") == 0) {
		problem_at(x->p, at,
			   "%s: a value encrypted inside the inventory cannot be opened here: put "
			   "it into the vault ('powerstack vault set NAME') and write \"{{ "
			   "ansible_vault.NAME }}\"",
			   name);
		return -1;
	}
	if (n->tag && strcmp(n->tag, "!unsafe") == 0 && n->kind == YDOC_SCALAR) {
		*ret = text_value(n->text);
		return 0;
	}
	if (n->tag && n->tag[0] == '!' && n->tag[1]) {
		problem_at(x->p, at, "%s: the tag '%.40s' is not understood", name, n->tag);
		return -1;
	}
	if (n->kind != YDOC_SCALAR) {
		*ret = (struct value){ .kind = V_NODE, .node = n, .host = host };
		return 0;
	}
	return expand(x, host, n->text, n, at, frame, ret);
}

int expand_node(struct expander *x, size_t host, const char *name, const struct ynode *n,
		struct value *ret)
{
	const struct frame here = { NULL, name, host, 0 };
	return expand_any(x, host, n, &here, ret);
}

int expand_text(struct expander *x, size_t host, const char *name, const char *text,
		struct place at, struct value *ret)
{
	const struct frame here = { NULL, name, host, 0 };
	return expand(x, host, text, NULL, at, &here, ret);
}
