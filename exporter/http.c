/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/cleanup.h"
#include "exporter/auth.h"
#include "exporter/page.h"
#include "exporter/request.h"
#include "exporter/tick.h"
#include "exporter/tls.h"
#include "exporter/web_config.h"
#include "exporter/zip.h"

#define SECOND_NS UINT64_C(1000000000)
#define LINGER_S 2
#define LARGE_PAGE (512 * 1024) /* bytes; from there on a page is packed by zip.h */

const struct http_status http_statuses[] = {
	{ 200, "200", "OK" },
	{ 400, "400", "Bad Request" },
	{ 401, "401", "Unauthorized" },
	{ 404, "404", "Not Found" },
	{ 405, "405", "Method Not Allowed" },
	{ 413, "413", "Content Too Large" },
	{ 414, "414", "URI Too Long" },
	{ 429, "429", "Too Many Requests" },
	{ 431, "431", "Request Header Fields Too Large" },
	{ 500, "500", "Internal Server Error" },
	{ 501, "501", "Not Implemented" },
	{ 503, "503", "Service Unavailable" },
	{ 505, "505", "HTTP Version Not Supported" },
};
const size_t nhttp_statuses = COUNT(http_statuses);
_Static_assert(COUNT(http_statuses) <= HTTP_STATUSES_MAX, "struct http_stats has a place for each");

/* The forms in which a reading can be asked for; with HTTP's own compression or without. */
enum form { FORM_TEXT = FORMAT_TEXT, FORM_OPENMETRICS = FORMAT_OPENMETRICS, FORM_LANDING, NFORMS };

/* A page, shared by what is sending it. */
struct page {
	struct http *http;
	char *text;
	size_t len;
	unsigned refs;
	bool current; /* one reference is the server's own */
};

enum phase {
	PHASE_IDLE,	/* between two requests */
	PHASE_HEAD,	/* a head is to come: connected, or some of it has come */
	PHASE_ASK,	/* who is it? bcrypt takes its time */
	PHASE_SEND,	/* the answer is going out */
	PHASE_LINGER,	/* all sent, our side closed: waits for the peer's, so that it reads to the end */
};

static const unsigned phase_s[] = { HTTP_IDLE_S, HTTP_HEAD_S, HTTP_ASK_S, HTTP_SEND_S, LINGER_S };

struct conn {
	struct http *http;
	struct conn *next, **prev;
	struct bufferevent *bev;
	struct in6_addr peer;
	enum phase phase;
	uint64_t since_ns;  /* in this phase */
	struct page *page;  /* being sent: for comparison only, the reference is the output buffer's */
	struct request asked; /* PHASE_ASK: what is answered then; without the header's text */
	bool close;	    /* after the answer */
	bool eof;	    /* the peer has closed its sending side: what is here is all */
};

struct http {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *sweep;
	const char *metrics_path;
	struct http_pages pages;
	struct tls *tls;   /* NULL: plain HTTP */
	struct auth *auth; /* NULL: never had users */
	char *headers;	   /* lines that every answer has besides its own; NULL: none */
	struct page *made[NFORMS][2]; /* of the last reading; [1]: gzip */
	size_t zipped[NFORMS];	      /* length of the last one made with gzip */
	size_t held;		      /* bytes of pages that are no longer current */
	struct conn *conns;
	struct http_stats stats;
	bool ready;  /* there is a reading */
	bool paused; /* out of descriptors: accepting stopped until the next sweep */
};

static void page_unref(struct page *p)
{
	if (--p->refs > 0)
		return;
	if (!p->current)
		p->http->held -= p->len;
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
	if (c->phase == PHASE_ASK)
		auth_forget(c->http->auth, c);
	/* The page it was sending is given back now; bufferevent_free may put that off. */
	struct evbuffer *out = bufferevent_get_output(c->bev);

	evbuffer_unfreeze(out, 1);
	evbuffer_drain(out, evbuffer_get_length(out));
	bufferevent_free(c->bev);
	free(c);
}

static void enter(struct conn *c, enum phase phase)
{
	c->phase = phase;
	c->since_ns = tick_now_ns();
}

static size_t status_row(int status)
{
	size_t row = 0;

	while (row + 1 < nhttp_statuses && http_statuses[row].status != status)
		row++;
	return row;
}

/* ---- making pages */

/* One gzip member (RFC 1952) being made by zlib. */
struct packer {
	z_stream z;
	struct buf *out;
	size_t taken; /* bytes */
};

static int pack(struct packer *p, const char *data, size_t len, int flush)
{
	unsigned char part[16384];
	int rc;

	p->z.next_in = (const unsigned char *)data;
	p->z.avail_in = (uInt)len;
	p->taken += len;
	do {
		p->z.next_out = part;
		p->z.avail_out = sizeof part;
		rc = deflate(&p->z, flush);
		buf_add(p->out, part, sizeof part - p->z.avail_out);
	} while (rc == Z_OK && p->z.avail_out == 0);
	return rc == Z_STREAM_ERROR || p->out->full || p->taken > PAGE_MAX ? -1 : 0;
}

static int pack_more(void *packer, const char *data, size_t len)
{
	return pack(packer, data, len, Z_NO_FLUSH);
}

/* What a page was before it was packed. */
static int unpack(const struct page *from, struct buf *text)
{
	z_stream z = { .next_in = (const unsigned char *)from->text, .avail_in = (uInt)from->len };
	unsigned char part[16384];
	int rc;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -1;
	do {
		z.next_out = part;
		z.avail_out = sizeof part;
		rc = inflate(&z, Z_NO_FLUSH);
		buf_add(text, part, sizeof part - z.avail_out);
	} while (rc == Z_OK);
	inflateEnd(&z);
	return rc == Z_STREAM_END && !text->full ? 0 : -1;
}

/* The text that a form of the page is made of: the first to ask since the last reading has it made. */
static int make_text(struct http *h, enum form form, struct buf *text)
{
	const struct page *zipped = h->made[form][1];
	struct err e = { 0 };

	if (zipped)
		return unpack(zipped, text);
	return form == FORM_LANDING ? h->pages.landing(h->pages.arg, text, &e)
				    : h->pages.metrics(h->pages.arg, (enum page_format)form, text, &e);
}

/* The form's text with gzip; *len is its length without, before that of the last one. The text is never there as a whole,
 * for it may be several MB. zlib packs a small page better, at its fastest level, for a scrape waits for it; for a large
 * one it would need several times as long as making it takes. */
static int make_packed(struct http *h, enum form form, struct buf *out, size_t *len)
{
	const struct page *plain = h->made[form][0];
	bool large = (plain ? plain->len : *len) >= LARGE_PAGE;
	struct packer p = { .out = out };
	struct zip zip;
	AUTO_BUF struct buf text;

	if (large) {
		zip_begin(&zip, out);
		zip_buf(&zip, &text);
	} else {
		buf_init(&text, PAGE_MAX);
		if (deflateInit2(&p.z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
			return -1;
		text.drain = pack_more;
		text.drain_arg = &p;
		(void)buf_reserve(&text, ZIP_PIECE);
	}
	int rc = plain ? text.drain(text.drain_arg, plain->text, plain->len) : make_text(h, form, &text);

	rc = rc < 0 ? rc : buf_drain(&text);
	if (large) {
		zip_end(&zip);
		*len = (size_t)zip.at;
	} else {
		rc = rc < 0 ? rc : pack(&p, "", 0, Z_FINISH);
		deflateEnd(&p.z);
		*len = p.taken;
	}
	return rc < 0 || out->full || *len > PAGE_MAX ? -1 : 0;
}

/* Closes connections that hold up pages of the past, the slowest first, until few enough are left. */
static void bound_held(struct http *h)
{
	uint64_t most = HTTP_HELD_MAX;

	/* Whoever reads a large page needs longer than an interval: he must be able to end. */
	for (size_t i = 0; i < NFORMATS; i++)
		most = 2 * h->stats.page_bytes[i] > most ? 2 * h->stats.page_bytes[i] : most;
	while (h->held > most) {
		struct conn *worst = NULL;

		for (struct conn *c = h->conns; c; c = c->next) {
			if (c->page && !c->page->current && (!worst || c->since_ns < worst->since_ns))
				worst = c;
		}
		if (!worst)
			return;
		h->stats.evicted++;
		conn_free(worst);
	}
}

static struct page *page_new(struct http *h, struct buf *text)
{
	struct page *p = malloc(sizeof *p);
	size_t len = text->len;

	if (p)
		*p = (struct page){ .http = h, .text = buf_take(text), .len = len, .refs = 1, .current = true };
	if (p && p->text)
		return p;
	free(p);
	return NULL;
}

/* The page in that form; made if this is the first to ask since the last reading. With gzip and without it is the same
 * text, whichever was asked for first. NULL: cannot be made. It is the server's: whoever sends it takes a reference. */
static struct page *page_get(struct http *h, enum form form, bool gzip)
{
	struct page **at = &h->made[form][gzip];
	size_t len = form != FORM_LANDING ? (size_t)h->stats.page_bytes[form] : 0;
	int rc;

	if (*at)
		return *at;
	AUTO_BUF struct buf text;

	buf_init(&text, PAGE_MAX);
	(void)buf_reserve(&text, gzip ? h->zipped[form] : len); /* about as long as the last one */
	rc = gzip ? make_packed(h, form, &text, &len) : make_text(h, form, &text);
	if (gzip)
		h->zipped[form] = text.len;
	else
		len = text.len;
	if (form != FORM_LANDING)
		h->stats.page_bytes[form] = len;
	*at = rc < 0 ? NULL : page_new(h, &text);
	if (!*at && !gzip)
		h->stats.failures++;
	return *at;
}

void http_publish(struct http *h)
{
	for (size_t i = 0; i < NFORMS * 2; i++) {
		struct page **at = &h->made[i / 2][i % 2];

		if (!*at)
			continue;
		(*at)->current = false;
		h->held += (*at)->len;
		page_unref(*at);
		*at = NULL;
	}
	h->ready = true;
	bound_held(h);
}

/* ---- answers */

/* What an answer is made of. */
struct reply {
	int status;
	const char *type, *text;
	size_t len;
	struct page *page; /* NULL: text is copied */
	bool gzip, varies;
};

static void answer(struct conn *c, const struct request *r, const struct reply *a)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t row = status_row(a->status);

	c->close = !r->keep_alive;
	c->http->stats.answers[row]++;
	enter(c, PHASE_SEND);
	evbuffer_add_printf(out,
			    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			    "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n%s%s%s%s%s%s%s\r\n",
			    a->status, http_statuses[row].reason, a->type, a->len,
			    c->http->headers ? c->http->headers : "",
			    a->status == 405 ? "Allow: GET, HEAD\r\n" : "",
			    a->status == 401 ? "WWW-Authenticate: Basic realm=\"powerstack-exporter\"\r\n" : "",
			    a->status == 429 ? "Retry-After: 1\r\n" : "",
			    a->gzip ? "Content-Encoding: gzip\r\n" : "",
			    a->varies ? "Vary: Accept, Accept-Encoding\r\n" : "",
			    c->close ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
	if (r->head)
		return;
	if (!a->page) {
		evbuffer_add(out, a->text, a->len);
		return;
	}
	a->page->refs++;
	c->page = a->page;
	if (evbuffer_add_reference(out, a->text, a->len, page_sent, a->page) < 0) {
		c->page = NULL;
		page_unref(a->page);
	}
}

static void answer_text(struct conn *c, const struct request *r, int status, const char *text)
{
	answer(c, r, &(struct reply){ .status = status, .type = "text/plain; charset=utf-8", .text = text,
				      .len = strlen(text) });
}

static void answer_page(struct conn *c, const struct request *r, enum form form, const char *type)
{
	struct page *zipped = r->gzip ? page_get(c->http, form, true) : NULL;
	struct page *p = zipped ? zipped : page_get(c->http, form, false);

	if (!p) {
		answer_text(c, r, 500, "the page could not be made; the log says why\n");
		return;
	}
	answer(c, r, &(struct reply){ .status = 200, .type = type, .text = p->text, .len = p->len, .page = p,
				      .gzip = p == zipped, .varies = true });
}

static void route(struct conn *c, const struct request *r)
{
	struct http *h = c->http;

	if (r->status != 0) {
		char text[80];

		snprintf(text, sizeof text, "%d %s\n", r->status, http_statuses[status_row(r->status)].reason);
		answer_text(c, r, r->status, text);
	} else if (strcmp(r->path, h->metrics_path) == 0 && !h->ready) {
		answer_text(c, r, 503, "the first interval is not over yet\n");
	} else if (strcmp(r->path, h->metrics_path) == 0) {
		answer_page(c, r, (enum form)r->format, negotiate_type(r->format));
	} else if (strcmp(r->path, "/healthz") == 0) {
		answer_text(c, r, 200, "ok\n");
	} else if (strcmp(r->path, "/readyz") == 0) {
		answer_text(c, r, h->ready ? 200 : 503, h->ready ? "ready\n" : "not ready yet\n");
	} else if (strcmp(r->path, "/") == 0) {
		answer_page(c, r, FORM_LANDING, "text/html; charset=utf-8");
	} else {
		answer_text(c, r, 404, "404 Not Found\n");
	}
}

static void on_asked(void *arg, bool ok)
{
	struct conn *c = arg;

	if (ok)
		route(c, &c->asked);
	else
		answer_text(c, &c->asked, 401, "401 Unauthorized\n");
}

/* Answers a request, now or when it is known who asks. */
static void admit(struct conn *c, const struct request *r)
{
	enum auth_answer who = AUTH_YES;

	if (r->status == 0 && c->http->auth)
		who = auth_ask(c->http->auth, r->authorization, r->authorization_len, &c->peer, on_asked, c);
	switch (who) {
	case AUTH_YES:
		route(c, r);
		break;
	case AUTH_NO:
		answer_text(c, r, 401, "401 Unauthorized\n");
		break;
	case AUTH_BUSY:
		answer_text(c, r, 429, "too many passwords are being looked at\n");
		break;
	case AUTH_WAIT:
		c->asked = *r;
		c->asked.authorization = NULL;
		enter(c, PHASE_ASK);
		break;
	}
}

/* Answers the next request if it is there whole; one at a time, so that memory stays bounded. */
static void serve(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = evbuffer_get_length(in);
	struct request r;

	if (c->phase == PHASE_SEND || c->phase == PHASE_ASK || len == 0)
		return;
	if (c->phase == PHASE_LINGER) {
		evbuffer_drain(in, len);
		return;
	}
	if (len > REQUEST_HEAD_MAX)
		len = REQUEST_HEAD_MAX;
	char *head = (char *)evbuffer_pullup(in, (ev_ssize_t)len);

	if (!head || request_parse(head, len, &r) == 0) {
		if (c->phase == PHASE_IDLE)
			enter(c, PHASE_HEAD);
		return;
	}
	admit(c, &r);
	/* A password may be in it. */
	explicit_bzero(head, r.status ? len : r.len);
	evbuffer_drain(in, r.status ? evbuffer_get_length(in) : r.len);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	serve(arg);
}

static void linger(struct conn *c)
{
	tls_close(c->bev);
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	enter(c, PHASE_LINGER);
}

/* Is it a metrics page of the last reading? It may be freed already: only its address is looked at. */
static bool is_current(const struct http *h, const struct page *p)
{
	for (enum page_format f = 0; p && f < NFORMATS; f++) {
		if (p == h->made[f][0] || p == h->made[f][1])
			return true;
	}
	return false;
}

/* All of the answer has gone to the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	if (c->phase != PHASE_SEND)
		return;
	if (is_current(c->http, c->page) && c->http->pages.served)
		c->http->pages.served(c->http->pages.arg);
	c->page = NULL;
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
	if (what & BEV_EVENT_CONNECTED)
		return; /* TLS is agreed on */
	if (what & BEV_EVENT_EOF && (c->phase == PHASE_SEND || c->phase == PHASE_ASK)) {
		c->eof = true;
		bufferevent_disable(bev, EV_READ);
		return;
	}
	conn_free(c);
}

/* How many connections the peer of c has. */
static unsigned share(const struct http *h, const struct conn *c)
{
	unsigned n = 0;

	for (const struct conn *o = h->conns; o; o = o->next)
		n += memcmp(&o->peer, &c->peer, sizeof o->peer) == 0;
	return n;
}

/* Makes room: of the address with the most connections, who waits longest without sending anything
 * goes first, who is being answered last. */
static void evict(struct http *h)
{
	struct conn *worst = NULL;
	unsigned most = 0;

	for (struct conn *c = h->conns; c; c = c->next) {
		unsigned n = share(h, c);
		bool asks = c->phase == PHASE_SEND, worst_asks = worst && worst->phase == PHASE_SEND;

		if (!worst || n > most ||
		    (n == most && (asks == worst_asks ? c->since_ns < worst->since_ns : !asks))) {
			worst = c;
			most = n;
		}
	}
	if (worst) {
		h->stats.evicted++;
		conn_free(worst);
	}
}

/* Whose connection it is: an IPv4 address as ::ffff:a.b.c.d; of an IPv6 address the half that names
 * a network, for anybody has a whole one of these. */
static struct in6_addr peer_of(const struct sockaddr *from)
{
	struct in6_addr a = { 0 };

	if (from->sa_family == AF_INET6) {
		a = ((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
		if (!IN6_IS_ADDR_V4MAPPED(&a))
			memset(a.s6_addr + 8, 0, 8);
	} else if (from->sa_family == AF_INET) {
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		memcpy(a.s6_addr + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	}
	return a;
}

/* Who renews a certificate replaces its files, and tells nobody. */
static void look_for_certificate(struct http *h)
{
	struct err e = { 0 };
	int rc = h->tls ? tls_refresh(h->tls, &e) : 0;

	if (rc != 0 && h->pages.certificate)
		h->pages.certificate(h->pages.arg, rc < 0 ? &e : NULL);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len,
		      void *arg)
{
	struct http *h = arg;

	look_for_certificate(h);
	struct conn *c = calloc(1, sizeof *c);
	struct bufferevent *bev = !c ? NULL
				  : h->tls ? tls_accept(h->tls, h->base, fd)
					   : bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
	int sndbuf = HTTP_SNDBUF, rcvbuf = HTTP_RCVBUF, on = 1;

	(void)l, (void)len;
	if (!bev) {
		free(c);
		evutil_closesocket(fd);
		return;
	}
	if (h->stats.connections >= HTTP_CONNECTIONS_MAX)
		evict(h);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	*c = (struct conn){ .http = h, .bev = bev, .next = h->conns, .prev = &h->conns, .peer = peer_of(from) };
	if (h->conns)
		h->conns->prev = &c->next;
	h->conns = c;
	h->stats.connections++;
	enter(c, PHASE_HEAD);
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

int http_new(struct event_base *base, const char *address, const char *metrics_path,
	     const struct http_pages *pages, struct http **ret, struct err *e)
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
	h->pages = *pages;
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

/* The lines of the configured headers; *ret is NULL when there are none. */
static int header_lines(const struct web_config *config, char **ret, struct err *e)
{
	AUTO_BUF struct buf lines;

	buf_init(&lines, 16384);
	for (size_t i = 0; i < config->nheaders; i++) {
		const struct web_header *w = &config->headers[i];

		/* This one is in every answer anyway. */
		if (strcmp(w->name, "X-Content-Type-Options") != 0)
			buf_addf(&lines, "%s: %s\r\n", w->name, w->value);
	}
	if (lines.full)
		return err_set(e, ERR_CONFIG, "the headers are more than 16 KiB together");
	*ret = lines.len > 0 ? buf_take(&lines) : NULL;
	return 0;
}

int http_configure(struct http *h, const struct web_config *config, bool wait, struct err *e)
{
	struct tls *tls = NULL;
	AUTO_FREE char *headers = NULL;
	int rc = header_lines(config, &headers, e);

	if (rc == 0 && config->tls.on)
		rc = tls_new(&config->tls, wait, &tls, e);
	if (rc == 0 && config->nusers > 0 && !h->auth)
		rc = auth_new(h->base, &h->auth, e);
	if (rc == 0 && h->auth)
		rc = auth_users(h->auth, config->users, config->nusers, e);
	if (rc < 0) {
		tls_free(tls);
		return rc;
	}
	tls_free(h->tls);
	h->tls = tls;
	free(h->headers);
	h->headers = take_ptr(&headers);
	look_for_certificate(h);
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
	tls_free(h->tls);
	auth_free(h->auth);
	free(h->headers);
	for (size_t i = 0; i < NFORMS * 2; i++) {
		if (h->made[i / 2][i % 2])
			page_unref(h->made[i / 2][i % 2]);
	}
	free(h);
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
