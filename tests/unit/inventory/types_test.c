/* SPDX-License-Identifier: BSD-2-Clause */
/* Good and bad values of every type, told where they stand; and the laws of the key table. */
#include "inventory/schema.h"
#include "inventory/types.h"
#include "tests/unit/inventory/helper.h"

struct sample {
	const char *key, *yaml;
	const char *want;		/* as inventory_value prints it; NULL: an error with `text` */
	const char *text;
};

static const struct sample samples[] = {
	/* yes/no, as Ansible takes them */
	{ "manage_firewall", "yes", "yes" }, { "manage_firewall", "TRUE", "yes" }, { "manage_firewall", "on", "yes" },
	{ "manage_firewall", "'1'", "yes" }, { "manage_firewall", "false", "no" }, { "manage_firewall", "No", "no" },
	{ "manage_firewall", "0", "no" }, { "manage_firewall", "maybe", NULL, "'maybe' is not yes or no" },
	{ "manage_firewall", "2", NULL, "not yes or no" }, { "manage_firewall", "[]", NULL, "a single value is wanted" },
	/* ports */
	{ "api_port", "8443", "8443" }, { "api_port", "1", "1" }, { "api_port", "65535", "65535" },
	{ "api_port", "0", NULL, "a port: 1 to 65535" }, { "api_port", "65536", NULL, "a port: 1 to 65535" },
	{ "api_port", "06443", NULL, "does not begin with 0" }, { "api_port", "0x1F", NULL, "a port" },
	{ "api_port", "-1", NULL, "a port" }, { "api_port", "1.5", NULL, "a port" }, { "api_port", "'8443 '", NULL, "a port" },
	{ "api_port", "99999999999999999999", NULL, "a port" },
	{ "grafana_custom_nodeport", "30000", "30000" }, { "grafana_custom_nodeport", "32767", "32767" },
	{ "grafana_custom_nodeport", "29999", NULL, "a NodePort: 30000 to 32767" },
	{ "grafana_custom_nodeport", "32768", NULL, "a NodePort" },
	/* numbers */
	{ "energy_price", "0.25", "0.25" }, { "energy_price", "0", "0" }, { "energy_price", "123456789.123456", "123456789.123456" },
	{ "energy_price", ".5", NULL, "a number such as 0.25" }, { "energy_price", "5.", NULL, "a number such as" },
	{ "energy_price", "-1", NULL, "a number such as" }, { "energy_price", "1e3", NULL, "a number such as" },
	{ "energy_price", "1.2.3", NULL, "a number such as" }, { "energy_price", "0,25", NULL, "a number such as" },
	{ "energy_price", "1234567890", NULL, "a number such as" }, { "carbon_intensity", "1.1234567", NULL, "a number such as" },
	{ "energy_currency", "EUROPOUND", NULL, "at most 8 letters" },
	/* sizes: Kubernetes quantities */
	{ "storageclass_size", "150Gi", "161061273600" }, { "storageclass_size", "1.5Ti", "1649267441664" },
	{ "storageclass_size", "100G", "100000000000" }, { "storageclass_size", "200000M", "200000000000" },
	{ "storageclass_size", "107374182400", "107374182400" }, { "storageclass_size", "1e11", "100000000000" },
	{ "storageclass_size", "1E11", "100000000000" }, { "storageclass_size", "0.5Ti", "549755813888" },
	{ "storageclass_size", ".5Ti", "549755813888" }, { "storageclass_size", "1.Ti", "1099511627776" },
	{ "storageclass_size", "100000000.0000001k", "100000000001" },
	{ "storageclass_size", "7Ei", "8070450532247928832" }, { "storageclass_size", "8Ei", NULL, "too big" },
	{ "storageclass_size", "1E30", NULL, "a size such as 50Gi" },
	{ "storageclass_size", "99999999999999999999", NULL, "a size such as" },
	{ "storageclass_size", "150GB", NULL, "without 'B': 150G" }, { "storageclass_size", "150GiB", NULL, "without 'B': 150Gi" },
	{ "storageclass_size", "150 Gi", NULL, "a size such as" }, { "storageclass_size", "150g", NULL, "a size such as" },
	{ "storageclass_size", "1500K", NULL, "without 'B': 1500k" }, { "storageclass_size", "Gi", NULL, "a size" },
	{ "storageclass_size", "-1Gi", NULL, "a size" }, { "storageclass_size", "1000m", NULL, "a size" },
	{ "storageclass_size", ".", NULL, "a size" }, { "storageclass_size", "1.2.3Gi", NULL, "a size" },
	{ "pv_size_grafana", "10", NULL, "too small to be meant" }, { "pv_size_grafana", "0", NULL, "too small" },
	/* durations */
	{ "prometheus_scrape_interval", "10s", "10s" }, { "prometheus_scrape_interval", "1m30s", "1m30s" },
	{ "prometheus_scrape_interval", "1500ms", NULL, NULL }, { "prometheus_scrape_interval", "1h", "1h" },
	{ "prometheus_scrape_interval", "10", NULL, "a duration such as 10s" },
	{ "prometheus_scrape_interval", "10 s", NULL, "a duration" }, { "prometheus_scrape_interval", "30s1m", NULL, "a duration" },
	{ "prometheus_scrape_interval", "5s5s", NULL, "a duration" }, { "prometheus_scrape_interval", "1.5s", NULL, "a duration" },
	{ "prometheus_scrape_interval", "500ms", NULL, "1 to 3600 seconds" }, { "prometheus_scrape_interval", "2h", NULL, "1 to 3600" },
	{ "prometheus_scrape_interval", "''", NULL, "a duration" },
	/* networks */
	{ "cluster_cidr", "10.100.0.0/16", "10.100.0.0/16" }, { "cluster_cidr", "2001:db8:42::/56", "2001:db8:42::/56" },
	{ "cluster_cidr", "10.100.0.1/16", NULL, "the network is '10.100.0.0/16'" },
	{ "cluster_cidr", "10.100.0.0", NULL, "the length is missing, e.g. '10.100.0.0/24'" },
	{ "cluster_cidr", "10.100.0.0/33", NULL, "a network such as" }, { "cluster_cidr", "10.100/16", NULL, "a network such as" },
	{ "cluster_cidr", "0.0.0.0/0", NULL, "the whole internet" }, { "cluster_cidr", "2001:db8::1/32", NULL, "'2001:db8::/32'" },
	{ "cluster_cidr", "10.100.0.0/", NULL, "a network" }, { "cluster_cidr", "10.100.0.0/16,", NULL, "a network" },
	/* paths */
	{ "export_path", "/srv/a_b.c-1", "/srv/a_b.c-1" }, { "export_path", "/srv//a", NULL, "'//' inside" },
	{ "export_path", "~/data", NULL, "must begin with '/'" }, { "export_path", "\"/srv/a\\nb\"", NULL, "not possible" },
	{ "export_path", "/srv/$HOME", NULL, "'$' is not possible" },
	{ "kubeconfig", "sub/config", "/x/sub/config" }, { "kubeconfig", "/abs/config", "/abs/config" },
	{ "kubeconfig", "~/k", "/home/me/k" }, { "kubeconfig", "~root/k", NULL, "only '~/' is expanded" },
	{ "kubeconfig", "''", NULL, "it is empty" },
	/* names */
	{ "cluster_context", "my-cluster", "my-cluster" }, { "cluster_context", "My", NULL, "capital letters" },
	{ "cluster_context", "a.b", NULL, "a Kubernetes name" }, { "cluster_context", "-a", NULL, "a Kubernetes name" },
	{ "cluster_context", "a_b", NULL, "a Kubernetes name" }, { "cluster_context", "''", NULL, "a Kubernetes name" },
	{ "pv_name", "a234567890123456789012345678901234567890", "a234567890123456789012345678901234567890" },
	{ "pv_name", "a2345678901234567890123456789012345678901", NULL, "at most 40 letters" },
	{ "rancher_hostname", "rancher.example.org", "rancher.example.org" },
	{ "rancher_hostname", "https://rancher.local", NULL, "without 'https://'" },
	{ "rancher_hostname", "10.1.2.3", NULL, "not an address" }, { "rancher_hostname", "a b", NULL, "a host name" },
	{ "rancher_hostname", "a..b", NULL, "a host name" },
	{ "api_endpoint", "api.example.org", "api.example.org" }, { "api_endpoint", "2001:DB8::0001", "2001:db8::1" },
	{ "api_endpoint", "'[2001:db8::1]'", NULL, "without brackets" }, { "api_endpoint", "api:6443", NULL, "without a port" },
	{ "api_endpoint", "https://api", NULL, "without 'https://'" }, { "api_endpoint", "10.0.0.256", NULL, "0 to 255" },
	{ "api_endpoint", "10.0.0", NULL, "four numbers" }, { "api_endpoint", "10.0.0.010", NULL, "leading zeros" },
	{ "api_endpoint", "0.0.0.0", NULL, "no machine has this address" }, { "api_endpoint", "224.0.0.1", NULL, "multicast" },
	{ "api_endpoint", "ff02::1", NULL, "multicast" },
	/* versions, URLs, choices */
	{ "k3s_version", "v1.31.12+k3s1", "v1.31.12+k3s1" }, { "k3s_version", "v1.31.0-rc2+k3s1", "v1.31.0-rc2+k3s1" },
	{ "k3s_version", "1.31.12+k3s1", NULL, "begins with 'v': 'v1.31.12+k3s1'" },
	{ "k3s_version", "v1.31.12", NULL, "the K3s part is missing, e.g. 'v1.31.12+k3s1'" },
	{ "k3s_version", "latest", NULL, "a K3s version such as" }, { "k3s_version", "v1.31+k3s1", NULL, "a K3s version" },
	{ "k3s_version", "v1.31.12+k3s", NULL, "a K3s version" }, { "k3s_version", "v1.31.12+k3s1x", NULL, "a K3s version" },
	{ "monitoring_stack_repo_url", "http://h:8080/a?b", "http://h:8080/a?b" },
	{ "monitoring_stack_repo_url", "ftp://h", NULL, "must begin with 'https://'" },
	{ "monitoring_stack_repo_url", "https://u:p@h/", NULL, "a user or password does not belong" },
	{ "monitoring_stack_repo_url", "https://", NULL, "a URL" }, { "monitoring_stack_repo_url", "https://a b", NULL, "' ' is not possible" },
	{ "storage_accessmode", "ReadWriteOnce", "ReadWriteOnce" },
	{ "storage_accessmode", "RWX", NULL, "is not one of 'ReadWriteMany', 'ReadWriteOnce'" },
	/* texts */
	{ "server_config_yaml", "\"a: [1, 2]\\n\"", "a: [1, 2]\n" },
	{ "server_config_yaml", "\"a: [1\"", NULL, "it is no YAML text" }, { "server_config_yaml", "\"just words\"", NULL, "no 'key: value' lines" },
	{ "server_config_yaml", "{ a: 1 }", NULL, "write 'server_config_yaml: |' and indent" },
	{ "server_config_yaml", "\"a: 1\\na: 2\"", NULL, "is set twice" },
	/* lists */
	{ "extra_manifests", "[ a.yaml, /b.yaml ]", "/x/a.yaml\n/b.yaml" }, { "extra_manifests", "a.yaml", "/x/a.yaml" },
	{ "extra_manifests", "{ a: b }", NULL, "a list: one '- item' a line" }, { "extra_manifests", "[ [ a ] ]", NULL, "one text per item" },
	{ "extra_service_envs", "[ A=b, C= ]", "A=b\nC=" }, { "extra_service_envs", "{ A: b, C: d=e }", "A=b\nC=d=e" },
	{ "extra_service_envs", "[ A ]", NULL, "NAME=VALUE is wanted" }, { "extra_service_envs", "[ 1A=b ]", NULL, "no name of an environment" },
	{ "extra_service_envs", "[ A=1, A=2 ]", NULL, "'A' is set twice" },
	/* hosts' keys work from vars, too */
	{ "ansible_user", "admin", "admin" }, { "ansible_user", "a b", NULL, "' ' is not possible" },
	{ "ansible_user", "-x", NULL, "a user name" }, { "ansible_user", "''", NULL, "a user name" },
	{ "proxy_jump", "gw", "gw" }, { "proxy_jump", "me@gw:22,[2001:db8::1]:2222,10.0.0.9", "me@gw:22,[2001:db8::1]:2222,10.0.0.9" },
	{ "proxy_jump", "none", "" }, { "proxy_jump", "me@", NULL, "[user@]host[:port]" }, { "proxy_jump", "a,,b", NULL, "[user@]host[:port]" },
	{ "proxy_jump", "gw:99999", NULL, "the port is not possible" }, { "proxy_jump", "a b@gw", NULL, "the user before '@'" },
	{ "node_labels", "{ a/b: c, d: '' }", "a/b=c\nd=" }, { "node_labels", "[ a=b ]", "a=b" },
	{ "node_labels", "{ 'a b': c }", NULL, "no label key" }, { "node_labels", "{ a: 'b c' }", NULL, "no label value" },
	{ "node_labels", "{ -a: c }", NULL, "no label key" }, { "node_labels", "[ a ]", NULL, "key=value is wanted" },
	{ "node_taints", "[ 'a=b:NoSchedule', 'c:NoExecute' ]", "a=b:NoSchedule\nc:NoExecute" },
	{ "node_taints", "[ 'a=b' ]", NULL, "the effect is missing" }, { "node_taints", "[ 'a=b:Never' ]", NULL, "NoSchedule, PreferNoSchedule or" },
	{ "node_taints", "[ ':NoSchedule' ]", NULL, "no taint key" },
	{ "disk_serial", "''", NULL, "it is empty" },
	/* Ansible's own */
	{ "ansible_connection", "local", NULL, "only ssh is possible" }, { "ansible_become_method", "su", NULL, "only sudo" },
	{ "ansible_become_user", "admin", NULL, "only root" }, { "ansible_become", "false", NULL, "root's rights are always needed" },
	{ "ansible_host_key_checking", "false", NULL, "host keys are always checked" },
	{ "ansible_ssh_common_args", "-o StrictHostKeyChecking=no", NULL, "anybody in between gets root" },
	{ "ansible_ssh_common_args", "'-o \"StrictHostKeyChecking accept-new\"'", NULL, "--accept-new-host-keys" },
	{ "ansible_ssh_common_args", "-o UserKnownHostsFile=/dev/null", NULL, "would accept any machine" },
	{ "ansible_ssh_common_args", "-p 22", NULL, "write ansible_port: 22 instead" },
	{ "ansible_ssh_common_args", "-oUser=x", NULL, "write ansible_user: x instead" },
	{ "ansible_ssh_common_args", "-o ProxyCommand='nc %h %p'", NULL, "write proxy_jump" },
	{ "ansible_ssh_common_args", "-o Tunnel=yes", NULL, "'Tunnel' is not understood" },
	{ "ansible_ssh_common_args", "-J", NULL, "-J wants a value" }, { "ansible_ssh_common_args", "gw", NULL, "'gw' is no option" },
	{ "ansible_ssh_common_args", "\"-o 'a\"", NULL, "a quote is not closed" },
	/* secrets */
	{ "token", "hunter2", NULL, "powerstack vault set token" }, { "token", "''", NULL, "it is empty" },
	{ "token", "[ a ]", NULL, "a single value is wanted" }, { "token", "'{{ ansible_vault.a }}x'", NULL, "cannot be part of a text" },
	{ "token", "'{{ ansible_vault.a | default(\"x\") }}'", NULL, "takes no default" },
	{ "token", "'{{ ansible_vault.a | upper }}'", NULL, "takes no filter" }, { "token", "'<vault: a b>'", NULL, "no name of a vault entry" },
	{ "token", "!vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      3132", NULL, "cannot be opened here" },
	{ "export_path", "'{{ ansible_vault.a }}'", NULL, "this key is printed and stored in clear" },
	{ "export_path", "'/mnt/{{ ansible_vault.a }}'", NULL, "cannot be part of a text" },
	{ "extra_manifests", "[ '{{ ansible_vault.a }}' ]", NULL, "it would be printed" },
};

Test(types, good_and_bad_values)
{
	setenv("HOME", "/home/me", 1);
	for (size_t i = 0; i < COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		AUTO_FREE char *vars = NULL;
		cr_assert_gt(asprintf(&vars, VARS "    %s: %s\n", s->key, s->yaml), 0);
		AUTO_READ struct read r = read_small(SERVER, AGENT, vars);
		AUTO_FREE char *what = said(&r);
		if (!s->want && s->text) {
			cr_expect(strstr(what, s->text), "%s: %s: no '%s' in:\n%s", s->key, s->yaml, s->text, what);
			cr_expect(strstr(what, s->key), "%s", what);
			cr_expect_eq(r.rc, -(int)ERR_CONFIG, "%s: %s", s->key, s->yaml);
			cr_expect_null(strstr(what, "hunter2"));
			continue;
		}
		cr_expect_eq(r.rc, 0, "%s: %s:\n%s", s->key, s->yaml, what);
		if (r.rc < 0 || !s->want)
			continue;
		AUTO_BUF struct buf b;
		buf_init(&b, 10000);
		cr_assert_eq(inventory_value(r.inv, r.inv->control, s->key, &b, &r.e), 0, "%s", r.e.msg);
		cr_expect_str_eq(buf_str(&b), s->want);
	}
}

Test(types, a_bad_value_is_told_where_it_stands)
{
	AUTO_READ struct read r = read_small(SERVER, AGENT, VARS "    grafana_custom_nodeport:    29999   # no\n"
							       "    export_path:\n      '/'\n");
	assert_error(&r, VARS_LINE, 33, "grafana_custom_nodeport: '29999' is not a NodePort");
	assert_error(&r, VARS_LINE + 2, 7, "export_path");
	cr_assert_eq(r.ps.n, 2);
}

Test(types, ssh_arguments_become_keys_of_our_own)
{
	static const struct {
		const char *args, *jump, *known, *key;
	} rows[] = {
		{ "-J gw", "gw" },
		{ "-Jme@gw:2222", "me@gw:2222" },
		{ "-o ProxyJump=gw", "gw" },
		{ "-oProxyJump=a,b", "a,b" },
		{ "-o 'ProxyJump gw'", "gw" },
		{ "-o \"ProxyJump = gw\"", "gw" },
		{ "-o proxyjump=none", NULL },
		{ "-o ProxyCommand=\"ssh -W %h:%p -q -p 2200 me@gw\"", "me@gw:2200" },
		{ "-o ProxyCommand='ssh -q gw -W %h:%p'", "gw" },
		{ "-o UserKnownHostsFile=kh -o StrictHostKeyChecking=yes", NULL, "/x/kh" },
		{ "-i keys/id -C -4", NULL, NULL, "/x/keys/id" },
		{ "-o IdentityFile=/k -J gw", "gw", NULL, "/k" },
		{ "", NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_FREE char *vars = NULL;
		cr_assert_gt(asprintf(&vars, VARS "    ansible_ssh_common_args: >-\n      %s\n", rows[i].args), 0);
		AUTO_READ struct read r = read_small(SERVER, AGENT, vars);
		assert_sound(&r);
		const struct host *h = r.inv->control;
		cr_expect_str_eq(h->jump ? h->jump : "", rows[i].jump ? rows[i].jump : "");
		cr_expect_str_eq(h->known_hosts_file ? h->known_hosts_file : "", rows[i].known ? rows[i].known : "");
		cr_expect_str_eq(h->key_file ? h->key_file : "", rows[i].key ? rows[i].key : "");
	}
	AUTO_READ struct read twice = read_small(SERVER, AGENT, VARS "    proxy_jump: a\n"
							     "    ansible_ssh_common_args: -J b\n");
	assert_error(&twice, VARS_LINE + 1, 30, "this is also given as proxy_jump on line 14; keep one");
}

Test(types, other_names_of_a_key)
{
	AUTO_READ struct read r = read_small(SERVER "          ansible_ssh_host: h\n"
						    "          ansible_sudo_pass: \"{{ ansible_vault.s }}\"\n",
					     AGENT, VARS "    ansible_ssh_user: u\n");
	assert_silent(&r);
	cr_assert_str_eq(r.inv->control->address, "h");
	cr_assert_str_eq(r.inv->control->user, "u");
	cr_assert_str_eq(r.inv->control->become_password.entry, "s");
	AUTO_READ struct read both = read_small(SERVER "          ansible_ssh_host: h\n"
						       "          ansible_host: i\n", AGENT, VARS);
	assert_error(&both, 8, 11, "ansible_ssh_host and ansible_host (line 9) are the same; keep one");
}

/* ---- laws of the table */

Test(schema, keys_are_unique_and_complete)
{
	for (size_t i = 0; i < nschema; i++) {
		const struct field *f = &schema[i];
		cr_expect_eq(schema_find(f->key), f, "%s stands twice", f->key);
		struct inventory_key k;
		cr_assert(inventory_key_at(i, &k));
		cr_expect(k.help && *k.help && k.example && *k.example && k.type && k.scope, "%s", f->key);
		if (f->same_as) {
			const struct field *real = schema_find(f->same_as);
			cr_expect(real && !real->same_as && f->store == ST_NONE, "%s", f->key);
		}
		cr_expect(f->type != T_CHOICE || f->choices, "%s", f->key);
		cr_expect((f->type == T_SECRET) == (f->store == ST_SECRET) || f->same_as, "%s", f->key);
	}
	struct inventory_key k;
	cr_assert_not(inventory_key_at(nschema, &k));
}

/* Each example is a value that its own key accepts. */
Test(schema, examples_are_sound)
{
	for (size_t i = 0; i < nschema; i++) {
		const struct field *f = &schema[i];
		if (f->flags & (F_DEAD | F_QUIET) || f->same_as)
			continue;
		AUTO_FREE char *server = NULL;
		AUTO_FREE char *vars = NULL;
		bool host = f->scope == F_HOST;
		bool own = strcmp(f->key, "internal_ip") == 0 || strcmp(f->key, "disk_for_persistent_storage") == 0 ||
			   strcmp(f->key, "nfs_network") == 0;
		if (own)
			continue;
		cr_assert_gt(asprintf(&server, SERVER "          node_name: ho1\n%s%s%s%s%s",
				      host && strcmp(f->key, "node_name") != 0 ? "          " : "#",
				      host ? f->key : "", ": ", host ? f->example : "", "\n"), 0);
		cr_assert_gt(asprintf(&vars, VARS "%s%s: %s\n", host ? "#" : "    ", f->key, f->example), 0);
		AUTO_READ struct read r = read_small(server, AGENT, vars);
		AUTO_FREE char *what = said(&r);
		char bad[100];
		snprintf(bad, sizeof(bad), "%s: '", f->key);
		/* a lone example may break a rule about its neighbours, but is never a bad value */
		cr_expect(!strstr(what, " is not ") || !strstr(what, bad) || strstr(what, "no address"), "%s", what);
	}
}

/* One step beside every key is a suggestion, never silence. */
Test(schema, a_misspelt_key_is_an_error_with_the_nearest_name)
{
	for (size_t i = 0; i < nschema; i++) {
		const char *key = schema[i].key;
		size_t n = strlen(key);
		AUTO_FREE char *wrong = strdup(key);
		memmove(wrong + n / 2, wrong + n / 2 + 1, n - n / 2);	/* a letter is lost */
		if (schema_find(wrong))
			continue;
		AUTO_FREE char *vars = NULL;
		AUTO_FREE char *want = NULL;
		cr_assert_gt(asprintf(&vars, VARS "    %s: x\n", wrong), 0);
		cr_assert_gt(asprintf(&want, "unknown key '%s'; did you mean '", wrong), 0);
		AUTO_READ struct read r = read_small(SERVER, AGENT, vars);
		assert_error(&r, VARS_LINE, 5, want);
	}
}

Test(types, sizes_print_short_and_exact)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = { { 0, "0" }, { 1, "1" }, { 1023, "1023" }, { 1024, "1Ki" }, { 1536, "1536" },
		     { 10ull << 30, "10Gi" }, { 1536ull << 20, "1536Mi" }, { 1ull << 60, "1Ei" }, { 500000000, "500000000" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_BUF struct buf b;
		buf_init(&b, 100);
		type_print_size(rows[i].n, &b);
		cr_expect_str_eq(buf_str(&b), rows[i].text);
	}
}
