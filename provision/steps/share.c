/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/steps/cluster.h"

#define MODE 0750
#define SHARE_TIMEOUT_S 3600	/* all that is in a folder changes its owner */

static void share_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct share_arg *a = s->arg;
	for (size_t i = 0; i < a->n; i++)
		probe_ask(p, "file", "%s/%s", v->inv->export_path, a->dirs[i].name);
}

static int share_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	const struct share_arg *a = s->arg;
	size_t there = 0, right = 0;
	char why[300] = "";
	for (size_t i = 0; i < a->n; i++) {
		const struct share_dir *d = &a->dirs[i];
		const char *is = NULL;
		char type[8] = "", mode[16] = "", uid[16] = "", gid[16] = "", path[STEP_PATH_MAX];
		snprintf(path, sizeof(path), "%s/%s", v->inv->export_path, d->name);
		int rc = fact(v, &is, e, "file", "%s", path);
		if (rc < 0)
			return rc;
		if (is) {
			facts_field(is, "type", type, sizeof(type));
			facts_field(is, "mode", mode, sizeof(mode));
			facts_field(is, "uid", uid, sizeof(uid));
			facts_field(is, "gid", gid, sizeof(gid));
		}
		if (is && strcmp(type, "d") != 0)
			return found(ret, FOREIGN, "'%s' is no folder: move it away", path);
		there += is != NULL;
		if (is && strtoul(mode, NULL, 8) == MODE && strtoul(uid, NULL, 10) == d->uid &&
		    strtoul(gid, NULL, 10) == d->gid)
			right++;
		else if (!why[0] && is)
			snprintf(why, sizeof(why), "'%.200s' belongs to %s:%s with mode %s", path, uid, gid, mode);
		else if (!why[0])
			snprintf(why, sizeof(why), "'%.200s' does not exist", path);
	}
	if (v->destroying)
		return there && v->purge->data ? found(ret, PRESENT, "%zu folders are there", there) :
						 found(ret, ABSENT, "%s", there ? "the data stays" : "there is none");
	if (right == a->n)
		return found(ret, PRESENT, "%zu folders have their owners", right);
	return found(ret, there ? DRIFTED : ABSENT, "%s", why);
}

/* The arguments of both scripts. */
struct words {
	char text[8][STEP_PATH_MAX + 40];
	const char *v[8 * 3 + 1];
	char ids[8][2][12];
};

static int share_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct share_arg *a = s->arg;
	struct words w = { 0 };
	for (size_t i = 0; i < a->n && i < 8; i++) {
		snprintf(w.text[i], sizeof(w.text[i]), "%s/%s", h->view.inv->export_path, a->dirs[i].name);
		snprintf(w.ids[i][0], sizeof(w.ids[i][0]), "%u", a->dirs[i].uid);
		snprintf(w.ids[i][1], sizeof(w.ids[i][1]), "%u", a->dirs[i].gid);
		w.v[3 * i] = w.text[i];
		w.v[3 * i + 1] = w.ids[i][0];
		w.v[3 * i + 2] = w.ids[i][1];
	}
	return step_script(h, "share-dirs", w.v, SHARE_TIMEOUT_S, e);
}

static int share_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct share_arg *a = s->arg;
	struct words w = { 0 };
	for (size_t i = 0; i < a->n && i < 8; i++) {
		snprintf(w.text[i], sizeof(w.text[i]), "%s/%s", h->view.inv->export_path, a->dirs[i].name);
		w.v[i] = w.text[i];
	}
	return step_script(h, "share-remove", w.v, SHARE_TIMEOUT_S, e);
}

const struct step_ops share_ops = {
	.ask = share_ask,
	.check = share_check,
	.apply = share_apply,
	.undo = share_undo,
};
