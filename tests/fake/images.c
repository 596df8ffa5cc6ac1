/* SPDX-License-Identifier: BSD-2-Clause */
/* The embedded exporter of the tests, in the place of out/static/images.o: small, because the laws bring it to hosts in
 * memory many thousand times. */
#include <stddef.h>

struct exporter_image {
	const char *arch;
	const void *data;
	unsigned long long len;
};
extern const struct exporter_image exporter_images[];

static const char amd64[] = "\177ELF the exporter for amd64";

const struct exporter_image exporter_images[] = {
	{ "amd64", amd64, sizeof(amd64) - 1 },
	{ NULL, NULL, 0 },
};

extern const struct exporter_image gpu_images[];

static const char gpu[] = "\177ELF its helper for GPUs";

const struct exporter_image gpu_images[] = {
	{ "amd64", gpu, sizeof(gpu) - 1 },
	{ NULL, NULL, 0 },
};
