/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of a K3s that runs: another release, token, argument or address, nodes that go and come back. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/artifact/artifact.h"
#include "provision/provision.h"
#include "provision/recipes/recipes.h"
#include "tests/fake/scripts.h"

/* What the inventory and the vault say; NULL: as at first. */
struct wish {
	const char *version, *token, *ho3_args, *ho1_ip, *servers;
};

/* One inventory with what it needs; the machines outlive it. */
struct scene {
	char dir[40];
	struct inventory *inv;
	struct artifacts *artifacts;
	struct artifact_options options;
	struct vault *vault;
};

static struct scene s;		/* of the last walk */
static char kubeconfig[60];	/* the operator's, which outlives a scene */
static struct fake_net *net;
static struct report report;
static bool forced;
static const char *const *limit;
static struct strv said;	/* "host script" of every command of the last walk */
static unsigned kill_at;
static bool kill_after;

static const struct recipe *const table[] = { &recipe_prereq, &recipe_k3s_control, &recipe_k3s_server,
					      &recipe_k3s_agent, NULL };

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[200];
	struct err e = { 0 };
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert_eq(file_replace(path, 0600, text, strlen(text), &e), 0, "%s", e.msg);
}

static void scene_open(const struct wish *w)
{
	struct err e = { 0 };
	struct problems ps = { 0 };
	struct secret *plain = NULL;
	char text[2400], entries[300];
	const char *version = w->version ? w->version : "v1.30.2+k3s1";
	snprintf(s.dir, sizeof(s.dir), "/dev/shm/powerstack-change.XXXXXX");
	cr_assert(mkdtemp(s.dir));
	/* a release is known by its bytes. In memory: what is put there is synced each time. */
	write_file(s.dir, "k3s", version);
	write_file(s.dir, "k3s-airgap-images-amd64.tar.zst", version);
	int n = snprintf(text, sizeof(text),
			 "k3s_cluster:\n"
			 "  children:\n"
			 "    server:\n"
			 "      hosts:\n"
			 "        160.85.30.104: { node_name: ho1, internal_ip: %s, external_ip: 160.85.30.104,\n"
			 "          disk_for_persistent_storage: /dev/sdd, disk_serial: S1 }\n"
			 "%s"
			 "    agent:\n"
			 "      hosts:\n"
			 "        160.85.30.107: { node_name: ho4, internal_ip: 192.168.0.107 }\n"
			 "        160.85.30.108: { node_name: ho5, internal_ip: 192.168.0.108, extra_agent_args: '%s' }\n"
			 "  vars:\n"
			 "    ansible_user: ubuntu\n"
			 "    nfs_network: 192.168.0.0/24\n"
			 "    k3s_version: %s\n"
			 "    token: \"{{ ansible_vault.token }}\"\n"
			 "    airgap_dir: %s\n"
			 "    kubeconfig: %s\n",
			 w->ho1_ip ? w->ho1_ip : "192.168.0.104", w->servers ? w->servers : "",
			 w->ho3_args ? w->ho3_args : "", version, s.dir, kubeconfig);
	cr_assert(n > 0 && (size_t)n < sizeof(text));
	char path[100];
	snprintf(path, sizeof(path), "%s/inventory.yml", s.dir);
	int rc = inventory_parse(path, text, (size_t)n, &s.inv, &ps, &e);
	for (size_t i = 0; rc < 0 && i < ps.n; i++)
		fprintf(stderr, "%u:%u %s\n", ps.v[i].line, ps.v[i].column, ps.v[i].text);
	problems_free(&ps);
	cr_assert_eq(rc, 0, "%s", e.msg);
	snprintf(entries, sizeof(entries), "token: \"%s\"\n", w->token ? w->token : "first-token-7Jw4");
	cr_assert_eq(secret_new(entries, strlen(entries), &plain, &e), 0);
	cr_assert_eq(vault_new("vault.yml", plain, &s.vault, &e), 0, "%s", e.msg);
	secret_free(plain);
	static const char *const k3s_alone[] = { "k3s", NULL };
	s.options = (struct artifact_options){ .offline = true, .cache_dir = s.dir, .parts = k3s_alone };
	cr_assert_eq(artifacts_open(s.inv, &s.options, &s.artifacts, &e), 0, "%s", e.msg);
	cr_assert_eq(artifacts_lock(s.artifacts, &e), 0, "%s", e.msg);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void scene_close(void)
{
	if (!s.inv)
		return;
	artifacts_free(s.artifacts);
	vault_free(s.vault);
	inventory_free(s.inv);
	nftw(s.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	s.inv = NULL;
}

static void hear(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a, const struct err *e)
{
	(void)ctx;
	(void)a;
	(void)e;
	strv_pushf(&said, "%s %s", host, cmd->script->name);
}

#define list(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int walk(enum walk way, const struct wish *w)
{
	struct err e = { 0 };
	report_clear(&report);	/* its names are the last inventory's */
	scene_close();
	scene_open(w);
	if (!net) {
		net = fake_net_new(s.inv, node_scripts, node_questions);
		for (size_t i = 0; i < s.inv->nhosts; i++)
			node_make_bare(net->hosts[i], &s.inv->hosts[i]);
	}
	fake_net_rearm(net);
	strv_clear(&said);
	net->ran = hear;
	net->kill_at = kill_at;
	net->kill_after = kill_after;
	const struct run_options o = { .open = fake_open,	.open_ctx = net,     .recipes = table,
				       .artifacts = s.artifacts, .parts = list("k3s"), .limit = limit, .force_version = forced,
				       .jobs = kill_at ? 1 : 0 };
	cr_assert_eq(provision_run(way, s.inv, s.vault, &o, &report, &e), 0, "%s", e.msg);
	return report_exit(&report, way);
}

static void begin(void)
{
	snprintf(kubeconfig, sizeof(kubeconfig), "/dev/shm/powerstack-change-%d.kubeconfig", (int)getpid());
}

static void end(void)
{
	char backup[80];
	unlink(kubeconfig);
	snprintf(backup, sizeof(backup), "%s.powerstack-backup", kubeconfig);
	unlink(backup);
	report_clear(&report);
	strv_clear(&said);
	fake_net_free(net);
	scene_close();
}

TestSuite(k3s_change, .init = begin, .fini = end, .timeout = 900);

#define W(...) (&(const struct wish){ __VA_ARGS__ })

static void deploy(const struct wish *w)
{
	int status = walk(WALK_DEPLOY, w);
	for (size_t i = 0; i < report.n; i++)
		if (report.rows[i].outcome > OUT_CHANGED)
			fprintf(stderr, "%s %s/%s: %s\n", report.rows[i].host, report.rows[i].recipe,
				report.rows[i].step, report.rows[i].message);
	cr_assert_eq(status, 0);
}

static void settled(const struct wish *w)
{
	deploy(w);
	cr_assert_eq(report.changed, 0, "a second deploy changes %zu rows", (size_t)report.changed);
}

static struct fake_host *ho(const char *name)
{
	return fake_net_host(net, name);
}

static const struct report_row *row(const char *host, const char *step)
{
	for (size_t i = 0; i < report.n; i++)
		if (report.rows[i].step && strcmp(report.rows[i].host, host) == 0 &&
		    strcmp(report.rows[i].step, step) == 0)
			return &report.rows[i];
	cr_assert_fail("no row '%s' on '%s'", step, host);
	return NULL;
}

static void expect(const char *host, const char *step, enum outcome o, const char *word)
{
	const struct report_row *r = row(host, step);
	cr_assert_eq(r->outcome, o, "%s %s is %s: %s", host, step, outcome_name(r->outcome), r->message);
	cr_assert(strstr(r->message, word), "'%s' lacks '%s'", r->message, word);
}

/* The rows that were changed on the host, with blanks between. */
static const char *changed(const char *host, char *room, size_t size)
{
	size_t n = 0;
	room[0] = '\0';
	for (size_t i = 0; i < report.n; i++)
		if (strcmp(report.rows[i].host, host) == 0 && report.rows[i].outcome == OUT_CHANGED && n < size)
			n += (size_t)snprintf(room + n, size - n, "%s%s", n ? " " : "", report.rows[i].step);
	return room;
}

static void expect_changed(const char *host, const char *steps)
{
	char room[600];
	cr_assert_str_eq(changed(host, room, sizeof(room)), steps, "%s: '%s' instead of '%s'", host, room, steps);
}

/* Where the command stands among those of the walk: its first, or its last time. */
static size_t first(const char *what)
{
	for (size_t i = 0; i < said.n; i++)
		if (strcmp(said.v[i], what) == 0)
			return i;
	cr_assert_fail("'%s' was not run", what);
	return 0;
}

static const char *content(const char *host, const char *path)
{
	const struct fake_file *f = fake_file_get(ho(host), path);
	cr_assert(f, "no '%s' on %s", path, host);
	return f->data;
}

#define BINARY "/usr/local/bin/k3s"
#define TOKEN "/etc/rancher/k3s/token"

/* ---- releases */

Test(k3s_change, an_upgrade_goes_server_first_with_its_state_saved)
{
	static const char backup[] = "/var/lib/rancher/k3s/server/backup/before-v1.31.0+k3s1";
	deploy(W(0));
	settled(W(0));
	deploy(W(.version = "v1.31.0+k3s1"));
	expect_changed("ho1", "release images backup binary service node");
	expect_changed("ho4", "release images binary agent-service node");
	expect("ho1", "release", OUT_CHANGED, "K3s v1.31.0+k3s1 is to come, v1.30.2+k3s1 is here");
	expect("ho1", "backup", OUT_CHANGED, backup);
	cr_assert_str_eq(content("ho1", backup), "data\n");
	for (size_t i = 0; i < 2; i++) {
		const char *agent = i ? "ho5 k3s-release" : "ho4 k3s-release";
		cr_assert_lt(first("ho1 k3s-wait"), first(agent), "an agent waits for the server");
	}
	cr_assert_str_eq(content("ho5", BINARY), "v1.31.0+k3s1");
	settled(W(.version = "v1.31.0+k3s1"));
}

Test(k3s_change, what_kubernetes_does_not_support_is_refused_before_anything_changes)
{
	static const struct {
		const char *version, *word;
	} rows[] = {
		{ "v1.30.1+k3s1", "'ho1' runs K3s v1.30.2+k3s1, which is newer than v1.30.1+k3s1: set k3s_version" },
		{ "v1.29.9+k3s1", "--force-version" },
		{ "v1.32.0+k3s1", "skips a minor release, which Kubernetes does not support: set k3s_version to a release of v1.31 first" },
	};
	deploy(W(0));
	for (size_t i = 0; i < COUNT(rows); i++) {
		cr_assert_eq(walk(WALK_DEPLOY, W(.version = rows[i].version)), 1);
		cr_assert(report.stopped);
		cr_assert_eq(fake_net_changes(net), 0);
		expect("ho1", "release", OUT_REFUSED, rows[i].word);
		expect("ho4", "release", OUT_REFUSED, "'ho4' runs K3s v1.30.2+k3s1");
	}
	/* the node is off: the binary tells */
	fake_set(ho("ho4"), "answer", "node:/var/lib/rancher/k3s:ho4", "ready=Unknown\nwhy=it is off");
	limit = list("ho4");
	cr_assert_eq(walk(WALK_DEPLOY, W(.version = "v1.30.1+k3s1")), 1);
	expect("ho4", "release", OUT_REFUSED, "'ho4' has K3s v1.30.2+k3s1");
	/* and when it is none of ours, nothing does */
	fake_file_put(ho("ho4"), BINARY, 'f', "mine", 4, 0755, "root:root");
	cr_assert_eq(walk(WALK_DEPLOY, W(.version = "v1.30.3+k3s1")), 1);
	expect("ho4", "release", OUT_REFUSED, "start K3s on 'ho4', or use --force-version");
	fake_unset(ho("ho4"), "answer", "node:/var/lib/rancher/k3s:ho4");
	limit = NULL;
	forced = true;
	deploy(W(.version = "v1.29.9+k3s1"));
	expect("ho1", "backup", OUT_CHANGED, "v1.29.9+k3s1 is about to replace v1.30.2+k3s1");
	cr_assert_str_eq(content("ho4", BINARY), "v1.29.9+k3s1");
	forced = false;
	settled(W(.version = "v1.29.9+k3s1"));
}

Test(k3s_change, a_server_that_does_not_come_up_keeps_the_agents_as_they_are)
{
	deploy(W(0));
	fake_set(ho("ho1"), "k3s", "broken", "yes");
	cr_assert_eq(walk(WALK_DEPLOY, W(.version = "v1.30.4+k3s1")), 1);
	expect("ho1", "service", OUT_FAILED, "/usr/local/bin/k3s.previous");
	expect("ho1", "service", OUT_FAILED, "'/var/lib/rancher/k3s/server/backup/before-v1.30.4+k3s1'");
	expect("ho4", "binary", OUT_SKIPPED, "waits for 'k3s-control' on 'ho1', which failed");
	cr_assert_eq(ho("ho4")->changes + ho("ho5")->changes, 0);
	cr_assert_str_eq(content("ho4", BINARY), "v1.30.2+k3s1");
	/* the copy is of before the new release ever ran, and stays when it is tried again */
	fake_file_put(ho("ho1"), "/var/lib/rancher/k3s/server/db/state.db", 'f', "half", 4, 0600, "root:root");
	cr_assert_eq(walk(WALK_DEPLOY, W(.version = "v1.30.4+k3s1")), 1);
	cr_assert_str_eq(content("ho1", "/var/lib/rancher/k3s/server/backup/before-v1.30.4+k3s1"), "data\n");
	fake_unset(ho("ho1"), "k3s", "broken");
	deploy(W(.version = "v1.30.4+k3s1"));
	settled(W(.version = "v1.30.4+k3s1"));
}

Test(k3s_change, an_upgrade_that_is_cut_anywhere_converges_with_a_copy_of_its_own_run)
{
	bool was_cut = true;
	for (kill_at = 1; was_cut; kill_at++) {
		fake_net_free(net);
		net = NULL;
		unsigned at = kill_at;
		kill_at = 0;
		deploy(W(0));
		kill_at = at;
		kill_after = true;
		(void)walk(WALK_DEPLOY, W(.version = "v1.30.4+k3s1"));
		was_cut = net->killed;
		bool replaced = strcmp(content("ho1", BINARY), "v1.30.4+k3s1") == 0;
		fake_file_put(ho("ho1"), "/var/lib/rancher/k3s/server/db/state.db", 'f', "later", 5, 0600, "root:root");
		kill_at = 0;
		deploy(W(.version = "v1.30.4+k3s1"));
		cr_assert_str_eq(content("ho1", "/var/lib/rancher/k3s/server/backup/before-v1.30.4+k3s1"),
				 replaced ? "data\n" : "later", "cut at %u", at);
		settled(W(.version = "v1.30.4+k3s1"));
		kill_at = at;
	}
	kill_at = 0;
}

Test(k3s_change, no_node_gets_newer_than_the_servers)
{
	deploy(W(0));
	limit = list("ho4");
	cr_assert_eq(walk(WALK_DEPLOY, W(.version = "v1.30.4+k3s1")), 1);
	expect("ho4", "release", OUT_FAILED, "on 'ho1'");
	expect("ho4", "release", OUT_FAILED, "no node may be newer");
	cr_assert_eq(ho("ho4")->changes, 0);
	limit = list("ho1");
	deploy(W(.version = "v1.30.4+k3s1"));
	limit = list("ho4");
	deploy(W(.version = "v1.30.4+k3s1"));
	limit = NULL;
	deploy(W(.version = "v1.30.4+k3s1"));
	expect_changed("ho5", "release images binary agent-service node");
	settled(W(.version = "v1.30.4+k3s1"));
}

#define THREE                                                                          \
	"        160.85.30.105: { node_name: ho2, internal_ip: 192.168.0.105 }\n"       \
	"        160.85.30.106: { node_name: ho3, internal_ip: 192.168.0.106 }\n"

Test(k3s_change, servers_are_upgraded_one_at_a_time)
{
	deploy(W(.servers = THREE));
	deploy(W(.servers = THREE, .version = "v1.30.4+k3s1"));
	cr_assert_lt(first("ho1 k3s-wait"), first("ho2 k3s-release"));
	cr_assert_lt(first("ho2 k3s-wait"), first("ho3 k3s-release"));
	cr_assert_lt(first("ho3 k3s-wait"), first("ho4 k3s-release"));
	settled(W(.servers = THREE, .version = "v1.30.4+k3s1"));
	fake_set(ho("ho2"), "k3s", "broken", "yes");
	cr_assert_eq(walk(WALK_DEPLOY, W(.servers = THREE, .version = "v1.30.5+k3s1")), 1);
	expect("ho3", "binary", OUT_SKIPPED, "waits for 'k3s-server' on 'ho2', which failed");
	expect("ho4", "binary", OUT_SKIPPED, "which");
	cr_assert_eq(ho("ho3")->changes + ho("ho4")->changes + ho("ho5")->changes, 0);
}

/* ---- the token */

Test(k3s_change, another_token_is_given_to_the_cluster_before_the_nodes)
{
	deploy(W(0));
	char *password = strdup(fake_get(ho("ho4"), "k3s", "password"));
	deploy(W(.token = "second-token-9Xk2"));
	expect_changed("ho1", "token service");
	expect_changed("ho4", "token agent-service");
	cr_assert_str_eq(fake_get(ho("ho1"), "k3s", "token"), "second-token-9Xk2");
	cr_assert_str_eq(content("ho4", TOKEN), "second-token-9Xk2\n");
	cr_assert_str_eq(fake_get(ho("ho4"), "k3s", "password"), password, "a node's password is not made of it");
	cr_assert_not(fake_net_argv_has(net, "second-token-9Xk2"));
	free(password);
	settled(W(.token = "second-token-9Xk2"));
	/* a full token names the same secret */
	deploy(W(.token = "K100123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef::server:third-token"));
	cr_assert_str_eq(fake_get(ho("ho1"), "k3s", "token"), "third-token");
}

Test(k3s_change, a_change_of_token_that_is_cut_anywhere_converges)
{
	bool was_cut = true;
	for (unsigned at = 1; was_cut; at++) {
		fake_net_free(net);
		net = NULL;
		deploy(W(0));
		kill_at = at;
		kill_after = true;	/* as before the next one */
		(void)walk(WALK_DEPLOY, W(.token = "second-token-9Xk2"));
		was_cut = net->killed;
		kill_at = 0;
		deploy(W(.token = "second-token-9Xk2"));
		cr_assert_str_eq(fake_get(ho("ho1"), "k3s", "token"), "second-token-9Xk2", "cut at %u", at);
	}
	settled(W(.token = "second-token-9Xk2"));
}

Test(k3s_change, a_node_alone_does_not_get_a_token_that_the_cluster_has_not)
{
	deploy(W(0));
	limit = list("ho4");
	cr_assert_eq(walk(WALK_DEPLOY, W(.token = "second-token-9Xk2")), 1);
	expect("ho4", "token", OUT_FAILED, "the servers do not take the vault's token");
	cr_assert_str_eq(content("ho4", TOKEN), "first-token-7Jw4\n");
	limit = NULL;
	settled(W(0));
}

Test(k3s_change, a_token_that_k3s_would_not_take_is_refused)
{
	static const struct {
		const char *token, *word;
	} rows[] = {
		{ "two words", "holds a blank, a line break" },
		{ "two\\nlines", "holds a blank, a line break" },
		{ "K10secret", "is no full token" },
		{ "K100123::server:x", "is no full token" },
		{ "K100123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef::server:", "is no full token" },
		{ "K100123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef::node:x", "is no full token" },
		{ "abcdef.0123456789abcdef", "form of a bootstrap token" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		cr_assert_eq(walk(WALK_DEPLOY, W(.token = rows[i].token)), 1);
		cr_assert(report.stopped);
		cr_assert_eq(fake_net_changes(net), 0);
		expect("ho1", "token-fits", OUT_REFUSED, rows[i].word);
		cr_assert_null(strstr(row("ho1", "token-fits")->message, rows[i].token));
	}
	deploy(W(.token = "any.0123456789abcdef:of\\\"these'$signs\\\\"));
}

/* ---- arguments and addresses */

Test(k3s_change, what_changes_restarts_what_it_touches)
{
	deploy(W(0));
	unsigned starts = fake_unit_get(ho("ho4"), "k3s-agent.service")->starts;
	deploy(W(.ho3_args = "--kubelet-arg=max-pods=50"));
	expect_changed("ho1", "");
	expect_changed("ho4", "");
	expect_changed("ho5", "agent-unit agent-service");
	cr_assert_eq(fake_unit_get(ho("ho4"), "k3s-agent.service")->starts, starts);
	settled(W(.ho3_args = "--kubelet-arg=max-pods=50"));
	/* the first server's address is in everybody's configuration */
	fake_set(ho("ho1"), "addr", "192.168.0.99", "eth1");
	deploy(W(.ho1_ip = "192.168.0.99"));
	expect_changed("ho1", "config service node");
	expect_changed("ho4", "config agent-service");
	expect_changed("ho5", "config agent-unit agent-service");
	settled(W(.ho1_ip = "192.168.0.99"));
}

/* ---- nodes that go, and come back */

Test(k3s_change, a_worker_that_is_taken_away_leaves_the_cluster)
{
	deploy(W(0));
	cr_assert_not_null(fake_get(ho("ho1"), "member", "ho4"));
	limit = list("ho4");
	cr_assert_eq(walk(WALK_DESTROY, W(0)), 0);
	cr_assert_null(fake_get(ho("ho1"), "member", "ho4"));
	cr_assert_null(fake_get(ho("ho1"), "password", "ho4"));
	cr_assert_not_null(fake_get(ho("ho1"), "member", "ho5"));
	cr_assert_eq(ho("ho5")->opens, 0);
	limit = NULL;
	deploy(W(0));
	cr_assert_not_null(fake_get(ho("ho1"), "member", "ho4"));
	settled(W(0));
}

Test(k3s_change, a_worker_that_lost_its_password_is_admitted_again)
{
	deploy(W(0));
	fake_set(ho("ho4"), "k3s", "password", "of its new disk");
	fake_set(ho("ho4"), "k3s", "refused", "yes");
	/* as long as the cluster has not seen that it went, another machine may have its name */
	cr_assert_eq(walk(WALK_DEPLOY, W(0)), 1);
	expect("ho4", "node", OUT_FAILED, "node 'ho4' is Ready in the cluster");
	fake_set(ho("ho1"), "member", "ho4", "Unknown");
	deploy(W(0));
	expect_changed("ho4", "node");
	expect_changed("ho5", "");
	cr_assert_str_eq(fake_get(ho("ho1"), "password", "ho4"), "of its new disk");
	settled(W(0));
}

static void install_anew(struct fake_host *h, const char *ip)
{
	while (h->nfiles)
		fake_file_remove(h, h->files[0].path);
	while (h->nunits)
		fake_unit_remove(h, h->units[0].name);
	while (h->npairs)
		fake_unset(h, h->pairs[0].space, h->pairs[0].key);
	const struct host bare = { .internal_ip = ip };
	node_make_bare(h, &bare);
}

Test(k3s_change, a_machine_that_was_installed_anew_comes_back)
{
	deploy(W(0));
	install_anew(ho("ho4"), "192.168.0.107");
	cr_assert_eq(walk(WALK_DEPLOY, W(0)), 1);
	expect("ho4", "release", OUT_FAILED, "node 'ho4' is Ready in the cluster");
	fake_set(ho("ho1"), "member", "ho4", "Unknown");
	deploy(W(0));
	settled(W(0));
	/* the first server, with its datastore lost, is a new cluster: nothing of it is asked about itself */
	install_anew(ho("ho1"), "192.168.0.104");
	limit = list("ho1");
	deploy(W(0));
}
