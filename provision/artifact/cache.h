/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_CACHE_H
#define PROVISION_ARTIFACT_CACHE_H
/*
 * Files by their content: DIR/<sha256> (0444) is whole and was verified when it got its name; DIR/<sha256>.part is
 * on its way there and belongs to who holds its flock. A part that was left is what the next run continues
 * from. Everything in DIR may be deleted at any time.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "provision/remote/session.h"

/* The directory (made, 0700, when it is not there): dir, or the default of artifact.h when that is NULL. The caller
 * frees *ret. */
int cache_dir(const char *dir, char **ret, struct err *e);

/* sha256 of all of fd, whose offset is left at 0. said (may be NULL) is told of progress. -ERR_INTERRUPTED when
 * cancel wishes. */
int cache_sum(int fd, const char *path, struct cancel *cancel, void (*said)(void *ctx, uint64_t done, uint64_t total),
	      void *ctx, char ret[static 65], struct err *e);
/* -ERR_INTERRUPTED when the user wishes to stop. cancel may be NULL. */
int cancel_wished(const struct cancel *cancel, struct err *e);

/* *ret_fd: the file of that sum, open for reading, its status in *st; -1 when the cache has none. */
int cache_open(const char *dir, const char *sha256, int *ret_fd, struct stat *st, struct err *e);
/* Takes a file out that turned out not to have the bytes of its name, if it is still that one. */
int cache_drop(const char *dir, const char *sha256, const struct stat *st, struct err *e);

struct part {
	int fd;				/* read and write; locked */
	uint64_t size;			/* bytes that were left in it */
	char *path, *whole;
	const char *dir;
};
/* Opens the part of sha256, waiting while another process or thread has it; waiting (may be NULL) is told every
 * 100 ms how far that one is. *ret_whole: it has become whole meanwhile, and there is no part: ret is not open.
 * The caller closes ret with part_close. */
int part_open(const char *dir, const char *sha256, struct cancel *cancel,
	      void (*waiting)(void *ctx, uint64_t size), void *ctx, struct part *ret, bool *ret_whole,
	      struct err *e);
/* Forgets its bytes. */
int part_empty(struct part *p, struct err *e);
/* Makes it the whole file: on the disk, then renamed. The caller has verified it. */
int part_commit(struct part *p, struct err *e);
/* Gives it up; its bytes stay for the next run. A part that is not open (fd -1) is allowed. */
void part_close(struct part *p);
/* Fills e with a failed write to the cache; errno says why, and what to do about it follows. */
int cache_write_failed(const char *path, int error, struct err *e);

#endif
