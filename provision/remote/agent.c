/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/agent.h"

#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define MSG_MAX ((size_t)256 * 1024)	/* as OpenSSH's and libssh's */
#define KEYS_MAX 1024
#define LIST_MS 3000

enum { FAILURE = 5, REQUEST_IDENTITIES = 11, IDENTITIES_ANSWER = 12, SIGN_REQUEST = 13 };

struct agent {
	pthread_t thread;
	int user_fd;		/* the user's agent */
	int ssh_fd;		/* libssh's other end */
	atomic_bool stop;
	struct bound b;
	struct buf keys;	/* the whole answer to REQUEST_IDENTITIES */
};

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(unsigned char *p, size_t v)
{
	p[0] = (unsigned char)(v >> 24), p[1] = (unsigned char)(v >> 16), p[2] = (unsigned char)(v >> 8),
	p[3] = (unsigned char)v;
}

/* ---- bounded messages */

static int transfer(int fd, unsigned char *p, size_t n, bool out, const struct bound *b, atomic_bool *stop)
{
	while (n) {
		ssize_t k = out ? send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : recv(fd, p, n, MSG_DONTWAIT);
		if (k > 0) {
			p += k;
			n -= (size_t)k;
			continue;
		}
		if (k == 0 || (errno != EAGAIN && errno != EINTR))
			return -1;
		struct pollfd pfd = { .fd = fd, .events = out ? POLLOUT : POLLIN };
		poll(&pfd, 1, bound_slice(b));
		if (bound_over(b) || bound_cancelled(b) || (stop && atomic_load(stop)))
			return -1;
	}
	return 0;
}

/* Appends a whole message, length included. */
static int receive(int fd, struct buf *ret, const struct bound *b, atomic_bool *stop)
{
	unsigned char head[4];
	if (transfer(fd, head, sizeof(head), false, b, stop) < 0)
		return -1;
	uint32_t len = get32(head);
	if (len < 1 || len > MSG_MAX)
		return -1;
	AUTO_FREE unsigned char *body = malloc(len);
	if (!body || transfer(fd, body, len, false, b, stop) < 0)
		return -1;
	return buf_add(ret, head, sizeof(head)) | buf_add(ret, body, len);
}

static int emit(int fd, const struct buf *msg, const struct bound *b, atomic_bool *stop)
{
	return transfer(fd, (unsigned char *)msg->data, msg->len, true, b, stop);
}

/* ---- the choice */

struct key {
	const unsigned char *whole;	/* blob and comment with their lengths */
	size_t len;
	bool first, skip;
};

static bool named(const struct strv *names, const char *base64)
{
	return names && strv_find(names, base64) >= 0;
}

static bool next_string(const unsigned char **p, size_t *left, const unsigned char **ret, size_t *ret_len)
{
	if (*left < 4 || get32(*p) > *left - 4)
		return false;
	*ret_len = get32(*p);
	*ret = *p + 4;
	*p += 4 + *ret_len;
	*left -= 4 + *ret_len;
	return true;
}

static int add_keys(struct buf *ret, const struct key *keys, uint32_t n, bool first, unsigned *count)
{
	int r = 0;
	for (uint32_t i = 0; i < n; i++)
		if (keys[i].first == first && !keys[i].skip) {
			r |= buf_add(ret, keys[i].whole, keys[i].len);
			(*count)++;
		}
	return r;
}

int agent_select(const unsigned char *msg, size_t len, const struct agent_choice *choice, struct buf *ret,
		 unsigned *ret_keys, struct err *e)
{
	if (len < 5 || msg[0] != IDENTITIES_ANSWER)
		return err_set(e, ERR_UNREACHABLE, "the ssh agent does not list its keys");
	uint32_t n = get32(msg + 1);
	const unsigned char *p = msg + 5;
	size_t left = len - 5;
	if (n > KEYS_MAX)
		return err_set(e, ERR_UNREACHABLE, "the ssh agent claims %u keys", n);
	AUTO_FREE struct key *keys = calloc(n ? n : 1, sizeof(*keys));
	AUTO_FREE char *base64 = malloc(len / 3 * 4 + 8);
	if (!keys || !base64)
		return err_set(e, ERR_MEMORY, "no memory for the ssh agent's keys");
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *blob, *comment, *from = p;
		size_t blob_len, comment_len;
		if (!next_string(&p, &left, &blob, &blob_len) || !next_string(&p, &left, &comment, &comment_len))
			return err_set(e, ERR_UNREACHABLE, "the ssh agent's list of keys is cut off");
		EVP_EncodeBlock((unsigned char *)base64, blob, (int)blob_len);
		keys[i] = (struct key){ .whole = from, .len = (size_t)(p - from) };
		keys[i].first = named(choice->first, base64);
		keys[i].skip = named(choice->skip, base64) || (choice->only && !keys[i].first);
	}
	unsigned count = 0;
	size_t at = ret->len;
	static const unsigned char head[9] = { 0, 0, 0, 0, IDENTITIES_ANSWER };
	int r = buf_add(ret, head, sizeof(head));
	r |= add_keys(ret, keys, n, true, &count) | add_keys(ret, keys, n, false, &count);
	if (r)
		return err_set(e, ERR_MEMORY, "no memory for the ssh agent's keys");
	put32((unsigned char *)ret->data + at, ret->len - at - 4);
	put32((unsigned char *)ret->data + at + 5, count);
	*ret_keys = count;
	return 0;
}

/* ---- the thread */

static int serve_one(struct agent *a, struct buf *msg)
{
	static const char failure[] = { 0, 0, 0, 1, FAILURE };
	buf_reset(msg);
	if (receive(a->ssh_fd, msg, &a->b, &a->stop) < 0)
		return -1;
	switch (msg->data[4]) {
	case REQUEST_IDENTITIES:
		return emit(a->ssh_fd, &a->keys, &a->b, &a->stop);
	case SIGN_REQUEST:
		if (emit(a->user_fd, msg, &a->b, &a->stop) < 0)
			return -1;
		buf_reset(msg);
		if (receive(a->user_fd, msg, &a->b, &a->stop) < 0)
			return -1;
		return emit(a->ssh_fd, msg, &a->b, &a->stop);
	default:
		buf_reset(msg);
		return buf_add(msg, failure, sizeof(failure)) | emit(a->ssh_fd, msg, &a->b, &a->stop);
	}
}

static void *serve(void *arg)
{
	struct agent *a = arg;
	AUTO_BUF struct buf msg;
	buf_init(&msg, MSG_MAX + 4);
	while (serve_one(a, &msg) == 0)
		;
	shutdown(a->ssh_fd, SHUT_RDWR);	/* libssh, should it wait, sees the end */
	return NULL;
}

static int dial(const char *path, const struct bound *b, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(e, ERR_UNREACHABLE, "the ssh agent's path '%s' is too long", path);
	memcpy(sa.sun_path, path, strlen(path));
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "socket");
	while (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(e, ERR_UNREACHABLE, "the ssh agent at '%s'", path);
		poll(NULL, 0, 10);	/* its queue is full: many hosts log in at once */
		if (bound_cancelled(b))
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		if (bound_over(b))
			return err_set(e, ERR_UNREACHABLE, "the ssh agent at '%s' does not answer", path);
	}
	return take_fd(&fd);
}

static int fetch(int fd, const char *path, const struct agent_choice *choice, const struct bound *b,
		 struct buf *ret_keys, unsigned *ret_n, struct err *e)
{
	unsigned char ask[5] = { 0, 0, 0, 1, REQUEST_IDENTITIES };
	AUTO_BUF struct buf list;
	buf_init(&list, MSG_MAX + 4);
	if (transfer(fd, ask, sizeof(ask), true, b, NULL) < 0 || receive(fd, &list, b, NULL) < 0) {
		if (bound_cancelled(b))
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		return err_set(e, ERR_UNREACHABLE, "the ssh agent at '%s' does not answer", path);
	}
	return agent_select((unsigned char *)list.data + 4, list.len - 4, choice, ret_keys, ret_n, e);
}

int agent_start(const char *path, const struct agent_choice *choice, const struct bound *b,
		struct agent **ret, int *ret_fd, unsigned *ret_keys, struct err *e)
{
	AUTO_CLOSE int fd = dial(path, b, e);
	if (fd < 0)
		return fd;
	struct buf keys;
	buf_init(&keys, MSG_MAX + 16);
	/* a list needs nobody's consent, unlike a signature: an agent without one hangs */
	struct bound soon = { .until_ms = steady_ms() + LIST_MS, .cancel = b->cancel };
	int r = fetch(fd, path, choice, &soon, &keys, ret_keys, e);
	if (r < 0 || !*ret_keys) {
		buf_clear(&keys);
		*ret = NULL;
		return r;
	}
	int sp[2];
	struct agent *a = calloc(1, sizeof(*a));
	if (!a || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp) < 0) {
		free(a);
		buf_clear(&keys);
		return err_set(e, ERR_MEMORY, "no memory or descriptor for the ssh agent");
	}
	*a = (struct agent){ .user_fd = take_fd(&fd), .ssh_fd = sp[0], .b = *b, .keys = keys };
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	int rc = pthread_create(&a->thread, &attr, serve, a);
	pthread_attr_destroy(&attr);
	if (rc) {
		close(sp[1]);
		close(a->ssh_fd);
		close(a->user_fd);
		buf_clear(&a->keys);
		free(a);
		return err_set(e, ERR_FAILED, "no thread for the ssh agent");
	}
	*ret = a;
	*ret_fd = sp[1];
	return 0;
}

void agent_stop(struct agent *a)
{
	if (!a)
		return;
	atomic_store(&a->stop, true);
	shutdown(a->ssh_fd, SHUT_RDWR);
	pthread_join(a->thread, NULL);
	close(a->ssh_fd);
	close(a->user_fd);
	buf_clear(&a->keys);
	free(a);
}
