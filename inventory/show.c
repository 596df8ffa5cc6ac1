/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/show.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "inventory/types.h"

static const void *member(const struct field *f, const void *base)
{
	return (const unsigned char *)base + f->at;
}

static size_t count(const struct field *f, const void *base)
{
	return *(const size_t *)(const void *)((const unsigned char *)base + f->at_n);
}

static const char *as_str(const struct field *f, const void *base)
{
	return *(const char *const *)member(f, base);
}

static const char *as_secret(const struct field *f, const void *base)
{
	return ((const struct secret_ref *)member(f, base))->entry;
}

bool show_is_set(const struct field *f, const void *base)
{
	switch (f->store) {
	case ST_NONE:
		return false;
	case ST_STR:
		return as_str(f, base);
	case ST_UINT:
		return *(const unsigned *)member(f, base);
	case ST_SIZE:
	case ST_BOOL:
		return true;
	case ST_SECRET:
		return as_secret(f, base);
	case ST_KEYVALS:
	case ST_STRS:
		return count(f, base);
	}
	return false;
}

void show_plain(const struct field *f, const void *base, struct buf *out)
{
	if (!show_is_set(f, base))
		return;
	switch (f->store) {
	case ST_NONE:
		break;
	case ST_STR:
		buf_adds(out, as_str(f, base));
		break;
	case ST_UINT:
		buf_addf(out, "%u", *(const unsigned *)member(f, base));
		break;
	case ST_SIZE:
		buf_addf(out, "%llu", (unsigned long long)*(const uint64_t *)member(f, base));
		break;
	case ST_BOOL:
		buf_adds(out, *(const bool *)member(f, base) ? "yes" : "no");
		break;
	case ST_SECRET:
		buf_addf(out, "<vault: %s>", as_secret(f, base));
		break;
	case ST_KEYVALS: {
		const struct keyval *kv = *(const struct keyval *const *)member(f, base);
		for (size_t i = 0; i < count(f, base); i++)
			buf_addf(out, "%s%s=%s", i ? "\n" : "", kv[i].key, kv[i].value);
		break;
	}
	case ST_STRS: {
		const char *const *v = *(const char *const *const *)member(f, base);
		for (size_t i = 0; i < count(f, base); i++)
			buf_addf(out, "%s%s", i ? "\n" : "", v[i]);
		break;
	}
	}
}

/* ---- YAML */

static void add_quoted(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c == '\n')
			buf_adds(out, "\\n");
		else if (c == '\t')
			buf_adds(out, "\\t");
		else if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\x%02x", c);
		else if (c == 0xc2 && ((unsigned char)s[1] & 0xe0) == 0x80)
			/* C1 controls; U+0085 ends a line */
			buf_addf(out, "\\x%02x", (unsigned char)*++s);
		else if (c == 0xe2 && (unsigned char)s[1] == 0x80 &&
			 ((unsigned char)s[2] & 0xfe) == 0xa8) {
			buf_addf(out, "\\u20%02x", (unsigned char)s[2] - 0x80);
			s += 2;
		} else if (c == 0xef && (unsigned char)s[1] == 0xbb &&
			   (unsigned char)s[2] == 0xbf) {
			buf_adds(out, "\\ufeff");
			s += 2;
		} else
			buf_addc(out, (char)c);
	}
	buf_addc(out, '"');
}

/* A word that no YAML reader takes for anything else; numbers are left bare where they are
 * numbers. */
static bool is_bare(const char *s, bool number)
{
	static const char *const taken[] = { "null", "true", "false", "yes", "no",
					     "on",   "off",  "y",     "n" };
	for (size_t i = 0; i < COUNT(taken); i++)
		if (strcasecmp(s, taken[i]) == 0)
			return number && i;
	if (!number && !isalpha((unsigned char)s[0]) && s[0] != '/' &&
	    !(strchr(s, '.') && strchr(s, '/')))
		return false;
	size_t n =
		strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+-");
	return n && !s[n] && s[n - 1] != ':' && !strstr(s, ": ");
}

/* Could a line of a literal block be misread, or break differently? */
static bool is_block(const char *s)
{
	size_t n = strlen(s);
	if (!strchr(s, '\n') || n < 2 || isspace((unsigned char)s[0]) || s[n - 1] != '\n' ||
	    isspace((unsigned char)s[n - 2]))
		return false;
	for (; *s; s++)
		if ((iscntrl((unsigned char)*s) && *s != '\n') || ((unsigned char)*s & 0x80) ||
		    (*s == ' ' && s[1] == '\n'))
			return false;
	return true;
}

static bool has_braces(const char *s)
{
	return strstr(s, "{{") || strstr(s, "{%") || strstr(s, "{#");
}

static void add_text(struct buf *out, const char *s, unsigned indent, bool number)
{
	if (has_braces(s) || strncmp(s, "<vault: ", 8) == 0)
		buf_adds(out, "!unsafe ");
	if (!is_block(s)) {
		if (is_bare(s, number))
			buf_adds(out, s);
		else
			add_quoted(out, s);
		return;
	}
	buf_addc(out, '|');
	while (*s) {
		size_t n = strcspn(s, "\n");
		buf_addc(out, '\n');
		if (n)
			buf_addf(out, "%*s%.*s", (int)indent, "", (int)n, s);
		s += n + 1;
	}
}

static void add_list(struct buf *out, const struct field *f, const void *base, unsigned indent)
{
	for (size_t i = 0; i < count(f, base); i++) {
		buf_addf(out, "\n%*s", (int)indent, "");
		if (f->store == ST_STRS) {
			buf_adds(out, "- ");
			add_text(out, (*(const char *const *const *)member(f, base))[i], indent,
				 false);
			continue;
		}
		const struct keyval *kv = &(*(const struct keyval *const *)member(f, base))[i];
		add_text(out, kv->key, indent, false);
		buf_adds(out, ": ");
		add_text(out, kv->value, indent, false);
	}
}

static void add_key(struct buf *out, const struct field *f, const void *base, unsigned indent)
{
	if (!show_is_set(f, base))
		return;
	buf_addf(out, "%*s%s:", (int)indent, "", f->key);
	if (f->store == ST_KEYVALS || f->store == ST_STRS) {
		add_list(out, f, base, indent + 2);
		buf_addc(out, '\n');
		return;
	}
	buf_addc(out, ' ');
	if (f->store == ST_STR) {
		add_text(out, as_str(f, base), indent + 2, f->type == T_IP || f->type == T_HOST);
	} else if (f->store == ST_SECRET) {
		buf_addf(out, "\"<vault: %s>\"", as_secret(f, base));
	} else if (f->store == ST_SIZE) {
		type_print_size(*(const uint64_t *)member(f, base), out);
	} else {
		show_plain(f, base, out);
	}
	buf_addc(out, '\n');
}

static void add_keys(struct buf *out, enum fscope scope, const void *base, unsigned indent)
{
	for (size_t i = 0; i < nschema; i++)
		if (schema[i].scope == scope)
			add_key(out, &schema[i], base, indent);
}

static void add_hosts(struct buf *out, const struct inventory *inv, enum role role,
		      const char *group)
{
	bool any = false;
	for (size_t i = 0; i < inv->nhosts; i++)
		any = any || (inv->hosts[i].roles & (unsigned)role);
	buf_addf(out, "    %s:\n", group);
	if (!any)
		return;
	buf_adds(out, "      hosts:\n");
	for (size_t i = 0; i < inv->nhosts; i++) {
		const struct host *h = &inv->hosts[i];
		if (!(h->roles & (unsigned)role))
			continue;
		buf_adds(out, "        ");
		/* an IPv6 address is no port behind a name when it stands in brackets */
		add_text(out, h->key, 8, true);
		buf_adds(out, ":\n");
		add_keys(out, F_HOST, h, 10);
	}
}

int inventory_show(const struct inventory *inv, struct buf *out)
{
	buf_adds(out, "k3s_cluster:\n  children:\n");
	add_hosts(out, inv, ROLE_SERVER, "server");
	add_hosts(out, inv, ROLE_AGENT, "agent");
	buf_adds(out, "  vars:\n");
	add_keys(out, F_CLUSTER, inv, 4);
	return out->full ? -(int)ERR_MEMORY : 0;
}
