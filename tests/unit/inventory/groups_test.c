/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups, hosts, precedence, ranges, and files that are no inventory. */
#include <ctype.h>
#include <sys/stat.h>

#include "tests/unit/inventory/helper.h"

#define DISK "disk_for_persistent_storage: /dev/disk/by-id/x"

/* A variable set in every place that Ansible knows; stronger places are taken away one by one. */
Test(groups, precedence_is_ansible_s)
{
	static const char *const order[] = { "host", "deeper", "late", "early", "server", "cluster", "all" };
	for (size_t strongest = 0; strongest < COUNT(order); strongest++) {
		char line[COUNT(order)][40];
		for (size_t i = 0; i < COUNT(order); i++)
			if (i < strongest)
				snprintf(line[i], sizeof(line[i]), "ansible_port: 22");
			else
				snprintf(line[i], sizeof(line[i]), "ansible_user: %s", order[i]);
		AUTO_FREE char *text = NULL;
		cr_assert_gt(asprintf(&text,
				      "all:\n"
				      "  vars: { %s, nfs_network: 10.0.0.0/24 }\n"
				      "k3s_cluster:\n"
				      "  vars: { %s }\n"
				      "  children:\n"
				      "    server:\n"
				      "      vars: { %s }\n"
				      "      children:\n"
				      "        b_late:\n"
				      "          vars: { %s }\n"
				      "          hosts: { 10.0.0.1: { " DISK ", %s } }\n"
				      "        a_early:\n"
				      "          vars: { %s }\n"
				      "          hosts: { 10.0.0.1: }\n"
				      "          children:\n"
				      "            deep:\n"
				      "              vars: { %s }\n"
				      "              hosts: { 10.0.0.1: }\n",
				      line[6], line[5], line[4], line[2], line[0], line[3], line[1]), 0);
		AUTO_READ struct read r = read_text(text);
		assert_silent(&r);
		cr_assert_str_eq(r.inv->control->user, order[strongest]);
	}
}

Test(groups, priority_beats_the_name_at_one_depth)
{
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  vars: { nfs_network: 10.0.0.0/24 }\n"
					    "  children:\n"
					    "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
					    "    a: { hosts: { 10.0.0.1: }, vars: { ansible_user: a, ansible_group_priority: 10 } }\n"
					    "    b: { hosts: { 10.0.0.1: }, vars: { ansible_user: b } }\n");
	assert_silent(&r);
	cr_assert_str_eq(r.inv->control->user, "a");
}

Test(groups, cluster_keys_are_one_for_all)
{
	AUTO_READ struct read r = read_small(SERVER "          k3s_version: v1.30.1+k3s1\n",
					     AGENT "          k3s_version: v1.30.2+k3s1\n", VARS);
	assert_error(&r, 13, 24, "k3s_version: it is 'v1.30.2+k3s1' for 'ho2' but 'v1.30.1+k3s1' for 'ho1'");
	AUTO_READ struct read same = read_small(SERVER "          k3s_version: v1.30.1+k3s1\n", AGENT, VARS);
	assert_silent(&same);
	cr_assert_str_eq(same.inv->k3s_version, "v1.30.1+k3s1");
	AUTO_READ struct read by_host = read_small(SERVER, AGENT, VARS "    rancher_hostname: 'x-{{ inventory_hostname }}'\n");
	assert_error(&by_host, 14, 23, "it must be one value for the whole cluster");
}

static void read_hosts(const char *key, const char *want)
{
	AUTO_FREE char *text = NULL;
	cr_assert_gt(asprintf(&text,
			      "k3s_cluster:\n"
			      "  children:\n"
			      "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
			      "    agent:\n"
			      "      hosts:\n"
			      "        %s: { internal_ip: \"{{ ip | default('10.0.0.7') }}\" }\n"
			      "  vars: { nfs_network: 10.0.0.0/24 }\n", key), 0);
	AUTO_READ struct read r = read_text(text);
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	/* hosts of a range share their keys, so that their address is told twice: names are what counts here */
	if (r.inv)
		for (size_t i = 1; i < r.inv->nhosts; i++)
			buf_addf(&b, "%s%s:%u", i > 1 ? " " : "", r.inv->hosts[i].key, r.inv->hosts[i].port);
	else
		for (size_t i = 0; i < r.ps.n; i++)
			buf_addf(&b, "%s\n", r.ps.v[i].text);
	cr_expect(strstr(buf_str(&b), want), "%s: no '%s' in:\n%s", key, want, buf_str(&b));
}

Test(groups, host_keys_with_ports_and_addresses)
{
	read_hosts("ho9", "ho9:0");
	read_hosts("ho9:2222", "ho9:2222");
	read_hosts("\"10.0.0.9:2222\"", "10.0.0.9:2222");
	read_hosts("ho9:99999", "is not a port");
	read_hosts("\"a b\"", "a host's key is its name or address");
	read_hosts("a:b", "':' has no meaning there");
	read_hosts("\"a]\"", "']' has no meaning there");
	read_hosts("\"\"", "a host without a name");
	read_hosts("ho_9", "node_name is not given for 'ho_9', and its default 'ho_9' is not a node name");
}

Test(groups, ipv6_hosts)
{
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  children:\n"
					    "    server: { hosts: { \"2001:db8::1\": { node_name: a, " DISK " } } }\n"
					    "    agent: { hosts: { \"[2001:db8::2]:2222\": { node_name: b } } }\n"
					    "  vars: { nfs_network: '2001:db8::/64', cluster_cidr: '2001:db8:42::/56', "
					    "service_cidr: '2001:db8:43::/112' }\n");
	assert_silent(&r);
	cr_assert_str_eq(r.inv->hosts[0].internal_ip, "2001:db8::1");
	cr_assert_str_eq(r.inv->hosts[1].address, "2001:db8::2");
	cr_assert_eq(r.inv->hosts[1].port, 2222);
}

Test(groups, ranges)
{
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  children:\n"
					    "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
					    "    agent: { hosts: { \"10.0.0.[2:4]\": , \"10.0.1.[010:020:5]\": { node_name: n } } }\n"
					    "  vars: { nfs_network: 10.0.0.0/24 }\n");
	/* leading zeros are kept as they are written, so these are no addresses: told, not guessed */
	AUTO_FREE char *what = said(&r);
	cr_assert(strstr(what, "10.0.1.015"), "%s", what);
	AUTO_READ struct read ok = read_text("k3s_cluster:\n"
					     "  children:\n"
					     "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
					     "    agent: { hosts: { \"10.0.0.[2:4]\": , \"10.0.0.[1:2][0:9:3]\": } }\n"
					     "  vars: { nfs_network: 10.0.0.0/24 }\n");
	assert_silent(&ok);
	static const char *const want[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.10", "10.0.0.13",
					    "10.0.0.16", "10.0.0.19", "10.0.0.20", "10.0.0.23", "10.0.0.26", "10.0.0.29" };
	cr_assert_eq(ok.inv->nhosts, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		cr_assert_str_eq(ok.inv->hosts[i].key, want[i]);
	AUTO_READ struct read letters = read_text("k3s_cluster:\n"
						  "  children:\n"
						  "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
						  "    agent: { hosts: { \"n[a:c]\": { internal_ip: '10.0.0.{{ ips[inventory_hostname] }}', "
						  "ips: { na: 2, nb: 3, nc: 4 } } } }\n"
						  "  vars: { nfs_network: 10.0.0.0/24 }\n");
	assert_silent(&letters);
	cr_assert_str_eq(letters.inv->hosts[3].key, "nc");
	cr_assert_str_eq(letters.inv->hosts[3].internal_ip, "10.0.0.4");
	read_hosts("\"n[1:99999]\"", "more hosts than are possible (1000)");
	read_hosts("\"n[3:1]\"", "a range is written [first:last]");
	read_hosts("\"n[a:9]\"", "a range is written");
	read_hosts("\"n[1:3:0]\"", "a range is written");
	read_hosts("\"n[01:100]\"", "a range is written");
	read_hosts("\"n[1:3\"", "a range is written");
	read_hosts("\"n[]\"", "a range is written");
}

static const struct {
	const char *text;
	bool warning;
	unsigned line, column;
	const char *what;
} files[] = {
	{ "", false, 0, 0, "an inventory begins with 'k3s_cluster:'" },
	{ "- a\n", false, 1, 1, "an inventory begins with 'k3s_cluster:'" },
	{ "[server]\nho1\n", false, 2, 1, "" },
	{ "[server]\n", false, 1, 1, "this looks like an INI inventory" },
	{ "$ANSIBLE_VAULT;1.1;AES256\n31\n", false, 1, 1, "an encrypted vault" },
	{ "hosts:\n  a:\n", false, 1, 1, "the file begins with 'k3s_cluster:'" },
	{ "k3s_cluster:\n", false, 0, 0, "there is no control node" },
	{ "k3s_cluster:\n  children:\n    server:\n", false, 3, 5, "there is no control node: name one host" },
	{ "k3s_cluster:\n  children:\n    master:\n      hosts:\n        a:\n", false, 3, 5, "is 'master' meant to be it?" },
	{ "k3s_cluster:\n  children:\n    servers:\n      hosts:\n        a:\n", false, 3, 5, "no group 'server'; is 'servers'" },
	{ "k3s_cluster:\n  children:\n    server:\n      hosts:\n        10.0.0.1:\n    agents:\n", false, 6, 5, "no group 'agent'; is 'agents'" },
	{ "k3s_cluster:\n  childs:\n", false, 2, 3, "unknown key 'childs'; did you mean 'children'?" },
	{ "k3s_cluster:\n  children:\n    server:\n      ho1:\n", false, 4, 7, "'ho1' does not belong here" },
	{ "k3s_cluster:\n  children: [ a ]\n", false, 2, 13, "children are a mapping" },
	{ "k3s_cluster:\n  children:\n    server:\n      hosts: [ a ]\n", false, 4, 14, "hosts are a mapping" },
	{ "k3s_cluster:\n  vars: [ a ]\n", false, 2, 9, "'key: value' lines are wanted" },
	{ "k3s_cluster:\n  children:\n    server:\n      hosts:\n        a: b\n", false, 5, 12, "'key: value' lines are wanted" },
	{ "k3s_cluster: x\n", false, 1, 14, "'hosts:', 'vars:' or 'children:' are wanted" },
	{ "a:\n  children:\n    b:\n      children:\n        a:\n", false, 1, 1, "group 'a' is inside itself" },
	{ "k3s_cluster:\n  children:\n    server:\n    vars:\n      token: x\n", false, 4, 5, "'vars:' is indented too far" },
	{ "a:\n  children:\n    all:\n", false, 3, 5, "group 'all' holds every other group" },
	{ "k3s_cluster:\n  vars:\n    token: {{ ansible_vault.token }}\n", false, 3, 13, "needs quotes: \"{{ ... }}\"" },
	{ "k3s_cluster:\n\tvars:\n", false, 2, 1, "there is a tab" },
	{ "k3s_cluster:\n  vars:\n    token: a\n    token: b\n", false, 4, 5, "'token' is set twice" },
	{ "a: 1\n---\nb: 2\n", false, 2, 1, "a second document" },
	{ "k3s_cluster:\n  vars:\n    ansible_vault:\n      token: hunter2\n", false, 3, 5, "secrets do not stand in the inventory" },
	{ "k3s_cluster:\n  vars:\n    server_group: '{{ x }}'\n", false, 3, 19, "the plain name of a group" },
	{ "k3s_cluster:\n  vars:\n    ansible_group_priority: high\n", false, 3, 29, "a whole number is wanted" },
	{ "k3s_cluster:\n  children:\n    server: { hosts: { a: } }\n    agent: { hosts: { a: } }\n", false, 3, 24,
	  "is a server and an agent" },
	{ "k3s_cluster:\n  children:\n    gpu:\n      hosts:\n        a:\n", true, 3, 5, "'gpu' holds no server and no agent" },
	{ "k3s_cluster:\n  hosts:\n    a:\n", true, 3, 5, "neither in 'server' nor in 'agent'" },
	{ "k3s_cluster:\n  vars:\n    cluster_context:\n", true, 3, 5, "has no value: its default 'powerstack' is used" },
	{ "k3s_cluster:\n  vars:\n    rack: 7\n    systemd_dir: /x\n    zone: 8\n", true, 3, 5,
	  "these keys mean nothing here: systemd_dir (line 4); these are unknown and nothing refers to them: "
	  "rack (line 3), zone (line 5)" },
};

Test(groups, files_that_are_no_inventory_yet)
{
	for (size_t i = 0; i < COUNT(files); i++) {
		AUTO_READ struct read r = read_text(files[i].text);
		cr_expect_eq(r.rc, -(int)ERR_CONFIG);
		if (files[i].warning)
			assert_warning(&r, files[i].line, files[i].column, files[i].what);
		else
			assert_error(&r, files[i].line, files[i].column, files[i].what);
		for (size_t k = 0; k < r.ps.n; k++)
			cr_expect_null(strstr(r.ps.v[k].text, "hunter2"));
	}
}

Test(groups, other_names_of_the_groups)
{
	AUTO_READ struct read r = read_text("prod:\n"
					    "  children:\n"
					    "    masters: { hosts: { 10.0.0.1: { " DISK " } } }\n"
					    "    workers: { hosts: 10.0.0.2 }\n"
					    "  vars: { nfs_network: 10.0.0.0/24, server_group: masters, agent_group: workers }\n");
	assert_silent(&r);
	cr_assert_eq(r.inv->nhosts, 2);
	cr_assert_str_eq(r.inv->control_node_name, "10.0.0.1");
	cr_assert_str_eq(r.inv->nfs_server, "10.0.0.1");
}

Test(groups, variables_of_ones_own_are_no_misspelt_keys)
{
	/* used in a value that is read, in one that is read for no host, and in a list */
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  children:\n"
					    "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
					    "  vars:\n"
					    "    nfs_network: 10.0.0.0/24\n"
					    "    k3s_versio: v1.30.2+k3s1\n"
					    "    k3s_version: '{{ k3s_versio }}'\n"
					    "    extra_agent_arg: x\n"
					    "    extra_agent_args: 'y{{ extra_agent_arg }}'\n"
					    "    tokn: z\n"
					    "    node_taints: [ 'a={{ tokn }}:NoSchedule' ]\n");
	assert_silent(&r);
}

/* As 'powerstack init' leaves them to be filled in. */
Test(groups, keys_without_a_value_are_told_at_their_line)
{
	AUTO_READ struct read r = read_small("          internal_ip:\n"
					     "          ansible_host: 10.0.0.1\n"
					     "          disk_for_persistent_storage:    # fill in\n",
					     "          internal_ip:\n", VARS "    token:\n");
	assert_warning(&r, 6, 11, "internal_ip has no value: its default '10.0.0.1' is used");
	assert_error(&r, 8, 11, "disk_for_persistent_storage is missing");
	assert_error(&r, 12, 11, "internal_ip has no value for 'ho2', and its default 'ho2' is not an IPv4");
	assert_warning(&r, 15, 5, "token has no value: it counts as not given");
	cr_assert_eq(r.ps.nerrors, 2);
}

Test(groups, a_cluster_of_one)
{
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  children:\n"
					    "    server: { hosts: { 10.0.0.1: { " DISK " } } }\n"
					    "    agent: { hosts: { } }\n"
					    "  vars: { nfs_network: 10.0.0.0/24 }\n");
	assert_silent(&r);
	cr_assert_eq(r.inv->nhosts, 1);
}

Test(groups, anchors_and_merges_of_yaml)
{
	AUTO_READ struct read r = read_text("k3s_cluster:\n"
					    "  children:\n"
					    "    server: { hosts: { 10.0.0.1: &h { " DISK ", ansible_user: u } } }\n"
					    "    agent: { hosts: { 10.0.0.2: { ansible_user: &u v }, 10.0.0.3: { ansible_user: *u } } }\n"
					    "  vars: { nfs_network: 10.0.0.0/24 }\n");
	assert_silent(&r);
	cr_assert_str_eq(r.inv->hosts[2].user, "v");
}

Test(groups, a_file_that_is_too_big)
{
	AUTO_FREE char *big = malloc((1 << 20) + 2);
	memset(big, '#', (1 << 20) + 1);
	big[(1 << 20) + 1] = '\0';
	AUTO_READ struct read r = read_text(big);
	assert_error(&r, 0, 0, "bigger than 1024 KiB");
}

Test(groups, messages_carry_nothing_that_acts_on_a_terminal)
{
	AUTO_READ struct read r = read_small(SERVER, AGENT, VARS "    cluster_context: \"a\\e[31m\\x85\\nb\\u00e4\"\n"
							       "    \"odd\\x07key\": 1\n");
	assert_error(&r, 14, 22, "cluster_context: 'a?[31m??");
	assert_warning(&r, 15, 5, "odd?key (line 15)");
	AUTO_FREE char *what = said(&r);
	cr_assert(strstr(what, "b\xc3\xa4'"), "%s", what);
	for (const char *c = what; *c; c++)
		cr_assert(*c == '\n' || !iscntrl((unsigned char)*c));
}

Test(groups, folders_of_variables_are_not_read_and_that_is_said)
{
	char dir[] = "/tmp/inventory-XXXXXX";
	cr_assert(mkdtemp(dir));
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *vars = NULL;
	struct err e = { 0 };
	cr_assert_gt(asprintf(&path, "%s/inventory.yml", dir), 0);
	cr_assert_gt(asprintf(&vars, "%s/group_vars", dir), 0);
	static const char text[] = "k3s_cluster:\n";
	cr_assert_eq(file_replace(path, 0600, text, strlen(text), &e), 0);
	cr_assert_eq(mkdir(vars, 0700), 0);
	AUTO_READ struct read r = { 0 };
	r.rc = inventory_load(path, &r.inv, &r.ps, &r.e);
	assert_warning(&r, 0, 0, "/group_vars' is not read: move its keys below 'vars:'");
	rmdir(vars);
	unlink(path);
	rmdir(dir);
}

Test(groups, many_problems_are_cut)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	buf_adds(&b, VARS);
	for (int i = 0; i < 500; i++)
		buf_addf(&b, "    storageclass_siz%d: 1\n", i);
	AUTO_READ struct read r = read_small(SERVER, AGENT, buf_str(&b));
	cr_assert_eq(r.ps.nerrors, 500);
	cr_assert_eq(r.ps.n, 201);
	cr_assert_str_eq(r.ps.v[200].text, "there are more problems than are listed");
}
