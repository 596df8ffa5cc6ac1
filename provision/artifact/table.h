/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_TABLE_H
#define PROVISION_ARTIFACT_TABLE_H
/* Which files a release consists of. A row is all that is to be said of one. */
#include <stddef.h>

struct release_file {
	const char *what, *arch;	/* what recipes ask for; of a host with that arch */
	const char *base;		/* URL of the folder; "{version}" in these three is the inventory's */
	const char *name;		/* of the file in it: unique in the table */
	const char *sums;		/* of the checksum file in it */
	size_t version_at;		/* of the version in struct inventory, a string */
};
extern const struct release_file release_files[];
extern const size_t nrelease_files;

#endif
