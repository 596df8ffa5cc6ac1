/* SPDX-License-Identifier: BSD-2-Clause */
/* What verbs share: messages, the inventory, the vault. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/show.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define PASSWORD_TRIES 3

int cli_fail(const struct cli *cli, const struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 8192);
	text_clean(&b, e->msg, TEXT_LINES);
	fflush(stdout);
	fprintf(stderr, "powerstack: %s\n", buf_str(&b));
	if (cli->json)
		show_json_error(stdout, e->msg);
	return err_exit_status(e->kind);
}

void cli_say(const struct cli *cli, const char *fmt, ...)
{
	if (cli->quiet || cli->json)
		return;
	va_list ap;
	va_start(ap, fmt);
	vfprintf(stdout, fmt, ap);
	va_end(ap);
	fputc('\n', stdout);
}

bool cli_color(const struct cli *cli, int fd)
{
	if (cli->color != COLOR_AUTO)
		return cli->color == COLOR_ALWAYS;
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no && *no) && term && *term && strcmp(term, "dumb") != 0 && isatty(fd);
}

static const char *const inventory_places[] = { "inventory.yml", "configs/inventory.yml" };

int cli_inventory_path(const struct cli *cli, char **ret, struct err *e)
{
	const char *path = cli->inventory_path;
	for (size_t i = 0; i < COUNT(inventory_places) && !path; i++)
		if (access(inventory_places[i], F_OK) == 0)
			path = inventory_places[i];
	if (!path)
		return err_set(e, ERR_CONFIG,
			       "no inventory: neither './%s' nor './%s' is there; name one with -i FILE, or write one with 'powerstack init'",
			       inventory_places[0], inventory_places[1]);
	*ret = strdup(path);
	return *ret ? 0 : err_set(e, ERR_MEMORY, "out of memory");
}

int cli_inventory_load(struct cli *cli, struct err *e)
{
	AUTO_FREE char *path = NULL;
	int r = cli_inventory_path(cli, &path, e);
	if (r < 0)
		return r;
	struct problems p = { 0 };
	r = inventory_load(path, &cli->inv, &p, e);
	if (!cli->quiet || p.nerrors)
		show_problems(stderr, &p, cli_color(cli, STDERR_FILENO));
	problems_free(&p);
	return r;
}

int cli_vault_path(const struct cli *cli, char **ret, struct err *e)
{
	AUTO_FREE char *inventory = NULL;
	char *path = NULL;
	if (cli->vault_path) {
		path = strdup(cli->vault_path);
	} else {
		/* without an inventory yet: beside the place where it would be looked for first */
		const char *near = cli_inventory_path(cli, &inventory, NULL) < 0 ? "" : inventory;
		const char *slash = strrchr(near, '/');
		int dir = slash ? (int)(slash - near + 1) : 0;
		if (asprintf(&path, "%.*svault.yml", dir, near) < 0)
			path = NULL;
	}
	if (!path)
		return err_set(e, ERR_MEMORY, "out of memory");
	*ret = path;
	return 0;
}

/* A typed password may be wrong: ask again. One from a file will not get better. */
static bool password_is_typed(const struct cli *cli)
{
	const char *env = getenv("POWERSTACK_VAULT_PASSWORD_FILE");
	return !cli->vault_password_file && !(env && *env);
}

int cli_vault_unlock(const struct cli *cli, const char *path,
		     int (*open)(const char *path, const struct secret *password,
				 struct secret **ret_plain, struct err *e),
		     struct secret **ret_password, struct secret **ret_plain, struct err *e)
{
	if (access(path, F_OK) < 0)
		return err_set(e, ERR_CONFIG,
			       "there is no vault at '%s'; create it with 'powerstack vault create', or name it with --vault",
			       path);
	char prompt[256];
	snprintf(prompt, sizeof(prompt), "Password of %.200s: ", path);
	for (int tries = PASSWORD_TRIES;; tries--) {
		AUTO_SECRET struct secret *password = NULL;
		int r = vault_password(cli->vault_password_file, prompt, false, &password, e);
		if (r == 0)
			r = open(path, password, ret_plain, e);
		if (r == 0) {
			*ret_password = take_ptr(&password);
			return 0;
		}
		if (r != -(int)ERR_PASSWORD || tries == 1 || !password_is_typed(cli))
			return r;
		fprintf(stderr, "powerstack: %s; try again\n", e->msg);
		err_clear(e);
	}
}

int cli_vault_open(const struct cli *cli, struct vault **ret, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_SECRET struct secret *password = NULL;
	AUTO_SECRET struct secret *plain = NULL;
	int r = cli_vault_path(cli, &path, e);
	if (r == 0)
		r = cli_vault_unlock(cli, path, vault_read, &password, &plain, e);
	return r < 0 ? r : vault_new(path, plain, ret, e);
}
