/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"

#define ADDRESSES_MAX 8
#define STAGGER_MS 300		/* then the next address is tried as well (RFC 8305 says 250) */
#define DEAD_PEER_MS 25000

/* A lookup runs in a thread of its own since getaddrinfo can neither be bounded nor stopped; whoever
 * leaves last frees it. */
struct lookup {
	atomic_int users;
	int done_fd;
	int rc;
	struct addrinfo *found, hints;
	char port[8];
	char host[];
};

static void lookup_leave(struct lookup *l)
{
	if (atomic_fetch_sub(&l->users, 1) != 1)
		return;
	if (l->found)
		freeaddrinfo(l->found);
	close(l->done_fd);
	free(l);
}

static void *lookup_thread(void *arg)
{
	struct lookup *l = arg;
	l->rc = getaddrinfo(l->host, l->port, &l->hints, &l->found);
	uint64_t one = 1;
	ssize_t n = write(l->done_fd, &one, sizeof(one));
	(void)n;	/* an eventfd takes a one */
	lookup_leave(l);
	return NULL;
}

static int interrupted(struct err *e)
{
	return err_set(e, ERR_INTERRUPTED, "interrupted");
}

static int lookup_wait(struct lookup *l, const struct bound *b, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = l->done_fd, .events = POLLIN };
		if (poll(&p, 1, bound_slice(b)) > 0)
			return 0;
		if (bound_cancelled(b))
			return interrupted(e);
		if (bound_over(b))
			return err_set(e, ERR_UNREACHABLE, "looking up the name '%s' took too long", l->host);
	}
}

static int lookup(const char *host, unsigned port, int family, const struct bound *b, struct lookup **ret,
		  struct err *e)
{
	size_t len = strlen(host) + 1;
	struct lookup *l = calloc(1, sizeof(*l) + len);
	if (!l)
		return err_set(e, ERR_MEMORY, "no memory to look up '%s'", host);
	memcpy(l->host, host, len);
	snprintf(l->port, sizeof(l->port), "%u", port & 0xffff);
	l->hints = (struct addrinfo){ .ai_family = family, .ai_socktype = SOCK_STREAM,
				      .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	l->users = 1;
	l->done_fd = eventfd(0, EFD_CLOEXEC);
	if (l->done_fd < 0) {
		free(l);
		return err_errno(e, ERR_FAILED, "eventfd");
	}
	l->rc = getaddrinfo(host, l->port, &l->hints, &l->found);
	if (l->rc == EAI_NONAME) {
		l->hints.ai_flags = AI_NUMERICSERV;
		l->users = 2;
		pthread_attr_t attr;
		pthread_t t;
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attr, 256 * 1024);
		int rc = pthread_create(&t, &attr, lookup_thread, l);
		pthread_attr_destroy(&attr);
		if (rc) {
			l->users = 1;
			lookup_leave(l);
			return err_set(e, ERR_FAILED, "no thread to look up '%s'", host);
		}
		int r = lookup_wait(l, b, e);
		if (r < 0) {
			lookup_leave(l);
			return r;
		}
	}
	if (l->rc) {
		int r = err_set(e, ERR_UNREACHABLE, "the name '%s' is not known (%s)", host,
				l->rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(l->rc));
		lookup_leave(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void tune(int fd)
{
	int on = 1, idle = 10, every = 5, count = 3, dead = DEAD_PEER_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
}

/* Connects to one of the addresses, each started STAGGER_MS after the one before (at once when that
 * one has failed). */
static int race(const struct addrinfo *ai, const struct bound *b, struct err *e)
{
	struct pollfd p[ADDRESSES_MAX];
	size_t n = 0;
	int won = -1, last = 0, pending = 0;
	uint64_t next_ms = 0;
	while (won < 0) {
		if (ai && n < ADDRESSES_MAX && (!pending || steady_ms() >= next_ms)) {
			int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			if (fd < 0) {
				last = errno;
			} else if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
				won = fd;
				break;
			} else if (errno != EINPROGRESS) {
				last = errno;
				close(fd);
			} else {
				p[n++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
				pending++;
				next_ms = steady_ms() + STAGGER_MS;
			}
			ai = ai->ai_next;
			continue;
		}
		if (!pending)
			break;
		poll(p, n, bound_slice(b));
		for (size_t i = 0; i < n && won < 0; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			int soerr = 0;
			socklen_t len = sizeof(soerr);
			getsockopt(p[i].fd, SOL_SOCKET, SO_ERROR, &soerr, &len);
			if (soerr) {
				last = soerr;
				close(p[i].fd);
			} else {
				won = p[i].fd;
			}
			p[i].fd = -1;
			pending--;
		}
		if (won < 0 && (bound_cancelled(b) || bound_over(b))) {
			last = ETIMEDOUT;
			break;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (p[i].fd >= 0)
			close(p[i].fd);
	if (won >= 0) {
		tune(won);
		return won;
	}
	if (bound_cancelled(b))
		return interrupted(e);
	errno = last;
	return err_errno(e, ERR_UNREACHABLE, "cannot connect");
}

int dial_tcp(const char *host, unsigned port, int family, const struct bound *b, struct err *e)
{
	struct lookup *l = NULL;
	int r = lookup(host, port, family, b, &l, e);
	if (r < 0)
		return r;
	r = race(l->found, b, e);
	lookup_leave(l);
	return r;
}

int dial_command(const char *command, pid_t *ret_pid, struct err *e)
{
	AUTO_FREE char *line = NULL;
	if (asprintf(&line, "exec %s", command) < 0)
		return err_set(e, ERR_MEMORY, "no memory for a proxy command");
	int sp[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp) < 0)
		return err_errno(e, ERR_FAILED, "socketpair");
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, sp[1], 0);
	posix_spawn_file_actions_adddup2(&acts, sp[1], 1);
	posix_spawn_file_actions_addopen(&acts, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	sigset_t none;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	/* its own group: a Ctrl-C on the terminal is ours to handle */
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = { sh, c, line, NULL };
	int rc = posix_spawn(ret_pid, "/bin/sh", &acts, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&acts);
	posix_spawnattr_destroy(&attr);
	close(sp[1]);
	if (rc) {
		close(sp[0]);
		errno = rc;
		return err_errno(e, ERR_UNREACHABLE, "the ProxyCommand does not start");
	}
	fcntl(sp[0], F_SETFL, O_NONBLOCK);
	return sp[0];
}

void dial_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(-pid, SIGTERM);
	for (int i = 0; i < 50; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		usleep(10000);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
