/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ARTIFACT_INDEX_H
#define PROVISION_ARTIFACT_INDEX_H
/*
 * The index of a chart repository (https://helm.sh/docs/topics/chart_repository, "The index file"): under "entries" and
 * the chart's name a list of its versions, each with version, digest (sha256) and urls. Large ones hold tens of
 * thousands of versions, so it is read event by event.
 */
#include <stddef.h>

#include "base/err.h"
#include "provision/artifact/lockfile.h"

#define INDEX_BYTES (64u << 20)	/* most that is taken for an index */

/* The sum, in lower case, and the first address of that version, as the index has it: maybe relative to the index.
 * source stands in messages. -ERR_FAILED: no YAML, no such chart or version, no sum or address, or two that
 * differ. */
int index_find(const char *source, const void *bytes, size_t len, const char *chart, const char *version,
	       char ret_sum[static 65], char ret_url[static PIN_URL_MAX], struct err *e);

#endif
