/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/web_config.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"

#define HASH "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"

static int parse(const char *text, struct web_config *ret, struct err *e)
{
	return web_config_parse("/etc/powerstack/web.yml", text, strlen(text), false, ret, e);
}

Test(web_config, everything_is_read)
{
	static const char text[] =
		"tls_server_config:\n"
		"  cert_file: node.pem\n"
		"  key_file: /keys/node.key\n"
		"  client_auth_type: RequireAndVerifyClientCert\n"
		"  client_ca_file: ca/ca.pem\n"
		"  client_allowed_sans: [prom.example.org, 192.0.2.1]\n"
		"  min_version: TLS13\n"
		"  max_version: TLS13\n"
		"  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305]\n"
		"  prefer_server_cipher_suites: false\n"
		"  curve_preferences: [X25519, CurveP256]\n"
		"http_server_config:\n"
		"  http2: true\n"
		"  headers:\n"
		"    X-Frame-Options: deny\n"
		"    X-XSS-Protection:\n"
		"    Content-Security-Policy: default-src 'none'\n"
		"basic_auth_users:\n"
		"  prom: " HASH "\n";
	struct web_config c;
	struct err e = { 0 };

	cr_assert_eq(parse(text, &c, &e), 0, "%s", e.msg);
	cr_expect(c.tls.on);
	cr_expect_str_eq(c.tls.cert_file, "/etc/powerstack/node.pem");
	cr_expect_str_eq(c.tls.key_file, "/keys/node.key");
	cr_expect_str_eq(c.tls.client_ca_file, "/etc/powerstack/ca/ca.pem");
	cr_expect_eq(c.tls.client_auth, CLIENT_VERIFY);
	cr_expect_eq(c.tls.sans.n, 2u);
	cr_expect_eq(c.tls.min_version, 0x0304);
	cr_expect_str_eq(buf_str(&c.tls.ciphers), "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305");
	cr_expect(c.tls.prefer_client);
	cr_expect_str_eq(c.tls.groups.v[0], "X25519");
	cr_expect_str_eq(c.tls.groups.v[1], "P-256");
	cr_expect(c.http2);
	cr_expect_eq(c.nheaders, 2u, "a blank one is not set");
	cr_expect_str_eq(c.headers[1].value, "default-src 'none'");
	cr_expect_eq(c.nusers, 1u);
	cr_expect_str_eq(c.users[0].name, "prom");
	cr_expect_str_eq(c.users[0].hash, HASH);
	web_config_clear(&c);
}

Test(web_config, nothing_is_nothing)
{
	static const char *const texts[] = { "", "{}", "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n",
					     "tls_server_config: {}\n" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct web_config c;
		struct err e = { 0 };

		cr_assert_eq(parse(texts[i], &c, &e), 0, "%s: %s", texts[i], e.msg);
		cr_expect(!c.tls.on && c.nusers == 0 && c.nheaders == 0, "%s", texts[i]);
		web_config_clear(&c);
	}
}

/* What is wrong is told with its place, and never with a secret. */
Test(web_config, mistakes_are_told_with_their_place)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "tls_server_confg: {}\n", "web.yml:1:1: unknown key 'tls_server_confg'; did you mean 'tls_server_config'?" },
		{ "tls_server_config:\n  cert_fil: a\n", "web.yml:2:3: unknown key 'tls_server_config.cert_fil'; did you mean" },
		{ "tls_server_config: {cert_file: a}\n", "web.yml:1:20: 'tls_server_config' needs one of 'key_file' and 'key'" },
		{ "tls_server_config: {key_file: a}\n", "needs one of 'cert_file' and 'cert'" },
		{ "tls_server_config: {cert_file: a, key_file: b, cert: c}\n", "needs one of 'cert_file' and 'cert'" },
		{ "tls_server_config: {cert_file: '', key_file: b}\n", "web.yml:1:32: 'cert_file' needs a value" },
		{ "tls_server_config: {cert_file: [a], key_file: b}\n", "'cert_file' needs a value" },
		{ "tls_server_config: {cert_file: a, key_file: b, min_version: TLS14}\n",
		  "web.yml:1:61: 'min_version' knows no 'TLS14'; did you mean" },
		{ "tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}\n",
		  "'min_version' is above 'max_version'" },
		{ "tls_server_config: {cert_file: a, key_file: b, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}\n",
		  "'cipher_suites' knows no 'TLS_RSA_WITH_RC4_128_SHA'" },
		{ "tls_server_config: {cert_file: a, key_file: b, cipher_suites: TLS_AES_128_GCM_SHA256}\n",
		  "'cipher_suites' is a list" },
		{ "tls_server_config: {cert_file: a, key_file: b, curve_preferences: [CurveP25]}\n",
		  "'curve_preferences' knows no 'CurveP25'; did you mean 'CurveP256'?" },
		{ "tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}\n", "needs a 'client_auth_type'" },
		{ "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}\n",
		  "needs a 'client_ca_file'" },
		{ "tls_server_config: {cert_file: a, key_file: b, client_auth_type: Require}\n",
		  "'client_auth_type' knows no 'Require'" },
		{ "tls_server_config: {cert_file: a, key_file: b, client_allowed_sans: [x]}\n", "'client_allowed_sans' needs" },
		{ "http_server_config: {http2: maybe}\n", "'http2' is true or false, not 'maybe'" },
		{ "http_server_config: {headers: {X-Powered-By: me}}\n", "header 'X-Powered-By' cannot be set" },
		{ "http_server_config: {headers: {X-Frame-Options: never}}\n", "'X-Frame-Options' cannot be 'never'" },
		{ "http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nSet-Cookie: b\"}}\n", "more than a line" },
		{ "http_server_config: {headers: {X-XSS-Protection: a, x-xss-protection: b}}\n", "stands here twice" },
		{ "basic_auth_users: {prom: geheim}\n", "web.yml:1:26: the password of 'prom' is no bcrypt hash" },
		{ "basic_auth_users: {prom: $2x$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n", "no bcrypt hash" },
		{ "basic_auth_users: {prom: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7z}\n", "no bcrypt hash" },
		{ "basic_auth_users: {prom: $2y$15$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n", "has cost 15" },
		{ "basic_auth_users: {prom: $2y$03$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}\n", "has cost 3" },
		{ "basic_auth_users: {'a:b': " HASH "}\n", "holds no colon" },
		{ "basic_auth_users: [a]\n", "is a mapping of users" },
		{ "- a\n", "web.yml:1:1: the file is a mapping of keys" },
		{ "basic_auth_users: {a: " HASH ", a: " HASH "}\n", "web.yml:1:" },
		{ "tls_server_config: {", "web.yml:2:1: " },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct web_config c;
		struct err e = { 0 };

		cr_expect_eq(parse(cases[i].text, &c, &e), -(int)ERR_CONFIG, "%s", cases[i].text);
		cr_expect_not_null(strstr(e.msg, cases[i].message), "%s\nsays %s\nnot  %s", cases[i].text, e.msg,
				   cases[i].message);
		cr_expect_null(strstr(e.msg, "geheim"));
		cr_expect_null(strstr(e.msg, "X0h1gDs"));
	}
}

Test(web_config, a_key_that_others_may_read_is_refused)
{
	static const char text[] = "tls_server_config: {cert: a, key: b}\n";
	struct web_config c;
	struct err e = { 0 };

	cr_assert_eq(web_config_parse("w.yml", text, strlen(text), true, &c, &e), -(int)ERR_CONFIG);
	cr_expect_str_eq(e.msg, "w.yml:1:35: the file holds a 'key' but others may read it; run chmod 0600 'w.yml'");
	cr_assert_eq(web_config_parse("w.yml", text, strlen(text), false, &c, &e), 0);
	web_config_clear(&c);
}
