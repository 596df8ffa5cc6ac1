/* SPDX-License-Identifier: BSD-2-Clause */
/* The ssh layer on a command line, for the suites of tests/ssh and for measuring. Options are NAME=VALUE words:
 *	client [address= port= user= key= known= jump= config= password= sudo-password= connect-timeout=
 *	        accept=1 cancel-ms= rss=1] VERB...
 * verbs (several: separated by a word "+", all in one session):
 *	run [sudo=1 any=1 in=FILE secret=TEXT timeout=S max=N] SCRIPT [ARG...]
 *	hold SCRIPT [ARG...]	drop	none	upload [sudo=1 sha=SUM timeout=S] FILE DEST MODE OWNER
 * Prints what the command wrote, then "status N"; an error is "error KIND: text" and exit status 100+KIND. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "provision/remote/upload.h"

static const char *option(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);
	const char *last = NULL;
	for (int i = 0; i < argc; i++)
		if (argv[i] && strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
			last = argv[i] + n + 1;
	return last;
}

static int failed(const struct err *e)
{
	fflush(stdout);
	fprintf(stderr, "error %d: %s\n", (int)e->kind, e->msg);
	return 100 + (int)e->kind;
}

/* How many words in front are options; a later one wins. */
static int options(int argc, char **argv)
{
	static const char *const names[] = { "address", "port", "user", "key", "known", "jump", "config", "password",
					     "sudo-password", "connect-timeout", "accept", "cancel-ms", "cancel-now-ms",
					     "finishes", "rss", "name",
					     "sudo", "any", "in", "secret", "timeout", "max", "sha" };
	int n = 0;
	for (; n < argc; n++) {
		size_t len = strcspn(argv[n], "="), i = 0;
		while (i < COUNT(names) && (strlen(names[i]) != len || strncmp(names[i], argv[n], len) != 0))
			i++;
		if (i == COUNT(names) || argv[n][len] != '=')
			break;
	}
	return n;
}

static unsigned number(const char *s)
{
	return s ? (unsigned)strtoul(s, NULL, 10) : 0;
}

static struct secret *secret_of(const char *s)
{
	struct secret *ret = NULL;
	struct err e = { 0 };
	if (s && secret_new(s, strlen(s), &ret, &e) < 0)
		exit(failed(&e));
	return ret;
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
	uint64_t *last = ctx;
	if (done < *last || (total && done > total))
		fprintf(stderr, "progress goes backwards\n");
	*last = done;
}

static int command(struct session *s, bool hold, int argc, char **argv)
{
	int n = options(argc, argv);
	if (n == argc)
		return fprintf(stderr, "a script is missing\n"), 2;
	struct script script = { "test", argv[n] };
	struct err e = { 0 };
	struct answer a = { 0 };
	uint64_t last = 0;
	struct cmd cmd = { .script = &script, .argv = (const char *const *)argv + n + 1 };
	AUTO_SECRET struct secret *secret = secret_of(option(n, argv, "secret"));
	AUTO_CLOSE int fd = -1;
	const char *in = option(n, argv, "in");
	if (in) {
		fd = open(in, O_RDONLY | O_CLOEXEC);
		cmd.in_file = true;
		cmd.in_fd = fd;
		cmd.in_total = fd >= 0 ? (uint64_t)lseek(fd, 0, SEEK_END) : 0;
		lseek(fd, 0, SEEK_SET);
		cmd.progress = progress;
		cmd.progress_ctx = &last;
	}
	cmd.in_secret = secret;
	cmd.flags = (option(n, argv, "sudo") ? CMD_SUDO : 0) | (option(n, argv, "any") ? CMD_ANY_STATUS : 0);
	cmd.timeout_s = number(option(n, argv, "timeout"));
	cmd.out_max = number(option(n, argv, "max"));
	/* argv ends at "+" */
	for (int i = n + 1; i < argc; i++)
		if (strcmp(argv[i], "+") == 0)
			argv[i] = NULL;
	int r = hold ? session_hold(s, &cmd, &a, &e) : session_run(s, &cmd, &a, &e);
	if (a.out.len)
		fwrite(a.out.data, 1, a.out.len, stdout);
	fflush(stdout);
	if (a.err.len)
		fwrite(a.err.data, 1, a.err.len, stderr);
	if (r < 0) {
		answer_clear(&a);
		return failed(&e);
	}
	if (option(n, argv, "any"))
		printf("status %d\n", a.status);
	answer_clear(&a);
	return 0;
}

static int upload(struct session *s, int argc, char **argv)
{
	static const char *const did[] = { [UPLOAD_SAME] = "same", [UPLOAD_FIXED] = "fixed", [UPLOAD_NEW] = "new" };
	int n = options(argc, argv);
	if (argc - n < 4)
		return fprintf(stderr, "upload FILE DEST MODE OWNER\n"), 2;
	AUTO_CLOSE int fd = open(argv[n], O_RDONLY | O_CLOEXEC);
	uint64_t last = 0;
	struct upload u = {
		.path = argv[n + 1],
		.mode = (unsigned)strtoul(argv[n + 2], NULL, 8),
		.owner = argv[n + 3],
		.in_file = true,
		.in_fd = fd,
		.sha256 = option(n, argv, "sha"),
		.flags = option(n, argv, "sudo") ? CMD_SUDO : 0,
		.timeout_s = number(option(n, argv, "timeout")),
		.progress = progress,
		.progress_ctx = &last,
	};
	enum upload_did what;
	struct err e = { 0 };
	if (session_upload(s, &u, &what, &e) < 0)
		return failed(&e);
	printf("%s\n", did[what]);
	return 0;
}

static int verb(struct session *s, int argc, char **argv)
{
	if (argc < 1)
		return 2;
	if (strcmp(argv[0], "run") == 0 || strcmp(argv[0], "hold") == 0)
		return command(s, argv[0][0] == 'h', argc - 1, argv + 1);
	if (strcmp(argv[0], "upload") == 0)
		return upload(s, argc - 1, argv + 1);
	if (strcmp(argv[0], "drop") == 0)
		return session_drop(s), 0;
	if (strcmp(argv[0], "none") == 0)
		return 0;
	fprintf(stderr, "unknown verb '%s'\n", argv[0]);
	return 2;
}

static struct cancel cancel;
struct moment {
	unsigned ms;
	enum cancel_wish wish;
};
static void *canceller(void *arg)
{
	const struct moment *m = arg;
	usleep(m->ms * 1000);
	atomic_store(&cancel.requested, (int)m->wish);
	return NULL;
}

int main(int argc, char **argv)
{
	argc--, argv++;
	int n = options(argc, argv);
	AUTO_SECRET struct secret *password = secret_of(option(n, argv, "password"));
	AUTO_SECRET struct secret *sudo_password = secret_of(option(n, argv, "sudo-password"));
	struct ssh_target t = {
		.name = option(n, argv, "name") ? option(n, argv, "name") : "node",
		.address = option(n, argv, "address") ? option(n, argv, "address") : "127.0.0.1",
		.port = number(option(n, argv, "port")),
		.user = option(n, argv, "user"),
		.key_file = option(n, argv, "key"),
		.known_hosts = option(n, argv, "known"),
		.jump = option(n, argv, "jump"),
		.password = password,
		.sudo_password = sudo_password,
	};
	struct ssh_policy p = {
		.accept_new_host_keys = option(n, argv, "accept") != NULL,
		.config_file = option(n, argv, "config"),
		.connect_timeout_s = number(option(n, argv, "connect-timeout")),
		.cancel = &cancel,
	};
	bool rss = option(n, argv, "rss");
	pthread_t thread;
	struct moment m = { number(option(n, argv, "cancel-ms")), CANCEL_SOON };
	if (!m.ms)
		m = (struct moment){ number(option(n, argv, "cancel-now-ms")), CANCEL_NOW };
	if (m.ms)
		pthread_create(&thread, NULL, canceller, &m);
	struct session *s = NULL;
	struct err e = { 0 };
	int rc = ssh_open(&t, &p, &s, &e);
	if (rc < 0) {
		rc = failed(&e);
	} else {
		s->finishes = option(n, argv, "finishes");
		while (rc == 0 && n < argc) {
			int end = n;
			while (end < argc && argv[end] && strcmp(argv[end], "+") != 0)
				end++;
			rc = verb(s, end - n + (end < argc), argv + n);
			n = end + 1;
		}
		session_close(s);
	}
	if (m.ms)
		pthread_join(thread, NULL);
	if (rss) {
		struct rusage u;
		getrusage(RUSAGE_SELF, &u);
		fprintf(stderr, "maxrss %ld KiB\n", u.ru_maxrss);
	}
	return rc;
}
