/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_BUILD_INFO_H
#define EXPORTER_BUILD_INFO_H
/* What build this is; handed in by the Makefile, "unknown" outside a git checkout. */
struct build_info {
	const char *version, *revision, *branch, *arch; /* arch: Go's name, as Kepler's label has it */
};
extern const struct build_info build_info;

#endif
