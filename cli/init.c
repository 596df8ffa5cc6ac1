/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a first inventory and vault. Keys, defaults and comments come from the inventory's own rows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define INVENTORY_MAX (256u * 1024)
#define SECRET_LETTERS 32
#define NAME_MAX_TYPED 256

/* Keys that differ from host to host: they stand with each host, in this order. */
static const struct {
	const char *key;
	bool control_only, fill_in;
} host_keys[] = {
	{ "ansible_host", false, true }, { "internal_ip", false, true }, { "external_ip", true, false },
	{ "disk_for_persistent_storage", true, true }, { "disk_serial", true, false },
	{ "BMC_ip", false, false }, { "node_name", false, false }, { "disk_for_testing", false, false },
	{ "node_labels", false, false }, { "node_taints", false, false },
};

/* Keys of hosts that are usually the same for all; other names of these and Ansible's own switches
 * are understood too but would only fill the page. */
static const char *const shared_keys[] = {
	"ansible_user", "ansible_port", "ansible_ssh_private_key_file", "ssh_known_hosts_file",
	"proxy_jump", "ansible_become_password", "ansible_password", "bmc_user", "bmc_password",
	"extra_server_args", "extra_agent_args",
};

/* Vault entries that are generated, and the inventory's keys that take them. */
static const struct { const char *entry, *key; } generated[] = {
	{ "token", "token" }, { "bootstrapPassword", "bootstrapPassword" },
	{ "grafanaAdminPassword", "grafana_admin_password" },
};
/* Those that are asked for: uncommented in the inventory when they were given. */
static const struct { const char *entry, *key; } bmc[] = {
	{ "xclarityUser", "bmc_user" }, { "xclarityPassword", "bmc_password" },
};

static bool find_key(const char *name, struct inventory_key *ret)
{
	for (size_t i = 0; inventory_key_at(i, ret); i++)
		if (strcmp(ret->key, name) == 0)
			return true;
	return false;
}

/* Does the vault that is written hold this key's entry? */
static bool has_secret(const char *key, bool with_bmc)
{
	for (size_t i = 0; i < COUNT(generated); i++)
		if (strcmp(generated[i].key, key) == 0)
			return true;
	for (size_t i = 0; i < COUNT(bmc) && with_bmc; i++)
		if (strcmp(bmc[i].key, key) == 0)
			return true;
	return false;
}

static void add_comment(struct buf *out, const char *text, unsigned indent)
{
	AUTO_BUF struct buf lines;
	buf_init(&lines, 4096);
	text_wrap(&lines, text, 0, 90 - indent, 0);
	for (const char *p = buf_str(&lines); *p;) {
		size_t len = strcspn(p, "\n");
		buf_addf(out, "%*s# %.*s\n", (int)indent, "", (int)len, p);
		p += len + (p[len] == '\n');
	}
}

/* A value as YAML: references and empty texts need quotes. */
static void add_value(struct buf *out, const char *value)
{
	if (!*value || *value == '{')
		buf_addf(out, "\"%s\"", value);
	else
		buf_adds(out, value);
}

static void add_host(struct buf *out, const char *name, bool control, bool explain)
{
	struct inventory_key k;
	buf_addf(out, "        %s:\n", name);
	for (size_t i = 0; i < COUNT(host_keys); i++) {
		if ((host_keys[i].control_only && !control) || !find_key(host_keys[i].key, &k))
			continue;
		if (host_keys[i].fill_in) {
			if (explain)
				add_comment(out, k.help, 10);
			buf_addf(out, "          %s:    # fill in, for example %s\n", k.key, k.example);
		} else if (explain) {
			add_comment(out, k.help, 10);
			buf_addf(out, "          # %s: %s\n", k.key, k.example);
		}
	}
}

static void add_var(struct buf *out, const struct inventory_key *k, bool with_bmc)
{
	bool secret = has_secret(k->key, with_bmc), network = strcmp(k->key, "nfs_network") == 0;
	buf_addc(out, '\n');
	add_comment(out, k->help, 4);
	buf_addf(out, "    %s%s: ", secret || network ? "" : "# ", k->key);
	if (k->fallback && !secret)
		add_value(out, k->fallback);
	else
		buf_adds(out, k->example);
	buf_adds(out, network ? "    # fill in when yours differs\n" : "\n");
}

static void add_cluster_vars(struct buf *out)
{
	struct inventory_key k;
	for (size_t i = 0; inventory_key_at(i, &k); i++)
		if (strcmp(k.scope, "cluster") == 0 && k.used_here)
			add_var(out, &k, false);
}

static int make_inventory(struct buf *out, bool with_bmc)
{
	buf_adds(out,
		 "# Inventory of powerstack. Lines marked 'fill in' need a value; lines behind '#' show the\n"
		 "# default, or an example where there is none. 'powerstack inventory check' names every\n"
		 "# mistake, 'powerstack inventory show' prints what each key comes out as.\n"
		 "k3s_cluster:\n"
		 "  children:\n"
		 "    # the control node: it holds the disk and exports it\n"
		 "    server:\n"
		 "      hosts:\n");
	add_host(out, "ho1", true, true);
	buf_adds(out, "\n    # the workers, as many as there are\n    agent:\n      hosts:\n");
	add_host(out, "ho2", false, false);
	add_host(out, "ho3", false, false);
	buf_adds(out, "\n  vars:\n    # ---- for every host; a line with the host itself comes first\n");
	struct inventory_key k;
	for (size_t i = 0; i < COUNT(shared_keys); i++)
		if (find_key(shared_keys[i], &k))
			add_var(out, &k, with_bmc);
	buf_adds(out, "\n    # ---- for the cluster; values in {{ ansible_vault... }} stand in the vault\n");
	add_cluster_vars(out);
	return out->full ? -(int)ERR_MEMORY : 0;
}

/* ---- the vault */

static int set_entry(struct secret **text, const char *entry, const struct secret *value,
		     struct err *e)
{
	struct secret *next = NULL;
	int r = vault_text_set(*text, entry, value, &next, e);
	if (r < 0)
		return r;
	secret_free(*text);
	*text = next;
	return 0;
}

/* User and password of the management controllers; none when the user's name is left empty. */
static int ask_bmc(struct secret **text, bool *ret_given, struct err *e)
{
	char user[NAME_MAX_TYPED];
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return 0;
	fprintf(stderr, "User of the servers' management controllers (empty: none): ");
	if (!fgets(user, sizeof(user), stdin))
		return err_set(e, ERR_INTERRUPTED, "no answer; nothing was written");
	user[strcspn(user, "\r\n")] = '\0';
	if (!user[0])
		return 0;
	AUTO_SECRET struct secret *name = NULL;
	AUTO_SECRET struct secret *password = NULL;
	int r = secret_new(user, strlen(user), &name, e);
	if (r == 0)
		r = vault_password_prompt("Password of that user: ", false, &password, e);
	if (r == 0)
		r = set_entry(text, bmc[0].entry, name, e);
	if (r == 0)
		r = set_entry(text, bmc[1].entry, password, e);
	if (r == 0)
		*ret_given = true;
	return r;
}

static int make_vault(struct secret **ret, bool *ret_bmc, struct err *e)
{
	static const char head[] =
		"# Secrets of the cluster. The inventory takes them as {{ ansible_vault.NAME }}.\n"
		"ansible_vault:\n"
		"  token:\n"
		"  bootstrapPassword:\n"
		"  grafanaAdminPassword:\n"
		"  # user and password of the servers' management controllers\n"
		"  xclarityUser:\n"
		"  xclarityPassword:\n";
	AUTO_SECRET struct secret *text = NULL;
	int r = secret_new(head, sizeof(head) - 1, &text, e);
	for (size_t i = 0; i < COUNT(generated) && r == 0; i++) {
		AUTO_SECRET struct secret *value = NULL;
		r = secret_new_random(SECRET_LETTERS, &value, e);
		if (r == 0)
			r = set_entry(&text, generated[i].entry, value, e);
	}
	if (r == 0)
		r = ask_bmc(&text, ret_bmc, e);
	if (r == 0)
		*ret = take_ptr(&text);
	return r;
}

/* ---- files */

static int refuse_existing(const char *path, struct err *e)
{
	struct stat st;
	if (lstat(path, &st) == 0)
		return err_set(e, ERR_REFUSED, "'%s' exists; init overwrites nothing: move it away first",
			       path);
	return 0;
}

static int write_new(const char *path, const struct buf *b, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot create '%s'", path);
	for (size_t done = 0; done < b->len;) {
		ssize_t n = write(fd, b->data + done, b->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_errno(e, ERR_FAILED, "cannot write '%s'", path);
			unlink(path);
			return -(int)ERR_FAILED;
		}
		done += (size_t)n;
	}
	if (fsync(fd) < 0)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	return 0;
}

static int make_parent(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	AUTO_FREE char *dir = strndup(path, (size_t)(slash - path));
	return dir ? file_mkdirs(dir, 0755, e) : err_set(e, ERR_MEMORY, "out of memory");
}

static int init(struct cli *cli, struct err *e)
{
	AUTO_FREE char *vault = NULL;
	AUTO_SECRET struct secret *password = NULL;
	AUTO_SECRET struct secret *plain = NULL;
	AUTO_BUF struct buf text;
	buf_init(&text, INVENTORY_MAX);
	bool with_bmc = false;
	if (!cli->inventory_path)
		cli->inventory_path = "inventory.yml";
	int r = cli_vault_path(cli, &vault, e);
	if (r == 0)
		r = refuse_existing(cli->inventory_path, e);
	if (r == 0)
		r = refuse_existing(vault, e);
	if (r == 0)
		r = vault_password(cli->vault_password_file, "New password for the vault: ", true, &password,
				   e);
	if (r == 0)
		r = make_vault(&plain, &with_bmc, e);
	if (r == 0)
		r = make_inventory(&text, with_bmc);
	if (r == 0)
		r = make_parent(cli->inventory_path, e);
	if (r == 0)
		r = make_parent(vault, e);
	if (r == 0)
		r = vault_write(vault, plain, password, e);
	if (r < 0)
		return r;
	r = write_new(cli->inventory_path, &text, e);
	if (r < 0) {
		unlink(vault); /* made above: half a pair would only stand in the next init's way */
		return r;
	}
	cli_say(cli, "wrote %s and %s", cli->inventory_path, vault);
	cli_say(cli, "next: fill in the marked lines of %s, then run 'powerstack%s%s inventory check'",
		cli->inventory_path, strcmp(cli->inventory_path, "inventory.yml") ? " -i " : "",
		strcmp(cli->inventory_path, "inventory.yml") ? cli->inventory_path : "");
	return 0;
}

int verb_init(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	(void)argc;
	(void)argv;
	return init(cli, &e) < 0 ? cli_fail(cli, &e) : 0;
}
