/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/tmpl.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/remote/cmdline.h"

#define VALUE_MAX (1024 * 1024)
#define WORD_MAX 63

struct filter {
	const char *name;
	void (*put)(struct buf *out, const char *s);
};

static void put_sh(struct buf *out, const char *s)
{
	cmdline_quote(out, s);
}

/* YAML 1.2, 5.7: what a double-quoted scalar escapes. Bytes from 128 on are UTF-8 and stand. */
static void put_yaml(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			buf_addc(out, '\\');
		if (c == '\n')
			buf_adds(out, "\\n");
		else if (c == '\t')
			buf_adds(out, "\\t");
		else if (c < ' ' || c == 127)
			buf_addf(out, "\\x%02X", (unsigned)c);
		else
			buf_addc(out, (char)c);
	}
	buf_addc(out, '"');
}

static void put_ini(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			buf_addc(out, '\\');
		if (c == '%')
			buf_addc(out, '%');
		if (c == '\n')
			buf_adds(out, "\\n");
		else if (c < ' ' || c == 127)
			buf_addf(out, "\\x%02x", (unsigned)c);
		else
			buf_addc(out, (char)c);
	}
	buf_addc(out, '"');
}

static const struct filter filters[] = {
	{ "sh", put_sh },
	{ "yaml", put_yaml },
	{ "ini", put_ini },
};

/* What stands between the braces. */
struct tag {
	char name[WORD_MAX + 1], filter[WORD_MAX + 1];	/* filter "" when there is none */
};

static bool word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

/* Reads one word into ret; the byte behind it, or NULL when there is none or it is too long. */
static const char *read_word(const char *s, const char *end, char *ret)
{
	size_t n = 0;
	for (; s < end && word_byte(*s); s++) {
		if (n == WORD_MAX)
			return NULL;
		ret[n++] = *s;
	}
	ret[n] = '\0';
	return n ? s : NULL;
}

static bool read_tag(const char *s, const char *end, struct tag *ret)
{
	*ret = (struct tag){ .name = "" };
	s = read_word(skip_blanks(s, end), end, ret->name);
	if (!s)
		return false;
	s = skip_blanks(s, end);
	if (s < end && *s == '|') {
		s = read_word(skip_blanks(s + 1, end), end, ret->filter);
		if (!s)
			return false;
		s = skip_blanks(s, end);
	}
	return s == end;
}

static const struct tmpl_name *find_name(const struct tmpl_name *names, const char *name)
{
	for (; names && names->name; names++)
		if (strcmp(names->name, name) == 0)
			return names;
	return NULL;
}

static int find_value(const struct tmpl_name *row, const char *name, const struct view *v,
		      struct buf *ret, struct err *e)
{
	if (!row)
		return inventory_value(v->inv, v->host, name, ret, e);
	if (!row->secret)
		return row->value(v, ret, e);
	const struct secret *secret = row->secret(v, e);
	if (!secret)
		return e->kind ? -(int)e->kind : err_set(e, ERR_CONFIG, "it has no value");
	return buf_add(ret, secret_expose(secret), secret_len(secret)) < 0 ?
		       err_set(e, ERR_MEMORY, "it is too long") :
		       0;
}

static int check_plain(const char *s, bool lines, struct err *e)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '\t' || (c == '\n' && lines) || (c >= ' ' && c != 127))
			continue;
		return err_set(e, ERR_CONFIG, "it holds %s and may not here",
			       c == '\n' ? "a newline" : "a control byte");
	}
	return 0;
}

static int put_tag(const struct tag *tag, const struct tmpl_name *names, const struct view *v,
		   struct buf *out, struct err *e)
{
	const struct tmpl_name *row = find_name(names, tag->name);
	if (row && row->secret && !out->secret)
		return err_set(e, ERR_BUG, "it is secret and the buffer is not");
	const struct filter *filter = NULL;
	for (size_t i = 0; i < COUNT(filters); i++)
		if (strcmp(filters[i].name, tag->filter) == 0)
			filter = &filters[i];
	if (tag->filter[0] && !filter)
		return err_set(e, ERR_BUG, "there is no filter '%s'", tag->filter);
	AUTO_BUF struct buf value = { .max = VALUE_MAX, .secret = out->secret };
	int rc = find_value(row, tag->name, v, &value, e);
	if (rc < 0)
		return rc;
	if (value.full || strlen(buf_str(&value)) != value.len)
		return err_set(e, ERR_CONFIG, "it %s",
			       value.full ? "is too long" : "holds a NUL byte");
	if (filter) {
		filter->put(out, buf_str(&value));
		return 0;
	}
	rc = check_plain(buf_str(&value), row && row->lines, e);
	if (rc == 0)
		buf_add(out, buf_str(&value), value.len);
	return rc;
}

int tmpl_render(const char *from, const char *text, size_t len, const struct tmpl_name *names,
		const struct view *v, struct buf *out, struct err *e)
{
	const char *end = text + len;
	unsigned line = 1;
	for (const char *s = text; s < end;) {
		const char *open = memmem(s, (size_t)(end - s), "{{", 2);
		const char *stop = open ? open : end;
		for (const char *c = s; c < stop; c++)
			line += *c == '\n';
		buf_add(out, s, (size_t)(stop - s));
		if (!open)
			break;
		const char *close = memmem(open + 2, (size_t)(end - open - 2), "}}", 2);
		struct tag tag;
		if (!close || !read_tag(open + 2, close, &tag))
			return err_set(e, ERR_BUG, "%s:%u: '{{' without 'name}}' or 'name|filter}}'",
				       from, line);
		struct err why = { 0 };
		int rc = put_tag(&tag, names, v, out, &why);
		if (rc < 0) {
			err_wrap(&why, "%s:%u: '%s'", from, line, tag.name);
			if (e)
				*e = why;
			return rc;
		}
		s = close + 2;
	}
	return out->full ? err_set(e, ERR_MEMORY, "%s: the text is too long", from) : 0;
}
