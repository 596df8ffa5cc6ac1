/* SPDX-License-Identifier: BSD-2-Clause */
/* powerstack.lock: what is read can be written, and is then read as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/artifact/lockfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lockfile l = { 0 }, again = { 0 };
	struct err e = { 0 };
	struct buf text, twice;
	buf_init(&text, 4u << 20);
	buf_init(&twice, 4u << 20);
	int r = lockfile_parse("lock", data, size, &l, &e);
	if (r < 0 && (!e.msg[0] || l.n))
		abort();
	if (r == 0) {
		for (size_t i = 0; i < l.n; i++) {
			/* names become names of files */
			if (strchr(l.v[i].name, '/') || l.v[i].name[0] == '.' || strlen(l.v[i].sha256) != 64)
				abort();
			if (i && strcmp(l.v[i - 1].name, l.v[i].name) >= 0)
				abort();
			if (lockfile_find(&l, l.v[i].name, l.v[i].version) != &l.v[i])
				abort();
		}
		if (lockfile_render(&l, &text) < 0 ||
		    lockfile_parse("again", buf_str(&text), text.len, &again, &e) < 0 ||
		    lockfile_render(&again, &twice) < 0 || again.n != l.n ||
		    strcmp(buf_str(&text), buf_str(&twice)) != 0)
			abort();
	}
	lockfile_clear(&l);
	lockfile_clear(&again);
	buf_clear(&text);
	buf_clear(&twice);
	return 0;
}
