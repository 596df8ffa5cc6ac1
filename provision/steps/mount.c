/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "provision/steps/steps.h"

#define MARK "x-powerstack"
#define MOUNT_TIMEOUT_S 180

static const struct mount_arg *arg_of(const struct step *s)
{
	return s->arg;
}

/* "/mnt/data" -> "mnt-data": the name of the record that says that we made the folder */
static void record_name(const char *path, char *ret, size_t size)
{
	snprintf(ret, size, "made/%s", path + (*path == '/'));
	for (char *c = ret + strlen("made/"); *c; c++)
		if (*c == '/')
			*c = '-';
}

static void mount_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const char *at = v->inv->export_path;
	char name[512];
	record_name(at, name, sizeof(name));
	probe_ask(p, "mount", "%s", at);
	probe_ask(p, "fstab", "%s", at);
	probe_ask(p, "dir", "%s", at);
	probe_ask(p, "record", "%s", name);
	if (arg_of(s)->kind == MOUNT_DISK && v->host->disk)
		probe_ask(p, "blk", "%s", v->host->disk);
}

struct wanted {
	char spec[512]; /* in fstab; "" while the disk has no file system yet */
	char source[512]; /* as the kernel shows it */
};

static int mount_wanted(const struct step *s, const struct view *v, struct wanted *ret,
			struct err *e)
{
	*ret = (struct wanted){ "", "" };
	if (arg_of(s)->kind == MOUNT_NFS) {
		snprintf(ret->spec, sizeof(ret->spec), "%s:%s", URL_HOST(v->inv->nfs_server), v->inv->export_path);
		memcpy(ret->source, ret->spec, sizeof(ret->source));
		return 0;
	}
	const char *disk = NULL;
	if (!v->host->disk)
		return 0;
	int rc = fact(v, &disk, e, "blk", "%s", v->host->disk);
	if (rc < 0)
		return rc;
	char state[16] = "", uuid[64] = "";
	if (!disk || !facts_field(disk, "state", state, sizeof(state)) ||
	    strcmp(state, "ours") != 0)
		return 0;
	facts_field(disk, "uuid", uuid, sizeof(uuid));
	facts_field(disk, "part", ret->source, sizeof(ret->source));
	snprintf(ret->spec, sizeof(ret->spec), "UUID=%s", uuid);
	return 0;
}

/* What is there, gathered from the four answers. */
struct there {
	char source[512], spec[512], type[32], options[512];
	unsigned lines;
	bool mounted, ours, recorded;
	const char *dir; /* NULL: no folder */
};

static int look(const struct view *v, struct there *t, struct err *e)
{
	const char *at = v->inv->export_path;
	const char *mount = NULL, *fstab = NULL, *record = NULL;
	char name[512], n[16] = "0";
	*t = (struct there){ .dir = NULL };
	record_name(at, name, sizeof(name));
	int rc = fact(v, &mount, e, "mount", "%s", at);
	if (rc == 0)
		rc = fact(v, &fstab, e, "fstab", "%s", at);
	if (rc == 0)
		rc = fact(v, &record, e, "record", "%s", name);
	/* A folder that cannot be looked into (a file, a link) is told by its own name. */
	bool known = false;
	t->dir = facts_get(v->facts, &known, NULL, "dir", "%s", at);
	if (!known)
		t->dir = "no folder";
	if (rc < 0)
		return rc;
	t->mounted = mount && facts_field(mount, "source", t->source, sizeof(t->source));
	t->recorded = record != NULL;
	if (fstab) {
		facts_field(fstab, "n", n, sizeof(n));
		facts_field(fstab, "spec", t->spec, sizeof(t->spec));
		facts_field(fstab, "type", t->type, sizeof(t->type));
		facts_field(fstab, "options", t->options, sizeof(t->options));
		t->lines = (unsigned)strtoul(n, NULL, 10);
	}
	t->ours = strstr(t->options, MARK) != NULL;
	return 0;
}

static int mount_check_undo(const struct view *v, const struct there *t, const struct wanted *w,
			    struct finding *ret)
{
	const char *at = v->inv->export_path;
	if (t->ours)
		return found(ret, PRESENT, "fstab mounts %s at '%s'", t->spec, at);
	if (t->mounted && !t->lines && w->source[0] && strcmp(t->source, w->source) == 0)
		return found(ret, DRIFTED, "%s is mounted at '%s'", t->source, at);
	if (t->recorded)
		return found(ret, DRIFTED, "the folder '%s', made by powerstack, is left", at);
	return found(ret, ABSENT, "powerstack mounts nothing at '%s'", at);
}

static int mount_check(const struct step *s, const struct view *v, struct finding *ret,
		       struct err *e)
{
	const struct mount_arg *a = arg_of(s);
	const char *at = v->inv->export_path;
	struct there t;
	struct wanted w;
	int rc = look(v, &t, e);
	if (rc == 0)
		rc = mount_wanted(s, v, &w, e);
	if (rc < 0)
		return rc;
	if (v->destroying)
		return mount_check_undo(v, &t, &w, ret);
	if (!plain_word(at) || (a->kind == MOUNT_NFS && !plain_word(v->inv->nfs_server)))
		return found(ret, FOREIGN,
			     "export_path '%s' and nfs_server '%s' may only hold letters, digits "
			     "and . _ - + : /",
			     at, v->inv->nfs_server);
	if (t.lines && !t.ours)
		return found(ret, FOREIGN,
			     "fstab has a line for '%s' that is not powerstack's (%s): remove it",
			     at, t.spec);
	if (t.lines > 1)
		return found(ret, FOREIGN, "fstab has %u lines for '%s': remove those without %s",
			     t.lines, at, MARK);
	if (t.mounted && strcmp(t.source, w.source) != 0 &&
	    !(a->kind == MOUNT_NFS && t.ours && strcmp(t.source, t.spec) == 0))
		return found(ret, FOREIGN, "'%s' is the mount point of %s already: unmount it", at,
			     t.source);
	if (!t.mounted && t.dir && strcmp(t.dir, "empty") != 0)
		return found(ret, FOREIGN,
			     strcmp(t.dir, "full") == 0
				     ? "'%s' is not empty and nothing is mounted there: its files "
				       "would be hidden; move them away"
				     : "'%s' is not a folder: move it away",
			     at);
	if (!t.lines && !t.mounted)
		return found(ret, ABSENT, "nothing is mounted at '%s'", at);
	if (!t.lines)
		return found(ret, DRIFTED, "'%s' is mounted, but not in fstab", at);
	if (!w.spec[0] || strcmp(t.spec, w.spec) != 0)
		return found(ret, DRIFTED, "fstab has %s for '%s' instead of %s", t.spec, at,
			     w.spec);
	char options[600];
	snprintf(options, sizeof(options), "%s,%s", a->options, MARK);
	if (strcmp(t.type, a->type) != 0 || strcmp(t.options, options) != 0)
		return found(ret, DRIFTED, "fstab has %s %s for '%s' instead of %s %s", t.type,
			     t.options, at, a->type, options);
	if (!t.mounted)
		return found(ret, DRIFTED, "'%s' is in fstab, but not mounted", at);
	return found(ret, PRESENT, "%s is mounted at '%s'", t.source, at);
}

static int mount_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct mount_arg *a = arg_of(s);
	struct wanted w;
	int rc = mount_wanted(s, &h->view, &w, e);
	if (rc < 0)
		return rc;
	bool disk = a->kind == MOUNT_DISK;
	if (disk && !h->view.host->disk)
		return err_set(e, ERR_CONFIG,
			       "no disk_for_persistent_storage is given for this host");
	const char *const args[] = { disk ? "disk" : "nfs",
				     disk ? h->view.host->disk : w.spec,
				     h->view.inv->export_path,
				     a->type,
				     a->options,
				     NULL };
	return step_script(h, "mount-add", args, MOUNT_TIMEOUT_S, e);
}

static int mount_undo(const struct step *s, struct hand *h, struct err *e)
{
	const char *const args[] = { arg_of(s)->kind == MOUNT_DISK ? "disk" : "nfs",
				     h->view.inv->export_path, NULL };
	return step_script(h, "mount-remove", args, MOUNT_TIMEOUT_S, e);
}

const struct step_ops mount_ops = {
	.ask = mount_ask,
	.check = mount_check,
	.apply = mount_apply,
	.undo = mount_undo,
};
