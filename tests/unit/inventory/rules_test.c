/* SPDX-License-Identifier: BSD-2-Clause */
/* Every cross-field rule: broken once, told at its exact place. */
#include "tests/unit/inventory/helper.h"

#define S "          "	/* indent of a host's keys */
#define V "    "	/* indent of vars */

struct breach {
	const char *server, *agent, *vars;	/* added behind SERVER, AGENT, VARS */
	bool warning;
	unsigned line, column;
	const char *text;
};

static const struct breach breaches[] = {
	/* names and addresses */
	{ S "node_name: x\n", S "node_name: X\n", "", false, 13, 22, "node_name: 'x' is also host 'ho1' (line 8)" },
	{ "", S "node_name: ho1\n", "", false, 12, 22, "'ho1' is also host 'ho1' (line 5)" },
	{ "", S "external_ip: ho1\n", "", false, 0, 0, NULL },
	{ S "external_ip: 1.2.3.4\n", S "external_ip: 1.2.3.4\n", "", false, 13, 24,
	  "external_ip: '1.2.3.4' is also external_ip of 'ho1' (line 8)" },
	{ S "BMC_ip: 1.2.3.4\n", S "BMC_ip: 1.2.3.4\n", "", false, 13, 19, "also BMC_ip of 'ho1'" },
	{ S "BMC_ip: 10.0.0.2\n", "", "", false, 8, 19, "BMC_ip: '10.0.0.2' is also internal_ip of 'ho2' (line 12)" },
	{ S "ansible_host: h\n", S "ansible_host: h\n", "", false, 13, 25, "also ansible_host of 'ho1' (line 8)" },
	{ S "ansible_host: h\n" S "ansible_port: 22\n", S "ansible_host: h\n", "", false, 14, 25, "also ansible_host" },
	{ S "ansible_host: h\n", S "ansible_host: h\n" S "ansible_port: 2222\n", "", false, 0, 0, NULL },
	{ "", "", V "control_node_name: ho2\n", false, 14, 24, "'ho2' is not the first server, which is 'ho1' (line 5)" },
	{ "", "", V "nfs_server: 10.0.0.2\n", false, 14, 17, "nfs_server: '10.0.0.2' is 'ho2'" },
	{ "", "", V "nfs_server: 10.0.0.9\n", false, 14, 17, "no address of the control node 'ho1'; write 10.0.0.1" },
	{ "", "", V "nfs_server: 10.0.0.1\n", false, 0, 0, NULL },
	{ "", "", V "nfs_server: nfs.example.org\n", false, 0, 0, NULL },
	{ "", "", V "api_endpoint: ho2\n", false, 14, 19, "api_endpoint: 'ho2' is the agent 'ho2'" },
	{ "", "", V "api_endpoint: vip.example.org\n", false, 0, 0, NULL },
	{ "", "", V "artifact_mirror: https://m/x?y=1\n", false, 14, 22, "artifact_mirror: 'https://m/x?y=1' has a '?' or '#'" },
	{ "", "", V "artifact_mirror: http://[::1]:81/x\n", false, 0, 0, NULL },
	{ "", "", V "image_archives: [ /x/a.tar, b.tar.zst, c/d.tgz ]\n", false, 0, 0, NULL },
	{ "", "", V "image_archives: [ a.tar, b.zip ]\n", false, 14, 21, "b.zip' ends in none of .tar" },
	{ "", "", V "image_archives: .tar\n", false, 14, 21, ".tar' ends in none of .tar" },
	{ "", "", V "image_archives: [ /x/a.tar, /y/a.tar ]\n", false, 14, 21, "'/y/a.tar' has the same name as '/x/a.tar'" },
	{ "", "", V "image_archives: [ 'a b.tar' ]\n", false, 14, 21, "needs a name of letters" },
	{ "", "", V "image_archives: [ k3s-airgap-images-amd64.tar.zst ]\n", false, 14, 21, "has the name of the archive that K3s' release" },
	/* sizes */
	{ "", "", V "pvc_size_grafana: 11Gi\n", false, 14, 23, "11Gi is more than pv_size_grafana has (10Gi)" },
	{ "", "", V "pv_size_prometheus: 1Gi\n" V "pvc_size_prometheus: 2Gi\n", false, 15, 26, "(1Gi (line 14))" },
	{ "", "", V "storageclass_size: 60Gi\n", false, 14, 24, "60Gi is less than the volumes together (65Gi)" },
	{ "", "", V "storageclass_size: 65Gi\n", false, 0, 0, NULL },
	{ "", "", V "pv_size_alertmanager: 8Ei\n" V "pv_size_grafana: 8Ei\n", false, 14, 27, "too big" },
	{ "", "", V "pv_size_alertmanager: 7Ei\n" V "pv_size_grafana: 7Ei\n", false, 0, 0, "storageclass_size: 150Gi is less" },
	/* paths */
	{ "", "", V "export_path: /\n", false, 14, 18, "export_path: '/' belongs to the system" },
	{ "", "", V "export_path: /usr/share/x\n", false, 14, 18, "belongs to the system" },
	{ "", "", V "export_path: /home\n", false, 14, 18, "belongs to the system" },
	{ "", "", V "export_path: /home/data\n", false, 0, 0, NULL },
	{ "", "", V "export_path: /mnt/data/\n", false, 14, 18, "ends in '/'; write '/mnt/data'" },
	{ "", "", V "export_path: /mnt/../etc\n", false, 14, 18, "'..' inside" },
	{ "", "", V "export_path: mnt/data\n", false, 14, 18, "must begin with '/'" },
	{ "", "", V "export_path: /mnt/my data\n", false, 14, 18, "' ' is not possible" },
	{ "", "", V "export_path: /data\n" V "k3s_server_location: /data/k3s\n", false, 14, 18,
	  "k3s_server_location '/data/k3s' (line 15) is inside it" },
	{ "", "", V "k3s_server_location: /etc/k3s\n", false, 14, 26, "belongs to the system" },
	/* networks */
	{ "", "", V "cluster_cidr: 10.43.128.0/17\n", false, 14, 19, "overlaps service_cidr '10.43.0.0/16'" },
	{ "", "", V "service_cidr: 10.42.0.0/16\n", false, 14, 19, "overlaps cluster_cidr '10.42.0.0/16'" },
	{ "", "", V "cluster_cidr: 10.0.0.0/16\n", false, 13, 18, "nfs_network: '10.0.0.0/24' overlaps cluster_cidr '10.0.0.0/16' (line 14)" },
	{ "", "", V "cluster_cidr: 10.0.0.0/16\n", false, 6, 24, "'10.0.0.1' is inside cluster_cidr 10.0.0.0/16 (line 14)" },
	{ S "external_ip: 10.43.7.7\n", "", "", false, 8, 24, "is inside service_cidr 10.43.0.0/16" },
	{ S "BMC_ip: 10.42.7.7\n", "", "", false, 8, 19, "is inside cluster_cidr" },
	{ "", "", V "cluster_cidr: 10.42.0.0/25\n", false, 14, 19, "too small" },
	{ "", "", V "cluster_cidr: 10.42.0.0/24\n", false, 14, 19, "there are 2 nodes" },
	{ "", "", V "cluster_cidr: 10.42.0.0/23\n", false, 0, 0, NULL },
	{ "", "", V "cluster_cidr: 10.42.0.0/16,2001:db8:42::/56\n" V "service_cidr: 10.43.0.0/16,2001:db8:43::/112\n",
	  false, 0, 0, NULL },
	{ "", "", V "cluster_cidr: 10.42.0.0/16,10.44.0.0/16\n", false, 14, 19, "one IPv4 and one IPv6" },
	{ "", "", V "service_cidr: 172.0.0.0/8\n", false, 14, 19, "bigger than Kubernetes accepts: at least /12" },
	/* ports */
	{ "", "", V "grafana_custom_nodeport: 30002\n", false, 14, 30, "30002 is also prometheus_custom_nodeport" },
	{ "", "", V "rancher_custom_nodeport: 30009\n" V "grafana_custom_nodeport: 30009\n", false, 14, 30,
	  "also grafana_custom_nodeport (line 15)" },
	{ "", "", V "prometheus_kepler_port: 9100\n", false, 14, 29, "port 9100 belongs to node_exporter" },
	{ "", "", V "prometheus_kepler_port: 31000\n", false, 14, 29, "NodePorts" },
	{ "", "", V "prometheus_kepler_port: 6443\n", false, 14, 29, "is also api_port" },
	{ "", "", V "api_port: 10250\n", false, 14, 15, "belongs to the kubelet" },
	{ "", "", V "api_port: 6443\n", false, 0, 0, NULL },
	{ "", "", V "api_port: 8443\n", false, 0, 0, NULL },
	/* applications */
	{ "", "", V "monitoring_namespace: kube-system\n", false, 14, 27, "'kube-system' is not ours" },
	{ "", "", V "testing_namespace: monitoring\n", false, 14, 24, "also monitoring_namespace" },
	{ "", "", V "exporter_interval: 30s\n", true, 14, 24, "scrapes in between see nothing new" },
	/* management controllers */
	{ S "bmc_user: \"{{ ansible_vault.u }}\"\n", "", "", false, 8, 21, "bmc_user stands without bmc_password" },
	{ S "bmc_password: \"{{ ansible_vault.u }}\"\n", "", "", false, 8, 25, "bmc_password stands without bmc_user" },
	{ S "BMC_ip: 1.2.3.4\n", "", "", true, 8, 19, "bmc_user: and bmc_password:" },
	{ "", "", V "bmc_ca_file: a\n" V "bmc_tls_skip_verify: yes\n", true, 15, 26, "bmc_ca_file (line 14) has no effect" },
	/* k3s */
	{ S "extra_server_args: --node-ip=10.0.0.9\n", "", "", false, 8, 30,
	  "'node-ip' is '10.0.0.9' here but internal_ip is '10.0.0.1' (line 6)" },
	{ S "extra_server_args: --node-ip 10.0.0.1 --disable x\n", "", "", false, 0, 0, NULL },
	{ S "extra_server_args: --token=hunter2\n", "", "", false, 8, 30, "use token: \"{{ ansible_vault.token }}\"" },
	{ "", S "extra_agent_args: -t hunter2\n", "", false, 12, 29, "in clear text" },
	{ "", "", V "server_config_yaml: 'token: x'\n", false, 14, 25, "in clear text" },
	{ "", "", V "server_config_yaml: 'cluster-cidr: 10.9.0.0/16'\n", false, 14, 25,
	  "'cluster-cidr' is '10.9.0.0/16' here but cluster_cidr is '10.42.0.0/16'" },
	{ "", "", V "extra_service_envs: [ K3S_TOKEN=x ]\n", false, 14, 25, "in clear text" },
	{ "", "", V "use_external_database: yes\n", false, 14, 28, "datastore-endpoint" },
	{ "", "", V "use_external_database: yes\n" V "server_config_yaml: 'datastore-endpoint: \"mysql://h\"'\n", false, 0, 0, NULL },
	{ S "node_labels: { node-role.kubernetes.io/x: y }\n", "", "", false, 8, 24, "the kubelet does not start" },
	{ S "node_labels: { topology.kubernetes.io/zone: y, node.kubernetes.io/a: b }\n", "", "", false, 0, 0, NULL },
	/* disks of others */
	{ S "disk_for_testing: /dev/disk/by-id/ata-X_1\n", "", "", false, 8, 29, "benchmarks would destroy the data" },
	{ "", S "disk_for_persistent_storage: /dev/disk/by-id/x\n", "", true, 12, 40, "only the control node's disk is used" },
	{ "", S "disk_serial: x\n", "", false, 12, 24, "stands without disk_for_persistent_storage" },
	{ "", S "disk_for_testing: /dev/sdb1\n", "", false, 12, 29, "is a partition" },
};

Test(rules, every_breach_is_told_at_its_place)
{
	for (size_t i = 0; i < COUNT(breaches); i++) {
		const struct breach *b = &breaches[i];
		AUTO_FREE char *server = NULL;
		AUTO_FREE char *agent = NULL;
		AUTO_FREE char *vars = NULL;
		cr_assert_gt(asprintf(&server, SERVER "%s", b->server), 0);
		/* the table's lines are for a server with no added line, as are the agent's */
		cr_assert_gt(asprintf(&agent, AGENT "%s", b->agent), 0);
		cr_assert_gt(asprintf(&vars, VARS "%s", b->vars), 0);
		AUTO_READ struct read r = read_small(server, agent, vars);
		if (!b->text) {
			assert_silent(&r);
			continue;
		}
		if (b->warning) {
			assert_sound(&r);
			assert_warning(&r, b->line, b->column, b->text);
		} else {
			assert_error(&r, b->line, b->column, b->text);
		}
	}
}

Test(rules, the_small_inventory_is_sound_and_silent)
{
	AUTO_READ struct read r = read_small(SERVER, AGENT, VARS);
	assert_silent(&r);
}

Test(rules, a_node_outside_the_nfs_network)
{
	AUTO_READ struct read r = read_small(SERVER, S "internal_ip: 10.0.1.2\n", VARS);
	assert_error(&r, 11, 24, "internal_ip: '10.0.1.2' is outside nfs_network 10.0.0.0/24 (line 13)");
	cr_assert_eq(r.ps.n, 1);
}

Test(rules, an_address_that_no_machine_has)
{
	AUTO_READ struct read r = read_small(SERVER, S "internal_ip: 10.0.0.255\n", VARS);
	assert_error(&r, 11, 24, "the first or last address of 10.0.0.0/24");
	AUTO_READ struct read first = read_small(SERVER, S "internal_ip: 10.0.0.0\n", VARS);
	assert_error(&first, 11, 24, "the first or last address");
	AUTO_READ struct read two = read_small(SERVER, S "internal_ip: 10.0.0.0\n", "    nfs_network: 10.0.0.0/31\n");
	assert_silent(&two);
}

Test(rules, the_same_internal_address)
{
	AUTO_READ struct read r = read_small(SERVER, S "internal_ip: 10.0.0.1\n", VARS);
	assert_error(&r, 11, 24, "internal_ip: '10.0.0.1' is also internal_ip of 'ho1' (line 6)");
}

Test(rules, a_loopback_address)
{
	AUTO_READ struct read r = read_small(SERVER, S "internal_ip: 127.0.0.1\n", VARS);
	assert_error(&r, 11, 24, "is this machine itself");
}

Test(rules, even_servers)
{
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  children:\n"
					    "    server:\n"
					    "      hosts:\n"
					    "        10.0.0.1: { disk_for_persistent_storage: /dev/disk/by-id/x }\n"
					    "        10.0.0.2:\n"
					    "    agent:\n"
					    "  vars:\n"
					    "    nfs_network: 10.0.0.0/24\n");
	assert_sound(&r);
	assert_warning(&r, 6, 9, "2 servers survive the loss of no more nodes than 1 do");
	cr_assert_eq(r.inv->nhosts, 2);
	cr_assert_eq(r.inv->hosts[1].roles, ROLE_SERVER);
}

static const struct {
	const char *disk, *serial;	/* serial NULL: none */
	const char *text;		/* NULL: sound */
	bool warning;
} disks[] = {
	{ "/dev/disk/by-id/nvme-X_1", NULL, NULL },
	{ "/dev/disk/by-id/wwn-0x5002538f", "S1", NULL },
	{ "/dev/disk/by-id/nvme-X_1-part1", NULL, "a partition; the whole disk is wanted, without '-part1'" },
	{ "/dev/disk/by-id/dm-name-x", NULL, "device mapper" },
	{ "/dev/disk/by-id/lvm-pv-uuid-x", NULL, "belongs to LVM" },
	{ "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "S1", NULL },
	{ "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", NULL, "names a slot" },
	{ "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part2", "S1", "is a partition" },
	{ "/dev/disk/by-uuid/1234", "S1", "names a file system, and the disk must be empty" },
	{ "/dev/disk/by-label/x", "S1", "names a file system" },
	{ "/dev/disk/by-partuuid/x", "S1", "names a partition" },
	{ "/dev/disk/by-diskseq/3", "S1", "changes with every boot" },
	{ "/dev/sdd", "S1", NULL },
	{ "/dev/sdd", NULL, "may be another disk after a reboot" },
	{ "/dev/sdd1", "S1", "'/dev/sdd1' is a partition" },
	{ "/dev/sdaa", "S1", NULL },
	{ "/dev/vdb", "S1", NULL },
	{ "/dev/vdb12", "S1", "is a partition" },
	{ "/dev/xvdb", "S1", NULL },
	{ "/dev/nvme0n1", "S1", NULL },
	{ "/dev/nvme0n1p2", "S1", "is a partition" },
	{ "/dev/nvme0", "S1", "no name of a whole disk" },
	{ "/dev/mmcblk0", "S1", NULL },
	{ "/dev/mmcblk0p1", "S1", "is a partition" },
	{ "/dev/mmcblk0boot0", "S1", "no name of a whole disk" },
	{ "/dev/loop3", NULL, "fit for tests only", true },
	{ "/dev/loop3p1", NULL, "is a partition" },
	{ "/dev/md0", "S1", "no name of a whole disk" },
	{ "/dev/mapper/vg-lv", "S1", "no name of a whole disk" },
	{ "/dev/vg0/lv", "S1", "no name of a whole disk" },
	{ "/dev/sr0", "S1", "no name of a whole disk" },
	{ "/dev/sd", "S1", "no name of a whole disk" },
	{ "sdd", "S1", "must begin with '/dev/'" },
	{ "/dev/disk/by-id/../../sda", "S1", "'..' inside" },
};

Test(rules, the_disk_is_a_whole_one_that_stays_itself)
{
	for (size_t i = 0; i < COUNT(disks); i++) {
		AUTO_FREE char *server = NULL;
		cr_assert_gt(asprintf(&server, S "internal_ip: 10.0.0.1\n" S "disk_for_persistent_storage: %s\n%s%s%s",
				      disks[i].disk, disks[i].serial ? S "disk_serial: " : "",
				      disks[i].serial ? disks[i].serial : "", disks[i].serial ? "\n" : ""), 0);
		AUTO_READ struct read r = read_small(server, AGENT, VARS);
		if (!disks[i].text)
			assert_silent(&r);
		else if (disks[i].warning)
			assert_warning(&r, 7, 40, disks[i].text);
		else
			assert_error(&r, 7, 40, disks[i].text);
	}
}

Test(rules, a_missing_disk_is_told_at_the_control_node)
{
	AUTO_READ struct read r = read_small(S "internal_ip: 10.0.0.1\n", AGENT, VARS);
	assert_error(&r, 5, 9, "disk_for_persistent_storage is missing: name the empty disk of 'ho1'");
	cr_assert_eq(r.ps.n, 1);
}

Test(rules, all_problems_are_told_at_once_in_order)
{
	AUTO_READ struct read r = read_small(SERVER S "BMC_ip: 300.1.1.1\n", S "internal_ip: 10.9.0.2\n",
					     VARS V "export_path: /etc\n" V "grafana_custom_nodeport: 29999\n"
						  V "storageclas_size: 10Gi\n");
	AUTO_FREE char *text = said(&r);
	cr_assert_eq(r.ps.nerrors, 5, "%s", text);
	for (size_t i = 1; i < r.ps.n; i++)
		cr_assert_leq(r.ps.v[i - 1].line, r.ps.v[i].line);
	assert_error(&r, 8, 19, "BMC_ip: '300.1.1.1' is not an IPv4 or IPv6 address");
	assert_error(&r, 12, 24, "outside nfs_network");
	assert_error(&r, 15, 18, "belongs to the system");
	assert_error(&r, 16, 30, "'29999' is not a NodePort: 30000 to 32767");
	assert_error(&r, 17, 5, "unknown key 'storageclas_size'; did you mean 'storageclass_size'?");
	cr_assert_str_eq(r.e.msg, "/x/inventory.yml: 5 errors");
}

Test(rules, every_rule_is_documented)
{
	size_t n = 0;
	while (inventory_rule_at(n))
		cr_assert_gt(strlen(inventory_rule_at(n++)), 10);
	cr_assert_gt(n, 20);
}
