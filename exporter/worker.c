/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/tick.h"

#define SECOND_NS UINT64_C(1000000000)
#define PAUSE_MAX_S 60
/* So long a child must have lived for the next pause to be short again. */
#define HEALTHY_NS (60 * SECOND_NS)
/* Does the child still live, does it still talk? */
#define WATCH_MS 1000
#define ENDING_MS 20

struct worker {
	struct worker_job job;
	struct event_base *base;
	struct event *readable, *timer;
	pid_t pid;		/* 0: none */
	int fd;
	bool closed;		/* it has closed its pipe and will have ended in a moment */
	bool killed;		/* it was made to end, and that was told; only its end is waited for */
	char line[WORKER_LINE_MAX];
	size_t len;
	uint64_t started_ns, heard_ns, second_ns;
	size_t bytes;		/* in this second */
	unsigned pause_s;
	uint64_t next_ns;	/* when to start again */
};

/* ---- the child */

static void close_from(int first)
{
	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0)
		return;
	for (int fd = first; fd < 4096; fd++)
		close(fd);
}

__attribute__((noreturn)) static void be_child(const struct worker_job *job, int out, pid_t parent)
{
	sigset_t none;

	/* The parent's handlers would write into the parent's loop. */
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0); /* the parent ended before the line above */
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	close_from(3);
	if (job->main) {
		job->main(job->child_arg, 1);
		_exit(0);
	}
	/* What a foreign library gets to see is not what the exporter may do. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	const char *path = getenv("PATH"), *libs = getenv("LD_LIBRARY_PATH");
	char path_env[1024], libs_env[1024];
	char *env[3] = { NULL };
	size_t n = 0;

	if (path && (size_t)snprintf(path_env, sizeof path_env, "PATH=%s", path) < sizeof path_env)
		env[n++] = path_env;
	if (libs && (size_t)snprintf(libs_env, sizeof libs_env, "LD_LIBRARY_PATH=%s", libs) < sizeof libs_env)
		env[n++] = libs_env;
	execve(job->argv[0], (char *const *)(uintptr_t)job->argv, env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* ---- the exporter's side */

static void arm(struct worker *w, unsigned ms)
{
	struct timeval in = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	evtimer_add(w->timer, &in);
}

/* Forgets the pipe; the child may still be there. */
static void hang_up(struct worker *w)
{
	if (w->readable)
		event_free(w->readable);
	w->readable = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->len = 0;
}

static void tell_end(struct worker *w, const char *how)
{
	struct err why = { 0 };

	err_set(&why, ERR_FAILED, "%s %s", w->job.what, how);
	w->job.on_end(w->job.arg, &why);
}

/* Ends the child, and says so; it is started again once it is gone. */
static void put_down(struct worker *w, const char *how)
{
	hang_up(w);
	kill(w->pid, SIGKILL);
	w->killed = true;
	tell_end(w, how);
	arm(w, ENDING_MS);
}

static void on_readable(evutil_socket_t fd, short what, void *arg);

static int launch(struct worker *w, struct err *e)
{
	int ends[2];
	pid_t parent = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, ERR_FAILED, "cannot make a pipe for %s", w->job.what);
	AUTO_CLOSE int mine = ends[0], theirs = ends[1];

	fcntl(mine, F_SETFL, O_NONBLOCK);
	w->readable = event_new(w->base, mine, EV_READ | EV_PERSIST, on_readable, w);
	pid_t pid = w->readable ? fork() : -1;

	if (pid == 0)
		be_child(&w->job, theirs, parent);
	if (pid < 0 || event_add(w->readable, NULL) < 0) {
		hang_up(w);
		if (pid > 0)
			kill(pid, SIGKILL), waitpid(pid, NULL, 0);
		return err_errno(e, ERR_FAILED, "cannot start %s", w->job.what);
	}
	w->fd = take_fd(&mine);
	w->pid = pid;
	w->killed = w->closed = false;
	w->len = w->bytes = 0;
	w->started_ns = w->heard_ns = w->second_ns = tick_now_ns();
	arm(w, WATCH_MS);
	return 0;
}

/* The child is gone and reaped: when comes the next one? */
static void plan_next(struct worker *w, uint64_t now)
{
	w->pid = 0;
	w->pause_s = now - w->started_ns >= HEALTHY_NS || w->pause_s == 0 ? 1 : w->pause_s * 2;
	if (w->pause_s > PAUSE_MAX_S)
		w->pause_s = PAUSE_MAX_S;
	w->next_ns = now + w->pause_s * SECOND_NS;
	arm(w, w->pause_s * 1000);
}

static void say_end(struct worker *w, int status)
{
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof how, "was ended by signal %d", WTERMSIG(status));
	else if (w->job.argv && WEXITSTATUS(status) == 127)
		snprintf(how, sizeof how, "is not there");
	else
		snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
	tell_end(w, how);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	uint64_t now = tick_now_ns();
	int status = 0;
	struct err e = { 0 };

	(void)fd, (void)what;
	if (w->pid == 0) {
		if (now >= w->next_ns && launch(w, &e) < 0) {
			w->job.on_end(w->job.arg, &e);
			w->started_ns = now;
			plan_next(w, now);
		} else if (w->pid == 0) {
			arm(w, WATCH_MS);
		}
		return;
	}
	/* waitpid reaps it here and nowhere else, so that its number cannot be another process's. */
	if ((w->killed || w->closed) && waitpid(w->pid, &status, WNOHANG) != 0) {
		if (!w->killed)
			say_end(w, status);
		plan_next(w, now);
	} else if (!w->killed && w->closed && now - w->heard_ns > SECOND_NS) {
		put_down(w, "closed its pipe and was ended");
	} else if (!w->killed && now - w->heard_ns > w->job.silence_ns) {
		put_down(w, "said nothing for too long and was ended");
	} else {
		arm(w, w->closed || (w->killed && now - w->heard_ns < 5 * SECOND_NS) ? ENDING_MS : WATCH_MS);
	}
}

static void take_bytes(struct worker *w, const char *bytes, size_t n)
{
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t len = end ? (size_t)(end - bytes) : n;

		if (w->len + len >= sizeof w->line) {
			put_down(w, "wrote a line that is too long and was ended");
			return;
		}
		memcpy(w->line + w->len, bytes, len);
		w->len += len;
		if (!end)
			return;
		w->line[w->len] = '\0';
		w->heard_ns = tick_now_ns();
		w->job.on_line(w->job.arg, w->line, w->len);
		w->len = 0;
		bytes += len + 1;
		n -= len + 1;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof bytes);
	uint64_t now = tick_now_ns();

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(w);
		w->closed = true;
		w->heard_ns = now;
		arm(w, ENDING_MS);
		return;
	}
	if (now - w->second_ns >= SECOND_NS) {
		w->second_ns = now;
		w->bytes = 0;
	}
	w->bytes += (size_t)n;
	if (w->bytes > WORKER_BYTES_MAX)
		put_down(w, "wrote too much and was ended");
	else
		take_bytes(w, bytes, (size_t)n);
}

int worker_start(struct event_base *base, const struct worker_job *job, struct worker **ret, struct err *e)
{
	AUTO_FREE struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return err_set(e, ERR_MEMORY, "no memory for %s", job->what);
	*w = (struct worker){ .job = *job, .base = base, .fd = -1 };
	w->timer = evtimer_new(base, on_timer, w);
	if (!w->timer)
		return err_set(e, ERR_MEMORY, "no memory for %s", job->what);
	int rc = launch(w, e);

	if (rc < 0) {
		event_free(w->timer);
		return rc;
	}
	*ret = take_ptr(&w);
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	hang_up(w);
	event_free(w->timer);
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		/* One that is stuck in the kernel is not waited for: it is reaped by init. */
		for (int i = 0; i < 100 && waitpid(w->pid, NULL, WNOHANG) == 0; i++)
			usleep(1000);
	}
	free(w);
}
