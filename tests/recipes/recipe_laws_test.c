/* SPDX-License-Identifier: BSD-2-Clause */
/* The laws over every row of the product's own recipes, and what the rows find wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/provision.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"
#include "tests/fake/scripts.h"
#include "tests/recipes/laws.h"

static const char text[] =
	"k3s_cluster:\n"
	"  children:\n"
	"    server:\n"
	"      hosts:\n"
	"        160.85.30.104:\n"
	"          node_name: ho1\n"
	"          internal_ip: 192.168.0.104\n"
	"          external_ip: 160.85.30.104\n"
	"          disk_for_persistent_storage: /dev/sdd\n"
	"          disk_serial: SERIAL-7\n"
	"          BMC_ip: 160.85.30.101\n"
	"          bmc_user: \"{{ ansible_vault.bmcUser }}\"\n"
	"          bmc_password: \"{{ ansible_vault.bmcPassword }}\"\n"
	"    agent:\n"
	"      hosts:\n"
	"        160.85.30.105: { node_name: ho2, internal_ip: 192.168.0.105 }\n"
	"        160.85.30.106: { node_name: ho3, internal_ip: 192.168.0.106 }\n"
	"  vars:\n"
	"    ansible_user: ubuntu\n"
	"    k3s_version: v1.30.2+k3s1\n"
	"    token: \"{{ ansible_vault.token }}\"\n"
	"    nfs_network: 192.168.0.0/24\n"
	"    export_path: /mnt/data\n";

#define USER "planted-user-3Kz"
#define PASSWORD "planted \\\"pass\\\" 9Qv"	/* as the vault's text has it */
#define PASSWORD_YAML "planted \\\"pass\\\" 9Qv"	/* as the exporter's configuration has it */
static const char *const secrets[] = { USER, PASSWORD_YAML, NULL };

static struct inventory *inv;
static struct vault *vault;

static void begin(void)
{
	struct err e = { 0 };
	struct problems ps = { 0 };
	struct secret *plain = NULL;
	int rc = inventory_parse("inventory.yml", text, sizeof(text) - 1, &inv, &ps, &e);
	for (size_t i = 0; rc < 0 && i < ps.n; i++)
		fprintf(stderr, "%u:%u %s\n", ps.v[i].line, ps.v[i].column, ps.v[i].text);
	problems_free(&ps);
	cr_assert_eq(rc, 0, "%s", e.msg);
	static const char entries[] = "token: abcdefgh\nbmcUser: " USER "\nbmcPassword: \"" PASSWORD "\"\n";
	cr_assert_eq(secret_new(entries, sizeof(entries) - 1, &plain, &e), 0);
	cr_assert_eq(vault_new("vault.yml", plain, &vault, &e), 0, "%s", e.msg);
	secret_free(plain);
}

static void end(void)
{
	vault_free(vault);
	inventory_free(inv);
}

static struct fake_net *bare(void *ctx)
{
	(void)ctx;
	struct fake_net *net = fake_net_new(inv, node_scripts, node_questions);
	for (size_t i = 0; i < inv->nhosts; i++)
		node_make_bare(net->hosts[i], &inv->hosts[i]);
	/* one with ufw, one that has a package of ours already */
	fake_set(net->hosts[1], "ufw", "active", "yes");
	fake_set(net->hosts[2], "pkg", "nfs-common", "1:2.6");
	return net;
}

static bool make_foreign(void *ctx, struct fake_host *h, const struct recipe *r, const struct step *s)
{
	(void)ctx;
	(void)r;
	const char *path = step_file_path(s);
	if (s->ops == &blob_ops) {
		fake_file_put(h, path, 'd', "", 0, 0755, "root:root");
	} else if (path) {
		fake_file_put(h, path, 'f', "mine\n", 5, 0644, "root:root");
	} else if (s->ops == &sysctl_ops) {
		fake_file_put(h, ((const struct sysctl_arg *)s->arg)->path, 'f', "a = b\n", 6, 0644, "root:root");
	} else if (s->ops == &disk_ops) {
		fake_str(&fake_block_get(h, inv->control->disk)->fstype, "ext4");
	} else if (s->ops == &mount_ops) {
		static const char fstab[] = "LABEL=mine /mnt/data ext4 defaults 0 2\n";
		fake_file_put(h, "/etc/fstab", 'f', fstab, sizeof(fstab) - 1, 0644, "root:root");
	} else if (s->ops == &unit_ops) {
		struct fake_unit *u = fake_unit_make(h, ((const struct unit_arg *)s->arg)->unit);
		u->loaded = u->masked = true;
	} else if (s->ops == &precondition_ops && strcmp(s->name, "distribution") == 0) {
		fake_set(h, "os", "id", "fedora");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "kernel") == 0) {
		fake_set(h, "os", "kernel", "5.10.0-1-amd64");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "architecture") == 0) {
		fake_set(h, "os", "arch", "riscv64");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "memory") == 0) {
		fake_set(h, "os", "memory_cgroup", "no");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "network") == 0) {
		fake_set(h, "os", "route", "");
	} else if (s->ops == &precondition_ops && strcmp(s->name, "clock") == 0) {
		fake_set(h, "answer", "clock:-", "daemon=");
	} else {
		return false;
	}
	return true;
}

static struct law_world world(void)
{
	return (struct law_world){
		.inv = inv,
		.vault = vault,
		.recipes = recipes,
		.bare = bare,
		.make_foreign = make_foreign,
		.secrets = secrets,
	};
}

/* The data, and nothing else: the disk keeps its partition and file system. */
static bool data_stays(void *ctx, const char *line)
{
	(void)ctx;
	return strstr(line, " block /dev/sdd") != NULL;
}

TestSuite(recipe_laws, .init = begin, .fini = end, .timeout = 110);

#define HOLDS(law)                                                 \
	Test(recipe_laws, law)                                     \
	{                                                          \
		struct law_world w = world();                      \
		w.may_stay = data_stays;                           \
		struct err e = { 0 };                              \
		cr_assert_eq(law(&w, &e), 0, "%s", e.msg);         \
	}

HOLDS(law_names)
HOLDS(law_undo_or_reason)
HOLDS(law_converges)
HOLDS(law_check_tells)
HOLDS(law_destroys)
HOLDS(law_cut_deploy)
HOLDS(law_cut_destroy)
HOLDS(law_foreign)
HOLDS(law_secrets)

/* With the disk's serial typed, the disk is empty again, too. */
Test(recipe_laws, wiping)
{
	static const struct purge purge = { .wipe_disk = true, .disk_serial = "SERIAL-7" };
	struct law_world w = world();
	struct err e = { 0 };
	w.purge = &purge;
	cr_assert_eq(law_destroys(&w, &e), 0, "%s", e.msg);
	cr_assert_eq(law_cut_destroy(&w, &e), 0, "%s", e.msg);
}
