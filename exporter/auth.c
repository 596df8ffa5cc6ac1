/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/auth.h"

#include <crypt.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/tick.h"

#define CREDENTIALS_MAX 512 /* bytes of "name:password" */
#define REST 9		    /* times as long as the thread worked */
#define STACK (256 * 1024)  /* bytes; bcrypt's own memory is in the job */

/* Stands for name and password, under a key that no other process has. */
struct mark {
	unsigned char bytes[32];
};

struct waiter {
	struct waiter *next;
	void (*done)(void *, bool);
	void *arg;
};

/* A password to compare with a hash. Owned by the loop, but by the thread while it is there. */
struct job {
	struct job *next;
	struct mark mark;
	struct in6_addr peer;
	struct waiter *waiters;	 /* the loop's alone, also while the thread has the job */
	unsigned generation;	 /* of the users */
	size_t user;		 /* index, or nusers for a name that is none */
	char hash[WEB_HASH_LEN + 1];
	char password[CREDENTIALS_MAX];
	struct crypt_data crypt;
	bool ok;		 /* the thread's answer */
	uint64_t took_ns;
};

struct user {
	char *name;
	char hash[WEB_HASH_LEN + 1];
};

struct auth {
	struct event_base *base;
	struct user users[WEB_USERS_MAX];
	size_t nusers;
	unsigned generation;
	unsigned char key[crypto_generichash_KEYBYTES];
	struct mark good[WEB_USERS_MAX]; /* the right password of each user, once it was shown */
	bool shown[WEB_USERS_MAX];
	struct mark refused[AUTH_REFUSED_MAX];
	size_t nrefused, at; /* a ring */
	struct job *first;   /* the oldest first; the first may be in the thread */
	size_t njobs;
	bool working;	     /* the first job is in the thread */
	bool resting;
	struct event *answer, *rest;
	pthread_t thread;
	bool threaded;
	int to[2], from[2];
};

/* ---- the thread */

static bool bcrypt_matches(struct job *j)
{
	const char *made = crypt_rn(j->password, j->hash, &j->crypt, sizeof j->crypt);

	return made && strlen(made) == WEB_HASH_LEN && sodium_memcmp(made, j->hash, WEB_HASH_LEN) == 0;
}

static void *work(void *arg)
{
	struct auth *a = arg;
	int to = a->to[0], from = a->from[1];
	struct job *j;

	/* A pointer is far below PIPE_BUF: written and read whole. */
	while (read(to, &j, sizeof j) == (ssize_t)sizeof j) {
		uint64_t began = tick_now_ns();

		j->ok = bcrypt_matches(j);
		explicit_bzero(j->password, sizeof j->password);
		explicit_bzero(&j->crypt, sizeof j->crypt);
		j->took_ns = tick_now_ns() - began;
		if (write(from, &j, sizeof j) != (ssize_t)sizeof j)
			break;
	}
	return NULL;
}

/* Begun when the first password comes: without users there is no thread. */
static bool thread_begin(struct auth *a)
{
	pthread_attr_t attr;
	sigset_t all, before;

	if (a->threaded)
		return true;
	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	a->threaded = pthread_create(&a->thread, &attr, work, a) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return a->threaded;
}

/* ---- jobs */

static void job_free(struct job *j)
{
	for (struct waiter *w = j->waiters, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	explicit_bzero(j, sizeof *j);
	free(j);
}

static void next_job(struct auth *a)
{
	/* Nobody waits for it any more: no work for him. */
	while (!a->working && a->first && !a->first->waiters) {
		struct job *gone = a->first;

		a->first = gone->next;
		a->njobs--;
		job_free(gone);
	}
	if (a->working || a->resting || !a->first)
		return;
	if (thread_begin(a) && write(a->to[1], &a->first, sizeof a->first) == (ssize_t)sizeof a->first)
		a->working = true;
}

static void remember(struct auth *a, const struct job *j)
{
	if (j->generation != a->generation)
		return;
	if (j->ok && j->user < a->nusers) {
		a->good[j->user] = j->mark;
		a->shown[j->user] = true;
		return;
	}
	a->refused[a->at] = j->mark;
	a->at = (a->at + 1) % AUTH_REFUSED_MAX;
	if (a->nrefused < AUTH_REFUSED_MAX)
		a->nrefused++;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct auth *a = arg;
	struct job *j;

	(void)what;
	if (read(fd, &j, sizeof j) != (ssize_t)sizeof j)
		return;
	a->working = false;
	a->first = j->next;
	a->njobs--;
	remember(a, j);
	uint64_t rest_ns = j->took_ns * REST;
	struct timeval rest = { .tv_sec = (time_t)(rest_ns / 1000000000u),
				.tv_usec = (suseconds_t)(rest_ns % 1000000000u / 1000) };

	a->resting = event_add(a->rest, &rest) == 0;
	/* The users may have changed meanwhile; then it was looked up among others. */
	bool ok = j->ok && j->user < a->nusers && j->generation == a->generation;

	while (j->waiters) {
		struct waiter *w = j->waiters;

		j->waiters = w->next;
		w->done(w->arg, ok);
		free(w);
	}
	job_free(j);
	next_job(a);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
	struct auth *a = arg;

	(void)fd, (void)what;
	a->resting = false;
	next_job(a);
}

/* ---- asking */

bool auth_decode(const char *header, size_t len, char *ret, size_t size, size_t *ret_len)
{
	size_t n = 0;

	if (!header || len < 6 || strncasecmp(header, "basic ", 6) != 0)
		return false;
	header += 6;
	len -= 6;
	while (len > 0 && *header == ' ')
		header++, len--;
	if (size == 0 || sodium_base642bin((unsigned char *)ret, size - 1, header, len, NULL, &n, NULL,
					   sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	ret[n] = '\0';
	*ret_len = n;
	return memchr(ret, ':', n) && !memchr(ret, '\0', n);
}

static bool known(const struct mark *marks, size_t n, const struct mark *m)
{
	bool found = false;

	for (size_t i = 0; i < n; i++)
		found |= sodium_memcmp(marks[i].bytes, m->bytes, sizeof m->bytes) == 0;
	return found;
}

static bool is_good(const struct auth *a, const struct mark *m)
{
	bool found = false;

	for (size_t i = 0; i < a->nusers; i++)
		found |= a->shown[i] && sodium_memcmp(a->good[i].bytes, m->bytes, sizeof m->bytes) == 0;
	return found;
}

static bool wait_on(struct job *j, void (*done)(void *, bool), void *arg)
{
	struct waiter *w = malloc(sizeof *w);

	if (!w)
		return false;
	*w = (struct waiter){ j->waiters, done, arg };
	j->waiters = w;
	return true;
}

/* A job for these credentials, at the end of the queue. */
static enum auth_answer enqueue(struct auth *a, char *text, const struct mark *m, const struct in6_addr *peer,
				void (*done)(void *, bool), void *arg)
{
	char *colon = strchr(text, ':');
	struct job **end = &a->first, *j;

	for (; *end; end = &(*end)->next) {
		if (sodium_memcmp((*end)->mark.bytes, m->bytes, sizeof m->bytes) == 0 &&
		    (*end)->generation == a->generation)
			return wait_on(*end, done, arg) ? AUTH_WAIT : AUTH_BUSY;
		if (memcmp(&(*end)->peer, peer, sizeof *peer) == 0)
			return AUTH_BUSY;
	}
	if (a->njobs == AUTH_JOBS_MAX || !(j = calloc(1, sizeof *j)))
		return AUTH_BUSY;
	j->mark = *m;
	j->peer = *peer;
	j->generation = a->generation;
	*colon = '\0';
	while (j->user < a->nusers && strcmp(a->users[j->user].name, text) != 0)
		j->user++;
	/* A name that is none: the same work, for nothing. */
	memcpy(j->hash, a->users[j->user < a->nusers ? j->user : 0].hash, sizeof j->hash);
	snprintf(j->password, sizeof j->password, "%s", colon + 1);
	if (!wait_on(j, done, arg)) {
		job_free(j);
		return AUTH_BUSY;
	}
	*end = j;
	a->njobs++;
	next_job(a);
	return AUTH_WAIT;
}

enum auth_answer auth_ask(struct auth *a, const char *header, size_t len, const struct in6_addr *peer,
			  void (*done)(void *arg, bool ok), void *arg)
{
	char text[CREDENTIALS_MAX];
	enum auth_answer answer = AUTH_NO;
	struct mark m;
	size_t n = 0;

	if (a->nusers == 0)
		return AUTH_YES;
	if (auth_decode(header, len, text, sizeof text, &n)) {
		crypto_generichash(m.bytes, sizeof m.bytes, (const unsigned char *)text, n, a->key, sizeof a->key);
		if (is_good(a, &m))
			answer = AUTH_YES;
		else if (!known(a->refused, a->nrefused, &m))
			answer = enqueue(a, text, &m, peer, done, arg);
	}
	explicit_bzero(text, sizeof text);
	return answer;
}

void auth_forget(struct auth *a, const void *arg)
{
	for (struct job *j = a->first; j; j = j->next) {
		for (struct waiter **w = &j->waiters; *w;) {
			struct waiter *gone = *w;

			if (gone->arg != arg) {
				w = &gone->next;
				continue;
			}
			*w = gone->next;
			free(gone);
		}
	}
}

static void users_clear(struct user *users, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(users[i].name);
		explicit_bzero(&users[i], sizeof users[i]);
	}
}

int auth_users(struct auth *a, const struct web_user *users, size_t n, struct err *e)
{
	struct user fresh[WEB_USERS_MAX];

	for (size_t i = 0; i < n; i++) {
		fresh[i].name = strdup(users[i].name);
		memcpy(fresh[i].hash, users[i].hash, sizeof fresh[i].hash);
		if (!fresh[i].name) {
			users_clear(fresh, i);
			return err_set(e, ERR_MEMORY, "no memory for users");
		}
	}
	users_clear(a->users, a->nusers);
	memcpy(a->users, fresh, n * sizeof *fresh);
	a->nusers = n;
	a->generation++;
	a->nrefused = a->at = 0;
	memset(a->shown, 0, sizeof a->shown);
	return 0;
}

/* ---- its life */

int auth_new(struct event_base *base, struct auth **ret, struct err *e)
{
	struct auth *a = calloc(1, sizeof *a);

	if (!a)
		return err_set(e, ERR_MEMORY, "no memory for authentication");
	a->base = base;
	a->to[0] = a->to[1] = a->from[0] = a->from[1] = -1;
	if (sodium_init() < 0 || pipe2(a->to, O_CLOEXEC) < 0 || pipe2(a->from, O_CLOEXEC) < 0) {
		auth_free(a);
		return err_errno(e, ERR_FAILED, "cannot set up authentication");
	}
	randombytes_buf(a->key, sizeof a->key);
	a->answer = event_new(base, a->from[0], EV_READ | EV_PERSIST, on_answer, a);
	a->rest = event_new(base, -1, 0, on_rested, a);
	if (!a->answer || !a->rest || event_add(a->answer, NULL) < 0) {
		auth_free(a);
		return err_set(e, ERR_MEMORY, "no memory for authentication");
	}
	*ret = a;
	return 0;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	/* The thread ends at the end of its pipe; its last answer fits into the other one. */
	if (a->to[1] >= 0)
		close(a->to[1]);
	if (a->threaded)
		pthread_join(a->thread, NULL);
	for (struct job *j = a->first, *next; j; j = next) {
		next = j->next;
		job_free(j);
	}
	if (a->answer)
		event_free(a->answer);
	if (a->rest)
		event_free(a->rest);
	users_clear(a->users, a->nusers);
	for (size_t i = 0; i < 3; i++) {
		int fd = (const int[]){ a->to[0], a->from[0], a->from[1] }[i];

		if (fd >= 0)
			close(fd);
	}
	explicit_bzero(a, sizeof *a);
	free(a);
}
