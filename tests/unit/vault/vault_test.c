/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vault/vault.h"

static const struct vault_cost cheap = { 1, 8192 };
static char dir[] = "/tmp/vaulttestXXXXXX";
static char path[100], pwfile[100];

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/vault.yml", dir);
	snprintf(pwfile, sizeof(pwfile), "%s/pw", dir);
	unsetenv(VAULT_PASSWORD_ENV);
}

static void tear_down(void)
{
	unlink(path);
	unlink(pwfile);
	rmdir(dir);
}

static struct secret *sec(const char *s)
{
	struct secret *r = NULL;
	cr_assert_eq(secret_new(s, strlen(s), &r, NULL), 0);
	return r;
}

static void put(const char *p, const char *text, mode_t mode)
{
	cr_assert_eq(file_replace(p, mode, text, strlen(text), NULL), 0);
}

TestSuite(vault_file, .init = set_up, .fini = tear_down);

Test(vault_file, is_private_and_keeps_its_cost)
{
	struct err e = { 0 };
	struct stat st;
	struct vault_cost c = { 0 };
	AUTO_SECRET struct secret *plain = sec("a: b\n");
	AUTO_SECRET struct secret *pw = sec("pass");
	AUTO_SECRET struct secret *back = NULL;
	cr_assert_eq(vault_write_cost(path, plain, pw, &cheap, &e), 0, "%s", e.msg);
	cr_assert_eq(chmod(path, 0644), 0);
	cr_assert_eq(vault_write(path, plain, pw, &e), 0, "%s", e.msg);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	AUTO_BUF struct buf b;
	buf_init(&b, 10000);
	cr_assert_eq(file_read(path, &b, NULL, &e), 0);
	cr_assert_eq(vault_cost_of(path, b.data, b.len, &c, &e), 0);
	cr_assert_eq(c.memlimit, cheap.memlimit);
	cr_assert_eq(vault_read(path, pw, &back, &e), 0, "%s", e.msg);
	cr_assert(secret_equal(plain, back));
}

Test(vault_file, what_is_no_vault_says_what_to_do)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *pw = sec("pass");
	struct secret *back = NULL;
	cr_assert_eq(vault_read(path, pw, &back, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "vault create"), "%s", e.msg);
	put(path, "a: b\n", 0600);
	cr_assert_eq(vault_read(path, pw, &back, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "vault encrypt"), "%s", e.msg);
	put(path, "$ANSIBLE_VAULT;1.1;AES256\n", 0600);
	cr_assert_eq(vault_read(path, pw, &back, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "vault import"), "%s", e.msg);
	cr_assert_eq(vault_read(dir, pw, &back, &e), -(int)ERR_CONFIG);
	cr_assert_null(back);
}

static int password(const char *text, mode_t mode, struct secret **ret, struct err *e)
{
	put(pwfile, text, mode);
	return vault_password_file(pwfile, ret, e);
}

Test(vault_file, password_is_the_first_line_of_a_file)
{
	static const struct {
		const char *text, *is;
	} rows[] = { { "p w", "p w" }, { "pw\n", "pw" }, { "pw\r\n", "pw" }, { " pw \nmore\n", " pw " }, { "pw\n\n", "pw" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = { 0 };
		AUTO_SECRET struct secret *pw = NULL;
		cr_assert_eq(password(rows[i].text, 0600, &pw, &e), 0, "%s", e.msg);
		cr_assert_str_eq(secret_expose(pw), rows[i].is);
	}
	char big[VAULT_PASSWORD_MAX + 2];
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	struct err e = { 0 };
	struct secret *pw = NULL;
	cr_assert_eq(password(big, 0600, &pw, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "longer than 4096"), "%s", e.msg);
	cr_assert_eq(password("", 0600, &pw, &e), -(int)ERR_CONFIG);
	cr_assert_eq(password("\nx\n", 0600, &pw, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "is empty"), "%s", e.msg);
	cr_assert_eq(password("x\n", 0604, &pw, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "chmod 600"), "%s", e.msg);
	cr_assert_eq(vault_password_file(dir, &pw, &e), -(int)ERR_CONFIG);
	cr_assert_eq(vault_password_file("/nonexistent/x", &pw, &e), -(int)ERR_CONFIG);
	cr_assert_null(pw);
	big[VAULT_PASSWORD_MAX] = '\0';
	AUTO_SECRET struct secret *longest = NULL;
	cr_assert_eq(password(big, 0600, &longest, &e), 0, "%s", e.msg);
	cr_assert_eq(secret_len(longest), VAULT_PASSWORD_MAX);
}

Test(vault_file, password_is_what_an_executable_prints)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *pw = NULL;
	cr_assert_eq(password("#!/bin/sh\nread x; echo \"from $# $x\"\necho more\n", 0700, &pw, &e), 0, "%s", e.msg);
	cr_assert_str_eq(secret_expose(pw), "from 0 ");
	struct secret *none = NULL;
	static const struct {
		const char *text, *says;
		mode_t mode;
	} rows[] = {
		{ "#!/bin/sh\necho x\nexit 3\n", "exit status 3", 0700 },
		{ "#!/bin/sh\nkill -9 $$\n", "signal 9", 0700 },
		{ "#!/bin/sh\n:\n", "is empty", 0700 },
		{ "#!/bin/sh\necho x; while echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; do :; done\n", "without end", 0700 },
		{ "#!/bin/sh\nwhile printf yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; do :; done\n", "without end", 0700 },
		{ "no interpreter\n", "#!/bin/sh", 0700 },
		{ "#!/nonexistent/sh\n", "cannot run", 0700 },
		{ "#!/bin/sh\necho x\n", "chmod go-w", 0722 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		cr_assert_eq(password(rows[i].text, rows[i].mode, &none, &e), -(int)ERR_CONFIG, "row %zu", i);
		cr_assert_not_null(strstr(e.msg, rows[i].says), "row %zu: %s", i, e.msg);
		cr_assert_null(none);
	}
}

Test(vault_file, the_path_goes_before_the_environment)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *pw = NULL;
	AUTO_SECRET struct secret *in = NULL;
	AUTO_SECRET struct secret *from_env = NULL;
	put(pwfile, "pw\n", 0600);
	setenv(VAULT_PASSWORD_ENV, "/nonexistent", 1);
	cr_assert_eq(vault_password(pwfile, "x", false, &pw, &e), 0, "%s", e.msg);
	setenv(VAULT_PASSWORD_ENV, pwfile, 1);
	cr_assert_eq(vault_password(NULL, "x", false, &from_env, &e), 0, "%s", e.msg);
	cr_assert(secret_equal(pw, from_env));
	/* standard input: only the first line is taken */
	int fds[2];
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "one\ntwo\n", 8), 8);
	close(fds[1]);
	cr_assert_geq(dup2(fds[0], 0), 0);
	cr_assert_eq(vault_password("-", "x", false, &in, &e), 0, "%s", e.msg);
	cr_assert_str_eq(secret_expose(in), "one");
	char rest[10] = "";
	cr_assert_eq(read(0, rest, sizeof(rest)), 4);
	cr_assert_str_eq(rest, "two\n");
}

Test(vault_file, secret_read_is_bounded)
{
	struct err e = { 0 };
	AUTO_FREE char *big = calloc(1, 100001);
	memset(big, 'x', 100000);
	put(path, big, 0600);
	AUTO_SECRET struct secret *s = NULL;
	struct secret *none = NULL;
	AUTO_CLOSE int fd = open(path, O_RDONLY);
	cr_assert_eq(secret_read(fd, 100000, "it", &s, &e), 0, "%s", e.msg);
	cr_assert_str_eq(secret_expose(s), big);
	lseek(fd, 0, SEEK_SET);
	cr_assert_eq(secret_read(fd, 99999, "it", &none, &e), -(int)ERR_MEMORY);
	cr_assert_eq(secret_read(-1, 10, "it", &none, &e), -(int)ERR_FAILED);
}
