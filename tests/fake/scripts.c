/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/scripts.h"

#include "tests/fake/cluster.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"

#define STATE "/var/lib/powerstack/"
#define LABEL "powerstack-data"
#define LINUX_TYPE "0fc63daf-8483-4772-8e79-3d69d8477de4"

/* ---- answers */

static int answer_os(struct fake_host *h, const char *about, struct buf *value)
{
	static const char *const fields[][2] = {
		{ "id", "debian" },
		{ "version", "12" },
		{ "kernel", "6.1.0-30-amd64" },
		{ "arch", "amd64" },
		{ "hostname", "node" },
		{ "boot_id", "0-1" },
		{ "systemd", "yes" },
		{ "memory", "8000000000" },
		{ "cgroup", "2" },
		{ "memory_cgroup", "yes" },
		{ "route", "eth0" },
		{ "pi", "no" },
	};
	(void)about;
	for (size_t i = 0; i < COUNT(fields); i++) {
		const char *set = fake_get(h, "os", fields[i][0]);
		buf_addf(value, "%s%s=%s", i ? "\n" : "", fields[i][0], set ? set : fields[i][1]);
	}
	return 1;
}

static int answer_addr(struct fake_host *h, const char *about, struct buf *value)
{
	if (!fake_get(h, "addr", about))
		return 0;
	buf_adds(value, "local");
	return 1;
}

static int answer_iface(struct fake_host *h, const char *about, struct buf *value)
{
	const char *iface = fake_get(h, "addr", about);
	if (iface)
		buf_adds(value, iface);
	return iface != NULL;
}

/* A node is Ready as soon as its unit runs: with what its configuration said then. */
static int answer_node(struct fake_host *h, const char *about, struct buf *value)
{
	(void)about;
	const char *version = fake_get(h, "k3s", "version"), *ip = fake_get(h, "k3s", "ip");
	if (!version)
		return 0;
	const struct fake_unit *server = fake_unit_get(h, "k3s.service");
	const struct fake_unit *agent = fake_unit_get(h, "k3s-agent.service");
	bool on = (server && server->active) || (agent && agent->active);
	bool refused = fake_get(h, "k3s", "refused");
	buf_addf(value, "ready=%s\nwhy=KubeletReady: as it seems\nversion=%s\nip=%s%s",
		 on && !refused ? "True" : "Unknown", version, ip, refused ? "\nrefused=yes" : "");
	return 1;
}

static bool marked(const struct fake_file *f)
{
	return strncmp(f->data, "# managed by powerstack\n", 24) == 0 ||
	       (f->len < 65536 && strstr(f->data, "\n# managed by powerstack\n") &&
		strchr(f->data, '\n') == strstr(f->data, "\n# managed by powerstack\n"));
}

static int answer_file(struct fake_host *h, const char *about, struct buf *value)
{
	struct fake_file *f = fake_file_get(h, about);
	const char *share = f ? NULL : fake_get(h, "share", about);
	char uid[16], gid[16], volume[256];
	snprintf(volume, sizeof(volume), "%.*s", share ? (int)(strrchr(about, '/') - about) : 0, about);
	if (share && fake_mount_get(h, volume) && sscanf(share, "%15s %15s", uid, gid) == 2) {
		buf_addf(value, "type=d\nmode=750\nuid=%s\ngid=%s\nsize=0\nctime_ns=0", uid, gid);
		return 1;
	}
	if (!f)
		return 0;
	const char *root = strcmp(f->owner, "root:root") == 0 ? "0" : "1000";
	buf_addf(value, "type=%c\nmode=%o\nuid=%s\ngid=%s\nsize=%zu\nctime_ns=%llu", f->kind,
		 f->mode, root, root, f->len, (unsigned long long)f->changed_at * 1000000000ull);
	if (f->kind != 'f')
		return 1;
	unsigned char sum[crypto_hash_sha256_BYTES];
	if (!f->sha256[0]) {
		crypto_hash_sha256(sum, (const unsigned char *)f->data, f->len);
		sodium_bin2hex(f->sha256, sizeof(f->sha256), sum, sizeof(sum));
	}
	buf_addf(value, "\nsha256=%s\nmark=%s", f->sha256, marked(f) ? "yes" : "no");
	return 1;
}

static int answer_text(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_file *f = fake_file_get(h, about);
	if (!f)
		return 0;
	buf_adds(value, f->data);
	return 1;
}

static bool dir_is_full(const struct fake_host *h, const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < h->nfiles; i++)
		if (strncmp(h->files[i].path, path, len) == 0 && h->files[i].path[len] == '/')
			return true;
	return false;
}

static int answer_dir(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_file *f = fake_file_get(h, about);
	if (fake_mount_get(h, about)) {
		buf_adds(value, "mounted");
		return 1;
	}
	if (!f)
		return 0;
	if (f->kind != 'd') {
		buf_adds(value, "not a directory");
		return -1;
	}
	buf_adds(value, dir_is_full(h, about) ? "full" : "empty");
	return 1;
}

static const char *record_path(const char *name, char *to, size_t size)
{
	snprintf(to, size, STATE "%s", name);
	return to;
}

static int answer_record(struct fake_host *h, const char *about, struct buf *value)
{
	char path[512];
	const struct fake_file *f = fake_file_get(h, record_path(about, path, sizeof(path)));
	if (!f)
		return 0;
	buf_add(value, f->data, f->len - (f->len && f->data[f->len - 1] == '\n'));
	return 1;
}

static int answer_sysctl(struct fake_host *h, const char *about, struct buf *value)
{
	const char *is = fake_get(h, "sysctl", about);
	if (is)
		buf_adds(value, is);
	return is != NULL;
}

static int answer_unit(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_unit *u = fake_unit_get(h, about);
	char path[512];
	snprintf(path, sizeof(path), "/etc/systemd/system/%s", about);
	if (!u && !fake_file_get(h, path))
		return 0;
	buf_addf(value,
		 "LoadState=%s\nActiveState=%s\nSubState=%s\nUnitFileState=%s\nNeedDaemonReload=no",
		 u && u->masked ? "masked" : "loaded", u && u->active ? "active" : "inactive",
		 u && u->active ? "running" : "dead", u && u->enabled ? "enabled" : "disabled");
	if (u && u->active)
		buf_addf(value, "\nstarted_ns=%llu",
			 (unsigned long long)u->started_at * 1000000000ull);
	return 1;
}

static int answer_pkg(struct fake_host *h, const char *about, struct buf *value)
{
	const char *version = fake_get(h, "pkg", about);
	if (!version)
		return 0;
	buf_addf(value, "status=ii\nversion=%s\narch=amd64", version);
	return 1;
}

static int answer_mount(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_mount *m = fake_mount_get(h, about);
	if (!m)
		return 0;
	buf_addf(value, "source=%s\ntype=%s\noptions=%s\nroot=/\nmajmin=0:1", m->source, m->fstype,
		 m->options);
	return 1;
}

struct fstab_line {
	char spec[256], at[256], type[32], options[512];
};

/* The next line with a mount point; *s moves behind it. */
static bool next_line(const char **s, struct fstab_line *l)
{
	while (**s) {
		char text[2048];
		size_t len = strcspn(*s, "\n");
		snprintf(text, sizeof(text), "%.*s", (int)len, *s);
		*s += len + ((*s)[len] == '\n');
		if (text[0] != '#' && sscanf(text, "%255s %255s %31s %511s", l->spec, l->at,
					     l->type, l->options) == 4)
			return true;
	}
	return false;
}

static bool line_is_ours(const struct fstab_line *l, const char *at)
{
	return strcmp(l->at, at) == 0 && strstr(l->options, "x-powerstack");
}

static int answer_fstab(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_file *f = fake_file_get(h, "/etc/fstab");
	struct fstab_line l, told = { "" };
	unsigned n = 0;
	for (const char *s = f ? f->data : ""; next_line(&s, &l);) {
		if (strcmp(l.at, about) != 0)
			continue;
		if (n++ == 0 || line_is_ours(&l, about))
			told = l;
	}
	if (!n)
		return 0;
	buf_addf(value, "n=%u\nspec=%s\ntype=%s\noptions=%s", n, told.spec, told.type,
		 told.options);
	return 1;
}

static int answer_free(struct fake_host *h, const char *about, struct buf *value)
{
	(void)h;
	(void)about;
	buf_adds(value, "size=50000000000\nfree=40000000000\ninodes=3000000\ninodes_free=2900000");
	return 1;
}

static int answer_exports(struct fake_host *h, const char *about, struct buf *value)
{
	const char *is = fake_get(h, "etab", about);
	if (is)
		buf_adds(value, is);
	return is != NULL;
}

static int answer_listen(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_unit *nfs = fake_unit_get(h, "nfs-server.service");
	const struct fake_unit *exporter = fake_unit_get(h, "powerstack-exporter.service");
	if (strcmp(about, "tcp/2049") == 0 && nfs && nfs->active)
		buf_adds(value, "0.0.0.0:2049 kernel\n[::]:2049 kernel");
	else if (strcmp(about, "tcp/9102") == 0 && exporter && exporter->active)
		buf_adds(value, "*:9102 users:((\"powerstack-expo\",pid=100,fd=7))");
	else
		return 0;
	return 1;
}

static int answer_firewall(struct fake_host *h, const char *about, struct buf *value)
{
	(void)about;
	const char *rules = fake_get(h, "ufw", "rules");
	buf_addf(value, "ufw=%s\nfirewalld=inactive\nnftables=inactive\nufw_rules=%s",
		 fake_get(h, "ufw", "active") ? "active" : "inactive", rules ? rules : "");
	return 1;
}

static int answer_clock(struct fake_host *h, const char *about, struct buf *value)
{
	(void)about;
	buf_addf(value, "now_ns=%llu000000000\ndaemon=chrony\nsynced=unknown",
		 (unsigned long long)h->clock_s);
	return 1;
}

/* ---- the disk */

static struct fake_block *partition_of(struct fake_host *h, const struct fake_block *disk)
{
	for (size_t i = 0; i < h->nblocks; i++)
		if (h->blocks[i].parent && strcmp(h->blocks[i].parent, disk->path) == 0)
			return &h->blocks[i];
	return NULL;
}

static const char *disk_state(struct fake_host *h, const struct fake_block *d,
			      const struct fake_block **ret_part)
{
	const struct fake_block *p = partition_of(h, d);
	*ret_part = p;
	if (d->fstype || d->held || d->swap || d->read_only)
		return "taken";
	if (!d->pttype && !p)
		return "free";
	if (!p || !p->label || strcmp(p->label, LABEL) != 0 || !p->parttype ||
	    strcmp(p->parttype, LINUX_TYPE) != 0)
		return "taken";
	if (!p->fstype)
		return "part";
	return strcmp(p->fstype, "btrfs") == 0 ? "ours" : "taken";
}

static int answer_blk(struct fake_host *h, const char *about, struct buf *value)
{
	const struct fake_block *part = NULL, *d = fake_block_get(h, about);
	if (!d)
		return 0;
	const char *state = disk_state(h, d, &part);
	bool own = strcmp(state, "ours") == 0 || strcmp(state, "part") == 0;
	buf_addf(value,
		 "state=%s\nname=%s\ndev=%s\nmajmin=8:16\nsize=%llu\nserials=%s\nlink=none\npart=%"
		 "s\nuuid=%s\nfound=%s",
		 state, d->path + 5, d->path, (unsigned long long)d->size,
		 d->serial ? d->serial : "", own ? part->path : "", own ? part->uuid : "",
		 strcmp(state, "taken") == 0 ? (d->fstype ? d->fstype : "something") : "");
	return 1;
}

const struct fake_question node_questions[] = {
	{ "host", answer_os },         { "addr", answer_addr },     { "file", answer_file },
	{ "text", answer_text },       { "dir", answer_dir },       { "record", answer_record },
	{ "sysctl", answer_sysctl },   { "unit", answer_unit },     { "pkg", answer_pkg },
	{ "mount", answer_mount },     { "fstab", answer_fstab },   { "free", answer_free },
	{ "exports", answer_exports }, { "listen", answer_listen }, { "firewall", answer_firewall },
	{ "clock", answer_clock },     { "blk", answer_blk },       { "iface", answer_iface },
	{ "node", answer_node },       { "api", fake_answer_api },  { "secret", fake_answer_secret },
	{ "kubelet", fake_answer_kubelet },
	{ NULL, NULL },
};

/* ---- scripts */

#define SCRIPT(name)                                                                               \
	static int name(struct fake_host *h, const struct fake_cmd *c, struct buf *out,            \
			struct buf *err)

static void record(struct fake_host *h, const char *name, const char *text)
{
	char path[512];
	fake_file_put(h, record_path(name, path, sizeof(path)), 'f', text, strlen(text), 0600,
		      "root:root");
}

static void forget(struct fake_host *h, const char *name)
{
	char path[512];
	fake_file_remove(h, record_path(name, path, sizeof(path)));
}

SCRIPT(file_put)
{
	(void)out;
	const char *content = strchr(c->in, '\n');
	unsigned char sum[crypto_hash_sha256_BYTES];
	char hex[65];
	if (!content) {
		buf_adds(err, "nothing arrived\n");
		return 1;
	}
	content++;
	size_t len = c->in_len - (size_t)(content - c->in);
	crypto_hash_sha256(sum, (const unsigned char *)content, len);
	sodium_bin2hex(hex, sizeof(hex), sum, sizeof(sum));
	if (strncmp(hex, c->in, 64) != 0) {
		buf_adds(err, "what arrived is not what was sent\n");
		return 1;
	}
	struct fake_file *f = fake_file_put(h, c->argv[0], 'f', content, len,
					    (unsigned)strtoul(c->argv[1], NULL, 8), "root:root");
	memcpy(f->sha256, hex, sizeof(hex));
	return 0;
}

/* put.sh: path, mode, owner, sha256, size */
SCRIPT(put)
{
	(void)err;
	struct fake_file *f = fake_file_put(h, c->argv[0], 'f', c->in, c->in_len,
					    (unsigned)strtoul(c->argv[1], NULL, 8), c->argv[2]);
	/* the real script compares the sum with the content, of which not all is here */
	snprintf(f->sha256, sizeof(f->sha256), "%s", c->argv[3]);
	buf_adds(out, "new\n");
	return 0;
}

SCRIPT(file_remove)
{
	(void)out;
	(void)err;
	fake_file_remove(h, c->argv[0]);
	return 0;
}

static const char *former_value(const char *text, const char *name, char *to, size_t size)
{
	char key[160];
	snprintf(key, sizeof(key), "\n# before: %s = ", name);
	const char *at = strstr(text, key);
	if (!at)
		return NULL;
	at += strlen(key);
	snprintf(to, size, "%.*s", (int)strcspn(at, "\n"), at);
	return to;
}

static void dotted(const char *name, char *to, size_t size, char from, char into)
{
	snprintf(to, size, "%s", name);
	for (char *s = to; *s; s++)
		if (*s == from)
			*s = into;
}

SCRIPT(sysctl_set)
{
	(void)out;
	(void)err;
	const struct fake_file *had = fake_file_get(h, c->argv[0]);
	AUTO_BUF struct buf text = { 0 };
	AUTO_BUF struct buf sets = { 0 };
	buf_init(&text, 8192);
	buf_init(&sets, 8192);
	buf_adds(&text, "# managed by powerstack\n"
			"# What the node had before is put back when powerstack is destroyed.\n");
	for (size_t i = 1; i + 1 < c->argc; i += 2) {
		char name[128], was[128];
		dotted(c->argv[i], name, sizeof(name), '/', '.');
		const char *before = had ? former_value(had->data, name, was, sizeof(was)) : NULL;
		buf_addf(&text, "# before: %s = %s\n", name,
			 before ? before : fake_get(h, "sysctl", c->argv[i]));
		buf_addf(&sets, "%s = %s\n", name, c->argv[i + 1]);
	}
	buf_adds(&text, buf_str(&sets));
	fake_file_put(h, c->argv[0], 'f', buf_str(&text), text.len, 0644, "root:root");
	for (size_t i = 1; i + 1 < c->argc; i += 2)
		fake_set(h, "sysctl", c->argv[i], c->argv[i + 1]);
	return 0;
}

SCRIPT(sysctl_undo)
{
	(void)out;
	(void)err;
	const struct fake_file *f = fake_file_get(h, c->argv[0]);
	for (const char *s = f ? f->data : NULL; s && (s = strstr(s, "\n# before: "));) {
		char name[128], path[128], value[128] = "";
		if (sscanf(++s, "# before: %127s = %127[^\n]", name, value) < 1)
			continue;
		dotted(name, path, sizeof(path), '.', '/');
		fake_set(h, "sysctl", path, value);
	}
	fake_file_remove(h, c->argv[0]);
	return 0;
}

/* What a package brings, itself first. */
static const char *const brings[][4] = {
	{ "fdisk", NULL },
	{ "btrfs-progs", NULL },
	{ "nfs-common", "rpcbind", "keyutils", NULL },
	{ "nfs-kernel-server", "nfs-common", "rpcbind", NULL },
};

SCRIPT(package_install)
{
	(void)out;
	for (size_t i = 0; i < COUNT(brings); i++) {
		if (strcmp(brings[i][0], c->argv[0]) != 0)
			continue;
		AUTO_BUF struct buf list = { 0 };
		char name[128];
		buf_init(&list, 1024);
		for (size_t k = 0; k < 4 && brings[i][k]; k++) {
			if (fake_get(h, "pkg", brings[i][k]))
				continue;
			fake_set(h, "pkg", brings[i][k], "1.0");
			buf_addf(&list, "%s\n", brings[i][k]);
		}
		snprintf(name, sizeof(name), "added/%s", c->argv[0]);
		record(h, name, buf_str(&list));
		if (strcmp(c->argv[0], "nfs-kernel-server") == 0)
			fake_unit_make(h, "nfs-server.service")->loaded = true;
		return 0;
	}
	buf_addf(err, "no such package: %s\n", c->argv[0]);
	return 1;
}

SCRIPT(package_remove)
{
	(void)out;
	(void)err;
	char name[128], path[512];
	snprintf(name, sizeof(name), "added/%s", c->argv[0]);
	const struct fake_file *f = fake_file_get(h, record_path(name, path, sizeof(path)));
	for (const char *s = f ? f->data : ""; *s;) {
		char package[128];
		size_t len = strcspn(s, "\n");
		snprintf(package, sizeof(package), "%.*s", (int)len, s);
		fake_unset(h, "pkg", package);
		if (strcmp(package, "nfs-kernel-server") == 0)
			fake_unit_remove(h, "nfs-server.service");
		s += len + (s[len] == '\n');
	}
	forget(h, name);
	return 0;
}

#define K3S_YAML                                                                                          \
	"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: Q0E=\n"                      \
	"    server: https://127.0.0.1:6443\n  name: default\ncontexts:\n- context:\n    cluster: default\n" \
	"    user: default\n  name: default\ncurrent-context: default\nkind: Config\nusers:\n"             \
	"- name: default\n  user:\n    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n"

SCRIPT(file_read)
{
	const struct fake_file *f = fake_file_get(h, c->argv[0]);
	if (!f) {
		buf_addf(err, "'%s' is no file\n", c->argv[0]);
		return 1;
	}
	buf_add(out, f->data, f->len);
	return 0;
}

/* ---- K3s. What a cluster knows is the state of its first server: the spaces "member" and "password" by node, and "k3s"
 * "token", which its datastore is sealed with. A node has "k3s" "version", "ip" and "password". */

#define K3S_TOKEN "/etc/rancher/k3s/token"
#define K3S_DATA "/var/lib/rancher/k3s"
#define K3S_SERVER K3S_DATA "/server"

static struct fake_host *first_server(const struct fake_host *h)
{
	return h->net->hosts[0];
}

/* The secret part of the node's token: all of it, or what is behind K10HASH::USER: */
static const char *token_of(const struct fake_host *h, char *to, size_t size)
{
	const struct fake_file *f = fake_file_get(h, K3S_TOKEN);
	const char *s = f ? f->data : "", *full = strncmp(s, "K10", 3) == 0 ? strstr(s, "::") : NULL;
	if (full && strchr(full + 2, ':'))
		s = strchr(full + 2, ':') + 1;
	snprintf(to, size, "%.*s", (int)strcspn(s, "\n"), s);
	return to;
}

/* A server starts: with the token that its datastore knows, or with a new one and a new datastore. */
static bool server_starts(struct fake_host *h, struct buf *err)
{
	const char *sealed = fake_get(h, "k3s", "token");
	char token[200];
	token_of(h, token, sizeof(token));
	if (sealed && strcmp(sealed, token) != 0) {
		buf_adds(err, "bootstrap data already found and encrypted with different token\n");
		return false;
	}
	fake_set(h, "k3s", "token", token);
	fake_file_put(h, K3S_SERVER "/db", 'd', "", 0, 0700, "root:root");
	fake_file_put(h, K3S_SERVER "/db/state.db", 'f', "data\n", 5, 0600, "root:root");
	return true;
}

SCRIPT(unit_start)
{
	(void)out;
	struct fake_unit *u = fake_unit_get(h, c->argv[0]);
	char path[512], name[128];
	snprintf(path, sizeof(path), "/etc/systemd/system/%s", c->argv[0]);
	if (!u && !fake_file_get(h, path)) {
		buf_addf(err, "unit '%s' is not-found\n", c->argv[0]);
		return 1;
	}
	if (!u)
		u = fake_unit_make(h, c->argv[0]);
	snprintf(name, sizeof(name), "unit/%s", c->argv[0]);
	if (strcmp(c->argv[1], "shared") == 0)
		record(h, name, "was inactive disabled\n");
	if (strcmp(c->argv[0], "k3s.service") == 0 && !server_starts(h, err))
		return 1;
	if (fake_get(h, "k3s", "broken")) {
		buf_addf(err, "unit '%s' did not become active\n", c->argv[0]);
		return 1;
	}
	u->loaded = u->enabled = u->active = true;
	u->starts++;
	u->started_at = h->clock_s + 1;
	/* a server writes the administrator's kubeconfig at its first start, and the same again at each */
	if (strcmp(c->argv[0], "k3s.service") == 0)
		fake_file_put(h, "/etc/rancher/k3s/k3s.yaml", 'f', K3S_YAML, sizeof(K3S_YAML) - 1, 0600,
			      "root:root");
	return 0;
}

SCRIPT(unit_stop)
{
	(void)out;
	(void)err;
	struct fake_unit *u = fake_unit_get(h, c->argv[0]);
	char name[128];
	snprintf(name, sizeof(name), "unit/%s", c->argv[0]);
	if (u)
		u->active = u->enabled = false;
	/* systemd forgets a unit of which nothing is left */
	if (u && strcmp(c->argv[1], "ours") == 0)
		fake_unit_remove(h, c->argv[0]);
	else
		forget(h, name);
	return 0;
}

static void fstab_set(struct fake_host *h, const char *at, const char *line)
{
	const struct fake_file *f = fake_file_get(h, "/etc/fstab");
	AUTO_BUF struct buf text = { 0 };
	buf_init(&text, 65536);
	for (const char *s = f ? f->data : ""; *s;) {
		const char *from = s, *probe = s;
		struct fstab_line l;
		size_t len = strcspn(s, "\n");
		len += s[len] == '\n';
		s += len;
		bool ours = next_line(&probe, &l) && probe == s && line_is_ours(&l, at);
		if (!ours)
			buf_add(&text, from, len);
	}
	if (line)
		buf_addf(&text, "%s\n", line);
	fake_file_put(h, "/etc/fstab", 'f', buf_str(&text), text.len, 0644, "root:root");
}

static void made_name(const char *at, char *to, size_t size)
{
	snprintf(to, size, "made/%s", at + 1);
	for (char *s = to + 5; *s; s++)
		if (*s == '/')
			*s = '-';
}

SCRIPT(mount_add)
{
	(void)out;
	const char *what = c->argv[1], *at = c->argv[2];
	char spec[300], source[300], name[300], line[1200], text[300];
	if (strcmp(c->argv[0], "disk") == 0) {
		const struct fake_block *part = NULL, *d = fake_block_get(h, what);
		if (!d || strcmp(disk_state(h, d, &part), "ours") != 0) {
			buf_addf(err, "'%s' does not hold powerstack's file system\n", what);
			return 1;
		}
		snprintf(spec, sizeof(spec), "UUID=%s", part->uuid);
		snprintf(source, sizeof(source), "%s", part->path);
	} else {
		snprintf(spec, sizeof(spec), "%s", what);
		snprintf(source, sizeof(source), "%s", what);
	}
	if (!fake_file_get(h, at)) {
		made_name(at, name, sizeof(name));
		snprintf(text, sizeof(text), "%s\n", at);
		record(h, name, text);
		fake_file_put(h, at, 'd', "", 0, 0755, "root:root");
	}
	snprintf(line, sizeof(line), "%s %s %s %s,x-powerstack 0 0", spec, at, c->argv[3],
		 c->argv[4]);
	fstab_set(h, at, line);
	fake_mount_put(h, at, source, c->argv[3], "rw");
	return 0;
}

SCRIPT(mount_remove)
{
	(void)out;
	(void)err;
	const char *at = c->argv[1];
	char name[300], path[512];
	fake_mount_remove(h, at);
	fstab_set(h, at, NULL);
	made_name(at, name, sizeof(name));
	if (fake_file_get(h, record_path(name, path, sizeof(path)))) {
		if (!dir_is_full(h, at))
			fake_file_remove(h, at);
		forget(h, name);
	}
	return 0;
}

SCRIPT(disk_format)
{
	(void)out;
	struct fake_block *d = fake_block_get(h, c->argv[0]);
	const struct fake_block *part = NULL;
	if (!d || strcmp(disk_state(h, d, &part), "taken") == 0 ||
	    (c->argv[3][0] && (!d->serial || strcmp(d->serial, c->argv[3]) != 0))) {
		buf_addf(err, "'%s' is not empty or not the disk that is meant\n", c->argv[0]);
		return 1;
	}
	char path[256];
	snprintf(path, sizeof(path), "%s1", d->path);
	fake_str(&d->pttype, "gpt");
	uint64_t size = d->size;
	struct fake_block *p = fake_block_get(h, path);
	if (!p)
		p = fake_block_put(h, path, size);
	fake_str(&p->parent, c->argv[0]);
	fake_str(&p->label, LABEL);
	fake_str(&p->parttype, LINUX_TYPE);
	fake_str(&p->uuid, "11111111-2222-3333-4444-555555555555");
	fake_str(&p->fstype, "btrfs");
	return 0;
}

static void remove_below(struct fake_host *h, const char *dir)
{
	size_t len = strlen(dir);
	for (size_t i = h->nfiles; i-- > 0;)
		if (strncmp(h->files[i].path, dir, len) == 0)
			fake_file_remove(h, h->files[i].path);
}

static void forget_all(struct fake_host *h, const char *space)
{
	for (size_t i = h->npairs; i-- > 0;)
		if (strcmp(h->pairs[i].space, space) == 0)
			fake_unset(h, space, h->pairs[i].key);
}

SCRIPT(disk_wipe)
{
	(void)out;
	struct fake_block *d = fake_block_get(h, c->argv[0]);
	if (!d || !d->serial || strcmp(d->serial, c->argv[3]) != 0) {
		buf_adds(err, "not the serial as typed\n");
		return 1;
	}
	struct fake_block *p = partition_of(h, d);
	if (p)
		fake_block_remove(h, p->path);
	fake_str(&fake_block_get(h, c->argv[0])->pttype, NULL);
	forget_all(h, "share");
	return 0;
}

SCRIPT(export_set)
{
	(void)out;
	(void)err;
	if (strcmp(c->argv[0], "off") == 0) {
		fake_unset(h, "etab", c->argv[1]);
		return 0;
	}
	const struct fake_file *f = fake_file_get(h, "/etc/exports.d/powerstack.exports");
	for (const char *s = f ? f->data : ""; *s;) {
		char path[256], client[256];
		if (*s != '#' && sscanf(s, "%255s %255s", path, client) == 2)
			fake_set(h, "etab", path, client);
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	return 0;
}

SCRIPT(ufw_set)
{
	(void)out;
	(void)err;
	AUTO_BUF struct buf rules = { 0 };
	buf_init(&rules, 4096);
	for (size_t i = 0; i < c->argc; i++) {
		char proto[8], port[8], net[64];
		if (sscanf(c->argv[i], "%7s %7s %63s", proto, port, net) == 3)
			buf_addf(&rules, "%sallow %s %s 0.0.0.0/0 any %s in", i ? "|" : "", proto,
				 port, net);
	}
	if (c->argc)
		fake_set(h, "ufw", "rules", buf_str(&rules));
	else
		fake_unset(h, "ufw", "rules");
	return 0;
}

SCRIPT(k3s_claim)
{
	(void)out;
	(void)err;
	char text[600];
	snprintf(text, sizeof(text), "data=%s\nrole=%s\n", c->argv[0], c->argv[1]);
	record(h, "k3s", text);
	return 0;
}

SCRIPT(k3s_links)
{
	(void)out;
	(void)err;
	static const char *const links[] = { "/usr/local/bin/kubectl", "/usr/local/bin/crictl",
					     "/usr/local/bin/ctr" };
	(void)c;
	for (size_t i = 0; i < COUNT(links); i++)
		fake_file_put(h, links[i], 'l', "k3s", 3, 0777, "root:root");
	return 0;
}

/* An agent's or another server's way in: the token, and the password of the first time. The first server's state is
 * locked; what happens on it locks nobody else's. */
static bool let_in(struct fake_host *h, const char *node, struct buf *err)
{
	static atomic_uint passwords;
	struct fake_host *first = first_server(h);
	char password[16], given[200];
	if (!fake_get(h, "k3s", "password")) {
		snprintf(password, sizeof(password), "%u", atomic_fetch_add(&passwords, 1));
		fake_set(h, "k3s", "password", password);
	}
	if (first == h)
		return true;
	pthread_mutex_lock(&first->mutex);
	const char *token = fake_get(first, "k3s", "token"), *known = fake_get(first, "password", node);
	bool in = false;
	if (!token || strcmp(token, token_of(h, given, sizeof(given))) != 0)
		buf_adds(err, "401 Unauthorized\n");
	else if (known && strcmp(known, fake_get(h, "k3s", "password")) != 0)
		buf_adds(err, "Node password rejected\n");
	else
		in = true;
	if (in) {
		fake_set(first, "password", node, fake_get(h, "k3s", "password"));
		fake_set(first, "member", node, "True");
	}
	pthread_mutex_unlock(&first->mutex);
	return in;
}

/* k3s-wait.sh: unit, data directory, node, version, seconds */
SCRIPT(k3s_wait)
{
	(void)out;
	const struct fake_unit *u = fake_unit_get(h, c->argv[0]);
	const struct fake_file *f = fake_file_get(h, "/etc/rancher/k3s/config.yaml");
	const char *at = f ? strstr(f->data, "\nnode-ip: \"") : NULL;
	char ip[64] = "";
	if (!u || !u->active || !at || sscanf(at, "\nnode-ip: \"%63[^\"]", ip) != 1) {
		buf_adds(err, "the node has not joined the cluster yet\n");
		return 1;
	}
	if (!let_in(h, c->argv[2], err))
		return 1;
	fake_unset(h, "k3s", "refused");
	fake_set(h, "k3s", "version", c->argv[3]);
	fake_set(h, "k3s", "ip", ip);
	return 0;
}

/* k3s-release.sh: sum, version */
SCRIPT(k3s_release)
{
	(void)out;
	(void)err;
	char path[512];
	const struct fake_file *f = fake_file_get(h, record_path("k3s-release", path, sizeof(path)));
	AUTO_BUF struct buf text = { 0 };
	buf_init(&text, 8192);
	buf_addf(&text, "%s=%s\n%s", c->argv[0], c->argv[1], f ? f->data : "");
	record(h, "k3s-release", buf_str(&text));
	return 0;
}

/* k3s-import.sh: archive, its sum */
SCRIPT(k3s_import)
{
	(void)out;
	(void)err;
	char name[300];
	snprintf(name, sizeof(name), "image/%s", strrchr(c->argv[0], '/') + 1);
	record(h, name, c->argv[1]);
	return 0;
}

/* k3s-member.sh: how, node, release, force */
SCRIPT(k3s_member)
{
	(void)out;
	const char *how = c->argv[0], *node = c->argv[1], *is = fake_get(h, "k3s", "version");
	struct version serves, wanted;
	if (strcmp(how, "leaving") != 0 && strcmp(c->argv[3], "force") != 0 &&
	    (!is || !version_parse(is, strlen(is), &serves) ||
	     !version_parse(c->argv[2], strlen(c->argv[2]), &wanted) ||
	     version_compare(&wanted, &serves) > 0)) {
		buf_addf(err, "the servers run %s, and no node may be newer\n", is ? is : "nothing");
		return 1;
	}
	if (strcmp(how, "staying") == 0)
		return 0;
	const char *ready = fake_get(h, "member", node);
	if (strcmp(how, "leaving") != 0 && ready && strcmp(ready, "True") == 0) {
		buf_addf(err, "node '%s' is Ready in the cluster\n", node);
		return 1;
	}
	if (strcmp(how, "rejoining") != 0)
		fake_unset(h, "member", node);
	fake_unset(h, "password", node);
	return 0;
}

/* k3s-backup.sh: data directory, release, run, copies kept */
SCRIPT(k3s_backup)
{
	(void)out;
	(void)err;
	char path[300], text[600];
	const struct fake_file *db = fake_file_get(h, K3S_SERVER "/db/state.db");
	struct fake_unit *u = fake_unit_get(h, "k3s.service");
	snprintf(path, sizeof(path), "%s/server/backup/before-%s", c->argv[0], c->argv[1]);
	snprintf(text, sizeof(text), "run=%s\npath=%s\nto=%s\n", c->argv[2], path, c->argv[1]);
	AUTO_FREE char *copy = strdup(db ? db->data : "");
	fake_file_put(h, path, 'f', copy, strlen(copy), 0600, "root:root");
	record(h, "k3s-backup", text);
	if (u && u->active)
		u->started_at = h->clock_s + 1;
	return 0;
}

/* k3s-token.sh: what, data directory, address, port */
SCRIPT(k3s_token)
{
	(void)out;
	struct fake_host *first = first_server(h);
	char token[200];
	snprintf(token, sizeof(token), "%.*s", (int)strcspn(c->in, "\n"), c->in);
	if (strcmp(c->argv[0], "rotate") == 0) {
		if (fake_get(h, "k3s", "token"))
			fake_set(h, "k3s", "token", token);
		return 0;
	}
	if (!fake_get(h, "k3s", "version"))
		return 0;
	pthread_mutex_lock(&first->mutex);
	const char *is = fake_get(first, "k3s", "token");
	bool same = is && strcmp(is, token) == 0;
	pthread_mutex_unlock(&first->mutex);
	if (!same)
		buf_adds(err, "the servers do not take the vault's token (status 401)\n");
	return !same;
}

SCRIPT(k3s_uninstall)
{
	(void)out;
	(void)err;
	(void)c;
	static const char *const gone[] = { "/usr/local/bin/kubectl", "/usr/local/bin/crictl",
					    "/usr/local/bin/ctr" };
	for (size_t i = 0; i < COUNT(gone); i++)
		if (fake_file_get(h, gone[i]))
			fake_file_remove(h, gone[i]);
	if (fake_file_get(h, "/etc/rancher/k3s/k3s.yaml"))
		fake_file_remove(h, "/etc/rancher/k3s/k3s.yaml");
	remove_below(h, K3S_DATA "/");
	fake_cluster_clear(h);
	forget_all(h, "k3s");
	forget_all(h, "member");
	forget_all(h, "password");
	remove_below(h, STATE "image/");
	forget(h, "k3s-release");
	forget(h, "k3s-backup");
	forget(h, "k3s");
	return 0;
}

const struct fake_script node_scripts[] = {
	{ "file-put", file_put, false },
	{ "file-read", file_read, true },
	{ "put", put, false },
	{ "file-remove", file_remove, false },
	{ "sysctl-set", sysctl_set, false },
	{ "sysctl-undo", sysctl_undo, false },
	{ "package-install", package_install, false },
	{ "package-remove", package_remove, false },
	{ "unit-start", unit_start, false },
	{ "unit-stop", unit_stop, false },
	{ "mount-add", mount_add, false },
	{ "mount-remove", mount_remove, false },
	{ "disk-format", disk_format, false },
	{ "disk-wipe", disk_wipe, false },
	{ "export-set", export_set, false },
	{ "ufw-set", ufw_set, false },
	{ "k3s-claim", k3s_claim, false },
	{ "k3s-links", k3s_links, false },
	{ "k3s-wait", k3s_wait, false },
	{ "k3s-uninstall", k3s_uninstall, false },
	{ "k3s-release", k3s_release, false },
	{ "k3s-import", k3s_import, false },
	{ "k3s-member", k3s_member, false },
	{ "k3s-backup", k3s_backup, false },
	{ "k3s-token", k3s_token, false },
	{ "kube-put", fake_kube_put, false },
	{ "kube-take", fake_kube_take, false },
	{ "kube-claim", fake_kube_claim, false },
	{ "class-default", fake_class_default, false },
	{ "release-put", fake_release_put, false },
	{ "release-take", fake_release_take, false },
	{ "grafana-password", fake_grafana_password, false },
	{ "share-dirs", fake_share_dirs, false },
	{ "share-remove", fake_share_remove, false },
	{ "record-set", fake_record_set, false },
	{ "rancher-clean", fake_rancher_clean, false },
	{ "account-token", fake_account_token, true },
	{ "kubelet-wait", fake_kubelet_wait, false },
	{ NULL, NULL, false },
};

void node_make_bare(struct fake_host *h, const struct host *inv_host)
{
	static const char fstab[] = "# <file system> <mount point> <type> <options> <dump> <pass>\n"
				    "UUID=0000-1111 / ext4 errors=remount-ro 0 1\n";
	fake_file_put(h, "/etc/fstab", 'f', fstab, sizeof(fstab) - 1, 0644, "root:root");
	fake_set(h, "addr", inv_host->internal_ip, "eth1");
	fake_set(h, "sysctl", "kernel/perf_event_paranoid", "3");
	fake_set(h, "sysctl", "net/ipv4/ip_forward", "0");
	fake_set(h, "pkg", "dpkg", "1.21");
	if (!inv_host->disk)
		return;
	struct fake_block *d = fake_block_put(h, inv_host->disk, 500ull << 30);
	fake_str(&d->serial, inv_host->disk_serial ? inv_host->disk_serial : "S1");
}
