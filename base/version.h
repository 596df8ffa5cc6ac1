/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H
/*
 * Versions of releases of K3s: vMAJOR.MINOR.PATCH[-PRE][+k3sN], as "v1.30.2+k3s1" and "v1.31.0-rc1+k3s1" (semver.org,
 * but for "+k3sN", which counts here: it is a later build of the same Kubernetes).
 */
#include <stdbool.h>
#include <stddef.h>

struct version {
	unsigned major, minor, patch;
	char pre[8];		/* the letters of PRE; "": a release, which is newer than all of its PRE */
	unsigned pre_n, build;	/* its number, and that behind "+k3s" */
};

/* False when the bytes are no version; ret is then untouched. */
bool version_parse(const void *bytes, size_t len, struct version *ret);
/* Below 0, 0, above 0: a is older than, the same as, newer than b. */
int version_compare(const struct version *a, const struct version *b);

/* What going from one release to another is (kubernetes.io, "Version Skew Policy"). */
enum version_step {
	VERSION_SAME,
	VERSION_UP,		/* within the minor release, or to the next one */
	VERSION_DOWN,
	VERSION_SKIPS,		/* up, past a whole minor release */
};
enum version_step version_step(const struct version *from, const struct version *to);

#endif
