/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/local.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/cluster/api.h"
#include "provision/cluster/web.h"

#define ANSWER_MAX (32u * 1024 * 1024)
#define API_TIMEOUT_S 20
#define WEB_TIMEOUT_S 15
#define TCP_TIMEOUT_MS 3000
#define SILENT_MAX 8

/* Who did not answer in time: the beginning of a question, which all that go there have. */
struct silent {
	char of[400], why[200];
};

struct local {
	struct session session;	/* first */
	const char *kubeconfig, *context;
	const struct cancel *cancel;
	struct api *api;
	struct silent silent[SILENT_MAX];	/* in this probe */
	size_t nsilent;
};

static void tell(struct buf *out, char sign, const char *question, const char *value)
{
	buf_addc(out, sign);
	buf_adds(out, question);
	if (value)
		buf_addf(out, "=%s", value);
	buf_addc(out, '\0');
}

/* How much of the question says who is asked: a service behind the API server, the API server, or a page's server. */
static size_t peer_length(const char *question)
{
	const char *proxy = strstr(question, "/proxy/"), *url = strstr(question, "://");
	if (strncmp(question, "api:", 4) == 0)
		return proxy ? (size_t)(proxy - question) + 7 : 4;
	const char *path = url ? strchr(url + 3, '/') : NULL;
	return path ? (size_t)(path - question) + 1 : strlen(question);
}

/* Who has kept one question waiting to its end is asked no other in the same probe: verify has many for the same
 * service, and each would wait as long. */
static const struct silent *find_silent(const struct local *l, const char *question)
{
	for (size_t i = 0; i < l->nsilent; i++)
		if (strncmp(question, l->silent[i].of, strlen(l->silent[i].of)) == 0)
			return &l->silent[i];
	return NULL;
}

static void keep_silent(struct local *l, const char *question, const struct err *why)
{
	size_t n = peer_length(question);
	struct silent *one = &l->silent[l->nsilent];
	if (why->kind != ERR_TIMEOUT || l->nsilent == SILENT_MAX || n >= sizeof(one->of))
		return;
	snprintf(one->of, sizeof(one->of), "%.*s", (int)n, question);
	snprintf(one->why, sizeof(one->why), "%.199s", why->msg);
	l->nsilent++;
}

/* An interrupt is the session's error; anything else is an answer. */
static int ask_api(struct local *l, const char *question, const char *path, struct buf *out,
		   struct err *e)
{
	AUTO_BUF struct buf body;
	struct err why = { 0 };
	long status = 0;
	buf_init(&body, ANSWER_MAX);
	int rc = l->api ? 0 : api_open(l->kubeconfig, l->context, l->cancel, &l->api, &why);
	if (rc == 0)
		rc = api_get(l->api, path, API_TIMEOUT_S, &status, &body, &why);
	if (rc == -(int)ERR_INTERRUPTED) {
		*e = why;
		return rc;
	}
	keep_silent(l, question, &why);
	if (rc == 0)
		tell(out, '=', question, buf_str(&body));
	else if (status == 404)
		tell(out, '-', question, NULL);
	else
		tell(out, '!', question, why.msg);
	return 0;
}

/* How a connection to one address goes. */
static const char *reach(const struct addrinfo *ai)
{
	AUTO_CLOSE int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return "open";
	if (errno != EINPROGRESS)
		return errno == ECONNREFUSED ? "refused" : "filtered";
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	if (poll(&p, 1, TCP_TIMEOUT_MS) <= 0)
		return "filtered";
	int error = 0;
	socklen_t len = sizeof(error);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error == 0 ? "open" : error == ECONNREFUSED ? "refused" : "filtered";
}

static void ask_tcp(const char *question, const char *about, struct buf *out)
{
	char host[256] = "", port[16] = "";
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	if (sscanf(about, "%255s %15s", host, port) != 2) {
		tell(out, '!', question, "it names no address and port");
		return;
	}
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0) {
		tell(out, '!', question, gai_strerror(rc));
		return;
	}
	const char *how = NULL;
	for (const struct addrinfo *ai = list; ai && (!how || strcmp(how, "open") != 0); ai = ai->ai_next)
		how = reach(ai);
	freeaddrinfo(list);
	tell(out, how ? '=' : '!', question, how ? how : "no socket for it");
}

/* As ask_api. */
static int ask_web(struct local *l, const char *question, const char *about, bool certificate, struct buf *out,
		   struct err *e)
{
	AUTO_BUF struct buf answer;
	char url[512] = "", address[300] = "";
	int64_t expires = 0;
	struct err why = { 0 };
	buf_init(&answer, ANSWER_MAX);
	if (sscanf(about, "%511s %299s", url, address) < 1) {
		tell(out, '!', question, "it names no page");
		return 0;
	}
	const char *at = *address ? address : NULL;
	int rc = certificate ? web_expires(url, at, WEB_TIMEOUT_S, l->cancel, &expires, &why) :
			       web_get(url, at, WEB_TIMEOUT_S, l->cancel, &answer, &why);
	if (rc == 0 && certificate)
		buf_addf(&answer, "%" PRId64, expires);
	if (rc == -(int)ERR_INTERRUPTED) {
		*e = why;
		return rc;
	}
	keep_silent(l, question, &why);
	/* answers are texts: a page with NULs ends at the first */
	tell(out, rc == 0 ? '=' : '!', question, rc == 0 ? buf_str(&answer) : why.msg);
	return 0;
}

static int local_run(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	struct local *l = (struct local *)s;
	if (strcmp(cmd->script->name, "probe") != 0)
		return err_set(e, ERR_BUG, "'%s' is no command of this machine", cmd->script->name);
	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->out, 2 * ANSWER_MAX);
	buf_init(&ret->err, 1024);
	l->nsilent = 0;
	int rc = 0;
	for (size_t i = 0; rc == 0 && cmd->argv && cmd->argv[i]; i++) {
		const char *q = cmd->argv[i];
		const struct silent *silent = find_silent(l, q);
		if (silent)
			tell(&ret->out, '!', q, silent->why);
		else if (strncmp(q, "api:", 4) == 0)
			rc = ask_api(l, q, q + 4, &ret->out, e);
		else if (strncmp(q, "web:", 4) == 0)
			rc = ask_web(l, q, q + 4, false, &ret->out, e);
		else if (strncmp(q, "cert:", 5) == 0)
			rc = ask_web(l, q, q + 5, true, &ret->out, e);
		else if (strncmp(q, "tcp:", 4) == 0)
			ask_tcp(q, q + 4, &ret->out);
		else
			tell(&ret->out, '!', q, "no such kind");
	}
	tell(&ret->out, '=', "probe", "complete");
	if (rc == 0 && ret->out.full)
		rc = err_set(e, ERR_MEMORY, "the answers are too long");
	return rc;
}

static int local_hold(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	(void)s;
	(void)ret;
	return err_set(e, ERR_BUG, "'%s' is no command of this machine", cmd->script->name);
}

static void local_drop(struct session *s)
{
	(void)s;
}

static void local_close(struct session *s)
{
	struct local *l = (struct local *)s;
	api_free(l->api);
	free(l);
}

int local_open(const char *kubeconfig, const char *context, const struct cancel *cancel,
	       struct session **ret, struct err *e)
{
	static const struct session_ops ops = { local_run, local_hold, local_drop, local_close };
	struct local *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, ERR_MEMORY, "out of memory");
	l->session = (struct session){ .ops = &ops, .host = "local" };
	l->kubeconfig = kubeconfig;
	l->context = context;
	l->cancel = cancel;
	*ret = &l->session;
	return 0;
}
