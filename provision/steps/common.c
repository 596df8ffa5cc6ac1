/* SPDX-License-Identifier: BSD-2-Clause */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/artifact/artifact.h"
#include "provision/files.h"
#include "provision/steps/steps.h"

int found(struct finding *f, enum presence is, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	f->is = is;
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	return 0;
}

int fact(const struct view *v, const char **ret, struct err *e, const char *kind, const char *fmt,
	 ...)
{
	char about[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(about, sizeof(about), fmt, ap);
	va_end(ap);
	bool known = false;
	const char *why = NULL;
	const char *value = facts_get(v->facts, &known, &why, kind, "%s", about);
	if (!known)
		return err_set(e, ERR_FAILED, "cannot tell '%s:%s' on this host: %s", kind, about,
			       why ? why : "it was not asked");
	*ret = value;
	return 0;
}

void text_sum(const struct buf *text, char ret[static 65])
{
	unsigned char h[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(h, (const unsigned char *)buf_str(text), text->len);
	sodium_bin2hex(ret, 65, h, sizeof(h));
}

void join_lines(const char *list, char *ret, size_t size)
{
	size_t n = 0;
	for (const char *s = list; *s && n + 3 < size; s++) {
		if (*s == '\n') {
			ret[n++] = ',';
			ret[n++] = ' ';
		} else {
			ret[n++] = *s;
		}
	}
	ret[n] = '\0';
}

static void say_doing(void *ctx, const char *line)
{
	const struct hand *h = ctx;
	h->doing(h->progress_ctx, line);
}

int step_script_in(struct hand *h, const char *name, const char *const *args, const struct buf *in,
		   bool secret, unsigned timeout_s, struct err *e)
{
	char file[64];
	snprintf(file, sizeof(file), "%s.sh", name);
	struct script script = { name, files_text(file) };
	if (!script.text)
		return err_set(e, ERR_BUG, "the script '%s' is not built in", file);
	AUTO_SECRET struct secret *hidden = NULL;
	struct cmd cmd = {
		.script = &script,
		.argv = args,
		.flags = CMD_SUDO,
		.timeout_s = timeout_s,
		.said = h->doing ? say_doing : NULL,
		.said_ctx = h,
	};
	if (in && secret) {
		int rc = secret_new(buf_str(in), in->len, &hidden, e);
		if (rc < 0)
			return rc;
		cmd.in_secret = hidden;
	} else if (in) {
		cmd.in = buf_str(in);
		cmd.in_len = in->len;
	}
	struct answer a = { 0 };
	int rc = session_run(h->ssh, &cmd, &a, e);
	answer_clear(&a);
	return rc;
}

int step_script(struct hand *h, const char *name, const char *const *args, unsigned timeout_s,
		struct err *e)
{
	return step_script_in(h, name, args, NULL, false, timeout_s, e);
}

int step_script_secret(struct hand *h, const char *name, const char *const *args, struct buf *ret, struct err *e)
{
	char file[64];
	snprintf(file, sizeof(file), "%s.sh", name);
	struct script script = { name, files_text(file) };
	if (!script.text)
		return err_set(e, ERR_BUG, "the script '%s' is not built in", file);
	struct cmd cmd = { .script = &script,
			   .argv = args,
			   .flags = CMD_SUDO | CMD_SECRET_OUT,
			   .out_max = ret->max };
	struct answer a = { 0 };
	int rc = session_run(h->ssh, &cmd, &a, e);
	if (rc == 0 && buf_add(ret, buf_str(&a.out), a.out.len) < 0)
		rc = err_set(e, ERR_MEMORY, "the output of '%s' is too long", name);
	answer_clear(&a);
	return rc;
}

int step_read(struct hand *h, const char *path, struct buf *ret, struct err *e)
{
	const char *const args[] = { path, NULL };
	return step_script_secret(h, "file-read", args, ret, e);
}

bool plain_word(const char *s)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:+-";
	return *s && s[strspn(s, ok)] == '\0';
}

const char *node_path(const char *pattern, const struct inventory *inv, char room[STEP_PATH_MAX])
{
	static const char data[] = "{k3s}";
	if (strncmp(pattern, data, sizeof(data) - 1) != 0)
		return pattern;
	snprintf(room, STEP_PATH_MAX, "%s%s", inv->k3s_server_location, pattern + sizeof(data) - 1);
	return room;
}

const char *artifact_path(const struct artifact_arg *a, const struct view *v,
			  char room[STEP_PATH_MAX])
{
	char pattern[STEP_PATH_MAX];
	const char *at = strstr(a->path, "{artifact}");
	if (!at)
		return node_path(a->path, v->inv, room);
	const struct artifact *which =
		v->artifacts ? artifacts_find(v->artifacts, a->what, v->host->arch) : NULL;
	snprintf(pattern, sizeof(pattern), "%.*s%s", (int)(at - a->path), a->path,
		 which ? which->name : "unknown");
	if (node_path(pattern, v->inv, room) != room)
		snprintf(room, STEP_PATH_MAX, "%s", pattern);
	return room;
}

const char *step_file_path(const struct step *s, const struct view *v, char room[STEP_PATH_MAX])
{
	if (s->ops == &file_ops)
		return node_path(((const struct file_arg *)s->arg)->path, v->inv, room);
	if (s->ops == &artifact_ops)
		return artifact_path(s->arg, v, room);
	if (s->ops == &blob_ops)
		return ((const struct blob_arg *)s->arg)->path;
	return NULL;
}

/* ---- preconditions */

static void precondition_ask(const struct step *s, const struct view *v, struct probe *p)
{
	((const struct precondition *)s->arg)->ask(v, p);
}

static int precondition_check(const struct step *s, const struct view *v, struct finding *ret,
			      struct err *e)
{
	return ((const struct precondition *)s->arg)->check(v, ret, e);
}

const struct step_ops precondition_ops = { .ask = precondition_ask, .check = precondition_check };
