/* SPDX-License-Identifier: BSD-2-Clause */
/* The server against peers that do not read: a loop without a clock of its own, real sockets. */
#include "exporter/http.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

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
	for (size_t i = 0; i < PAGE / sizeof line; i++)
		buf_add(out, line, sizeof line);
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
	struct http_pages pages = { metrics, landing, served, w };
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
