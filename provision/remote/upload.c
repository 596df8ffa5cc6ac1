/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/upload.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "provision/files.h"

#define SLOWEST ((uint64_t)256 * 1024)	/* bytes a second that an upload may be expected to make */

static int hash_file(EVP_MD_CTX *md, int fd, uint64_t size, struct err *e)
{
	AUTO_FREE char *chunk = malloc(256 * 1024);
	if (!chunk)
		return err_set(e, ERR_MEMORY, "no memory to read a file");
	for (uint64_t at = 0; at < size;) {
		ssize_t n = pread(fd, chunk, 256 * 1024, (off_t)at);
		if (n < 0)
			return err_errno(e, ERR_FAILED, "reading the file to be uploaded");
		if (n == 0)
			return err_set(e, ERR_FAILED, "the file to be uploaded became shorter meanwhile");
		EVP_DigestUpdate(md, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

static int sum(const struct upload *u, uint64_t size, char ret[65], struct err *e)
{
	unsigned char h[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int r = 0;
	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		r = err_set(e, ERR_MEMORY, "no memory for a checksum");
	else if (u->in_file)
		r = hash_file(md, u->in_fd, size, e);
	else
		EVP_DigestUpdate(md, u->in, u->in_len);
	if (r == 0 && EVP_DigestFinal_ex(md, h, NULL) != 1)
		r = err_set(e, ERR_FAILED, "no checksum");
	EVP_MD_CTX_free(md);
	for (size_t i = 0; i < 32 && r == 0; i++)
		snprintf(ret + 2 * i, 3, "%02x", h[i]);
	return r;
}

static int size_of(const struct session *s, const struct upload *u, uint64_t *ret, struct err *e)
{
	struct stat st;
	if (!u->in_file) {
		*ret = u->in_len;
		return 0;
	}
	if (fstat(u->in_fd, &st) < 0 || !S_ISREG(st.st_mode) || lseek(u->in_fd, 0, SEEK_SET) < 0)
		return err_set(e, ERR_FAILED, "host '%s': what is to become '%s' is no regular file", s->host, u->path);
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int what_it_did(const struct session *s, const struct upload *u, const struct answer *a, enum upload_did *ret,
		       struct err *e)
{
	static const char *const words[] = { [UPLOAD_SAME] = "same\n", [UPLOAD_FIXED] = "fixed\n", [UPLOAD_NEW] = "new\n" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(buf_str(&a->out), words[i]) == 0) {
			if (ret)
				*ret = (enum upload_did)i;
			return 0;
		}
	return err_set(e, ERR_FAILED, "host '%s': the upload of '%s' gave no proper answer (does the login shell print something?)",
		       s->host, u->path);
}

int session_upload(struct session *s, const struct upload *u, enum upload_did *ret, struct err *e)
{
	struct script script = { .name = "put", .text = files_text("put.sh") };
	uint64_t size = 0;
	char sha256[65] = "", mode[16], length[32];
	if (!script.text || u->path[0] != '/')
		return err_set(e, ERR_BUG, "host '%s': no script or no absolute path for an upload", s->host);
	int r = size_of(s, u, &size, e);
	if (r == 0 && !u->sha256)
		r = sum(u, size, sha256, e);
	if (r < 0)
		return r;
	snprintf(mode, sizeof(mode), "%o", u->mode & 07777);
	snprintf(length, sizeof(length), "%llu", (unsigned long long)size);
	const char *const argv[] = { u->path, mode, u->owner ? u->owner : "root:root", u->sha256 ? u->sha256 : sha256,
				     length, u->remember ? "remember" : "", u->keep_previous ? "previous" : "", NULL };
	struct cmd cmd = {
		.script = &script,
		.argv = argv,
		.in = u->in_file ? NULL : u->in,
		.in_len = u->in_len,
		.in_file = u->in_file,
		.in_fd = u->in_fd,
		.in_total = size,
		.flags = u->flags & CMD_SUDO,
		.timeout_s = u->timeout_s ? u->timeout_s : 60 + (unsigned)(size / SLOWEST),
		.progress = u->progress,
		.progress_ctx = u->progress_ctx,
	};
	struct answer a = { 0 };
	r = session_run(s, &cmd, &a, e);
	if (r == 0)
		r = what_it_did(s, u, &a, ret, e);
	answer_clear(&a);
	return r < 0 ? err_wrap(e, "uploading '%s'", u->path) : 0;
}
