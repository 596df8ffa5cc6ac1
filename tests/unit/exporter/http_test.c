/* SPDX-License-Identifier: BSD-2-Clause */
/* The server against peers that do not read: a loop without a clock of its own, real sockets. */
#include "exporter/http.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"

#define PAGE (3u * 1024 * 1024) /* bytes: more than socket buffers hold */

struct world {
	struct event_base *base;
	struct http *http;
	unsigned made[NFORMATS], served;
	bool fails;
	char first; /* what the page is full of */
};

static int metrics(void *arg, enum page_format format, struct buf *out, struct err *e)
{
	struct world *w = arg;
	char line[1024];

	if (w->fails)
		return err_set(e, ERR_MEMORY, "no");
	w->made[format]++;
	memset(line, w->first, sizeof line);
	for (size_t i = 0; i < PAGE / sizeof line; i++) {
		memcpy(line + 8, &i, sizeof i); /* no two alike */
		buf_add(out, line, sizeof line);
	}
	return 0;
}

static int landing(void *arg, struct buf *out, struct err *e)
{
	(void)arg, (void)e;
	return buf_adds(out, "<html></html>");
}

static void served(void *arg)
{
	((struct world *)arg)->served++;
}

static void begin(struct world *w)
{
	struct http_pages pages = { .metrics = metrics, .landing = landing, .served = served, .arg = w };
	struct err e = { 0 };

	*w = (struct world){ .base = event_base_new(), .first = 'a' };
	cr_assert_eq(http_new(w->base, "127.0.0.1:0", "/metrics", &pages, &w->http, &e), 0, "%s", e.msg);
}

static void end(struct world *w)
{
	http_free(w->http);
	event_base_free(w->base);
}

static void turn(struct world *w)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static int connect_to(struct world *w)
{
	char where[96];
	struct sockaddr_storage at;
	socklen_t len;
	struct err e = { 0 };

	http_where(w->http, where, sizeof where);
	cr_assert_eq(http_address(where, &at, &len, &e), 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	cr_assert_eq(connect(fd, (struct sockaddr *)&at, len), 0);
	return fd;
}

static void ask(int fd, const char *headers)
{
	char text[512];
	int n = snprintf(text, sizeof text, "GET /metrics HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);

	cr_assert_eq(write(fd, text, (size_t)n), n);
}

/* Reads to the end of the connection, the server turning meanwhile. */
static size_t read_all(struct world *w, int fd, struct buf *into)
{
	char part[65536];

	for (int idle = 0; idle < 1000;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		event_base_loop(w->base, EVLOOP_NONBLOCK);
		if (poll(&p, 1, 5) <= 0) {
			idle++;
			continue;
		}
		ssize_t n = read(fd, part, sizeof part);

		if (n <= 0)
			break;
		buf_add(into, part, (size_t)n);
	}
	return into->len;
}

Test(http, a_page_is_made_once_for_all)
{
	struct world w;
	struct http_stats stats;
	AUTO_BUF struct buf got;

	begin(&w);
	buf_init(&got, 16 << 20);
	int early = connect_to(&w);

	ask(early, "Connection: close\r\n");
	read_all(&w, early, &got);
	cr_expect_eq(memcmp(buf_str(&got), "HTTP/1.1 503 ", 13), 0, "no reading yet");
	close(early);
	http_publish(w.http);
	for (int i = 0; i < 5; i++) {
		int fd = connect_to(&w);

		ask(fd, i % 2 ? "Connection: close\r\n" : "Connection: close\r\nAccept: application/openmetrics-text\r\n");
		buf_reset(&got);
		cr_expect_gt(read_all(&w, fd, &got), PAGE);
		cr_expect_eq(got.data[got.len - 1], 'a');
		close(fd);
	}
	cr_expect_eq(w.made[FORMAT_TEXT], 1u);
	cr_expect_eq(w.made[FORMAT_OPENMETRICS], 1u);
	http_stats(w.http, &stats);
	cr_expect_eq(stats.page_bytes[FORMAT_TEXT], PAGE);
	/* The next reading: one that cannot be shown is told, not left to hang. */
	w.fails = true;
	http_publish(w.http);
	int fd = connect_to(&w);

	ask(fd, "Connection: close\r\n");
	buf_reset(&got);
	read_all(&w, fd, &got);
	cr_expect_eq(memcmp(buf_str(&got), "HTTP/1.1 500 ", 13), 0);
	close(fd);
	http_stats(w.http, &stats);
	cr_expect_eq(stats.failures, 1u);
	end(&w);
}

/* The body of an answer, without the compression that it may have. */
static void body_of(const struct buf *answer, bool zipped, struct buf *ret)
{
	const char *at = strstr(buf_str(answer), "\r\n\r\n");

	cr_assert_not_null(at);
	cr_assert_eq(strstr(buf_str(answer), "\r\nContent-Encoding: gzip\r\n") != NULL, zipped);
	at += 4;
	size_t len = answer->len - (size_t)(at - answer->data);

	buf_reset(ret);
	if (!zipped) {
		buf_add(ret, at, len);
		return;
	}
	z_stream z = { .next_in = (unsigned char *)answer->data + (at - answer->data), .avail_in = (uInt)len };

	cr_assert_eq(buf_reserve(ret, PAGE + 1), 0);
	z.next_out = (unsigned char *)ret->data;
	z.avail_out = PAGE + 1;
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_expect_eq(z.avail_in, 0u, "nothing follows");
	ret->len = z.total_out;
	inflateEnd(&z);
}

/* With compression and without, whichever is asked for first: the same bytes, and the page is made once. */
Test(http, compressed_or_not_it_is_one_page)
{
	struct world w;
	struct http_stats stats;
	AUTO_BUF struct buf answer;
	struct buf bodies[2];

	begin(&w);
	buf_init(&answer, 16 << 20);
	buf_init(&bodies[0], 16 << 20);
	buf_init(&bodies[1], 16 << 20);
	for (unsigned reading = 0; reading < 4; reading++) {
		w.first = (char)('a' + reading);
		http_publish(w.http);
		for (unsigned turn_of = 0; turn_of < 4; turn_of++) {
			bool zipped = (turn_of + reading) % 2;
			int fd = connect_to(&w);

			ask(fd, zipped ? "Connection: close\r\nAccept-Encoding: gzip\r\n" : "Connection: close\r\n");
			buf_reset(&answer);
			read_all(&w, fd, &answer);
			close(fd);
			body_of(&answer, zipped, &bodies[zipped]);
		}
		cr_expect_eq(w.made[FORMAT_TEXT], reading + 1, "once for each reading");
		cr_assert_eq(bodies[0].len, PAGE);
		cr_assert_eq(bodies[1].len, PAGE);
		cr_expect_eq(memcmp(bodies[0].data, bodies[1].data, PAGE), 0);
		cr_expect_eq(bodies[0].data[0], w.first);
		http_stats(w.http, &stats);
		cr_expect_eq(stats.page_bytes[FORMAT_TEXT], PAGE, "its size is told without compression");
	}
	/* The landing page as well. */
	for (unsigned plain = 0; plain < 2; plain++) {
		int fd = connect_to(&w);
		char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: gzip;q=0\r\n\r\n";
		char *q = strstr(text, ";q=0");

		if (!plain)
			memcpy(q, ";q=1", 4);
		cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
		buf_reset(&answer);
		read_all(&w, fd, &answer);
		close(fd);
		body_of(&answer, !plain, &bodies[0]);
		cr_expect_eq(bodies[0].len, strlen("<html></html>"));
		cr_expect_eq(memcmp(bodies[0].data, "<html></html>", bodies[0].len), 0);
	}
	w.fails = true;
	http_publish(w.http);
	int fd = connect_to(&w);

	ask(fd, "Connection: close\r\nAccept-Encoding: gzip\r\n");
	buf_reset(&answer);
	read_all(&w, fd, &answer);
	cr_expect_eq(memcmp(buf_str(&answer), "HTTP/1.1 500 ", 13), 0, "half a page is none");
	close(fd);
	http_stats(w.http, &stats);
	cr_expect_eq(stats.failures, 1u);
	buf_clear(&bodies[0]);
	buf_clear(&bodies[1]);
	end(&w);
}

/* Whole metrics of the last reading, and nothing else, are what somebody has been shown. */
Test(http, served_is_what_was_sent_whole_and_is_of_now)
{
	static const struct {
		const char *request;
		unsigned served;
	} cases[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1 },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n", 1 },
		{ "HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0 },
		{ "GET /metricsx HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0 },
	};
	struct world w;
	AUTO_BUF struct buf got;

	begin(&w);
	buf_init(&got, 16 << 20);
	http_publish(w.http);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd = connect_to(&w);
		size_t len = strlen(cases[i].request);

		w.served = 0;
		cr_assert_eq(write(fd, cases[i].request, len), (ssize_t)len);
		buf_reset(&got);
		read_all(&w, fd, &got);
		cr_expect_eq(w.served, cases[i].served, "%s", cases[i].request);
		close(fd);
	}
	/* One that goes away in the middle, and one that is still reading when there is a new reading. */
	int away = connect_to(&w), late = connect_to(&w);

	w.served = 0;
	ask(away, "Connection: close\r\n");
	ask(late, "Connection: close\r\n");
	turn(&w);
	close(away);
	turn(&w);
	http_publish(w.http);
	buf_reset(&got);
	cr_expect_gt(read_all(&w, late, &got), PAGE);
	cr_expect_eq(w.served, 0u);
	close(late);
	end(&w);
}

/* Each of them began with another page and does not read it: they cannot hold them all. */
Test(http, slow_readers_are_bounded)
{
	struct world w;
	struct http_stats stats;
	int fds[20];
	AUTO_BUF struct buf got;

	begin(&w);
	buf_init(&got, 16 << 20);
	for (size_t i = 0; i < COUNT(fds); i++) {
		w.first = (char)('a' + i);
		http_publish(w.http);
		fds[i] = connect_to(&w);
		ask(fds[i], "Connection: close\r\n");
		turn(&w);
	}
	http_publish(w.http);
	http_stats(w.http, &stats);
	cr_expect_leq(stats.connections, HTTP_HELD_MAX / PAGE);
	cr_expect_eq(stats.evicted, COUNT(fds) - HTTP_HELD_MAX / PAGE);
	/* Who came last still gets what he began with, whole. */
	size_t last = COUNT(fds) - 1;

	cr_expect_gt(read_all(&w, fds[last], &got), PAGE);
	cr_expect_eq(got.data[got.len - 1], (char)('a' + last));
	cr_expect_eq(got.data[got.len - PAGE], (char)('a' + last));
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	end(&w);
}

Test(http, connections_are_bounded)
{
	struct world w;
	struct http_stats stats;
	int fds[HTTP_CONNECTIONS_MAX + 30];

	begin(&w);
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = connect_to(&w);
		turn(&w);
	}
	http_stats(w.http, &stats);
	cr_expect_eq(stats.connections, (unsigned)HTTP_CONNECTIONS_MAX);
	cr_expect_eq(stats.evicted, 30u);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	turn(&w);
	http_stats(w.http, &stats);
	cr_expect_eq(stats.connections, 0u);
	end(&w);
}
