/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_TABLE_H
#define PROVISION_ARTIFACT_TABLE_H
/* Which files a release consists of. A row is all that is to be said of one. */
#include <stddef.h>

/* What tells a file's sum: a checksum file (sums.h), the index of a chart repository, which also tells the file's
 * address (index.h), or the file itself. */
enum sums_form { SUMS_LINES, SUMS_INDEX, SUMS_OWN };

struct release_file {
	const char *what, *arch;	/* what recipes ask for; of a host with that arch. arch "": the same for all */
	const char *part;		/* for which it is */
	unsigned roles;			/* of hosts that get it */
	const char *base;		/* URL of the folder; "{version}" in these three is the inventory's */
	const char *name;		/* of the file: unique in the table */
	const char *sums;		/* of the checksum file in the folder */
	size_t version_at;		/* of the version in struct inventory, a string */
	enum sums_form form;		/* SUMS_INDEX: the chart is called what */
	size_t repo_at;			/* SUMS_INDEX: of the folder's URL in struct inventory, in base's place */
};
extern const struct release_file release_files[];
/* What is true of each of the inventory's image_archives, which are no release's: neither address nor version. */
extern const struct release_file image_archive;
extern const size_t nrelease_files;

#endif
