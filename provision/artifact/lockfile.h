/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_LOCKFILE_H
#define PROVISION_ARTIFACT_LOCKFILE_H
/*
 * powerstack.lock: a YAML mapping from an artifact's file name to its version, its sha256 and, once it has
 * been seen, its size:
 *
 *	k3s-arm64:
 *	  version: v1.30.2+k3s1
 *	  sha256: 5f8ba4...
 *	  size: 71892992
 *
 * A chart also has the address that its repository's index gave: "url".
 *
 * Sorted by name, so that the same pins are the same text.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define LOCKFILE_BYTES (256u << 10)	/* most that is read or written */
#define PIN_URL_MAX 1024

struct pin {
	char name[129], version[65];	/* letters, digits and "._+-", not led by one of ".-" */
	char sha256[65];		/* lower case */
	uint64_t size;			/* 0: not known */
	char url[PIN_URL_MAX];		/* as upstream has it, without a mirror; "": the release's rule says it */
};
struct lockfile {
	struct pin *v;
	size_t n;
};

/* Is s 64 hex digits of either case? */
bool is_sha256(const char *s);
/* May s be a pin's name (no longer than max)? Then it is also safe as the name of a file. */
bool is_pin_name(const char *s, size_t max);
/* http:// or https:// and a host, of bytes that need no quotes in YAML, shorter than PIN_URL_MAX. */
bool is_pin_url(const char *s);
/* path stands in messages. -ERR_CONFIG with line and column. The caller owns ret: lockfile_clear. */
int lockfile_parse(const char *path, const void *bytes, size_t len, struct lockfile *ret,
		   struct err *e);
int lockfile_render(const struct lockfile *l, struct buf *out);
/* NULL when there is none of that name and version. */
const struct pin *lockfile_find(const struct lockfile *l, const char *name, const char *version);
/* Replaces the pin of that name, of whatever version, or puts it in its place. */
int lockfile_set(struct lockfile *l, const struct pin *pin, struct err *e);
void lockfile_clear(struct lockfile *l);

#endif
