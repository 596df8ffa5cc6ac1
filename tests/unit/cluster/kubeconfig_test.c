/* SPDX-License-Identifier: BSD-2-Clause */
/* The kubeconfig: ours goes in and out, nothing else changes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ydoc.h"
#include "provision/cluster/kubeconfig.h"

static const struct kubeconfig_entry ours = {
	.name = "powerstack", .server = "https://160.85.30.104:6443", .source = "5e1f", .ca = "Q0E=", .cert = "Q0VSVA==",
	.key = "S0VZ",
};

static void set(struct buf *b, const char *text)
{
	buf_init_secret(b, 1 << 20);
	buf_adds(b, text);
}

static const char *merged(const char *text, struct buf *ret)
{
	AUTO_BUF struct buf in;
	struct err e = { 0 };
	set(&in, text);
	buf_init_secret(ret, 1 << 20);
	cr_assert_eq(kubeconfig_merge("config", &in, &ours, ret, &e), 0, "%s in:\n%s", e.msg, text);
	return buf_str(ret);
}

static const char *removed(const char *text, struct buf *ret)
{
	AUTO_BUF struct buf in;
	struct err e = { 0 };
	set(&in, text);
	buf_init_secret(ret, 1 << 20);
	cr_assert_eq(kubeconfig_remove("config", &in, "powerstack", ret, &e), 0, "%s", e.msg);
	return buf_str(ret);
}

static enum kubeconfig_state state(const char *text, const struct kubeconfig_entry *n)
{
	AUTO_BUF struct buf in;
	struct err e = { 0 };
	enum kubeconfig_state s;
	set(&in, text);
	cr_assert_eq(kubeconfig_look("config", &in, n, &s, &e), 0, "%s", e.msg);
	return s;
}

/* printf '5e1f\0https://160.85.30.104:6443\0Q0E=\0Q0VSVA==\0S0VZ\0' | b2sum -l 256 */
#define DIGEST "d7b2fa36b98d41c3db78364dd2d413fb4076f906fe9f751635a5600f84a8cb2b"
#define MARK "    extensions:\n    - extension:\n        provider: powerstack\n      name: powerstack\n"
#define OURS_CLUSTER                                                                                                   \
	"- cluster:\n    certificate-authority-data: Q0E=\n" MARK "    server: https://160.85.30.104:6443\n  name: powerstack\n"
#define OURS_CONTEXT                                                                                                   \
	"- context:\n    cluster: powerstack\n    extensions:\n    - extension:\n        digest: " DIGEST "\n        provider: powerstack\n" \
	"      name: powerstack\n    user: powerstack\n  name: powerstack\n"
#define OURS_USER                                                                                                      \
	"- user:\n    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n" MARK "  name: powerstack\n"

Test(kubeconfig, from_nothing)
{
	AUTO_BUF struct buf out = { 0 };
	cr_assert_str_eq(merged("", &out),
			 "apiVersion: v1\nkind: Config\nclusters:\n" OURS_CLUSTER "contexts:\n" OURS_CONTEXT
			 "users:\n" OURS_USER "current-context: powerstack\n");
}

static const char theirs[] =
	"apiVersion: v1\n"
	"kind: Config\n"
	"preferences: {}\n"
	"clusters:\n"
	"- name: minikube\n"
	"  cluster: {server: 'https://10.0.0.1:8443', certificate-authority: /home/x/ca.crt, x-new-field: [1, \"1\", ~]}\n"
	"contexts:\n"
	"- context: {cluster: minikube, user: minikube, namespace: default}\n"
	"  name: minikube\n"
	"current-context: minikube\n"
	"users:\n"
	"- name: minikube\n"
	"  user:\n"
	"    exec:\n"
	"      command: get-token\n"
	"      args: [--a, 'b c', \"d\\te\"]\n"
	"x-extension-of-the-file: &anchor {a: 1}\n"
	"x-another: *anchor\n";

Test(kubeconfig, beside_others)
{
	AUTO_BUF struct buf out = { 0 };
	AUTO_BUF struct buf back = { 0 };
	AUTO_BUF struct buf again = { 0 };
	const char *text = merged(theirs, &out);
	static const char *const kept[] = { "preferences: {}", "'https://10.0.0.1:8443'", "x-new-field: [1, \"1\", ~]",
					    "current-context: minikube", "\"d\\te\"", "&anchor", "*anchor",
					    OURS_CLUSTER, OURS_CONTEXT, OURS_USER };
	for (size_t i = 0; i < COUNT(kept); i++)
		cr_assert_not_null(strstr(text, kept[i]), "'%s' is not in:\n%s", kept[i], text);
	cr_assert_eq(state(text, &ours), KUBECONFIG_PRESENT);
	cr_assert_str_eq(merged(text, &again), text);
	cr_assert_null(strstr(removed(text, &back), "powerstack"));
	cr_assert_not_null(strstr(buf_str(&back), "current-context: minikube"));
}

Test(kubeconfig, ours_is_replaced_where_it_stands)
{
	static const char old[] = "clusters:\n- cluster: {server: 'https://old:6443', certificate-authority-data: T0xE, extensions: [{name: powerstack}]}\n  name: powerstack\n"
				  "- cluster: {server: 'https://b'}\n  name: b\n"
				  "contexts:\n- context: {cluster: powerstack, user: powerstack, extensions: [{name: powerstack, extension: {}}]}\n"
				  "  name: powerstack\n"
				  "users:\n- {name: powerstack, user: {token: abc, extensions: [{name: powerstack}]}}\n- {name: powerstack, user: {token: twice}}\n";
	AUTO_BUF struct buf out = { 0 };
	cr_assert_eq(state(old, &ours), KUBECONFIG_DRIFTED);
	const char *text = merged(old, &out);
	cr_assert_null(strstr(text, "T0xE"));
	cr_assert_null(strstr(text, "abc"));
	cr_assert_null(strstr(text, "twice"));
	cr_assert(strstr(text, "name: powerstack\n") < strstr(text, "name: b\n"), "%s", text);
	cr_assert_eq(state(text, &ours), KUBECONFIG_PRESENT);
}

Test(kubeconfig, each_drift_is_seen)
{
	static const struct {
		const char *from, *to;
	} drifts[] = {
		{ "160.85.30.104", "160.85.30.105" }, { "Q0E=", "Q0I=" },	   { "Q0VSVA==", "Q0VSVQ==" },
		{ "S0VZ", "S0Va" },		      { "cluster: powerstack", "cluster: p0werstack" },
		{ "user: powerstack\n", "user: p0werstack\n" },
	};
	AUTO_BUF struct buf out = { 0 };
	const char *text = merged("", &out);
	for (size_t i = 0; i < COUNT(drifts); i++) {
		char *copy = strdup(text);
		char *at = strstr(copy, drifts[i].from);
		cr_assert_not_null(at);
		memcpy(at, drifts[i].to, strlen(drifts[i].to));
		cr_assert_eq(state(copy, &ours), KUBECONFIG_DRIFTED, "%s", drifts[i].to);
		free(copy);
	}
}

/* What the server has by now and what stands here are both told from the mark, without the keys. */
Test(kubeconfig, told_without_the_keys)
{
	struct kubeconfig_entry n = { .name = ours.name, .server = ours.server, .source = ours.source };
	AUTO_BUF struct buf out = { 0 };
	const char *text = merged("", &out);
	cr_assert_eq(state(text, &n), KUBECONFIG_PRESENT);
	n.source = "5e20";
	cr_assert_eq(state(text, &n), KUBECONFIG_DRIFTED);
	n.source = ours.source;
	n.server = "https://160.85.30.105:6443";
	cr_assert_eq(state(text, &n), KUBECONFIG_DRIFTED);
	n.server = ours.server;
	static const char *const changed[] = { "Q0E=", "Q0VSVA==", "S0VZ", DIGEST };
	for (size_t i = 0; i < COUNT(changed); i++) {
		char *copy = strdup(text);
		char *at = strstr(copy, changed[i]);
		cr_assert_not_null(at);
		*at = *at == 'a' ? 'b' : 'a';
		cr_assert_eq(state(copy, &n), KUBECONFIG_DRIFTED, "%s", copy);
		free(copy);
	}
}

Test(kubeconfig, whose_entry_it_is)
{
	static const char other[] = "clusters: [{name: powerstack, cluster: {server: 'https://x', certificate-authority-data: WA==}}]\n"
				    "contexts: [{name: powerstack, context: {cluster: powerstack, user: powerstack}}]\n";
	static const char same_ca[] = "clusters: [{name: powerstack, cluster: {server: 'https://x', certificate-authority-data: Q0E=}}]\n"
				      "contexts: [{name: powerstack, context: {cluster: powerstack, user: me}}]\n";
	/* "kubectl config delete-context" leaves cluster and user */
	static const char no_context[] = "clusters: [{name: powerstack, cluster: {extensions: [{name: powerstack}]}}]\n"
					 "users: [{name: powerstack, user: {extensions: [{name: powerstack}]}}]\n";
	static const char their_user[] = "contexts: [{name: powerstack, context: {extensions: [{name: powerstack}]}}]\n"
					 "users: [{name: powerstack, user: {token: theirs}}]\n";
	static const struct kubeconfig_entry name = { .name = "powerstack" };
	cr_assert_eq(state(no_context, &ours), KUBECONFIG_DRIFTED);
	cr_assert_eq(state(their_user, &ours), KUBECONFIG_FOREIGN);
	cr_assert_eq(state("", &ours), KUBECONFIG_ABSENT);
	cr_assert_eq(state(theirs, &ours), KUBECONFIG_ABSENT);
	cr_assert_eq(state(other, &ours), KUBECONFIG_FOREIGN);
	cr_assert_eq(state(same_ca, &ours), KUBECONFIG_FOREIGN);
	cr_assert_eq(state(same_ca, &name), KUBECONFIG_FOREIGN);
	AUTO_BUF struct buf out = { 0 };
	cr_assert_eq(state(merged("", &out), &name), KUBECONFIG_DRIFTED);
}

Test(kubeconfig, odd_but_right_files)
{
	static const char *const texts[] = {
		"clusters: null\ncontexts: ~\nusers:\n",
		"clusters: []\ncontexts: []\nusers: []\ncurrent-context: \"\"\n",
		"{\"clusters\":[],\"contexts\":[],\"users\":[],\"current-context\":\"\",\"kind\":\"Config\"}",
		"{}",
		"\xef\xbb\xbf" "kind: Config\n",
		"kind: Config\r\nclusters:\r\n- name: a\r\n  cluster: {server: b}\r\n",
		"kind: Config",
		"---\n# nothing\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO_BUF struct buf out = { 0 };
		AUTO_BUF struct buf back = { 0 };
		const char *text = merged(texts[i], &out);
		cr_assert_eq(state(text, &ours), KUBECONFIG_PRESENT, "%s", text);
		cr_assert_not_null(strstr(text, "powerstack"));
		cr_assert_eq(state(removed(text, &back), &ours), KUBECONFIG_ABSENT);
		cr_assert_null(strstr(buf_str(&back), "current-context: powerstack"), "%s", buf_str(&back));
	}
}

Test(kubeconfig, what_is_none_is_refused_with_its_place)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "clusters: [\n", "config:2:" },
		{ "- a\n", "config:1:1: this is no kubeconfig" },
		{ "clusters: 7\n", "config:1:11: this is no list" },
		{ "a: 1\n---\nb: 2\n", "config:" },
		{ "kind: a\nkind: b\n", "config:2:" },
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO_BUF struct buf in;
		AUTO_BUF struct buf out;
		struct err e = { 0 };
		set(&in, bad[i].text);
		buf_init_secret(&out, 1 << 20);
		cr_assert_lt(kubeconfig_merge("config", &in, &ours, &out, &e), 0);
		cr_assert_not_null(strstr(e.msg, bad[i].says), "%s", e.msg);
		cr_assert_eq(out.len, 0);
	}
}

Test(kubeconfig, an_entry_that_others_lean_on_is_not_taken_out_with_their_anchor)
{
	/* the user's own item refers to an anchor inside ours: taking ours out would take theirs apart */
	static const char text[] = "clusters:\n- {name: powerstack, cluster: &c {server: 'https://x'}}\n- {name: a, cluster: *c}\n";
	AUTO_BUF struct buf in;
	AUTO_BUF struct buf out;
	struct err e = { 0 };
	set(&in, text);
	buf_init_secret(&out, 1 << 20);
	cr_assert_lt(kubeconfig_remove("config", &in, "powerstack", &out, &e), 0);
	cr_assert_eq(out.len, 0);
}

static unsigned seed = 1;

static unsigned roll(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void add_scalar(struct buf *b)
{
	static const char *const values[] = { "a", "'it''s'", "\"x: y\"", "1", "\"1\"", "~", "\"\"", "true", "https://h:1/p?q#f",
					      "\"\\u00e9\\n\"", "é", "- x" };
	const char *v = values[roll(COUNT(values) - 1)];
	buf_adds(b, v);
}

static void add_value(struct buf *b, unsigned depth)
{
	unsigned n = roll(4);
	if (depth == 0 || n == 0) {
		add_scalar(b);
		return;
	}
	buf_addc(b, n == 1 ? '[' : '{');
	for (unsigned i = 0; i < roll(4); i++) {
		buf_addf(b, "%s", i ? ", " : "");
		if (n != 1)
			buf_addf(b, "k%u: ", i);
		add_value(b, depth - 1);
	}
	buf_addc(b, n == 1 ? ']' : '}');
}

/* Whatever the file holds: in and out again gives the same document, in twice is once. */
Test(kubeconfig, random_files)
{
	static const char *const keys[] = { "clusters", "contexts", "users" };
	for (unsigned round = 0; round < 500; round++) {
		AUTO_BUF struct buf text;
		AUTO_BUF struct buf in = { 0 };
		AUTO_BUF struct buf twice = { 0 };
		AUTO_BUF struct buf out = { 0 };
		buf_init(&text, 1 << 20);
		buf_adds(&text, "kind: Config\ncurrent-context: a1\n");
		for (size_t k = 0; k < COUNT(keys); k++) {
			buf_addf(&text, "%s:\n", keys[k]);
			unsigned n = 1 + roll(3);
			for (unsigned i = 0; i < n; i++) {
				buf_addf(&text, "- name: a%u\n  %.*s: ", i, (int)strlen(keys[k]) - 1, keys[k]);
				add_value(&text, 3);
				buf_adds(&text, "\n");
			}
		}
		buf_adds(&text, "x-more: ");
		add_value(&text, 4);
		buf_adds(&text, "\n");
		struct ydoc was = { 0 };
		struct err e = { 0 };
		/* a mapping may have got the same key twice */
		if (ydoc_parse("x", buf_str(&text), text.len, &was, &e) < 0)
			continue;
		ydoc_free(&was);
		merged(buf_str(&text), &in);
		cr_assert_str_eq(merged(buf_str(&in), &twice), buf_str(&in));
		removed(buf_str(&in), &out);
		/* emitted once without ours: the same text as emitted after ours was in it */
		AUTO_BUF struct buf plain = { 0 };
		cr_assert_str_eq(removed(buf_str(&text), &plain), buf_str(&out), "round %u:\n%s", round, buf_str(&text));
	}
}

static char folder[] = "/tmp/powerstack-kubeconfig.XXXXXX";

Test(kubeconfig, the_file)
{
	char path[200], lock[220], backup[240];
	struct err e = { 0 };
	struct stat first, second;
	bool changed = false;
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/kube/config", folder);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	snprintf(backup, sizeof(backup), "%s.powerstack-backup", path);
	cr_assert_eq(kubeconfig_take_out(path, "powerstack", &changed, &e), 0, "%s", e.msg);
	cr_assert(!changed && access(path, F_OK) < 0);
	cr_assert_eq(kubeconfig_put(path, &ours, &changed, &e), 0, "%s", e.msg);
	cr_assert(changed && stat(path, &first) == 0 && (first.st_mode & 0777) == 0600);
	cr_assert(access(lock, F_OK) < 0 && access(backup, F_OK) < 0);
	cr_assert_eq(kubeconfig_put(path, &ours, &changed, &e), 0, "%s", e.msg);
	cr_assert(!changed && stat(path, &second) == 0);
	cr_assert(first.st_ino == second.st_ino && first.st_mtim.tv_nsec == second.st_mtim.tv_nsec);

	cr_assert_eq(file_replace(path, 0644, theirs, sizeof(theirs) - 1, &e), 0);
	cr_assert_eq(kubeconfig_put(path, &ours, &changed, &e), 0, "%s", e.msg);
	cr_assert(changed && stat(path, &first) == 0 && (first.st_mode & 0777) == 0600);
	AUTO_BUF struct buf kept;
	buf_init(&kept, 1 << 20);
	cr_assert_eq(file_read(backup, &kept, NULL, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_str(&kept), theirs);
	cr_assert_eq(kubeconfig_take_out(path, "powerstack", &changed, &e), 0, "%s", e.msg);
	cr_assert(changed);
	cr_assert_eq(kubeconfig_take_out(path, "powerstack", &changed, &e), 0, "%s", e.msg);
	cr_assert(!changed);

	/* what a run that was killed left is no obstacle; what lives is waited for, and not removed */
	cr_assert_eq(file_replace(lock, 0600, "powerstack\n", 11, &e), 0);
	cr_assert_eq(kubeconfig_put(path, &ours, &changed, &e), 0, "%s", e.msg);
	cr_assert(changed && access(lock, F_OK) < 0);
	cr_assert_eq(file_replace(lock, 0600, "powerstack\n", 11, &e), 0);
	int held = open(lock, O_RDONLY);
	cr_assert(held >= 0 && flock(held, LOCK_EX) == 0);
	cr_assert_eq(kubeconfig_take_out(path, "powerstack", &changed, &e), -(int)ERR_TIMEOUT);
	cr_assert_eq(access(lock, F_OK), 0);
	close(held);
	cr_assert_eq(kubeconfig_take_out(path, "powerstack", &changed, &e), 0, "%s", e.msg);

	static const char foreign[] = "contexts: [{name: powerstack, context: {cluster: x, user: y}}]\n";
	cr_assert_eq(file_replace(path, 0600, foreign, sizeof(foreign) - 1, &e), 0);
	cr_assert_eq(kubeconfig_put(path, &ours, &changed, &e), -(int)ERR_REFUSED);
	cr_assert_not_null(strstr(e.msg, "cluster_context"), "%s", e.msg);
	cr_assert_eq(kubeconfig_take_out(path, "powerstack", &changed, &e), 0);
	cr_assert(!changed && access(lock, F_OK) < 0);
	unlink(backup);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(folder);
}

Test(kubeconfig, what_k3s_writes)
{
	static const char k3s[] =
		"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: Q0E=\n    server: https://127.0.0.1:6443\n"
		"  name: default\ncontexts:\n- context:\n    cluster: default\n    user: default\n  name: default\n"
		"current-context: default\nkind: Config\npreferences: {}\nusers:\n- name: default\n  user:\n"
		"    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n";
	struct kubeconfig_source s = { 0 };
	struct err e = { 0 };
	cr_assert_eq(kubeconfig_read_source(k3s, sizeof(k3s) - 1, &s, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_str(&s.ca), "Q0E=");
	cr_assert_str_eq(buf_str(&s.cert), "Q0VSVA==");
	cr_assert_str_eq(buf_str(&s.key), "S0VZ");
	kubeconfig_source_clear(&s);
	cr_assert_lt(kubeconfig_read_source("a: b\n", 5, &s, &e), 0);
	cr_assert_not_null(strstr(e.msg, "certificate-authority-data"), "%s", e.msg);
}
