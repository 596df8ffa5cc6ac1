/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/remote/upload.h"
#include "provision/steps/steps.h"

static const struct blob_arg *arg_of(const struct step *s)
{
	return s->arg;
}

static void blob_ask(const struct step *s, const struct view *v, struct probe *p)
{
	probe_ask(p, "host", "os");
	probe_ask(p, "file", "%s", arg_of(s)->path);
	if (arg_of(s)->ask)
		arg_of(s)->ask(v, p);
}

/* The bytes for this node; NULL, and why in e, when there are none. */
static int blob_bytes(const struct step *s, const struct view *v, const void **ret, size_t *ret_len,
		      const char **ret_sha256, struct err *e)
{
	const char *os = NULL;
	int rc = fact(v, &os, e, "host", "os");
	if (rc < 0)
		return rc;
	char arch[24] = "";
	if (os)
		facts_field(os, "arch", arch, sizeof(arch));
	*ret = arg_of(s)->bytes(arch, ret_len, ret_sha256);
	if (!*ret)
		err_set(e, ERR_FAILED,
			"%s for the architecture '%s' is not in this powerstack: build it "
			"with EXPORTER_ARCHES=\"amd64 arm64 armhf\"",
			arg_of(s)->what, arch);
	return 0;
}

static int blob_check(const struct step *s, const struct view *v, struct finding *ret,
		      struct err *e)
{
	const struct blob_arg *a = arg_of(s);
	const char *is = NULL;
	int rc = fact(v, &is, e, "file", "%s", a->path);
	if (rc < 0)
		return rc;
	if (!is && v->destroying)
		return found(ret, ABSENT, "'%s' does not exist", a->path);
	char type[8] = "", have[72] = "", mode[16] = "", uid[16] = "";
	if (is) {
		facts_field(is, "type", type, sizeof(type));
		facts_field(is, "sha256", have, sizeof(have));
		facts_field(is, "mode", mode, sizeof(mode));
		facts_field(is, "uid", uid, sizeof(uid));
	}
	if (is && strcmp(type, "f") != 0)
		return found(ret, FOREIGN, "'%s' is not a file: move it away", a->path);
	if (v->destroying)
		return found(ret, PRESENT, "'%s' is there", a->path);
	bool needed = true;
	rc = !is && a->needed ? a->needed(v, &needed, e) : 0;
	if (rc < 0)
		return rc;
	if (!needed)
		return found(ret, PRESENT, "this node does not need %s", a->what);
	const void *bytes = NULL;
	size_t len = 0;
	const char *want = NULL;
	rc = blob_bytes(s, v, &bytes, &len, &want, e);
	if (rc < 0)
		return rc;
	if (!bytes)
		return found(ret, FOREIGN, "%s", e->msg);
	if (!is)
		return found(ret, ABSENT, "'%s' does not exist", a->path);
	if (strcmp(have, want) != 0)
		return found(ret, DRIFTED, "'%s' is another build (sha256 %.12s, wanted %.12s)",
			     a->path, have, want);
	if (strtoul(mode, NULL, 8) != a->mode || strcmp(uid, "0") != 0)
		return found(ret, DRIFTED, "'%s' has mode %s and owner %s", a->path, mode, uid);
	return found(ret, PRESENT, "'%s' is as wanted (sha256 %.12s)", a->path, have);
}

static int blob_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct blob_arg *a = arg_of(s);
	const void *bytes = NULL;
	size_t len = 0;
	const char *sha256 = NULL;
	int rc = blob_bytes(s, &h->view, &bytes, &len, &sha256, e);
	if (rc < 0)
		return rc;
	if (!bytes)
		return -(int)e->kind;
	struct upload u = {
		.path = a->path,
		.mode = a->mode,
		.in = bytes,
		.in_len = len,
		.sha256 = sha256,
		.remember = true,
		.flags = CMD_SUDO,
		.progress = h->progress,
		.progress_ctx = h->progress_ctx,
	};
	return session_upload(h->ssh, &u, NULL, e);
}

static int blob_undo(const struct step *s, struct hand *h, struct err *e)
{
	const char *const args[] = { arg_of(s)->path, "", NULL };
	return step_script(h, "file-remove", args, 60, e);
}

const struct step_ops blob_ops = {
	.ask = blob_ask,
	.check = blob_check,
	.apply = blob_apply,
	.undo = blob_undo,
};
