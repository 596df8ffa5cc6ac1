/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_JSON_H
#define CLI_JSON_H
/* What the reports' JSON is made with. */
#include <json-c/json.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/redact.h"

/* A json-c string of text, redacted (redact may be NULL) and made valid UTF-8; NULL for NULL: JSON's null. */
struct json_object *json_text(const char *text, const struct redact *redact);
void json_add_uint(struct json_object *o, const char *key, uint64_t v);
/* A number given in thousandths, written exactly: 21.005 for 21005. */
struct json_object *json_thousandths(uint64_t n);
/* Appends the object and a newline; drops the object. 0, or -ERR_MEMORY. */
int json_finish(struct buf *out, struct json_object *o);

#endif
