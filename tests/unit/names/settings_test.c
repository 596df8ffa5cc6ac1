/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the kubelet is and how it is trusted: the configuration's section, and Kepler's environment. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/config.h"
#include "tests/unit/exporter/tree.h"

static int parse(const char *text, bool exposed, struct config *c, struct err *e)
{
	return config_parse("x.yml", text, strlen(text), exposed, NULL, c, e);
}

Test(kubelet_settings, a_whole_one)
{
	static const char text[] = "kubelet:\n"
				   "  endpoint: https://127.0.0.1:10250\n"
				   "  token: geheim\n"
				   "  ca-file: /var/lib/rancher/k3s/agent/server-ca.crt\n"
				   "  interval: 45s\n"
				   "  timeout: 3s\n";
	struct config c;
	struct err e = { 0 };

	cr_assert_eq(parse(text, false, &c, &e), 0, "%s", e.msg);
	cr_assert_str_eq(c.kubelet.endpoint, "https://127.0.0.1:10250");
	cr_assert_str_eq(secret_expose(c.kubelet.token), "geheim");
	cr_assert_str_eq(c.kubelet.ca_file, "/var/lib/rancher/k3s/agent/server-ca.crt");
	cr_assert_not(c.kubelet.insecure_skip_verify);
	cr_assert_eq(c.kubelet.interval_ns, 45000000000ull);
	cr_assert_eq(c.kubelet.timeout_ns, 3000000000ull);
	config_clear(&c);
	cr_assert_eq(parse("", false, &c, &e), 0);
	cr_assert_null(c.kubelet.endpoint);
	cr_assert_not(c.kubelet.insecure_skip_verify, "never by default");
	config_clear(&c);
}

Test(kubelet_settings, what_is_refused)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "kubelet: {}", "x.yml:1:10: 'kubelet' needs an 'endpoint' such as https://127.0.0.1:10250" },
		{ "kubelet: 7", "x.yml:1:10: 'kubelet' is a mapping of keys" },
		{ "kubelet: {endpont: x}", "unknown key 'kubelet.endpont'; did you mean 'endpoint'?" },
		{ "kublet: 7", "unknown key 'kublet'; did you mean 'kubelet'?" },
		{ "kubelet: {endpoint: '127.0.0.1:10250'}", "is no https:// address" },
		{ "kubelet: {endpoint: 'https://a:b@c'}", "holds more than host, port and path" },
		{ "kubelet: {endpoint: 'http://a', token: geheim}", "would carry the token in clear text" },
		{ "kubelet: {endpoint: 'http://a', token-file: /t}", "would carry the token in clear text" },
		{ "kubelet: {endpoint: 'https://a', token: geheim, token-file: /t}", "contradict each other" },
		{ "kubelet: {endpoint: 'https://a', client-key: /k}", "belong together" },
		{ "kubelet: {endpoint: 'https://a', client-certificate: /c}", "belong together" },
		{ "kubelet: {endpoint: 'https://a', client-certificate: /c, client-key: /k, token-file: /t}",
		  "one of them is enough" },
		{ "kubelet: {endpoint: 'https://a', ca-file: /c, insecure-skip-verify: true}", "contradict" },
		{ "kubelet: {endpoint: 'https://a', insecure-skip-verify: yes}", "true or false" },
		{ "kubelet: {endpoint: 'https://a', interval: 1s}", "between 5s and 600s" },
		{ "kubelet: {endpoint: 'https://a', timeout: 2m}", "between 1s and 60s" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct config c;
		struct err e = { 0 };

		cr_expect_eq(parse(bad[i].text, false, &c, &e), -(int)ERR_CONFIG, "%s", bad[i].text);
		cr_expect(strstr(e.msg, bad[i].why), "%s: %s", bad[i].text, e.msg);
		cr_expect_null(strstr(e.msg, "geheim"), "%s", e.msg);
	}
}

Test(kubelet_settings, an_inline_token_wants_a_file_that_nobody_else_reads)
{
	struct config c;
	struct err e = { 0 };

	cr_assert_eq(parse("kubelet: {endpoint: 'https://a', token: geheim}", true, &c, &e), -(int)ERR_CONFIG);
	cr_assert(strstr(e.msg, "chmod 0600"), "%s", e.msg);
	cr_assert_null(strstr(e.msg, "geheim"));
	cr_assert_eq(parse("kubelet: {endpoint: 'https://a', token-file: /t}", true, &c, &e), 0, "%s", e.msg);
	config_clear(&c);
}

Test(kubelet_settings, keplers_environment)
{
	static const struct {
		const char *ip, *port, *endpoint;
	} rows[] = {
		{ NULL, NULL, NULL },
		{ "", "", NULL },
		{ "192.0.2.7", NULL, "https://192.0.2.7:10250" },
		{ NULL, "10251", "https://localhost:10251" },
		{ "2001:db8::7", "10250", "https://[2001:db8::7]:10250" },
		{ "[2001:db8::7]", "", "https://[2001:db8::7]:10250" },
	};
	static const char *const bad[][2] = { { "a b", NULL }, { "u@h", NULL }, { "h/x", NULL }, { "h", "1x" } };
	struct err e = { 0 };
	struct config c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		config_init(&c);
		cr_assert_eq(config_environment(&c, rows[i].ip, rows[i].port, "/nowhere", &e), 0, "%s", e.msg);
		if (!rows[i].endpoint)
			cr_expect_null(c.kubelet.endpoint);
		else
			cr_expect_str_eq(c.kubelet.endpoint, rows[i].endpoint);
		cr_expect_null(c.kubelet.token_file);
		cr_expect_not(c.kubelet.insecure_skip_verify);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		config_init(&c);
		cr_expect_eq(config_environment(&c, bad[i][0], bad[i][1], "/nowhere", &e), -(int)ERR_CONFIG);
	}
	/* The file wins. */
	cr_assert_eq(parse("kubelet: {endpoint: 'https://a'}", true, &c, &e), 0);
	cr_assert_eq(config_environment(&c, "192.0.2.7", NULL, "/nowhere", &e), 0);
	cr_assert_str_eq(c.kubelet.endpoint, "https://a");
	config_clear(&c);
}

Test(kubelet_settings, in_a_pod_its_account_is_used)
{
	struct tree t;
	struct err e = { 0 };
	struct config c;
	char want[200];

	tree_make(&t);
	config_init(&c);
	cr_assert_eq(config_environment(&c, "192.0.2.7", NULL, t.root, &e), 0);
	snprintf(want, sizeof want, "%s/token", t.root);
	cr_assert_str_eq(c.kubelet.token_file, want);
	snprintf(want, sizeof want, "%s/ca.crt", t.root);
	cr_assert_str_eq(c.kubelet.ca_file, want);
	config_clear(&c);
	tree_remove(&t);
}
