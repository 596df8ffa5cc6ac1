/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/files.h"

#include <openssl/evp.h>
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

/* Megabytes in every run, so not by libsodium, whose portable C takes 15 times as long as what OpenSSL does with the
 * processor's own instructions. */
static void sum_all(void)
{
	for (size_t i = 0; i < MAX_ARCHES && exporter_images[i].arch; i++) {
		unsigned char h[EVP_MAX_MD_SIZE];
		unsigned n = 0;
		if (EVP_Digest(exporter_images[i].data, exporter_images[i].len, h, &n, EVP_sha256(), NULL) == 1)
			sodium_bin2hex(sums[i], sizeof(sums[i]), h, n);
	}
}

const void *files_exporter(const char *arch, size_t *ret_len, const char **ret_sha256)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (!exporter_images)
		return NULL;
	pthread_once(&once, sum_all);
	for (size_t i = 0; i < MAX_ARCHES && exporter_images[i].arch; i++) {
		if (strcmp(exporter_images[i].arch, arch) != 0 || !sums[i][0])
			continue;
		*ret_len = (size_t)exporter_images[i].len;
		*ret_sha256 = sums[i];
		return exporter_images[i].data;
	}
	return NULL;
}
