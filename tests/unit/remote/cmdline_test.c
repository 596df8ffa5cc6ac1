/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/remote/cmdline.h"

#define ARGS 24

/* Runs LINE as sshd would, with the user's login shell; what comes out is in ret. */
static int run_line(const char *const *shell, const char *line, struct buf *ret)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		const char *argv[6];
		size_t n = 0;
		for (; shell[n]; n++)
			argv[n] = shell[n];
		argv[n++] = "-c";
		argv[n++] = line;
		argv[n] = NULL;
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		setenv("LC_ALL", "C", 1);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	close(p[1]);
	char chunk[4096];
	ssize_t n;
	while ((n = read(p[0], chunk, sizeof(chunk))) > 0)
		buf_add(ret, chunk, (size_t)n);
	close(p[0]);
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static const char *const hostile[] = {
	"", " ", "'", "''", "'\\''", "!", "!!", "\\", "\\\\", "\\'", "\"", "$HOME", "$(id)", "`id`", "a;b", "a&b", "a|b",
	"*", "?", "[a-z]", "~", "~root", "-n", "--", "-e", "#x", "a#b", "%s%n", "\t", "a b  c", "\x01\x7f\x80\xff", "{a,b}",
	"$'\\n'", "=x", "<(id)", ">&2", "a\\", "a\rb", "\x1b[31m", "!'!'!", "'!\\!'", "\xc3\xa4\xe2\x82\xac", "^a^b",
	"\n", "a\nb\n", "\n\n", "a\\\nb", "'\n'", "!\n",
};

static char *random_arg(bool newline)
{
	size_t len = (size_t)(random() % 40);
	char *s = malloc(len + 1);
	for (size_t i = 0; i < len; i++) {
		static const char likely[] = "'!\\\"$`";
		s[i] = random() % 3 ? (char)(1 + random() % 255) : likely[random() % (sizeof(likely) - 1)];
		if (s[i] == '\n' && !newline)
			s[i] = 'n';
	}
	s[len] = '\0';
	return s;
}

/* A script without a newline of its own, so that csh can carry it too. */
static const char print_args[] = "for a do printf \"%s\\\\0\" \"$a\"; done; printf '!%d' $#";

static void round_trip(const char *const *shell, char *const *args, size_t n)
{
	struct err e = { 0 };
	AUTO_BUF struct buf line, got, want;
	buf_init(&line, CMDLINE_MAX);
	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	cr_assert_eq(cmdline_make(&line, NULL, CMDLINE_NO_SUDO, 60, print_args, (const char *const *)args, &e), 0, "%s", e.msg);
	cr_assert_eq(run_line(shell, buf_str(&line), &got), 0, "%s: %s", shell[0], buf_str(&line));
	for (size_t i = 0; i < n; i++)
		buf_add(&want, args[i], strlen(args[i]) + 1);
	buf_addf(&want, "!%zu", n);
	cr_assert_eq(got.len, want.len, "%s: %zu bytes came back, not %zu: %s", shell[0], got.len, want.len, buf_str(&line));
	cr_assert_arr_eq(got.data, want.data, got.len, "%s: %s", shell[0], buf_str(&line));
}

static void through(const char *const *shell, bool newline)
{
	char *args[ARGS + 1] = { 0 };
	for (size_t i = 0; i < COUNT(hostile);) {
		size_t n = 0;
		for (; n < ARGS && i < COUNT(hostile); i++)
			if (newline || !strchr(hostile[i], '\n'))
				args[n++] = (char *)hostile[i];
		args[n] = NULL;
		round_trip(shell, args, n);
	}
	srandom(20240607);
	for (int round = 0; round < 40; round++) {
		size_t n = (size_t)(random() % ARGS);
		for (size_t i = 0; i < n; i++)
			args[i] = random_arg(newline);
		args[n] = NULL;
		round_trip(shell, args, n);
		for (size_t i = 0; i < n; i++)
			free(args[i]);
	}
}

Test(cmdline, arguments_come_back_through_dash)
{
	through((const char *const[]){ "dash", NULL }, true);
}

Test(cmdline, arguments_come_back_through_bash)
{
	through((const char *const[]){ "bash", NULL }, true);
}

Test(cmdline, arguments_come_back_through_posix_bash)
{
	through((const char *const[]){ "bash", "--posix", NULL }, true);
}

Test(cmdline, arguments_without_newline_come_back_through_csh)
{
	/* tests/unit/remote has tcsh in its deps.debian; a developer's machine may lack it */
	if (access("/bin/tcsh", X_OK) < 0 && access("/usr/bin/tcsh", X_OK) < 0)
		cr_skip_test("tcsh is not installed");
	through((const char *const[]){ "tcsh", "-f", NULL }, false);
}

Test(cmdline, a_failing_script_and_an_unset_variable_give_their_status)
{
	struct err e = { 0 };
	AUTO_BUF struct buf line, out;
	buf_init(&line, CMDLINE_MAX);
	buf_init(&out, 100);
	const char *const sh[] = { "sh", NULL };
	cr_assert_eq(cmdline_make(&line, NULL, CMDLINE_NO_SUDO, 0, "exit \"$1\"", (const char *const[]){ "7", NULL }, &e), 0);
	cr_assert_eq(run_line(sh, buf_str(&line), &out), 7);
	buf_reset(&line);
	cr_assert_eq(cmdline_make(&line, NULL, CMDLINE_NO_SUDO, 0, "false; exit 0", NULL, &e), 0);
	cr_assert_eq(run_line(sh, buf_str(&line), &out), 1);
	buf_reset(&line);
	cr_assert_eq(cmdline_make(&line, NULL, CMDLINE_NO_SUDO, 1, "sleep 20", NULL, &e), 0);
	cr_assert_eq(run_line(sh, buf_str(&line), &out), 124);
}

Test(cmdline, the_longest_line_runs_and_a_longer_one_is_refused_before_it_is_sent)
{
	struct err e = { 0 };
	AUTO_BUF struct buf line, out, first;
	AUTO_FREE char *big = malloc(CMDLINE_MAX + 1);
	buf_init(&line, CMDLINE_MAX);
	buf_init(&out, 100);
	buf_init(&first, CMDLINE_MAX);
	const char *argv[] = { big, NULL };
	static const char length[] = "printf %s \"${#1}\"";
	size_t n = CMDLINE_MAX;
	do {
		memset(big, 'x', n);
		big[n--] = '\0';
		buf_reset(&line);
		buf_reset(&first);
	} while (cmdline_make(&line, &first, CMDLINE_SUDO_ASK, 60, length, argv, &e) < 0);
	cr_assert(strstr(e.msg, "131071"), "%s", e.msg);
	/* sudo is not there for the test: the same argument without it */
	buf_reset(&line);
	cr_assert_eq(cmdline_make(&line, NULL, CMDLINE_NO_SUDO, 60, length, argv, &e), 0);
	cr_assert_gt(line.len, CMDLINE_MAX - 500);
	cr_assert_eq(run_line((const char *const[]){ "dash", NULL }, buf_str(&line), &out), 0);
	char want[32];
	snprintf(want, sizeof(want), "%zu", strlen(big));
	cr_assert_str_eq(buf_str(&out), want);
}

Test(cmdline, sudo_forms)
{
	struct err e = { 0 };
	AUTO_BUF struct buf b, first;
	buf_init(&b, CMDLINE_MAX);
	buf_init(&first, 1000);
	cr_assert_eq(cmdline_make(&b, &first, CMDLINE_SUDO, 5, "id", (const char *const[]){ "a'b", NULL }, &e), 0);
	cr_assert_str_eq(buf_str(&first), "echo '[powerstack script starts]' >&2; id\n#whole");
	cr_assert(strncmp(buf_str(&b), "env LC_ALL=C sudo -n -- timeout -k 10 5 sh -euc 'echo ", 53) == 0, "%s", buf_str(&b));
	cr_assert(strstr(buf_str(&b), " powerstack 'a'\\''b'"), "%s", buf_str(&b));
	buf_reset(&b);
	cr_assert_eq(cmdline_make(&b, &first, CMDLINE_SUDO_ASK, 0, "id", NULL, &e), 0);
	cr_assert(strstr(buf_str(&b), " sudo -S -p '[powerstack asks sudo]' -- sh -euc "));
}

/* The line without its sudo, fed as command.c feeds it; sent: how many bytes of the script come. */
static int run_fed(const char *script, size_t sent, const char *content, struct buf *ret)
{
	struct err e = { 0 };
	AUTO_BUF struct buf line, first, shell;
	buf_init(&line, CMDLINE_MAX);
	buf_init(&first, CMDLINE_MAX);
	buf_init(&shell, CMDLINE_MAX * 2);
	cr_assert_eq(cmdline_make(&line, &first, CMDLINE_SUDO, 9, script, (const char *const[]){ "arg", NULL }, &e), 0);
	const char *words = strstr(buf_str(&line), "timeout ");
	FILE *in = tmpfile();
	fwrite(first.data, 1, sent < first.len ? sent : first.len, in);
	fputs(content, in);
	fflush(in);
	rewind(in);
	int was = dup(0);
	dup2(fileno(in), 0);
	/* a pipe, as sshd gives one: nothing can be put back that was read too far */
	buf_addf(&shell, "cat | %s 2>/dev/null", words);
	int status = run_line((const char *const[]){ "dash", NULL }, buf_str(&shell), ret);
	dup2(was, 0);
	close(was);
	fclose(in);
	return status;
}

Test(cmdline, a_script_ahead_of_stdin_runs_whole_or_not_at_all)
{
	static const char script[] = "printf '%s,' \"$1\"\ncat\nfalse\nprintf never\n";
	AUTO_BUF struct buf out;
	buf_init(&out, 1000);
	cr_assert_eq(run_fed(script, SIZE_MAX, "content", &out), 1);
	cr_assert_str_eq(buf_str(&out), "arg,content");
	for (size_t sent = 0; sent < sizeof(script) + 40; sent += 3) {
		buf_reset(&out);
		cr_assert_eq(run_fed(script, sent, "", &out), 1);
		cr_assert_str_eq(buf_str(&out), "", "after %zu bytes: %s", sent, buf_str(&out));
	}
}
