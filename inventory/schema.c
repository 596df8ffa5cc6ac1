/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of inventory.yml and nothing else. Order: as `inventory show` and the docs print
 * them. */
#include "inventory/schema.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"

/* How a member stores its value follows from its C type, so that the two cannot disagree. */
#define STORE(member)                                    \
	_Generic((member), const char *: ST_STR,         \
		unsigned: ST_UINT, uint64_t: ST_SIZE,    \
		bool: ST_BOOL, struct secret_ref: ST_SECRET, \
		const struct keyval *: ST_KEYVALS, const char *const *: ST_STRS)
#define MEMBER(s, member) .store = STORE(((struct s *)0)->member), .at = offsetof(struct s, member)
#define HOST(member) .scope = F_HOST, MEMBER(host, member)
#define HOST_LIST(member) HOST(member), .at_n = offsetof(struct host, n##member)
#define CLUSTER(member) .scope = F_CLUSTER, MEMBER(inventory, member)
#define CLUSTER_LIST(member) CLUSTER(member), .at_n = offsetof(struct inventory, n##member)

#define MIB (1ull << 20)
#define SECONDS 1000ull

static const char *const access_modes[] = { "ReadWriteMany", "ReadWriteOnce", "ReadOnlyMany",
					    "ReadWriteOncePod", NULL };
static const char *const architectures[] = { "amd64", "arm64", "armhf", NULL };
static const char *const rancher_tls[] = { "ingress", "external", NULL };
static const char *const connections[] = { "ssh", "smart", "paramiko", "paramiko_ssh", NULL };
static const char *const only_sudo[] = { "sudo", NULL };
static const char *const only_root[] = { "root", NULL };
static const char *const only_yes[] = { "yes", "true", "True", "Yes", "on", "1", NULL };

const struct field schema[] = {
	/* ---- a host: how to reach it */
	{ "ansible_host", HOST(address), .type = T_HOST, .fallback = "{{ inventory_hostname }}",
	  .example = "160.85.30.104", .help = "address or name that ssh connects to" },
	{ "ansible_port", HOST(port), .type = T_PORT, .example = "22",
	  .help = "ssh port; ~/.ssh/config's, else 22, when not given" },
	{ "ansible_user", HOST(user), .type = T_USER, .example = "ubuntu",
	  .help = "user to log in as; root, or one that may use sudo; ~/.ssh/config's when not "
		  "given" },
	{ "ansible_ssh_private_key_file", HOST(key_file), .type = T_LOCAL,
	  .example = "~/.ssh/id_ed25519",
	  .help = "key to log in with; the agent and ssh's defaults when not given" },
	{ "ssh_known_hosts_file", HOST(known_hosts_file), .type = T_LOCAL, .example = "known_hosts",
	  .help = "file of host keys; the user's own when not given" },
	{ "proxy_jump", HOST(jump), .type = T_JUMP, .example = "admin@gateway.example.org:22",
	  .help = "jump hosts on the way to it, or none" },
	{ "ansible_become_password", HOST(become_password), .type = T_SECRET,
	  .example = "\"{{ ansible_vault.sudoPassword }}\"",
	  .help = "password that sudo asks for; none when sudo needs none" },
	{ "ansible_password", HOST(ssh_password), .type = T_SECRET,
	  .example = "\"{{ ansible_vault.sshPassword }}\"",
	  .help = "password to log in with; better use a key" },

	/* ---- a host: what it is */
	{ "node_name", HOST(node_name), .type = T_NODE, .fallback = "{{ inventory_hostname }}",
	  .example = "ho1", .help = "name of the node in Kubernetes, in metrics and in reports" },
	{ "arch", HOST(arch), .type = T_CHOICE, .choices = architectures, .fallback = "amd64",
	  .example = "arm64",
	  .help = "its architecture, amd64, arm64 or armhf: which files are fetched for it" },
	{ "internal_ip", HOST(internal_ip), .type = T_IP, .fallback = "{{ ansible_host }}",
	  .example = "192.168.0.104", .help = "address inside the cluster: K3s and NFS use it" },
	{ "external_ip", HOST(external_ip), .type = T_HOST, .fallback = "{{ ansible_host }}",
	  .fallback_roles = ROLE_SERVER, .example = "160.85.30.104",
	  .help = "address or name that users reach it by" },
	{ "BMC_ip", HOST(bmc_ip), .type = T_IP, .example = "160.85.30.101",
	  .help = "its management controller (Redfish)" },
	{ "bmc_user", HOST(bmc_user), .type = T_SECRET,
	  .example = "\"{{ ansible_vault.xclarityUser }}\"",
	  .help = "user for the management controller" },
	{ "bmc_password", HOST(bmc_password), .type = T_SECRET,
	  .example = "\"{{ ansible_vault.xclarityPassword }}\"",
	  .help = "password for the management controller" },
	{ "disk_for_persistent_storage", HOST(disk), .type = T_DEVICE,
	  .example = "/dev/disk/by-id/ata-SAMSUNG_MZ7L3480_S6L1NS0T123456",
	  .help = "control node: the empty disk that becomes the data volume, by its stable path" },
	{ "disk_serial", HOST(disk_serial), .type = T_STRING, .min = 1, .max = 128,
	  .example = "S6L1NS0T123456",
	  .help = "serial of that disk (lsblk -dno SERIAL): needed when it is not named by "
		  "/dev/disk/by-id" },
	{ "disk_for_testing", HOST(disk_for_testing), .type = T_DEVICE, .example = "/dev/sdb",
	  .help = "disk for storage benchmarks; never touched by deploy" },
	{ "node_power_limit", HOST(power_limit), .type = T_INT, .min = 1, .max = 1000000, .example = "400",
	  .help = "watts that it should not draw for longer: an alert tells when it does; none when not given" },
	{ "node_labels", HOST_LIST(node_labels), .type = T_LABELS, .example = "{ rack: r12 }",
	  .help = "labels of the Kubernetes node" },
	{ "node_taints", HOST_LIST(node_taints), .type = T_TAINTS,
	  .example = "[ 'dedicated=power:NoSchedule' ]", .help = "taints of the Kubernetes node" },
	{ "extra_server_args", HOST(extra_server_args), .type = T_STRING, .roles = ROLE_SERVER,
	  .fallback = "", .example = "--disable traefik",
	  .help = "further arguments of k3s server" },
	{ "extra_agent_args", HOST(extra_agent_args), .type = T_STRING, .roles = ROLE_AGENT,
	  .fallback = "", .example = "--kubelet-arg max-pods=200",
	  .help = "further arguments of k3s agent" },

	/* ---- other names and relatives of these */
	{ "ansible_ssh_host", .scope = F_HOST, .same_as = "ansible_host" },
	{ "ansible_ssh_port", .scope = F_HOST, .same_as = "ansible_port" },
	{ "ansible_ssh_user", .scope = F_HOST, .same_as = "ansible_user" },
	{ "ansible_private_key_file", .scope = F_HOST, .same_as = "ansible_ssh_private_key_file" },
	{ "ansible_become_pass", .scope = F_HOST, .same_as = "ansible_become_password" },
	{ "ansible_sudo_pass", .scope = F_HOST, .same_as = "ansible_become_password" },
	{ "ansible_sudo_password", .scope = F_HOST, .same_as = "ansible_become_password" },
	{ "ansible_ssh_pass", .scope = F_HOST, .same_as = "ansible_password" },
	{ "ansible_ssh_password", .scope = F_HOST, .same_as = "ansible_password" },
	{ "ansible_ssh_common_args", .scope = F_HOST, .type = T_SSHARGS,
	  .example = "\"-J admin@gateway\"",
	  .help = "of ssh's arguments, jump hosts, known hosts files and keys are understood" },
	{ "ansible_ssh_extra_args", .scope = F_HOST, .type = T_SSHARGS,
	  .example = "\"-J admin@gateway\"", .help = "as ansible_ssh_common_args" },
	{ "ansible_ssh_args", .scope = F_HOST, .type = T_SSHARGS, .example = "\"-J admin@gateway\"",
	  .help = "as ansible_ssh_common_args" },
	{ "ansible_connection", .scope = F_HOST, .type = T_CHOICE, .choices = connections,
	  .flags = F_QUIET, .example = "ssh", .help = "only ssh is possible" },
	{ "ansible_become", .scope = F_HOST, .type = T_CHOICE, .choices = only_yes,
	  .flags = F_QUIET, .example = "yes", .help = "root's rights are always needed" },
	{ "ansible_become_method", .scope = F_HOST, .type = T_CHOICE, .choices = only_sudo,
	  .flags = F_QUIET, .example = "sudo", .help = "only sudo is possible" },
	{ "ansible_become_user", .scope = F_HOST, .type = T_CHOICE, .choices = only_root,
	  .flags = F_QUIET, .example = "root", .help = "only root is possible" },
	{ "ansible_host_key_checking", .scope = F_HOST, .type = T_CHOICE, .choices = only_yes,
	  .flags = F_QUIET, .example = "yes",
	  .help = "host keys are always checked; new ones are accepted once with "
		  "--accept-new-host-keys" },
	{ "ansible_ssh_host_key_checking", .scope = F_HOST, .type = T_CHOICE, .choices = only_yes,
	  .flags = F_QUIET, .example = "yes", .help = "as ansible_host_key_checking" },
	{ "ansible_group_priority", .scope = F_HOST, .type = T_ANY, .flags = F_QUIET,
	  .example = "10", .help = "precedence among groups of one depth, as in Ansible" },
	{ "ansible_python_interpreter", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD,
	  .example = "auto_silent", .help = "no Python is needed on the nodes" },
	{ "ansible_pipelining", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "yes",
	  .help = "one command per host is sent anyway" },
	{ "ansible_ssh_pipelining", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD,
	  .example = "yes", .help = "one command per host is sent anyway" },
	{ "ansible_ssh_retries", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "3",
	  .help = "a run that was cut continues when it is started again" },
	{ "ansible_ssh_transfer_method", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD,
	  .example = "smart", .help = "files travel through the ssh session" },
	{ "ansible_scp_if_ssh", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "yes",
	  .help = "files travel through the ssh session" },
	{ "ansible_ssh_executable", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD,
	  .example = "/usr/bin/ssh", .help = "ssh is built in" },
	{ "ansible_timeout", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "30",
	  .help = "see --timeout" },
	{ "ansible_ssh_timeout", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "30",
	  .help = "see --timeout" },
	{ "ansible_become_flags", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "-H",
	  .help = "sudo is called the same way everywhere" },
	{ "ansible_become_exe", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "sudo",
	  .help = "sudo is called the same way everywhere" },
	{ "ansible_shell_type", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "sh",
	  .help = "POSIX sh is used" },
	{ "ansible_shell_executable", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD,
	  .example = "/bin/sh", .help = "POSIX sh is used" },
	{ "ansible_remote_tmp", .scope = F_HOST, .type = T_ANY, .flags = F_DEAD, .example = "/tmp",
	  .help = "nothing is left in temporary files" },

	/* ---- the cluster */
	{ "cluster_context", CLUSTER(cluster_name), .type = T_NAME, .fallback = "powerstack",
	  .max = 63, .example = "powerstack",
	  .help = "name of the cluster and of its kubeconfig context" },
	{ "control_node_name", CLUSTER(control_node_name), .type = T_NODE,
	  .fallback = "{{ hostvars[groups[server_group][0]]['node_name'] }}", .example = "ho1",
	  .help = "node_name of the control node, which is the first server" },
	{ "server_group", .scope = F_CLUSTER, .type = T_STRING, .fallback = "server",
	  .flags = F_QUIET, .example = "server", .help = "name of the group of control nodes" },
	{ "agent_group", .scope = F_CLUSTER, .type = T_STRING, .fallback = "agent",
	  .flags = F_QUIET, .example = "agent", .help = "name of the group of workers" },

	/* ---- disk and NFS */
	{ "export_path", CLUSTER(export_path), .type = T_PATH, .fallback = "/mnt/data",
	  .example = "/mnt/data",
	  .help = "where the data volume is mounted and exported from; the same path on every "
		  "node" },
	{ "nfs_network", CLUSTER(nfs_network), .type = T_CIDR, .flags = F_NEEDED,
	  .example = "192.168.0.0/24",
	  .help = "network of the nodes' internal_ip: only it may mount the export" },
	{ "nfs_server", CLUSTER(nfs_server), .type = T_HOST,
	  .fallback = "{{ hostvars[groups[server_group][0]]['internal_ip'] }}",
	  .example = "192.168.0.104", .help = "address of the control node for NFS" },

	/* ---- storage objects */
	{ "storageclass_name", CLUSTER(storageclass_name), .type = T_NAME, .fallback = "local-nfs",
	  .example = "local-nfs", .help = "name of the storage class" },
	{ "storage_accessmode", CLUSTER(storage_accessmode), .type = T_CHOICE,
	  .choices = access_modes, .fallback = "ReadWriteMany", .example = "ReadWriteMany",
	  .help = "access mode of the volumes" },
	{ "storageclass_size", CLUSTER(storageclass_size), .type = T_SIZE, .min = MIB,
	  .fallback = "150Gi", .example = "150Gi",
	  .help = "space for all volumes together; must fit on the disk" },
	{ "pv_name", CLUSTER(pv_name), .type = T_NAME, .max = 40, .fallback = "nfs-pv",
	  .example = "nfs-pv", .help = "first part of the volumes' names" },
	{ "pvc_name", CLUSTER(pvc_name), .type = T_NAME, .max = 40, .fallback = "nfs-pvc",
	  .example = "nfs-pvc", .help = "first part of the claims' names" },
	{ "pv_size_grafana", CLUSTER(pv_size_grafana), .type = T_SIZE, .min = MIB,
	  .fallback = "10Gi", .example = "10Gi", .help = "volume of Grafana" },
	{ "pvc_size_grafana", CLUSTER(pvc_size_grafana), .type = T_SIZE, .min = MIB,
	  .fallback = "{{ pv_size_grafana }}", .example = "10Gi",
	  .help = "what Grafana claims of its volume" },
	{ "pv_size_prometheus", CLUSTER(pv_size_prometheus), .type = T_SIZE, .min = MIB,
	  .fallback = "50Gi", .example = "50Gi", .help = "volume of Prometheus" },
	{ "pvc_size_prometheus", CLUSTER(pvc_size_prometheus), .type = T_SIZE, .min = MIB,
	  .fallback = "{{ pv_size_prometheus }}", .example = "50Gi",
	  .help = "what Prometheus claims of its volume" },
	{ "pv_size_alertmanager", CLUSTER(pv_size_alertmanager), .type = T_SIZE, .min = MIB,
	  .fallback = "5Gi", .example = "5Gi", .help = "volume of Alertmanager" },
	{ "pvc_size_alertmanager", CLUSTER(pvc_size_alertmanager), .type = T_SIZE, .min = MIB,
	  .fallback = "{{ pv_size_alertmanager }}", .example = "5Gi",
	  .help = "what Alertmanager claims of its volume" },

	/* ---- K3s */
	{ "k3s_version", CLUSTER(k3s_version), .type = T_VERSION, .fallback = "v1.30.2+k3s1",
	  .example = "v1.30.2+k3s1", .help = "release of K3s" },
	{ "token", CLUSTER(token), .type = T_SECRET, .example = "\"{{ ansible_vault.token }}\"",
	  .help = "what nodes join the cluster with" },
	{ "api_endpoint", CLUSTER(api_endpoint), .type = T_HOST,
	  .fallback = "{{ hostvars[groups[server_group][0]]['external_ip'] }}",
	  .example = "160.85.30.104",
	  .help = "address or name of the Kubernetes API in the kubeconfig" },
	{ "api_port", CLUSTER(api_port), .type = T_PORT, .fallback = "6443", .example = "6443",
	  .help = "port of the Kubernetes API" },
	{ "k3s_server_location", CLUSTER(k3s_server_location), .type = T_PATH,
	  .fallback = "/var/lib/rancher/k3s", .example = "/var/lib/rancher/k3s",
	  .help = "data directory of K3s" },
	{ "cluster_cidr", CLUSTER(cluster_cidr), .type = T_CIDRS, .fallback = "10.42.0.0/16",
	  .example = "10.42.0.0/16", .help = "addresses of pods" },
	{ "service_cidr", CLUSTER(service_cidr), .type = T_CIDRS, .fallback = "10.43.0.0/16",
	  .example = "10.43.0.0/16", .help = "addresses of services" },
	{ "use_external_database", CLUSTER(use_external_database), .type = T_BOOL, .fallback = "no",
	  .example = "no", .help = "several servers share a database outside instead of etcd" },
	{ "server_config_yaml", CLUSTER(server_config_yaml), .type = T_YAML,
	  .example = "\"disable: [traefik]\"",
	  .help = "text merged into K3s' config.yaml on servers" },
	{ "agent_config_yaml", CLUSTER(agent_config_yaml), .type = T_YAML,
	  .example = "\"kubelet-arg: [max-pods=200]\"",
	  .help = "text merged into K3s' config.yaml on agents" },
	{ "registries_config_yaml", CLUSTER(registries_config_yaml), .type = T_YAML,
	  .example = "\"mirrors: {}\"", .help = "text of K3s' registries.yaml" },
	{ "extra_manifests", CLUSTER_LIST(extra_manifests), .type = T_LOCALS,
	  .example = "[ manifests/quota.yaml ]",
	  .help = "files on this machine that are applied to the cluster" },
	{ "extra_service_envs", CLUSTER_LIST(extra_service_envs), .type = T_ENVS,
	  .example = "[ 'HTTPS_PROXY=http://proxy:3128' ]",
	  .help = "environment of the K3s service" },
	{ "airgap_dir", CLUSTER(airgap_dir), .type = T_LOCAL, .example = "airgap",
	  .help = "folder on this machine with K3s' binary and images, for sites without "
		  "internet: looked into before anything is downloaded" },
	{ "image_archives", CLUSTER_LIST(image_archives), .type = T_LOCALS,
	  .example = "[ images/monitoring.tar.zst ]",
	  .help = "files on this machine with container images, as docker save and skopeo write them (.tar, "
		  ".tar.gz, .tar.zst): every node's containerd takes them, so that no registry is needed" },
	{ "artifact_mirror", CLUSTER(artifact_mirror), .type = T_URL,
	  .example = "https://mirror.example.org/powerstack",
	  .help = "stands in for upstream: https://HOST/PATH is fetched from "
		  "<artifact_mirror>/HOST/PATH" },
	{ "manage_firewall", CLUSTER(manage_firewall), .type = T_BOOL, .fallback = "yes",
	  .example = "yes", .help = "open the needed ports when ufw or firewalld is active" },
	{ "kubeconfig", CLUSTER(kubeconfig), .type = T_LOCAL, .example = "~/.kube/config",
	  .help = "kubeconfig on this machine that the cluster is added to; not given: the first file of "
		  "$KUBECONFIG, else ~/.kube/config" },

	/* ---- applications */
	{ "helm_version", CLUSTER(helm_version), .type = T_RELEASE, .fallback = "v4.2.4",
	  .example = "v3.19.4", .help = "release of helm, 3 or 4" },
	{ "cert_manager_version", CLUSTER(cert_manager_version), .type = T_RELEASE, .fallback = "v1.17.2",
	  .example = "v1.17.2", .help = "version of the chart cert-manager" },
	{ "cert_manager_repo_url", CLUSTER(cert_manager_repo_url), .type = T_URL,
	  .fallback = "https://charts.jetstack.io", .example = "https://charts.jetstack.io",
	  .help = "chart repository of cert-manager" },
	{ "rancher_version", CLUSTER(rancher_version), .type = T_RELEASE, .fallback = "2.11.3",
	  .example = "2.11.3",
	  .help = "version of the chart rancher; Rancher's support matrix says which K3s it fits" },
	{ "rancher_repo_url", CLUSTER(rancher_repo_url), .type = T_URL,
	  .fallback = "https://releases.rancher.com/server-charts/stable",
	  .example = "https://releases.rancher.com/server-charts/latest",
	  .help = "chart repository of Rancher" },
	{ "rancher_hostname", CLUSTER(rancher_hostname), .type = T_DNS, .fallback = "rancher.local",
	  .example = "rancher.local", .help = "name that Rancher answers to" },
	{ "rancher_tls", CLUSTER(rancher_tls), .type = T_CHOICE, .choices = rancher_tls, .fallback = "ingress",
	  .example = "external",
	  .help = "who ends TLS for Rancher: its ingress, with a certificate of cert-manager's, or external, a proxy "
		  "in front" },
	{ "rancher_proxies", CLUSTER(rancher_proxies), .type = T_CIDR, .fallback = "{{ nfs_network }}",
	  .example = "192.168.0.0/24",
	  .help = "rancher_tls external: the network of that proxy, whose word on who asks is taken" },
	{ "bootstrapPassword", CLUSTER(bootstrap_password), .type = T_SECRET,
	  .example = "\"{{ ansible_vault.bootstrapPassword }}\"",
	  .help = "Rancher's first password" },
	{ "grafana_admin_password", CLUSTER(grafana_admin_password), .type = T_SECRET,
	  .example = "\"{{ ansible_vault.grafanaAdminPassword }}\"",
	  .help = "password of Grafana's admin" },
	{ "monitoring_stack_repo_url", CLUSTER(monitoring_stack_repo_url), .type = T_URL,
	  .fallback = "https://prometheus-community.github.io/helm-charts",
	  .example = "https://prometheus-community.github.io/helm-charts",
	  .help = "chart repository of the monitoring stack" },
	{ "kube_prometheus_stack_version", CLUSTER(kube_prometheus_stack_version), .type = T_RELEASE,
	  .fallback = "88.5.3", .example = "88.5.3",
	  .help = "version of the chart kube-prometheus-stack, the monitoring stack" },
	{ "monitoring_namespace", CLUSTER(monitoring_namespace), .type = T_NAME,
	  .fallback = "monitoring", .example = "monitoring",
	  .help = "namespace of the monitoring stack" },
	{ "testing_namespace", CLUSTER(testing_namespace), .type = T_NAME, .fallback = "testing",
	  .example = "testing", .help = "namespace of test workloads" },
	{ "benchmarking_namespace", CLUSTER(benchmarking_namespace), .type = T_NAME,
	  .fallback = "benchmarking", .example = "benchmarking",
	  .help = "namespace of benchmarks" },
	{ "prometheus_scrape_interval", CLUSTER(prometheus_scrape_interval), .type = T_DURATION,
	  .min = 1 * SECONDS, .max = 3600 * SECONDS, .fallback = "10s", .example = "10s",
	  .help = "how often Prometheus asks its targets" },
	{ "prometheus_retention", CLUSTER(prometheus_retention), .type = T_DURATION,
	  .min = 3600 * SECONDS, .fallback = "10d", .example = "90d",
	  .help = "how long Prometheus keeps samples, as long as they find room in its volume" },
	{ "prometheus_custom_nodeport", CLUSTER(prometheus_nodeport), .type = T_NODEPORT,
	  .fallback = "30002", .example = "30002", .help = "port of Prometheus on every node" },
	{ "grafana_custom_nodeport", CLUSTER(grafana_nodeport), .type = T_NODEPORT,
	  .fallback = "30003", .example = "30003", .help = "port of Grafana on every node" },
	{ "alertmanager_custom_nodeport", CLUSTER(alertmanager_nodeport), .type = T_NODEPORT,
	  .fallback = "30004", .example = "30004", .help = "port of Alertmanager on every node" },
	{ "rancher_custom_nodeport", CLUSTER(rancher_nodeport), .type = T_NODEPORT,
	  .example = "30001", .help = "port of Rancher on every node; none when not given" },

	/* ---- exporter */
	{ "prometheus_kepler_port", CLUSTER(exporter_port), .type = T_PORT, .fallback = "9102",
	  .example = "9102", .help = "port of the energy exporter on every node" },
	{ "exporter_interval", CLUSTER(exporter_interval), .type = T_DURATION, .min = 1 * SECONDS,
	  .max = 600 * SECONDS, .fallback = "5s", .example = "5s",
	  .help = "how often the exporter reads its meters" },
	{ "exporter_tls", CLUSTER(exporter_tls), .type = T_BOOL, .fallback = "no", .example = "yes",
	  .help = "the exporter's page by TLS only, with the certificate that K3s makes for each node; Prometheus "
		  "verifies it" },
	{ "energy_price", CLUSTER(energy_price), .type = T_DECIMAL, .fallback = "0.25", .example = "0.31",
	  .help = "what a kWh costs: what the dashboards begin with" },
	{ "energy_currency", CLUSTER(energy_currency), .type = T_STRING, .min = 1, .max = 8, .fallback = "EUR",
	  .example = "CHF", .help = "money of energy_price" },
	{ "carbon_intensity", CLUSTER(carbon_intensity), .type = T_DECIMAL, .fallback = "250", .example = "41.5",
	  .help = "grams of CO2 that a kWh stands for: what the dashboards begin with" },
	{ "bmc_tls_skip_verify", CLUSTER(bmc_insecure), .type = T_BOOL, .fallback = "no",
	  .example = "no", .help = "do not check the management controllers' certificates" },
	{ "bmc_ca_file", CLUSTER(bmc_ca_file), .type = T_LOCAL, .example = "bmc-ca.pem",
	  .help = "certificates on this machine that the management controllers are checked with" },

	/* ---- keys of the originals that mean nothing here */
	{ "systemd_dir", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "/etc/systemd/system", .help = "units stand in /etc/systemd/system" },
	{ "extra_install_envs", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "{ INSTALL_K3S_SKIP_SELINUX_RPM: 'true' }",
	  .help = "K3s' install script is not used" },
	{ "k3s_wait_ready", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD, .example = "yes",
	  .help = "every node is waited for" },
	{ "k3s_server_wait_etcd_voters", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "yes", .help = "every server is waited for" },
	{ "user_kubectl", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD, .example = "yes",
	  .help = "the kubeconfig is put on this machine; on a server, 'sudo kubectl' needs none" },
	{ "kepler_name", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD, .example = "kepler",
	  .help = "the exporter is a service of the node, not a chart" },
	{ "kepler_namespace", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "kepler", .help = "the exporter is a service of the node, not a chart" },
	{ "kepler_repo_url", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "https://sustainable-computing-io.github.io/kepler-helm-chart",
	  .help = "the exporter is a service of the node, not a chart" },
	{ "tycho_name", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD, .example = "tycho",
	  .help = "the exporter is a service of the node, not a chart" },
	{ "tycho_namespace", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD, .example = "tycho",
	  .help = "the exporter is a service of the node, not a chart" },
	{ "tycho_repo_url", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "https://example.org",
	  .help = "the exporter is a service of the node, not a chart" },
	{ "k_bench_repo", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "https://github.com/vmware-tanzu/k-bench.git", .help = "nothing uses it" },
	{ "perf_tests_repo", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "https://github.com/kubernetes/perf-tests.git", .help = "nothing uses it" },
	{ "kubectl_version", .scope = F_CLUSTER, .type = T_ANY, .flags = F_DEAD,
	  .example = "v3.31.3", .help = "K3s brings its own kubectl" },
};
const size_t nschema = COUNT(schema);

const struct field *schema_find(const char *key)
{
	for (size_t i = 0; i < nschema; i++)
		if (strcmp(schema[i].key, key) == 0)
			return &schema[i];
	return NULL;
}

static const char *key_at(const void *ctx, size_t i)
{
	(void)ctx;
	return schema[i].key;
}

const char *schema_near(const char *key)
{
	const char *near = near_find(key, nschema, key_at, NULL);
	/* much is near a short key: a variable of the user's own called 'rack' is no misspelt 'arch' */
	return near && strlen(near) <= 4 && *near != *key ? NULL : near;
}
