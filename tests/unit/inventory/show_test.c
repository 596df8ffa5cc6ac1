/* SPDX-License-Identifier: BSD-2-Clause */
/* What `inventory show` prints reads back to the same view. */
#include <dirent.h>

#include "tests/unit/inventory/helper.h"

static char *shown(const struct inventory *inv)
{
	struct buf b;
	buf_init(&b, 4 << 20);
	cr_assert_eq(inventory_show(inv, &b), 0);
	return buf_take(&b);
}

/* Every key of every host and of the cluster as plain text. */
static char *values(const struct inventory *inv)
{
	struct buf b;
	struct err e = { 0 };
	struct inventory_key k;
	buf_init(&b, 4 << 20);
	for (size_t row = 0; row <= inv->nhosts; row++)
		for (size_t i = 0; inventory_key_at(i, &k); i++) {
			const struct host *h = row < inv->nhosts ? &inv->hosts[row] : NULL;
			if ((h != NULL) != (strcmp(k.scope, "host") == 0))
				continue;
			buf_addf(&b, "%s %s=", h ? h->key : "", k.key);
			inventory_value(inv, h, k.key, &b, &e);
			buf_addc(&b, '\n');
		}
	return buf_take(&b);
}

static void assert_round_trip(const struct inventory *inv)
{
	AUTO_FREE char *first = shown(inv);
	AUTO_READ struct read again = read_named(inv->path, first);
	AUTO_FREE char *what = said(&again);
	cr_assert_eq(again.rc, 0, "%s\n%s", what, first);
	AUTO_FREE char *second = shown(again.inv);
	cr_assert_str_eq(first, second);
	AUTO_FREE char *a = values(inv);
	AUTO_FREE char *b = values(again.inv);
	cr_assert_str_eq(a, b);
	cr_assert_eq(inv->nhosts, again.inv->nhosts);
	for (size_t i = 0; i < inv->nhosts; i++) {
		cr_assert_eq(inv->hosts[i].roles, again.inv->hosts[i].roles);
		cr_assert_str_eq(inv->hosts[i].name, again.inv->hosts[i].name);
	}
}

Test(show, every_sound_inventory_of_the_corpus_reads_back)
{
	DIR *d = opendir(CORPUS);
	cr_assert(d);
	unsigned sound = 0;
	for (struct dirent *de; (de = readdir(d));) {
		AUTO_FREE char *path = NULL;
		if (de->d_name[0] == '.')
			continue;
		cr_assert_gt(asprintf(&path, CORPUS "%s", de->d_name), 0);
		AUTO_READ struct read r = { 0 };
		r.rc = inventory_load(path, &r.inv, &r.ps, &r.e);
		if (r.rc < 0)
			continue;
		assert_round_trip(r.inv);
		sound++;
	}
	closedir(d);
	cr_assert_geq(sound, 2);
}

Test(show, hides_secrets_behind_the_entry_s_name)
{
	AUTO_READ struct read r = read_small(SERVER, AGENT, VARS "    token: \"{{ ansible_vault.tok }}\"\n");
	assert_sound(&r);
	AUTO_FREE char *text = shown(r.inv);
	cr_assert(strstr(text, "    token: \"<vault: tok>\"\n"));
	assert_round_trip(r.inv);
}

/* Texts that YAML or the references could take for something else. */
Test(show, keeps_awkward_texts)
{
	static const char *const texts[] = {
		"", " ", "null", "~", "yes", "1e3", "0x10", "a: b", "- a", "# no", "'", "\\\"", "\\\\",
		"\\u00e4\\u20ac", "\\u0085", "\\u2028", "\\ufeff", "--x={{ '{{' }}", "{{ '{%' }}", "a  b ", "%",
		"@", "`", "!x", "&x", "*x", "<vault: x", "?", "[", "{", "|", ">", "x #y", "1.30", "=", "a:",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO_FREE char *server = NULL;
		cr_assert_gt(asprintf(&server, SERVER "          extra_server_args: \"%s\"\n", texts[i]), 0);
		AUTO_READ struct read r = read_small(server, AGENT, VARS);
		assert_sound(&r);
		assert_round_trip(r.inv);
	}
}

Test(show, keeps_text_of_many_lines)
{
	static const char *const texts[] = {
		"|\n      a: 1\n      b:\n        - c\n",
		"|\n      a: 1\n\n      b: 2\n",
		"|-\n      a: 1\n      b: 2\n",
		"|+\n      a: 1\n\n",
		"|2\n        a: 1\n        b: 2\n",
		"\"a: 1\\nb: \\\"x \\\"\\n\"\n",
		"|\n      a: \"{{ '{{' }}\"\n",
		"|\n      # only a remark\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO_FREE char *vars = NULL;
		cr_assert_gt(asprintf(&vars, VARS "    server_config_yaml: %s", texts[i]), 0);
		AUTO_READ struct read r = read_small(SERVER, AGENT, vars);
		assert_sound(&r);
		assert_round_trip(r.inv);
	}
}
