/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/artifact/artifact.h"
#include "provision/remote/upload.h"
#include "provision/steps/steps.h"

static const struct artifact_arg *arg_of(const struct step *s)
{
	return s->arg;
}

static const struct artifact *wanted(const struct step *s, const struct view *v)
{
	return v->artifacts ? artifacts_find(v->artifacts, arg_of(s)->what, v->host->arch) : NULL;
}

static void artifact_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct artifact_arg *a = arg_of(s);
	char room[STEP_PATH_MAX];
	probe_ask(p, "host", "os");
	probe_ask(p, "record", "%s", a->claim);
	probe_ask(p, "file", "%s", artifact_path(a, v, room));
}

static int artifact_check(const struct step *s, const struct view *v, struct finding *ret,
			  struct err *e)
{
	const struct artifact_arg *a = arg_of(s);
	const char *is = NULL, *claim = NULL, *os = NULL;
	char room[STEP_PATH_MAX];
	const char *path = artifact_path(a, v, room);
	int rc = fact(v, &is, e, "file", "%s", path);
	if (rc == 0)
		rc = fact(v, &claim, e, "record", "%s", a->claim);
	if (rc == 0)
		rc = fact(v, &os, e, "host", "os");
	if (rc < 0)
		return rc;
	if (is && !claim)
		return found(ret, FOREIGN,
			     "'%s' exists and is not powerstack's: move it away, or remove it", path);
	if (v->destroying)
		return is ? found(ret, PRESENT, "'%s' is there", path) :
			    found(ret, ABSENT, "'%s' does not exist", path);
	char arch[24] = "", have[72] = "", mode[16] = "", uid[16] = "";
	if (os)
		facts_field(os, "arch", arch, sizeof(arch));
	if (strcmp(arch, v->host->arch) != 0)
		return found(ret, FOREIGN,
			     "the node's architecture is %s and the inventory has '%s': write 'arch: "
			     "%s' for this host",
			     arch, v->host->arch, arch);
	const struct artifact *want = wanted(s, v);
	if (!want || !want->sha256[0])
		return err_set(e, ERR_CONFIG,
			       "powerstack.lock has no '%s' for %s: run 'powerstack fetch' where the "
			       "release can be reached",
			       a->what, v->host->arch);
	if (!is)
		return found(ret, ABSENT, "'%s' does not exist", path);
	facts_field(is, "sha256", have, sizeof(have));
	facts_field(is, "mode", mode, sizeof(mode));
	facts_field(is, "uid", uid, sizeof(uid));
	if (strcmp(have, want->sha256) != 0)
		return found(ret, DRIFTED, "'%s' is another one than %s's (sha256 %.12s, wanted %.12s)",
			     path, want->version, have, want->sha256);
	if (strtoul(mode, NULL, 8) != a->mode || strcmp(uid, "0") != 0)
		return found(ret, DRIFTED, "'%s' has mode %s and owner %s", path, mode, uid);
	return found(ret, PRESENT, "'%s' is %s's (sha256 %.12s)", path, want->version, have);
}

static void show_progress(void *ctx, const struct artifact *a, uint64_t done, uint64_t total,
			  const char *doing)
{
	struct hand *h = ctx;
	if (h->doing) {
		char text[300];
		snprintf(text, sizeof(text), "%s: %s", a->name, doing);
		h->doing(h->progress_ctx, text);
	}
	if (h->progress)
		h->progress(h->progress_ctx, done, total);
}

static int artifact_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct artifact_arg *a = arg_of(s);
	const struct artifact *want = wanted(s, &h->view);
	char room[STEP_PATH_MAX];
	AUTO_CLOSE int fd = -1;
	if (!want)
		return err_set(e, ERR_BUG, "no artifact '%s'", a->what);
	int rc = artifact_open(h->view.artifacts, want, show_progress, h, &fd, e);
	if (rc < 0)
		return rc;
	struct upload u = {
		.path = artifact_path(a, &h->view, room),
		.mode = a->mode,
		.in_fd = fd,
		.in_file = true,
		.sha256 = want->sha256,
		.remember = true,
		.keep_previous = a->keep_previous,
		.flags = CMD_SUDO,
		.progress = h->progress,
		.progress_ctx = h->progress_ctx,
	};
	return session_upload(h->ssh, &u, NULL, e);
}

static int artifact_undo(const struct step *s, struct hand *h, struct err *e)
{
	char room[STEP_PATH_MAX];
	const char *const args[] = { artifact_path(arg_of(s), &h->view, room), "", NULL };
	return step_script(h, "file-remove", args, 60, e);
}

const struct step_ops artifact_ops = {
	.ask = artifact_ask,
	.check = artifact_check,
	.apply = artifact_apply,
	.undo = artifact_undo,
};
