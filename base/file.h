/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_FILE_H
#define BASE_FILE_H
/* Whole files: read with a cap, replace without ever leaving a half-written one. */
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes to b (its cap bounds them; mark b secret for secret files).
 * -ERR_FAILED with the path in the message; *missing (may be NULL) tells ENOENT from the rest. */
int file_read(const char *path, struct buf *b, int *missing, struct err *e);
/* Replaces path by len bytes: mkstemp beside it (0600 from the first byte), write, fchmod(mode),
 * fsync, rename, fsync of the directory. A symlink at path is followed first. The old file is
 * untouched on any failure and the temporary one removed. */
int file_replace(const char *path, mode_t mode, const void *data, size_t len, struct err *e);
/* What a path has behind its last '/': a part of path itself. */
const char *file_name(const char *path);
/* mkdir -p with mode for what is created. */
int file_mkdirs(const char *path, mode_t mode, struct err *e);

#endif
