/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <json-c/json.h>

#include "base/cleanup.h"
#include "cli/show.h"

static char text_absent[] = "no such file", text_bad[] = "it \"broke\" \033[31m <here> & \xff",
	    text_far[] = "connection refused", text_diff[] = "--- a\n+++ b\n";
static struct report_row rows[] = {
	{ "ho1", "nfs-server", "nfs", "exports", PRESENT, PRESENT, OUT_OK, 3, text_absent, NULL },
	{ "ho1", "nfs-server", "nfs", "unit", ABSENT, PRESENT, OUT_CHANGED, 1234, text_absent, text_diff },
	{ "ho2", "nfs-client", "nfs", "mount", DRIFTED, DRIFTED, OUT_FAILED, 5, text_bad, NULL },
	{ "ho2", "exporter", "exporter", "unit", ABSENT, ABSENT, OUT_SKIPPED, 0, text_absent, NULL },
	{ "ho3", NULL, NULL, NULL, ABSENT, ABSENT, OUT_UNREACHABLE, 20000, text_far, NULL },
};
static const struct report report = {
	.rows = rows, .n = COUNT(rows), .changed = 1, .ok = 1, .failed = 1, .unreachable = 1,
	.skipped = 1, .ms = 21005,
};

static const struct check check_a = { .id = "B2.1", .part = "disk", .what = "fstab has one entry" };
static const struct check check_b = { .id = "B2.5", .part = "nfs", .what = "NFS is <mounted> & \"ok\"" };
static struct verify_row verdicts[] = {
	{ &check_a, "ho1", CHECK_PASS, "1 entry", 12 },
	{ &check_b, "ho2", CHECK_FAIL, "]]> \x01 <not> mounted\nat all", 5000 },
	{ &check_b, "ho3", CHECK_SKIP, "ho3 is left out", 0 },
};
static const struct verify_report verdict_report = {
	.rows = verdicts, .n = COUNT(verdicts), .passed = 1, .failed = 1, .skipped = 1, .ms = 5012,
};

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;
	cr_assert(json_object_object_get_ex(o, key, &v), "no key '%s'", key);
	return v;
}

static const char *text_at(struct json_object *o, const char *key)
{
	return json_object_get_string(at(o, key));
}

Test(show, report_json)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(show_report_json(&b, &report, WALK_DEPLOY, NULL), 0);
	struct json_object *o = json_tokener_parse(buf_str(&b));
	cr_assert(o, "%s", buf_str(&b));
	cr_expect_eq(json_object_get_int(at(o, "changed")), 1);
	cr_expect_eq(json_object_get_int(at(o, "ok")), 1);
	cr_expect_eq(json_object_get_int(at(o, "failed")), 1);
	cr_expect_eq(json_object_get_int(at(o, "unreachable")), 1);
	cr_expect_str_eq(text_at(o, "seconds"), "21.005");
	struct json_object *steps = at(o, "steps"), *s = NULL;
	cr_assert_eq(json_object_array_length(steps), COUNT(rows));
	s = json_object_array_get_idx(steps, 1);
	cr_expect_str_eq(text_at(s, "host"), "ho1");
	cr_expect_str_eq(text_at(s, "part"), "nfs");
	cr_expect_str_eq(text_at(s, "step"), "nfs-server/unit");
	cr_expect_str_eq(text_at(s, "was"), "absent");
	cr_expect_str_eq(text_at(s, "now"), "present");
	cr_expect(json_object_get_boolean(at(s, "changed")));
	cr_expect_eq(json_object_get_int(at(s, "ms")), 1234);
	cr_expect_str_eq(text_at(s, "diff"), "--- a\n+++ b\n");
	s = json_object_array_get_idx(steps, 2);
	cr_expect_not(json_object_get_boolean(at(s, "changed")));
	cr_expect_str_eq(text_at(s, "outcome"), "failed");
	cr_expect_str_eq(text_at(s, "message"), "it \"broke\" ?[31m <here> & \xef\xbf\xbd");
	s = json_object_array_get_idx(steps, 4);
	cr_expect_null(at(s, "step"));
	cr_expect_null(at(s, "part"));
	cr_expect_str_eq(text_at(s, "outcome"), "unreachable");
	cr_expect_not(json_object_object_get_ex(o, "error", NULL));
	json_object_put(o);
}

Test(show, json_of_a_check_changes_nothing)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(show_report_json(&b, &report, WALK_CHECK, NULL), 0);
	cr_expect_null(strstr(buf_str(&b), "\"changed\":true"));
	cr_expect(strstr(buf_str(&b), "\"outcome\":\"changed\""));
}

Test(show, json_says_why_it_stopped)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	struct report r = report;
	r.stopped = true;
	snprintf(r.why, sizeof(r.why), "%s", "ho1 refuses");
	cr_assert_eq(show_report_json(&b, &r, WALK_DEPLOY, NULL), 0);
	cr_expect(strstr(buf_str(&b), "\"error\":\"ho1 refuses\""), "%s", buf_str(&b));
}

Test(show, verify_json)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(show_verify_json(&b, &verdict_report, NULL), 0);
	struct json_object *o = json_tokener_parse(buf_str(&b));
	cr_assert(o, "%s", buf_str(&b));
	cr_expect_eq(json_object_get_int(at(o, "passed")), 1);
	cr_expect_eq(json_object_get_int(at(o, "failed")), 1);
	cr_expect_eq(json_object_get_int(at(o, "skipped")), 1);
	struct json_object *c = json_object_array_get_idx(at(o, "checks"), 1);
	cr_expect_str_eq(text_at(c, "id"), "B2.5");
	cr_expect_str_eq(text_at(c, "where"), "ho2");
	cr_expect_str_eq(text_at(c, "status"), "failed");
	cr_expect_str_eq(text_at(c, "evidence"), "]]> ? <not> mounted\nat all");
	cr_expect_eq(json_object_get_int(at(c, "ms")), 5000);
	json_object_put(o);
}

Test(show, junit)
{
	static const char want[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"powerstack verify\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"5.012\">\n"
		"\t<testsuite name=\"disk\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"0.012\">\n"
		"\t\t<testcase classname=\"powerstack.disk\" name=\"B2.1 fstab has one entry [ho1]\" time=\"0.012\">\n"
		"\t\t\t<system-out>1 entry</system-out>\n"
		"\t\t</testcase>\n"
		"\t</testsuite>\n"
		"\t<testsuite name=\"nfs\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"5.000\">\n"
		"\t\t<testcase classname=\"powerstack.nfs\" name=\"B2.5 NFS is &lt;mounted&gt; &amp; &quot;ok&quot; [ho2]\" time=\"5.000\">\n"
		"\t\t\t<failure message=\"]]&gt; ? &lt;not&gt; mounted at all\"/>\n"
		"\t\t</testcase>\n"
		"\t\t<testcase classname=\"powerstack.nfs\" name=\"B2.5 NFS is &lt;mounted&gt; &amp; &quot;ok&quot; [ho3]\" time=\"0.000\">\n"
		"\t\t\t<skipped message=\"ho3 is left out\"/>\n"
		"\t\t</testcase>\n"
		"\t</testsuite>\n"
		"</testsuites>\n";
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(show_verify_junit(&b, &verdict_report, NULL), 0);
	cr_expect_str_eq(buf_str(&b), want);
}

Test(show, summary)
{
	static const char want[] =
		"\nhost  changed     ok  failed  skipped\n"
		"ho1         1      1       0        0\n"
		"ho2         0      0       1        1\n"
		"ho3         0      0       0        0  unreachable\n"
		"\nwhat went wrong:\n"
		"  ho2 nfs-client/mount: failed\n"
		"      it \"broke\" ?[31m <here> & \xef\xbf\xbd\n"
		"  ho3: unreachable\n"
		"      connection refused\n"
		"what to do next:\n"
		"  failed: look at the last lines of its command in the log; when it is mended,\n"
		"  run the same command again\n"
		"\n1 changed, 1 ok, 1 failed, 1 unreachable, 1 skipped in 21.0s\n"
		"log: logs/x.log\n";
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	struct show_context c = { .log = "logs/x.log" };
	cr_assert_eq(show_report(&b, &report, WALK_DEPLOY, &c), 0);
	cr_expect_str_eq(buf_str(&b), want, "%s", buf_str(&b));
}

Test(show, quiet_summary_of_a_good_run_is_empty)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	struct report good = { .rows = rows, .n = 2, .changed = 1, .ok = 1 };
	struct show_context c = { .quiet = true };
	cr_assert_eq(show_report(&b, &good, WALK_DEPLOY, &c), 0);
	cr_expect_str_eq(buf_str(&b), "");
}

Test(show, verify_table)
{
	static const char want[] =
		"B2.1  ho1   passed   fstab has one entry\n"
		"B2.5  ho2   failed   NFS is <mounted> & \"ok\"\n"
		"                     ]]> ? <not> mounted\n"
		"                     at all\n"
		"B2.5  ho3   skipped  NFS is <mounted> & \"ok\"\n"
		"                     ho3 is left out\n"
		"\n1 passed, 1 failed, 1 skipped in 5.0s\n";
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(show_verify(&b, &verdict_report, &(struct show_context){ 0 }), 0);
	cr_expect_str_eq(buf_str(&b), want, "%s", buf_str(&b));
}

Test(show, problems)
{
	struct problem v[] = { { false, 3, 5, "unknown key 'x\033[0m'" }, { true, 0, 0, "no host" } };
	struct problems p = { .path = "inv.yml", .v = v, .n = 2, .nerrors = 1 };
	AUTO_BUF struct buf b;
	buf_init(&b, 100000);
	cr_assert_eq(show_problems_json(&b, &p), 0);
	cr_expect_str_eq(buf_str(&b),
			 "{\"file\":\"inv.yml\",\"errors\":1,\"warnings\":1,\"problems\":["
			 "{\"line\":3,\"column\":5,\"kind\":\"error\",\"text\":\"unknown key 'x?[0m'\"},"
			 "{\"line\":0,\"column\":0,\"kind\":\"warning\",\"text\":\"no host\"}]}\n");
	char out[300] = "";
	FILE *f = fmemopen(out, sizeof(out), "w");
	show_problems(f, &p, false);
	fclose(f);
	cr_expect_str_eq(out, "inv.yml:3:5: error: unknown key 'x?[0m'\ninv.yml: warning: no host\n");
}
