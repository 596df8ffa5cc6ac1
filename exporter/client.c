/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/client.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"

struct client {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct call *calls; /* all under way */
};

struct call {
	struct client *client;
	struct call *next, **prev;
	CURL *easy;
	struct buf body;
	char why[CURL_ERROR_SIZE];
	void (*done)(void *, const struct answer *);
	int (*on_body)(void *, const char *, size_t);
	void *arg;
};

#define TOKEN_MAX (64u * 1024)

static void call_free(struct call *call)
{
	*call->prev = call->next;
	if (call->next)
		call->next->prev = call->prev;
	curl_multi_remove_handle(call->client->multi, call->easy);
	curl_easy_cleanup(call->easy);
	buf_clear(&call->body);
	free(call);
}

static void finish(struct call *call, CURLcode result)
{
	struct err err = { 0 };
	long status = 0;
	void (*done)(void *, const struct answer *) = call->done;
	void *arg = call->arg;
	struct buf body = call->body;

	if (result == CURLE_OK)
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	else if (body.full)
		err_set(&err, ERR_FAILED, "the answer is longer than %zu bytes", body.max);
	else
		err_set(&err, result == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_FAILED, "%s",
			call->why[0] ? call->why : curl_easy_strerror(result));
	/* The call is gone before its owner hears of it, so that the owner may start the next one. */
	buf_init(&call->body, 0);
	call_free(call);
	done(arg, &(struct answer){ .status = (int)status, .body = buf_str(&body), .len = body.len,
				    .err = &err });
	buf_clear(&body);
}

static void collect(struct client *c)
{
	int left = 0;
	CURLMsg *m;

	while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
		struct call *call = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode result = m->data.result;

		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, result);
	}
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	int running = 0, mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(c->multi, fd, mask, &running);
	collect(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	int running = 0;

	(void)fd, (void)what;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(c);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
	struct client *c = arg;
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		evtimer_del(c->timer);
	else
		evtimer_add(c->timer, &tv);
	return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
	struct client *c = arg;
	struct event *ev = socket;

	(void)easy;
	if (ev)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		short kind = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
				     (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

		ev = event_new(c->base, fd, kind, on_fd, c);
		if (ev)
			event_add(ev, NULL);
	}
	curl_multi_assign(c->multi, fd, ev);
	return 0;
}

static size_t add_body(char *data, size_t size, size_t n, void *arg)
{
	struct call *call = arg;
	long status = 0;

	/* Other than n * size makes curl end the transfer. */
	if (call->on_body)
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return call->on_body(call->arg, data, size * n) == 0 ? size * n : 0;
	return buf_add(&call->body, data, size * n) == 0 ? size * n : 0;
}

int client_new(struct event_base *base, struct client **ret, struct err *e)
{
	struct client *c = calloc(1, sizeof *c);

	if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(c);
		return err_set(e, ERR_MEMORY, "cannot set up libcurl");
	}
	c->base = base;
	c->multi = curl_multi_init();
	c->timer = evtimer_new(base, on_timer, c);
	if (!c->multi || !c->timer) {
		client_free(c);
		return err_set(e, ERR_MEMORY, "cannot set up libcurl");
	}
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, 8L);
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	while (c->calls)
		call_free(c->calls);
	curl_multi_cleanup(c->multi);
	if (c->timer)
		event_free(c->timer);
	free(c);
	curl_global_cleanup();
}

/* Without the newline that ends a token's file. What is no token (RFC 6750: no blanks, no control
 * characters) could add lines to the request. */
static CURLcode set_token(CURL *easy, const struct secret *token)
{
	const char *text = secret_expose(token);
	size_t len = secret_len(token);
	AUTO_BUF struct buf b;

	buf_init_secret(&b, TOKEN_MAX);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return CURLE_BAD_FUNCTION_ARGUMENT;
	}
	if (len == 0 || buf_add(&b, text, len) < 0)
		return CURLE_BAD_FUNCTION_ARGUMENT;
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);

	return rc ? rc : curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, buf_str(&b));
}

static CURLcode set_up(CURL *easy, const struct client_request *r, struct call *call)
{
	CURLcode rc = CURLE_OK;

#define SET(option, value) rc = rc ? rc : curl_easy_setopt(easy, option, value)
	SET(CURLOPT_URL, r->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	SET(CURLOPT_USERAGENT, "powerstack-exporter/" POWERSTACK_VERSION);
	SET(CURLOPT_ERRORBUFFER, call->why);
	SET(CURLOPT_WRITEFUNCTION, add_body);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_SSL_VERIFYPEER, r->insecure_skip_verify ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, r->insecure_skip_verify ? 0L : 2L);
	/* libcurl is built without a default: this is where distributions keep them. */
	SET(CURLOPT_CAINFO, r->ca_file ? r->ca_file : "/etc/ssl/certs/ca-certificates.crt");
	if (r->username) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERNAME, r->username);
		SET(CURLOPT_PASSWORD, r->password ? secret_expose(r->password) : "");
	}
	if (r->certificate_file)
		SET(CURLOPT_SSLCERT, r->certificate_file);
	if (r->key_file)
		SET(CURLOPT_SSLKEY, r->key_file);
#undef SET
	return rc || !r->token ? rc : set_token(easy, r->token);
}

int client_get(struct client *c, const struct client_request *r, void (*done)(void *, const struct answer *),
	       void *arg, struct call **ret, struct err *e)
{
	struct call *call = calloc(1, sizeof *call);
	CURL *easy = call ? curl_easy_init() : NULL;

	if (!easy) {
		free(call);
		return err_set(e, ERR_MEMORY, "no memory for a request");
	}
	*call = (struct call){ .client = c, .easy = easy, .done = done, .on_body = r->on_body,
			       .arg = arg };
	buf_init(&call->body, r->body_max);
	call->next = c->calls;
	call->prev = &c->calls;
	if (c->calls)
		c->calls->prev = &call->next;
	c->calls = call;

	CURLcode rc = set_up(easy, r, call);
	CURLMcode mrc = rc == CURLE_OK ? curl_multi_add_handle(c->multi, easy) : CURLM_OK;

	if (rc != CURLE_OK || mrc != CURLM_OK) {
		call_free(call);
		if (rc == CURLE_BAD_FUNCTION_ARGUMENT && r->token)
			return err_set(e, ERR_FAILED, "cannot ask '%s': the token is empty or holds blanks", r->url);
		return err_set(e, ERR_FAILED, "cannot ask '%s': %s", r->url,
			       rc != CURLE_OK ? curl_easy_strerror(rc) : curl_multi_strerror(mrc));
	}
	*ret = call;
	return 0;
}

void client_cancel(struct call *call)
{
	call_free(call);
}
