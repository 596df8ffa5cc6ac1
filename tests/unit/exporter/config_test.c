/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/config.h"

#include "base/cleanup.h"
#include "exporter/log.h"
#include "exporter/options.h"
#include "tests/unit/exporter/tree.h"

static int parse(const char *text, bool exposed, struct options *o, struct config *c, struct err *e)
{
	struct opt_table table = { exporter_opts, nexporter_opts, o };

	return config_parse("x.yml", text, strlen(text), exposed, &table, c, e);
}

Test(config, a_whole_one)
{
	static const char text[] = "interval: 250ms\n"
				   "web:\n  listen-address: '127.0.0.1:9999'\n"
				   "log: { level: debug, format: json }\n"
				   "redfish:\n"
				   "  endpoint: https://192.0.2.7:8443\n"
				   "  username: monitor\n"
				   "  password: \"s3cret: #x\"\n"
				   "  ca-file: /etc/ca.pem\n"
				   "  interval: 1m\n"
				   "  timeout: 2s\n";
	struct options o = { 0 };
	struct config c;
	struct err e = { 0 };

	cr_assert_eq(parse(text, false, &o, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(o.interval_ns, 250000000ull);
	cr_assert_str_eq(o.listen_address, "127.0.0.1:9999");
	cr_assert_eq(o.log_level, LOG_LEVEL_DEBUG);
	cr_assert_eq(o.log_format, LOG_FORMAT_JSON);
	cr_assert_str_eq(c.redfish.endpoint, "https://192.0.2.7:8443");
	cr_assert_str_eq(secret_expose(c.redfish.password), "s3cret: #x");
	cr_assert_str_eq(c.redfish.ca_file, "/etc/ca.pem");
	cr_assert_not(c.redfish.insecure_skip_verify);
	cr_assert_eq(c.redfish.interval_ns, 60000000000ull);
	cr_assert_eq(c.redfish.timeout_ns, 2000000000ull);
	config_clear(&c);
}

Test(config, empty_is_the_defaults)
{
	static const char *const texts[] = { "", "# nothing\n", "---\n", "{}\n" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct options o = { 0 };
		struct config c;
		struct err e = { 0 };

		cr_assert_eq(parse(texts[i], true, &o, &c, &e), 0, "%s", e.msg);
		cr_assert_null(c.redfish.endpoint);
		cr_assert_eq(c.redfish.interval_ns, 10000000000ull);
		config_clear(&c);
	}
}

Test(config, what_is_wrong_is_told_with_its_place)
{
	static const struct {
		const char *text, *message;
		bool exposed;
	} cases[] = {
		{ "intervall: 1s\n", "x.yml:1:1: unknown key 'intervall'; did you mean 'interval'?", false },
		{ "log:\n  levl: info\n", "x.yml:2:3: unknown key 'log.levl'; did you mean 'log.level'?", false },
		{ "redfish:\n  endpoint: https://a\n  usernam: x\n",
		  "x.yml:3:3: unknown key 'redfish.usernam'; did you mean 'username'?", false },
		{ "interval: 10ms\n", "x.yml:1:11: --interval: '10ms' is not between 0.05s and 60s", false },
		{ "interval: [1]\n", "x.yml:1:11: 'interval' needs one value", false },
		{ "once: true\n", "x.yml:1:1: unknown key 'once'; did you mean 'once'?", false },
		{ "redfish: 7\n", "x.yml:1:10: 'redfish' is a mapping of keys", false },
		{ "redfish:\n  username: x\n",
		  "x.yml:2:3: 'redfish' needs an 'endpoint' such as https://192.0.2.10", false },
		{ "redfish:\n  endpoint: ftp://a\n",
		  "x.yml:2:3: redfish endpoint 'ftp://a' is no https:// address", false },
		{ "redfish:\n  endpoint: https://u:p@a\n",
		  "x.yml:2:3: redfish endpoint 'https://u:p@a' holds more than host, port and path; name the "
		  "user in 'username'", false },
		{ "redfish:\n  endpoint: http://a\n  username: u\n  password: p\n",
		  "x.yml:2:3: redfish endpoint 'http://a' would carry the password in clear text; use https://",
		  false },
		{ "redfish:\n  endpoint: https://a\n  password: p\n",
		  "x.yml:2:3: 'redfish' has a 'password' but no 'username'", false },
		{ "redfish:\n  endpoint: https://a\n  insecure-skip-verify: yes\n",
		  "x.yml:3:25: 'insecure-skip-verify' is true or false, not 'yes'", false },
		{ "redfish:\n  endpoint: https://a\n  interval: 0.5s\n",
		  "x.yml:3:13: 'interval' is between 1s and 600s, not '0.5s'", false },
		{ "redfish:\n  endpoint: https://a\n  username: u\n  password: p\n",
		  "x.yml:4:13: the file holds a 'password' but others may read it; run chmod 0600 'x.yml'", true },
		{ "- a\n", "x.yml:1:1: the configuration is a mapping of keys", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct options o = { 0 };
		struct config c;
		struct err e = { 0 };

		cr_expect_eq(parse(cases[i].text, cases[i].exposed, &o, &c, &e), -(int)ERR_CONFIG, "%s",
			     cases[i].text);
		cr_expect_str_eq(e.msg, cases[i].message);
	}
}

Test(config, a_password_is_not_repeated_in_a_message)
{
	struct options o = { 0 };
	struct config c;
	struct err e = { 0 };

	cr_assert_lt(parse("redfish:\n  endpoint: http://a\n  username: u\n  password: hunter2\n", false, &o, &c,
			   &e), 0);
	cr_assert_null(strstr(e.msg, "hunter2"));
}

Test(options, the_command_line_wins_over_the_file)
{
	struct tree t;
	char path[256];
	struct options o;
	struct config c;
	struct err e = { 0 };

	tree_make(&t);
	tree_write(&t, "e.yml", "interval: 2s\nlog:\n  level: error\n");
	snprintf(path, sizeof path, "%s/e.yml", t.root);
	char *argv[] = { (char[]){ "x" }, (char[]){ "--interval=3s" }, (char[]){ "--config.file" }, path, NULL };

	cr_assert_eq(options_read(4, argv, &o, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(o.interval_ns, 3000000000ull);
	cr_assert_eq(o.log_level, LOG_LEVEL_ERROR);
	cr_assert_str_eq(o.listen_address, ":9102");
	config_clear(&c);

	/* a secret in a file that others may read */
	tree_write(&t, "e.yml", "redfish: {endpoint: 'https://a', username: u, password: p}\n");
	chmod(path, 0640);
	cr_assert_eq(options_read(4, argv, &o, &c, &e), -(int)ERR_CONFIG);
	cr_assert_not_null(strstr(e.msg, "chmod 0600"));
	chmod(path, 0600);
	cr_assert_eq(options_read(4, argv, &o, &c, &e), 0, "%s", e.msg);
	config_clear(&c);

	char *missing[] = { (char[]){ "x" }, (char[]){ "--config.file=/nonexistent" }, NULL };

	cr_assert_eq(options_read(2, missing, &o, &c, &e), -(int)ERR_CONFIG);
	tree_remove(&t);
}

Test(options, what_is_no_option_is_refused)
{
	static const char *const bad[] = { "--no-such", "word", "--interval=49ms", "--interval=61s",
					   "--log.level=loud", "--web.telemetry-path=metrics" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		char word[64];
		char *argv[] = { (char[]){ "x" }, word, NULL };
		struct options o;
		struct config c;
		struct err e = { 0 };

		snprintf(word, sizeof word, "%s", bad[i]);
		cr_expect_eq(options_read(2, argv, &o, &c, &e), -(int)ERR_USAGE, "%s", bad[i]);
		cr_expect_not_null(strstr(e.msg, bad[i][0] == 'w' ? "'word'" : ""), "%s", e.msg);
	}
}

Test(log, both_formats_quote_what_they_must)
{
	static const char *const pairs[] = { "reason", "a \"b\"\n\x01", "path", "/x", "empty", "", NULL };
	AUTO_BUF struct buf b;

	buf_init(&b, 1000);
	log_compose(&b, LOG_FORMAT_LOGFMT, 1700000000, 7, LOG_LEVEL_WARN, "it failed", pairs);
	cr_assert_str_eq(buf_str(&b), "ts=2023-11-14T22:13:20.007Z level=warn msg=\"it failed\" "
				      "reason=\"a \\\"b\\\"\\n\\u0001\" path=/x empty=\"\"\n");
	buf_reset(&b);
	log_compose(&b, LOG_FORMAT_JSON, 1700000000, 7, LOG_LEVEL_WARN, "it failed", pairs);
	cr_assert_str_eq(buf_str(&b), "{\"ts\":\"2023-11-14T22:13:20.007Z\",\"level\":\"warn\",\"msg\":\"it failed\","
				      "\"reason\":\"a \\\"b\\\"\\n\\u0001\",\"path\":\"/x\",\"empty\":\"\"}\n");
}
