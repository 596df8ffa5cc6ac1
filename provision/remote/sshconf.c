/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/sshconf.h"

#include <ctype.h>
#include <glob.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

#define DEPTH_MAX 16
#define CONF_MAX ((size_t)1024 * 1024)
#define WORD_MAX 1024

struct reader {
	struct sshconf *c;
	const char *path, *name;
	unsigned line, depth;
	bool active;		/* the Host or Match block we are in is for us */
};

static int passwd_field(bool home, char *ret, size_t size, struct err *e)
{
	char space[4096];
	struct passwd pw, *found = NULL;
	if (getpwuid_r(getuid(), &pw, space, sizeof(space), &found) || !found)
		return err_set(e, ERR_CONFIG, "the user database has no entry for user id %u", getuid());
	int n = snprintf(ret, size, "%s", home ? pw.pw_dir : pw.pw_name);
	return n < 0 || (size_t)n >= size ? err_set(e, ERR_CONFIG, "a path in the user database is too long") : 0;
}

int sshconf_home(char *ret, size_t size, struct err *e)
{
	return passwd_field(true, ret, size, e);
}

int sshconf_login(char *ret, size_t size, struct err *e)
{
	return passwd_field(false, ret, size, e);
}

/* ---- words and patterns */

/* The next word of *p ("..." keeps blanks); false at the end of the line or a comment. */
static bool next_word(const char **p, char *ret)
{
	const char *s = *p;
	while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\f')
		s++;
	if (!*s || *s == '#')
		return false;
	size_t n = 0;
	bool quoted = false;
	for (; *s && (quoted || (*s != ' ' && *s != '\t' && *s != '\r' && *s != '\f')); s++) {
		if (*s == '"') {
			quoted = !quoted;
			continue;
		}
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\' || (!quoted && s[1] == ' ')))
			s++;
		if (n + 1 < WORD_MAX)
			ret[n++] = *s;
	}
	ret[n] = '\0';
	*p = s;
	return true;
}

static bool match(const char *pat, const char *s)
{
	const char *star = NULL, *mark = NULL;
	while (*s) {
		if (*pat == '*') {
			star = ++pat;
			mark = s;
		} else if (*pat && (*pat == '?' || tolower((unsigned char)*pat) == tolower((unsigned char)*s))) {
			pat++, s++;
		} else if (star) {
			pat = star;
			s = ++mark;
		} else {
			return false;
		}
	}
	while (*pat == '*')
		pat++;
	return !*pat;
}

/* A list of patterns, separated by commas; one with "!" that matches makes it false. */
static bool match_list(char *list, const char *s)
{
	bool yes = false;
	char *save = NULL;
	for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		bool negated = *p == '!';
		if (!match(p + negated, s))
			continue;
		if (negated)
			return false;
		yes = true;
	}
	return yes;
}

/* ---- values */

static int bad(const struct reader *r, struct err *e, const char *what, const char *value)
{
	return err_set(e, ERR_CONFIG, "%s:%u: %s '%s'", r->path, r->line, what, value);
}

/* "~", "~/x" and the tokens %d %h %i %n %p %r %u %% of a path. */
static int expand(const struct reader *r, const char *s, bool path, char **ret, struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, 8192);
	char home[1024], login[256];
	if (sshconf_home(home, sizeof(home), e) < 0 || sshconf_login(login, sizeof(login), e) < 0)
		return -(int)e->kind;
	if (path && s[0] == '~' && (s[1] == '/' || !s[1])) {
		buf_adds(&b, home);
		s++;
	}
	for (; *s; s++) {
		if (*s != '%') {
			buf_addc(&b, *s);
			continue;
		}
		s++;
		switch (*s) {
		case '%': buf_addc(&b, '%'); break;
		case 'd': buf_adds(&b, home); break;
		case 'h': buf_adds(&b, r->c->hostname ? r->c->hostname : r->name); break;
		case 'i': buf_addf(&b, "%u", getuid()); break;
		case 'n': buf_adds(&b, r->name); break;
		case 'p': buf_addf(&b, "%u", r->c->port ? r->c->port : 22); break;
		case 'r': buf_adds(&b, r->c->user ? r->c->user : login); break;
		case 'u': buf_adds(&b, login); break;
		default:
			return bad(r, e, "a %-token that is not known here in", s - 1);
		}
	}
	char *text = buf_take(&b);
	if (!text)
		return err_set(e, ERR_MEMORY, "%s:%u: no memory", r->path, r->line);
	*ret = text;
	return 0;
}

static int set_string(const struct reader *r, char **where, const char *value, struct err *e)
{
	if (*where)
		return 0;
	*where = strdup(value);
	return *where ? 0 : err_set(e, ERR_MEMORY, "%s:%u: no memory", r->path, r->line);
}

static int set_bool(const struct reader *r, bool *where, bool *set, const char *value, struct err *e)
{
	bool yes = !strcasecmp(value, "yes") || !strcasecmp(value, "true");
	if (!yes && strcasecmp(value, "no") && strcasecmp(value, "false"))
		return bad(r, e, "yes or no is wanted, not", value);
	if (!*set)
		*where = yes;
	*set = true;
	return 0;
}

/* Paths are kept as written and expanded at the end, when host and user are known. */
static int add_path(const struct reader *r, struct strv *where, const char *value, struct err *e)
{
	if (strv_find(where, value) >= 0 || strv_push(where, value) == 0)
		return 0;
	return err_set(e, ERR_MEMORY, "%s:%u: no memory", r->path, r->line);
}

static int set_known(const struct reader *r, struct strv *where, bool *set, const char *rest, struct err *e)
{
	if (*set)
		return 0;
	*set = true;
	char w[WORD_MAX];
	int rc = 0;
	while (rc == 0 && next_word(&rest, w))
		rc = add_path(r, where, !strcasecmp(w, "none") ? "/dev/null" : w, e);
	return rc;
}

enum key {
	K_HOST, K_MATCH, K_INCLUDE, K_HOSTNAME, K_PORT, K_USER, K_IDENTITY, K_ONLY, K_AGENT, K_JUMP, K_COMMAND,
	K_KNOWN, K_GLOBAL_KNOWN, K_ALIAS, K_HASH, K_FAMILY, K_CIPHERS, K_MACS, K_KEX, K_HOSTKEYS, K_PUBKEYS,
	K_COMPRESSION,
};
static const struct {
	const char *word;
	enum key key;
} keys[] = {
	{ "host", K_HOST }, { "match", K_MATCH }, { "include", K_INCLUDE }, { "hostname", K_HOSTNAME },
	{ "port", K_PORT }, { "user", K_USER }, { "identityfile", K_IDENTITY }, { "identitiesonly", K_ONLY },
	{ "identityagent", K_AGENT }, { "proxyjump", K_JUMP }, { "proxycommand", K_COMMAND },
	{ "userknownhostsfile", K_KNOWN }, { "globalknownhostsfile", K_GLOBAL_KNOWN },
	{ "hostkeyalias", K_ALIAS }, { "hashknownhosts", K_HASH }, { "addressfamily", K_FAMILY },
	{ "ciphers", K_CIPHERS }, { "macs", K_MACS }, { "kexalgorithms", K_KEX },
	{ "hostkeyalgorithms", K_HOSTKEYS }, { "pubkeyacceptedalgorithms", K_PUBKEYS },
	{ "pubkeyacceptedkeytypes", K_PUBKEYS }, { "compression", K_COMPRESSION },
};

/* ---- blocks */

static void host_block(struct reader *r, const char *rest)
{
	char w[WORD_MAX];
	bool yes = false, no = false;
	while (next_word(&rest, w)) {
		bool negated = *w == '!';
		if (match(w + negated, r->name)) {
			yes |= !negated;
			no |= negated;
		}
	}
	r->active = yes && !no;
}

static int match_block(struct reader *r, const char *rest, struct err *e)
{
	char w[WORD_MAX], list[WORD_MAX], login[256];
	bool all = true, exec = false;
	int n = 0;
	for (; next_word(&rest, w); n++) {
		bool negated = *w == '!';
		const char *word = w + negated;
		bool is;
		if (!strcasecmp(word, "all")) {
			is = true;
		} else if (!strcasecmp(word, "final") || !strcasecmp(word, "canonical")) {
			is = false;	/* there is no second pass here */
		} else {
			if (!next_word(&rest, list))
				return bad(r, e, "a list of patterns is missing behind", word);
			if (!strcasecmp(word, "host")) {
				is = match_list(list, r->c->hostname ? r->c->hostname : r->name);
			} else if (!strcasecmp(word, "originalhost")) {
				is = match_list(list, r->name);
			} else if (!strcasecmp(word, "user")) {
				if (sshconf_login(login, sizeof(login), e) < 0)
					return -(int)e->kind;
				is = match_list(list, r->c->user ? r->c->user : login);
			} else if (!strcasecmp(word, "localuser")) {
				if (sshconf_login(login, sizeof(login), e) < 0)
					return -(int)e->kind;
				is = match_list(list, login);
			} else if (!strcasecmp(word, "exec")) {
				exec = true;
				continue;
			} else {
				return bad(r, e, "unknown condition of Match", word);
			}
		}
		all &= is != negated;
	}
	if (!n)
		return bad(r, e, "a condition is missing behind", "Match");
	if (exec && all)
		return bad(r, e, "for this host a command decides, and none is run here: use Host instead of",
			   "Match exec");
	r->active = all;
	return 0;
}

static int read_file(struct sshconf *c, const char *path, const char *name, unsigned depth,
		     bool must, struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, CONF_MAX);
	int missing = 0, r = file_read(path, &b, &missing, e);
	if (r < 0 && missing && !must) {
		err_clear(e);
		return 0;
	}
	if (r < 0) {
		e->kind = ERR_CONFIG;
		return -(int)ERR_CONFIG;
	}
	return sshconf_apply(c, path, buf_str(&b), b.len, name, depth, e);
}

static int include(struct reader *r, const char *rest, struct err *e)
{
	char w[WORD_MAX], home[1024];
	if (!r->active)
		return 0;
	if (r->depth >= DEPTH_MAX)
		return bad(r, e, "too many levels of Include at", r->path);
	if (sshconf_home(home, sizeof(home), e) < 0)
		return -(int)e->kind;
	while (next_word(&rest, w)) {
		AUTO_FREE char *pattern = NULL;
		int n;
		if (w[0] == '~' && w[1] == '/')
			n = asprintf(&pattern, "%s%s", home, w + 1);
		else if (w[0] == '/')
			n = asprintf(&pattern, "%s", w);
		else if (strncmp(r->path, "/etc/ssh/", 9) == 0)
			n = asprintf(&pattern, "/etc/ssh/%s", w);
		else
			n = asprintf(&pattern, "%s/.ssh/%s", home, w);
		if (n < 0)
			return err_set(e, ERR_MEMORY, "%s:%u: no memory", r->path, r->line);
		glob_t g = { 0 };
		int rc = 0;
		if (glob(pattern, 0, NULL, &g) == 0)
			for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
				rc = read_file(r->c, g.gl_pathv[i], r->name, r->depth + 1, false, e);
		globfree(&g);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- one line */

static int set_jump(struct reader *r, char **mine, char *const *other, const char *value, struct err *e)
{
	return *other ? 0 : set_string(r, mine, value, e);	/* whichever of the two comes first wins */
}

static int setting(struct reader *r, enum key key, const char *rest, struct err *e)
{
	struct sshconf *c = r->c;
	char w[WORD_MAX];
	const char *all = rest;
	if (!next_word(&rest, w))
		return bad(r, e, "a value is missing behind", "the keyword");
	switch (key) {
	case K_HOST: case K_MATCH: case K_INCLUDE:
		break;
	case K_HOSTNAME: return set_string(r, &c->hostname, w, e);
	case K_USER: return set_string(r, &c->user, w, e);
	case K_ALIAS: return set_string(r, &c->host_key_alias, w, e);
	case K_AGENT: return set_string(r, &c->identity_agent, w, e);
	case K_CIPHERS: return set_string(r, &c->ciphers, w, e);
	case K_MACS: return set_string(r, &c->macs, w, e);
	case K_KEX: return set_string(r, &c->kex, w, e);
	case K_HOSTKEYS: return set_string(r, &c->host_key_algorithms, w, e);
	case K_PUBKEYS: return set_string(r, &c->pubkey_algorithms, w, e);
	case K_JUMP: return set_jump(r, &c->proxy_jump, &c->proxy_command, w, e);
	case K_COMMAND:
		while (*all == ' ' || *all == '\t')
			all++;
		return set_jump(r, &c->proxy_command, &c->proxy_jump, all, e);
	case K_IDENTITY: return add_path(r, &c->identities, w, e);
	case K_ONLY: return set_bool(r, &c->identities_only, &c->identities_only_set, w, e);
	case K_HASH: return set_bool(r, &c->hash_known_hosts, &c->hash_set, w, e);
	case K_COMPRESSION: return set_bool(r, &c->compression, &c->compression_set, w, e);
	case K_KNOWN: return set_known(r, &c->user_known_hosts, &c->user_known_set, all, e);
	case K_GLOBAL_KNOWN: return set_known(r, &c->global_known_hosts, &c->global_known_set, all, e);
	case K_PORT: {
		char *end;
		unsigned long n = strtoul(w, &end, 10);
		if (!isdigit((unsigned char)*w) || *end || n < 1 || n > 65535)
			return bad(r, e, "no port:", w);
		if (!c->port)
			c->port = (unsigned)n;
		return 0;
	}
	case K_FAMILY:
		if (strcasecmp(w, "any") && strcasecmp(w, "inet") && strcasecmp(w, "inet6"))
			return bad(r, e, "any, inet or inet6 is wanted, not", w);
		if (!c->family_set)
			c->family = !strcasecmp(w, "inet") ? AF_INET : !strcasecmp(w, "inet6") ? AF_INET6 : AF_UNSPEC;
		c->family_set = true;
		return 0;
	}
	return 0;
}

static int line(struct reader *r, const char *p, struct err *e)
{
	while (isspace((unsigned char)*p))
		p++;
	if (!*p || *p == '#')
		return 0;
	size_t n = strcspn(p, " \t=\r\f");
	size_t k = 0;
	while (k < COUNT(keys) && (strlen(keys[k].word) != n || strncasecmp(keys[k].word, p, n) != 0))
		k++;
	if (k == COUNT(keys))
		return 0;
	p += n;
	p += strspn(p, " \t");
	if (*p == '=')
		p += 1 + strspn(p + 1, " \t");
	switch ((int)keys[k].key) {
	case K_HOST: host_block(r, p); return 0;
	case K_MATCH: return match_block(r, p, e);
	case K_INCLUDE: return include(r, p, e);
	default: return r->active ? setting(r, keys[k].key, p, e) : 0;
	}
}

int sshconf_apply(struct sshconf *c, const char *path, const char *text, size_t len, const char *name,
		  unsigned depth, struct err *e)
{
	struct reader r = { .c = c, .path = path, .name = name, .depth = depth, .active = true };
	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;
		r.line++;
		AUTO_FREE char *copy = strndup(text, n);
		if (!copy)
			return err_set(e, ERR_MEMORY, "%s: no memory", path);
		int rc = line(&r, copy, e);
		if (rc < 0)
			return rc;
		text += n;
		len -= n;
		if (nl)
			text++, len--;
	}
	return 0;
}

static int expand_one(const struct reader *r, char **s, bool path, struct err *e)
{
	if (!*s)
		return 0;
	char *to = NULL;
	int rc = expand(r, *s, path, &to, e);
	if (rc < 0)
		return rc;
	free(*s);
	*s = to;
	return 0;
}

static int expand_all(const struct reader *r, struct strv *v, struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		int rc = expand_one(r, &v->v[i], true, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void unset_none(char **s)
{
	if (*s && !strcasecmp(*s, "none")) {
		free(*s);
		*s = NULL;
	}
}

int sshconf_finish(struct sshconf *c, const char *name, struct err *e)
{
	struct reader r = { .c = c, .path = "ssh_config", .name = name };
	unset_none(&c->proxy_jump);
	unset_none(&c->proxy_command);
	int rc = 0;
	if (!c->user_known_hosts.n) {
		rc |= strv_push(&c->user_known_hosts, "~/.ssh/known_hosts");
		rc |= strv_push(&c->user_known_hosts, "~/.ssh/known_hosts2");
	}
	if (!c->global_known_hosts.n) {
		rc |= strv_push(&c->global_known_hosts, "/etc/ssh/ssh_known_hosts");
		rc |= strv_push(&c->global_known_hosts, "/etc/ssh/ssh_known_hosts2");
	}
	if (rc)
		return err_set(e, ERR_MEMORY, "no memory for the ssh configuration");
	if (c->hostname) {
		/* %h in HostName is the name as given */
		AUTO_FREE char *pattern = take_ptr(&c->hostname);
		rc = expand(&r, pattern, false, &c->hostname, e);
		if (rc < 0)
			return rc;
	}
	if (c->identity_agent) {
		if (!strcasecmp(c->identity_agent, "none")) {
			c->identity_agent[0] = '\0';
		} else if (!strcmp(c->identity_agent, "SSH_AUTH_SOCK")) {
			free(take_ptr(&c->identity_agent));
		} else if (c->identity_agent[0] == '$') {
			const char *env = getenv(c->identity_agent + 1);
			free(take_ptr(&c->identity_agent));
			if (env && !(c->identity_agent = strdup(env)))
				return err_set(e, ERR_MEMORY, "no memory for the ssh configuration");
		}
	}
	if ((rc = expand_one(&r, &c->identity_agent, true, e)) < 0 ||
	    (rc = expand_one(&r, &c->proxy_command, false, e)) < 0 ||
	    (rc = expand_one(&r, &c->host_key_alias, false, e)) < 0 ||
	    (rc = expand_all(&r, &c->identities, e)) < 0 ||
	    (rc = expand_all(&r, &c->user_known_hosts, e)) < 0 ||
	    (rc = expand_all(&r, &c->global_known_hosts, e)) < 0)
		return rc;
	return 0;
}

int sshconf_load(const char *file, const char *name, const char *user, unsigned port, struct sshconf *ret,
		 struct err *e)
{
	struct sshconf c = { .port = port };
	int r;
	if (user && !(c.user = strdup(user)))
		return err_set(e, ERR_MEMORY, "no memory for the ssh configuration");
	if (file) {
		r = read_file(&c, file, name, 0, true, e);
	} else {
		char path[1100];
		r = sshconf_home(path, sizeof(path) - 16, e);
		if (r == 0) {
			size_t n = strlen(path);
			snprintf(path + n, sizeof(path) - n, "/.ssh/config");
			r = read_file(&c, path, name, 0, false, e);
		}
		if (r == 0)
			r = read_file(&c, "/etc/ssh/ssh_config", name, 0, false, e);
	}
	if (r == 0)
		r = sshconf_finish(&c, name, e);
	if (r < 0) {
		sshconf_clear(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void sshconf_clear(struct sshconf *c)
{
	char **const strings[] = { &c->hostname, &c->user, &c->proxy_jump, &c->proxy_command, &c->host_key_alias,
				   &c->identity_agent, &c->ciphers, &c->macs, &c->kex, &c->host_key_algorithms,
				   &c->pubkey_algorithms };
	for (size_t i = 0; i < COUNT(strings); i++)
		free(*strings[i]);
	strv_clear(&c->identities);
	strv_clear(&c->user_known_hosts);
	strv_clear(&c->global_known_hosts);
	*c = (struct sshconf){ 0 };
}
