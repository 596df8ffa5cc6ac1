/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/edit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "vault/vault.h"

#define DIR_BEGIN "powerstack-vault-"
#define FILE_NAME "vault.yml"
#define DEPTH_MAX 8

extern char **environ;

/* ---- a place in memory */

static bool is_memory(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void overwrite(int dir, const char *name)
{
	static const char zeros[4096];
	struct stat st;
	AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(zeros)) {
		off_t left = st.st_size - at;
		if (pwrite(fd, zeros, left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros), at) < 0)
			return;
	}
}

/* Takes over fd. */
static void wipe_below(int fd, int depth)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return;
	}
	struct dirent *t;
	while ((t = readdir(d))) {
		if (strcmp(t->d_name, ".") == 0 || strcmp(t->d_name, "..") == 0)
			continue;
		int sub = openat(dirfd(d), t->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0 && depth < DEPTH_MAX)
			wipe_below(sub, depth + 1);
		else if (sub >= 0)
			close(sub);
		else
			overwrite(dirfd(d), t->d_name);
		unlinkat(dirfd(d), t->d_name, sub >= 0 ? AT_REMOVEDIR : 0);
	}
	closedir(d);
}

static void wipe(int fd, const char *path)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy >= 0)
		wipe_below(copy, 0);
	rmdir(path);
}

/* What a killed run left: its lock is free. */
static void sweep(const char *place)
{
	DIR *d = opendir(place);
	struct dirent *t;
	while (d && (t = readdir(d))) {
		char path[PATH_MAX];
		struct stat st;
		if (strncmp(t->d_name, DIR_BEGIN, strlen(DIR_BEGIN)) != 0 ||
		    snprintf(path, sizeof(path), "%s/%s", place, t->d_name) >= (int)sizeof(path))
			continue;
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_nlink > 0 &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0)
			wipe(fd, path);
	}
	if (d)
		closedir(d);
}

static int make_place(const char *place, struct edit *ret)
{
	struct edit ed = { .fd = -1 };
	AUTO_CLOSE int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !is_memory(fd))
		return -1;
	sweep(place);
	if (snprintf(ed.dir, sizeof(ed.dir), "%s/" DIR_BEGIN "XXXXXX", place) >= (int)sizeof(ed.dir) ||
	    !mkdtemp(ed.dir))
		return -1;
	ed.fd = open(ed.dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ed.fd < 0 || !is_memory(ed.fd) || flock(ed.fd, LOCK_EX | LOCK_NB) < 0) {
		close(take_fd(&ed.fd));
		rmdir(ed.dir);
		return -1;
	}
	*ret = ed;
	return 0;
}

static int write_text(const struct edit *ed, const struct secret *text)
{
	AUTO_CLOSE int fd = openat(ed->fd, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				   0600);
	const char *p = secret_expose(text);
	size_t left = secret_len(text);
	while (fd >= 0 && left) {
		ssize_t n = write(fd, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		left -= (size_t)n;
	}
	return fd < 0 ? -1 : 0;
}

bool edit_may_swap(void)
{
	AUTO_FILE FILE *f = fopen("/proc/swaps", "re");
	char line[512];
	bool disk = false;
	for (int i = 0; f && fgets(line, sizeof(line), f); i++)
		disk = disk || (i > 0 && strncmp(line, "/dev/zram", 9) != 0);
	return disk;
}

/* ---- signals */

static const int caught[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
static struct sigaction before[COUNT(caught)];
static volatile sig_atomic_t arrived[NSIG];
static volatile sig_atomic_t child;
static bool catching;

/* The terminal sends SIGINT and SIGQUIT to the editor itself; there they are keys and end nothing. */
static void note(int sig)
{
	int saved = errno;
	if (!child || (sig != SIGINT && sig != SIGQUIT))
		arrived[sig] = 1;
	if (child && sig != SIGINT && sig != SIGQUIT)
		kill((pid_t)child, sig);
	errno = saved;
}

static void catch_signals(void)
{
	struct sigaction noting = { .sa_handler = note };
	sigemptyset(&noting.sa_mask);
	for (size_t i = 0; i < COUNT(caught); i++) {
		arrived[caught[i]] = 0;
		sigaction(caught[i], &noting, &before[i]);
	}
	catching = true;
}

static int interrupted(struct err *e)
{
	for (size_t i = 0; i < COUNT(caught); i++)
		if (arrived[caught[i]])
			return err_set(e, ERR_INTERRUPTED, "interrupted by signal %d while editing", caught[i]);
	return 0;
}

/* ---- the editor */

/* How known editors are told to write to no other place than the file. */
static const struct {
	const char *begins;		/* of the program's real name */
	const char *args[7];
} habits[] = {
	{ "vim", { "-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile" } },
	{ "nvim", { "-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile" } },
	{ "nano", { "-R" } },
	{ "emacs", { "--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)" } },
	{ "joe", { "-nobackups" } },
};
static const char *const fallbacks[] = { "editor", "vi", "nano" };

/* Finds a program as a shell would; the real name, links followed. The caller frees. */
static char *find_program(const char *name, size_t len)
{
	char path[PATH_MAX];
	if (memchr(name, '/', len)) {
		snprintf(path, sizeof(path), "%.*s", (int)len, name);
		return access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
	}
	const char *dirs = getenv("PATH");
	for (const char *p = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		snprintf(path, sizeof(path), "%.*s/%.*s", (int)n, p, (int)len, name);
		if (n && access(path, X_OK) == 0)
			return realpath(path, NULL);
		p += n + (p[n] == ':');
	}
	return NULL;
}

static const char *const *habits_of(const char *editor)
{
	static const char *const none[] = { NULL };
	AUTO_FREE char *real = find_program(editor, strcspn(editor, " \t"));
	const char *slash = real ? strrchr(real, '/') : NULL;
	for (size_t i = 0; slash && i < COUNT(habits); i++)
		if (strncmp(slash + 1, habits[i].begins, strlen(habits[i].begins)) == 0)
			return habits[i].args;
	return none;
}

static const char *choose_editor(void)
{
	static const char *const names[] = { "VISUAL", "EDITOR" };
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *v = getenv(names[i]);
		if (v && v[strspn(v, " \t")])
			return v + strspn(v, " \t");
	}
	for (size_t i = 0; i < COUNT(fallbacks); i++) {
		AUTO_FREE char *found = find_program(fallbacks[i], strlen(fallbacks[i]));
		if (found)
			return fallbacks[i];
	}
	return NULL;
}

/* $EDITOR is shell text by custom ("code --wait"): the user's own shell text, with the file as a
 * quoted argument behind it. */
static int spawn_editor(const struct edit *ed, const char *editor, pid_t *ret, struct err *e)
{
	AUTO_STRV struct strv argv = { 0 };
	int bad = strv_push(&argv, "sh") | strv_push(&argv, "-c") | strv_pushf(&argv, "%s \"$@\"", editor) |
		  strv_push(&argv, editor);
	for (const char *const *a = habits_of(editor); *a; a++)
		bad |= strv_push(&argv, *a);
	bad |= strv_pushf(&argv, "%s/" FILE_NAME, ed->dir);
	/* what the editor keeps for itself stays in memory too */
	posix_spawnattr_t attr;
	if (bad || setenv("TMPDIR", ed->dir, 1) < 0 || posix_spawnattr_init(&attr) != 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	sigset_t defaults;
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	pid_t pid = -1;
	int r = posix_spawn(&pid, "/bin/sh", NULL, &attr, argv.v, environ);
	posix_spawnattr_destroy(&attr);
	if (r != 0) {
		errno = r;
		return err_errno(e, ERR_FAILED, "cannot run the editor '%s'", editor);
	}
	*ret = pid;
	return 0;
}

int edit_run(const struct edit *ed, struct err *e)
{
	const char *editor = choose_editor();
	if (!editor)
		return err_set(e, ERR_FAILED, "no editor is installed; name one with EDITOR");
	/* a signal between the start and `child` would reach nobody */
	sigset_t all, mask;
	sigemptyset(&all);
	for (size_t i = 0; i < COUNT(caught); i++)
		sigaddset(&all, caught[i]);
	int r = interrupted(e);
	if (r < 0)
		return r;
	AUTO_FREE char *tmpdir = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
	pid_t pid = -1;
	r = spawn_editor(ed, editor, &pid, e);
	if (r < 0)
		return r;
	sigprocmask(SIG_BLOCK, &all, &mask);
	child = (sig_atomic_t)pid;
	/* what came before `child` was set */
	for (size_t i = 0; i < COUNT(caught); i++)
		if (arrived[caught[i]])
			kill(pid, caught[i]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child = 0;
	if (tmpdir)
		setenv("TMPDIR", tmpdir, 1);
	else
		unsetenv("TMPDIR");
	r = interrupted(e);
	if (r < 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_FAILED, "the editor '%s' ended with %s %d", editor,
			       WIFEXITED(status) ? "status" : "signal",
			       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return 0;
}

/* ---- together */

int edit_begin(const struct secret *text, struct edit *ret, struct err *e)
{
	char run_user[64];
	snprintf(run_user, sizeof(run_user), "/run/user/%u", (unsigned)geteuid());
	const char *const places[] = { "/dev/shm", getenv("XDG_RUNTIME_DIR"), run_user, "/run" };
	struct edit ed = { .fd = -1 };
	catch_signals();
	for (size_t i = 0; i < COUNT(places) && ed.fd < 0; i++)
		if (places[i] && places[i][0] == '/')
			(void)!make_place(places[i], &ed);
	if (ed.fd < 0) {
		edit_end(&ed);
		return err_set(e, ERR_FAILED,
			       "no memory-backed directory to edit in (/dev/shm, /run/user, /run); mount a tmpfs on /dev/shm");
	}
	if (write_text(&ed, text) < 0) {
		int r = err_errno(e, ERR_FAILED, "cannot write in '%s'", ed.dir);
		edit_end(&ed);
		return r;
	}
	*ret = ed;
	return 0;
}

int edit_text(const struct edit *ed, struct secret **ret, struct err *e)
{
	AUTO_CLOSE int fd = openat(ed->fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "the editor left no file");
	return secret_read(fd, VAULT_TEXT_MAX, "the edited text", ret, e);
}

void edit_end(struct edit *ed)
{
	if (ed->fd >= 0) {
		wipe(ed->fd, ed->dir);
		close(take_fd(&ed->fd));
	}
	if (!catching)
		return;
	catching = false;
	for (size_t i = 0; i < COUNT(caught); i++)
		sigaction(caught[i], &before[i], NULL);
	for (size_t i = 0; i < COUNT(caught); i++)
		if (arrived[caught[i]])
			kill(getpid(), caught[i]);
}
