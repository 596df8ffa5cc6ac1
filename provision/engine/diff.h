/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_ENGINE_DIFF_H
#define PROVISION_ENGINE_DIFF_H
/* Unified diffs of small texts. */
#include "base/buf.h"
#include "base/err.h"

/* Appends the unified diff (three lines of context, "\ No newline at end of file") from old to new
 * (NULL: not there, written /dev/null). Equal texts give nothing. By longest common subsequence; texts
 * that differ in too many lines for that are shown as all old lines, then all new ones. Bytes
 * that could steer a terminal are shown as '?'. -ERR_MEMORY when out is full. */
int diff_unified(const char *path, const char *old_text, const char *new_text, struct buf *out,
		 struct err *e);

#endif
