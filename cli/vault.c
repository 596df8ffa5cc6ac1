/* SPDX-License-Identifier: BSD-2-Clause */
/* powerstack vault: the secrets file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/near.h"
#include "cli/edit.h"
#include "cli/verbs.h"

#define LOCK_TRIES 100
#define LOCK_WAIT_NS 100000000L
#define GENERATED_DEFAULT 32

static const char template[] =
	"# The cluster's secrets, one `name: value` a line. The inventory takes them as\n"
	"# \"{{ ansible_vault.name }}\".\n"
	"ansible_vault:\n";

/* By the index of --key-cost: libsodium's INTERACTIVE, MODERATE and SENSITIVE. */
static const struct vault_cost costs[] = {
	{ 0, 0 }, /* auto: the vault's own, vault_cost_default for a new one */
	{ 2, 64ull << 20 },
	{ 3, 256ull << 20 },
	{ 4, 1024ull << 20 },
};
const char *const vault_cost_words[] = { "auto", "interactive", "moderate", "sensitive", NULL };

static const struct vault_cost *chosen_cost(const struct cli *cli)
{
	return cli->key_cost ? &costs[cli->key_cost] : NULL;
}

/* ---- bytes in and out; never through stdio, which keeps copies */

static int secret_write(int fd, const struct secret *s, bool end_line, struct err *e)
{
	const char *p = secret_expose(s);
	size_t left = secret_len(s);
	fflush(stdout);
	while (left) {
		ssize_t n = write(fd, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_FAILED, "cannot write to standard output");
		p += n;
		left -= (size_t)n;
	}
	if (end_line && isatty(fd) && (secret_len(s) == 0 || p[-1] != '\n') && write(fd, "\n", 1) < 0)
		return err_errno(e, ERR_FAILED, "cannot write to standard output");
	return 0;
}

/* Writes to -o, which must not exist, or to standard output. */
static int deliver(const struct cli *cli, const struct secret *s, struct err *e)
{
	if (!cli->output)
		return secret_write(STDOUT_FILENO, s, false, e);
	if (access(cli->output, F_OK) == 0)
		return err_set(e, ERR_FAILED, "'%s' is already there; remove it or name another file",
			       cli->output);
	return file_replace(cli->output, 0600, secret_expose(s), secret_len(s), e);
}

static int read_plain(const char *path, struct secret **ret, struct err *e)
{
	bool in = strcmp(path, "-") == 0;
	AUTO_CLOSE int fd = in ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_errno(e, ERR_CONFIG, "cannot read '%s'", path);
	return secret_read(fd, VAULT_TEXT_MAX, in ? "standard input" : path, ret, e);
}

/* The text must be one that deploy can read later. */
static int check_text(const char *name, const struct secret *text, struct err *e)
{
	struct vault *v = NULL;
	int r = vault_new(name, text, &v, e);
	vault_free(v);
	return r;
}

static int new_password(const struct cli *cli, const char *path, struct secret **ret, struct err *e)
{
	char prompt[256];
	snprintf(prompt, sizeof(prompt), "New password of %.150s: ", path);
	if (cli->new_vault_password_file)
		return vault_password_file(cli->new_vault_password_file, ret, e);
	return vault_password_prompt(prompt, true, ret, e);
}

/* ---- one vault, opened to be changed */

struct change {
	char *path;
	int lock;
	struct buf was;			/* the file as it was opened */
	struct secret *password, *text;
};

static void change_end(struct change *c)
{
	free(c->path);
	if (c->lock >= 0)
		close(c->lock);
	buf_clear(&c->was);
	secret_free(c->password);
	secret_free(c->text);
}
#define AUTO_CHANGE __attribute__((cleanup(change_end)))

/* Holds the file's lock, so that of two changes none gets lost. A file that is replaced meanwhile is
 * another file: lock that one. */
static int lock_vault(const char *path, int *ret, struct err *e)
{
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		struct stat here, there;
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return 0; /* opening it says why */
		int r = flock(fd, LOCK_EX | LOCK_NB);
		if (r < 0 && errno != EWOULDBLOCK && errno != EINTR)
			return 0; /* a file system without locks */
		if (r == 0 && fstat(fd, &here) == 0 && stat(path, &there) == 0 &&
		    here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
			*ret = take_fd(&fd);
			return 0;
		}
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_WAIT_NS }, NULL);
	}
	return err_set(e, ERR_FAILED,
		       "'%s' is being changed by another powerstack (an open 'vault edit'?); try again when it is done",
		       path);
}

static int change_begin(const struct cli *cli, struct change *c, struct err *e)
{
	int r = cli_vault_path(cli, &c->path, e);
	if (r == 0)
		r = lock_vault(c->path, &c->lock, e);
	if (r == 0)
		r = cli_vault_unlock(cli, c->path, vault_read, &c->password, &c->text, e);
	if (r == 0)
		r = file_read(c->path, &c->was, NULL, e);
	return r;
}

static bool is_unchanged(const struct change *c)
{
	AUTO_BUF struct buf now;
	buf_init(&now, VAULT_FILE_MAX);
	return file_read(c->path, &now, NULL, NULL) == 0 && now.len == c->was.len &&
	       memcmp(buf_str(&now), buf_str(&c->was), now.len) == 0;
}

static int change_write(const struct change *c, const struct secret *text,
			const struct secret *password, const struct vault_cost *cost, struct err *e)
{
	if (!is_unchanged(c))
		return err_set(e, ERR_FAILED, "'%s' was changed by something else meanwhile", c->path);
	return vault_write_cost(c->path, text, password, cost, e);
}

#define CHANGE_INIT { .lock = -1, .was = { .max = VAULT_FILE_MAX } }

/* ---- the sub-verbs */

static int vault_create(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	AUTO_FREE char *path = NULL;
	AUTO_SECRET struct secret *password = NULL;
	AUTO_SECRET struct secret *text = NULL;
	char prompt[256];
	int r = cli_vault_path(cli, &path, e);
	if (r < 0)
		return r;
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_FAILED, "'%s' is already there; 'powerstack vault edit' changes it", path);
	snprintf(prompt, sizeof(prompt), "New password of %.150s: ", path);
	r = vault_password(cli->vault_password_file, prompt, true, &password, e);
	if (r == 0)
		r = secret_new(template, sizeof(template) - 1, &text, e);
	if (r == 0)
		r = vault_write_cost(path, text, password, chosen_cost(cli), e);
	if (r == 0)
		cli_say(cli, "%s: created; fill it with 'powerstack vault edit' or 'powerstack vault set NAME'",
			path);
	return r;
}

/* Seals an edited text beside the vault, so that it is not lost when it cannot become the vault. */
static void keep_edited(const struct change *c, const struct secret *text)
{
	struct err e = { 0 };
	char path[4200] = "";
	for (int i = 1; i < 100; i++) {
		snprintf(path, sizeof(path), i == 1 ? "%s.edited" : "%s.edited.%d", c->path, i);
		if (access(path, F_OK) < 0)
			break;
	}
	if (vault_write(path, text, c->password, &e) < 0)
		fprintf(stderr, "powerstack: your text could not be kept: %s\n", e.msg);
	else
		fprintf(stderr,
			"powerstack: your text is sealed in '%s' under the same password; 'powerstack --vault %s vault view' shows it\n",
			path, path);
}

/* Asks on the terminal; 'y' when just Enter is typed, 'n', or 0 when nobody answers. */
static int ask_again(const struct err *why)
{
	AUTO_CLOSE int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0 || dprintf(tty, "%s\nEdit again? (n: leave the vault as it was) [Y/n] ", why->msg) < 0)
		return 0;
	char line[64];
	ssize_t n = read(tty, line, sizeof(line));
	if (n <= 0)
		return 0;
	return line[0] == 'n' || line[0] == 'N' ? 'n' : 'y';
}

static int edit_in(struct edit *ed, const struct cli *cli, const struct change *c, struct err *e)
{
	for (;;) {
		AUTO_SECRET struct secret *text = NULL;
		int ran = edit_run(ed, e);
		struct err why = { 0 };
		int r = edit_text(ed, &text, ran < 0 ? &why : e);
		if (ran < 0) {
			/* after a signal nobody has said that the text is not wanted */
			if (ran == -(int)ERR_INTERRUPTED && r == 0 && !secret_equal(text, c->text))
				keep_edited(c, text);
			return ran == -(int)ERR_INTERRUPTED ? ran :
							      err_wrap(e, "'%s' is left as it was", c->path);
		}
		if (r < 0)
			return err_wrap(e, "'%s' is left as it was", c->path);
		if (secret_equal(text, c->text)) {
			cli_say(cli, "%s: not changed", c->path);
			return 0;
		}
		r = check_text(c->path, text, e);
		if (r < 0) {
			int answer = ask_again(e);
			if (answer == 'y')
				continue;
			if (answer == 0)
				keep_edited(c, text);
			return r;
		}
		r = change_write(c, text, c->password, NULL, e);
		if (r < 0)
			keep_edited(c, text);
		else
			cli_say(cli, "%s: written", c->path);
		return r;
	}
}

static int vault_edit(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	AUTO_CHANGE struct change c = CHANGE_INIT;
	struct edit ed = { .fd = -1 };
	int r = change_begin(cli, &c, e);
	if (r < 0)
		return r;
	if (edit_may_swap() && !cli->quiet)
		fprintf(stderr,
			"powerstack: note: swap is on, and the kernel may write the text there while you edit; 'swapoff -a' or encrypted swap prevents it\n");
	r = edit_begin(c.text, &ed, e);
	if (r == 0)
		r = edit_in(&ed, cli, &c, e);
	edit_end(&ed);
	return r;
}

static int open_text(const struct cli *cli, struct secret **ret, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_SECRET struct secret *password = NULL;
	int r = cli_vault_path(cli, &path, e);
	return r < 0 ? r : cli_vault_unlock(cli, path, vault_read, &password, ret, e);
}

static int vault_view(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	AUTO_SECRET struct secret *text = NULL;
	int r = open_text(cli, &text, e);
	return r < 0 ? r : secret_write(STDOUT_FILENO, text, true, e);
}

static const char *nth_name(const void *ctx, size_t i)
{
	return vault_name(ctx, i);
}

static int vault_get_one(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	struct vault *v = NULL;
	size_t n = 0;
	int r = cli_vault_open(cli, &v, e);
	if (r < 0)
		return r;
	const struct secret *s = vault_get(v, argv[0]);
	bool there = false;
	for (; vault_name(v, n); n++)
		there = there || strcmp(vault_name(v, n), argv[0]) == 0;
	if (s) {
		r = secret_write(STDOUT_FILENO, s, true, e);
	} else if (there) {
		r = err_set(e, ERR_FAILED, "the entry '%s' has no value; 'powerstack vault set %s' gives it one",
			    argv[0], argv[0]);
	} else {
		const char *near = near_find(argv[0], n, nth_name, v);
		r = err_set(e, ERR_FAILED, "the vault has no entry '%s'%s%s%s", argv[0],
			    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	vault_free(v);
	return r;
}

/* What is piped in, as it is; of a single line, the line's end is not part of the value. */
static int piped_value(struct secret **ret, struct err *e)
{
	AUTO_SECRET struct secret *all = NULL;
	int r = secret_read(STDIN_FILENO, VAULT_TEXT_MAX, "the value on standard input", &all, e);
	if (r < 0)
		return r;
	const char *p = secret_expose(all);
	size_t n = secret_len(all);
	const char *newline = memchr(p, '\n', n);
	if (newline && newline == p + n - 1)
		n -= n > 1 && p[n - 2] == '\r' ? 2 : 1;
	if (n == 0)
		return err_set(e, ERR_USAGE, "no value came on standard input");
	return secret_new(p, n, ret, e);
}

static int vault_set(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	AUTO_CHANGE struct change c = CHANGE_INIT;
	AUTO_SECRET struct secret *value = NULL;
	AUTO_SECRET struct secret *text = NULL;
	char prompt[256];
	if (!vault_name_ok(argv[0]))
		return err_set(e, ERR_USAGE,
			       "'%s' cannot be an entry's name; use letters, digits and _ - .", argv[0]);
	int r = change_begin(cli, &c, e);
	if (r < 0)
		return r;
	snprintf(prompt, sizeof(prompt), "Value of %.128s: ", argv[0]);
	if (cli->generate)
		r = secret_new_random(cli->length ? cli->length : GENERATED_DEFAULT, &value, e);
	else if (isatty(STDIN_FILENO))
		r = vault_password_prompt(prompt, true, &value, e);
	else
		r = piped_value(&value, e);
	if (r == 0)
		r = vault_text_set(c.text, argv[0], value, &text, e);
	if (r == 0)
		r = change_write(&c, text, c.password, NULL, e);
	if (r == 0)
		cli_say(cli, "%s: '%s' is set", c.path, argv[0]);
	return r;
}

static int vault_rekey(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	AUTO_CHANGE struct change c = CHANGE_INIT;
	AUTO_SECRET struct secret *password = NULL;
	int r = change_begin(cli, &c, e);
	if (r == 0)
		r = new_password(cli, c.path, &password, e);
	if (r == 0)
		r = change_write(&c, c.text, password, chosen_cost(cli), e);
	if (r == 0)
		cli_say(cli, "%s: has its new password; copies of the file still open with the old one", c.path);
	return r;
}

/* A plain file that was replaced still has its bytes on the disk: overwrite them while we hold it
 * open. File systems that write elsewhere (Btrfs, flash) keep them for a while all the same. */
static void overwrite_old(int fd)
{
	static const char zeros[4096];
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink > 0 || !S_ISREG(st.st_mode))
		return;
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(zeros))
		if (pwrite(fd, zeros, sizeof(zeros), at) < 0)
			return;
	(void)!fsync(fd);
}

static int vault_encrypt(struct cli *cli, int argc, char **argv, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_SECRET struct secret *text = NULL;
	AUTO_SECRET struct secret *password = NULL;
	AUTO_SECRET struct secret *armour = NULL;
	char prompt[256];
	int r = argc ? ((path = strdup(argv[0])) ? 0 : err_set(e, ERR_MEMORY, "out of memory")) :
		       cli_vault_path(cli, &path, e);
	if (r == 0)
		r = read_plain(path, &text, e);
	if (r < 0)
		return r;
	if (vault_kind_of(secret_expose(text), secret_len(text)) == VAULT_OURS)
		return err_set(e, ERR_FAILED, "'%s' is encrypted already", path);
	if (vault_kind_of(secret_expose(text), secret_len(text)) == VAULT_ANSIBLE)
		return err_set(e, ERR_FAILED,
			       "'%s' is an Ansible vault; take it over with 'powerstack vault import'", path);
	r = check_text(path, text, e);
	if (r < 0)
		return r;
	bool in = strcmp(path, "-") == 0;
	snprintf(prompt, sizeof(prompt), "New password of %.150s: ", cli->output ? cli->output : path);
	r = vault_password(cli->vault_password_file, prompt, true, &password, e);
	if (r < 0)
		return r;
	if (cli->output || in) {
		r = vault_seal(text, password, cli->key_cost ? &costs[cli->key_cost] : &vault_cost_default,
			       &armour, e);
		return r < 0 ? r : deliver(cli, armour, e);
	}
	AUTO_CLOSE int old = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	r = vault_write_cost(path, text, password, chosen_cost(cli), e);
	if (r < 0)
		return r;
	overwrite_old(old);
	cli_say(cli, "%s: encrypted", path);
	return 0;
}

static int vault_decrypt(struct cli *cli, int argc, char **argv, struct err *e)
{
	AUTO_FREE char *path = NULL;
	AUTO_SECRET struct secret *text = NULL;
	AUTO_SECRET struct secret *password = NULL;
	int r = argc ? ((path = strdup(argv[0])) ? 0 : err_set(e, ERR_MEMORY, "out of memory")) :
		       cli_vault_path(cli, &path, e);
	if (r == 0)
		r = cli_vault_unlock(cli, path, vault_read, &password, &text, e);
	return r < 0 ? r : deliver(cli, text, e);
}

/* The Ansible vault may be where ours goes: then a copy of it (still encrypted) stays beside. */
static int make_room(const char *from, const char *to, struct err *e)
{
	struct stat a, b;
	char copy[4200];
	if (stat(to, &b) < 0)
		return 0;
	if (stat(from, &a) < 0 || a.st_ino != b.st_ino || a.st_dev != b.st_dev)
		return err_set(e, ERR_FAILED,
			       "'%s' is already there; move it away or name another with --vault", to);
	snprintf(copy, sizeof(copy), "%s.ansible", to);
	if (access(copy, F_OK) == 0)
		return err_set(e, ERR_FAILED, "the copy '%s' is already there; move it away", copy);
	AUTO_BUF struct buf bytes;
	buf_init(&bytes, VAULT_ANSIBLE_FILE_MAX);
	int r = file_read(from, &bytes, NULL, e);
	return r < 0 ? r : file_replace(copy, 0600, bytes.data, bytes.len, e);
}

static int vault_import(struct cli *cli, int argc, char **argv, struct err *e)
{
	(void)argc;
	AUTO_FREE char *path = NULL;
	AUTO_SECRET struct secret *password = NULL;
	AUTO_SECRET struct secret *changed = NULL;
	AUTO_SECRET struct secret *text = NULL;
	int r = cli_vault_path(cli, &path, e);
	if (r == 0)
		r = cli_vault_unlock(cli, argv[0], vault_read_ansible, &password, &text, e);
	if (r == 0)
		r = check_text(argv[0], text, e);
	if (r == 0 && cli->new_vault_password_file)
		r = new_password(cli, path, &changed, e);
	if (r == 0)
		r = make_room(argv[0], path, e);
	if (r == 0)
		r = vault_write_cost(path, text, changed ? changed : password, chosen_cost(cli), e);
	if (r == 0)
		cli_say(cli, "%s: holds the entries of the Ansible vault '%s'%s", path, argv[0],
			changed ? "" : ", under the same password");
	return r;
}

/* ---- the table */

/* Options that some sub-verbs do not take: silence about them would mislead. */
enum { WITH_GENERATE = 1, WITH_OUTPUT = 2, WITH_NEW_PASSWORD = 4, WITH_COST = 8 };

const struct sub vault_subs[] = {
	{ "create", "", "make a new vault without entries", 0, 0, vault_create, WITH_COST },
	{ "edit", "", "change the text in $VISUAL or $EDITOR, in memory", 0, 0, vault_edit },
	{ "view", "", "print the text", 0, 0, vault_view },
	{ "get", "NAME", "print one entry, exactly", 1, 1, vault_get_one },
	{ "set", "NAME",
	  "set an entry to what is typed, comes on standard input, or --generate makes; everything else in the vault stays as it is",
	  1, 1, vault_set, WITH_GENERATE },
	{ "rekey", "", "give the vault a new password", 0, 0, vault_rekey, WITH_NEW_PASSWORD | WITH_COST },
	{ "encrypt", "[FILE]", "encrypt a plain file in place, or into --output; '-' is standard input", 0,
	  1, vault_encrypt, WITH_OUTPUT | WITH_COST },
	{ "decrypt", "[FILE]", "print the text, or write it to --output", 0, 1, vault_decrypt,
	  WITH_OUTPUT },
	{ "import", "FILE", "take over an Ansible vault (1.1 or 1.2)", 1, 1, vault_import,
	  WITH_NEW_PASSWORD | WITH_COST },
	{ 0 },
};

static int check_options(const struct cli *cli, struct err *e)
{
	const struct {
		bool given;
		unsigned with;
		const char *option;
	} rows[] = {
		{ cli->generate, WITH_GENERATE, "generate" },
		{ cli->length > 0, WITH_GENERATE, "length" },
		{ cli->output != NULL, WITH_OUTPUT, "output" },
		{ cli->new_vault_password_file != NULL, WITH_NEW_PASSWORD, "new-vault-password-file" },
		{ cli->key_cost > 0, WITH_COST, "key-cost" },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].given && !(cli->sub->with & rows[i].with))
			return err_set(e, ERR_USAGE, "'vault %s' does not take --%s", cli->sub->name,
				       rows[i].option);
	if (cli->length && !cli->generate)
		return err_set(e, ERR_USAGE, "--length goes with --generate");
	return 0;
}

/* No core file, no debugger of the same user: the guarded memory is in neither, but registers and
 * the stack would be. */
static void close_the_curtain(void)
{
#ifndef __SANITIZE_ADDRESS__
	(void)!prctl(PR_SET_DUMPABLE, 0);
#endif
	(void)!setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

int verb_vault(struct cli *cli, int argc, char **argv)
{
	struct err e = { 0 };
	close_the_curtain();
	int r = check_options(cli, &e);
	if (r == 0)
		r = cli->sub->run(cli, argc, argv, &e);
	return r < 0 ? cli_fail(cli, &e) : 0;
}
