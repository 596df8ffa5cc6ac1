/* SPDX-License-Identifier: BSD-2-Clause */
/* Many sessions in threads of their own, all accepting the same new host key at once, with cancels from
 * another thread: under TSan, against a real sshd that this program starts. ssh_race THREADS ROUNDS USER for
 * more (a user whose shell starts quickly tells more of us); the last line tells the memory. Without an sshd
 * it says so and passes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/remote/upload.h"

#define SSHD "/usr/sbin/sshd"

static char dir[] = "/tmp/ssh_raceXXXXXX";
static char key[64], known[64];
static const char *user;
static unsigned port, rounds = 4;
static atomic_uint failed, cancelled;
static pthread_barrier_t all_in;

static void path(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s/%s", dir, name);
}

static pid_t start(const char *const *argv, bool wait)
{
	pid_t pid = 0;
	int status = 0;
	posix_spawn_file_actions_t acts;
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_addopen(&acts, 1, "/dev/null", O_WRONLY, 0);
	int rc = posix_spawnp(&pid, argv[0], &acts, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&acts);
	if (rc)
		return -1;
	if (wait && (waitpid(pid, &status, 0) != pid || status))
		return -1;
	return pid;
}

static unsigned free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 || getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		abort();
	close(fd);
	return ntohs(sa.sin_port);
}

static pid_t start_sshd(void)
{
	char host[64], pub[80], config[64], text[1024];
	struct err e = { 0 };
	path(host, sizeof(host), "host");
	path(key, sizeof(key), "key");
	path(known, sizeof(known), "known");
	path(config, sizeof(config), "config");
	snprintf(pub, sizeof(pub), "%s.pub", key);
	const char *const make_host[] = { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host, NULL };
	const char *const make_key[] = { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, NULL };
	if (start(make_host, true) < 0 || start(make_key, true) < 0)
		return -1;
	chmod(pub, 0644);
	port = free_port();
	snprintf(text, sizeof(text), "Port %u\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\n"
		 "UsePAM no\nPidFile none\nMaxStartups 1000\nMaxAuthTries 6\nPermitRootLogin yes\n", port, host, pub);
	if (file_replace(config, 0600, text, strlen(text), &e) < 0)
		return -1;
	mkdir("/run/sshd", 0755);
	const char *const sshd[] = { SSHD, "-D", "-f", config, "-E", "/dev/null", NULL };
	pid_t pid = start(sshd, false);
	for (int i = 0; pid > 0 && i < 100; i++) {
		struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					  .sin_port = htons((uint16_t)port) };
		AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return pid;
		usleep(50000);
	}
	return -1;
}

static void fail(const char *what, const struct err *e)
{
	atomic_fetch_add(&failed, 1);
	fprintf(stderr, "%s: %s\n", what, e->msg);
}

static void *cancel_soon(void *arg)
{
	usleep(300000);
	atomic_store(&((struct cancel *)arg)->requested, 1);
	return NULL;
}

/* A command that is stopped from another thread. */
static void stopped(const struct ssh_target *t)
{
	static const struct script script = { "sleep", "sleep 30" };
	struct cancel cancel = { 0 };
	struct ssh_policy p = { .cancel = &cancel, .accept_new_host_keys = true };
	struct cmd cmd = { .script = &script };
	struct answer a = { 0 };
	struct err e = { 0 };
	struct session *s = NULL;
	pthread_t thread;
	pthread_create(&thread, NULL, cancel_soon, &cancel);
	int r = ssh_open(t, &p, &s, &e);
	if (r == 0)
		r = session_run(s, &cmd, &a, &e);
	pthread_join(thread, NULL);
	if (r == -(int)ERR_INTERRUPTED)
		atomic_fetch_add(&cancelled, 1);
	else
		fail("a stopped command", &e);
	answer_clear(&a);
	session_close(s);
}

static void worked(const struct ssh_target *t, unsigned n)
{
	static const struct script lock = { "lock", "echo locked; cat >/dev/null" };
	static const struct script script = { "echo", "cat; printf %s \"$1\"" };
	struct ssh_policy p = { .accept_new_host_keys = true };
	char word[32], file[64], got[64];
	snprintf(word, sizeof(word), "%u", n);
	snprintf(got, sizeof(got), "in%u", n);
	snprintf(file, sizeof(file), "%s/up%u", dir, n);
	const char *const argv[] = { word, NULL };
	struct cmd hold = { .script = &lock };
	struct cmd cmd = { .script = &script, .argv = argv, .in = "in", .in_len = 2 };
	struct upload up = { .path = file, .mode = 0600, .in = got, .in_len = strlen(got), .owner = "0:0" };
	struct answer a = { 0 }, held = { 0 };
	struct err e = { 0 };
	struct session *s = NULL;
	int r = ssh_open(t, &p, &s, &e);
	pthread_barrier_wait(&all_in);	/* all sessions are open at once */
	if (r == 0)
		r = session_hold(s, &hold, &held, &e);
	if (r == 0)
		r = session_run(s, &cmd, &a, &e);
	if (r == 0 && strcmp(buf_str(&a.out), got) != 0)
		r = err_set(&e, ERR_FAILED, "'%s' came back", buf_str(&a.out));
	if (r == 0 && geteuid() == 0 && !user)
		r = session_upload(s, &up, NULL, &e);
	if (s)
		session_drop(s);
	if (r < 0)
		fail("a command", &e);
	answer_clear(&held);
	answer_clear(&a);
	session_close(s);
}

static void *host(void *arg)
{
	unsigned n = *(unsigned *)arg;
	struct ssh_target t = { .name = "node", .address = "127.0.0.1", .port = port, .key_file = key,
				.known_hosts = known, .user = user };
	for (unsigned i = 0; i < rounds; i++)
		worked(&t, n * rounds + i);
	if (n % 2 == 0)
		stopped(&t);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 8;
	rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : rounds;
	user = argc > 3 ? argv[3] : NULL;
	if (access(SSHD, X_OK) < 0 || !mkdtemp(dir) || chmod(dir, 0755) < 0) {
		printf("skipped: no " SSHD " here\n");
		return 0;
	}
	pid_t sshd = start_sshd();
	if (sshd < 0) {
		fprintf(stderr, "sshd does not start\n");
		return 1;
	}
	pthread_t *threads = calloc(n, sizeof(*threads));
	unsigned *numbers = calloc(n, sizeof(*numbers));
	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	pthread_barrier_init(&all_in, NULL, n);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (unsigned i = 0; i < n; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], &attr, host, &numbers[i]))
			abort();
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	getrusage(RUSAGE_SELF, &after);
	kill(sshd, SIGTERM);
	waitpid(sshd, NULL, 0);
	const char *const clean[] = { "rm", "-rf", dir, NULL };
	start(clean, true);
	free(threads);
	free(numbers);
	printf("%u sessions in %u threads, %u cancelled, %u failed; %ld KiB a thread\n", n * rounds, n, atomic_load(&cancelled),
	       atomic_load(&failed), (after.ru_maxrss - before.ru_maxrss) / (long)n);
	return atomic_load(&failed) || atomic_load(&cancelled) != (n + 1) / 2;
}
