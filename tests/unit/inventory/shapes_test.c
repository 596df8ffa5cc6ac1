/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole inventories as users have them: PowerStack's, k3s-ansible's, the lab's. */
#include "tests/unit/inventory/helper.h"

static struct read read_file(const char *path)
{
	struct read r = { 0 };
	r.rc = inventory_load(path, &r.inv, &r.ps, &r.e);
	return r;
}

Test(inventory, reads_the_shape_of_powerstack)
{
	AUTO_READ struct read r = read_file(CORPUS "powerstack.yml");
	assert_sound(&r);
	const struct inventory *inv = r.inv;
	cr_assert_eq(inv->nhosts, 3);
	const struct host *h = inv->control;
	cr_assert_eq(h, &inv->hosts[0]);
	cr_assert_eq(h->roles, ROLE_SERVER | ROLE_CONTROL);
	cr_assert_str_eq(h->name, "ho1");
	cr_assert_str_eq(h->key, "160.85.30.104");
	cr_assert_eq(h->line, 6);
	cr_assert_eq(h->column, 9);
	cr_assert_str_eq(h->address, "160.85.30.104");
	cr_assert_eq(h->port, 22);
	cr_assert_str_eq(h->user, "ubuntu");
	cr_assert_null(h->key_file);
	cr_assert_null(h->jump);
	cr_assert_null(h->become_password.entry);
	cr_assert_str_eq(h->internal_ip, "192.168.0.104");
	cr_assert_str_eq(h->bmc_ip, "160.85.30.101");
	cr_assert_str_eq(h->disk, "/dev/sdd");
	cr_assert_str_eq(h->disk_serial, "S6L1NS0T123456");
	cr_assert_str_eq(h->extra_server_args, "--node-ip=192.168.0.104  --tls-san=160.85.30.104");
	cr_assert_null(h->extra_agent_args);
	cr_assert_eq(inv->hosts[2].roles, ROLE_AGENT);
	cr_assert_str_eq(inv->hosts[2].extra_agent_args, "--node-ip=192.168.0.106");
	cr_assert_null(inv->hosts[2].external_ip);
	cr_assert_str_eq(inv->hosts[2].disk_for_testing, "/dev/sdb");
	cr_assert_str_eq(inv->token.entry, "token");
	cr_assert_str_eq(inv->bootstrap_password.entry, "bootstrapPassword");
	cr_assert_null(inv->grafana_admin_password.entry);
	cr_assert_str_eq(inv->api_endpoint, "160.85.30.104");
	cr_assert_str_eq(inv->nfs_server, "192.168.0.104");
	cr_assert_eq(inv->storageclass_size, 150ull << 30);
	cr_assert_eq(inv->pvc_size_alertmanager, 5ull << 30);
	cr_assert_eq(inv->prometheus_nodeport, 30002);
	cr_assert_eq(inv->rancher_nodeport, 0);
	cr_assert_eq(inv->exporter_port, 9102);
	cr_assert_eq(inv->api_port, 6443);
	cr_assert(inv->manage_firewall);
	/* one warning names all keys that mean nothing here */
	cr_assert_eq(r.ps.n, 2);
	assert_warning(&r, 64, 5, "kepler_namespace (line 64), kepler_repo_url (line 65), k_bench_repo (line 68), "
				  "perf_tests_repo (line 69), kubectl_version (line 70)");
}

Test(inventory, tells_a_k3s_ansible_user_what_is_missing)
{
	AUTO_READ struct read r = read_file(CORPUS "k3s-ansible.yml");
	cr_assert_eq(r.rc, -(int)ERR_CONFIG);
	cr_assert_str_eq(r.e.msg, CORPUS "k3s-ansible.yml: 3 errors");
	assert_error(&r, 0, 0, "nfs_network is missing");
	assert_error(&r, 6, 9, "disk_for_persistent_storage is missing");
	assert_error(&r, 16, 12, "powerstack vault set token");
	for (size_t i = 0; i < r.ps.n; i++)
		cr_assert_null(strstr(r.ps.v[i].text, "changeme"));
}

Test(inventory, reads_the_shape_of_k3s_ansible)
{
	AUTO_BUF struct buf b;
	struct err e = { 0 };
	buf_init(&b, 1 << 20);
	cr_assert_eq(file_read(CORPUS "k3s-ansible.yml", &b, NULL, &e), 0);
	/* a bare name: the entry of a flat vault */
	memcpy(strstr(b.data, "\"changeme!\""), "\"{{ tok }}\"", 11);
	AUTO_FREE char *text = NULL;
	cr_assert_gt(asprintf(&text, "%s    nfs_network: 192.16.35.0/24\n"
				     "    disk_for_persistent_storage: /dev/disk/by-id/x\n", b.data), 0);
	AUTO_READ struct read r = read_named("/etc/k/inventory.yml", text);
	assert_sound(&r);
	const struct inventory *inv = r.inv;
	cr_assert_str_eq(inv->token.entry, "tok");
	cr_assert_eq(inv->nhosts, 3);
	cr_assert_str_eq(inv->control->name, "192.16.35.11");
	cr_assert_str_eq(inv->control->internal_ip, "192.16.35.11");
	cr_assert_str_eq(inv->control->external_ip, "192.16.35.11");
	cr_assert_eq(inv->nextra_service_envs, 2);
	cr_assert_str_eq(inv->extra_service_envs[1].key, "ENV_VAR2");
	cr_assert_str_eq(inv->extra_service_envs[1].value, "VALUE2");
	cr_assert_eq(inv->nextra_manifests, 2);
	cr_assert_str_eq(inv->extra_manifests[0], "/path/to/manifest1.yaml");
	cr_assert_str_eq(inv->server_config_yaml,
			 "disable:\n  - traefik\nnode-label:\n  - \"rack=r12\"\n");
	cr_assert_not(inv->manage_firewall);
}

Test(inventory, reads_the_shape_of_the_lab)
{
	AUTO_READ struct read r = read_file(CORPUS "lab.yml");
	assert_sound(&r);
	const struct inventory *inv = r.inv;
	cr_assert_eq(inv->nhosts, 3);
	cr_assert_eq(inv->hosts[0].port, 2221);
	cr_assert_eq(inv->hosts[2].port, 2223);
	cr_assert_str_eq(inv->hosts[2].key, "lab3");
	cr_assert_str_eq(inv->hosts[1].become_password.entry, "sudoPassword");
	cr_assert_str_eq(inv->hosts[1].jump, "admin@192.0.2.11");
	cr_assert_eq(inv->hosts[2].nnode_labels, 2);
	cr_assert_str_eq(inv->hosts[2].node_labels[1].key, "example.org/zone");
	cr_assert_str_eq(inv->hosts[2].node_labels[1].value, "a");
	cr_assert_eq(inv->hosts[2].nnode_taints, 1);
	cr_assert_str_eq(inv->hosts[2].node_taints[0], "dedicated=power:NoSchedule");
	cr_assert_eq(inv->storageclass_size, 1536ull << 20);
	cr_assert_eq(inv->pv_size_prometheus, 500000000);
	cr_assert_eq(inv->pvc_size_prometheus, 500000000);
	cr_assert_str_eq(inv->exporter_interval, "1m30s");
	size_t n = strlen(inv->control->known_hosts_file);
	cr_assert_eq(inv->control->known_hosts_file[0], '/');
	cr_assert_str_eq(inv->control->known_hosts_file + n - strlen(CORPUS "known_hosts"),
			 CORPUS "known_hosts");
}

Test(inventory, finds_a_host_by_any_of_its_names)
{
	AUTO_READ struct read r = read_file(CORPUS "powerstack.yml");
	assert_sound(&r);
	cr_assert_eq(inventory_find_host(r.inv, "ho2"), &r.inv->hosts[1]);
	cr_assert_eq(inventory_find_host(r.inv, "HO2"), &r.inv->hosts[1]);
	cr_assert_eq(inventory_find_host(r.inv, "160.85.30.105"), &r.inv->hosts[1]);
	cr_assert_eq(inventory_find_host(r.inv, "192.168.0.105"), &r.inv->hosts[1]);
	cr_assert_null(inventory_find_host(r.inv, "ho4"));
}

Test(inventory, finds_no_host_by_an_address_of_several)
{
	AUTO_READ struct read r = read_file(CORPUS "lab.yml");
	assert_sound(&r);
	cr_assert_null(inventory_find_host(r.inv, "127.0.0.1"));
	cr_assert_eq(inventory_find_host(r.inv, "10.77.0.12"), &r.inv->hosts[1]);
	cr_assert_eq(inventory_find_host(r.inv, "192.0.2.11"), &r.inv->hosts[0]);
}

/* Every key that PowerStack's and k3s-ansible's inventories have. */
Test(inventory, knows_every_key_of_the_originals)
{
	static const char *const keys[] = {
		"node_name", "internal_ip", "external_ip", "BMC_ip", "disk_for_persistent_storage",
		"disk_for_testing", "control_node_name", "ansible_port", "ansible_user", "ansible_host",
		"ansible_ssh_private_key_file", "ansible_become_password", "k3s_version", "token", "api_endpoint",
		"extra_server_args", "extra_agent_args", "cluster_context", "rancher_hostname", "bootstrapPassword",
		"nfs_network", "nfs_server", "export_path", "storageclass_name", "storage_accessmode", "pv_name",
		"pvc_name", "storageclass_size", "pv_size_grafana", "pv_size_prometheus", "pv_size_alertmanager",
		"pvc_size_grafana", "pvc_size_prometheus", "pvc_size_alertmanager", "monitoring_stack_repo_url",
		"monitoring_namespace", "testing_namespace", "benchmarking_namespace", "prometheus_scrape_interval",
		"prometheus_kepler_port", "prometheus_custom_nodeport", "grafana_custom_nodeport",
		"alertmanager_custom_nodeport", "rancher_custom_nodeport", "kepler_namespace", "kepler_repo_url",
		"kepler_name", "tycho_name", "tycho_namespace", "tycho_repo_url", "k_bench_repo", "perf_tests_repo",
		"kubectl_version", "server_group", "agent_group", "extra_install_envs", "extra_service_envs",
		"kubeconfig", "user_kubectl", "api_port", "k3s_server_location", "systemd_dir",
		"use_external_database", "manage_firewall", "cluster_cidr", "service_cidr", "extra_manifests",
		"airgap_dir", "server_config_yaml", "agent_config_yaml", "registries_config_yaml", "node_labels",
		"node_taints",
	};
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct inventory_key k = { 0 };
		bool found = false;
		for (size_t n = 0; !found && inventory_key_at(n, &k); n++)
			found = strcmp(k.key, keys[i]) == 0;
		cr_expect(found, "%s", keys[i]);
	}
}

Test(inventory, gives_values_by_key_but_no_secrets)
{
	AUTO_READ struct read r = read_file(CORPUS "powerstack.yml");
	assert_sound(&r);
	AUTO_BUF struct buf b;
	buf_init(&b, 1000);
	struct err e = { 0 };
	cr_assert_eq(inventory_value(r.inv, NULL, "pv_size_grafana", &b, &e), 0);
	cr_assert_str_eq(buf_str(&b), "10737418240");
	buf_reset(&b);
	cr_assert_eq(inventory_value(r.inv, &r.inv->hosts[1], "internal_ip", &b, &e), 0);
	cr_assert_str_eq(buf_str(&b), "192.168.0.105");
	cr_assert_eq(inventory_value(r.inv, NULL, "internal_ip", &b, &e), -(int)ERR_BUG);
	cr_assert_eq(inventory_value(r.inv, NULL, "token", &b, &e), -(int)ERR_BUG);
	cr_assert_eq(inventory_value(r.inv, NULL, "nonsense", &b, &e), -(int)ERR_BUG);
	cr_assert_eq(inventory_value(r.inv, NULL, "systemd_dir", &b, &e), -(int)ERR_BUG);
}

Test(inventory, says_what_to_do_when_there_is_none)
{
	AUTO_READ struct read r = read_file("/nowhere/inventory.yml");
	cr_assert_eq(r.rc, -(int)ERR_CONFIG);
	cr_assert_str_eq(r.e.msg, "there is no inventory '/nowhere/inventory.yml'; 'powerstack init' writes one, -i "
				  "names another");
}
