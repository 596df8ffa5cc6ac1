/* SPDX-License-Identifier: BSD-2-Clause */
/* {{ references }}: what they give, where they are wrong. */
#include "tests/unit/inventory/helper.h"

/* What the server's extra_server_args become; vars are further lines. */
static const struct {
	const char *args, *vars;
	const char *want;		/* NULL: an error with `text` at column `column` of line 8 */
	unsigned column;
	const char *text;
} rows[] = {
	{ "plain", "", "plain" },
	{ "{{ a }}", "    a: x\n", "x" },
	{ "{{a}}-{{ a }}", "    a: x\n", "x-x" },
	{ "{{ a }}", "    a: '{{ b }}/{{ c }}'\n    b: 1\n    c: '{{ b }}2'\n", "1/12" },
	{ "{{ inventory_hostname }}", "", "ho1" },
	{ "{{ inventory_hostname_short }}", "", "ho1" },
	{ "{{ inventory_dir }}/{{ inventory_file }}", "", "/x/inventory.yml" },
	{ "{{ internal_ip }}", "", "10.0.0.1" },
	{ "{{ hostvars[inventory_hostname]['internal_ip'] }}", "", "10.0.0.1" },
	{ "{{ hostvars[inventory_hostname].internal_ip }}", "", "10.0.0.1" },
	{ "{{ hostvars['ho2'][\\\"internal_ip\\\"] }}", "", "10.0.0.2" },
	{ "{{ hostvars[groups['server'][0]]['ansible_host'] | default(groups['server'][0]) }}", "", "ho1" },
	{ "{{ hostvars[groups['agent'][0]].inventory_hostname }}", "", "ho2" },
	{ "{{ groups['all'][1] }}", "", "ho2" },
	{ "{{ groups['all'][-1] }}", "", "ho2" },
	{ "{{ groups.agent | first }}", "", "ho2" },
	{ "{{ groups[agent_group][0] }}", "", "ho2" },
	{ "{{ group_names[1] }}", "", "server" },
	{ "{{ a | default('d') }}", "", "d" },
	{ "{{ a | default('d') }}", "    a: ''\n", "" },
	{ "{{ a | default('d', true) }}", "    a: ''\n", "d" },
	{ "{{ a | d(b) | upper }}", "    b: x\n", "X" },
	{ "{{ a | default(b | default('c')) }}", "", "c" },
	{ "{{ a.b.c | default('d') }}", "", "d" },
	{ "{{ hostvars['nobody'].x | default('d') }}", "", "d" },
	{ "{{ groups['none'][0] | default('d') }}", "", "d" },
	{ "{{ groups['server'][7] | default('d') }}", "", "d" },
	{ "{{ a | lower }}{{ ' b ' | trim }}", "    a: XY\n", "xyb" },
	{ "{{ 'a' ~ 1 ~ (b | default(2)) }}", "", "a12" },
	{ "{{ '}}' }}x", "", "}}x" },
	{ "{{ 'it\\\\'s' }}", "", "it's" },
	{ "{{ l[1] }}{{ m.k }}{{ m['k'] }}", "    l: [ a, '{{ z }}' ]\n    m: { k: v }\n    z: Z\n", "Zvv" },
	{ "{{ api_port }}", "", "6443" },
	{ "{{ pv_size_grafana }}", "    pv_size_grafana: 1Gi\n", "1Gi" },
	{ "{{ node_name }}", "", "ho1" },
	{ "{{ api_port | default(7) }}", "", "7" },
	{ "{{ true }}{{ 7 | int }}", "", "true7" },
	{ "{{ omit }}", "", "" },
	{ "a {{ b }}", "    b: !unsafe '{{ c }}'\n", "a {{ c }}" },
	/* errors, at the braces that are wrong */
	{ "{{ a }} {{ nix }}", "    a: x\n", NULL, 39, "'nix' is not set anywhere; set it, or write | default" },
	{ "x {{ a | password_hash }}", "    a: x\n", NULL, 33, "the filter 'password_hash' is not understood; understood are" },
	{ "{% if a %}", "", NULL, 31, "'{%' is not understood" },
	{ "{# c #}", "", NULL, 31, "'{#' is not understood" },
	{ "{{ a", "    a: x\n", NULL, 31, "'{{' is not closed by '}}'" },
	{ "{{ 'a }}", "", NULL, 31, "is not closed" },
	{ "{{ }}", "", NULL, 31, "empty or cut" },
	{ "{{ lookup('env', 'HOME') }}", "", NULL, 31, "lookup(...) is refused: nothing but this file is read" },
	{ "{{ a if b else c }}", "", NULL, 31, "not understood near 'if b else c" },
	{ "{{ 1 + 2 }}", "", NULL, 31, "not understood near '+ 2" },
	{ "{{ f(1) }}", "", NULL, 31, "not understood near 'f(1)" },
	{ "{{ a b }}", "    a: x\n", NULL, 31, "not understood near 'b" },
	{ "{{ ansible_facts.x }}", "", NULL, 31, "known to Ansible only while it runs" },
	{ "{{ groups['server'] }}", "", NULL, 31, "this is a list or mapping" },
	{ "{{ groups['server'][x] }}", "    x: y\n", NULL, 31, "[y]: a number is wanted" },
	{ "{{ m }}", "    m: { k: v }\n", NULL, 30, "a single value is wanted" },
	{ "x{{ m }}", "    m: { k: v }\n", NULL, 32, "this is a list or mapping" },
	{ "{{ a }}", "    a: '{{ a }}'\n", NULL, 0, "'a' refers to itself" },
	{ "{{ a }}", "    a: '{{ b }}'\n    b: '{{ c }}'\n    c: '{{ a }}'\n", NULL, 0, "'a' refers to itself through 'c'" },
	{ "{{ extra_server_args }}", "", NULL, 31, "refers to itself" },
	{ "{{ ansible_vault.a.b }}", "", NULL, 31, "a vault entry has no parts" },
	{ "{{ token }}", "    token: hunter2\n", NULL, 0, "powerstack vault set token" },
	{ "{{ token }}", "    token: '{{ ansible_vault.t }}'\n", NULL, 30, "this key is printed and stored in clear" },
	{ "{{ v }}", "    v: !vault x\n", NULL, 0, "cannot be opened here" },
	{ "{{ v }}", "    v: !odd x\n", NULL, 0, "the tag '!odd' is not understood" },
	{ "{{ ((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))) }}", "", NULL, 31, "nested too deeply" },
};

Test(expand, references)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_FREE char *server = NULL;
		AUTO_FREE char *vars = NULL;
		cr_assert_gt(asprintf(&server, SERVER "          extra_server_args: \"%s\"\n", rows[i].args), 0);
		cr_assert_gt(asprintf(&vars, VARS "%s", rows[i].vars), 0);
		AUTO_READ struct read r = read_small(server, AGENT, vars);
		AUTO_FREE char *what = said(&r);
		if (rows[i].want) {
			cr_expect_eq(r.rc, 0, "%s:\n%s", rows[i].args, what);
			if (r.inv)
				cr_expect_str_eq(r.inv->control->extra_server_args, rows[i].want);
			continue;
		}
		cr_expect(strstr(what, rows[i].text), "%s: no '%s' in:\n%s", rows[i].args, rows[i].text, what);
		cr_expect_null(strstr(what, "hunter2"));
		if (rows[i].column)
			assert_error(&r, 8, rows[i].column, rows[i].text);
	}
}

Test(expand, the_place_inside_a_block_of_text)
{
	AUTO_READ struct read r = read_small(SERVER, AGENT, VARS
					     "    cluster_context: c\n"
					     "    server_config_yaml: |\n"
					     "      a: {{ cluster_context }}\n"
					     "      \xc3\xa4\xc3\xb6: {{ nix }}\n");
	assert_error(&r, 17, 11, "'nix' is not set anywhere");
	cr_assert_eq(r.ps.n, 1);
}

Test(expand, lists_and_mappings_by_reference)
{
	AUTO_READ struct read r = read_small(SERVER "          node_labels: '{{ common }}'\n", AGENT, VARS
					     "    common: { rack: '{{ rack }}', host: '{{ inventory_hostname }}' }\n"
					     "    rack: r12\n"
					     "    files: [ a, b ]\n"
					     "    extra_manifests: '{{ files }}'\n");
	assert_silent(&r);
	cr_assert_eq(r.inv->control->nnode_labels, 2);
	cr_assert_str_eq(r.inv->control->node_labels[0].value, "r12");
	cr_assert_str_eq(r.inv->control->node_labels[1].value, "ho1");
	cr_assert_str_eq(r.inv->extra_manifests[1], "/x/b");
}

Test(expand, secrets_by_any_way_are_names_only)
{
	static const struct {
		const char *token, *more, *want;
	} ways[] = {
		{ "'{{ ansible_vault.t }}'", "", "t" },
		{ "'{{ansible_vault[\"t\"]}}'", "", "t" },
		{ "' {{ ansible_vault.t }} '", "", "t" },
		{ "'{{ vault_t }}'", "", "vault_t" },
		{ "'{{ token }}'", "", "token" },
		{ "'{{ mine }}'", "    mine: '{{ ansible_vault.t }}'\n", "t" },
		{ "'<vault: t>'", "", "t" },
	};
	for (size_t i = 0; i < COUNT(ways); i++) {
		AUTO_FREE char *vars = NULL;
		cr_assert_gt(asprintf(&vars, VARS "    token: %s\n%s", ways[i].token, ways[i].more), 0);
		AUTO_READ struct read r = read_small(SERVER, AGENT, vars);
		assert_silent(&r);
		cr_expect_str_eq(r.inv->token.entry, ways[i].want);
	}
}

Test(expand, growth_is_bounded)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	buf_adds(&b, VARS "    a0: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
	for (int i = 1; i < 28; i++)
		buf_addf(&b, "    a%d: '{{ a%d }}{{ a%d }}{{ a%d }}'\n", i, i - 1, i - 1, i - 1);
	buf_adds(&b, "    rancher_hostname: '{{ a27 }}'\n");
	AUTO_READ struct read r = read_small(SERVER, AGENT, buf_str(&b));
	AUTO_FREE char *what = said(&r);
	cr_assert(strstr(what, "expand to too much"), "%s", what);
}

Test(expand, chains_are_bounded)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	buf_adds(&b, VARS "    a0: x\n");
	for (int i = 1; i < 60; i++)
		buf_addf(&b, "    a%d: '{{ a%d }}'\n", i, i - 1);
	buf_adds(&b, "    rancher_hostname: '{{ a59 }}'\n");
	AUTO_READ struct read r = read_small(SERVER, AGENT, buf_str(&b));
	AUTO_FREE char *what = said(&r);
	cr_assert(strstr(what, "references are nested too deeply"), "%s", what);
}
