/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/request.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"

static struct request get(const char *headers)
{
	struct request r;
	char text[4096];
	int len = snprintf(text, sizeof text, "GET /metrics HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);

	cr_assert_eq(request_parse(text, (size_t)len, &r), 1);
	cr_assert_eq(r.status, 0, "%s", headers);
	return r;
}

/* RFC 9110, 12.5.1: the most specific range that matches decides, whatever the order. */
Test(request, accept_is_weighed)
{
	static const struct {
		const char *headers;
		enum page_format format;
	} cases[] = {
		{ "", FORMAT_TEXT },
		{ "Accept: */*\r\n", FORMAT_TEXT },
		{ "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text\r\n", FORMAT_OPENMETRICS },
		{ "Accept: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n", FORMAT_OPENMETRICS },
		{ "accept: APPLICATION/OpenMetrics-Text;VERSION=\"1.0.0\"\r\n", FORMAT_OPENMETRICS },
		/* versions that are not served */
		{ "Accept: application/openmetrics-text;version=0.0.1\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;version=2.0.0,text/plain;q=0.1\r\n", FORMAT_TEXT },
		/* what Prometheus 2.42 and 3 send */
		{ "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
		  "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n", FORMAT_OPENMETRICS },
		{ "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		  "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;"
		  "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n", FORMAT_OPENMETRICS },
		{ "Accept: text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5\r\n", FORMAT_TEXT },
		{ "Accept: text/plain;q=0.5,application/openmetrics-text;q=0.501\r\n", FORMAT_OPENMETRICS },
		{ "Accept: text/plain;q=0.5, application/openmetrics-text;q=0.5\r\n", FORMAT_OPENMETRICS },
		{ "Accept: text/plain;q=0.5,application/openmetrics-text;q=0\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;q=0\r\n", FORMAT_TEXT },
		{ "Accept: */*, text/plain;q=0.1\r\n", FORMAT_OPENMETRICS },
		{ "Accept: text/*;q=0.1, */*\r\n", FORMAT_OPENMETRICS },
		{ "Accept: application/*\r\n", FORMAT_OPENMETRICS },
		/* two headers are one list */
		{ "Accept: text/plain;q=0.2\r\nAccept: application/openmetrics-text;q=0.3\r\n", FORMAT_OPENMETRICS },
		/* weights that are none make the element none */
		{ "Accept: application/openmetrics-text;q=1.001\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;q=2\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;q=\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;q=0.1234\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;q=.5\r\n", FORMAT_TEXT },
		{ "Accept: application/openmetrics-text;q=1.\r\n", FORMAT_OPENMETRICS },
		/* a comma in quotes ends nothing */
		{ "Accept: text/plain;x=\"a,application/openmetrics-text\"\r\n", FORMAT_TEXT },
		{ "Accept: text/plain;x=\"\\\",application/openmetrics-text\"\r\n", FORMAT_TEXT },
		{ "Accept: ,,;,text/plain,\r\n", FORMAT_TEXT },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(get(cases[i].headers).format, cases[i].format, "%s", cases[i].headers);
}

Test(request, gzip_only_for_who_wants_it)
{
	static const struct {
		const char *value;
		bool gzip;
	} cases[] = {
		{ "gzip", true }, { "gzip, deflate, br", true }, { "deflate, gzip;q=0.5", true }, { "x-gzip", true },
		{ "*", true }, { "GZIP;Q=1", true }, { "identity", false }, { "", false }, { "br", false },
		{ "gzip;q=0", false }, { "gzip;q=0.000", false }, { "*;q=0", false }, { "gzip;q=0, *", false },
		{ "identity;q=1, gzip;q=0.5", false }, { "identity;q=0.5, gzip;q=0.5", true },
		{ "gzip;q=x", false }, { "gzipped", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char header[200];

		snprintf(header, sizeof header, "Accept-Encoding: %s\r\n", cases[i].value);
		cr_expect_eq(get(header).gzip, cases[i].gzip, "%s", cases[i].value);
	}
	cr_expect_not(get("").gzip);
}

Test(request, authorization_is_handed_on)
{
	static const char twice[] = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic a\r\nAuthorization: Basic b\r\n\r\n";
	struct request r;
	char text[] = "GET / HTTP/1.1\r\nHost: a\r\naUTHORIZATION:  Basic dTpw \r\n\r\n";

	cr_assert_eq(request_parse(text, sizeof text - 1, &r), 1);
	cr_assert_eq(r.authorization_len, strlen("Basic dTpw"));
	cr_assert_eq(memcmp(r.authorization, "Basic dTpw", r.authorization_len), 0);
	cr_assert_null(get("").authorization);
	cr_assert_eq(request_parse(twice, sizeof twice - 1, &r), 1);
	cr_assert_eq(r.status, 400);
}
