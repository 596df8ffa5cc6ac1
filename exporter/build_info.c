/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/build_info.h"

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#elif defined(__arm__)
#define ARCH "arm"
#else
#define ARCH "unknown"
#endif

const struct build_info build_info = {
	.version = POWERSTACK_VERSION,
	.revision = POWERSTACK_REVISION,
	.branch = POWERSTACK_BRANCH,
	.arch = ARCH,
};
