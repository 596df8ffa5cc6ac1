/* SPDX-License-Identifier: BSD-2-Clause */
/* Appendix B.2 of the thesis: disk, export, mounts, a file through the share, service, journal. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/url.h"
#include "provision/checks/checks.h"

/* "key" of an answer into to, "" when it is not there. */
#define FIELD(answer, key, to) ((to)[0] = '\0', facts_field(answer, key, to, sizeof(to)))

static void ask_disk(const struct view *v, struct probe *p)
{
	probe_ask(p, "blk", "%s", v->host->disk);
	probe_ask(p, "fstab", "%s", v->inv->export_path);
	probe_ask(p, "mount", "%s", v->inv->export_path);
}

/* B2.1 */

static void b2_1_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	ask_disk(v, p);
	probe_ask(p, "fstab-check", "-");
}

static enum verdict b2_1_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *line = check_answer(v, "fstab", v->inv->export_path, "has no line in /etc/fstab", &bad, why, size);
	const char *disk = line ? check_answer(v, "blk", v->host->disk, "is not there", &bad, why, size) : NULL;
	if (!line || !disk)
		return bad;
	char n[16], spec[256], type[32], uuid[64], wanted[80];
	FIELD(line, "n", n);
	FIELD(line, "spec", spec);
	FIELD(line, "type", type);
	FIELD(disk, "uuid", uuid);
	snprintf(wanted, sizeof(wanted), "UUID=%s", uuid);
	if (strcmp(n, "1") != 0)
		return check_says(CHECK_FAIL, why, size, "%s lines for %s in /etc/fstab, wanted one", n,
				  v->inv->export_path);
	if (!uuid[0] || strcmp(spec, wanted) != 0)
		return check_says(CHECK_FAIL, why, size, "/etc/fstab mounts %.100s, the disk's file system is %s",
				  spec, uuid[0] ? wanted : "not there");
	if (strcmp(type, "btrfs") != 0)
		return check_says(CHECK_FAIL, why, size, "/etc/fstab says type %s, not btrfs", type);
	const char *findmnt = check_answer(v, "fstab-check", "-", "cannot be told", &bad, why, size);
	if (!findmnt)
		return bad;
	if (strcmp(findmnt, "clean") != 0)
		return check_says(CHECK_FAIL, why, size, "findmnt --verify: %.300s", findmnt);
	return check_says(CHECK_PASS, why, size, "one line, %s, btrfs; findmnt --verify is clean", spec);
}

const struct check check_b2_1 = {
	"B2.1", "disk", "fstab has exactly one entry for the export path, by UUID", ROLE_CONTROL, 0, 0, b2_1_ask,
	b2_1_judge,
};

/* B2.2 */

static void b2_2_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	ask_disk(v, p);
}

static enum verdict b2_2_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *m = check_answer(v, "mount", v->inv->export_path,
				     "is not a mount point: what is written there goes to the root disk", &bad, why, size);
	const char *disk = m ? check_answer(v, "blk", v->host->disk, "is not there", &bad, why, size) : NULL;
	if (!m || !disk)
		return bad;
	char source[256], type[32], part[128];
	FIELD(m, "source", source);
	FIELD(m, "type", type);
	FIELD(disk, "part", part);
	bool pass = part[0] && strcmp(source, part) == 0 && strcmp(type, "btrfs") == 0;
	return check_says(pass ? CHECK_PASS : CHECK_FAIL, why, size, "%s on %s, type %s%s%s", source,
			  v->inv->export_path, type, pass ? "" : "; wanted btrfs on ", pass ? "" : part);
}

const struct check check_b2_2 = {
	"B2.2", "disk", "the chosen disk is mounted at the export path", ROLE_CONTROL, 0, 0, b2_2_ask, b2_2_judge,
};

/* B2.3 */

/* A partition table and its alignment take less than 4 MiB; more than 2 % is another disk or half of it. */
#define SIZE_PERCENT 2

static void b2_3_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "blk", "%s", v->host->disk);
	probe_ask(p, "free", "%s", v->inv->export_path);
}

static enum verdict b2_3_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *disk = check_answer(v, "blk", v->host->disk, "is not there", &bad, why, size);
	const char *fs = disk ? check_answer(v, "free", v->inv->export_path, "is not there", &bad, why, size) : NULL;
	if (!disk || !fs)
		return bad;
	int64_t whole = 0, have = 0;
	if (!check_number(disk, "size", &whole) || !check_number(fs, "size", &have))
		return check_says(CHECK_FAIL, why, size, "the sizes are not told");
	bool pass = have <= whole && have >= whole - whole / 100 * SIZE_PERCENT;
	return check_says(pass ? CHECK_PASS : CHECK_FAIL, why, size,
			  "file system of %" PRId64 " MiB on a disk of %" PRId64 " MiB%s", have >> 20, whole >> 20,
			  pass ? "" : " (wanted: all of it, within 2 %)");
}

const struct check check_b2_3 = {
	"B2.3", "disk", "the file system is as large as the disk", ROLE_CONTROL, 0, 0, b2_3_ask, b2_3_judge,
};

/* B2.4 */

static void b2_4_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "exports", "%s", v->inv->export_path);
}

static bool has_option(const char *options, const char *name)
{
	size_t n = strlen(name);
	for (const char *o = options; o && *o; o = strpbrk(o, ",)"), o += o != NULL)
		if (strncmp(o, name, n) == 0 && (o[n] == ',' || o[n] == ')'))
			return true;
	return false;
}

static enum verdict b2_4_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *e = check_answer(v, "exports", v->inv->export_path, "is not exported", &bad, why, size);
	if (!e)
		return bad;
	size_t n = strlen(v->inv->nfs_network);
	if (strchr(e, '\n'))
		return check_says(CHECK_FAIL, why, size, "%s is exported more than once; a stale line in /etc/exports?",
				  v->inv->export_path);
	if (strncmp(e, v->inv->nfs_network, n) != 0 || e[n] != '(')
		return check_says(CHECK_FAIL, why, size, "exported to %.*s, wanted %s", (int)strcspn(e, "("), e,
				  v->inv->nfs_network);
	static const char *const wanted[] = { "rw", "sync", "no_root_squash" };
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!has_option(e + n + 1, wanted[i]))
			return check_says(CHECK_FAIL, why, size, "exported without '%s': %.200s", wanted[i], e + n);
	return check_says(CHECK_PASS, why, size, "%s to %s (rw,sync,no_root_squash)", v->inv->export_path,
			  v->inv->nfs_network);
}

const struct check check_b2_4 = {
	"B2.4", "nfs", "the export path is exported to the NFS network, and only there", ROLE_CONTROL, 0, 10, b2_4_ask,
	b2_4_judge,
};

/* B2.5 and B2.6 */

static void b2_5_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "mount", "%s", v->inv->export_path);
	probe_ask(p, "statfs", "%s", v->inv->export_path);
}

static enum verdict b2_5_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *m = check_answer(v, "mount", v->inv->export_path, "is not a mount point", &bad, why, size);
	if (!m)
		return bad;
	char type[32];
	FIELD(m, "type", type);
	if (strcmp(type, "nfs4") != 0 && strcmp(type, "nfs") != 0)
		return check_says(CHECK_FAIL, why, size, "%s has type %s, not nfs", v->inv->export_path, type);
	/* the mount table does not tell a dead server; asking the file system does */
	if (!check_answer(v, "statfs", v->inv->export_path, "does not answer", &bad, why, size))
		return bad;
	return check_says(CHECK_PASS, why, size, "%s is mounted, type %s, and answers", v->inv->export_path, type);
}

const struct check check_b2_5 = {
	"B2.5", "nfs", "the NFS share is mounted on the worker", ROLE_AGENT, 0, 30, b2_5_ask, b2_5_judge,
};

static void b2_6_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "mount", "%s", v->inv->export_path);
	probe_ask(p, "fstab", "%s", v->inv->export_path);
}

static enum verdict b2_6_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *m = check_answer(v, "mount", v->inv->export_path, "is not a mount point", &bad, why, size);
	const char *f = m ? check_answer(v, "fstab", v->inv->export_path, "has no line in /etc/fstab", &bad, why, size) :
			    NULL;
	if (!m || !f)
		return bad;
	char wanted[512], source[256], spec[256], n[16];
	snprintf(wanted, sizeof(wanted), "%s:%s", URL_HOST(v->inv->nfs_server), v->inv->export_path);
	FIELD(m, "source", source);
	FIELD(f, "spec", spec);
	FIELD(f, "n", n);
	if (strcmp(source, wanted) != 0)
		return check_says(CHECK_FAIL, why, size, "mounted from %.150s, wanted %.150s", source, wanted);
	if (strcmp(n, "1") != 0 || strcmp(spec, wanted) != 0)
		return check_says(CHECK_FAIL, why, size, "/etc/fstab has %s lines, the first from %.120s; wanted one from %.120s",
				  n, spec, wanted);
	return check_says(CHECK_PASS, why, size, "mounted from %s, and so says /etc/fstab", source);
}

const struct check check_b2_6 = {
	"B2.6", "nfs", "the share comes from the control node's export path", ROLE_AGENT, 0, 30, b2_6_ask, b2_6_judge,
};

/* B2.7, B2.8, B2.9: one file of each worker, written there, read on the control node, deleted there */

#define WRITE_MAX_MS 2000

static void b2_7_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "nfs-write", "%s:%s:%s", v->run_id, v->host->name, v->inv->export_path);
}

static enum verdict b2_7_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char about[512];
	snprintf(about, sizeof(about), "%s:%s:%s", v->run_id, v->host->name, v->inv->export_path);
	const char *a = check_answer(v, "nfs-write", about, "was not written", &bad, why, size);
	if (!a)
		return bad;
	int64_t ms = 0;
	if (strncmp(a, "written", 7) != 0 || !check_number(a, "ms", &ms))
		return check_says(CHECK_FAIL, why, size, "a test file could not be written: %.200s", a);
	return check_says(ms <= WRITE_MAX_MS ? CHECK_PASS : CHECK_FAIL, why, size,
			  "a test file was written in %" PRId64 " ms (limit %d)", ms, WRITE_MAX_MS);
}

const struct check check_b2_7 = {
	"B2.7", "nfs", "a worker writes a test file to the share", ROLE_AGENT, 1, 0, b2_7_ask, b2_7_judge,
};

static void read_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "nfs-read", "%s:%s", v->run_id, v->inv->export_path);
}

/* The files of this run that the control node sees; NULL when there is none. */
static bool seen(const struct view *v, const char **ret_files, char *why, size_t size)
{
	bool known = false;
	const char *reason = NULL;
	*ret_files = facts_get(v->facts, &known, &reason, "nfs-read", "%s:%s", v->run_id, v->inv->export_path);
	if (!known)
		snprintf(why, size, "%s could not be read: %s", v->inv->export_path, reason ? reason : "no reason given");
	return known;
}

/* Is there a line WORKER=CONTENT, and is it the content that nfs-write leaves? */
static bool has_file(const char *files, const struct view *v, const struct host *worker, bool *ret_same)
{
	char name[300], content[300], got[300];
	snprintf(name, sizeof(name), "%s", worker->name);
	snprintf(content, sizeof(content), "powerstack %s %s", v->run_id, worker->name);
	if (!files || !facts_field(files, name, got, sizeof(got)))
		return false;
	*ret_same = strcmp(got, content) == 0;
	return true;
}

static enum verdict b2_8_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	const char *files = NULL;
	if (!seen(v, &files, why, size))
		return CHECK_FAIL;
	unsigned n = 0;
	for (size_t i = 0; i < v->inv->nhosts; i++) {
		const struct host *w = &v->inv->hosts[i];
		bool same = false;
		if (!(w->roles & ROLE_AGENT))
			continue;
		if (!has_file(files, v, w, &same))
			return check_says(CHECK_FAIL, why, size, "the test file of %s is not to be seen here", w->name);
		if (!same)
			return check_says(CHECK_FAIL, why, size, "the test file of %s has other bytes here", w->name);
		n++;
	}
	if (!n)
		return check_says(CHECK_SKIP, why, size, "the inventory has no worker");
	return check_says(CHECK_PASS, why, size, "the test files of %u workers are here with the same bytes", n);
}

const struct check check_b2_8 = {
	"B2.8", "nfs", "the control node sees the workers' files", ROLE_CONTROL, 2, 5, read_ask, b2_8_judge,
};

static void b2_9_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	probe_ask(p, "nfs-delete", "%s:%s:%s", v->run_id, v->host->name, v->inv->export_path);
}

static enum verdict b2_9_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	char about[512];
	snprintf(about, sizeof(about), "%s:%s:%s", v->run_id, v->host->name, v->inv->export_path);
	const char *a = check_answer(v, "nfs-delete", about, "was not there to delete", &bad, why, size);
	if (!a)
		return bad;
	return check_says(strcmp(a, "deleted") == 0 ? CHECK_PASS : CHECK_FAIL, why, size, "the test file: %.200s", a);
}

const struct check check_b2_9_deleted = {
	"B2.9", "nfs", "the worker deletes its test file", ROLE_AGENT, 3, 0, b2_9_ask, b2_9_judge,
};

static enum verdict b2_9_gone_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	const char *files = NULL;
	if (!seen(v, &files, why, size))
		return CHECK_FAIL;
	if (files && *files)
		return check_says(CHECK_FAIL, why, size, "still here: %.200s", files);
	return check_says(CHECK_PASS, why, size, "no test file of this run is left");
}

const struct check check_b2_9_gone = {
	"B2.9", "nfs", "the deleted files are gone on the control node", ROLE_CONTROL, 4, 5, read_ask, b2_9_gone_judge,
};

/* B2.10 */

static void b2_10_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "unit", "nfs-server.service");
	probe_ask(p, "nfsd", "-");
	probe_ask(p, "listen", "tcp/2049");
}

static enum verdict b2_10_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	const char *u = check_answer(v, "unit", "nfs-server.service", "is not installed", &bad, why, size);
	const char *nfsd = u ? check_answer(v, "nfsd", "-", "is not running", &bad, why, size) : NULL;
	if (!u || !nfsd)
		return bad;
	char active[32], enabled[32], threads[16];
	FIELD(nfsd, "threads", threads);
	FIELD(u, "ActiveState", active);
	FIELD(u, "UnitFileState", enabled);
	if (strcmp(active, "active") != 0 || strcmp(enabled, "enabled") != 0)
		return check_says(CHECK_FAIL, why, size, "nfs-server.service is %s and %s, wanted active and enabled", active,
				  enabled);
	if (strcmp(threads, "0") == 0)
		return check_says(CHECK_FAIL, why, size, "nfs-server.service is active, but the kernel runs no nfsd thread");
	if (!check_answer(v, "listen", "tcp/2049", "is not listened on", &bad, why, size))
		return bad;
	return check_says(CHECK_PASS, why, size, "active, enabled, %s threads, port 2049", threads);
}

const struct check check_b2_10 = {
	"B2.10", "nfs", "the NFS server runs and starts at boot", ROLE_CONTROL, 0, 20, b2_10_ask, b2_10_judge,
};

/* B2.11 */

static void b2_11_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	probe_ask(p, "journal", "nfs");
}

/* The journal answer holds every kernel warning, too: only lines that speak of NFS count. */
static const char *const nfs_words[] = { "nfs", "NFS", "lockd", "exportfs", "rpc.", "rpcbind", "sunrpc", "RPC:" };
/* Benign, always there:
 * - the recovery directory that nfsdcld replaced is looked for first;
 * - nfsdcld starts with an empty database at the first start;
 * - the kernel says so when no client holds state from before the boot;
 * - rpc.statd finds an empty state file at its first start ("Failed ...: Success"), and tells its
 *   build flags and rpc.idmapd its log level at warning level. */
static const char *const nfs_benign[] = {
	"Using nfsdcld client tracking", "Using UMH upcall", "Using legacy client tracking", "starting 90-second grace",
	"end of grace period", "v4recovery", "no clients to reclaim", "starting up", "sm-notify", "RPC: Registered",
	"Flags: TI-RPC", "Setting log level to", "/var/lib/nfs/state: Success",
};

static bool any_in(const char *line, size_t len, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memmem(line, len, words[i], strlen(words[i])))
			return true;
	return false;
}

static enum verdict b2_11_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	bool known = false;
	const char *reason = NULL;
	const char *lines = facts_get(v->facts, &known, &reason, "journal", "nfs");
	if (!known)
		return check_says(CHECK_FAIL, why, size, "the journal could not be read: %s",
				  reason ? reason : "no reason given");
	unsigned n = 0;
	const char *last = "";
	int last_len = 0;
	for (const char *l = lines ? lines : ""; *l; l += strcspn(l, "\n"), l += *l == '\n') {
		size_t len = strcspn(l, "\n");
		if (!any_in(l, len, nfs_words, sizeof(nfs_words) / sizeof(nfs_words[0])) ||
		    any_in(l, len, nfs_benign, sizeof(nfs_benign) / sizeof(nfs_benign[0])))
			continue;
		n++;
		last = l;
		last_len = (int)len;
	}
	if (n)
		return check_says(CHECK_FAIL, why, size, "%u lines, the last: %.*s", n, last_len, last);
	return check_says(CHECK_PASS, why, size, "no NFS warning or error in the journal since boot");
}

const struct check check_b2_11 = {
	"B2.11", "nfs", "the journal has no NFS errors since boot", ROLE_CONTROL, 5, 0, b2_11_ask, b2_11_judge,
};
