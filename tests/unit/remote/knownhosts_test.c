/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/remote/knownhosts.h"

/* The exit status of ssh-keygen; 127 when there is none. */
static int keygen(const char *a, const char *b, const char *c, const char *d)
{
	char *const argv[] = { (char *)"ssh-keygen", (char *)a, (char *)b, (char *)c, (char *)d, NULL };
	posix_spawn_file_actions_t acts;
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_addopen(&acts, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&acts, 1, 2);
	pid_t pid;
	int status = 127 << 8;
	if (posix_spawnp(&pid, "ssh-keygen", &acts, NULL, argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&acts);
	return WEXITSTATUS(status);
}

static bool matches(const char *line, const char *name)
{
	struct khost_line l;
	return khost_line_matches(line, strlen(line), name, &l);
}

Test(knownhosts, names)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 100);
	khost_name(&b, "Node1.Example", 22);
	cr_assert_str_eq(buf_str(&b), "node1.example");
	buf_reset(&b);
	khost_name(&b, "fd00::1", 2222);
	cr_assert_str_eq(buf_str(&b), "[fd00::1]:2222");
}

Test(knownhosts, plain_patterns_and_negation)
{
	cr_assert(matches("n1 ssh-ed25519 AAAA", "n1"));
	cr_assert(matches("  n0,n1\tssh-ed25519   AAAA comment here\r", "n1"));
	cr_assert(matches("*.example,!bad.example ssh-ed25519 AAAA", "a.example"));
	cr_assert_not(matches("*.example,!bad.example ssh-ed25519 AAAA", "bad.example"));
	cr_assert(matches("N? ssh-ed25519 AAAA", "n1"));
	cr_assert(matches("[n1]:2222 ssh-ed25519 AAAA", "[n1]:2222"));
	cr_assert_not(matches("n1 ssh-ed25519 AAAA", "[n1]:2222"));
	cr_assert_not(matches("n11 ssh-ed25519 AAAA", "n1"));
	cr_assert_not(matches("# n1 ssh-ed25519 AAAA", "n1"));
	cr_assert_not(matches("", "n1"));
	cr_assert_not(matches("n1", "n1"));
	cr_assert_not(matches("n1 ssh-ed25519", "n1"));
	cr_assert_not(matches("@cert-authority * ssh-ed25519 AAAA", "n1"));
	cr_assert(matches("@revoked * ssh-ed25519 AAAA", "n1"));
	cr_assert_not(matches("|1|bad|bad ssh-ed25519 AAAA", "n1"));
	cr_assert_not(matches("|1||| ssh-ed25519 AAAA", "n1"));
}

Test(knownhosts, the_hash_that_ssh_keygen_makes)
{
	/* ssh-keygen -H of "node7.example" */
	char dir[] = "/tmp/khostXXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	char path[64];
	snprintf(path, sizeof(path), "%s/k", dir);
	struct err e = { 0 };
	static const char key[] = "AAAAC3NzaC1lZDI1NTE5AAAAIP0fKPvRLe1ZUqRUPfPGXwxvqjXJrNSnFPyTmy5dJyNh";
	AUTO_BUF struct buf text;
	buf_init(&text, 1000);
	buf_addf(&text, "node7.example ssh-ed25519 %s\n", key);
	cr_assert_eq(file_replace(path, 0600, text.data, text.len, &e), 0);
	cr_assert_eq(keygen("-H", "-f", path, NULL), 0, "ssh-keygen (package openssh-client) is wanted");
	struct khosts k = { 0 };
	cr_assert_eq(khosts_load((const char *const[]){ path, NULL }, "node7.example", &k, &e), 0);
	cr_assert_eq(k.n, 1);
	cr_assert_str_eq(k.entries[0].base64, key);
	khosts_clear(&k);
	/* and ours is found by ssh-keygen */
	cr_assert_eq(khost_add(path, "[10.0.0.9]:2222", true, "ssh-ed25519", key, &e), 0, "%s", e.msg);
	cr_assert_eq(keygen("-f", path, "-F", "[10.0.0.9]:2222"), 0);
	cr_assert_neq(keygen("-f", path, "-F", "[10.0.0.8]:2222"), 0);
}

Test(knownhosts, judges)
{
#define T(s) (char[]){ s }
	struct khost_entry entries[] = {
		{ .type = T("ssh-ed25519"), .base64 = T("AAAA"), .file = "f", .line = 3 },
		{ .type = T("ssh-rsa"), .base64 = T("BBBB"), .file = "f", .line = 4 },
		{ .type = T("ssh-rsa"), .base64 = T("CCCC"), .file = "g", .line = 1, .revoked = true },
	};
	struct khosts k = { entries, 3 };
	const struct khost_entry *at = NULL;
	cr_assert_eq(khosts_judge(&k, "ssh-ed25519", "AAAA", &at), KHOST_KNOWN);
	cr_assert_null(at);
	cr_assert_eq(khosts_judge(&k, "ssh-rsa", "BBBB", NULL), KHOST_KNOWN);
	cr_assert_eq(khosts_judge(&k, "ssh-rsa", "XXXX", &at), KHOST_CHANGED);
	cr_assert_eq(at->line, 3);
	/* a key of a type that is not known is another key, too: else an attacker would show that type */
	cr_assert_eq(khosts_judge(&k, "ecdsa-sha2-nistp256", "XXXX", &at), KHOST_CHANGED);
	cr_assert_eq(khosts_judge(&k, "ssh-rsa", "CCCC", &at), KHOST_REVOKED);
	cr_assert_str_eq(at->file, "g");
	struct khosts none = { 0 };
	cr_assert_eq(khosts_judge(&none, "ssh-rsa", "BBBB", &at), KHOST_UNKNOWN);
	struct khosts revoked_only = { entries + 2, 1 };
	cr_assert_eq(khosts_judge(&revoked_only, "ssh-rsa", "BBBB", &at), KHOST_UNKNOWN);
}

Test(knownhosts, adds_to_a_file_that_lacks_its_last_newline)
{
	char dir[] = "/tmp/khostXXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	char path[64];
	struct err e = { 0 };
	snprintf(path, sizeof(path), "%s/sub/known", dir);
	cr_assert_eq(khost_add(path, "a", false, "t", "K1", &e), 0, "%s", e.msg);
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(truncate(path, st.st_size - 1), 0);
	cr_assert_eq(khost_add(path, "b", false, "t", "K2", &e), 0);
	AUTO_BUF struct buf b;
	buf_init(&b, 100);
	cr_assert_eq(file_read(path, &b, NULL, &e), 0);
	cr_assert_str_eq(buf_str(&b), "a t K1\nb t K2\n");
}
