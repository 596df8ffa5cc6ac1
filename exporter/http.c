/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/request.h"
#include "exporter/tick.h"

#define SECOND_NS UINT64_C(1000000000)
#define LINGER_S 2

/* A page, shared by what is sending it. */
struct page {
	char *text;
	size_t len;
	unsigned refs;
};

enum phase {
	PHASE_IDLE,	/* nothing of a request has come */
	PHASE_HEAD,	/* some of it has */
	PHASE_SEND,	/* the answer is going out */
	PHASE_LINGER,	/* all sent, our side closed: waits for the peer's, so that it reads to the end */
};

static const unsigned phase_s[] = { HTTP_IDLE_S, HTTP_HEAD_S, HTTP_SEND_S, LINGER_S };

struct conn {
	struct http *http;
	struct conn *next, **prev;
	struct bufferevent *bev;
	enum phase phase;
	uint64_t since_ns; /* in this phase */
	bool close;	   /* after the answer */
	bool eof;	   /* the peer has closed its sending side: what is here is all */
};

struct http {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *sweep;
	const char *metrics_path;
	struct page *page;
	struct conn *conns;
	struct http_stats stats;
	bool paused; /* out of descriptors: accepting stopped until the next sweep */
};

static void page_unref(struct page *p)
{
	if (!p || --p->refs > 0)
		return;
	free(p->text);
	free(p);
}

static void page_sent(const void *data, size_t len, void *arg)
{
	(void)data, (void)len;
	page_unref(arg);
}

static void conn_free(struct conn *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->http->stats.connections--;
	bufferevent_free(c->bev);
	free(c);
}

static void enter(struct conn *c, enum phase phase)
{
	c->phase = phase;
	c->since_ns = tick_now_ns();
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 431, "Request Header Fields Too Large" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].status == status)
			return rows[i].reason;
	}
	return "Error";
}

static void answer(struct conn *c, const struct request *r, int status, const char *type,
		   const char *text, size_t len, struct page *page)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	c->close = !r->keep_alive;
	c->http->stats.requests++;
	c->http->stats.refused += status >= 400 && status != 503;
	enter(c, PHASE_SEND);
	evbuffer_add_printf(out,
			    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			    "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n%s%s\r\n",
			    status, reason(status), type, len, status == 405 ? "Allow: GET, HEAD\r\n" : "",
			    c->close ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
	if (r->head)
		return;
	if (page) {
		page->refs++;
		if (evbuffer_add_reference(out, text, len, page_sent, page) < 0)
			page_unref(page);
	} else {
		evbuffer_add(out, text, len);
	}
}

static void answer_text(struct conn *c, const struct request *r, int status, const char *text)
{
	answer(c, r, status, "text/plain; charset=utf-8", text, strlen(text), NULL);
}

static void route(struct conn *c, const struct request *r)
{
	struct http *h = c->http;

	if (r->status != 0) {
		char text[80];

		snprintf(text, sizeof text, "%d %s\n", r->status, reason(r->status));
		answer_text(c, r, r->status, text);
	} else if (strcmp(r->path, h->metrics_path) == 0 && !h->page) {
		answer_text(c, r, 503, "the first interval is not over yet\n");
	} else if (strcmp(r->path, h->metrics_path) == 0) {
		answer(c, r, 200, "text/plain; version=0.0.4; charset=utf-8", h->page->text, h->page->len,
		       h->page);
	} else if (strcmp(r->path, "/healthz") == 0) {
		answer_text(c, r, 200, "ok\n");
	} else if (strcmp(r->path, "/readyz") == 0) {
		answer_text(c, r, h->page ? 200 : 503, h->page ? "ready\n" : "not ready yet\n");
	} else if (strcmp(r->path, "/") == 0) {
		char text[1024];
		int len = snprintf(text, sizeof text,
				   "<!DOCTYPE html>\n<html lang=\"en\"><head><title>powerstack-exporter</title>"
				   "</head>\n<body><h1>powerstack-exporter</h1>\n<p>Version %s</p>\n"
				   "<ul><li><a href=\"%s\">Metrics</a></li>\n<li><a href=\"/healthz\">Health</a>"
				   "</li>\n<li><a href=\"/readyz\">Readiness</a></li></ul></body></html>\n",
				   POWERSTACK_VERSION, h->metrics_path);

		answer(c, r, 200, "text/html; charset=utf-8", text, (size_t)len, NULL);
	} else {
		answer_text(c, r, 404, "404 Not Found\n");
	}
}

/* Answers the next request if it is there whole; one at a time, so that memory stays bounded. */
static void serve(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = evbuffer_get_length(in);
	struct request r;

	if (c->phase == PHASE_SEND || len == 0)
		return;
	if (c->phase == PHASE_LINGER) {
		evbuffer_drain(in, len);
		return;
	}
	if (len > REQUEST_HEAD_MAX)
		len = REQUEST_HEAD_MAX;
	if (request_parse((const char *)evbuffer_pullup(in, (ev_ssize_t)len), len, &r) == 0) {
		if (c->phase == PHASE_IDLE)
			enter(c, PHASE_HEAD);
		return;
	}
	evbuffer_drain(in, r.status ? evbuffer_get_length(in) : r.len);
	route(c, &r);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	serve(arg);
}

static void linger(struct conn *c)
{
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	enter(c, PHASE_LINGER);
}

/* All of the answer has gone to the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->phase != PHASE_SEND)
		return;
	if (c->close) {
		linger(c);
		return;
	}
	enter(c, PHASE_IDLE);
	serve(c);
	if (c->eof && c->phase != PHASE_SEND)
		linger(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	/* A peer that has only closed its sending side still gets its answers. */
	if (what & BEV_EVENT_EOF && c->phase == PHASE_SEND) {
		c->eof = true;
		bufferevent_disable(bev, EV_READ);
		return;
	}
	conn_free(c);
}

/* Makes room: who waits longest without sending anything goes first. */
static void evict(struct http *h)
{
	struct conn *worst = NULL;

	for (struct conn *c = h->conns; c; c = c->next) {
		bool asks = c->phase == PHASE_SEND, worst_asks = worst && worst->phase == PHASE_SEND;

		if (!worst || (asks == worst_asks ? c->since_ns < worst->since_ns : !asks))
			worst = c;
	}
	if (worst) {
		h->stats.evicted++;
		conn_free(worst);
	}
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len,
		      void *arg)
{
	struct http *h = arg;
	struct conn *c = calloc(1, sizeof *c);
	struct bufferevent *bev = c ? bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;

	(void)l, (void)from, (void)len;
	if (!bev) {
		free(c);
		evutil_closesocket(fd);
		return;
	}
	if (h->stats.connections >= HTTP_CONNECTIONS_MAX)
		evict(h);
	*c = (struct conn){ .http = h, .bev = bev, .next = h->conns, .prev = &h->conns };
	if (h->conns)
		h->conns->prev = &c->next;
	h->conns = c;
	h->stats.connections++;
	enter(c, PHASE_IDLE);
	bufferevent_setcb(bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(bev, EV_READ, 0, REQUEST_HEAD_MAX);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void on_accept_error(struct evconnlistener *l, void *arg)
{
	struct http *h = arg;

	/* No descriptors left: the queue waits in the kernel, or this would spin. */
	evconnlistener_disable(l);
	h->paused = true;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;
	uint64_t now = tick_now_ns();

	(void)fd, (void)what;
	for (struct conn *c = h->conns, *next; c; c = next) {
		next = c->next;
		if (now - c->since_ns < phase_s[c->phase] * SECOND_NS)
			continue;
		h->stats.evicted += c->phase == PHASE_HEAD || c->phase == PHASE_SEND;
		conn_free(c);
	}
	if (h->paused) {
		h->paused = false;
		evconnlistener_enable(h->listener);
	}
}

int http_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char host[64], *end = NULL;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (!colon || (size_t)(colon - text) >= sizeof host)
		goto bad;
	size_t digits = strspn(colon + 1, "0123456789");
	unsigned long port = strtoul(colon + 1, &end, 10);

	if (digits == 0 || digits > 5 || *end != '\0' || port > 65535)
		goto bad;
	size_t len = (size_t)(colon - text);

	memcpy(host, text, len);
	host[len] = '\0';
	v6.sin6_port = v4.sin_port = htons((uint16_t)port);
	if (len == 0) {
		v6.sin6_addr = in6addr_any;
	} else if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) != 1)
			goto bad;
	} else if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		*ret = (struct sockaddr_storage){ 0 };
		memcpy(ret, &v4, sizeof v4);
		*ret_len = sizeof v4;
		return 0;
	} else {
		goto bad;
	}
	*ret = (struct sockaddr_storage){ 0 };
	memcpy(ret, &v6, sizeof v6);
	*ret_len = sizeof v6;
	return 0;
bad:
	return err_set(e, ERR_USAGE, "listen address '%s' is no ADDRESS:PORT with a numeric address; such are "
		       ":9102, 127.0.0.1:9102 and [::1]:9102", text);
}

static int listen_on(const struct sockaddr_storage *at, socklen_t len, struct err *e)
{
	AUTO_CLOSE int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, off = 0;

	if (fd < 0)
		return err_errno(e, ERR_FAILED, "no socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (at->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, (const struct sockaddr *)at, len) < 0 || listen(fd, 128) < 0)
		return err_errno(e, ERR_FAILED, "cannot listen");
	return take_fd(&fd);
}

int http_new(struct event_base *base, const char *address, const char *metrics_path, struct http **ret,
	     struct err *e)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = 0;
	int rc = http_address(address, &at, &len, e);

	if (rc < 0)
		return rc;
	AUTO_CLOSE int fd = listen_on(&at, len, e);

	/* A kernel without IPv6: all addresses are those of IPv4. */
	if (fd < 0 && address[0] == ':') {
		char v4[32];
		struct err none = { 0 };

		snprintf(v4, sizeof v4, "0.0.0.0%s", address);
		http_address(v4, &at, &len, &none);
		fd = listen_on(&at, len, e);
	}
	if (fd < 0)
		return err_wrap(e, "'%s'", address);
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return err_set(e, ERR_MEMORY, "no memory for the web server");
	h->base = base;
	h->metrics_path = metrics_path;
	h->listener = evconnlistener_new(base, on_accept, h, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
					 fd);
	h->sweep = event_new(base, -1, EV_PERSIST, on_sweep, h);
	if (!h->listener || !h->sweep) {
		if (h->listener)
			(void)take_fd(&fd);
		http_free(h);
		return err_set(e, ERR_MEMORY, "no memory for the web server");
	}
	(void)take_fd(&fd);
	evconnlistener_set_error_cb(h->listener, on_accept_error);
	event_add(h->sweep, &(struct timeval){ .tv_sec = 1 });
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->conns)
		conn_free(h->conns);
	if (h->listener)
		evconnlistener_free(h->listener);
	if (h->sweep)
		event_free(h->sweep);
	page_unref(h->page);
	free(h);
}

void http_publish(struct http *h, char *text, size_t len)
{
	struct page *p = malloc(sizeof *p);

	if (!p) {
		free(text); /* the page before stays */
		return;
	}
	*p = (struct page){ .text = text, .len = len, .refs = 1 };
	page_unref(h->page);
	h->page = p;
}

void http_stats(const struct http *h, struct http_stats *ret)
{
	*ret = h->stats;
}

void http_where(const struct http *h, char *ret, size_t size)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof at;
	char host[INET6_ADDRSTRLEN] = "?";

	(void)getsockname(evconnlistener_get_fd(h->listener), (struct sockaddr *)&at, &len);
	if (at.ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)&at;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
		snprintf(ret, size, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		const struct sockaddr_in *v4 = (const void *)&at;

		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
		snprintf(ret, size, "%s:%u", host, ntohs(v4->sin_port));
	}
}
