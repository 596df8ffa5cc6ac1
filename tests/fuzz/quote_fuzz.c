/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines, read back by a second, unrelated reading of POSIX' quoting (XCU 2.2): the words must
 * be the ones that went in. Input: NUL-separated; the first piece is the script. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "provision/remote/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BETWEEN, BARE, SINGLE };

/* One character at a time, as the grammar is written; aborts on anything that a shell would act on. */
static void read_words(const char *s, struct strv *ret)
{
	AUTO_BUF struct buf w;
	buf_init(&w, CMDLINE_MAX + 1);
	int state = BETWEEN;
	for (; *s; s++) {
		if (state == SINGLE) {
			if (*s == '\'')
				state = BARE;
			else
				buf_addc(&w, *s);
			continue;
		}
		if (*s == ' ') {
			if (state == BARE)
				strv_push(ret, buf_str(&w));
			buf_reset(&w);
			state = BETWEEN;
		} else if (*s == '\'') {
			state = SINGLE;
		} else if (*s == '\\') {
			if (!*++s)
				abort();
			buf_addc(&w, *s);
			state = BARE;
		} else {
			if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=_", *s))
				abort();
			buf_addc(&w, *s);
			state = BARE;
		}
	}
	if (state == SINGLE)
		abort();
	if (state == BARE)
		strv_push(ret, buf_str(&w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	enum cmdline_sudo sudo = (enum cmdline_sudo)(data[0] % 3);
	data++, size--;
	AUTO_STRV struct strv in = { 0 };
	AUTO_STRV struct strv out = { 0 };
	while (size) {
		size_t n = strnlen((const char *)data, size);
		AUTO_FREE char *one = strndup((const char *)data, n);
		strv_push(&in, one);
		data += n, size -= n;
		if (size)
			data++, size--;
	}
	if (!in.n)
		strv_push(&in, "");
	struct err e = { 0 };
	AUTO_BUF struct buf line, first;
	buf_init(&line, CMDLINE_MAX);
	buf_init(&first, CMDLINE_MAX * 2);
	if (cmdline_make(&line, &first, sudo, 60, in.v[0], strv_get(&in) + 1, &e) < 0) {
		if (e.kind != ERR_FAILED)
			abort();
		return 0;
	}
	if (line.len > CMDLINE_MAX || strlen(buf_str(&line)) != line.len)
		abort();
	read_words(buf_str(&line), &out);
	long at = strv_find(&out, "-euc");
	if (at < 0 || out.n < (size_t)at + 3 || out.n - (size_t)at - 2 != in.n || strcmp(out.v[at + 2], "powerstack") != 0)
		abort();
	static const char ready[] = "echo '" CMDLINE_READY "' >&2; ";
	static const char whole[] = "\n#whole";
	const char *script = out.v[at + 1];
	size_t len = strlen(script);
	if (sudo != CMDLINE_NO_SUDO) {
		/* nothing of the script stands in the line but its length */
		char count[32];
		snprintf(count, sizeof(count), "$(head -c %zu)", first.len);
		if (!strstr(script, count) || first.len < sizeof(ready) - 1 + sizeof(whole) - 1 ||
		    memcmp(first.data, ready, sizeof(ready) - 1) != 0 ||
		    memcmp(first.data + first.len - (sizeof(whole) - 1), whole, sizeof(whole) - 1) != 0)
			abort();
		script = first.data + sizeof(ready) - 1;
		len = first.len - (sizeof(ready) - 1) - (sizeof(whole) - 1);
	}
	if (len != strlen(in.v[0]) || memcmp(script, in.v[0], len) != 0)
		abort();
	for (size_t i = 1; i < in.n; i++)
		if (strcmp(out.v[(size_t)at + 2 + i], in.v[i]) != 0)
			abort();
	return 0;
}
