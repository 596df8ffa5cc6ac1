/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_EXPORTER_TREE_H
#define TESTS_UNIT_EXPORTER_TREE_H
/* A fake sysfs of one test, under the test's own temporary directory. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

struct tree {
	char root[160];
};

static inline void tree_make(struct tree *t)
{
	snprintf(t->root, sizeof t->root, "/tmp/powerstack-test-XXXXXX");
	cr_assert_not_null(mkdtemp(t->root));
}

static inline int tree_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static inline void tree_remove(const struct tree *t)
{
	nftw(t->root, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void tree_write(const struct tree *t, const char *path, const char *text)
{
	char full[256], dir[256];
	struct err e = { 0 };

	snprintf(full, sizeof full, "%s/%s", t->root, path);
	snprintf(dir, sizeof dir, "%s", full);
	*strrchr(dir, '/') = '\0';
	cr_assert_eq(file_mkdirs(dir, 0755, &e), 0, "%s", e.msg);
	FILE *f = fopen(full, "w");

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

static inline void tree_zone(const struct tree *t, const char *entry, const char *name,
			     unsigned long long uj, unsigned long long range)
{
	char path[128], text[64];

	snprintf(path, sizeof path, "class/powercap/%s/name", entry);
	snprintf(text, sizeof text, "%s\n", name);
	tree_write(t, path, text);
	snprintf(path, sizeof path, "class/powercap/%s/energy_uj", entry);
	snprintf(text, sizeof text, "%llu\n", uj);
	tree_write(t, path, text);
	snprintf(path, sizeof path, "class/powercap/%s/max_energy_range_uj", entry);
	snprintf(text, sizeof text, "%llu\n", range);
	tree_write(t, path, text);
}

static inline void tree_drop(const struct tree *t, const char *path)
{
	char full[256];
	struct tree sub;

	snprintf(full, sizeof full, "%s/%s", t->root, path);
	cr_assert_lt(strlen(full), sizeof sub.root);
	snprintf(sub.root, sizeof sub.root, "%.159s", full);
	tree_remove(&sub);
}

#endif
