/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_ARTIFACT_H
#define PROVISION_ARTIFACT_ARTIFACT_H
/*
 * What nodes get but this program does not carry: files of releases, of a version that the inventory
 * names. Each is pinned by its sha256 in powerstack.lock beside the inventory, and kept in a cache on
 * this machine. The same lock gives the same bytes or an error, never others.
 *
 *	artifacts_open(inv, &options, &a, e);		no network
 *	artifacts_lock(a, e);				no network when the lock is complete
 *	art = artifacts_find(a, "k3s", host->arch);
 *	artifact_open(a, art, NULL, NULL, &fd, e);	from the cache; downloads what is missing
 *	artifacts_free(a);
 *
 * A source is looked at in this order: the cache, the inventory's airgap_dir, upstream (behind the
 * inventory's artifact_mirror when there is one). One of image_archives is looked for in the cache, then where the inventory
 * says, then in airgap_dir.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inventory/inventory.h"
#include "provision/remote/session.h"

struct artifact {
	const char *what, *arch;	/* "k3s", "amd64": how recipes ask for it; arch "": the same for all */
	const char *name, *version;	/* of the file upstream: "k3s-arm64", "v1.30.2+k3s1" */
	const char *url, *sums_url;	/* the mirror is in them; url "": an index will tell it */
	char sha256[65];		/* hex; "": not locked yet */
	_Atomic uint64_t size;		/* bytes; 0: not known until it has been seen once */
};

/* Progress of one artifact: doing is "downloading", "checking", "copying", "waiting for another powerstack", or
 * why a try failed and when the next one is. total 0: not known. From the thread that called. */
typedef void artifact_progress(void *ctx, const struct artifact *, uint64_t done, uint64_t total,
			       const char *doing);

struct artifact_options {
	const char *cache_dir;		/* NULL: $XDG_CACHE_HOME/powerstack/artifacts or ~/.cache/powerstack/artifacts */
	unsigned stall_s;		/* a download without a byte for so long is begun again; 0: 30 */
	unsigned jobs;			/* artifacts_fetch: at once; 0: 4 */
	bool offline;			/* never use the network */
	const char *const *parts;	/* only what these parts need, NULL-terminated; NULL or empty: all */
	struct cancel *cancel;		/* may be NULL; any wish ends a transfer, which the next run continues */
	/* something that the user should know and that is no failure; may be NULL */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
};

struct artifacts;

/* What each of the inventory's image_archives is called, and what stands for its version: there may be several, so they
 * are found by artifacts_at. */
#define IMAGE_ARCHIVE "image-archive"
#define IMAGE_ARCHIVE_VERSION "own"

/* Reads the lock; what options and inv point to outlives ret. -ERR_CONFIG: the lock is unusable. */
int artifacts_open(const struct inventory *inv, const struct artifact_options *o,
		   struct artifacts **ret, struct err *e);
void artifacts_free(struct artifacts *a);
/* What this inventory needs for those parts, in the order of the table, then of architectures. */
size_t artifacts_count(const struct artifacts *a);
const struct artifact *artifacts_at(const struct artifacts *a, size_t i);
/* NULL when the table has no such row or no host has that architecture. */
const struct artifact *artifacts_find(const struct artifacts *a, const char *what, const char *arch);
const char *artifacts_lock_path(const struct artifacts *a);
const char *artifacts_cache_dir(const struct artifacts *a);

/* Gives every artifact its sum: from the lock, or from the release's checksum file or index, and then writes the
 * lock. Not beside another call on the same artifacts. -ERR_REFUSED when a checksum file that had to be read
 * says another sum than the lock. */
int artifacts_lock(struct artifacts *a, struct err *e);

/* An open file with the verified bytes, at offset 0; the caller closes *ret_fd. Fetches it first when the cache
 * has it not. artifacts_lock comes first. From any thread: whoever wants the same file waits for the one that
 * fetches it, also in another process. -ERR_REFUSED: its bytes are not the locked ones. progress may be NULL. */
int artifact_open(struct artifacts *a, const struct artifact *art, artifact_progress *progress,
		  void *ctx, int *ret_fd, struct err *e);

/* Where artifacts_fetch found an artifact. */
enum artifact_from { FROM_NOWHERE, FROM_CACHE, FROM_INVENTORY, FROM_AIRGAP_DIR, FROM_UPSTREAM };
/* "cache", "image_archives", "airgap_dir", "upstream", or "" */
const char *artifact_from_name(enum artifact_from f);
struct fetched {
	const struct artifact *artifact;
	enum artifact_from from;
	uint64_t received;		/* bytes over the network in this run */
	uint64_t ms;
	struct err err;			/* kind ERR_NONE: it is in the cache and verified */
};
struct fetch_watch {
	artifact_progress *progress;	/* may be NULL; from several threads, never two at once */
	void (*done)(void *ctx, const struct fetched *);	/* as progress */
	void *ctx;
};
/* artifacts_lock, then every artifact into the cache, several at once; one that fails does not end the others. ret:
 * artifacts_count rows in their order (zeroed when the lock could not be made); filled also on failure. Returns
 * the first failure. */
int artifacts_fetch(struct artifacts *a, const struct fetch_watch *w, struct fetched *ret,
		    struct err *e);

/* Packs the lock and every artifact, which must be in the cache, into one tar; the same lock gives the same
 * bytes. path is replaced when all of it is written. */
int artifacts_pack(struct artifacts *a, const char *path, struct err *e);
/* Takes such a tar apart into the cache, every byte verified against the lock inside, and takes over the sums that
 * our lock lacks. -ERR_REFUSED: its lock or its bytes disagree with ours; -ERR_CONFIG: it was made for other
 * versions or architectures. What came before a failure stays in the cache. */
int artifacts_unpack(struct artifacts *a, const char *path, artifact_progress *progress, void *ctx,
		     struct err *e);

#endif
