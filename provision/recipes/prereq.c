/* SPDX-License-Identifier: BSD-2-Clause */
/* What every node must be before anything is changed, kernel settings, and the ports in its firewall. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/files.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

#define MIB (1024ull * 1024)
#define FREE_MIN (512 * MIB) /* on / and /var, for packages and the exporter */
#define MEMORY_MIN (400 * MIB)

static void ask_os(const struct view *v, struct probe *p)
{
	(void)v;
	probe_ask(p, "host", "os");
}

/* One field of host:os. */
static int os_field(const struct view *v, const char *key, char *ret, size_t size, struct err *e)
{
	const char *os = NULL;
	*ret = '\0';
	int rc = fact(v, &os, e, "host", "os");
	if (rc == 0 && os)
		facts_field(os, key, ret, size);
	return rc;
}

/* ---- distribution */

/* Two numbers "22.04" as one that can be compared; a missing second one is 0. */
static unsigned long version_of(const char *s)
{
	char *end = NULL;
	unsigned long major = strtoul(s, &end, 10), minor = 0;
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	return major * 1000 + (minor < 1000 ? minor : 999);
}

static int check_distribution(const struct view *v, struct finding *ret, struct err *e)
{
	static const struct {
		const char *id, *name, *least;
	} known[] = {
		{ "ubuntu", "Ubuntu", "22.04" },
		{ "debian", "Debian", "11" },
		{ "raspbian", "Raspberry Pi OS", "11" },
	};
	char id[32], version[32], systemd[8];
	int rc = os_field(v, "id", id, sizeof(id), e);
	if (rc == 0)
		rc = os_field(v, "version", version, sizeof(version), e);
	if (rc == 0)
		rc = os_field(v, "systemd", systemd, sizeof(systemd), e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < COUNT(known); i++) {
		if (strcmp(id, known[i].id) != 0)
			continue;
		/* Debian's testing and unstable have no version: newer than any */
		if (version[0] && version_of(version) < version_of(known[i].least))
			return found(ret, FOREIGN, "%s %s is too old: %s or newer is needed",
				     known[i].name, version, known[i].least);
		if (strcmp(systemd, "yes") != 0)
			return found(ret, FOREIGN, "systemd does not run this node: it must");
		return found(ret, PRESENT, "%s %s with systemd", known[i].name, version);
	}
	return found(ret, FOREIGN,
		     "'%s %s' is not supported: Ubuntu 22.04 or newer, or Debian 11 or newer", id,
		     version);
}

static const struct precondition distribution = { ask_os, check_distribution };

/* ---- kernel and architecture */

static int check_kernel(const struct view *v, struct finding *ret, struct err *e)
{
	char kernel[64], id[32], version[32];
	int rc = os_field(v, "kernel", kernel, sizeof(kernel), e);
	if (rc == 0)
		rc = os_field(v, "id", id, sizeof(id), e);
	if (rc == 0)
		rc = os_field(v, "version", version, sizeof(version), e);
	if (rc < 0)
		return rc;
	if (version_of(kernel) < version_of("5.15"))
		return found(
			ret, FOREIGN, "kernel %s is too old: 5.15 or newer is needed%s", kernel,
			strcmp(id, "debian") == 0 && strncmp(version, "11", 2) == 0
				? "; Debian 11 has one in bullseye-backports (linux-image-amd64)"
				: "");
	return found(ret, PRESENT, "kernel %s", kernel);
}

static const struct precondition kernel = { ask_os, check_kernel };

static int check_architecture(const struct view *v, struct finding *ret, struct err *e)
{
	static const char *const known[] = { "amd64", "arm64", "armhf" };
	char arch[24];
	int rc = os_field(v, "arch", arch, sizeof(arch), e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(arch, known[i]) == 0)
			return found(ret, PRESENT, "%s", arch);
	return found(ret, FOREIGN, "the architecture '%s' is not supported: amd64, arm64 or armhf",
		     arch);
}

static const struct precondition architecture = { ask_os, check_architecture };

/* ---- memory */

static int check_memory(const struct view *v, struct finding *ret, struct err *e)
{
	char memory[32], cgroup[8], pi[8];
	int rc = os_field(v, "memory", memory, sizeof(memory), e);
	if (rc == 0)
		rc = os_field(v, "memory_cgroup", cgroup, sizeof(cgroup), e);
	if (rc == 0)
		rc = os_field(v, "pi", pi, sizeof(pi), e);
	if (rc < 0)
		return rc;
	unsigned long long bytes = strtoull(memory, NULL, 10);
	if (bytes < MEMORY_MIN)
		return found(ret, FOREIGN,
			     "%llu MiB of memory are too little: %llu MiB or more are needed",
			     bytes / MIB, MEMORY_MIN / MIB);
	if (strcmp(cgroup, "yes") != 0)
		return found(ret, FOREIGN,
			     "the memory cgroup is off: add 'cgroup_enable=memory cgroup_memory=1' "
			     "to %s and reboot",
			     strcmp(pi, "yes") == 0
				     ? "/boot/firmware/cmdline.txt (or /boot/cmdline.txt)"
				     : "GRUB_CMDLINE_LINUX in /etc/default/grub, run update-grub");
	return found(ret, PRESENT, "%llu MiB, memory cgroup is on", bytes / MIB);
}

static const struct precondition memory = { ask_os, check_memory };

/* ---- network */

static void ask_network(const struct view *v, struct probe *p)
{
	probe_ask(p, "host", "os");
	probe_ask(p, "addr", "%s", v->host->internal_ip);
}

static int check_network(const struct view *v, struct finding *ret, struct err *e)
{
	char route[64];
	const char *addr = NULL;
	int rc = os_field(v, "route", route, sizeof(route), e);
	if (rc == 0)
		rc = fact(v, &addr, e, "addr", "%s", v->host->internal_ip);
	if (rc < 0)
		return rc;
	if (!addr)
		return found(ret, FOREIGN,
			     "internal_ip %s is not an address of this node: correct it in the "
			     "inventory, or configure it",
			     v->host->internal_ip);
	if (!route[0])
		return found(ret, FOREIGN, "there is no default route: Kubernetes needs one");
	return found(ret, PRESENT, "%s is configured, default route by %s", v->host->internal_ip,
		     route);
}

static const struct precondition network = { ask_network, check_network };

/* ---- clock: that one is kept; how well is verify's X1 */

static void ask_clock(const struct view *v, struct probe *p)
{
	(void)v;
	probe_ask(p, "clock", "-");
}

static int check_clock(const struct view *v, struct finding *ret, struct err *e)
{
	const char *clock = NULL;
	int rc = fact(v, &clock, e, "clock", "-");
	if (rc < 0)
		return rc;
	char daemon[128] = "";
	if (clock)
		facts_field(clock, "daemon", daemon, sizeof(daemon));
	if (!daemon[0])
		return found(ret, FOREIGN,
			     "no time service runs: install chrony, or 'timedatectl set-ntp true'");
	return found(ret, PRESENT, "%s keeps the clock", daemon);
}

static const struct precondition timekeeping = { ask_clock, check_clock };

/* ---- space */

static const char *const roomy[] = { "/", "/var" };

static void ask_space(const struct view *v, struct probe *p)
{
	(void)v;
	for (size_t i = 0; i < COUNT(roomy); i++)
		probe_ask(p, "free", "%s", roomy[i]);
}

static int check_space(const struct view *v, struct finding *ret, struct err *e)
{
	unsigned long long least = ~0ull;
	for (size_t i = 0; i < COUNT(roomy); i++) {
		const char *is = NULL;
		char bytes[32] = "", inodes[32] = "", all[32] = "";
		int rc = fact(v, &is, e, "free", "%s", roomy[i]);
		if (rc < 0)
			return rc;
		if (!is)
			continue;
		facts_field(is, "free", bytes, sizeof(bytes));
		facts_field(is, "inodes_free", inodes, sizeof(inodes));
		facts_field(is, "inodes", all, sizeof(all));
		unsigned long long free_bytes = strtoull(bytes, NULL, 10);
		if (free_bytes < FREE_MIN)
			return found(ret, FOREIGN,
				     "'%s' has %llu MiB free: %llu MiB or more are needed",
				     roomy[i], free_bytes / MIB, FREE_MIN / MIB);
		if (strtoull(all, NULL, 10) && strtoull(inodes, NULL, 10) < 10000)
			return found(ret, FOREIGN,
				     "'%s' has %s inodes free: 10000 or more are needed", roomy[i],
				     inodes);
		if (free_bytes < least)
			least = free_bytes;
	}
	return found(ret, PRESENT, "%llu MiB are free", least / MIB);
}

static const struct precondition space = { ask_space, check_space };

/* ---- ports */

struct port {
	const char *what, *proto;
	unsigned number; /* 0: from the inventory, by `of` */
	unsigned (*of)(const struct inventory *);
	unsigned roles;
	const char *owners[3]; /* the parts themselves, which may listen there ("kernel": no process) */
	bool opened; /* in a firewall, to nfs_network */
};

static unsigned api_port(const struct inventory *inv)
{
	return inv->api_port;
}

static unsigned exporter_port(const struct inventory *inv)
{
	return inv->exporter_port;
}

static const struct port ports[] = {
	{ "the Kubernetes API", "tcp", 0, api_port, ROLE_SERVER, { "k3s" }, false },
	{ "the kubelet", "tcp", 10250, NULL, ROLE_ANY, { "k3s" }, false },
	{ "flannel's VXLAN", "udp", 8472, NULL, ROLE_ANY, { "kernel", "k3s" }, false },
	{ "the NFS server", "tcp", 2049, NULL, ROLE_CONTROL, { "kernel" }, true },
	{ "the exporter", "tcp", 0, exporter_port, ROLE_ANY, { "powerstack-expo" }, true },
};

static unsigned port_number(const struct port *p, const struct inventory *inv)
{
	return p->of ? p->of(inv) : p->number;
}

static void ask_ports(const struct view *v, struct probe *p)
{
	for (size_t i = 0; i < COUNT(ports); i++)
		if (ports[i].roles & v->host->roles)
			probe_ask(p, "listen", "%s/%u", ports[i].proto,
				  port_number(&ports[i], v->inv));
}

/* Listeners are one a line: "ADDRESS kernel" or "ADDRESS users:(("NAME",pid=1,fd=3))". */
static bool all_owned(const struct port *p, const char *listeners)
{
	for (const char *s = listeners; *s;) {
		size_t len = strcspn(s, "\n");
		bool owned = false;
		for (size_t i = 0; i < COUNT(p->owners) && p->owners[i]; i++) {
			const char *at = memmem(s, len, p->owners[i], strlen(p->owners[i]));
			owned = owned || (at && (at[-1] == '"' || at[-1] == ' '));
		}
		if (!owned)
			return false;
		s += len + (s[len] == '\n');
	}
	return true;
}

static int check_ports(const struct view *v, struct finding *ret, struct err *e)
{
	for (size_t i = 0; i < COUNT(ports); i++) {
		const struct port *p = &ports[i];
		if (!(p->roles & v->host->roles))
			continue;
		const char *who = NULL;
		unsigned number = port_number(p, v->inv);
		int rc = fact(v, &who, e, "listen", "%s/%u", p->proto, number);
		if (rc < 0)
			return rc;
		if (who && !all_owned(p, who)) {
			char list[200];
			join_lines(who, list, sizeof(list));
			return found(ret, FOREIGN, "%s port %u, which %s needs, is taken: %s",
				     p->proto, number, p->what, list);
		}
	}
	return found(ret, PRESENT, "the ports are free or ours");
}

static const struct precondition free_ports = { ask_ports, check_ports };

/* ---- kernel settings. Forwarding of IPv6 is left alone: it would end the acceptance of router
 * advertisements, and the cluster network is IPv4. */

static const struct keyval settings[] = {
	{ "kernel/perf_event_paranoid", "-1" },
	{ "net/ipv4/ip_forward", "1" },
};
static const struct sysctl_arg sysctl = { "/etc/sysctl.d/90-powerstack.conf", settings,
					  COUNT(settings) };

/* ---- firewall: ufw is ours to open, with our comment on each rule; others are reported */

static void firewall_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	(void)v;
	probe_ask(p, "firewall", "-");
}

/* The rules of this host as ufw-set.sh takes them: "tcp 2049 192.168.0.0/24". */
static int firewall_rules(const struct view *v, struct strv *ret)
{
	int rc = 0;
	for (size_t i = 0; i < COUNT(ports) && rc == 0; i++)
		if (ports[i].opened && (ports[i].roles & v->host->roles))
			rc = strv_pushf(ret, "%s %u %s", ports[i].proto,
					port_number(&ports[i], v->inv), v->inv->nfs_network);
	return rc;
}

/* ufw writes the rule "tcp 2049 NET" as "allow tcp 2049 0.0.0.0/0 any NET in". */
static bool rules_are(const char *have, const struct strv *want)
{
	AUTO_BUF struct buf text = { 0 };
	buf_init(&text, 4096);
	size_t n = *have ? 1 : 0;
	for (const char *s = have; *s; s++)
		n += *s == '|';
	buf_addf(&text, "|%s|", have);
	for (size_t i = 0; i < want->n; i++) {
		char proto[8] = "", port[8] = "", net[64] = "", rule[160];
		sscanf(want->v[i], "%7s %7s %63s", proto, port, net);
		snprintf(rule, sizeof(rule), "|allow %s %s 0.0.0.0/0 any %s in|", proto, port, net);
		if (!strstr(buf_str(&text), rule))
			return false;
	}
	return n == want->n;
}

static int firewall_check(const struct step *s, const struct view *v, struct finding *ret,
			  struct err *e)
{
	(void)s;
	const char *is = NULL;
	int rc = fact(v, &is, e, "firewall", "-");
	if (rc < 0)
		return rc;
	char ufw[16] = "", firewalld[16] = "", nft[16] = "", rules[2048] = "";
	if (is) {
		facts_field(is, "ufw", ufw, sizeof(ufw));
		facts_field(is, "firewalld", firewalld, sizeof(firewalld));
		facts_field(is, "nftables", nft, sizeof(nft));
		facts_field(is, "ufw_rules", rules, sizeof(rules));
	}
	if (v->destroying)
		return rules[0] ? found(ret, PRESENT, "ufw has rules of powerstack")
				: found(ret, ABSENT, "no firewall rule is powerstack's");
	if (!v->inv->manage_firewall)
		return found(ret, PRESENT, "manage_firewall is off: firewalls are yours");
	if (strcmp(firewalld, "active") == 0)
		return found(ret, FOREIGN,
			     "firewalld is active, powerstack opens ports in ufw only: open "
			     "2049/tcp and %u/tcp to %s yourself and set manage_firewall to false, or stop firewalld",
			     v->inv->exporter_port, v->inv->nfs_network);
	if (strcmp(ufw, "active") != 0)
		return found(ret, PRESENT,
			     strcmp(nft, "active") == 0 ? "nftables.service is active: its rules "
							  "must let the cluster through"
							: "no firewall is active");
	AUTO_STRV struct strv want = { 0 };
	if (firewall_rules(v, &want) < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	if (rules_are(rules, &want))
		return found(ret, PRESENT, "ufw lets the cluster through");
	return rules[0] ? found(ret, DRIFTED, "ufw has other rules of powerstack (%.200s)", rules)
			: found(ret, ABSENT, "ufw is active and does not let the cluster through");
}

static int firewall_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	AUTO_STRV struct strv want = { 0 };
	if (firewall_rules(&h->view, &want) < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	return step_script(h, "ufw-set", strv_get(&want), 120, e);
}

static int firewall_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	return step_script(h, "ufw-set", NULL, 120, e);
}

static const struct step_ops firewall_ops = {
	.ask = firewall_ask,
	.check = firewall_check,
	.apply = firewall_apply,
	.undo = firewall_undo,
};

/* ---- */

#define ONLY_LOOKS .no_undo = "it only looks"

static const struct step steps[] = {
	{ "distribution", "the distribution is supported", &precondition_ops, &distribution,
	  ONLY_LOOKS },
	{ "kernel", "the kernel is new enough", &precondition_ops, &kernel, ONLY_LOOKS },
	{ "architecture", "the architecture is supported", &precondition_ops, &architecture,
	  ONLY_LOOKS },
	{ "memory", "memory suffices and its cgroup is on", &precondition_ops, &memory,
	  ONLY_LOOKS },
	{ "network", "internal_ip and a default route are configured", &precondition_ops, &network,
	  ONLY_LOOKS },
	{ "clock", "a time service runs", &precondition_ops, &timekeeping, ONLY_LOOKS },
	{ "space", "there is free space", &precondition_ops, &space, ONLY_LOOKS },
	{ "ports", "the ports that the parts need are free", &precondition_ops, &free_ports,
	  ONLY_LOOKS },
	{ "firewall", "the firewall lets the cluster through", &firewall_ops, NULL },
	{ "sysctl", "kernel settings are as wanted, now and after a boot", &sysctl_ops, &sysctl },
};

const struct recipe recipe_prereq = {
	.name = "prereq",
	.part = "prereq",
	.summary = "checks the node, kernel settings, firewall",
	.roles = ROLE_ANY,
	.steps = steps,
	.nsteps = COUNT(steps),
};
