/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the vault's password comes from. It is in guarded memory from its first byte. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/steady.h"
#include "vault/vault.h"

#define RUN_SECONDS 120
#define RUN_OUTPUT_MAX 65536u	/* bytes behind the first line that are read and dropped */

extern char **environ;

/* A line as it comes in; room for the password, its CR and one byte that is too much. */
struct line {
	struct secret *room;
	unsigned char *p;
	size_t n;
	bool ended;
};

static void line_free(struct line *l)
{
	secret_free(l->room);
}
#define AUTO_LINE __attribute__((cleanup(line_free)))

static int line_begin(struct line *l, struct err *e)
{
	return secret_new_empty(VAULT_PASSWORD_MAX + 2, &l->room, &l->p, e);
}

/* Takes what was read behind l->n; only the first line counts. */
static void line_took(struct line *l, size_t n)
{
	const unsigned char *newline = memchr(l->p + l->n, '\n', n);
	l->ended = newline != NULL;
	l->n = newline ? (size_t)(newline - l->p) : l->n + n;
}

static int line_take(const struct line *l, const char *what, struct secret **ret, struct err *e)
{
	size_t n = l->n;
	if (n && l->ended && l->p[n - 1] == '\r')
		n--;
	if (n == 0)
		return err_set(e, ERR_CONFIG, "%s is empty", what);
	if (n > VAULT_PASSWORD_MAX)
		return err_set(e, ERR_CONFIG, "%s is longer than %u bytes", what, VAULT_PASSWORD_MAX);
	return secret_new(l->p, n, ret, e);
}

/* step: bytes asked for at once; 1 leaves what is behind the line to others. */
static int line_read(int fd, size_t step, struct line *l, const char *what, struct err *e)
{
	while (!l->ended && l->n < VAULT_PASSWORD_MAX + 2) {
		size_t room = VAULT_PASSWORD_MAX + 2 - l->n;
		ssize_t n = read(fd, l->p + l->n, room < step ? room : step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_CONFIG, "cannot read %s", what);
		if (n == 0)
			break;
		line_took(l, (size_t)n);
	}
	return 0;
}

/* ---- an executable */

static int spawn(const char *path, int out, pid_t *ret, struct err *e)
{
	posix_spawn_file_actions_t acts;
	if (posix_spawn_file_actions_init(&acts) != 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	int r = posix_spawn_file_actions_addopen(&acts, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&acts, out, 1);
	if (r == 0)
		r = posix_spawn(ret, path, &acts, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&acts);
	if (r == 0)
		return 0;
	errno = r;
	return err_errno(e, ERR_CONFIG, "cannot run the password file '%s'%s", path,
			 r == ENOEXEC ? " (its first line must name the interpreter: #!/bin/sh)" : "");
}

/* Reads the output to its end. The rest behind the first line must be read too: a program that
 * cannot write ends with an error. */
static int read_output(int fd, long long until, const char *path, struct line *l, struct err *e)
{
	size_t dropped = 0;
	for (;;) {
		long long left = until - (long long)steady_ms();
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int r = left > 0 ? poll(&pfd, 1, (int)left) : 0;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, ERR_FAILED, "cannot wait for '%s'", path);
		if (r == 0)
			return err_set(e, ERR_TIMEOUT, "the password file '%s' gave no password within %d s",
				       path, RUN_SECONDS);
		bool drop = l->ended || l->n == VAULT_PASSWORD_MAX + 2;
		unsigned char waste[512];
		ssize_t n = drop ? read(fd, waste, sizeof(waste)) :
				   read(fd, l->p + l->n, VAULT_PASSWORD_MAX + 2 - l->n);
		explicit_bzero(waste, sizeof(waste));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot read from '%s'", path);
		if (n == 0)
			return 0;
		if (!drop)
			line_took(l, (size_t)n);
		else if ((dropped += (size_t)n) > RUN_OUTPUT_MAX)
			return err_set(e, ERR_CONFIG, "the password file '%s' prints without end", path);
	}
}

static int wait_for(pid_t pid, long long until, const char *path, int *ret_status, struct err *e)
{
	for (;;) {
		pid_t r = waitpid(pid, ret_status, WNOHANG);
		if (r == pid)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_errno(e, ERR_FAILED, "cannot wait for '%s'", path);
		if ((long long)steady_ms() >= until)
			return err_set(e, ERR_TIMEOUT, "the password file '%s' did not end within %d s", path,
				       RUN_SECONDS);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

static int run(const char *path, struct line *l, struct err *e)
{
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_errno(e, ERR_FAILED, "cannot make a pipe");
	AUTO_CLOSE int in = pipes[0];
	AUTO_CLOSE int out = pipes[1];
	pid_t pid = -1;
	int r = spawn(path, out, &pid, e);
	if (r < 0)
		return r;
	close(take_fd(&out));
	long long until = (long long)steady_ms() + RUN_SECONDS * 1000LL;
	int status = 0;
	r = read_output(in, until, path, l, e);
	if (r == 0)
		r = wait_for(pid, until, path, &status, e);
	if (r < 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return r;
	}
	if (WIFSIGNALED(status))
		return err_set(e, WTERMSIG(status) == SIGINT ? ERR_INTERRUPTED : ERR_CONFIG,
			       "the password file '%s' was ended by signal %d", path, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(e, ERR_CONFIG, "the password file '%s' ended with exit status %d", path,
			       WEXITSTATUS(status));
	return 0;
}

/* ---- a file */

static int check_file(const char *path, const struct stat *st, struct err *e)
{
	if (S_ISDIR(st->st_mode))
		return err_set(e, ERR_CONFIG, "the password file '%s' is a directory", path);
	if (!S_ISREG(st->st_mode))
		return 0;
	if (st->st_mode & 0111 && st->st_mode & 0022)
		return err_set(e, ERR_CONFIG,
			       "the password file '%s' is run, and others may change it; chmod go-w it", path);
	if (!(st->st_mode & 0111) && st->st_mode & 0006)
		return err_set(e, ERR_CONFIG, "others may read or change the password file '%s'; chmod 600 it", path);
	return 0;
}

int vault_password_file(const char *path, struct secret **ret, struct err *e)
{
	AUTO_LINE struct line l = { 0 };
	char what[300];
	bool in = strcmp(path, "-") == 0;
	snprintf(what, sizeof(what), in ? "the password on standard input" :
					  "the password from '%.200s'", path);
	int r = line_begin(&l, e);
	if (r < 0)
		return r;
	if (in && isatty(STDIN_FILENO))
		return err_set(e, ERR_CONFIG,
			       "standard input is the terminal, which would show the password; leave '-' out to be asked");
	if (in) {
		r = line_read(STDIN_FILENO, 1, &l, what, e);
		return r < 0 ? r : line_take(&l, what, ret, e);
	}
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	/* an executable need not be readable */
	if (fd < 0 && !(errno == EACCES && access(path, X_OK) == 0))
		return err_errno(e, ERR_CONFIG, "cannot read the password file '%s'", path);
	if ((fd < 0 ? stat(path, &st) : fstat(fd, &st)) < 0)
		return err_errno(e, ERR_CONFIG, "cannot read the password file '%s'", path);
	r = check_file(path, &st, e);
	if (r == 0)
		r = S_ISREG(st.st_mode) && st.st_mode & 0111 ? run(path, &l, e) :
							       line_read(fd, VAULT_PASSWORD_MAX + 2, &l, what, e);
	return r < 0 ? r : line_take(&l, what, ret, e);
}

/* ---- the terminal */

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM,
			      SIGPIPE };
static volatile sig_atomic_t arrived[NSIG];

static void note(int sig)
{
	arrived[sig] = 1;
}

static void say(int tty, const char *s)
{
	size_t left = strlen(s);
	while (left) {
		ssize_t n = write(tty, s, left);
		if (n <= 0)
			return;
		s += n;
		left -= (size_t)n;
	}
}

static int read_tty(int tty, const sigset_t *mask, struct line *l, struct err *e)
{
	while (!l->ended && l->n < VAULT_PASSWORD_MAX + 2) {
		struct pollfd pfd = { .fd = tty, .events = POLLIN };
		/* only here may a signal come: none is missed between a look and a sleep */
		if (ppoll(&pfd, 1, NULL, mask) < 0)
			return errno == EINTR ? 0 : err_errno(e, ERR_CONFIG, "cannot wait for the terminal");
		ssize_t n = read(tty, l->p + l->n, VAULT_PASSWORD_MAX + 2 - l->n);
		if (n < 0 && errno != EINTR)
			return err_errno(e, ERR_CONFIG, "cannot read from the terminal");
		if (n <= 0)
			return 0;
		line_took(l, (size_t)n);
	}
	return 0;
}

/* One line with the echo off. Signals wait until the terminal is as before, then they do what
 * they would have done. *ret_again: the program was stopped and continued, ask again. */
static int ask_once(int tty, const char *prompt, struct line *l, bool *ret_again, struct err *e)
{
	struct sigaction was[COUNT(caught)];
	struct sigaction noting = { .sa_handler = note };
	struct termios before, quiet;
	sigset_t all, mask;
	*ret_again = false;
	if (tcgetattr(tty, &before) < 0)
		return err_errno(e, ERR_CONFIG, "cannot ask on the terminal");
	sigemptyset(&noting.sa_mask);
	sigemptyset(&all);
	for (size_t i = 0; i < COUNT(caught); i++) {
		arrived[caught[i]] = 0;
		sigaddset(&all, caught[i]);
	}
	/* SIGTTOU stays open: tcsetattr from the background must stop until we are in front */
	sigdelset(&all, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &all, &mask);
	for (size_t i = 0; i < COUNT(caught); i++)
		sigaction(caught[i], &noting, &was[i]);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	int r = 0;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0) {
		if (errno != EINTR)
			r = err_errno(e, ERR_CONFIG, "cannot turn the terminal's echo off");
	} else {
		say(tty, prompt);
		r = read_tty(tty, &mask, l, e);
		say(tty, "\n");
		while (tcsetattr(tty, TCSAFLUSH, &before) < 0 && errno == EINTR && !arrived[SIGTTOU])
			;
	}
	for (size_t i = 0; i < COUNT(caught); i++)
		sigaction(caught[i], &was[i], NULL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	for (size_t i = 0; i < COUNT(caught); i++) {
		int sig = caught[i];
		if (!arrived[sig])
			continue;
		kill(getpid(), sig);
		if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			*ret_again = true;
		else
			r = err_set(e, ERR_INTERRUPTED, "interrupted while asking for a password");
	}
	return r;
}

static int ask(int tty, const char *prompt, struct secret **ret, struct err *e)
{
	for (bool again = true; again;) {
		AUTO_LINE struct line l = { 0 };
		int r = line_begin(&l, e);
		if (r == 0)
			r = ask_once(tty, prompt, &l, &again, e);
		if (r == 0 && !again)
			r = line_take(&l, "what was typed", ret, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int vault_password_prompt(const char *prompt, bool confirm, struct secret **ret, struct err *e)
{
	AUTO_CLOSE int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return err_set(e, ERR_CONFIG,
			       "there is no terminal to ask for a password; name a file with "
			       "--vault-password-file or " VAULT_PASSWORD_ENV);
	for (int tries = 0; tries < 3; tries++) {
		AUTO_SECRET struct secret *one = NULL;
		AUTO_SECRET struct secret *two = NULL;
		int r = ask(tty, prompt, &one, e);
		if (r == 0 && confirm)
			r = ask(tty, "The same again: ", &two, e);
		if (r < 0)
			return r;
		if (!confirm || secret_equal(one, two)) {
			*ret = take_ptr(&one);
			return 0;
		}
		say(tty, "The two differ.\n");
	}
	return err_set(e, ERR_CONFIG, "the two passwords differed three times");
}

int vault_password(const char *path, const char *prompt, bool confirm, struct secret **ret,
		   struct err *e)
{
	if (!path)
		path = getenv(VAULT_PASSWORD_ENV);
	if (path && *path)
		return vault_password_file(path, ret, e);
	return vault_password_prompt(prompt, confirm, ret, e);
}
