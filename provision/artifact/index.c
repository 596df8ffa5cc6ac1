/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/artifact/index.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 64

struct reader {
	const char *source, *chart, *version;
	yaml_parser_t parser;
	yaml_event_t event;		/* the newest; none while type is YAML_NO_EVENT */
	struct err *e;
	bool seen_chart;
	char sum[65], url[PIN_URL_MAX];	/* of the version; "": not found yet */
};

/* What one version of the chart says. */
struct version {
	char version[65], sum[65], url[PIN_URL_MAX];
};

static int next(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	return err_set(r->e, ERR_FAILED, "'%s' is no index of a chart repository: line %zu: %s", r->source,
		       r->parser.problem_mark.line + 1, r->parser.problem ? r->parser.problem : "bad YAML");
}

/* Passes over the node that has begun with the newest event. */
static int skip(struct reader *r)
{
	unsigned depth = 0;
	for (;;) {
		int t = (int)r->event.type, rc;
		if (t == YAML_MAPPING_START_EVENT || t == YAML_SEQUENCE_START_EVENT)
			depth++;
		else if (t == YAML_MAPPING_END_EVENT || t == YAML_SEQUENCE_END_EVENT)
			depth--;
		if (depth > DEPTH_MAX)
			return err_set(r->e, ERR_FAILED, "'%s' is nested too deeply for an index", r->source);
		if (depth == 0)
			return 0;
		if ((rc = next(r)) < 0)
			return rc;
	}
}

static bool is_scalar(const struct reader *r)
{
	return r->event.type == YAML_SCALAR_EVENT;
}

/* A scalar as text; "" when it is none, or does not fit. */
static void copy(const struct reader *r, char *ret, size_t size)
{
	size_t n = is_scalar(r) ? r->event.data.scalar.length : 0;
	if (n >= size || (n && memchr(r->event.data.scalar.value, 0, n)))
		n = 0;
	if (n)
		memcpy(ret, r->event.data.scalar.value, n);
	ret[n] = '\0';
}

/* Calls pair(r, key, ctx) for each pair of the mapping that has begun, at the first event of its value; it passes over
 * the value. Anything but a mapping is passed over. */
static int each_pair(struct reader *r, int (*pair)(struct reader *, const char *key, void *ctx), void *ctx)
{
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return skip(r);
	for (;;) {
		char key[256];
		int rc = next(r);
		if (rc < 0 || r->event.type == YAML_MAPPING_END_EVENT)
			return rc;
		copy(r, key, sizeof(key));
		rc = skip(r);
		if (rc == 0)
			rc = next(r);
		if (rc == 0)
			rc = pair(r, key, ctx);
		if (rc < 0)
			return rc;
	}
}

static int first_url(struct reader *r, char ret[static PIN_URL_MAX])
{
	if (r->event.type != YAML_SEQUENCE_START_EVENT)
		return skip(r);
	for (bool first = true;; first = false) {
		int rc = next(r);
		if (rc < 0 || r->event.type == YAML_SEQUENCE_END_EVENT)
			return rc;
		if (first)
			copy(r, ret, PIN_URL_MAX);
		if ((rc = skip(r)) < 0)
			return rc;
	}
}

static int version_pair(struct reader *r, const char *key, void *ctx)
{
	struct version *v = ctx;
	char digest[80];
	if (strcmp(key, "version") == 0) {
		copy(r, v->version, sizeof(v->version));
	} else if (strcmp(key, "digest") == 0) {
		copy(r, digest, sizeof(digest));
		const char *hex = strncmp(digest, "sha256:", 7) == 0 ? digest + 7 : digest;
		for (size_t i = 0; is_sha256(hex) && i < sizeof(v->sum); i++)
			v->sum[i] = (char)tolower((unsigned char)hex[i]);
	} else if (strcmp(key, "urls") == 0) {
		return first_url(r, v->url);
	}
	return skip(r);
}

static int take_version(struct reader *r, const struct version *v)
{
	if (strcmp(v->version, r->version) != 0)
		return 0;
	if (!v->sum[0] || !v->url[0])
		return err_set(r->e, ERR_FAILED, "'%s' has no %s of '%s' %s", r->source, v->sum[0] ? "address" : "digest",
			       r->chart, r->version);
	if (r->sum[0] && strcmp(r->sum, v->sum) != 0)
		return err_set(r->e, ERR_FAILED, "'%s' has two different digests of '%s' %s", r->source, r->chart,
			       r->version);
	memcpy(r->sum, v->sum, sizeof(r->sum));
	memcpy(r->url, v->url, sizeof(r->url));
	return 0;
}

static int chart_pair(struct reader *r, const char *key, void *ctx)
{
	(void)ctx;
	if (strcmp(key, r->chart) != 0 || r->event.type != YAML_SEQUENCE_START_EVENT)
		return skip(r);
	r->seen_chart = true;
	for (;;) {
		struct version v = { .version = "" };
		int rc = next(r);
		if (rc < 0 || r->event.type == YAML_SEQUENCE_END_EVENT)
			return rc;
		rc = each_pair(r, version_pair, &v);
		if (rc == 0)
			rc = take_version(r, &v);
		if (rc < 0)
			return rc;
	}
}

static int root_pair(struct reader *r, const char *key, void *ctx)
{
	return strcmp(key, "entries") == 0 ? each_pair(r, chart_pair, ctx) : skip(r);
}

static int read_all(struct reader *r)
{
	int rc;
	do {
		if ((rc = next(r)) < 0)
			return rc;
	} while (r->event.type == YAML_STREAM_START_EVENT || r->event.type == YAML_DOCUMENT_START_EVENT);
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0;
	return each_pair(r, root_pair, NULL);
}

int index_find(const char *source, const void *bytes, size_t len, const char *chart, const char *version,
	       char ret_sum[static 65], char ret_url[static PIN_URL_MAX], struct err *e)
{
	struct reader r = { .source = source, .chart = chart, .version = version, .e = e };
	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ERR_MEMORY, "out of memory");
	yaml_parser_set_input_string(&r.parser, bytes, len);
	int rc = read_all(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (rc < 0)
		return rc;
	if (!r.sum[0])
		return err_set(e, ERR_FAILED, r.seen_chart ? "'%s' has no version %s of '%s': check the version" :
							    "'%s' has no chart for version %s of '%s': is it the right repository?",
			       source, version, chart);
	memcpy(ret_sum, r.sum, sizeof(r.sum));
	memcpy(ret_url, r.url, sizeof(r.url));
	return 0;
}
