/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/log.h"

static struct vault *vault_of(const char *text)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *s = NULL;
	struct vault *v = NULL;
	cr_assert_eq(secret_new(text, strlen(text), &s, &e), 0, "%s", e.msg);
	cr_assert_eq(vault_new("test", s, &v, &e), 0, "%s", e.msg);
	return v;
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	cr_assert_eq(stat(path, &st), 0, "%s", path);
	return st.st_mode & 07777;
}

Test(log, one_run)
{
	struct err e = { 0 };
	char dir[] = "/tmp/powerstack-log-XXXXXX";
	cr_assert(mkdtemp(dir));
	AUTO_FREE char *logs = NULL;
	cr_assert_gt(asprintf(&logs, "%s/a/logs", dir), 0);
	struct vault *v = vault_of("token: plantedsecret\n");
	struct redact redact = { v };
	struct runlog *l = NULL;
	umask(0); /* the modes are ours, not the umask's */
	cr_assert_eq(runlog_open(logs, "deploy", "deploy on x", &redact, &l, &e), 0, "%s", e.msg);
	cr_expect_eq(mode_of(logs), 0700);
	cr_expect_eq(mode_of(runlog_path(l)), 0600);
	AUTO_FREE char *path = strdup(runlog_path(l));

	static const struct script script = { "file-put", "true" };
	const char *const argv[] = { "/etc/x y", "it's\nplantedsecret", NULL };
	struct cmd cmd = { .script = &script, .argv = argv, .in = "abc", .in_len = 3, .flags = CMD_SUDO };
	struct answer a = { .status = 3, .ms = 812 };
	buf_init(&a.out, 1000);
	buf_init(&a.err, 10000);
	for (int i = 1; i <= 25; i++)
		buf_addf(&a.err, "line %d %s\n", i, i == 25 ? "\033[31mplantedsecret" : "");
	struct err failed = { 0 };
	err_set(&failed, ERR_FAILED, "file-put ended with 3: plantedsecret");
	runlog_command(l, "ho1", &cmd, &a, &failed);
	char message[] = "was plantedsecret\n2026 ho9 row forged";
	struct report_row row = { "ho1", "nfs-server", "nfs", "exports", ABSENT, PRESENT, OUT_CHANGED, 400,
				  message, NULL };
	runlog_row(l, &row);
	cr_assert_eq(runlog_close(l, &e), 0, "%s", e.msg);
	answer_clear(&a);

	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(file_read(path, &b, NULL, &e), 0, "%s", e.msg);
	const char *text = buf_str(&b);
	cr_expect_null(strstr(text, "plantedsecret"), "%s", text);
	cr_expect(strstr(text, " ho1 run file-put sudo status=3 812ms stdin=3 '/etc/x y' 'it\\'s\\n[redacted]'\n"), "%s", text);
	cr_expect(strstr(text, "\n  ! file-put ended with 3: [redacted]\n"), "%s", text);
	cr_expect(strstr(text, "\n  | line 25 ?[31m[redacted]\n"), "%s", text);
	cr_expect(strstr(text, "\n  | line 6 \n"), "%s", text);
	cr_expect_null(strstr(text, "  | line 5 "), "only the last 20 lines");
	cr_expect(strstr(text, " ho1 row changed nfs-server/exports absent->present 400ms was [redacted] 2026 ho9 row forged\n"), "%s", text);
	vault_free(v);
	unlink(path);
	rmdir(logs);
}

Test(log, two_in_one_second_are_two_files)
{
	struct err e = { 0 };
	char dir[] = "/tmp/powerstack-log-XXXXXX";
	cr_assert(mkdtemp(dir));
	struct redact redact = { 0 };
	struct runlog *l[3] = { 0 };
	for (size_t i = 0; i < COUNT(l); i++)
		cr_assert_eq(runlog_open(dir, "verify", "x", &redact, &l[i], &e), 0, "%s", e.msg);
	cr_expect_str_neq(runlog_path(l[0]), runlog_path(l[1]));
	cr_expect_str_neq(runlog_path(l[1]), runlog_path(l[2]));
	for (size_t i = 0; i < COUNT(l); i++) {
		unlink(runlog_path(l[i]));
		cr_expect_eq(runlog_close(l[i], &e), 0);
	}
	rmdir(dir);
}

Test(log, no_place_is_an_error_that_names_the_option)
{
	struct err e = { 0 };
	struct redact redact = { 0 };
	struct runlog *l = NULL;
	cr_assert_lt(runlog_open("/proc/nowhere", "deploy", "x", &redact, &l, &e), 0);
	cr_expect(strstr(e.msg, "--log-dir"), "%s", e.msg);
	cr_expect_null(l);
}
