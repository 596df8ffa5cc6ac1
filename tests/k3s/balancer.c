// SPDX-License-Identifier: BSD-2-Clause
// What asks the API on a node (kubelet, kube-proxy, their kubeconfigs) asks it at a port of 127.0.0.1: on agents that is
// a balancer before the servers, on a server its API itself. Here both pass bytes on to the server.
#include "k3s.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct balancer {
	struct peer to;
	int fd;
};

struct link {
	struct peer to;
	int fd;
};

static bool pass(int from, int to) {
	char block[16384];
	ssize_t n = read(from, block, sizeof(block));
	for (ssize_t sent = 0, now; sent < n; sent += now)
		if ((now = write(to, block + sent, (size_t)(n - sent))) <= 0)
			return false;
	return n > 0;
}

static void *link_thread(void *arg) {
	struct link *l = arg;
	char *why = NULL;
	int up = tcp_connect(&l->to, &why);
	struct pollfd p[2] = { { l->fd, POLLIN, 0 }, { up, POLLIN, 0 } };
	while (up >= 0 && poll(p, 2, -1) > 0)
		if ((p[0].revents && !pass(l->fd, up)) || (p[1].revents && !pass(up, l->fd)))
			break;
	if (up >= 0)
		close(up);
	close(l->fd);
	free(why), free(l);
	return NULL;
}

static void *balancer_thread(void *arg) {
	struct balancer *b = arg;
	for (;;) {
		pthread_t thread;
		int fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC);
		struct link *l = fd < 0 ? NULL : malloc(sizeof(*l));
		if (!l) {
			usleep(10000);
			continue;
		}
		*l = (struct link){ b->to, fd };
		if (pthread_create(&thread, NULL, link_thread, l)) {
			close(fd);
			free(l);
		} else {
			pthread_detach(thread);
		}
	}
	return NULL;
}

void balancer_start(int port, const struct peer *to) {
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct balancer *b = malloc(sizeof(*b));
	pthread_t thread;
	int yes = 1;
	*b = (struct balancer){ *to, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(b->fd, (struct sockaddr *)&at, sizeof(at)) || listen(b->fd, 128)) {
		char *why = strf("%s", strerror(errno));
		why[0] |= 0x20;
		fatal("listen tcp 127.0.0.1:%d: bind: %s", port, why);
	}
	if (pthread_create(&thread, NULL, balancer_thread, b))
		fatal("cannot start a thread");
}
