/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_TREE_H
#define EXPORTER_NAMES_TREE_H
/*
 * The tree of control groups, as a file system: from an id to a path, and what was removed. Paths
 * are from the hierarchy's root and begin with '/'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tree;

#define TREE_PATH_MAX 4096

/* The hierarchy that groups are counted in: sysfs/fs/cgroup on v2, else the v1 cpu controller's (or,
 * when that controller is in the unified one of a hybrid machine, fs/cgroup/unified). Cannot fail
 * but for memory: without the directory nothing is ever found. The caller owns *ret: tree_free. */
int tree_new(const char *sysfs, struct tree **ret, struct err *e);
void tree_free(struct tree *t);

bool tree_is_v2(const struct tree *t);
/* False: tree_path cannot work here (no CAP_DAC_READ_SEARCH, no kernfs): walk. */
bool tree_has_handles(const struct tree *t);
enum tree_answer { TREE_FOUND, TREE_GONE, TREE_UNKNOWN };
/* The path of a group by its id, into ret (TREE_PATH_MAX). TREE_GONE: there is none any more.
 * TREE_UNKNOWN: ask again later, or walk when tree_has_handles turned false. */
enum tree_answer tree_path(struct tree *t, uint64_t id, char *ret, size_t *ret_len);
/* The id of the group with this path from the hierarchy's root; 0: there is none. */
uint64_t tree_id(const struct tree *t, const char *path);
/* Is the directory there, as far as can be seen? */
bool tree_exists(const struct tree *t, const char *path);

/* Goes through the tree, `dirs` directories per call, and tells every group. Returns true when the
 * walk has come to its end; the next call begins another one. */
bool tree_walk(struct tree *t, unsigned dirs, void (*found)(void *arg, uint64_t id, const char *path,
							     size_t len), void *arg);
bool tree_walking(const struct tree *t);

/* Watches the directories in `path`; returns a number that tells it, or -1. */
int tree_watch(struct tree *t, const char *path);
/* Tells what was removed since the last call: (number, name) in a watched directory. Returns false
 * when some of it was lost. */
bool tree_removed(struct tree *t, void (*gone)(void *arg, int watch, const char *name), void *arg);

#endif
