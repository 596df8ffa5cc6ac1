/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many threads want the same artifacts at once, from a cache that is emptied under them again and again: run
 * under TSan (which criterion cannot). Everyone gets the right bytes. argv: [seconds].
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/artifact/artifact.h"

#define THREADS 12

static char dir[] = "/tmp/artifact-race-XXXXXX";
static struct artifacts *artifacts;
static atomic_bool over;
static atomic_uint opened;

static void fail(const char *what)
{
	fprintf(stderr, "not ok - %s\n", what);
	exit(1);
}

static void put(const char *name)
{
	char path[200];
	struct err e = { 0 };
	snprintf(path, sizeof(path), "%s/airgap", dir);
	if (file_mkdirs(path, 0755, &e) < 0)
		fail(e.msg);
	snprintf(path, sizeof(path), "%s/airgap/%s", dir, name);
	if (file_replace(path, 0644, name, strlen(name), &e) < 0)
		fail(e.msg);
}

static void *want(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;
	while (!atomic_load(&over)) {
		const struct artifact *art = artifacts_at(artifacts, i++ % artifacts_count(artifacts));
		AUTO_CLOSE int fd = -1;
		struct err e = { 0 };
		char text[200] = "";
		if (artifact_open(artifacts, art, NULL, NULL, &fd, &e) < 0)
			fail(e.msg);
		if (read(fd, text, sizeof(text) - 1) < 0 || strcmp(text, art->name) != 0)
			fail("wrong bytes");
		if (atomic_load(&art->size) != strlen(text))
			fail("a size that is not known");
		atomic_fetch_add(&opened, 1);
	}
	return NULL;
}

static void empty(const char *sub)
{
	char path[600];
	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	DIR *d = opendir(path);
	for (struct dirent *f; d && (f = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s/%s", dir, sub, f->d_name);
		if (f->d_name[0] != '.' && !strstr(f->d_name, ".part"))
			unlink(path);
	}
	if (d)
		closedir(d);
}

int main(int argc, char **argv)
{
	static const char text[] =
		"k3s_cluster:\n  children:\n    server:\n      hosts:\n        ho1:\n"
		"          internal_ip: 10.0.0.1\n          disk_for_persistent_storage: /dev/disk/by-id/x\n"
		"    agent:\n      hosts:\n        ho2: { internal_ip: 10.0.0.2, arch: arm64 }\n"
		"  vars:\n    nfs_network: 10.0.0.0/24\n    airgap_dir: airgap\n";
	struct err e = { 0 };
	struct problems ps = { 0 };
	struct inventory *inv = NULL;
	char path[200], cache[200];
	time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 5);
	if (!mkdtemp(dir))
		fail("no directory");
	snprintf(path, sizeof(path), "%s/inventory.yml", dir);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	static const char *const parts[] = { "k3s", NULL };
	const struct artifact_options o = { .cache_dir = cache, .offline = true, .parts = parts };
	if (inventory_parse(path, text, strlen(text), &inv, &ps, &e) < 0 ||
	    artifacts_open(inv, &o, &artifacts, &e) < 0)
		fail(e.msg);
	for (size_t i = 0; i < artifacts_count(artifacts); i++)
		put(artifacts_at(artifacts, i)->name);
	if (artifacts_lock(artifacts, &e) < 0)
		fail(e.msg);
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, want, (void *)(uintptr_t)i))
			fail("no thread");
	while (time(NULL) < end) {
		usleep(20000);
		empty("cache");
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	artifacts_free(artifacts);
	problems_free(&ps);
	inventory_free(inv);
	empty("cache");
	empty("airgap");
	empty("");
	const char *const folders[] = { "cache", "airgap" };
	for (size_t i = 0; i < COUNT(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		rmdir(path);
	}
	rmdir(dir);
	printf("ok - %u opened\n", atomic_load(&opened));
	return 0;
}
