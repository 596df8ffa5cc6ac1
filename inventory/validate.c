/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/validate.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ydoc.h"
#include "inventory/show.h"
#include "inventory/types.h"

const struct spot *checked_spot(const struct checked *c, const struct host *host, const char *key)
{
	size_t row = host ? (size_t)(host - c->inv->hosts) : c->inv->nhosts;
	return &c->spots[row * nschema + (size_t)(schema_find(key) - schema)];
}

static bool is_sound(const struct checked *c, const struct host *h, const char *key)
{
	enum fstate s = checked_spot(c, h, key)->state;
	return s == FS_GIVEN || s == FS_FALLBACK;
}

static bool is_given(const struct checked *c, const struct host *h, const char *key)
{
	return checked_spot(c, h, key)->state == FS_GIVEN;
}

static struct place at(const struct checked *c, const struct host *h, const char *key)
{
	return checked_spot(c, h, key)->at;
}

static struct place at_host(const struct host *h)
{
	return (struct place){ h->line, h->column };
}

/* " (line 7)", or nothing for a value that stands in no line. */
struct where {
	char text[32];
};

static struct where on_line(struct place p)
{
	struct where w = { "" };
	if (p.line)
		snprintf(w.text, sizeof(w.text), " (line %u)", p.line);
	return w;
}

#define EACH_HOST(c, h) \
	for (const struct host *h = (c)->inv->hosts; h < (c)->inv->hosts + (c)->inv->nhosts; h++)

/* ---- names and addresses */

static void names_differ(const struct checked *c)
{
	EACH_HOST(c, h)
	{
		if (!is_sound(c, h, "node_name"))
			continue;
		for (const struct host *o = c->inv->hosts; o < h; o++)
			if (o->node_name && strcmp(h->node_name, o->node_name) == 0) {
				problem_at(c->p, at(c, h, "node_name"),
					   "node_name: '%s' is also host '%.80s'%s; every node has "
					   "a name of its own, also after lower-casing",
					   h->node_name, o->key,
					   on_line(at(c, o, "node_name")).text);
				break;
			}
	}
}

static void tell_same(const struct checked *c, const struct host *h, const char *key,
		      const char *value, const struct host *o, const char *other_key)
{
	problem_at(c->p, at(c, h, key),
		   "%s: '%s' is also %s of '%.80s'%s; it belongs to one of them", key, value,
		   other_key, o->name, on_line(at(c, o, other_key)).text);
}

static bool is_same_machine(const struct host *a, const struct host *b)
{
	unsigned pa = a->port ? a->port : 22, pb = b->port ? b->port : 22;
	return strcmp(a->address, b->address) == 0 && pa == pb &&
	       strcmp(a->jump ? a->jump : "", b->jump ? b->jump : "") == 0;
}

static void addresses_differ(const struct checked *c)
{
	EACH_HOST(c, h)
		for (const struct host *o = c->inv->hosts; o < h; o++) {
			if (h->internal_ip && o->internal_ip &&
			    strcmp(h->internal_ip, o->internal_ip) == 0)
				tell_same(c, h, "internal_ip", h->internal_ip, o, "internal_ip");
			if (is_given(c, h, "external_ip") && is_given(c, o, "external_ip") &&
			    strcasecmp(h->external_ip, o->external_ip) == 0)
				tell_same(c, h, "external_ip", h->external_ip, o, "external_ip");
			if (h->bmc_ip && o->bmc_ip && strcmp(h->bmc_ip, o->bmc_ip) == 0)
				tell_same(c, h, "BMC_ip", h->bmc_ip, o, "BMC_ip");
			if (h->address && o->address && is_same_machine(h, o))
				tell_same(c, h, "ansible_host", h->address, o, "ansible_host");
		}
}

static void bmc_is_no_node(const struct checked *c)
{
	EACH_HOST(c, h)
		EACH_HOST(c, o)
		{
			if (!h->bmc_ip)
				continue;
			if (o->internal_ip && strcmp(h->bmc_ip, o->internal_ip) == 0)
				tell_same(c, h, "BMC_ip", h->bmc_ip, o, "internal_ip");
			else if (o->external_ip && strcmp(h->bmc_ip, o->external_ip) == 0)
				tell_same(c, h, "BMC_ip", h->bmc_ip, o, "external_ip");
			else if (o->address && strcmp(h->bmc_ip, o->address) == 0)
				tell_same(c, h, "BMC_ip", h->bmc_ip, o, "ansible_host");
		}
}

static bool is_loopback(const struct net *n)
{
	static const unsigned char six[16] = { [15] = 1 };
	return n->v6 ? memcmp(n->addr, six, 16) == 0 : n->addr[0] == 127;
}

static void nodes_reach_each_other(const struct checked *c)
{
	struct net n;
	EACH_HOST(c, h)
		if (c->inv->nhosts > 1 && h->internal_ip && net_parse(h->internal_ip, &n) &&
		    is_loopback(&n))
			problem_at(c->p, at(c, h, "internal_ip"),
				   "internal_ip: '%s' is this machine itself to every node; give "
				   "the address that the other nodes reach '%.80s' by",
				   h->internal_ip, h->name);
}

/* Is ip the network's own or its broadcast address? */
static bool is_edge(const struct net *net, const struct net *ip)
{
	bool zeros = true, ones = true;
	for (unsigned i = net->bits; i < 32; i++) {
		bool bit = ip->addr[i / 8] >> (7 - i % 8) & 1;
		zeros = zeros && !bit;
		ones = ones && bit;
	}
	return zeros || ones;
}

static void nodes_are_in_nfs_network(const struct checked *c)
{
	struct net net, ip;
	if (!is_sound(c, NULL, "nfs_network") || !net_parse(c->inv->nfs_network, &net))
		return;
	EACH_HOST(c, h)
	{
		if (!h->internal_ip || !net_parse(h->internal_ip, &ip))
			continue;
		if (!net_holds(&net, &ip))
			problem_at(c->p, at(c, h, "internal_ip"),
				   "internal_ip: '%s' is outside nfs_network %s%s: '%.80s' could "
				   "not mount the export; correct one of them",
				   h->internal_ip, c->inv->nfs_network,
				   on_line(at(c, NULL, "nfs_network")).text, h->name);
		else if (!net.v6 && net.bits < 31 && is_edge(&net, &ip))
			problem_at(c->p, at(c, h, "internal_ip"),
				   "internal_ip: '%s' is the first or last address of %s, which no "
				   "machine can have",
				   h->internal_ip, c->inv->nfs_network);
	}
}

static void control_node_is_the_first_server(const struct checked *c)
{
	const struct host *h = c->inv->control;
	if (!h || !h->node_name || !is_given(c, NULL, "control_node_name"))
		return;
	if (strcmp(c->inv->control_node_name, h->node_name) != 0)
		problem_at(c->p, at(c, NULL, "control_node_name"),
			   "control_node_name: '%s' is not the first server, which is '%s'%s; "
			   "correct it or put '%s' first",
			   c->inv->control_node_name, h->node_name, on_line(at_host(h)).text,
			   c->inv->control_node_name);
}

/* Does text name that host by one of its addresses or names? */
static bool names_host(const struct host *h, const char *text)
{
	const char *const by[] = { h->internal_ip, h->external_ip, h->address, h->key,
				   h->node_name };
	for (size_t i = 0; i < COUNT(by); i++)
		if (by[i] && strcasecmp(by[i], text) == 0)
			return true;
	return false;
}

static void nfs_server_is_the_control_node(const struct checked *c)
{
	const struct host *h = c->inv->control;
	struct net n;
	if (!h || !is_given(c, NULL, "nfs_server") || names_host(h, c->inv->nfs_server))
		return;
	EACH_HOST(c, o)
		if (names_host(o, c->inv->nfs_server)) {
			problem_at(c->p, at(c, NULL, "nfs_server"),
				   "nfs_server: '%s' is '%.80s', but the control node '%.80s' "
				   "exports the volume; write %s or take the key out",
				   c->inv->nfs_server, o->name, h->name,
				   h->internal_ip ? h->internal_ip : "its internal_ip");
			return;
		}
	if (net_parse(c->inv->nfs_server, &n))
		problem_at(c->p, at(c, NULL, "nfs_server"),
			   "nfs_server: '%s' is no address of the control node '%.80s'; write %s "
			   "or take the key out",
			   c->inv->nfs_server, h->name,
			   h->internal_ip ? h->internal_ip : "its internal_ip");
}

static void api_is_on_a_server(const struct checked *c)
{
	if (!is_given(c, NULL, "api_endpoint"))
		return;
	EACH_HOST(c, h)
		if (h->roles & ROLE_SERVER && names_host(h, c->inv->api_endpoint))
			return;
	EACH_HOST(c, h)
		if (names_host(h, c->inv->api_endpoint))
			problem_at(c->p, at(c, NULL, "api_endpoint"),
				   "api_endpoint: '%s' is the agent '%.80s'; the API is on the "
				   "servers",
				   c->inv->api_endpoint, h->name);
}

static void servers_can_vote(const struct checked *c)
{
	size_t servers = 0;
	EACH_HOST(c, h)
		servers += (h->roles & ROLE_SERVER) != 0;
	if (servers && servers % 2 == 0 && !c->inv->use_external_database)
		warning_at(c->p, at_host(&c->inv->hosts[servers - 1]),
			   "%zu servers survive the loss of no more nodes than %zu do: etcd wants "
			   "an odd number",
			   servers, servers - 1);
}

/* ---- sizes */

static const struct {
	const char *volume, *claim;
	size_t volume_at, claim_at;
} volumes[] = {
#define ROW(app)                                                                                  \
	{ "pv_size_" #app, "pvc_size_" #app, offsetof(struct inventory, pv_size_##app),          \
	  offsetof(struct inventory, pvc_size_##app) }
	ROW(grafana),
	ROW(prometheus),
	ROW(alertmanager),
#undef ROW
};

static uint64_t size_at(const struct checked *c, size_t offset)
{
	uint64_t n;
	memcpy(&n, (const unsigned char *)c->inv + offset, sizeof(n));
	return n;
}

struct size_text {
	char text[40];
};

static struct size_text size_text(uint64_t bytes)
{
	struct size_text t;
	AUTO_BUF struct buf b;
	buf_init(&b, sizeof(t.text) - 1);
	type_print_size(bytes, &b);
	snprintf(t.text, sizeof(t.text), "%s", buf_str(&b));
	return t;
}

static void claims_fit_volumes(const struct checked *c)
{
	for (size_t i = 0; i < COUNT(volumes); i++) {
		if (!is_sound(c, NULL, volumes[i].volume) || !is_sound(c, NULL, volumes[i].claim))
			continue;
		uint64_t volume = size_at(c, volumes[i].volume_at),
			 claim = size_at(c, volumes[i].claim_at);
		if (claim > volume)
			problem_at(c->p, at(c, NULL, volumes[i].claim),
				   "%s: %s is more than %s has (%s%s); a claim is at most as big "
				   "as its volume",
				   volumes[i].claim, size_text(claim).text, volumes[i].volume,
				   size_text(volume).text,
				   on_line(at(c, NULL, volumes[i].volume)).text);
	}
}

static void volumes_fit_the_class(const struct checked *c)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < COUNT(volumes); i++) {
		if (!is_sound(c, NULL, volumes[i].volume) ||
		    __builtin_add_overflow(sum, size_at(c, volumes[i].volume_at), &sum))
			return;
	}
	if (is_sound(c, NULL, "storageclass_size") && sum > c->inv->storageclass_size)
		problem_at(c->p, at(c, NULL, "storageclass_size"),
			   "storageclass_size: %s is less than the volumes together (%s); make it "
			   "at least that",
			   size_text(c->inv->storageclass_size).text, size_text(sum).text);
}

/* ---- the disk */

/* What a path below /dev/disk is good for. */
static const struct {
	const char *folder;
	bool possible, proves;		/* proves: it names one physical disk, no serial needed */
	const char *why;
} disk_folders[] = {
	{ "/dev/disk/by-id/", true, true, "" },
	{ "/dev/disk/by-path/", true, false, "names a slot, whatever disk is in it" },
	{ "/dev/disk/by-diskseq/", false, false, "changes with every boot" },
	{ "/dev/disk/by-uuid/", false, false, "names a file system, and the disk must be empty" },
	{ "/dev/disk/by-label/", false, false, "names a file system, and the disk must be empty" },
	{ "/dev/disk/by-partuuid/", false, false, "names a partition, and the disk must be empty" },
	{ "/dev/disk/by-partlabel/", false, false,
	  "names a partition, and the disk must be empty" },
};

/* Kernel names of disks: letters are of the disk, then how a partition is told. */
static const struct {
	const char *stem;
	bool lettered;			/* sda + 1; else nvme0n1 + p1 */
} disk_stems[] = {
	{ "sd", true }, { "vd", true }, { "xvd", true }, { "hd", true }, { "dasd", true },
	{ "nvme", false }, { "mmcblk", false }, { "loop", false }, { "nbd", false },
	{ "pmem", false },
};

enum disk_name { DISK_WHOLE, DISK_PARTITION, DISK_UNKNOWN };

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static enum disk_name kernel_name(const char *name)
{
	for (size_t i = 0; i < COUNT(disk_stems); i++) {
		size_t n = strlen(disk_stems[i].stem);
		if (strncmp(name, disk_stems[i].stem, n) != 0)
			continue;
		const char *p = name + n;
		if (disk_stems[i].lettered) {
			size_t letters = strspn(p, "abcdefghijklmnopqrstuvwxyz");
			p += letters;
			if (!letters)
				continue;
			return !*p ? DISK_WHOLE : !p[digits(p)] ? DISK_PARTITION : DISK_UNKNOWN;
		}
		if (!digits(p))
			continue;
		p += digits(p);
		if (strcmp(disk_stems[i].stem, "nvme") == 0) {
			if (*p != 'n' || !digits(p + 1))
				return DISK_UNKNOWN;
			p += 1 + digits(p + 1);
		}
		if (!*p)
			return DISK_WHOLE;
		return *p == 'p' && digits(p + 1) && !p[1 + digits(p + 1)] ? DISK_PARTITION
									   : DISK_UNKNOWN;
	}
	return DISK_UNKNOWN;
}

static bool ends_in_part(const char *s)
{
	const char *p = strstr(s, "-part");
	return p && digits(p + 5) && !p[5 + digits(p + 5)];
}

#define FIND_DISK "'ls -l /dev/disk/by-id' there lists stable paths"
#define FIND_SERIAL "'lsblk -dno SERIAL DISK' prints it"

/* Tells why path cannot be the disk and returns false; *proves: no serial is needed. */
static bool check_disk(const struct checked *c, const struct host *h, const char *key,
		       const char *path, bool *proves)
{
	struct place where = at(c, h, key);
	*proves = false;
	for (size_t i = 0; i < COUNT(disk_folders); i++) {
		size_t n = strlen(disk_folders[i].folder);
		if (strncmp(path, disk_folders[i].folder, n) != 0)
			continue;
		*proves = disk_folders[i].proves;
		if (!disk_folders[i].possible)
			problem_at(c->p, where, "%s: '%.120s' %s; " FIND_DISK, key, path,
				   disk_folders[i].why);
		else if (ends_in_part(path))
			problem_at(c->p, where,
				   "%s: '%.120s' is a partition; the whole disk is wanted, without "
				   "'%s'",
				   key, path, strstr(path, "-part"));
		else if (strncmp(path + n, "dm-", 3) == 0 || strncmp(path + n, "md-", 3) == 0 ||
			 strncmp(path + n, "lvm-", 4) == 0)
			problem_at(c->p, where,
				   "%s: '%.120s' belongs to LVM, RAID or the device mapper; a "
				   "whole disk of its own is wanted; " FIND_DISK,
				   key, path);
		else
			return true;
		return false;
	}
	enum disk_name kind = strchr(path + 5, '/') ? DISK_UNKNOWN : kernel_name(path + 5);
	if (kind == DISK_PARTITION)
		problem_at(c->p, where, "%s: '%.120s' is a partition; the whole disk is wanted",
			   key, path);
	else if (kind == DISK_UNKNOWN)
		problem_at(c->p, where,
			   "%s: '%.120s' is no name of a whole disk (sd, vd, xvd, nvme, mmcblk, "
			   "...); " FIND_DISK,
			   key, path);
	return kind == DISK_WHOLE;
}

static void disk_is_named(const struct checked *c)
{
	const struct host *h = c->inv->control;
	bool proves;
	if (!h)
		return;
	if (checked_spot(c, h, "disk_for_persistent_storage")->state == FS_NONE)
		problem_at(c->p, at(c, h, "disk_for_persistent_storage"),
			   "disk_for_persistent_storage is missing: name the empty disk of '%.80s' "
			   "that becomes the data volume; " FIND_DISK,
			   h->name);
	if (!h->disk || !check_disk(c, h, "disk_for_persistent_storage", h->disk, &proves))
		return;
	if (proves || checked_spot(c, h, "disk_serial")->state != FS_NONE)
		return;
	struct place where = at(c, h, "disk_for_persistent_storage");
	if (strncmp(h->disk, "/dev/loop", 9) == 0)
		warning_at(c->p, where,
			   "disk_for_persistent_storage: '%s' is a loop device: it has no serial, "
			   "and its number may change; fit for tests only",
			   h->disk);
	else
		problem_at(c->p, where,
			   "disk_for_persistent_storage: '%.120s' %s; name it by "
			   "/dev/disk/by-id/... (" FIND_DISK "), or add disk_serial: (" FIND_SERIAL
			   ")",
			   h->disk,
			   strchr(h->disk + 5, '/') ? disk_folders[1].why
						    : "may be another disk after a reboot");
}

static void other_disks_are_idle(const struct checked *c)
{
	bool proves;
	EACH_HOST(c, h)
	{
		if (h->disk_for_testing &&
		    check_disk(c, h, "disk_for_testing", h->disk_for_testing, &proves) && h->disk &&
		    strcmp(h->disk, h->disk_for_testing) == 0)
			problem_at(c->p, at(c, h, "disk_for_testing"),
				   "disk_for_testing: '%s' is also disk_for_persistent_storage%s: "
				   "benchmarks would destroy the data",
				   h->disk, on_line(at(c, h, "disk_for_persistent_storage")).text);
		if (h->disk_serial &&
		    checked_spot(c, h, "disk_for_persistent_storage")->state == FS_NONE)
			problem_at(c->p, at(c, h, "disk_serial"),
				   "disk_serial: it stands without disk_for_persistent_storage");
		else if (h->disk && !(h->roles & ROLE_CONTROL))
			warning_at(c->p, at(c, h, "disk_for_persistent_storage"),
				   "disk_for_persistent_storage: only the control node's disk is "
				   "used, '%.80s' is none",
				   h->name);
	}
}

/* ---- paths */

/* Folders that belong to the system: themselves, or with everything below. */
static const struct {
	const char *path;
	bool below;
} system_folders[] = {
	{ "/bin", true }, { "/boot", true }, { "/dev", true }, { "/etc", true }, { "/lib", true },
	{ "/lib32", true }, { "/lib64", true }, { "/libx32", true }, { "/proc", true },
	{ "/run", true },
	{ "/sbin", true }, { "/sys", true }, { "/tmp", true }, { "/usr", true },
	{ "/lost+found", true },
	{ "/var/run", true }, { "/var/tmp", true }, { "/var/lib/dpkg", true },
	{ "/var/lib/kubelet", true }, { "/var/lib/rancher", true }, { "/var/lib/apt", true },
	{ "/", false }, { "/home", false }, { "/media", false }, { "/mnt", false },
	{ "/opt", false },
	{ "/root", false }, { "/snap", false }, { "/srv", false }, { "/var", false },
	{ "/var/lib", false },
	{ "/var/log", false }, { "/var/cache", false }, { "/usr/local", false },
	{ "/var/lib/nfs", true },
};

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool has_trailing_slash(const char *path)
{
	size_t n = strlen(path);
	return n > 1 && path[n - 1] == '/';
}

static void export_path_is_free(const struct checked *c)
{
	const char *path = c->inv->export_path;
	struct place where = at(c, NULL, "export_path");
	if (!is_sound(c, NULL, "export_path"))
		return;
	if (has_trailing_slash(path)) {
		problem_at(c->p, where, "export_path: '%.120s' ends in '/'; write '%.*s'", path,
			   (int)strlen(path) - 1, path);
		return;
	}
	if (strstr(path, "/./") || strchr(path, ':')) {
		problem_at(c->p, where,
			   "export_path: '%.120s': '/./' and ':' are not possible in it", path);
		return;
	}
	for (size_t i = 0; i < COUNT(system_folders); i++)
		if (system_folders[i].below ? is_below(path, system_folders[i].path) :
					      strcmp(path, system_folders[i].path) == 0) {
			problem_at(c->p, where,
				   "export_path: '%.120s' belongs to the system: the data volume "
				   "would be mounted over it; use a folder of its own such as "
				   "/mnt/data",
				   path);
			return;
		}
	if (is_sound(c, NULL, "k3s_server_location") && is_below(c->inv->k3s_server_location, path))
		problem_at(c->p, where,
			   "export_path: k3s_server_location '%.120s'%s is inside it: the "
			   "cluster's own data would be exported",
			   c->inv->k3s_server_location,
			   on_line(at(c, NULL, "k3s_server_location")).text);
}

static void k3s_location_is_free(const struct checked *c)
{
	const char *path = c->inv->k3s_server_location;
	if (!is_given(c, NULL, "k3s_server_location"))
		return;
	if (has_trailing_slash(path))
		problem_at(c->p, at(c, NULL, "k3s_server_location"),
			   "k3s_server_location: '%.120s' ends in '/'; write '%.*s'", path,
			   (int)strlen(path) - 1, path);
	for (size_t i = 0; i < COUNT(system_folders); i++)
		if (!is_below(path, "/var/lib/rancher") && !is_below(path, "/usr/local") &&
		    (system_folders[i].below ? is_below(path, system_folders[i].path)
					     : strcmp(path, system_folders[i].path) == 0))
			problem_at(c->p, at(c, NULL, "k3s_server_location"),
				   "k3s_server_location: '%.120s' belongs to the system; use a "
				   "folder of its own such as /var/lib/rancher/k3s",
				   path);
}

/* ---- networks */

static void networks_are_apart(const struct checked *c)
{
	static const char *const keys[] = { "cluster_cidr", "service_cidr", "nfs_network" };
	const char *const texts[] = { c->inv->cluster_cidr, c->inv->service_cidr,
				      c->inv->nfs_network };
	struct net a, b;
	for (size_t i = 0; i < COUNT(keys); i++)
		for (size_t k = 0; k < i; k++) {
			bool hit = false;
			for (size_t m = 0; texts[i] && texts[k] && net_parse_nth(texts[i], m, &a);
			     m++)
				for (size_t n = 0; net_parse_nth(texts[k], n, &b); n++)
					hit = hit || net_overlaps(&a, &b);
			/* told at one that the user wrote */
			bool here = is_given(c, NULL, keys[i]);
			const char *key = here ? keys[i] : keys[k],
				   *other = here ? keys[k] : keys[i];
			if (hit)
				problem_at(c->p, at(c, NULL, key),
					   "%s: '%s' overlaps %s '%s'%s; choose networks apart",
					   key, here ? texts[i] : texts[k], other,
					   here ? texts[k] : texts[i],
					   on_line(at(c, NULL, other)).text);
		}
}

static void nodes_are_outside_the_pods(const struct checked *c)
{
	static const char *const networks[] = { "cluster_cidr", "service_cidr" };
	const char *const texts[] = { c->inv->cluster_cidr, c->inv->service_cidr };
	EACH_HOST(c, h)
	{
		static const char *const keys[] = { "internal_ip", "external_ip", "BMC_ip",
						    "ansible_host" };
		const char *const values[] = { h->internal_ip, h->external_ip, h->bmc_ip,
					       h->address };
		for (size_t i = 0; i < COUNT(keys); i++)
			for (size_t k = 0; k < COUNT(networks); k++) {
				struct net ip, net;
				if (!values[i] || !texts[k] || !net_parse(values[i], &ip) ||
				    (i && !is_given(c, h, keys[i])))
					continue;
				for (size_t m = 0; net_parse_nth(texts[k], m, &net); m++)
					if (net_holds(&net, &ip))
						problem_at(
							c->p, at(c, h, keys[i]),
							"%s: '%s' is inside %s %s%s: the cluster "
							"would not reach it; choose another %s",
							keys[i], values[i], networks[k], texts[k],
							on_line(at(c, NULL, networks[k])).text,
							networks[k]);
			}
	}
}

/* Kubernetes gives each node a /24 (IPv4) of the pod network and serves at most 2^20 service
 * addresses. */
static void networks_have_room(const struct checked *c)
{
	struct net n;
	for (size_t i = 0;
	     is_sound(c, NULL, "cluster_cidr") && net_parse_nth(c->inv->cluster_cidr, i, &n); i++) {
		unsigned node_bits = n.v6 ? 64 : 24;
		if (n.bits > node_bits ||
		    (node_bits - n.bits < 20 && c->inv->nhosts > (size_t)1 << (node_bits - n.bits)))
			problem_at(c->p, at(c, NULL, "cluster_cidr"),
				   "cluster_cidr: '%s' is too small: every node takes a /%u of it, "
				   "and there are %zu nodes",
				   c->inv->cluster_cidr, node_bits, c->inv->nhosts);
	}
	for (size_t i = 0;
	     is_sound(c, NULL, "service_cidr") && net_parse_nth(c->inv->service_cidr, i, &n); i++)
		if (n.bits < (n.v6 ? 108u : 12u))
			problem_at(c->p, at(c, NULL, "service_cidr"),
				   "service_cidr: '%s' is bigger than Kubernetes accepts: at least "
				   "/%u",
				   c->inv->service_cidr, n.v6 ? 108u : 12u);
}

/* ---- ports */

static void ports_differ(const struct checked *c)
{
	const struct {
		const char *key;
		unsigned port;
	} rows[] = {
		{ "prometheus_custom_nodeport", c->inv->prometheus_nodeport },
		{ "grafana_custom_nodeport", c->inv->grafana_nodeport },
		{ "alertmanager_custom_nodeport", c->inv->alertmanager_nodeport },
		{ "rancher_custom_nodeport", c->inv->rancher_nodeport },
		{ "prometheus_kepler_port", c->inv->exporter_port },
		{ "api_port", c->inv->api_port },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t k = 0; rows[i].port && k < i; k++) {
			if (rows[i].port != rows[k].port)
				continue;
			/* told at one that the user wrote */
			bool here = is_given(c, NULL, rows[i].key);
			size_t told = here ? i : k, other = here ? k : i;
			problem_at(c->p, at(c, NULL, rows[told].key),
				   "%s: %u is also %s%s; every port is used once", rows[told].key,
				   rows[i].port, rows[other].key,
				   on_line(at(c, NULL, rows[other].key)).text);
		}
}

/* Ports that nodes of such a cluster use already. */
static const struct {
	unsigned port;
	const char *what;
} taken_ports[] = {
	{ 22, "ssh" }, { 80, "the ingress" }, { 111, "rpcbind" }, { 443, "the ingress" },
	{ 2049, "NFS" }, { 2379, "etcd" }, { 2380, "etcd" }, { 2381, "etcd" },
	{ 5001, "K3s' image mirror" },
	{ 6443, "the Kubernetes API" }, { 6444, "K3s" }, { 8472, "flannel" },
	{ 9100, "node_exporter" },
	{ 10010, "containerd" }, { 10248, "the kubelet" }, { 10249, "kube-proxy" },
	{ 10250, "the kubelet" },
	{ 10256, "kube-proxy" }, { 10257, "the controller manager" },
	{ 10258, "the cloud controller" },
	{ 10259, "the scheduler" },
};

static void ports_are_free(const struct checked *c)
{
	const struct {
		const char *key;
		unsigned port, own;
	} rows[] = {
		{ "prometheus_kepler_port", c->inv->exporter_port, 0 },
		{ "api_port", c->inv->api_port, 6443 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!is_given(c, NULL, rows[i].key) || !rows[i].port)
			continue;
		for (size_t k = 0; k < COUNT(taken_ports); k++)
			if (taken_ports[k].port == rows[i].port && rows[i].port != rows[i].own &&
			    !(rows[i].port == 6443 && c->inv->api_port != 6443))
				problem_at(c->p, at(c, NULL, rows[i].key),
					   "%s: port %u belongs to %s on the nodes", rows[i].key,
					   rows[i].port, taken_ports[k].what);
		if (rows[i].port >= 30000 && rows[i].port <= 32767)
			problem_at(c->p, at(c, NULL, rows[i].key),
				   "%s: ports 30000 to 32767 are Kubernetes' NodePorts; choose "
				   "another",
				   rows[i].key);
	}
}

/* ---- applications */

static void namespaces_are_ours(const struct checked *c)
{
	const struct {
		const char *key, *name;
	} rows[] = {
		{ "monitoring_namespace", c->inv->monitoring_namespace },
		{ "testing_namespace", c->inv->testing_namespace },
		{ "benchmarking_namespace", c->inv->benchmarking_namespace },
	};
	static const char *const taken[] = { "default",         "kube-system",   "kube-public",
					     "kube-node-lease", "cattle-system", "cert-manager" };
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!is_sound(c, NULL, rows[i].key))
			continue;
		for (size_t k = 0; k < COUNT(taken); k++)
			if (strcmp(rows[i].name, taken[k]) == 0)
				problem_at(c->p, at(c, NULL, rows[i].key),
					   "%s: '%s' is not ours, and destroy deletes a namespace "
					   "with all that is in it; choose one of its own",
					   rows[i].key, rows[i].name);
		for (size_t k = 0; k < i; k++) {
			bool here = is_given(c, NULL, rows[i].key);
			const char *key = here ? rows[i].key : rows[k].key,
				   *other = here ? rows[k].key : rows[i].key;
			if (rows[k].name && strcmp(rows[i].name, rows[k].name) == 0)
				problem_at(c->p, at(c, NULL, key),
					   "%s: '%s' is also %s%s; every namespace is used once",
					   key, rows[i].name, other,
					   on_line(at(c, NULL, other)).text);
		}
	}
}

static uint64_t milliseconds(const struct checked *c, const char *duration)
{
	struct arena a = { .max = 1000 };
	struct tctx t = { .a = &a };
	static const struct field any = { .key = "", .type = T_DURATION };
	struct fvalue v;
	bool ok = type_parse(&t, &any, duration, &v);
	arena_clear(&a);
	c->p->a->failed = c->p->a->failed || a.failed;
	return ok ? v.n : 0;
}

static void scrapes_see_news(const struct checked *c)
{
	if (!is_sound(c, NULL, "prometheus_scrape_interval") ||
	    !is_sound(c, NULL, "exporter_interval"))
		return;
	bool here = is_given(c, NULL, "exporter_interval");
	if (milliseconds(c, c->inv->exporter_interval) >
	    milliseconds(c, c->inv->prometheus_scrape_interval))
		warning_at(c->p,
			   at(c, NULL, here ? "exporter_interval" : "prometheus_scrape_interval"),
			   "exporter_interval: the meters are read every %s but asked for every "
			   "%s: scrapes in between see nothing new",
			   c->inv->exporter_interval, c->inv->prometheus_scrape_interval);
}

static void bmc_can_be_asked(const struct checked *c)
{
	EACH_HOST(c, h)
	{
		bool user = h->bmc_user.entry, password = h->bmc_password.entry;
		if (user != password && checked_spot(c, h, "bmc_user")->state != FS_BAD &&
		    checked_spot(c, h, "bmc_password")->state != FS_BAD)
			problem_at(c->p, at(c, h, user ? "bmc_user" : "bmc_password"),
				   "%s stands without %s; both are needed",
				   user ? "bmc_user" : "bmc_password",
				   user ? "bmc_password" : "bmc_user");
		else if (user && !h->bmc_ip && checked_spot(c, h, "BMC_ip")->state == FS_NONE)
			warning_at(c->p, at_host(h),
				   "'%.80s' has no BMC_ip: its management controller is not read",
				   h->name);
	}
	if (c->inv->bmc_insecure && is_given(c, NULL, "bmc_ca_file"))
		warning_at(c->p, at(c, NULL, "bmc_tls_skip_verify"),
			   "bmc_tls_skip_verify: certificates are not checked, so bmc_ca_file%s "
			   "has no effect",
			   on_line(at(c, NULL, "bmc_ca_file")).text);
}

/* One sentence for all hosts: PowerStack's own inventories name no user for the controllers. */
static void bmc_users_are_known(const struct checked *c)
{
	const struct host *first = NULL;
	EACH_HOST(c, h)
		if (!first && h->bmc_ip && checked_spot(c, h, "bmc_user")->state == FS_NONE)
			first = h;
	if (first)
		warning_at(c->p, at(c, first, "BMC_ip"),
			   "BMC_ip: management controllers are read only when bmc_user: and "
			   "bmc_password: name vault entries, e.g. bmc_user: \"{{ "
			   "ansible_vault.xclarityUser }}\"");
}

/* ---- K3s' options */

/* Options of k3s that a key of ours stands for (K3s documentation, "k3s server", "k3s agent"). */
static const struct {
	const char *option;
	const char *key;		/* NULL: a secret */
	bool of_host;
} k3s_options[] = {
	{ "cluster-cidr", "cluster_cidr", false },
	{ "service-cidr", "service_cidr", false },
	{ "data-dir", "k3s_server_location", false },
	{ "https-listen-port", "api_port", false },
	{ "node-ip", "internal_ip", true },
	{ "node-name", "node_name", true },
	{ "token", NULL, false },
	{ "agent-token", NULL, false },
	{ "etcd-s3-access-key", NULL, false },
	{ "etcd-s3-secret-key", NULL, false },
	{ "etcd-s3-session-token", NULL, false },
	{ "vpn-auth", NULL, false },
};

/* One option with its value, from extra_*_args of h (in_key there) or from server_config_yaml (h
 * NULL). */
static void check_option(const struct checked *c, const struct host *h, const char *in_key,
			 const char *option, const char *value)
{
	struct place where = at(c, h, in_key);
	for (size_t i = 0; i < COUNT(k3s_options); i++) {
		const char *key = k3s_options[i].key;
		if (strcmp(option, k3s_options[i].option) != 0)
			continue;
		if (!key) {
			problem_at(c->p, where,
				   "%s: '%s' would stand in clear text here and on the nodes; take "
				   "it out%s",
				   in_key, option,
				   strcmp(option, "token") == 0
					   ? " and use token: \"{{ ansible_vault.token }}\""
					   : "");
			return;
		}
		const struct host *of = k3s_options[i].of_host ? h : NULL;
		if ((k3s_options[i].of_host && !h) || !is_sound(c, of, key))
			return;
		AUTO_BUF struct buf b;
		buf_init(&b, 1000);
		show_plain(schema_find(key), of ? (const void *)of : c->inv, &b);
		c->p->a->failed = c->p->a->failed || b.full;
		if (strcmp(buf_str(&b), value) != 0)
			problem_at(c->p, where,
				   "%s: '%s' is '%.80s' here but %s is '%s'%s; set %s and take it "
				   "out here",
				   in_key, option, value, key, buf_str(&b),
				   on_line(at(c, of, key)).text, key);
		return;
	}
}

/* Walks "--name=value --name value" words. */
static void check_args(const struct checked *c, const struct host *h, const char *key,
		       const char *args)
{
	AUTO_STRV struct strv words = { 0 };
	for (const char *p = args; *p;) {
		p += strspn(p, " \t");
		size_t n = strcspn(p, " \t");
		if (n && strv_pushf(&words, "%.*s", (int)n, p) < 0) {
			c->p->a->failed = true;
			return;
		}
		p += n;
	}
	for (size_t i = 0; i < words.n; i++) {
		char *word = words.v[i];
		if (strncmp(word, "--", 2) != 0 && strcmp(word, "-t") != 0)
			continue;
		char *eq = strchr(word, '=');
		const char *value = eq ? eq + 1 : i + 1 < words.n ? words.v[i + 1] : "";
		if (eq)
			*eq = '\0';
		check_option(c, h, key, strcmp(word, "-t") == 0 ? "token" : word + 2, value);
	}
}

static void check_config(const struct checked *c, const char *key, const char *text)
{
	struct err e = { 0 };
	struct ydoc doc = { 0 };
	if (!text)
		return;
	if (ydoc_parse(key, text, strlen(text), &doc, &e) < 0) {
		c->p->a->failed = c->p->a->failed || e.kind == ERR_MEMORY;
		return;	/* told when it was read */
	}
	for (size_t i = 0; doc.root && i < doc.root->n; i++) {
		const struct ypair *p = &doc.root->pairs[i];
		check_option(c, NULL, key, p->key->text,
			     p->value->kind == YDOC_SCALAR ? p->value->text : "a list");
	}
	ydoc_free(&doc);
}

static void k3s_options_agree(const struct checked *c)
{
	EACH_HOST(c, h)
	{
		if (h->extra_server_args)
			check_args(c, h, "extra_server_args", h->extra_server_args);
		if (h->extra_agent_args)
			check_args(c, h, "extra_agent_args", h->extra_agent_args);
	}
	check_config(c, "server_config_yaml", c->inv->server_config_yaml);
	check_config(c, "agent_config_yaml", c->inv->agent_config_yaml);
	for (size_t i = 0; i < c->inv->nextra_service_envs; i++)
		if (strcmp(c->inv->extra_service_envs[i].key, "K3S_TOKEN") == 0 ||
		    strcmp(c->inv->extra_service_envs[i].key, "K3S_AGENT_TOKEN") == 0)
			check_option(c, NULL, "extra_service_envs", "token", "");
}

static bool names_datastore(const char *text)
{
	return text && strstr(text, "datastore-endpoint");
}

static void database_is_named(const struct checked *c)
{
	bool named = names_datastore(c->inv->server_config_yaml);
	if (!is_given(c, NULL, "use_external_database") || !c->inv->use_external_database)
		return;
	EACH_HOST(c, h)
		named = named || names_datastore(h->extra_server_args) ||
			checked_spot(c, h, "extra_server_args")->state == FS_BAD;
	for (size_t i = 0; i < c->inv->nextra_service_envs; i++)
		named = named ||
			strcmp(c->inv->extra_service_envs[i].key, "K3S_DATASTORE_ENDPOINT") == 0;
	if (!named)
		problem_at(c->p, at(c, NULL, "use_external_database"),
			   "use_external_database: which one? Name it in server_config_yaml: "
			   "'datastore-endpoint: ...'");
}

/* The kubelet may set these labels of Kubernetes' own name space on its node, and no other
 * (Kubernetes documentation, "NodeRestriction"). */
static bool is_allowed_label(const char *key)
{
	static const char *const exact[] = {
		"kubernetes.io/hostname",
		"kubernetes.io/arch",
		"kubernetes.io/os",
		"beta.kubernetes.io/instance-type",
		"node.kubernetes.io/instance-type",
		"failure-domain.beta.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone",
		"topology.kubernetes.io/region",
		"topology.kubernetes.io/zone",
		"beta.kubernetes.io/arch",
		"beta.kubernetes.io/os",
	};
	static const char *const domains[] = { "kubelet.kubernetes.io", "node.kubernetes.io" };
	static const char *const closed[] = { "kubernetes.io", "k8s.io" };
	const char *slash = strchr(key, '/');
	if (!slash)
		return true;
	for (size_t i = 0; i < COUNT(exact); i++)
		if (strcmp(key, exact[i]) == 0)
			return true;
	size_t n = (size_t)(slash - key);
	for (size_t list = 0; list < 2; list++)
		for (size_t i = 0; i < 2; i++) {
			const char *domain = list ? closed[i] : domains[i];
			size_t d = strlen(domain);
			if (n >= d && strncmp(slash - d, domain, d) == 0 &&
			    (n == d || slash[-(long)d - 1] == '.'))
				return !list;
		}
	return true;
}

static void labels_are_allowed(const struct checked *c)
{
	EACH_HOST(c, h)
		for (size_t i = 0; i < h->nnode_labels; i++)
			if (!is_allowed_label(h->node_labels[i].key))
				problem_at(
					c->p, at(c, h, "node_labels"),
					"node_labels: a node may not give itself '%.120s': with it "
					"the kubelet does not start; use a prefix of your own",
					h->node_labels[i].key);
}

/* ---- where files come from */

static void mirror_is_a_folder(const struct checked *c)
{
	if (is_given(c, NULL, "artifact_mirror") && strpbrk(c->inv->artifact_mirror, "?#"))
		problem_at(c->p, at(c, NULL, "artifact_mirror"),
			   "artifact_mirror: '%s' has a '?' or '#': give the address of the folder that "
			   "holds github.com/ and the other hosts",
			   c->inv->artifact_mirror);
}

/* A name that powerstack.lock takes (is_pin_name), and a folder. */
static bool is_file_name(const char *s)
{
	size_t len = strlen(s);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("._+-", s[i]))
			return false;
	return len <= 128 && *s != '.' && *s != '-';
}

/* What both K3s, which reads its folder of images when it starts, and containerd's own import unpack. */
static bool is_image_archive(const char *name)
{
	static const char *const ends[] = { ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst" };
	size_t len = strlen(name);
	for (size_t i = 0; i < COUNT(ends); i++)
		if (len > strlen(ends[i]) && strcmp(name + len - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static void archives_can_stand_together(const struct checked *c)
{
	static const char k3s[] = "k3s-airgap-images-";
	const char *const *v = c->inv->image_archives;
	for (size_t i = 0; i < c->inv->nimage_archives; i++) {
		const char *name = file_name(v[i]);
		size_t twin = 0;
		while (strcmp(file_name(v[twin]), name) != 0)
			twin++;
		if (!is_image_archive(name))
			problem_at(c->p, at(c, NULL, "image_archives"),
				   "image_archives: '%.120s' ends in none of .tar, .tar.gz, .tgz, .tar.zst and .tzst", v[i]);
		else if (!is_file_name(name))
			problem_at(c->p, at(c, NULL, "image_archives"),
				   "image_archives: '%.120s' needs a name of letters, digits, '.', '_', '+' and '-'", v[i]);
		else if (strncmp(name, k3s, sizeof(k3s) - 1) == 0)
			problem_at(c->p, at(c, NULL, "image_archives"),
				   "image_archives: '%.120s' has the name of the archive that K3s' release brings by itself", v[i]);
		else if (twin < i)
			problem_at(c->p, at(c, NULL, "image_archives"),
				   "image_archives: '%.120s' has the same name as '%.120s', and they stand in one folder on the nodes",
				   v[i], v[twin]);
	}
}

/* ---- all of them */

struct rule {
	const char *message;		/* what holds in a sound inventory */
	void (*check)(const struct checked *);
};

static const struct rule rules[] = {
	{ "every node has a name of its own, also after lower-casing", names_differ },
	{ "no two nodes share an address, and none is reached twice", addresses_differ },
	{ "a management controller's address is no node's", bmc_is_no_node },
	{ "several nodes do not call themselves by a loopback address", nodes_reach_each_other },
	{ "every node's internal_ip is inside nfs_network", nodes_are_in_nfs_network },
	{ "control_node_name names the first server", control_node_is_the_first_server },
	{ "nfs_server is the control node", nfs_server_is_the_control_node },
	{ "api_endpoint is no agent", api_is_on_a_server },
	{ "(warning) servers with etcd are an odd number", servers_can_vote },
	{ "a claim is at most as big as its volume", claims_fit_volumes },
	{ "the volumes together fit into storageclass_size", volumes_fit_the_class },
	{ "the control node's disk is named: a whole disk, by /dev/disk/by-id or with its "
	  "disk_serial", disk_is_named },
	{ "disk_for_testing is another disk; (warning) agents name no disk for storage",
	  other_disks_are_idle },
	{ "export_path is no folder of the system, without '/' at its end, and K3s' data is not "
	  "inside it", export_path_is_free },
	{ "k3s_server_location is no folder of the system", k3s_location_is_free },
	{ "cluster_cidr, service_cidr and nfs_network do not overlap", networks_are_apart },
	{ "no node's address is inside cluster_cidr or service_cidr", nodes_are_outside_the_pods },
	{ "cluster_cidr has room for every node, service_cidr is not bigger than Kubernetes "
	  "accepts", networks_have_room },
	{ "NodePorts, the exporter's port and api_port are distinct", ports_differ },
	{ "the exporter's port and api_port are used by nothing else on the nodes",
	  ports_are_free },
	{ "the namespaces are distinct and none of Kubernetes' or Rancher's", namespaces_are_ours },
	{ "(warning) meters are read at least as often as Prometheus asks", scrapes_see_news },
	{ "bmc_user and bmc_password stand together", bmc_can_be_asked },
	{ "(warning) management controllers have a user", bmc_users_are_known },
	{ "K3s' options do not contradict a key, and hold no secret", k3s_options_agree },
	{ "an external database is named", database_is_named },
	{ "artifact_mirror is the address of a folder, without query", mirror_is_a_folder },
	{ "archives of images are .tar, .tar.gz or .tar.zst, with names of their own", archives_can_stand_together },
	{ "node labels are such that the kubelet may set them", labels_are_allowed },
};

void validate(const struct checked *c)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		rules[i].check(c);
}

const char *inventory_rule_at(size_t i)
{
	return i < COUNT(rules) ? rules[i].message : NULL;
}
