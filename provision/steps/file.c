/* SPDX-License-Identifier: BSD-2-Clause */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/files.h"
#include "provision/steps/steps.h"

#define FILE_MAX (256 * 1024)
#define PUT_TIMEOUT_S 60

static const struct file_arg *arg_of(const struct step *s)
{
	return s->arg;
}

int template_add(const char *name, const struct tmpl_name *names, const struct view *v,
		 struct buf *out, struct err *e)
{
	const char *text = files_text(name);
	if (!text)
		return err_set(e, ERR_BUG, "the template '%s' is not built in", name);
	return tmpl_render(name, text, strlen(text), names, v, out, e);
}

static bool is_needed(const struct step *s, const struct view *v)
{
	return !arg_of(s)->needed || arg_of(s)->needed(v->inv, v->host);
}

int file_wanted(const struct step *s, const struct view *v, struct buf *ret, struct err *e)
{
	const struct file_arg *a = arg_of(s);
	if (!is_needed(s, v))
		return buf_adds(ret, FILE_MARK);
	int rc = a->tmpl ? template_add(a->tmpl, a->names, v, ret, e) : 0;
	if (rc == 0 && a->render)
		rc = a->render(v, ret, e);
	if (rc == 0 && ret->full)
		return err_set(e, ERR_MEMORY, "the text of '%s' is too long", a->path);
	return rc;
}

static const char *path_of(const struct step *s, const struct view *v, char room[STEP_PATH_MAX])
{
	return node_path(arg_of(s)->path, v->inv, room);
}

static void file_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct file_arg *a = arg_of(s);
	char room[STEP_PATH_MAX];
	probe_ask(p, "file", "%s", path_of(s, v, room));
	if (a->claim)
		probe_ask(p, "record", "%s", a->claim);
	if (a->ask)
		a->ask(v, p);
}

/* The mark, or what stands for it. While nothing of the claimed thing is there yet, the file is not ours. */
static int is_ours(const struct step *s, const struct view *v, const char *mark, bool *ret,
		   struct err *e)
{
	const struct file_arg *a = arg_of(s);
	const char *claim = NULL;
	if (!a->claim) {
		*ret = strcmp(mark, "yes") == 0;
		return 0;
	}
	int rc = fact(v, &claim, e, "record", "%s", a->claim);
	*ret = claim != NULL;
	return rc;
}

static const char *type_word(const char *type)
{
	static const char *const words[][2] = {
		{ "d", "a folder" },       { "l", "a symbolic link" },
		{ "b", "a block device" }, { "c", "a character device" },
		{ "p", "a pipe" },         { "s", "a socket" },
	};
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(words[i][0], type) == 0)
			return words[i][1];
	return "not a file";
}

static int file_check(const struct step *s, const struct view *v, struct finding *ret,
		      struct err *e)
{
	const struct file_arg *a = arg_of(s);
	const char *is = NULL;
	char room[STEP_PATH_MAX];
	const char *path = path_of(s, v, room);
	bool ours = false, needed = is_needed(s, v);
	int rc = fact(v, &is, e, "file", "%s", path);
	if (rc < 0)
		return rc;
	if (!is)
		return found(ret, v->destroying || needed ? ABSENT : PRESENT, "'%s' does not exist", path);
	char type[8] = "", mark[8] = "", have[72] = "", mode[16] = "", uid[16] = "", gid[16] = "";
	facts_field(is, "type", type, sizeof(type));
	facts_field(is, "mark", mark, sizeof(mark));
	facts_field(is, "sha256", have, sizeof(have));
	facts_field(is, "mode", mode, sizeof(mode));
	facts_field(is, "uid", uid, sizeof(uid));
	facts_field(is, "gid", gid, sizeof(gid));
	rc = is_ours(s, v, mark, &ours, e);
	if (rc < 0)
		return rc;
	if (!ours && !needed)
		return found(ret, v->destroying ? ABSENT : PRESENT, "'%s' is not managed by powerstack", path);
	if (strcmp(type, "f") != 0)
		return found(ret, FOREIGN, "'%s' is %s: move it away", path, type_word(type));
	if (!ours)
		return found(
			ret, FOREIGN,
			"'%s' exists and is not managed by powerstack: move it away, or remove it",
			path);
	if (v->destroying)
		return found(ret, PRESENT, "'%s' is there", path);
	AUTO_BUF struct buf text = { 0 };
	buf_init_secret(&text, FILE_MAX);
	rc = file_wanted(s, v, &text, e);
	if (rc < 0)
		return rc;
	char want[65];
	text_sum(&text, want);
	if (strcmp(want, have) != 0)
		return found(ret, DRIFTED, needed ? "'%s' has other content" : "what is in '%s' is not wanted any more", path);
	if (strtoul(mode, NULL, 8) != a->mode)
		return found(ret, DRIFTED, "'%s' has mode %s instead of %04o", path, mode,
			     a->mode);
	if (strcmp(uid, "0") != 0 || strcmp(gid, "0") != 0)
		return found(ret, DRIFTED, "'%s' belongs to %s:%s instead of root", path, uid,
			     gid);
	return found(ret, PRESENT, "'%s' is as wanted", path);
}

static int file_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct file_arg *a = arg_of(s);
	bool secret = s->flags & STEP_SECRET;
	AUTO_BUF struct buf text = { 0 };
	AUTO_BUF struct buf in = { 0 };
	buf_init_secret(&text, FILE_MAX);
	buf_init_secret(&in, FILE_MAX + 128);
	int rc = file_wanted(s, &h->view, &text, e);
	if (rc == 0 && a->before)
		rc = a->before(h, e);
	if (rc < 0)
		return rc;
	char hash[65], mode[8];
	text_sum(&text, hash);
	snprintf(mode, sizeof(mode), "%04o", a->mode);
	buf_addf(&in, "%s\n", hash);
	if (buf_add(&in, buf_str(&text), text.len) < 0)
		return err_set(e, ERR_MEMORY, "the text of '%s' is too long", a->path);
	char room[STEP_PATH_MAX];
	const char *const args[] = { path_of(s, &h->view, room), mode, NULL };
	return step_script_in(h, "file-put", args, &in, secret, PUT_TIMEOUT_S, e);
}

static int file_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct file_arg *a = arg_of(s);
	char room[STEP_PATH_MAX];
	const char *const args[] = { path_of(s, &h->view, room), a->own_dir ? "dir" : "", NULL };
	return step_script(h, "file-remove", args, PUT_TIMEOUT_S, e);
}

const struct step_ops file_ops = {
	.ask = file_ask,
	.check = file_check,
	.apply = file_apply,
	.undo = file_undo,
	.wanted = file_wanted,
	.wanted_path = path_of,
};
