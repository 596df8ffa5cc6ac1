/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "provision/steps/steps.h"

/* mkfs on a large disk that discards slowly */
#define FORMAT_TIMEOUT_S 600

static void disk_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	if (!v->host->disk)
		return;
	probe_ask(p, "blk", "%s", v->host->disk);
	probe_ask(p, "fstab", "%s", v->inv->export_path);
}

/* Is want one of the serials "a|b|c"? */
static bool serial_among(const char *serials, const char *want)
{
	size_t len = strlen(want);
	for (const char *s = serials; len; s++) {
		size_t n = strcspn(s, "|");
		if (n == len && strncmp(s, want, n) == 0)
			return true;
		s += n;
		if (!*s)
			break;
	}
	return false;
}

/* What keeps us from taking the device that was found for the one that is meant. */
static bool wrong_disk(const struct view *v, const char *is, struct finding *ret)
{
	const struct host *h = v->host;
	char name[64] = "", link[8] = "", serials[256] = "";
	facts_field(is, "name", name, sizeof(name));
	facts_field(is, "link", link, sizeof(link));
	facts_field(is, "serials", serials, sizeof(serials));
	if (strcmp(link, "no") == 0)
		found(ret, FOREIGN,
		      "'%s' leads to %s, which does not have that name: a stale link; "
		      "look at 'ls -l /dev/disk/by-id'",
		      h->disk, name);
	else if (h->disk_serial && !serial_among(serials, h->disk_serial))
		found(ret, FOREIGN,
		      "'%s' is %s with the serial '%s', but the inventory says disk_serial '%s'",
		      h->disk, name, serials[0] ? serials : "none", h->disk_serial);
	else if (!h->disk_serial && strcmp(link, "yes") != 0)
		found(ret, FOREIGN,
		      "'%s' can be another disk after the next boot: name it by /dev/disk/by-id, "
		      "or give its disk_serial (it reports '%s')",
		      h->disk, serials[0] ? serials : "none");
	else
		return false;
	return true;
}

static int disk_check(const struct step *s, const struct view *v, struct finding *ret,
		      struct err *e)
{
	(void)s;
	const struct host *h = v->host;
	if (!h->disk)
		return found(ret, v->destroying ? ABSENT : FOREIGN,
			     "no disk_for_persistent_storage is given for this host");
	const char *is = NULL, *fstab = NULL;
	int rc = fact(v, &is, e, "blk", "%s", h->disk);
	if (rc == 0)
		rc = fact(v, &fstab, e, "fstab", "%s", v->inv->export_path);
	if (rc < 0)
		return rc;
	if (!is)
		return found(ret, v->destroying ? ABSENT : FOREIGN,
			     "'%s' does not exist: look at 'ls -l /dev/disk/by-id'", h->disk);
	char state[16] = "", name[64] = "", what[300] = "", uuid[64] = "", size[32] = "";
	facts_field(is, "state", state, sizeof(state));
	facts_field(is, "name", name, sizeof(name));
	facts_field(is, "found", what, sizeof(what));
	facts_field(is, "uuid", uuid, sizeof(uuid));
	facts_field(is, "size", size, sizeof(size));
	bool ours = strcmp(state, "ours") == 0, part = strcmp(state, "part") == 0;
	if (v->destroying) {
		if (!v->purge->wipe_disk)
			return found(ret, ABSENT, "%s is left as it is%s", name,
				     ours ? ": the data stays" : "");
		if (ours || part)
			return found(ret, PRESENT, "%s holds powerstack's %s", name,
				     ours ? "file system" : "empty partition");
		if (strcmp(state, "free") == 0)
			return found(ret, ABSENT, "%s is empty", name);
		return found(ret, FOREIGN, "%s is not powerstack's and is not wiped: %s", name,
			     what);
	}
	if (wrong_disk(v, is, ret))
		return 0;
	if (!ours && !part && strcmp(state, "free") != 0)
		return found(ret, FOREIGN, "%s (%s) is not empty and not powerstack's: %s", name,
			     h->disk, what);
	/* Our own line for another file system: the inventory now names another disk. */
	char spec[128] = "", options[512] = "", want[80];
	snprintf(want, sizeof(want), "UUID=%s", uuid);
	if (fstab && facts_field(fstab, "spec", spec, sizeof(spec)) &&
	    facts_field(fstab, "options", options, sizeof(options)) &&
	    strstr(options, "x-powerstack") && (!ours || strcmp(spec, want) != 0))
		return found(ret, FOREIGN,
			     "'%s' is on another disk so far (%s): 'powerstack destroy disk' "
			     "with the old inventory first",
			     v->inv->export_path, spec);
	char node[64] = "";
	facts_field(is, "part", node, sizeof(node));
	if (ours && !node[0])
		return found(ret, DRIFTED, "the kernel does not know the partition of %s yet",
			     name);
	if (ours)
		return found(ret, PRESENT, "%s holds powerstack's Btrfs, UUID %s", name, uuid);
	if (part)
		return found(ret, DRIFTED,
			     "%s has powerstack's partition, without a file system yet", name);
	return found(ret, ABSENT, "%s is empty (%s bytes)", name, size);
}

static int run_on_disk(struct hand *h, const char *script, const char *serial, struct err *e)
{
	const char *is = NULL;
	int rc = fact(&h->view, &is, e, "blk", "%s", h->view.host->disk);
	if (rc < 0)
		return rc;
	char name[64] = "", majmin[32] = "";
	if (!is || !facts_field(is, "name", name, sizeof(name)) ||
	    !facts_field(is, "majmin", majmin, sizeof(majmin)))
		return err_set(e, ERR_FAILED, "'%s' does not exist any more", h->view.host->disk);
	const char *const args[] = { h->view.host->disk, name, majmin, serial ? serial : "", NULL };
	return step_script(h, script, args, FORMAT_TIMEOUT_S, e);
}

static int disk_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	return run_on_disk(h, "disk-format", h->view.host->disk_serial, e);
}

static int disk_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const struct purge *p = h->view.purge;
	const char *is = NULL;
	int rc = fact(&h->view, &is, e, "blk", "%s", h->view.host->disk);
	if (rc < 0)
		return rc;
	char serials[256] = "";
	if (is)
		facts_field(is, "serials", serials, sizeof(serials));
	if (!p->wipe_disk || !p->disk_serial || !serial_among(serials, p->disk_serial))
		return err_set(e, ERR_REFUSED,
			       "the disk's serial is '%s', not '%s' as typed: nothing was wiped",
			       serials, p->disk_serial ? p->disk_serial : "");
	return run_on_disk(h, "disk-wipe", p->disk_serial, e);
}

const struct step_ops disk_ops = {
	.ask = disk_ask,
	.check = disk_check,
	.apply = disk_apply,
	.undo = disk_undo,
};
