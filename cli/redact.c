/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/redact.h"

#include <string.h>

#include "base/err.h"

/* End of the longest value that begins at p and fits before end, or p. */
static const char *value_at(const struct redact *r, const char *p, const char *end)
{
	size_t left = (size_t)(end - p), longest = 0;
	const char *name = NULL;
	for (size_t i = 0; r->vault && (name = vault_name(r->vault, i)); i++) {
		const struct secret *s = vault_get(r->vault, name);
		size_t len = s ? secret_len(s) : 0;
		if (len >= REDACT_MIN && len > longest && len <= left &&
		    memcmp(p, secret_expose(s), len) == 0)
			longest = len;
	}
	return p + longest;
}

int redact_add(struct buf *out, const struct redact *r, const char *text)
{
	const char *end = text + strlen(text);
	for (const char *p = text; p < end;) {
		const char *stop = r ? value_at(r, p, end) : p;
		if (stop == p) {
			buf_addc(out, *p++);
			continue;
		}
		/* a value may begin inside another one and reach further */
		while (p < stop) {
			const char *further = value_at(r, ++p, end);
			if (further > stop)
				stop = further;
		}
		buf_adds(out, "[redacted]");
	}
	return out->full ? -(int)ERR_MEMORY : 0;
}
