/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_FILES_H
#define PROVISION_FILES_H
/* What is embedded in the binary: scripts and templates of provision/files/ and the exporter for
 * each architecture built (embed.S). */
#include <stddef.h>

/* The whole text of provision/files/<name>, NUL-terminated; NULL when there is no such file. */
const char *files_text(const char *name);
/* The exporter for a Debian architecture (amd64, arm64, armhf): NULL when it was not built in (or there is
 * no memory for its sum). *ret_sha256 (64 hex digits) is computed once. Thread-safe. */
const void *files_exporter(const char *arch, size_t *ret_len, const char **ret_sha256);
/* The same for its helper for GPUs, powerstack-gpu: there is one for the architecture of the machine that built. */
const void *files_gpu_helper(const char *arch, size_t *ret_len, const char **ret_sha256);

#endif
