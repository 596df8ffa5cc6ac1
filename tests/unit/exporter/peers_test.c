/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes from the network: requests to our server, answers of a BMC. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/http.h"
#include "exporter/redfish.h"
#include "exporter/request.h"

struct request_case {
	const char *text, *path;
	int status;
	bool keep, head;
};

Test(request, heads)
{
	static const struct request_case cases[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "/metrics", 0, true, false },
		{ "HEAD / HTTP/1.1\r\nhost:a\r\n\r\n", "/", 0, true, true },
		{ "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "/metrics", 0, false, false },
		{ "GET / HTTP/1.0\r\n\r\n", "/", 0, false, false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", 0, true, false },
		{ "GET http://a:9102/metrics HTTP/1.1\r\nHost: a\r\n\r\n", "/metrics", 0, true, false },
		{ "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "/", 0, true, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "/", 0, true, false },
		{ "POST / HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 405, false, false },
		{ "GET / HTTP/1.1\r\n\r\n", NULL, 400, false, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", NULL, 400, false, false },
		{ "GET / HTTP/1.1\nHost: a\n\n", NULL, 400, false, false },
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 400, false, false },
		{ "GET metrics HTTP/1.1\r\nHost: a\r\n\r\n", NULL, 400, false, false },
		{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", NULL, 505, false, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", NULL, 400, false, false },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", NULL, 400, false, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", NULL, 413, false, false },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", NULL, 501, false, false },
		{ "\r\n\r\n", NULL, 400, false, false },
		{ "\x16\x03\x01\x02\n", NULL, 400, false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct request_case *c = &cases[i];
		size_t len = strlen(c->text);
		struct request r;

		cr_expect_eq(request_parse(c->text, len, &r), 1, "%s", c->text);
		cr_expect_eq(r.status, c->status, "%s: %d", c->text, r.status);
		cr_expect_eq(r.keep_alive, c->keep, "%s", c->text);
		cr_expect_eq(r.head, c->head, "%s", c->text);
		if (!c->path)
			continue;
		cr_expect_str_eq(r.path, c->path);
		cr_expect_eq(r.len, len);
		/* any shorter piece is not a head yet */
		for (size_t n = 0; n < len; n++)
			cr_expect_eq(request_parse(c->text, n, &r), 0, "%zu bytes of %s", n, c->text);
	}
}

Test(request, heads_have_an_end)
{
	char big[REQUEST_HEAD_MAX + 100];
	struct request r;

	memset(big, 'a', sizeof big);
	memcpy(big, "GET /", 5);
	cr_assert_eq(request_parse(big, REQUEST_HEAD_MAX - 1, &r), 0);
	cr_assert_eq(request_parse(big, REQUEST_HEAD_MAX, &r), 1);
	cr_assert_eq(r.status, 431);

	char *p = big + snprintf(big, sizeof big, "GET / HTTP/1.1\r\nHost: a\r\n");

	for (int i = 0; i < 200; i++)
		p += snprintf(p, 10, "a: b\r\n");
	snprintf(p, 10, "\r\n");
	cr_assert_eq(request_parse(big, strlen(big), &r), 1);
	cr_assert_eq(r.status, 431);

	snprintf(big, sizeof big, "GET /%0600d HTTP/1.1\r\nHost: a\r\n\r\n", 7);
	cr_assert_eq(request_parse(big, strlen(big), &r), 1);
	cr_assert_eq(r.status, 414);
}

Test(http, addresses_are_numeric)
{
	static const char *const good[] = { ":9102", "127.0.0.1:1", "[::]:9102", "[::1]:65535", "0.0.0.0:0" };
	static const char *const bad[] = { "9102", ":", ":65536", ":-1", "localhost:1", "::1:9102", "[::1]", ":1x",
					   "1.2.3:4", "[1.2.3.4]:5", "" };

	for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
		bool is_good = i < COUNT(good);
		const char *text = is_good ? good[i] : bad[i - COUNT(good)];
		struct sockaddr_storage at;
		socklen_t len = 0;
		struct err e = { 0 };

		cr_expect_eq(http_address(text, &at, &len, &e), is_good ? 0 : -(int)ERR_USAGE, "%s", text);
	}
}

struct power_case {
	const char *json;
	bool ok;
	uint64_t uw;
};

Test(redfish, power_in_every_shape)
{
	static const struct power_case cases[] = {
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":344}]}", true, 344000000 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":3.07}]}", true, 3070000 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":2.5e2}]}", true, 250000000 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":\"120\"}]}", true, 120000000 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":\"120.5\"}]}", true, 120500000 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":0}]}", true, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":null},{\"PowerConsumedWatts\":7}]}", true, 7000000 },
		{ "{\"PowerControl\":[{},{\"PowerConsumedWatts\":7},{\"PowerConsumedWatts\":8}]}", true, 15000000 },
		/* a BMC that lists parts beside the whole */
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":200,\"PhysicalContext\":\"Chassis\"},"
		  "{\"PowerConsumedWatts\":90,\"PhysicalContext\":\"CPU\"},"
		  "{\"PowerConsumedWatts\":20,\"PhysicalContext\":\"Memory\"}]}", true, 200000000 },
		{ "{\"Voltages\":[{\"ReadingVolts\":3.07}],\"PowerControl\":[{\"PowerConsumedWatts\":1}]}", true,
		  1000000 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":null}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":-5}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":1e12}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":\"120 W\"}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":\"nan\"}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":\"0x10\"}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":\"\"}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":true}]}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":{\"a\":1}}]}", false, 0 },
		{ "{\"PowerControl\":[7,null]}", false, 0 },
		{ "{\"PowerControl\":[]}", false, 0 },
		{ "{\"PowerControl\":{}}", false, 0 },
		{ "{\"PowerControl\":[{\"PowerConsumedWatts\":344}]", false, 0 },
		{ "{}", false, 0 },
		{ "[]", false, 0 },
		{ "", false, 0 },
		{ "<html>", false, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		uint64_t uw = 0;
		int rc = redfish_power(cases[i].json, strlen(cases[i].json), &uw, &e);

		cr_expect_eq(rc, cases[i].ok ? 0 : -(int)ERR_FAILED, "%s: %s", cases[i].json, e.msg);
		cr_expect_eq(uw, cases[i].uw, "%s: %llu", cases[i].json, (unsigned long long)uw);
	}
}

Test(redfish, links_stay_on_the_host)
{
	static const char *const bad[] = {
		"{\"Chassis\":{\"@odata.id\":\"http://evil/x\"}}", "{\"Chassis\":{\"@odata.id\":\"//evil/x\"}}",
		"{\"Chassis\":{\"@odata.id\":\"/a b\"}}",	   "{\"Chassis\":{\"@odata.id\":\"/a\\r\\nX: y\"}}",
		"{\"Chassis\":{\"@odata.id\":\"/a\\u0000b\"}}",	   "{\"Chassis\":{\"@odata.id\":7}}",
		"{\"Chassis\":{}}",				   "{\"Chassis\":\"/a\"}",
		"{\"Chassis\":{\"@odata.id\":\"/\\\\evil\"}}",	   "{\"Chassis\":{\"@odata.id\":\"@evil\"}}",
		"{}",
	};
	char path[REDFISH_PATH_MAX] = "untouched";
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_eq(redfish_link(bad[i], strlen(bad[i]), "Chassis", path, &e), -(int)ERR_FAILED, "%s",
			     bad[i]);
		cr_expect_str_eq(path, "untouched");
	}
	static const char good[] = "{\"Power\":{\"@odata.id\":\"/redfish/v1/Chassis/1/Power#/PowerControl\"}}";

	cr_assert_eq(redfish_link(good, strlen(good), "Power", path, &e), 0);
	cr_assert_str_eq(path, "/redfish/v1/Chassis/1/Power");
	static const char two[] = "{\"Members\":[{\"@odata.id\":\"/a/b/\"},{\"@odata.id\":\"/a/c\"}]}";
	char id[8];

	cr_assert_eq(redfish_member(two, strlen(two), 0, path, &e), 0);
	redfish_id(path, id, sizeof id);
	cr_assert_str_eq(id, "b");
	cr_assert_eq(redfish_member(two, strlen(two), 1, path, &e), 0);
	cr_assert_str_eq(path, "/a/c");
	cr_assert_eq(redfish_member(two, strlen(two), 2, path, &e), 1);
	redfish_id("/System.Embedded.1", id, sizeof id);
	cr_assert_str_eq(id, "System.");
	redfish_id("", id, sizeof id);
	cr_assert_str_eq(id, "");
}
