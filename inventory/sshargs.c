/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ansible's ansible_ssh_common_args and its sisters: the words that powerstack's own ssh has an
 * equivalent for are taken, harmless ones are ignored and named, the rest is refused with what to
 * write instead. Options: ssh(1), ssh_config(5).
 */
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "inventory/types.h"

#define WORDS_MAX 100

struct words {
	const char *v[WORDS_MAX];
	size_t n;
};

/* Splits like a shell would, quotes and backslashes taken away; nothing is expanded. */
static bool split(struct tctx *c, const char *s, struct words *ret)
{
	AUTO_BUF struct buf one;
	buf_init(&one, 4096);
	ret->n = 0;
	while (*s) {
		s += strspn(s, " \t\n");
		if (!*s)
			break;
		char quote = '\0';
		for (; *s && (quote || !strchr(" \t\n", *s)); s++) {
			if (quote ? *s == quote : *s == '\'' || *s == '"') {
				quote = quote ? '\0' : *s;
				continue;
			}
			if (*s == '\\' && quote != '\'' && s[1])
				s++;
			if (buf_addc(&one, *s) < 0)
				return type_why(c, "one word is too long");
		}
		if (quote)
			return type_why(c, "a quote is not closed");
		if (ret->n == WORDS_MAX)
			return type_why(c, "more than %d words", WORDS_MAX);
		ret->v[ret->n++] = arena_str(c->a, buf_str(&one));
		buf_reset(&one);
	}
	return true;
}

static bool local_path(struct tctx *c, const char *text, const char **ret)
{
	struct fvalue v;
	static const struct field local = { .key = "path", .type = T_LOCAL };
	if (!type_parse(c, &local, text, &v))
		return false;
	*ret = v.s;
	return true;
}

static bool take_jump(struct tctx *c, const char *text, struct fvalue *ret)
{
	if (strcmp(text, "none") == 0)
		return true;
	if (!jump_check(c, text))
		return false;
	ret->jump = arena_str(c->a, text);
	return true;
}

/* ProxyCommand="ssh -W %h:%p [-q] [-p port] [-l user] [user@]host": a jump host by another name. */
static bool take_proxy_command(struct tctx *c, const char *text, struct fvalue *ret)
{
	static const char advice[] = "only 'ssh -W %h:%p [user@]host' is understood as "
				     "ProxyCommand; write proxy_jump: [user@]host[:port]";
	struct words w;
	const char *host = NULL, *port = NULL, *user = NULL;
	bool through = false;
	if (strcmp(text, "none") == 0)
		return true;
	if (!split(c, text, &w))
		return false;
	if (!w.n || (strcmp(w.v[0], "ssh") != 0 && strcmp(w.v[0], "/usr/bin/ssh") != 0))
		return type_why(c, "%s", advice);
	for (size_t i = 1; i < w.n; i++) {
		const char *next = i + 1 < w.n ? w.v[i + 1] : NULL;
		if (strcmp(w.v[i], "-q") == 0)
			continue;
		if (strcmp(w.v[i], "-W") == 0 && next && strcmp(next, "%h:%p") == 0)
			through = true;
		else if (strcmp(w.v[i], "-p") == 0 && next)
			port = next;
		else if (strcmp(w.v[i], "-l") == 0 && next)
			user = next;
		else if (w.v[i][0] != '-' && !host) {
			host = w.v[i];
			continue;
		} else {
			return type_why(c, "%s", advice);
		}
		i++;
	}
	if (!host || !through)
		return type_why(c, "%s", advice);
	return take_jump(c,
			 arena_printf(c->a, "%s%s%s%s%s", user ? user : "", user ? "@" : "", host,
				      port ? ":" : "", port ? port : ""),
			 ret);
}

static bool take_known_hosts(struct tctx *c, const char *text, struct fvalue *ret)
{
	if (strcmp(text, "/dev/null") == 0)
		return type_why(c, "a known hosts file of /dev/null would accept any machine that "
			      "answers; take it out (new host keys are accepted once with "
			      "--accept-new-host-keys)");
	if (strchr(text, ' '))
		return type_why(c, "one known hosts file is understood");
	return local_path(c, text, &ret->known_hosts);
}

static bool take_strict(struct tctx *c, const char *text, struct fvalue *ret)
{
	(void)ret;
	if (strcasecmp(text, "yes") == 0 || strcasecmp(text, "ask") == 0 ||
	    strcasecmp(text, "true") == 0)
		return true;
	return type_why(c,
		   "StrictHostKeyChecking=%.20s is refused: host keys are always checked, else "
		   "anybody in between gets root on the nodes; take it out and run once with "
		   "--accept-new-host-keys",
		   text);
}

static bool take_identity(struct tctx *c, const char *text, struct fvalue *ret)
{
	return local_path(c, text, &ret->key_file);
}

static bool refuse_port(struct tctx *c, const char *text, struct fvalue *ret)
{
	(void)ret;
	return type_why(c, "write ansible_port: %.20s instead", text);
}

static bool refuse_user(struct tctx *c, const char *text, struct fvalue *ret)
{
	(void)ret;
	return type_why(c, "write ansible_user: %.60s instead", text);
}

static bool ignore(struct tctx *c, const char *text, struct fvalue *ret)
{
	(void)c, (void)text, (void)ret;
	return true;
}

struct option {
	const char *name;		/* of ssh_config(5), or "-x" */
	bool (*take)(struct tctx *, const char *text, struct fvalue *ret);
	bool is_named;			/* ignored: say so */
};

static const struct option options[] = {
	{ "ProxyJump", take_jump },
	{ "-J", take_jump },
	{ "ProxyCommand", take_proxy_command },
	{ "UserKnownHostsFile", take_known_hosts },
	{ "GlobalKnownHostsFile", take_known_hosts },
	{ "StrictHostKeyChecking", take_strict },
	{ "IdentityFile", take_identity },
	{ "-i", take_identity },
	{ "Port", refuse_port },
	{ "-p", refuse_port },
	{ "User", refuse_user },
	{ "-l", refuse_user },
	{ "IdentitiesOnly", ignore, true },
	{ "ControlMaster", ignore, true },
	{ "ControlPersist", ignore, true },
	{ "ControlPath", ignore, true },
	{ "ServerAliveInterval", ignore, true },
	{ "ServerAliveCountMax", ignore, true },
	{ "TCPKeepAlive", ignore, true },
	{ "ConnectTimeout", ignore, true },
	{ "ConnectionAttempts", ignore, true },
	{ "Compression", ignore, true },
	{ "LogLevel", ignore, true },
	{ "BatchMode", ignore, true },
	{ "ForwardAgent", ignore, true },
	{ "PreferredAuthentications", ignore, true },
	{ "PasswordAuthentication", ignore, true },
	{ "GSSAPIAuthentication", ignore, true },
	{ "AddKeysToAgent", ignore, true },
};

static bool take(struct tctx *c, const char *name, const char *text, struct fvalue *ret)
{
	for (size_t i = 0; i < COUNT(options); i++) {
		if (name[0] == '-' ? strcmp(options[i].name, name) != 0 :
				     strcasecmp(options[i].name, name) != 0)
			continue;
		if (options[i].is_named)
			ret->s = ret->s ? arena_printf(c->a, "%.200s, %s", ret->s, options[i].name)
					: options[i].name;
		return options[i].take(c, text, ret);
	}
	return type_why(c,
		   "'%.40s' is not understood; -J, -i and -o with ProxyJump, UserKnownHostsFile or "
		   "IdentityFile are",
		   name);
}

/* "Name=value", "Name value" or "Name = value". */
static bool take_config(struct tctx *c, const char *text, struct fvalue *ret)
{
	size_t n = strcspn(text, "= \t");
	const char *name = arena_strn(c->a, text, n), *value = text + n;
	value += strspn(value, " \t");
	if (*value == '=')
		value++;
	value += strspn(value, " \t");
	if (!n || !*value)
		return type_why(c, "-o wants NAME=VALUE");
	return take(c, name, value, ret);
}

bool sshargs_parse(struct tctx *c, const struct field *f, const char *text, struct fvalue *ret)
{
	struct words w;
	(void)f;
	if (!split(c, text, &w))
		return false;
	for (size_t i = 0; i < w.n; i++) {
		const char *word = w.v[i];
		if (word[0] != '-' || !word[1])
			return type_why(c, "'%.60s' is no option", word);
		if (strspn(word + 1, "46aACqTtvxX") == strlen(word + 1))
			continue;	/* options without value that change nothing here */
		char name[3] = { '-', word[1], '\0' };
		const char *value = word[2] ? word + 2 : i + 1 < w.n ? w.v[++i] : NULL;
		if (!value)
			return type_why(c, "%s wants a value", name);
		if (!(word[1] == 'o' ? take_config(c, value, ret) : take(c, name, value, ret)))
			return false;
	}
	return true;
}
