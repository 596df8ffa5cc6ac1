/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The file handle of a kernfs directory is its 64-bit id (FILEID_KERNFS, Linux 5.5 and newer). */
#define FILEID_KERNFS_ 0xfe
#define WALK_PENDING_MAX 32768 /* directories seen and not yet entered */
#define EVENT_READS_MAX 16     /* of 16 KiB, per call */

struct tree {
	int root;		/* the hierarchy's root directory, or -1 */
	char root_path[TREE_PATH_MAX]; /* as the kernel names it in links of /proc/self/fd */
	bool v2, handles;
	bool numbered;		/* 32-bit machines: the id is not the inode's number alone; see id_of */
	int inotify;
	struct strv pending;	/* of the walk under way */
};

static const char *const hierarchies[] = { "fs/cgroup/cpu", "fs/cgroup/cpu,cpuacct", "fs/cgroup/unified" };

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_kernfs(int fd, bool *v2)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	if ((unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
		*v2 = true;
	return (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC || (unsigned long)fs.f_type == CGROUP_SUPER_MAGIC;
}

/* Where an open file is. False: not told. */
static bool where(int fd, char ret[TREE_PATH_MAX], size_t *ret_len)
{
	char link[64];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, TREE_PATH_MAX - 1);

	if (n <= 0 || n == TREE_PATH_MAX - 1)
		return false;
	ret[n] = '\0';
	*ret_len = (size_t)n;
	return true;
}

/* The id in the handle of a directory. Unlike opening by one, this is allowed to all. False: not told. */
static bool handle_id(int at, const char *name, uint64_t *ret)
{
	union {
		struct file_handle head;
		char bytes[sizeof(struct file_handle) + sizeof *ret];
	} handle = { .head = { .handle_bytes = sizeof *ret } };
	int mount = 0;

	if (name_to_handle_at(at, name, &handle.head, &mount, AT_EMPTY_PATH) < 0 ||
	    handle.head.handle_bytes != sizeof *ret || handle.head.handle_type != FILEID_KERNFS_)
		return false;
	memcpy(ret, handle.head.f_handle, sizeof *ret);
	return true;
}

/* Numbers of inodes are no longer than the kernel's words. Where these have 32 bits, an id has upper ones as well, that
 * tell one directory from those that had its number before; only the handle has them. 0: it is gone. */
static uint64_t id_of(const struct tree *t, int at, const char *name, uint64_t inode)
{
	uint64_t id = 0;

	if (!t->numbered)
		return inode;
	return handle_id(at, name, &id) ? id : 0;
}

int tree_new(const char *sysfs, struct tree **ret, struct err *e)
{
	struct tree *t = calloc(1, sizeof *t);
	char path[TREE_PATH_MAX];
	size_t len = 0;
	bool v2 = false;

	if (!t)
		return err_set(e, ERR_MEMORY, "no memory for the tree of control groups");
	t->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(path, sizeof path, "%s/fs/cgroup", sysfs);
	t->root = open_dir(AT_FDCWD, path);
	t->handles = t->root >= 0 && is_kernfs(t->root, &v2);
	t->v2 = v2 || (t->root >= 0 && faccessat(t->root, "cgroup.controllers", F_OK, 0) == 0);
	for (size_t i = 0; !t->v2 && i < COUNT(hierarchies); i++) {
		snprintf(path, sizeof path, "%s/%s", sysfs, hierarchies[i]);
		int fd = open_dir(AT_FDCWD, path);

		if (fd < 0)
			continue;
		if (t->root >= 0)
			close(t->root);
		t->root = fd;
		t->handles = is_kernfs(fd, &v2);
		break;
	}
	if (t->root < 0 || !where(t->root, t->root_path, &len))
		t->handles = false;
	struct stat st;
	uint64_t id = 0;

	t->numbered = t->root >= 0 && fstat(t->root, &st) == 0 && handle_id(t->root, "", &id) && id != st.st_ino;
	*ret = t;
	return 0;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	if (t->root >= 0)
		close(t->root);
	if (t->inotify >= 0)
		close(t->inotify);
	strv_clear(&t->pending);
	free(t);
}

bool tree_is_v2(const struct tree *t)
{
	return t->v2;
}

bool tree_has_handles(const struct tree *t)
{
	return t->handles;
}

enum tree_answer tree_path(struct tree *t, uint64_t id, char *ret, size_t *ret_len)
{
	static const char deleted[] = " (deleted)";
	union {
		struct file_handle head;
		char bytes[sizeof(struct file_handle) + sizeof id];
	} handle = { .head = { .handle_bytes = sizeof id, .handle_type = FILEID_KERNFS_ } };
	char full[TREE_PATH_MAX];
	size_t len = 0, root = strlen(t->root_path);

	if (!t->handles)
		return TREE_UNKNOWN;
	memcpy(handle.head.f_handle, &id, sizeof id);
	AUTO_CLOSE int fd = open_by_handle_at(t->root, &handle.head, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ESTALE)
		return TREE_GONE;
	if (fd < 0) {
		/* Not permitted, filtered, too old: it will not get better. */
		t->handles = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EINTR;
		return TREE_UNKNOWN;
	}
	if (!where(fd, full, &len))
		return TREE_UNKNOWN;
	if (len > sizeof deleted - 1 && strcmp(full + len - (sizeof deleted - 1), deleted) == 0)
		len -= sizeof deleted - 1;
	/* Only a part of the tree may be mounted, and the group be outside of it. */
	if (len < root || memcmp(full, t->root_path, root) != 0)
		return TREE_GONE;
	memcpy(ret, full + root, len - root);
	ret[len - root] = '\0';
	*ret_len = len - root;
	return TREE_FOUND;
}

uint64_t tree_id(const struct tree *t, const char *path)
{
	struct stat st;

	while (*path == '/')
		path++;
	return t->root >= 0 && fstatat(t->root, path, &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode) ?
		       id_of(t, t->root, path, st.st_ino) : 0;
}

bool tree_exists(const struct tree *t, const char *path)
{
	while (*path == '/')
		path++;
	/* A directory that cannot be looked at is not one that is gone. */
	return t->root >= 0 && (*path == '\0' || faccessat(t->root, path, F_OK, 0) == 0 ||
				(errno != ENOENT && errno != ENOTDIR));
}

bool tree_walking(const struct tree *t)
{
	return t->pending.n > 0;
}

static void enter(struct tree *t, const char *path,
		  void (*found)(void *, uint64_t, const char *, size_t), void *arg)
{
	int fd = open_dir(t->root, *path ? path + 1 : ".");
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL) {
		char sub[TREE_PATH_MAX];
		int n;

		if (d->d_type != DT_DIR || strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		n = snprintf(sub, sizeof sub, "%s/%s", path, d->d_name);
		if (n < 0 || (size_t)n >= sizeof sub)
			continue;
		/* kernfs tells the id in d_ino: no stat. */
		uint64_t id = id_of(t, dirfd(dir), d->d_name, d->d_ino);

		if (id != 0)
			found(arg, id, sub, (size_t)n);
		if (t->pending.n < WALK_PENDING_MAX)
			(void)strv_push(&t->pending, sub);
	}
	closedir(dir);
}

bool tree_walk(struct tree *t, unsigned dirs, void (*found)(void *, uint64_t, const char *, size_t),
	       void *arg)
{
	struct stat st;

	if (t->root < 0)
		return true;
	if (t->pending.n == 0) {
		if (fstat(t->root, &st) == 0)
			found(arg, id_of(t, t->root, "", st.st_ino), "", 0);
		enter(t, "", found, arg);
		dirs--;
	}
	for (; dirs > 0 && t->pending.n > 0; dirs--) {
		AUTO_FREE char *path = t->pending.v[--t->pending.n];

		t->pending.v[t->pending.n] = NULL;
		enter(t, path, found, arg);
	}
	return t->pending.n == 0;
}

int tree_watch(struct tree *t, const char *path)
{
	char link[64 + TREE_PATH_MAX];

	if (t->inotify < 0 || t->root < 0)
		return -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d/.%s", t->root, path);
	return inotify_add_watch(t->inotify, link, IN_DELETE | IN_ONLYDIR);
}

bool tree_removed(struct tree *t, void (*gone)(void *, int, const char *), void *arg)
{
	_Alignas(struct inotify_event) char bytes[16384];
	bool complete = true;

	for (unsigned i = 0; t->inotify >= 0 && i < EVENT_READS_MAX; i++) {
		ssize_t n = read(t->inotify, bytes, sizeof bytes);

		if (n <= 0)
			break;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(bytes + at);

			at += (ssize_t)(sizeof *ev + ev->len);
			if (ev->mask & IN_Q_OVERFLOW)
				complete = false;
			else if ((ev->mask & IN_DELETE) && (ev->mask & IN_ISDIR) && ev->len > 0)
				gone(arg, ev->wd, ev->name);
		}
	}
	return complete;
}
