/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kubelet says of its pods, and what its log files are called. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/names/json.h"
#include "exporter/names/logs.h"
#include "exporter/names/pods.h"

#define A "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17"
#define B "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4"
#define C "0000000000000000000000000000000000000000000000000000000000000003"
#define D "0000000000000000000000000000000000000000000000000000000000000004"
#define F "0000000000000000000000000000000000000000000000000000000000000005"
#define G "0000000000000000000000000000000000000000000000000000000000000006"
#define UID_1 "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"
#define UID_2 "11d2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"
#define HASH "5f6e7d8c9b0a1f2e3d4c5b6a79880716"

/* One pod with all kinds of containers, one static pod, one that has nothing yet; keys in an order
 * that the kubelet does not use as well. */
static const char list[] =
	"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"no\",\"uid\":\"no\"},\"items\":["
	"{\"metadata\":{\"name\":\"web-0\",\"namespace\":\"shop\",\"uid\":\"" UID_1 "\",\"labels\":{\"name\":\"no\"},"
	"\"ownerReferences\":[{\"name\":\"no\",\"uid\":\"no\"}],"
	"\"managedFields\":[{\"fieldsV1\":{\"f:status\":{\"f:containerStatuses\":{}}}}]},"
	"\"spec\":{\"containers\":[{\"name\":\"no\",\"containerID\":\"containerd://" G "\"}]},"
	"\"status\":{\"phase\":\"Running\",\"initContainerStatuses\":[{\"name\":\"init\",\"containerID\":"
	"\"containerd://" A "\",\"state\":{\"terminated\":{\"exitCode\":0,\"containerID\":\"containerd://" A "\"}}}],"
	"\"containerStatuses\":[{\"containerID\":\"cri-o://" B "\",\"lastState\":{\"terminated\":{"
	"\"containerID\":\"cri-o://" C "\",\"reason\":\"Error\"}},\"restartCount\":3,\"state\":{\"running\":{}},"
	"\"name\":\"app\"}],\"ephemeralContainerStatuses\":[{\"name\":\"debug\",\"containerID\":\"docker://" D
	"\"}]}},"
	"{\"status\":{\"containerStatuses\":[{\"name\":\"etcd\",\"containerID\":\"containerd://" F "\"}]},"
	"\"metadata\":{\"uid\":\"" UID_2 "\",\"annotations\":{\"kubernetes.io/config.hash\":\"" HASH "\","
	"\"kubernetes.io/config.mirror\":\"" HASH "\",\"kubernetes.io/config.source\":\"file\"},"
	"\"namespace\":\"kube-system\",\"name\":\"etcd-n1\"}},"
	"{\"metadata\":{\"name\":\"pending\",\"namespace\":\"shop\",\"uid\":\"x\"},\"spec\":null,"
	"\"status\":{\"containerStatuses\":[{\"name\":\"c\",\"containerID\":\"\",\"state\":{\"waiting\":{}}},"
	"{\"name\":\"d\"}]}}]}\n";

static struct pods *parsed(const char *text)
{
	struct pods *p = NULL;
	struct err e = { 0 };

	cr_assert_eq(pods_parse(text, strlen(text), &p, &e), 0, "%s", e.msg);
	return p;
}

static void expect(const struct pods *p, const char *id, const char *pod, const char *ns, const char *container)
{
	struct pod_name n;

	cr_assert(pods_find(p, id, &n), "%s", id);
	cr_expect_str_eq(n.pod, pod);
	cr_expect_str_eq(n.ns, ns);
	cr_expect_str_eq(n.container, container);
}

static void expect_list(const struct pods *p)
{
	struct pod_name n;

	expect(p, A, "web-0", "shop", "init");
	expect(p, B, "web-0", "shop", "app");
	expect(p, C, "web-0", "shop", "app");
	expect(p, D, "web-0", "shop", "debug");
	expect(p, F, "etcd-n1", "kube-system", "etcd");
	cr_expect_not(pods_find(p, G, &n), "a spec is no status");
	cr_expect(pods_find_pod(p, UID_1, &n));
	cr_expect_str_eq(n.pod, "web-0");
	cr_expect_null(n.container);
	cr_expect(pods_find_pod(p, UID_2, &n));
	cr_expect(pods_find_pod(p, HASH, &n));
	cr_expect_str_eq(n.pod, "etcd-n1");
	cr_expect_not(pods_find_pod(p, "no", &n));
	cr_expect_not(pods_find_pod(p, "", &n));
	cr_expect_eq(pods_count(p), 3);
}

Test(pods, every_kind_of_container)
{
	struct pods *p = parsed(list);

	expect_list(p);
	pods_free(p);
}

Test(pods, in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 80; piece++) {
		struct pods_reader *r = NULL;
		struct pods *p = NULL;
		struct err e = { 0 };

		cr_assert_eq(pods_reader_new(&r, &e), 0);
		for (size_t at = 0; at < sizeof list - 1; at += piece) {
			size_t n = sizeof list - 1 - at < piece ? sizeof list - 1 - at : piece;

			cr_assert_eq(pods_reader_feed(r, list + at, n, &e), 0, "%s", e.msg);
		}
		cr_assert_eq(pods_reader_end(r, &p, &e), 0, "%s", e.msg);
		pods_reader_free(r);
		expect_list(p);
		pods_free(p);
	}
}

Test(pods, any_shorter_piece_is_no_list)
{
	for (size_t n = 0; n < sizeof list - 2; n++) {
		struct pods *p = NULL;
		struct err e = { 0 };

		cr_assert_lt(pods_parse(list, n, &p, &e), 0, "%zu bytes", n);
		cr_assert_null(p);
	}
}

Test(pods, what_is_no_list)
{
	static const char *const bad[] = {
		"[]", "{}", "null", "12", "\"items\"", "{\"items\":{}}", "{\"items\":null}", "{\"items\":[]}}",
		"<html></html>", "{\"items\":[}", "{\"items\":[],}", "{\"x\":{\"items\":[]}}", "{\"items\":[] \"a\":1}",
	};
	static const char *const empty[] = { "{\"items\":[]}", " {\"a\":1,\"items\":[1,\"x\",[[]],{}]}",
					     "{\"items\":[{\"metadata\":[],\"status\":{\"containerStatuses\":{}}}]}",
					     "{\"items\":[{\"status\":{\"containerStatuses\":[{\"name\":\"a\","
					     "\"containerID\":\"containerd://" A "\"}]}}]}" };
	struct pods *p = NULL;
	struct pod_name n;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = { 0 };

		cr_expect_eq(pods_parse(bad[i], strlen(bad[i]), &p, &e), -(int)ERR_FAILED, "%s", bad[i]);
	}
	for (size_t i = 0; i < COUNT(empty); i++) {
		p = parsed(empty[i]);
		cr_expect_eq(pods_count(p), 0, "%s", empty[i]);
		cr_expect_not(pods_find(p, A, &n), "nobody's container: %s", empty[i]);
		pods_free(p);
	}
	cr_expect_not(pods_find(NULL, A, &n));
}

Test(pods, names_that_are_none)
{
	/* A NUL inside, a name that is too long, an id that is too short. */
	AUTO_BUF struct buf b;

	buf_init(&b, 8192);
	buf_adds(&b, "{\"items\":[{\"metadata\":{\"name\":\"a\\u0000b\",\"namespace\":\"n\"},\"status\":{"
		 "\"containerStatuses\":[{\"name\":\"c\",\"containerID\":\"x://" A "\"}]}},{\"metadata\":{\"name\":\"");
	for (int i = 0; i < JSON_TEXT_MAX + 1; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "\",\"namespace\":\"n\"},\"status\":{\"containerStatuses\":[{\"name\":\"c\",\"containerID\":"
		 "\"x://" B "\"}]}},{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\"},\"status\":{"
		 "\"containerStatuses\":[{\"name\":\"c\",\"containerID\":\"x://0123\"},{\"name\":\"\\u00e9\","
		 "\"containerID\":\"" D "\"}]}}]}");
	struct pods *p = parsed(buf_str(&b));
	struct pod_name n;

	cr_expect_not(pods_find(p, A, &n));
	cr_expect_not(pods_find(p, B, &n));
	cr_expect_not(pods_find(p, "0123", &n));
	expect(p, D, "p", "n", "\xc3\xa9");
	pods_free(p);
}

Test(pods, bounded)
{
	AUTO_BUF struct buf b;
	struct pods *p = NULL;
	struct err e = { 0 };

	buf_init(&b, 64u << 20);
	buf_adds(&b, "{\"items\":[");
	for (int i = 0; i <= PODS_MAX; i++)
		buf_addf(&b, "%s{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"n\"}}", i ? "," : "", i);
	buf_adds(&b, "]}");
	cr_assert_eq(pods_parse(b.data, b.len, &p, &e), -(int)ERR_FAILED);
	cr_assert(strstr(e.msg, "more than"), "%s", e.msg);

	buf_reset(&b);
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "{\"items\":[");
	cr_assert_eq(pods_parse(b.data, b.len, &p, &e), -(int)ERR_FAILED);
	cr_assert(strstr(e.msg, "too deep"), "%s", e.msg);
}

/* ---- JSON itself */

struct told {
	char text[512];
	size_t n;
};

static int note(void *arg, enum json_event event, const char *text, size_t len)
{
	static const char *const words[] = { "{", "[", "E", "K", "S", "o" };
	struct told *t = arg;

	(void)len;
	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s%s%s ", words[event],
				 text ? ":" : "", text ? text : "");
	return 0;
}

static int scan(const char *text, size_t len, struct told *t)
{
	struct json j;
	struct err e = { 0 };

	*t = (struct told){ .n = 0 };
	json_begin(&j, note, t);
	return json_feed(&j, text, len, &e) < 0 ? -1 : json_end(&j, &e) < 0 ? -1 : 0;
}

Test(json, events)
{
	static const struct {
		const char *text, *told;
	} good[] = {
		{ "{}", "{ E " },
		{ " [ ] ", "[ E " },
		{ "{\"a\" : [1,-2.5e+3,true,null,\"x\"], \"b\":{}}", "{ K:a [ o o o o S:x E K:b { E E " },
		{ "\"\\u0041\\n\\\"\\\\\\/\\u20ac\\ud83d\\ude00\"", "S:A\n\"\\/\xe2\x82\xac\xf0\x9f\x98\x80 " },
		{ "\"\xe2\x82\xac\"", "S:\xe2\x82\xac " },
		{ "0", "" },
		{ "[0,0.5,1e9,-0]", "[ o o o o E " },
	};
	static const char *const bad[] = {
		"", " ", "{", "[", "[1", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}", "[1 2]",
		"[}", "{]", "]", "tru", "[truE]", "nul", "[01]", "[1.]", "[.5]", "[-]", "[1e]", "[1e+]", "[+1]", "\"a",
		"\"\n\"", "\"\\x\"", "\"\\u12\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\"\\ud83d\\n\"", "{}{}",
		"1 1", "[\"\x80\"]", "[\"\xc0\x80\"]", "[\"\xed\xa0\x80\"]", "[\"\xf5\x80\x80\x80\"]", "[\"\xe2\x82\"]",
		"\"\\ud83d\\ud83d\\ude00\"", "NaN", "'a'", "/* */1", "\xef\xbb\xbf{}",
	};
	struct told t;

	for (size_t i = 0; i < COUNT(good); i++) {
		cr_expect_eq(scan(good[i].text, strlen(good[i].text), &t), 0, "%s", good[i].text);
		cr_expect_str_eq(t.text, good[i].told, "%s: %s", good[i].text, t.text);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_eq(scan(bad[i], strlen(bad[i]), &t), -1, "%s", bad[i]);
	cr_expect_eq(scan("\"a\0b\"", 5, &t), -1, "a NUL byte");
}

/* ---- log files */

Test(logs, names_of_containers)
{
	struct log_name n;
	static const char good[] = "web-0.x_shop_my-app-" A ".log";
	static const char *const bad[] = {
		"", ".log", "web_shop_app.log", "web_shop_app-" A, "web_shop_-" A ".log", "_shop_app-" A ".log",
		"web__app-" A ".log", "web_shop_app_" A ".log", "web-shop-app-" A ".log", "w/b_shop_app-" A ".log",
		"web_shop_a_b-" A ".log", "web_shop_app-" A ".log.1", "web_shop_appx" A ".log",
		"web_shop_app-X86b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17.log",
	};

	cr_assert(log_container_name(good, sizeof good - 1, &n));
	cr_expect_str_eq(n.pod, "web-0.x");
	cr_expect_str_eq(n.ns, "shop");
	cr_expect_str_eq(n.container, "my-app");
	cr_expect_str_eq(n.id, A);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(log_container_name(bad[i], strlen(bad[i]), &n), "%s", bad[i]);
}

Test(logs, names_of_pods)
{
	struct log_name n;
	static const char good[] = "shop_web-0_" UID_1;
	static const char *const bad[] = { "", "shop", "shop_web", "shop_web_", "_web_u", "shop__u", "a_b_c_d",
					   "shop_web_0123456789012345678901234567890123456789x" };

	cr_assert(log_pod_name(good, sizeof good - 1, &n));
	cr_expect_str_eq(n.pod, "web-0");
	cr_expect_str_eq(n.ns, "shop");
	cr_expect_str_eq(n.uid, UID_1);
	cr_expect_str_eq(n.container, "");
	cr_expect_str_eq(n.id, "");
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(log_pod_name(bad[i], strlen(bad[i]), &n), "%s", bad[i]);
}
