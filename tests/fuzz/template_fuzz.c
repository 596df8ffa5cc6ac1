/* SPDX-License-Identifier: BSD-2-Clause */
/* A template and one value in it, divided by the first NUL: neither may break out of its place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/tmpl.h"

static const char *value;

static int put(const struct view *v, struct buf *ret, struct err *e)
{
	(void)v;
	return buf_adds(ret, value) < 0 ? err_set(e, ERR_MEMORY, "too long") : 0;
}

static const struct tmpl_name names[] = {
	{ .name = "v", .value = put },
	{ .name = "lines", .value = put, .lines = true },
	{ 0 },
};

static char *render(const char *text, size_t len, int *rc)
{
	static const struct inventory inv;
	static const struct host host;
	struct view v = { .inv = &inv, .host = &host };
	struct err e = { 0 };
	struct buf out;
	buf_init(&out, 1024 * 1024);
	*rc = tmpl_render("fuzz", text, len, names, &v, &out, &e);
	if (*rc < 0 && !e.msg[0])
		abort();
	return buf_take(&out);
}

/* Reads a double-quoted scalar back (the escapes that both filters write); NULL when it ends early. */
static char *unquote(const char *s, bool ini)
{
	size_t n = 0;
	char *ret = malloc(strlen(s) + 1);
	if (!ret || *s++ != '"')
		abort();
	for (; *s != '"'; s++) {
		if (!*s || (unsigned char)*s < ' ')
			abort();
		if (ini && *s == '%' && *++s != '%')
			abort();
		if (*s != '\\') {
			ret[n++] = *s;
			continue;
		}
		s++;
		if (*s == 'x') {
			char hex[3] = { s[1], s[2], '\0' };
			ret[n++] = (char)strtoul(hex, NULL, 16);
			s += 2;
		} else {
			ret[n++] = *s == 'n' ? '\n' : *s == 't' ? '\t' : *s;
		}
	}
	if (s[1])
		abort();
	ret[n] = '\0';
	return ret;
}

static void same_again(const char *text, bool ini)
{
	int rc;
	AUTO_FREE char *out = render(text, strlen(text), &rc);
	if (rc < 0 || !out)
		abort();
	AUTO_FREE char *back = unquote(out, ini);
	if (strcmp(back, value) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	size_t len = nul ? (size_t)(nul - data) : size;
	AUTO_FREE char *copy = calloc(1, size - len + 1);
	if (!copy)
		return 0;
	if (nul)
		memcpy(copy, nul + 1, size - len - 1);
	value = copy;
	int rc;
	free(render((const char *)data, len, &rc));
	if (strlen(value) < 100000) {
		same_again("{{v|yaml}}", false);
		same_again("{{v|ini}}", true);
		AUTO_FREE char *plain = render("{{v}}", 5, &rc);
		if (rc == 0 && strchr(plain, '\n'))
			abort();
	}
	return 0;
}
