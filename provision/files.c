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
extern const struct exporter_image gpu_images[] __attribute__((weak));

#define MAX_ARCHES 8
enum program { EXPORTER, GPU_HELPER, NPROGRAMS };
static char sums[NPROGRAMS][MAX_ARCHES][65];

static const struct exporter_image *images_of(enum program p)
{
	return p == EXPORTER ? exporter_images : gpu_images;
}

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
	for (enum program p = 0; p < NPROGRAMS; p++) {
		const struct exporter_image *images = images_of(p);
		for (size_t i = 0; images && i < MAX_ARCHES && images[i].arch; i++) {
			unsigned char h[EVP_MAX_MD_SIZE];
			unsigned n = 0;
			if (EVP_Digest(images[i].data, images[i].len, h, &n, EVP_sha256(), NULL) == 1)
				sodium_bin2hex(sums[p][i], sizeof(sums[p][i]), h, n);
		}
	}
}

static const void *image_for(enum program p, const char *arch, size_t *ret_len, const char **ret_sha256)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct exporter_image *images = images_of(p);
	if (!images)
		return NULL;
	pthread_once(&once, sum_all);
	for (size_t i = 0; i < MAX_ARCHES && images[i].arch; i++) {
		if (strcmp(images[i].arch, arch) != 0 || !sums[p][i][0])
			continue;
		*ret_len = (size_t)images[i].len;
		*ret_sha256 = sums[p][i];
		return images[i].data;
	}
	return NULL;
}

const void *files_exporter(const char *arch, size_t *ret_len, const char **ret_sha256)
{
	return image_for(EXPORTER, arch, ret_len, ret_sha256);
}

const void *files_gpu_helper(const char *arch, size_t *ret_len, const char **ret_sha256)
{
	return image_for(GPU_HELPER, arch, ret_len, ret_sha256);
}
