/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages as a visitor sees them: a small server on the loopback, in a process of its own. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/cluster/local.h"
#include "provision/cluster/web.h"

static pid_t server;
static unsigned port;

/* Answers one request by its path; /host tells the Host header. */
static void serve(int fd)
{
	char in[4096] = "";
	size_t n = 0;
	ssize_t got;
	while (n < sizeof(in) - 1 && !strstr(in, "\r\n\r\n") && (got = read(fd, in + n, sizeof(in) - 1 - n)) > 0)
		in[n += (size_t)got] = '\0';
	if (strncmp(in, "GET /round ", 11) == 0) {
		dprintf(fd, "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	} else if (strncmp(in, "GET /twice ", 11) == 0) {
		/* to a name that only the address given can reach */
		dprintf(fd, "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid:%u/host\r\nContent-Length: 0\r\n"
			    "Connection: close\r\n\r\n", port);
	} else if (strncmp(in, "GET /long ", 10) == 0) {
		char block[4096];
		memset(block, 'x', sizeof(block));
		dprintf(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		for (int i = 0; i < 256; i++)
			if (write(fd, block, sizeof(block)) < 0)
				break;
	} else if (strncmp(in, "GET /host ", 10) == 0) {
		const char *host = strstr(in, "\r\nHost: ");
		dprintf(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%.*s", host ? (int)strcspn(host + 8, "\r") : 0,
			host ? host + 8 : "");
	} else {
		dprintf(fd, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nnothing here");
	}
}

static void begin(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	port = ntohs(at.sin_port);
	server = fork();
	cr_assert(server >= 0);
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		for (;;) {
			int one = accept(fd, NULL, NULL);
			if (one < 0)
				_exit(1);
			serve(one);
			shutdown(one, SHUT_WR);
			close(one);
		}
	}
	close(fd);
}

static void end(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

TestSuite(web, .init = begin, .fini = end, .timeout = 120);

static int get(const char *host, const char *path, const char *address, struct buf *ret, struct err *e)
{
	char url[200];
	snprintf(url, sizeof(url), "http://%s:%u%s", host, port, path);
	buf_init(ret, 1 << 20);
	return web_get(url, address, 60, NULL, ret, e);
}

Test(web, status_and_body)
{
	AUTO_BUF struct buf page = { 0 };
	struct err e = { 0 };
	cr_assert_eq(get("127.0.0.1", "/none", NULL, &page, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_str(&page), "404\nnothing here");
}

Test(web, a_name_is_asked_by_the_address_also_behind_a_redirect)
{
	AUTO_BUF struct buf page = { 0 }, other = { 0 };
	struct err e = { 0 };
	char want[100];
	cr_assert_eq(get("rancher.invalid", "/host", "127.0.0.1", &page, &e), 0, "%s", e.msg);
	snprintf(want, sizeof(want), "200\nrancher.invalid:%u", port);
	cr_assert_str_eq(buf_str(&page), want);
	cr_assert_eq(get("rancher.invalid", "/twice", "127.0.0.1", &other, &e), 0, "%s", e.msg);
	snprintf(want, sizeof(want), "200\nelsewhere.invalid:%u", port);
	cr_assert_str_eq(buf_str(&other), want);
}

Test(web, a_loop_of_redirects_ends)
{
	AUTO_BUF struct buf page = { 0 };
	struct err e = { 0 };
	cr_assert_eq(get("127.0.0.1", "/round", NULL, &page, &e), -(int)ERR_FAILED);
	cr_assert_not_null(strstr(e.msg, "redirects more than 5 times"), "%s", e.msg);
}

Test(web, of_a_long_page_the_beginning_is_kept)
{
	AUTO_BUF struct buf page = { 0 };
	struct err e = { 0 };
	cr_assert_eq(get("127.0.0.1", "/long", NULL, &page, &e), 0, "%s", e.msg);
	cr_assert_eq(page.len, 4 + 512 * 1024, "%zu", page.len);
}

Test(web, nobody_there_is_told)
{
	AUTO_BUF struct buf page = { 0 };
	struct err e = { 0 };
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	cr_assert_eq(get("127.0.0.1", "/", NULL, &page, &e), -(int)ERR_UNREACHABLE);
	cr_assert_not_null(strstr(e.msg, "cannot be reached"), "%s", e.msg);
	server = fork();	/* for end */
	if (server == 0)
		pause();
}

/* The question of verify: answered in the form of the probe, also when the page cannot be had. */
Test(web, the_probe_of_this_machine_tells_pages)
{
	struct session *s = NULL;
	struct answer a = { 0 };
	struct err e = { 0 };
	struct script probe = { "probe", "" };
	char good[200], bad[200], want[900];
	snprintf(good, sizeof(good), "web:http://rancher.invalid:%u/host 127.0.0.1", port);
	snprintf(bad, sizeof(bad), "web:http://127.0.0.1:%u/round", port);
	const char *const questions[] = { good, bad, NULL };
	const struct cmd cmd = { .script = &probe, .argv = questions };
	cr_assert_eq(local_open("/nonexistent", "powerstack", NULL, &s, &e), 0);
	cr_assert_eq(session_run(s, &cmd, &a, &e), 0, "%s", e.msg);
	int n = snprintf(want, sizeof(want), "=%s=200\nrancher.invalid:%u", good, port);
	cr_assert(a.out.len > (size_t)n && memcmp(a.out.data, want, (size_t)n + 1) == 0, "%s", buf_str(&a.out));
	const char *second = buf_str(&a.out) + n + 1;
	cr_assert(second[0] == '!' && strncmp(second + 1, bad, strlen(bad)) == 0 && strstr(second, "more than 5 times"), "%s", second);
	answer_clear(&a);
	session_close(s);
}

/* Who does not answer is waited for once; a port is no beginning of another one. */
Test(web, who_keeps_silent_is_asked_once)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	struct session *s = NULL;
	struct answer a = { 0 };
	struct err e = { 0 };
	struct script probe = { "probe", "" };
	char first[100], second[100], third[100];
	snprintf(first, sizeof(first), "web:http://127.0.0.1:%u/one", ntohs(at.sin_port));
	snprintf(second, sizeof(second), "web:http://127.0.0.1:%u/two", ntohs(at.sin_port));
	snprintf(third, sizeof(third), "web:http://127.0.0.1:%u/host", port);
	const char *const questions[] = { first, second, third, NULL };
	const struct cmd cmd = { .script = &probe, .argv = questions };
	cr_assert_eq(local_open("/nonexistent", "powerstack", NULL, &s, &e), 0);
	cr_assert_eq(session_run(s, &cmd, &a, &e), 0, "%s", e.msg);
	const char *line = buf_str(&a.out);
	for (int i = 0; i < 2; i++, line += strlen(line) + 1)
		cr_assert(line[0] == '!' && strncmp(line + 1, questions[i], strlen(questions[i])) == 0 &&
			  strstr(line, "does not answer within"), "%s", line);
	cr_assert(strncmp(line, "=web:", 5) == 0 && strstr(line, "=200\n"), "%s", line);
	int visits = 0;
	for (int one; (one = accept(fd, NULL, NULL)) >= 0; visits++)
		close(one);
	cr_assert_eq(visits, 1, "%d", visits);
	answer_clear(&a);
	session_close(s);
	close(fd);
}
