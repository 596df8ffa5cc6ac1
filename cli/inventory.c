/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/show.h"
#include "cli/verbs.h"

#define OUT_BYTES (64u << 20)

static int check(struct cli *cli, const char *path)
{
	struct err e = { 0 };
	struct problems p = { 0 };
	int r = inventory_load(path, &cli->inv, &p, &e);
	AUTO_BUF struct buf out;
	buf_init(&out, OUT_BYTES);
	if (cli->json && p.path) {
		show_problems_json(&out, &p);
		fputs(buf_str(&out), stdout);
	} else {
		show_problems(stderr, &p, cli_color(cli, STDERR_FILENO));
	}
	size_t warnings = p.n - p.nerrors;
	bool named = p.nerrors > 0 && cli->json;
	problems_free(&p);
	if (r < 0 && named)
		return err_exit_status(e.kind);
	if (r < 0)
		return cli_fail(cli, &e);
	cli_say(cli, "%s: %zu hosts, %zu warning%s, no mistakes", path, cli->inv->nhosts, warnings,
		warnings == 1 ? "" : "s");
	return 0;
}

static int show(struct cli *cli)
{
	struct err e = { 0 };
	AUTO_BUF struct buf out;
	buf_init(&out, OUT_BYTES);
	if (cli->json) {
		err_set(&e, ERR_USAGE, "'inventory show' prints YAML; leave --json out");
		return cli_fail(cli, &e);
	}
	if (cli_inventory_load(cli, &e) < 0)
		return cli_fail(cli, &e);
	if (inventory_show(cli->inv, &out) < 0) {
		err_set(&e, ERR_MEMORY, "the view is too large");
		return cli_fail(cli, &e);
	}
	fputs(buf_str(&out), stdout);
	return 0;
}

int verb_inventory(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	AUTO_FREE char *path = NULL;
	(void)argc;
	(void)argv;
	if (strcmp(cli->sub->name, "show") == 0)
		return show(cli);
	if (cli_inventory_path(cli, &path, &e) < 0)
		return cli_fail(cli, &e);
	return check(cli, path);
}
