/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/json.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "cli/text.h"

#define TEXT_MAX (16u << 20)	/* bytes of one text */

struct json_object *json_text(const char *text, const struct redact *redact)
{
	AUTO_BUF struct buf plain, clean;
	buf_init(&plain, TEXT_MAX);
	buf_init(&clean, TEXT_MAX);
	if (!text)
		return NULL;
	if (redact_add(&plain, redact, text) < 0 ||
	    text_clean(&clean, buf_str(&plain), TEXT_LINES) < 0)
		return json_object_new_string("(too long)");
	return json_object_new_string_len(buf_str(&clean), (int)clean.len);
}

void json_add_uint(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

struct json_object *json_thousandths(uint64_t n)
{
	char s[32];
	snprintf(s, sizeof(s), "%" PRIu64 ".%03" PRIu64, n / 1000, n % 1000);
	return json_object_new_double_s((double)n / 1000, s);
}

int json_finish(struct buf *out, struct json_object *o)
{
	buf_adds(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	buf_addc(out, '\n');
	return out->full ? -(int)ERR_MEMORY : 0;
}
