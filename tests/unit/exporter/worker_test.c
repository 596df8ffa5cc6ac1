/* SPDX-License-Identifier: BSD-2-Clause */
/* Children that behave in every way a child can. */
#include "exporter/worker.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter/tick.h"

#define SECOND UINT64_C(1000000000)

struct heard {
	struct event_base *base;
	struct worker *worker;
	unsigned lines, ends, enough_lines, enough_ends;
	char last[WORKER_LINE_MAX];
	struct err why;
};

static void on_line(void *arg, const char *line, size_t len)
{
	struct heard *h = arg;

	cr_assert_eq(strlen(line), len);
	snprintf(h->last, sizeof h->last, "%s", line);
	if (++h->lines == h->enough_lines)
		event_base_loopbreak(h->base);
}

static void on_end(void *arg, const struct err *why)
{
	struct heard *h = arg;

	h->why = *why;
	if (++h->ends == h->enough_ends)
		event_base_loopbreak(h->base);
}

/* Runs until so many lines or ends were heard, 60 s at most. */
static struct heard run(void (*child)(const void *, int), const char *const *argv, uint64_t silence_ns,
			unsigned lines, unsigned ends)
{
	struct heard h = { .base = event_base_new(), .enough_lines = lines, .enough_ends = ends };
	struct timeval most = { .tv_sec = 60 };
	struct err e = { 0 };
	int rc = worker_start(h.base,
			      &(struct worker_job){ .what = "the child", .main = child, .argv = argv,
						    .child_arg = "hello", .silence_ns = silence_ns,
						    .on_line = on_line, .on_end = on_end, .arg = &h },
			      &h.worker, &e);

	cr_assert_eq(rc, 0, "%s", e.msg);
	event_base_loopexit(h.base, &most);
	event_base_dispatch(h.base);
	worker_stop(h.worker);
	event_base_free(h.base);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
	return h;
}

static void say(int out, const char *text)
{
	if (write(out, text, strlen(text)) < 0)
		_exit(1);
}

static void talks(const void *arg, int out)
{
	for (;;) {
		say(out, arg);
		say(out, "\n");
		usleep(1000);
	}
}

Test(worker, lines_come_in)
{
	struct heard h = run(talks, NULL, 30 * SECOND, 5, 1);

	cr_assert_geq(h.lines, 5);
	cr_assert_eq(h.ends, 0);
	cr_assert_str_eq(h.last, "hello");
}

static void crashes(const void *arg, int out)
{
	(void)arg;
	say(out, "once\nhalf a li");
	kill(getpid(), SIGKILL);
}

Test(worker, one_that_crashes_is_started_again)
{
	struct heard h = run(crashes, NULL, 30 * SECOND, 2, 0);

	cr_assert_eq(h.lines, 2);
	cr_assert_geq(h.ends, 1);
	cr_assert_str_eq(h.last, "once", "half a line is none");
	cr_assert_str_eq(h.why.msg, "the child was ended by signal 9");
}

static void hangs(const void *arg, int out)
{
	(void)arg;
	say(out, "once\n");
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

Test(worker, one_that_hangs_is_ended)
{
	struct heard h = run(hangs, NULL, SECOND / 2, 0, 1);

	cr_assert_eq(h.ends, 1);
	cr_assert_str_eq(h.why.msg, "the child said nothing for too long and was ended");
}

static void floods(const void *arg, int out)
{
	(void)arg;
	for (;;)
		say(out, "0123456789012345678901234567890123456789012345678901234567890123456789\n");
}

Test(worker, one_that_floods_is_ended)
{
	struct heard h = run(floods, NULL, 30 * SECOND, 0, 1);

	cr_assert_str_eq(h.why.msg, "the child wrote too much and was ended");
	cr_assert_leq(h.lines, WORKER_BYTES_MAX / 71 + 1);
}

static void never_ends_a_line(const void *arg, int out)
{
	(void)arg;
	for (;;)
		say(out, "0123456789");
}

Test(worker, a_line_has_an_end)
{
	struct heard h = run(never_ends_a_line, NULL, 30 * SECOND, 1, 1);

	cr_assert_eq(h.lines, 0);
	cr_assert_str_eq(h.why.msg, "the child wrote a line that is too long and was ended");
}

static void closes(const void *arg, int out)
{
	(void)arg;
	close(out);
	for (;;)
		pause();
}

Test(worker, one_that_only_closes_its_pipe_is_ended)
{
	struct heard h = run(closes, NULL, 30 * SECOND, 0, 1);

	cr_assert_str_eq(h.why.msg, "the child closed its pipe and was ended");
}

/* What the parent has open is none of the child's business. */
static void counts_files(const void *arg, int out)
{
	char text[16];
	int n = 0;

	(void)arg;
	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	snprintf(text, sizeof text, "%d\n", n);
	say(out, text);
	pause();
}

Test(worker, a_child_inherits_nothing)
{
	int open_here = open("/etc/passwd", O_RDONLY);

	cr_assert_geq(open_here, 3);
	struct heard h = run(counts_files, NULL, 30 * SECOND, 1, 1);

	cr_assert_str_eq(h.last, "3");
	close(open_here);
}

Test(worker, a_program_gets_no_environment_and_its_end_is_told)
{
	setenv("SECRET_OF_OURS", "geheim", 1);
	struct heard h = run(NULL, (const char *const[]){ "/bin/sh", "-c", "echo \"x$SECRET_OF_OURS\"; exit 3", NULL },
			     30 * SECOND, 0, 1);

	cr_assert_str_eq(h.last, "x");
	cr_assert_str_eq(h.why.msg, "the child ended with status 3");
	h = run(NULL, (const char *const[]){ "/no/such/program", NULL }, 30 * SECOND, 0, 1);
	cr_assert_str_eq(h.why.msg, "the child is not there");
}

/* As a unit's AmbientCapabilities= gives it. */
static bool gain_ambient(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps) != 0 || !(caps[0].permitted & 1u << CAP_CHOWN))
		return false;
	caps[0].inheritable |= 1u << CAP_CHOWN;
	return syscall(SYS_capset, &head, caps) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0;
}

Test(worker, a_program_does_not_inherit_the_exporters_capabilities)
{
	static const char *const argv[] = { "/bin/grep", "CapAmb", "/proc/self/status", NULL };

	if (!gain_ambient())
		cr_skip_test("no capability may be made ambient here");
	struct heard h = run(NULL, argv, 30 * SECOND, 1, 0);

	cr_assert_str_eq(h.last, "CapAmb:\t0000000000000000");
}
