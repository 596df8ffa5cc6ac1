/* SPDX-License-Identifier: BSD-2-Clause */
/* What the product's rows say of what a node answers: one answer changed at a time, the finding it leads to. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/options.h"
#include "exporter/web_config.h"
#include "provision/files.h"
#include "provision/provision.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

static const char text[] =
	"k3s_cluster:\n"
	"  children:\n"
	"    server:\n"
	"      hosts:\n"
	"        160.85.30.104: { node_name: ho1, internal_ip: 192.168.0.104, external_ip: 160.85.30.104,\n"
	"          disk_for_persistent_storage: /dev/disk/by-id/ata-X, disk_serial: S7, BMC_ip: 160.85.30.101,\n"
	"          bmc_user: \"{{ ansible_vault.user }}\", bmc_password: \"{{ ansible_vault.password }}\" }\n"
	"    agent:\n"
	"      hosts:\n"
	"        160.85.30.105: { node_name: ho2, internal_ip: 192.168.0.105 }\n"
	"  vars: { ansible_user: ubuntu, k3s_version: v1.30.2+k3s1, token: \"{{ ansible_vault.token }}\",\n"
	"    nfs_network: 192.168.0.0/24, export_path: /mnt/data, bmc_tls_skip_verify: true, exporter_interval: 10s }\n";

static struct inventory *inv;
static struct vault *vault;
static const struct purge nothing, wiping = { .wipe_disk = true, .disk_serial = "S7" };

static void begin(void)
{
	struct err e = { 0 };
	struct problems ps = { 0 };
	struct secret *plain = NULL;
	int rc = inventory_parse("inventory.yml", text, sizeof(text) - 1, &inv, &ps, &e);
	cr_assert_eq(rc, 0, "%s: %s", e.msg, ps.n ? ps.v[0].text : "");
	problems_free(&ps);
	static const char entries[] = "token: abcdefgh\nuser: mon\npassword: \"a \\\"b\\\" \\\\ : # {{x}}\"\n";
	cr_assert_eq(secret_new(entries, sizeof(entries) - 1, &plain, &e), 0);
	cr_assert_eq(vault_new("vault.yml", plain, &vault, &e), 0, "%s", e.msg);
	secret_free(plain);
}

static void end(void)
{
	vault_free(vault);
	inventory_free(inv);
}

static const struct step *row(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->nsteps; i++)
		if (strcmp(r->steps[i].name, name) == 0)
			return &r->steps[i];
	cr_assert_fail("no step '%s'", name);
	return NULL;
}

/* What the node answers to the row's questions: v is {question, answer} pairs ended by a NULL question; what
 * is not listed is not there. */
static struct facts *answered(const struct step *s, const struct view *view, const char *const (*v)[2])
{
	struct probe p = { 0 };
	s->ops->ask(s, view, &p);
	AUTO_BUF struct buf b = { 0 };
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < p.questions.n; i++) {
		const char *answer = NULL;
		for (size_t k = 0; v[k][0]; k++)
			if (strcmp(v[k][0], p.questions.v[i]) == 0)
				answer = v[k][1];
		if (answer)
			buf_addf(&b, "=%s=%s", p.questions.v[i], answer);
		else
			buf_addf(&b, "-%s", p.questions.v[i]);
		buf_addc(&b, '\0');
	}
	buf_add(&b, "=probe=complete", 16);
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(facts_parse(&p, b.data, b.len, &f, &e), 0, "%s", e.msg);
	probe_clear(&p);
	return f;
}

/* What the row says when the node answers so. */
static struct finding said(const struct recipe *r, const char *name, const struct host *h, bool destroying,
			   const struct purge *purge, const char *const (*v)[2])
{
	const struct step *s = row(r, name);
	struct view view = { .inv = inv, .host = h, .vault = vault, .purge = purge, .run_id = "0", .destroying = destroying };
	struct facts *f = answered(s, &view, v);
	view.facts = f;
	struct finding ret = { 0 };
	struct err e = { 0 };
	cr_assert_eq(s->ops->check(s, &view, &ret, &e), 0, "%s: %s", name, e.msg);
	facts_free(f);
	return ret;
}

#define SAYS(recipe, name, host, destroying, purge, presence, word, ...)                                   \
	do {                                                                                               \
		static const char *const answers_[][2] = { __VA_ARGS__ __VA_OPT__(, ){ NULL, NULL } };      \
		struct finding f_ = said(&(recipe), name, host, destroying, purge, answers_);               \
		cr_expect_eq(f_.is, presence, "%s: %d, wanted %d: %s", name, f_.is, presence, f_.why);      \
		cr_expect(strstr(f_.why, word), "%s: '%s' lacks '%s'", name, f_.why, word);                 \
	} while (0)
#define UP(recipe, name, presence, word, ...) \
	SAYS(recipe, name, inv->control, false, &nothing, presence, word, __VA_ARGS__)
#define DOWN(recipe, name, presence, word, ...) \
	SAYS(recipe, name, inv->control, true, &nothing, presence, word, __VA_ARGS__)
#define WORKER (&inv->hosts[1])

TestSuite(findings, .init = begin, .fini = end);

#define OS(rest) { "host:os", rest }

Test(findings, preconditions)
{
	UP(recipe_prereq, "distribution", PRESENT, "Debian 12", OS("id=debian\nversion=12\nsystemd=yes"));
	UP(recipe_prereq, "distribution", PRESENT, "Debian", OS("id=debian\nversion=\nsystemd=yes"));
	UP(recipe_prereq, "distribution", PRESENT, "Ubuntu 24.04", OS("id=ubuntu\nversion=24.04\nsystemd=yes"));
	UP(recipe_prereq, "distribution", FOREIGN, "22.04 or newer", OS("id=ubuntu\nversion=20.04\nsystemd=yes"));
	UP(recipe_prereq, "distribution", FOREIGN, "too old", OS("id=debian\nversion=10\nsystemd=yes"));
	UP(recipe_prereq, "distribution", FOREIGN, "'fedora 40' is not supported", OS("id=fedora\nversion=40\nsystemd=yes"));
	UP(recipe_prereq, "distribution", FOREIGN, "systemd", OS("id=debian\nversion=12\nsystemd=no"));
	UP(recipe_prereq, "kernel", PRESENT, "6.1.0", OS("id=debian\nversion=12\nkernel=6.1.0-30-amd64"));
	UP(recipe_prereq, "kernel", PRESENT, "5.15.0", OS("id=ubuntu\nversion=22.04\nkernel=5.15.0-25-generic"));
	UP(recipe_prereq, "kernel", FOREIGN, "bullseye-backports", OS("id=debian\nversion=11\nkernel=5.10.0-28-amd64"));
	UP(recipe_prereq, "kernel", FOREIGN, "5.15 or newer", OS("id=ubuntu\nversion=22.04\nkernel=5.4.0-1"));
	UP(recipe_prereq, "architecture", FOREIGN, "'riscv64'", OS("arch=riscv64"));
	UP(recipe_prereq, "memory", PRESENT, "cgroup is on", OS("memory=2000000000\nmemory_cgroup=yes\npi=no"));
	UP(recipe_prereq, "memory", FOREIGN, "too little", OS("memory=200000000\nmemory_cgroup=yes\npi=no"));
	UP(recipe_prereq, "memory", FOREIGN, "cmdline.txt", OS("memory=2000000000\nmemory_cgroup=no\npi=yes"));
	UP(recipe_prereq, "memory", FOREIGN, "grub", OS("memory=2000000000\nmemory_cgroup=no\npi=no"));
	UP(recipe_prereq, "network", PRESENT, "eth0", OS("route=eth0"), { "addr:192.168.0.104", "local" });
	UP(recipe_prereq, "network", FOREIGN, "not an address of this node", OS("route=eth0"));
	UP(recipe_prereq, "network", FOREIGN, "no default route", OS("route="), { "addr:192.168.0.104", "local" });
	UP(recipe_prereq, "clock", PRESENT, "chrony", { "clock:-", "daemon=chrony" });
	UP(recipe_prereq, "clock", FOREIGN, "no time service", { "clock:-", "daemon=" });
	UP(recipe_prereq, "space", FOREIGN, "'/var' has 100 MiB", { "free:/", "size=9\nfree=99999999999\ninodes=0\ninodes_free=0" },
	   { "free:/var", "size=9\nfree=104857600\ninodes=0\ninodes_free=0" });
	UP(recipe_prereq, "space", FOREIGN, "inodes", { "free:/", "size=9\nfree=99999999999\ninodes=100000\ninodes_free=9" });
	UP(recipe_prereq, "ports", PRESENT, "free or ours", { "listen:tcp/2049", "0.0.0.0:2049 kernel\n[::]:2049 kernel" },
	   { "listen:tcp/9102", "*:9102 users:((\"powerstack-expo\",pid=1,fd=7))" },
	   { "listen:tcp/6443", "*:6443 users:((\"k3s-server\",pid=1,fd=7))" });
	UP(recipe_prereq, "ports", FOREIGN, "tcp port 9102, which the exporter needs, is taken: *:9102 users:((\"kepler\"",
	   { "listen:tcp/9102", "*:9102 users:((\"kepler\",pid=1,fd=7))" });
	UP(recipe_prereq, "ports", FOREIGN, "ganesha", { "listen:tcp/2049", "*:2049 kernel\n*:2049 users:((\"ganesha\",pid=1))" });
}

#define FW "firewall:-"
#define RULES "allow tcp 2049 0.0.0.0/0 any 192.168.0.0/24 in|allow tcp 9102 0.0.0.0/0 any 192.168.0.0/24 in"

Test(findings, firewall)
{
	UP(recipe_prereq, "firewall", PRESENT, "no firewall", { FW, "ufw=inactive\nfirewalld=inactive\nnftables=inactive\nufw_rules=" });
	UP(recipe_prereq, "firewall", PRESENT, "nftables", { FW, "ufw=inactive\nfirewalld=inactive\nnftables=active\nufw_rules=" });
	UP(recipe_prereq, "firewall", FOREIGN, "firewalld", { FW, "ufw=inactive\nfirewalld=active\nnftables=inactive\nufw_rules=" });
	UP(recipe_prereq, "firewall", ABSENT, "ufw is active", { FW, "ufw=active\nfirewalld=inactive\nnftables=inactive\nufw_rules=" });
	UP(recipe_prereq, "firewall", PRESENT, "lets", { FW, "ufw=active\nfirewalld=inactive\nnftables=inactive\nufw_rules=" RULES });
	UP(recipe_prereq, "firewall", DRIFTED, "other rules",
	   { FW, "ufw=active\nfirewalld=inactive\nnftables=inactive\nufw_rules=" RULES "|allow tcp 1 0.0.0.0/0 any 0.0.0.0/0 in" });
	DOWN(recipe_prereq, "firewall", PRESENT, "rules", { FW, "ufw=inactive\nufw_rules=" RULES });
	DOWN(recipe_prereq, "firewall", ABSENT, "", { FW, "ufw=active\nufw_rules=" });
}

Test(findings, package)
{
#define P "pkg:btrfs-progs"
#define R "record:added/btrfs-progs"
	UP(recipe_disk, "btrfs-progs", ABSENT, "not installed");
	UP(recipe_disk, "btrfs-progs", ABSENT, "not installed", { P, "status=rc\nversion=1" });
	UP(recipe_disk, "btrfs-progs", PRESENT, "6.2", { P, "status=ii\nversion=6.2" });
	UP(recipe_disk, "btrfs-progs", PRESENT, "6.2", { P, "status=hi\nversion=6.2" });
	UP(recipe_disk, "btrfs-progs", DRIFTED, "half", { P, "status=iF\nversion=6.2" });
	UP(recipe_disk, "btrfs-progs", DRIFTED, "cut off", { R, "btrfs-progs" });
	DOWN(recipe_disk, "btrfs-progs", ABSENT, "before powerstack", { P, "status=ii\nversion=6.2" });
	DOWN(recipe_disk, "btrfs-progs", PRESENT, "btrfs-progs, liblzo2-2", { P, "status=ii\nversion=6.2" }, { R, "btrfs-progs\nliblzo2-2" });
	DOWN(recipe_disk, "btrfs-progs", PRESENT, "installed", { R, "btrfs-progs" });
}

#define B "blk:/dev/disk/by-id/ata-X"
#define BLK(state, serials, link, uuid, found) \
	"state=" state "\nname=sdd\ndev=/dev/sdd\nmajmin=8:48\nsize=500\nserials=" serials "\nlink=" link "\npart=/dev/sdd1\nuuid=" uuid "\nfound=" found

Test(findings, disk)
{
	UP(recipe_disk, "disk", ABSENT, "sdd is empty", { B, BLK("free", "S7|X_S7", "yes", "", "") });
	UP(recipe_disk, "disk", DRIFTED, "without a file system", { B, BLK("part", "S7", "yes", "u-1", "") });
	UP(recipe_disk, "disk", PRESENT, "u-1", { B, BLK("ours", "S7", "yes", "u-1", "") });
	UP(recipe_disk, "disk", FOREIGN, "ext4 on the whole disk", { B, BLK("taken", "S7", "yes", "", "ext4 on the whole disk") });
	UP(recipe_disk, "disk", FOREIGN, "serial 'S8'", { B, BLK("free", "S8", "yes", "", "") });
	UP(recipe_disk, "disk", FOREIGN, "serial 'none'", { B, BLK("free", "", "yes", "", "") });
	UP(recipe_disk, "disk", FOREIGN, "serial 'S77'", { B, BLK("ours", "S77", "yes", "u-1", "") });
	UP(recipe_disk, "disk", FOREIGN, "stale link", { B, BLK("free", "S7", "no", "", "") });
	UP(recipe_disk, "disk", FOREIGN, "does not exist");
	UP(recipe_disk, "disk", FOREIGN, "another disk so far (UUID=u-9)", { B, BLK("free", "S7", "yes", "", "") },
	   { "fstab:/mnt/data", "n=1\nspec=UUID=u-9\ntype=btrfs\noptions=nofail,x-powerstack" });
	UP(recipe_disk, "disk", FOREIGN, "another disk so far (UUID=u-9)", { B, BLK("ours", "S7", "yes", "u-1", "") },
	   { "fstab:/mnt/data", "n=1\nspec=UUID=u-9\ntype=btrfs\noptions=nofail,x-powerstack" });
	DOWN(recipe_disk, "disk", ABSENT, "the data stays", { B, BLK("ours", "S7", "yes", "u-1", "") });
	SAYS(recipe_disk, "disk", inv->control, true, &wiping, PRESENT, "file system", { B, BLK("ours", "S7", "yes", "u-1", "") });
	SAYS(recipe_disk, "disk", inv->control, true, &wiping, FOREIGN, "not wiped", { B, BLK("taken", "S7", "yes", "", "ext4") });
	SAYS(recipe_disk, "disk", inv->control, true, &wiping, ABSENT, "empty", { B, BLK("free", "S7", "yes", "", "") });
}

#define OURS { B, BLK("ours", "S7", "yes", "u-1", "") }
#define OPTIONS "noatime,nofail,x-systemd.device-timeout=300s,x-systemd.before=nfs-server.service,x-powerstack"
#define LINE "n=1\nspec=UUID=u-1\ntype=btrfs\noptions=" OPTIONS
#define MOUNTED { "mount:/mnt/data", "source=/dev/sdd1\ntype=btrfs\noptions=rw\nroot=/\nmajmin=0:40" }

Test(findings, mount)
{
	UP(recipe_disk, "mount", ABSENT, "nothing is mounted", OURS);
	UP(recipe_disk, "mount", ABSENT, "nothing is mounted", { B, BLK("free", "S7", "yes", "", "") }, { "dir:/mnt/data", "empty" });
	UP(recipe_disk, "mount", FOREIGN, "files would be hidden", OURS, { "dir:/mnt/data", "full" });
	UP(recipe_disk, "mount", PRESENT, "/dev/sdd1", OURS, MOUNTED, { "fstab:/mnt/data", LINE }, { "dir:/mnt/data", "mounted" });
	UP(recipe_disk, "mount", DRIFTED, "not mounted", OURS, { "fstab:/mnt/data", LINE }, { "dir:/mnt/data", "empty" });
	UP(recipe_disk, "mount", DRIFTED, "not in fstab", OURS, MOUNTED, { "dir:/mnt/data", "mounted" });
	UP(recipe_disk, "mount", DRIFTED, "instead of", OURS, MOUNTED,
	   { "fstab:/mnt/data", "n=1\nspec=UUID=u-1\ntype=btrfs\noptions=defaults,x-powerstack" });
	UP(recipe_disk, "mount", FOREIGN, "not powerstack's (/dev/sdd1)", OURS, MOUNTED,
	   { "fstab:/mnt/data", "n=1\nspec=/dev/sdd1\ntype=btrfs\noptions=defaults" });
	UP(recipe_disk, "mount", FOREIGN, "2 lines", OURS, MOUNTED,
	   { "fstab:/mnt/data", "n=2\nspec=UUID=u-1\ntype=btrfs\noptions=" OPTIONS });
	UP(recipe_disk, "mount", FOREIGN, "mount point of /dev/sda3", OURS,
	   { "mount:/mnt/data", "source=/dev/sda3\ntype=ext4\noptions=rw\nroot=/\nmajmin=8:3" });
	DOWN(recipe_disk, "mount", ABSENT, "mounts nothing", OURS);
	DOWN(recipe_disk, "mount", PRESENT, "fstab mounts", OURS, { "fstab:/mnt/data", LINE });
	DOWN(recipe_disk, "mount", DRIFTED, "is mounted", OURS, MOUNTED);
	DOWN(recipe_disk, "mount", DRIFTED, "folder", OURS, { "record:made/mnt-data", "/mnt/data" });
	DOWN(recipe_disk, "mount", ABSENT, "mounts nothing", OURS, { "fstab:/mnt/data", "n=1\nspec=LABEL=x\ntype=ext4\noptions=defaults" });
	/* a server that the inventory has replaced */
	SAYS(recipe_nfs_client, "mount", WORKER, false, &nothing, DRIFTED, "192.168.0.9:/mnt/data",
	     { "fstab:/mnt/data", "n=1\nspec=192.168.0.9:/mnt/data\ntype=nfs4\noptions=nofail,x-powerstack" },
	     { "mount:/mnt/data", "source=192.168.0.9:/mnt/data\ntype=nfs4\noptions=rw\nroot=/\nmajmin=0:50" });
}

#define E "exports:/mnt/data"
Test(findings, exports)
{
	UP(recipe_nfs_server, "export", ABSENT, "not exported");
	UP(recipe_nfs_server, "export", PRESENT, "192.168.0.0/24",
	   { E, "192.168.0.0/24(rw,sync,wdelay,no_root_squash,no_subtree_check,mountpoint)" });
	UP(recipe_nfs_server, "export", DRIFTED, "without no_root_squash", { E, "192.168.0.0/24(rw,sync,root_squash,no_subtree_check)" });
	UP(recipe_nfs_server, "export", DRIFTED, "without sync", { E, "192.168.0.0/24(rw,async,no_root_squash,no_subtree_check)" });
	UP(recipe_nfs_server, "export", DRIFTED, "to others", { E, "*(rw,sync,no_root_squash,no_subtree_check)" });
	UP(recipe_nfs_server, "export", DRIFTED, "to others",
	   { E, "192.168.0.0/24(rw,sync,no_root_squash,no_subtree_check)\n10.0.0.0/8(ro)" });
	DOWN(recipe_nfs_server, "export", PRESENT, "is exported", { E, "192.168.0.0/24(rw)" });
}

#define U "unit:nfs-server.service"
#define ON "LoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=enabled\nNeedDaemonReload=no"
Test(findings, shared_unit)
{
	UP(recipe_nfs_server, "service", ABSENT, "does not exist");
	UP(recipe_nfs_server, "service", PRESENT, "active (exited)", { U, ON });
	UP(recipe_nfs_server, "service", DRIFTED, "not enabled",
	   { U, "LoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=disabled\nNeedDaemonReload=no" });
	UP(recipe_nfs_server, "service", DRIFTED, "failed",
	   { U, "LoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=enabled\nNeedDaemonReload=no" });
	UP(recipe_nfs_server, "service", FOREIGN, "masked",
	   { U, "LoadState=masked\nActiveState=inactive\nSubState=dead\nUnitFileState=masked\nNeedDaemonReload=no" });
	DOWN(recipe_nfs_server, "service", ABSENT, "left alone", { U, ON });
	DOWN(recipe_nfs_server, "service", PRESENT, "active", { U, ON }, { "record:unit/nfs-server.service", "was inactive disabled" });
}

/* ---- the exporter: restarted only when something that it reads is younger than it */

/* On a node where nothing is yet, but what answers says. */
static void wanted_where(const struct step *s, const struct host *h, const char *const (*answers)[2], struct buf *ret)
{
	struct view v = { .inv = inv, .host = h, .vault = vault, .purge = &nothing, .run_id = "0" };
	struct facts *f = answered(s, &v, answers);
	struct err e = { 0 };
	v.facts = f;
	buf_init_secret(ret, 65536);
	cr_assert_eq(file_wanted(s, &v, ret, &e), 0, "%s", e.msg);
	facts_free(f);
}

static void wanted(const struct step *s, const struct host *h, struct buf *ret)
{
	static const char *const none[][2] = { { NULL, NULL } };
	wanted_where(s, h, none, ret);
}

Test(findings, exporter_configuration_is_what_the_exporter_reads)
{
	AUTO_BUF struct buf b = { 0 };
	struct config c = { 0 };
	struct options o = { 0 };
	const struct opt_table table = { exporter_opts, nexporter_opts, &o };
	struct err e = { 0 };
	wanted(row(&recipe_exporter, "config"), inv->control, &b);
	cr_assert_eq(config_parse("exporter.yml", b.data, b.len, false, &table, &c, &e), 0, "%s\n%s", e.msg, b.data);
	cr_expect_str_eq(o.listen_address, ":9102");
	cr_expect_eq(o.interval_ns, 10000000000ull);
	cr_expect_str_eq(c.redfish.endpoint, "https://160.85.30.101");
	cr_expect_str_eq(c.redfish.username, "mon");
	cr_expect_str_eq(secret_expose(c.redfish.password), "a \"b\" \\ : # {{x}}");
	cr_expect(c.redfish.insecure_skip_verify);
	config_clear(&c);
	buf_clear(&b);
	wanted(row(&recipe_exporter, "config"), WORKER, &b);
	cr_expect_str_eq(b.data, "# managed by powerstack\ninterval: 10s\nweb:\n  listen-address: \":9102\"\n");
	buf_clear(&b);
	static const char *const node[][2] = { { "file:/usr/local/bin/k3s", "type=f\nmode=755" }, { NULL, NULL } };
	wanted_where(row(&recipe_exporter, "config"), WORKER, node, &b);
	cr_assert_eq(config_parse("exporter.yml", b.data, b.len, false, &table, &c, &e), 0, "%s\n%s", e.msg, b.data);
	cr_expect_str_eq(c.kubelet.endpoint, "https://127.0.0.1:10250");
	cr_expect_str_eq(c.kubelet.token_file, "/etc/powerstack/kubelet-token");
	cr_expect_str_eq(c.kubelet.ca_file, "/var/lib/rancher/k3s/agent/server-ca.crt");
	cr_expect_not(c.kubelet.insecure_skip_verify);
	config_clear(&c);
	buf_clear(&b);
	wanted(row(&recipe_exporter, "unit"), WORKER, &b);
	cr_expect(strstr(b.data, "\nWatchdogSec=100s\n"), "%s", b.data);
	buf_clear(&b);
	wanted(row(&recipe_nfs_server, "exports"), inv->control, &b);
	cr_expect(strstr(b.data, "\n/mnt/data 192.168.0.0/24(rw,sync,no_root_squash,no_subtree_check,mp)\n"), "%s", b.data);
}

/* A file answer for what the row wants, changed at that second. */
static const char *as_wanted(const char *sha256, const char *mode, unsigned at_s, char *to, size_t size)
{
	snprintf(to, size, "type=f\nmode=%s\nuid=0\ngid=0\nsize=9\nctime_ns=%u000000000\nsha256=%s\nmark=yes", mode, at_s, sha256);
	return to;
}

static const char *sum_of(const struct step *s, char to[65])
{
	AUTO_BUF struct buf b = { 0 };
	unsigned char h[32];
	wanted(s, WORKER, &b);
	crypto_hash_sha256(h, (const unsigned char *)b.data, b.len);
	for (size_t i = 0; i < sizeof(h); i++)
		snprintf(to + 2 * i, 3, "%02x", h[i]);
	return to;
}

Test(findings, exporter_restarts_only_for_a_reason)
{
	size_t len = 0;
	const char *binary = NULL;
	if (!files_exporter("amd64", &len, &binary))
		cr_skip_test("the exporter for amd64 is not built in");
	char config[65], unit[65], a[3][512];
	sum_of(row(&recipe_exporter, "config"), config);
	sum_of(row(&recipe_exporter, "unit"), unit);
	static const struct {
		unsigned binary_s, config_s, unit_s;
		const char *config_mode, *reload;
		enum presence is;
		const char *word;
	} cases[] = {
		{ 100, 100, 100, "600", "no", PRESENT, "active (running)" },
		{ 300, 100, 100, "600", "no", DRIFTED, "started before '/usr/local/bin/powerstack-exporter' changed" },
		{ 100, 300, 100, "600", "no", DRIFTED, "started before '/etc/powerstack/exporter.yml' changed" },
		{ 100, 100, 300, "600", "no", DRIFTED, "started before '/etc/systemd/system/powerstack-exporter.service'" },
		{ 100, 100, 100, "644", "no", DRIFTED, "must be restarted when '/etc/powerstack/exporter.yml'" },
		{ 100, 100, 100, "600", "yes", DRIFTED, "after it was loaded" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char state[256];
		snprintf(state, sizeof(state), "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
			 "NeedDaemonReload=%s\nstarted_ns=200000000000", cases[i].reload);
		const char *const answers[][2] = {
			{ "host:os", "arch=amd64" },
			{ "unit:powerstack-exporter.service", state },
			{ "file:/usr/local/bin/powerstack-exporter", as_wanted(binary, "755", cases[i].binary_s, a[0], sizeof(a[0])) },
			{ "file:/etc/powerstack/exporter.yml", as_wanted(config, cases[i].config_mode, cases[i].config_s, a[1], sizeof(a[1])) },
			{ "file:/etc/systemd/system/powerstack-exporter.service", as_wanted(unit, "644", cases[i].unit_s, a[2], sizeof(a[2])) },
			{ NULL, NULL },
		};
		struct finding f = said(&recipe_exporter, "service", WORKER, false, &nothing, answers);
		cr_expect_eq(f.is, cases[i].is, "case %zu: %s", i, f.why);
		cr_expect(strstr(f.why, cases[i].word), "case %zu: '%s' lacks '%s'", i, f.why, cases[i].word);
	}
}

/* ---- TLS, with the certificate that K3s has made */

#define CERT "file:/var/lib/rancher/k3s/agent/serving-kubelet.crt"
#define WEB "file:/etc/powerstack/exporter-web.yml"

Test(findings, exporter_serves_by_tls_where_the_inventory_says_so)
{
	AUTO_BUF struct buf b = { 0 };
	struct web_config web = { 0 };
	struct config c = { 0 };
	struct options o = { 0 };
	const struct opt_table table = { exporter_opts, nexporter_opts, &o };
	struct err e = { 0 };
	cr_expect_not(row(&recipe_exporter, "certificate")->when(inv, WORKER));
	inv->exporter_tls = true;
	cr_expect(row(&recipe_exporter, "certificate")->when(inv, WORKER));
	wanted(row(&recipe_exporter, "config"), WORKER, &b);
	cr_assert_eq(config_parse("exporter.yml", b.data, b.len, false, &table, &c, &e), 0, "%s\n%s", e.msg, b.data);
	cr_expect_str_eq(o.web_config_file, "/etc/powerstack/exporter-web.yml");
	cr_expect_str_eq(o.listen_address, ":9102");
	config_clear(&c);
	buf_clear(&b);
	wanted(row(&recipe_exporter, "web"), WORKER, &b);
	cr_assert_eq(web_config_parse("exporter-web.yml", b.data, b.len, false, &web, &e), 0, "%s\n%s", e.msg, b.data);
	cr_expect(web.tls.on);
	cr_expect_str_eq(web.tls.cert_file, "/var/lib/rancher/k3s/agent/serving-kubelet.crt");
	cr_expect_str_eq(web.tls.key_file, "/var/lib/rancher/k3s/agent/serving-kubelet.key");
	cr_expect_eq(web.nusers, 0);
	web_config_clear(&web);
	UP(recipe_exporter, "certificate", FOREIGN, "deploy k3s too, or take exporter_tls out");
	UP(recipe_exporter, "certificate", PRESENT, "is there", { CERT, "type=f\nmode=644" });
	UP(recipe_exporter, "web", ABSENT, "does not exist");
	UP(recipe_exporter, "web", DRIFTED, "other content", { WEB, "type=f\nmode=600\nuid=0\ngid=0\nsha256=00\nmark=yes" });
}

/* What was left by an inventory that had it; a file of somebody else's is in the way either way. */
Test(findings, exporter_that_is_to_serve_plainly_has_no_web_configuration)
{
	UP(recipe_exporter, "web", PRESENT, "does not exist");
	UP(recipe_exporter, "web", DRIFTED, "not wanted any more", { WEB, "type=f\nmode=600\nuid=0\ngid=0\nsha256=00\nmark=yes" });
	UP(recipe_exporter, "web", PRESENT, "is as wanted",
	   { WEB, "type=f\nmode=600\nuid=0\ngid=0\nmark=yes\n"
		  "sha256=2257568f69b75d52e0594abb1098ea5457b71bbb8e84dadd0bc080baccf3d132" }); /* the mark, and nothing else */
	UP(recipe_exporter, "web", PRESENT, "not managed by powerstack", { WEB, "type=f\nmode=600\nuid=0\ngid=0\nsha256=00\nmark=no" });
	UP(recipe_exporter, "web", PRESENT, "not managed by powerstack", { WEB, "type=l\nmode=777\nuid=0\ngid=0" });
	DOWN(recipe_exporter, "web", ABSENT, "not managed by powerstack", { WEB, "type=f\nmode=600\nuid=0\ngid=0\nsha256=00\nmark=no" });
	DOWN(recipe_exporter, "web", ABSENT, "does not exist");
	DOWN(recipe_exporter, "web", PRESENT, "is there", { WEB, "type=f\nmode=600\nuid=0\ngid=0\nsha256=00\nmark=yes" });
}

/* ProtectHome=yes would hide K3s' certificates where its data is in somebody's home. */
Test(findings, exporter_sees_the_certificates_wherever_they_are)
{
	static const struct {
		const char *data;
		bool opened;
	} cases[] = {
		{ "/var/lib/rancher/k3s", false }, { "/srv/home/k3s", false }, { "/homes/k3s", false },
		{ "/home/k3s/data", true },	   { "/root/k3s", true },
	};
	const char *was = inv->k3s_server_location;
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF struct buf b = { 0 };
		inv->k3s_server_location = cases[i].data;
		wanted(row(&recipe_exporter, "unit"), WORKER, &b);
		cr_expect(strstr(b.data, "\nProtectHome=yes\n"));
		cr_expect_eq(strstr(b.data, "\n[Service]\nProtectHome=read-only\n") != NULL, cases[i].opened, "%s", cases[i].data);
	}
	inv->k3s_server_location = was;
}

#define DRIVER { "file:/proc/driver/nvidia/version", "type=f\nmode=444\nuid=0" }

Test(findings, exporter_has_a_helper_where_there_are_gpus)
{
	UP(recipe_exporter, "gpu-helper", PRESENT, "does not need the exporter's helper for GPUs", { "host:os", "arch=amd64" });
	UP(recipe_exporter, "gpu-helper", PRESENT, "does not need", { "host:os", "arch=riscv64" }, DRIVER);
	DOWN(recipe_exporter, "gpu-helper", ABSENT, "does not exist", { "host:os", "arch=amd64" }, DRIVER);
	size_t len = 0;
	const char *sha256 = NULL;
	if (!files_gpu_helper("amd64", &len, &sha256))
		cr_skip_test("the helper for amd64 is not built in");
	UP(recipe_exporter, "gpu-helper", ABSENT, "does not exist", { "host:os", "arch=amd64" }, DRIVER);
	/* one that is there is kept as it should be, also while no driver is loaded */
	UP(recipe_exporter, "gpu-helper", DRIFTED, "another build", { "host:os", "arch=amd64" },
	   { "file:/usr/local/bin/powerstack-gpu", "type=f\nmode=755\nuid=0\nsha256=00" });
	/* and the service sees the devices, and only there */
	char unit[65], is[512];
	sum_of(row(&recipe_exporter, "unit"), unit);
	const char *const answers[][2] = {
		{ "host:os", "arch=amd64" },
		{ "file:/etc/systemd/system/powerstack-exporter.service", as_wanted(unit, "644", 100, is, sizeof(is)) },
		{ NULL, NULL },
	};
	const char *const with_gpu[][2] = { { answers[0][0], answers[0][1] }, { answers[1][0], answers[1][1] }, DRIVER, { NULL, NULL } };
	cr_expect_eq(said(&recipe_exporter, "unit", WORKER, false, &nothing, answers).is, PRESENT);
	cr_expect_eq(said(&recipe_exporter, "unit", WORKER, false, &nothing, with_gpu).is, DRIFTED);
}

Test(findings, exporter_for_an_architecture_that_is_not_built_in)
{
	UP(recipe_exporter, "binary", FOREIGN, "'s390x' is not in this powerstack", OS("arch=s390x"));
	DOWN(recipe_exporter, "binary", ABSENT, "does not exist", OS("arch=s390x"));
}

/* An inventory that names no password, and a vault that has none: both are refused while nothing is changed yet, whatever
 * the cluster has. */
Test(findings, secrets_of_applications)
{
#define IN_CLUSTER { "record:monitoring", "" }, { "secret:monitoring/monitoring-grafana-admin", "data=00\nin_grafana=no" }
	UP(recipe_monitoring, "admin", FOREIGN, "the inventory has no 'grafana_admin_password'");
	UP(recipe_monitoring, "admin", FOREIGN, "'powerstack vault set grafana_admin_password'", IN_CLUSTER);
	UP(recipe_rancher, "bootstrap", FOREIGN, "the inventory has no 'bootstrapPassword'");
	DOWN(recipe_monitoring, "admin", PRESENT, "is there", IN_CLUSTER);
	DOWN(recipe_monitoring, "admin", ABSENT, "no Secret");
	inv->grafana_admin_password.entry = "notThere";
	UP(recipe_monitoring, "admin", FOREIGN, "the vault has no entry 'notThere': 'powerstack vault set notThere'");
	inv->grafana_admin_password.entry = "password";
	UP(recipe_monitoring, "admin", ABSENT, "no Secret");
	UP(recipe_monitoring, "admin", DRIFTED, "another content", IN_CLUSTER);
	UP(recipe_monitoring, "admin", FOREIGN, "not powerstack's", { "secret:monitoring/monitoring-grafana-admin", "data=00" });
}
