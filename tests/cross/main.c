/* SPDX-License-Identifier: BSD-2-Clause */
/* unit [SUITE...]: runs the tests, each in a process of its own; TAP. */
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
#define TIMEOUT_S 600

static struct cross_test *tests, **tail = &tests;
static bool failed;

void cross_add(struct cross_test *t)
{
	*tail = t;
	tail = &t->next;
}

void cross_fail(bool fatal, const char *file, int line, const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "%s:%d: %s ", file, line, what);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	failed = true;
	if (fatal)
		_exit(1);
}

void cross_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	_exit(SKIPPED);
}

static const struct cross_options *suite_of(const struct cross_test *t)
{
	for (const struct cross_test *s = tests; s; s = s->next)
		if (!s->run && strcmp(s->suite, t->suite) == 0)
			return &s->options;
	return &t->options;
}

static void run(const struct cross_test *t)
{
	const struct cross_options *suite = suite_of(t);
	void (*init)(void) = t->options.init ? t->options.init : suite->init;
	void (*fini)(void) = t->options.fini ? t->options.fini : suite->fini;

	alarm(TIMEOUT_S);
	if (init)
		init();
	t->run();
	if (fini)
		fini();
	_exit(failed ? 1 : 0);
}

int main(int argc, char **argv)
{
	int n = 0, bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (const struct cross_test *t = tests; t; t = t->next) {
		bool asked = argc < 2;
		int status = 0;

		for (int i = 1; i < argc; i++)
			asked |= strcmp(argv[i], t->suite) == 0;
		if (!t->run || !asked)
			continue;
		pid_t pid = fork();

		if (pid == 0)
			run(t);
		bool ok = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			  (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == SKIPPED);

		bad += !ok;
		printf("%s %d - %s.%s%s\n", ok ? "ok" : "not ok", ++n, t->suite, t->name,
		       ok && WEXITSTATUS(status) ? " # SKIP" : "");
		if (!ok && WIFSIGNALED(status))
			printf("# signal %d\n", WTERMSIG(status));
	}
	printf("1..%d\n", n);
	return n == 0 || bad ? 1 : 0;
}
