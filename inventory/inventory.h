/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H
/*
 * inventory.yml as a const struct: the Ansible shape that PowerStack and k3s-ansible users have
 * (contract.md), references resolved, every problem found at once. It knows no vault: a value that
 * lives there is held as the entry's name.
 *
 * All strings belong to the inventory and live until inventory_free. An optional string that was
 * not given is NULL; one with a default (see schema.c) is never NULL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

enum role {
	ROLE_SERVER = 1 << 0,	/* k3s_cluster.children.server: a control node */
	ROLE_AGENT = 1 << 1,	/* k3s_cluster.children.agent: a worker */
	ROLE_CONTROL = 1 << 2,	/* the first server: holds the disk and the NFS export */
	ROLE_ANY = ROLE_SERVER | ROLE_AGENT,
	ROLE_LOCAL = 1 << 3,	/* no host's: a check that is asked on the operator's machine */
};

/* The name of a vault entry ("token" for {{ ansible_vault.token }}); NULL when not given. */
struct secret_ref {
	const char *entry;
};

struct keyval {
	const char *key, *value;
};

struct host {
	const char *name;		/* what reports call it: node_name if given, else the key */
	const char *key;		/* the inventory's key */
	unsigned roles;
	unsigned line, column;		/* of its key in the inventory */

	/* how to reach it */
	const char *address;		/* ansible_host or the key */
	unsigned port;			/* ansible_port; 0: not given, ssh's configuration tells */
	const char *user;		/* ansible_user or NULL: ssh's configuration tells */
	const char *key_file;		/* ansible_ssh_private_key_file or NULL; "~" expanded */
	const char *known_hosts_file;	/* ssh_known_hosts_file or NULL (then the user's own) */
	const char *jump;		/* proxy_jump, or -J and -o ProxyJump= in
					   ansible_ssh_common_args: [user@]host[:port],... */
	struct secret_ref become_password;	/* ansible_become_password */
	struct secret_ref ssh_password;		/* ansible_password */

	/* what it is */
	const char *arch;		/* amd64, arm64 or armhf; never NULL */
	const char *node_name;		/* Kubernetes and exporter name; the key when not given */
	const char *internal_ip;	/* always */
	const char *external_ip;	/* always on servers; may be a name */
	const char *bmc_ip;		/* BMC_ip */
	const char *disk;		/* disk_for_persistent_storage (control node) */
	const char *disk_serial;	/* always, unless disk is a by-id path or loop */
	const char *disk_for_testing;
	unsigned power_limit;		/* node_power_limit in watts; 0: none */
	struct secret_ref bmc_user, bmc_password;
	const char *extra_server_args;	/* for k3s here; NULL on an agent */
	const char *extra_agent_args;	/* NULL on a server */
	const struct keyval *node_labels;
	size_t nnode_labels;
	const char *const *node_taints;	/* key=value:Effect */
	size_t nnode_taints;
};

struct inventory {
	const char *path;		/* of the file */
	const char *cluster_name;	/* cluster_context: also what destroy asks for */
	const char *control_node_name;	/* the control node's name, checked */
	const struct host *hosts;	/* servers first, then agents, in the file's order */
	size_t nhosts;
	const struct host *control;	/* the first server */

	/* disk and NFS */
	const char *export_path, *nfs_network;
	const char *nfs_server;		/* default: control's internal_ip */
	/* storage */
	const char *storageclass_name, *storage_accessmode, *pv_name, *pvc_name;
	uint64_t storageclass_size;	/* bytes, as are all sizes */
	uint64_t pv_size_grafana, pv_size_prometheus, pv_size_alertmanager;
	uint64_t pvc_size_grafana, pvc_size_prometheus, pvc_size_alertmanager;
	/* k3s */
	const char *k3s_version, *api_endpoint;
	const char *k3s_server_location, *cluster_cidr, *service_cidr, *airgap_dir;
	const char *artifact_mirror;
	const char *server_config_yaml, *agent_config_yaml, *registries_config_yaml;
	const char *const *extra_manifests, *const *image_archives;
	size_t nextra_manifests, nimage_archives;
	const struct keyval *extra_service_envs;
	size_t nextra_service_envs;
	unsigned api_port;
	bool use_external_database, manage_firewall;
	struct secret_ref token;
	const char *kubeconfig;		/* NULL: the user's own */
	/* applications */
	const char *rancher_hostname, *rancher_tls, *rancher_proxies;
	struct secret_ref bootstrap_password, grafana_admin_password;
	const char *monitoring_namespace, *testing_namespace, *benchmarking_namespace;
	const char *monitoring_stack_repo_url, *prometheus_scrape_interval, *prometheus_retention;
	const char *cert_manager_repo_url, *rancher_repo_url;
	const char *helm_version, *kube_prometheus_stack_version, *cert_manager_version, *rancher_version;
	unsigned prometheus_nodeport, grafana_nodeport, alertmanager_nodeport, rancher_nodeport;
	/* exporter */
	unsigned exporter_port;		/* prometheus_kepler_port */
	const char *exporter_interval;
	bool exporter_tls;		/* its page only by TLS, with K3s' certificate */
	/* what a kWh costs, in which money, and how many grams of CO2 it stands for: decimal numbers as they are written */
	const char *energy_price, *energy_currency, *carbon_intensity;
	bool bmc_insecure;		/* bmc_tls_skip_verify */
	const char *bmc_ca_file;
};

/* One problem or warning, in the file's order. */
struct problem {
	bool warning;
	unsigned line, column;		/* 0 when it belongs to the whole file */
	const char *text;		/* what is wrong, what would be right */
};

struct problems {
	const char *path;
	struct problem *v;
	size_t n;
	size_t nerrors;
	void *owned;
};

/* Parses and validates len bytes; name is the path for messages and for relative paths inside.
 * Every problem goes to ret_problems (always to be freed with problems_free); *ret is set only
 * when none of them is an error; else -ERR_CONFIG and e summarises ("inventory.yml: 3 errors").
 * Nothing is read but bytes, $HOME (for "~") and the working directory (for relative paths). */
int inventory_parse(const char *name, const void *bytes, size_t len, struct inventory **ret,
		    struct problems *ret_problems, struct err *e);
/* As inventory_parse, from a file; group_vars/ and host_vars/ beside it are warned about, not
 * read. */
int inventory_load(const char *path, struct inventory **ret, struct problems *ret_problems,
		   struct err *e);
void inventory_free(struct inventory *inv);
void problems_free(struct problems *p);

/* The host of that name; else of that key; else the only one of that address. NULL when there is
 * none. */
const struct host *inventory_find_host(const struct inventory *inv, const char *name);
/* The resolved view as YAML that inventory_parse reads back to the same view: defaults filled in,
 * secrets as "<vault: name>". */
int inventory_show(const struct inventory *inv, struct buf *out);
/* The value of a key as text, from the same field table (host keys need host): for templates.
 * Sizes print in bytes, yes/no as such, the items of a list one a line; nothing is added when the
 * key has no value. Appends to ret. -ERR_BUG for an unknown key, a host key without host, or a
 * secret. */
int inventory_value(const struct inventory *inv, const struct host *host, const char *key,
		    struct buf *ret, struct err *e);
/* One row per key that is understood: for docs, man pages and `init`. i counts from 0; false
 * behind the last. */
struct inventory_key {
	const char *key, *type, *scope;	/* scope: "host" (may differ between hosts) or "cluster" */
	const char *fallback;		/* as it would be written, references and all; NULL: none */
	const char *example, *help;
	const char *same_as;		/* it is another name of that key; else NULL */
	bool used_here;			/* false: understood, but means nothing here */
};
bool inventory_key_at(size_t i, struct inventory_key *ret);
/* What must hold between the keys, one sentence per rule, for docs; NULL behind the last. */
const char *inventory_rule_at(size_t i);
/* Both as Markdown: the reference part of docs/inventory.md. */
int inventory_reference(struct buf *out);

#endif
