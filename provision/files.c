/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/files.h"

#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct embedded_file {
	const char *name, *text;
};
extern const struct embedded_file embedded_files[];

/* Made by exporter/build.mk; absent from a build without the exporter. */
struct exporter_image {
	const char *arch;
	const void *data;
	unsigned long long len;
};
extern const struct exporter_image exporter_images[] __attribute__((weak));

#define MAX_ARCHES 8
static char sums[MAX_ARCHES][65];

const char *files_text(const char *name)
{
	for (const struct embedded_file *f = embedded_files; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f->text;
	return NULL;
}

static void sum_all(void)
{
	for (size_t i = 0; i < MAX_ARCHES && exporter_images[i].arch; i++) {
		unsigned char h[crypto_hash_sha256_BYTES];
		crypto_hash_sha256(h, exporter_images[i].data, exporter_images[i].len);
		sodium_bin2hex(sums[i], sizeof(sums[i]), h, sizeof(h));
	}
}

const void *files_exporter(const char *arch, size_t *ret_len, const char **ret_sha256)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (!exporter_images)
		return NULL;
	pthread_once(&once, sum_all);
	for (size_t i = 0; i < MAX_ARCHES && exporter_images[i].arch; i++) {
		if (strcmp(exporter_images[i].arch, arch) != 0)
			continue;
		*ret_len = (size_t)exporter_images[i].len;
		*ret_sha256 = sums[i];
		return exporter_images[i].data;
	}
	return NULL;
}
