/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kubelet may answer: any bytes are a list within bounds or an error, however they are cut
 * into pieces; and what we take for JSON, json-c does too. */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/names/json.h"
#include "exporter/names/pods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int nothing(void *arg, enum json_event event, const char *text, size_t len)
{
	(void)arg, (void)event;
	if (text && (len > JSON_TEXT_MAX || text[len] != '\0'))
		abort();
	return 0;
}

static int is_json(const char *text, size_t size)
{
	static struct json j;
	struct err e = { 0 };

	json_begin(&j, nothing, NULL);
	return json_feed(&j, text, size, &e) == 0 && json_end(&j, &e) == 0;
}

static void compare(const char *text, size_t size)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX + 2);

	if (!tok)
		return;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With its NUL, so that a number by itself ends. */
	struct json_object *o = json_tokener_parse_ex(tok, text, (int)size + 1);

	if (json_tokener_get_error(tok) != json_tokener_success)
		abort();
	json_object_put(o);
	json_tokener_free(tok);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pods *whole = NULL, *pieces = NULL;
	struct pods_reader *r = NULL;
	struct pod_name name;
	struct err e = { 0 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (is_json(text, size))
		compare(text, size);
	int rc = pods_parse(text, size, &whole, &e);

	if (pods_reader_new(&r, &e) == 0) {
		int rc2 = 0;

		for (size_t i = 0; rc2 == 0 && i < size; i++)
			rc2 = pods_reader_feed(r, text + i, 1, &e);
		if (rc2 == 0)
			rc2 = pods_reader_end(r, &pieces, &e);
		pods_reader_free(r);
		if ((rc2 == 0) != (rc == 0) || (rc == 0 && pods_containers(whole) != pods_containers(pieces)))
			abort();
	}
	if (rc == 0) {
		if (pods_count(whole) > PODS_MAX || pods_containers(whole) > POD_CONTAINERS_MAX)
			abort();
		(void)pods_find(whole, "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17", &name);
		(void)pods_find_pod(whole, "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11", &name);
	}
	pods_free(whole);
	pods_free(pieces);
	free(text);
	return 0;
}
