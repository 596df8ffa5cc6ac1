/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H
/*
 * The verb table. One row is the whole truth about a verb: dispatch, help, completion and the man
 * page come from it. To add a verb: write cli/<verb>.c with one `int verb_<verb>(struct cli *, int
 * argc, char **argv)`, declare it below, add its row and its options to cli/verbs.c, run `make
 * generated` for the man page and the completions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/opts.h"
#include "base/secret.h"
#include "inventory/inventory.h"
#include "vault/vault.h"

enum verb_flags {
	VERB_INVENTORY = 1 << 0,	/* the loop loads the inventory first: cli->inv is set */
	VERB_VAULT = 1 << 1,		/* may open the vault (cli_vault_open), when a value of it is needed */
	VERB_HOSTS = 1 << 2,		/* talks to hosts: has a log and the live display */
	VERB_JSON = 1 << 3,		/* understands --json; the loop refuses it elsewhere */
	VERB_HIDDEN = 1 << 4,		/* in no listing */
};

struct cli;

/* A verb's second word: `vault create`. */
struct sub {
	const char *name, *args, *summary;
	int min_args, max_args;		/* words behind it; max_args -1: any number */
	/* for a verb that calls its sub-verbs through the table; 0 or negative, e filled */
	int (*run)(struct cli *cli, int argc, char **argv, struct err *e);
	unsigned with;			/* private to the verb */
};

/* Values of color. */
enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* What the command line says, and what the loop has opened for the verb. */
struct cli {
	/* global options */
	const char *inventory_path, *vault_path, *vault_password_file;
	const char *limit, *log_dir, *ssh_config;
	unsigned jobs, verbose;
	int color;			/* enum color_when */
	uint64_t timeout_ns;
	bool json, quiet, no_progress, accept_new_host_keys, help, version;

	/* options of single verbs */
	bool check, diff, force_version;		/* deploy */
	bool yes, purge_data, wipe_disk;		/* destroy */
	const char *disk_serial;
	bool strict;					/* verify */
	const char *junit;
	bool generate;					/* vault */
	unsigned length;				/* 0: not given */
	const char *output, *new_vault_password_file;
	int key_cost;					/* index in vault_cost_words */
	const char *bundle, *from;			/* fetch */

	/* set by the loop */
	const struct verb *verb;
	const struct sub *sub;		/* NULL when the verb has none */
	struct inventory *inv;		/* VERB_INVENTORY */
};

struct verb {
	const char *name;
	/* argv[0..argc-1] are the words behind the verb (behind its sub-verb when it has some; cli->sub tells
	 * which), options taken out and set in cli. argc fits [min_args, max_args]. Returns the exit status. */
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *summary;		/* one line, lower case, no full stop */
	const char *args;		/* its words in the usage line, "" for none */
	int min_args, max_args;
	const struct opt *opts;		/* offsets in struct cli */
	size_t nopts;
	unsigned flags;
	const struct sub *subs;		/* name NULL at the end; NULL: none */
	const char *complete;		/* what its words are: "part", "check", "verb", "file", or NULL */
	const char *about;		/* paragraphs, each ended by a newline; wrapped when printed */
	const char *const *examples;	/* pairs: command, what it does; NULL at the end */
};

extern const struct verb verbs[];	/* name NULL at the end */
extern const struct opt global_opts[];	/* offsets in struct cli */
extern const size_t nglobal_opts;

extern const struct sub vault_subs[];		/* cli/vault.c */
extern const char *const vault_cost_words[];

int verb_init(struct cli *cli, int argc, char **argv);
int verb_inventory(struct cli *cli, int argc, char **argv);
int verb_vault(struct cli *cli, int argc, char **argv);
int verb_fetch(struct cli *cli, int argc, char **argv);
int verb_deploy(struct cli *cli, int argc, char **argv);
int verb_destroy(struct cli *cli, int argc, char **argv);
int verb_verify(struct cli *cli, int argc, char **argv);
int verb_status(struct cli *cli, int argc, char **argv);
int verb_completion(struct cli *cli, int argc, char **argv);
int verb_help(struct cli *cli, int argc, char **argv);
/* Hidden: words of one KIND (verb, part, check, host), one a line, for the completion scripts. */
int verb_complete(struct cli *cli, int argc, char **argv);
/* Hidden: mdoc(7) text from the tables (verbs, options, keys), for man/. */
int verb_dump(struct cli *cli, int argc, char **argv);

/* ---- what verbs share (cli/context.c) */

/* Prints "powerstack: <message>" on stderr, and with --json the object {"error": message} on
 * stdout. Returns the exit status for e->kind. */
int cli_fail(const struct cli *cli, const struct err *e);
/* A line on stdout; nothing with -q or --json. */
void cli_say(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* May colours go to this file descriptor? --color, NO_COLOR, TERM and the terminal decide. */
bool cli_color(const struct cli *cli, int fd);

/* The inventory's path: -i, else ./inventory.yml, else ./configs/inventory.yml. The caller frees
 * *ret. -ERR_CONFIG when there is none. */
int cli_inventory_path(const struct cli *cli, char **ret, struct err *e);
/* Loads it into cli->inv; every problem is printed on stderr, one a line. */
int cli_inventory_load(struct cli *cli, struct err *e);
/* The vault's path: --vault, else vault.yml beside the inventory (beside the place where it would be
 * looked for first when there is none). It need not exist. The caller frees *ret. */
int cli_vault_path(const struct cli *cli, char **ret, struct err *e);
/* Opens the vault at path with `open` (vault_read, vault_read_ansible); asks for the password as
 * vault_password does, again (3 times in all) when one typed is wrong. The caller owns both. */
int cli_vault_unlock(const struct cli *cli, const char *path,
		     int (*open)(const char *path, const struct secret *password,
				 struct secret **ret_plain, struct err *e),
		     struct secret **ret_password, struct secret **ret_plain, struct err *e);
/* Opens the vault; asks for the password as vault_password does, again (3 times in all) when one
 * typed is wrong. The caller owns what is not NULL. */
int cli_vault_open(const struct cli *cli, struct vault **ret, struct err *e);

#endif
