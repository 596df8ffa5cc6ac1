/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_PRIVATE_H
#define PROVISION_ARTIFACT_PRIVATE_H
/* The inside of struct artifacts, for the files of this folder. */
#include <pthread.h>
#include <sys/stat.h>

#include "provision/artifact/artifact.h"
#include "provision/artifact/lockfile.h"
#include "provision/artifact/table.h"

#define ARTIFACT_BYTES (4ull << 30)	/* most that an artifact of unknown size may have */

struct entry {
	struct artifact pub;		/* first: a const struct artifact * is one of an entry */
	const struct release_file *row;
	char *name, *version, *url, *sums, *sums_url;	/* owned; sums: the checksum file's name */
	const char *local;		/* where the inventory says that it is; NULL: it is of a release */
	struct stat verified;		/* of the cached file when its sum was right; st_ino 0: not yet */
};
struct artifacts {
	struct artifact_options o;
	const struct inventory *inv;
	char *lock_path, *cache;
	struct entry *v;
	size_t n;
	pthread_mutex_t guard;		/* of lock, written, and every entry's verified */
	struct lockfile lock;		/* what the file says, or is about to */
};

/* Writes the lock when it is not what the file holds: pins of the entries and of the table's other files of the
 * same versions; the rest goes. */
int artifacts_write_lock(struct artifacts *a, struct err *e);
/* Gives entry its sum, size (0: not known) and address (NULL or "": the one that it has) in the lock too. */
int entry_pin(struct artifacts *a, struct entry *entry, const char *sha256, uint64_t size, const char *url,
	      struct err *e);
/* *ret_fd: the cached file, its sum verified (once in this process while the file is the same); -1 when the cache has
 * none. One with wrong bytes is taken out. */
int entry_cached(struct artifacts *a, struct entry *entry, artifact_progress *progress, void *ctx,
		 int *ret_fd, struct err *e);

#endif
