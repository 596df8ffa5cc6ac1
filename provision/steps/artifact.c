/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <sodium.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/file.h"
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
		return is || (a->member && claim) ? found(ret, PRESENT, "'%s' is there", path) :
						    found(ret, ABSENT, "'%s' does not exist", path);
	char arch[24] = "", have[72] = "", mode[16] = "", uid[16] = "", archive[72] = "", file[72] = "";
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
	if (a->member) {
		facts_field(claim, "archive", archive, sizeof(archive));
		facts_field(claim, "file", file, sizeof(file));
		if (strcmp(archive, want->sha256) != 0)
			return found(ret, DRIFTED, "'%s' is of another release than %s", path, want->version);
	}
	const char *sum = a->member ? file : want->sha256;
	if (strcmp(have, sum) != 0)
		return found(ret, DRIFTED, "'%s' is another one than %s's (sha256 %.12s, wanted %.12s)",
			     path, want->version, have, sum);
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

/* ---- a member of a packed tar */

static bool is_member(const char *path, const char *name)
{
	return path && strcmp(file_name(path), name) == 0;
}

static int copy_member(struct archive *tar, int to, const char *what, crypto_hash_sha256_state *sum, struct err *e)
{
	char chunk[65536];
	for (;;) {
		la_ssize_t n = archive_read_data(tar, chunk, sizeof(chunk));
		if (n == 0)
			return 0;
		if (n < 0)
			return err_set(e, ERR_FAILED, "'%s' cannot be unpacked: %s", what, archive_error_string(tar));
		crypto_hash_sha256_update(sum, (const unsigned char *)chunk, (size_t)n);
		for (la_ssize_t done = 0; done < n;) {
			ssize_t w = write(to, chunk + done, (size_t)(n - done));
			if (w < 0)
				return err_errno(e, ERR_FAILED, "no room to unpack '%s'", what);
			done += w;
		}
	}
}

static int find_member(struct archive *tar, int from, int to, const struct artifact *want, const char *name,
		       crypto_hash_sha256_state *sum, struct err *e)
{
	struct archive_entry *entry = NULL;
	if (archive_read_support_format_tar(tar) != ARCHIVE_OK || archive_read_support_filter_gzip(tar) != ARCHIVE_OK ||
	    archive_read_open_fd(tar, from, 65536) != ARCHIVE_OK)
		return err_set(e, ERR_FAILED, "'%s' cannot be unpacked: %s", want->name, archive_error_string(tar));
	int rc;
	while ((rc = archive_read_next_header(tar, &entry)) == ARCHIVE_OK)
		if (archive_entry_filetype(entry) == AE_IFREG && is_member(archive_entry_pathname(entry), name))
			return copy_member(tar, to, want->name, sum, e);
	return rc == ARCHIVE_EOF ? err_set(e, ERR_FAILED, "'%s' holds no file '%s'", want->name, name) :
				   err_set(e, ERR_FAILED, "'%s' cannot be unpacked: %s", want->name,
					   archive_error_string(tar));
}

/* *fd, which is the artifact's, becomes the member's, in memory; ret is its sum. */
static int unpack(const struct artifact *want, const char *name, int *fd, char ret[static 65], struct err *e)
{
	AUTO_CLOSE int to = memfd_create("member", MFD_CLOEXEC);
	struct archive *tar = archive_read_new();
	if (to < 0 || !tar) {
		archive_read_free(tar);
		return err_set(e, ERR_MEMORY, "out of memory");
	}
	crypto_hash_sha256_state state;
	unsigned char h[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_init(&state);
	int rc = find_member(tar, *fd, to, want, name, &state, e);
	archive_read_free(tar);
	if (rc == 0 && lseek(to, 0, SEEK_SET) < 0)
		rc = err_errno(e, ERR_FAILED, "cannot read what was unpacked of '%s'", want->name);
	if (rc < 0)
		return rc;
	crypto_hash_sha256_final(&state, h);
	sodium_bin2hex(ret, 65, h, sizeof(h));
	close(*fd);
	*fd = take_fd(&to);
	return 0;
}

/* What the file is going to be, before it is: a file without its record would not be ours. */
static int record_sums(struct hand *h, const char *record, const char *archive, const char *file, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	const char *const args[] = { record, NULL };
	buf_init(&text, 256);
	buf_addf(&text, "archive=%s\nfile=%s\n", archive, file);
	return step_script_in(h, "record-set", args, &text, false, 60, e);
}

static int send_file(struct hand *h, int fd, struct upload *u, struct err *e)
{
	u->in_fd = fd;
	u->in_file = true;
	u->remember = true;
	u->flags = CMD_SUDO;
	u->progress = h->progress;
	u->progress_ctx = h->progress_ctx;
	return session_upload(h->ssh, u, NULL, e);
}

int artifact_send(struct hand *h, const struct artifact *a, const char *path, unsigned mode, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct upload u = { .path = path, .mode = mode, .sha256 = a->sha256 };
	int rc = artifact_open(h->view.artifacts, a, show_progress, h, &fd, e);
	return rc < 0 ? rc : send_file(h, fd, &u, e);
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
	char file[65] = "";
	if (rc == 0 && a->member)
		rc = unpack(want, a->member, &fd, file, e);
	if (rc == 0 && a->member)
		rc = record_sums(h, a->claim, want->sha256, file, e);
	if (rc < 0)
		return rc;
	struct upload u = {
		.path = artifact_path(a, &h->view, room),
		.mode = a->mode,
		.sha256 = a->member ? file : want->sha256,
		.keep_previous = a->keep_previous,
	};
	return send_file(h, fd, &u, e);
}

static int artifact_undo(const struct step *s, struct hand *h, struct err *e)
{
	char room[STEP_PATH_MAX];
	const struct artifact_arg *a = arg_of(s);
	const char *const args[] = { artifact_path(a, &h->view, room), "", NULL }, *const record[] = { a->claim, NULL };
	int rc = step_script(h, "file-remove", args, 60, e);
	return rc < 0 || !a->member ? rc : step_script(h, "record-set", record, 60, e);
}

const struct step_ops artifact_ops = {
	.ask = artifact_ask,
	.check = artifact_check,
	.apply = artifact_apply,
	.undo = artifact_undo,
};
