/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_REMOTE_UPLOAD_H
#define PROVISION_REMOTE_UPLOAD_H
/*
 * A file of any size to a host, in one command (provision/files/put.sh): whole and verified by sha256, or not
 * at all. It is written beside its place as FILE.powerstack.XXXXXX, 0600 until it is complete, synced and
 * renamed; what an upload that was cut off left there is removed by the next one. Nothing is sent when
 * the node has the content already. Not for secrets: the sum travels as an argument.
 */
#include "provision/remote/session.h"

struct upload {
	const char *path;	/* absolute, on the node; its folder must be there */
	unsigned mode;
	const char *owner;	/* "USER:GROUP"; NULL: root:root */
	/* the content: in_len bytes at in, or (in_file) the regular file in_fd from its start */
	const void *in;
	size_t in_len;
	int in_fd;
	bool in_file;
	const char *sha256;	/* 64 hex digits of the content; NULL: computed here first */
	bool keep_previous;	/* what was there stays beside it as PATH.previous, until the next one */
	bool remember;		/* the node records the sum, so that a probe need not read the file for it */
	unsigned flags;		/* CMD_SUDO */
	unsigned timeout_s;	/* 0: a minute and a second for every 256 KiB */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *progress_ctx;
};
enum upload_did {
	UPLOAD_SAME,		/* content, mode and owner were there */
	UPLOAD_FIXED,		/* the content was there; mode or owner were put right */
	UPLOAD_NEW,
};
/* Errors as session_run's; -ERR_FAILED when the node has no space, the content changed on the way, or the
 * path is a folder or a link. ret may be NULL. */
int session_upload(struct session *s, const struct upload *u, enum upload_did *ret, struct err *e);

#endif
