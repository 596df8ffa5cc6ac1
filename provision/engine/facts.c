/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/engine/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/files.h"

/* All answers of one host together; text: and journal answers are the large ones. */
#define ANSWERS_MAX (1024 * 1024)

struct fact {
	const char *question;	/* points into facts.questions */
	const char *value;	/* points into facts.bytes; the reason when state is '!' */
	char state;		/* the record's first byte; 0 while unanswered */
};

struct facts {
	struct strv questions;
	struct fact *v;
	size_t n;
	char *bytes;
};

void probe_ask(struct probe *p, const char *kind, const char *about_fmt, ...)
{
	AUTO_FREE char *about = NULL;
	AUTO_FREE char *question = NULL;
	va_list ap;
	va_start(ap, about_fmt);
	int n = vasprintf(&about, about_fmt, ap);
	va_end(ap);
	if (n < 0) {
		about = NULL;
		p->failed = -(int)ERR_MEMORY;
		return;
	}
	if (asprintf(&question, "%s:%s", kind, about) < 0) {
		question = NULL;
		p->failed = -(int)ERR_MEMORY;
		return;
	}
	if (strv_find(&p->questions, question) >= 0)
		return;
	if (strv_push(&p->questions, question) < 0)
		p->failed = -(int)ERR_MEMORY;
}

void probe_clear(struct probe *p)
{
	strv_clear(&p->questions);
	p->failed = 0;
}

void facts_free(struct facts *f)
{
	if (!f)
		return;
	strv_clear(&f->questions);
	free(f->v);
	free(f->bytes);
	free(f);
}

static void cleanup_facts(struct facts **f)
{
	facts_free(*f);
}

/* What the host sent, fit for a message: short and printable. */
static const char *quotable(const char *s, char *ret, size_t size)
{
	size_t i = 0;
	for (; s[i] && i < size - 1; i++)
		ret[i] = s[i] >= ' ' && s[i] < 127 ? s[i] : '?';
	ret[i] = '\0';
	return ret;
}

static bool answers(const char *record, const char *question)
{
	size_t len = strlen(question);
	if (record[0] == '-')
		return strcmp(record + 1, question) == 0;
	return strncmp(record + 1, question, len) == 0 && record[1 + len] == '=';
}

/* Gives the record to its question. Answers usually come in the order asked, so *next is tried
 * first; that also settles which question is meant when one is the other's beginning ("x:a" and
 * "x:a=b"). */
static int take_record(struct facts *f, size_t *next, const char *record, struct err *e)
{
	char quoted[80];
	if (!record[0] || !strchr("=-!", record[0]))
		return err_set(e, ERR_FAILED, "the probe printed something that is no answer: '%s'",
			       quotable(record, quoted, sizeof(quoted)));
	bool twice = false;
	for (size_t tried = 0; tried < f->n; tried++) {
		struct fact *fact = &f->v[(*next + tried) % f->n];
		if (!answers(record, fact->question))
			continue;
		if (fact->state) {
			twice = true;
			continue;
		}
		fact->state = record[0];
		fact->value = record[0] == '-' ? NULL : record + 1 + strlen(fact->question) + 1;
		*next = (size_t)(fact - f->v + 1) % f->n;
		return 0;
	}
	return err_set(e, ERR_FAILED, "the probe answered '%s', which was %s",
		       quotable(record, quoted, sizeof(quoted)),
		       twice ? "answered before" : "unasked");
}

int facts_parse(const struct probe *p, const void *bytes, size_t len, struct facts **ret,
		struct err *e)
{
	if (p->failed)
		return err_set(e, ERR_MEMORY, "out of memory while asking");
	__attribute__((cleanup(cleanup_facts))) struct facts *f = calloc(1, sizeof(*f));
	if (f) {
		f->n = p->questions.n;
		f->v = calloc(f->n + 1, sizeof(*f->v));
		f->bytes = malloc(len + 1);
	}
	if (!f || !f->v || !f->bytes)
		return err_set(e, ERR_MEMORY, "out of memory for %zu bytes of answers", len);
	if (len)
		memcpy(f->bytes, bytes, len);
	f->bytes[len] = '\0';
	for (size_t i = 0; i < f->n; i++) {
		if (strv_push(&f->questions, p->questions.v[i]) < 0)
			return err_set(e, ERR_MEMORY, "out of memory for the questions");
		f->v[i].question = f->questions.v[i];
	}
	bool complete = false;
	size_t next = 0;
	for (size_t at = 0; at < len;) {
		const char *record = f->bytes + at;
		size_t size = strnlen(record, len - at);
		if (at + size == len)
			return err_set(e, ERR_FAILED, "the probe's answer is cut off");
		if (complete)
			return err_set(e, ERR_FAILED, "the probe printed more behind its end");
		at += size + 1;
		if (strcmp(record, "=probe=complete") == 0) {
			complete = true;
			continue;
		}
		int rc = take_record(f, &next, record, e);
		if (rc < 0)
			return rc;
	}
	if (!complete)
		return err_set(e, ERR_FAILED, "the probe's answer is cut off");
	for (size_t i = 0; i < f->n; i++)
		if (!f->v[i].state)
			return err_set(e, ERR_FAILED, "the probe did not answer '%s'",
				       f->v[i].question);
	*ret = take_ptr(&f);
	return 0;
}

int facts_gather(struct session *s, const struct probe *p, unsigned timeout_s,
		 struct facts **ret, struct err *e)
{
	if (!p->failed && p->questions.n == 0)
		return facts_parse(p, "=probe=complete", sizeof("=probe=complete"), ret, e);
	struct script script = { "probe", files_text("probe.sh") };
	if (!script.text)
		return err_set(e, ERR_BUG, "the script 'probe.sh' is not built in");
	struct cmd cmd = {
		.script = &script,
		.argv = strv_get(&p->questions),
		.flags = CMD_SUDO,
		.timeout_s = timeout_s,
		.out_max = ANSWERS_MAX,
	};
	struct answer a = { 0 };
	int rc = p->failed ? err_set(e, ERR_MEMORY, "out of memory while asking")
			   : session_run(s, &cmd, &a, e);
	if (rc == 0)
		rc = facts_parse(p, buf_str(&a.out), a.out.len, ret, e);
	answer_clear(&a);
	return rc;
}

const char *facts_get(const struct facts *f, bool *ret_known, const char **ret_why,
		      const char *kind, const char *about_fmt, ...)
{
	const char *value = NULL;
	const char *why = "it was not asked";
	bool known = false;
	AUTO_FREE char *about = NULL;
	va_list ap;
	va_start(ap, about_fmt);
	int n = vasprintf(&about, about_fmt, ap);
	va_end(ap);
	if (n < 0) {
		about = NULL;
		why = "out of memory";
	}
	size_t kind_len = strlen(kind);
	for (size_t i = 0; f && n >= 0 && i < f->n; i++) {
		const char *q = f->v[i].question;
		if (strncmp(q, kind, kind_len) || q[kind_len] != ':' ||
		    strcmp(q + kind_len + 1, about))
			continue;
		known = f->v[i].state != '!';
		why = known ? "" : f->v[i].value;
		value = known ? f->v[i].value : NULL;
		break;
	}
	if (ret_known)
		*ret_known = known;
	if (ret_why)
		*ret_why = why;
	return value;
}

bool facts_field(const char *answer, const char *key, char *ret, size_t size)
{
	size_t len = strlen(key);
	for (const char *line = answer; line;) {
		const char *end = strchr(line, '\n');
		if (strncmp(line, key, len) == 0 && line[len] == '=') {
			const char *value = line + len + 1;
			size_t n = end ? (size_t)(end - value) : strlen(value);
			if (n >= size)
				n = size - 1;
			memcpy(ret, value, n);
			ret[n] = '\0';
			return true;
		}
		line = end ? end + 1 : NULL;
	}
	return false;
}
