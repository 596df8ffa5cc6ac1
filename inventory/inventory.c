/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/inventory.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ydoc.h"
#include "inventory/load.h"
#include "inventory/problem.h"
#include "inventory/schema.h"
#include "inventory/show.h"
#include "inventory/types.h"

#define FILE_MAX (1u << 20)
#define ARENA_MAX (256u << 20)

/* What inventory_parse hands out: the struct and the memory of everything that it points to. */
struct loaded {
	struct inventory inv;		/* first: inventory_free gets this address */
	struct arena arena;
};

/* The absolute folder of the file name. */
static const char *folder_of(struct arena *a, const char *name)
{
	const char *slash = strrchr(name, '/');
	if (slash == name)
		return "/";
	const char *dir = slash ? arena_strn(a, name, (size_t)(slash - name)) : ".";
	if (dir[0] == '/')
		return dir;
	AUTO_FREE char *here = getcwd(NULL, 0);
	if (!here)
		return dir;
	const char *sep = strcmp(here, "/") == 0 ? "" : "/";
	return strcmp(dir, ".") == 0 ? arena_str(a, here)
				     : arena_printf(a, "%s%s%s", here, sep, dir);
}

/* $HOME, else what the password file says (a service has no HOME); NULL when neither does. */
static const char *home(struct arena *a)
{
	const char *set = getenv("HOME");
	if (set && *set == '/')
		return set;
	char bytes[4096];
	struct passwd pw, *found = NULL;
	if (getpwuid_r(getuid(), &pw, bytes, sizeof(bytes), &found) != 0 || !found ||
	    !found->pw_dir)
		return NULL;
	return arena_str(a, found->pw_dir);
}

/* The text of line number `line`; its length goes to *n. */
static const char *line_at(const char *s, size_t len, unsigned line, size_t *n)
{
	const char *end = s + len;
	while (--line && s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		s = nl ? nl + 1 : end;
	}
	const char *nl = memchr(s, '\n', (size_t)(end - s));
	*n = (size_t)((nl ? nl : end) - s);
	return s;
}

/* What usually is behind a YAML error on that line. */
static const char *yaml_hint(const char *s, size_t n)
{
	const char *brace = memmem(s, n, "{{", 2);
	if (brace) {
		const char *p = brace;
		while (p > s && isspace((unsigned char)p[-1]))
			p--;
		if (p == s || p[-1] == ':' || p[-1] == '-')
			return "; a value that begins with {{ needs quotes: \"{{ ... }}\"";
	}
	if (memchr(s, '\t', n))
		return "; there is a tab: YAML is indented with spaces";
	return "";
}

/* ydoc's "name:line:column: what" as a problem. */
static void yaml_problem(struct plist *p, const char *name, const char *msg, const char *bytes,
			 size_t len)
{
	struct place at = { 0 };
	size_t n = strlen(name);
	int used = 0;
	if (strncmp(msg, name, n) == 0 && msg[n] == ':')
		msg += n + 1;
	if (sscanf(msg, "%u:%u:%n", &at.line, &at.column, &used) >= 2 && used)
		msg += used;
	else
		at = (struct place){ 0 };
	size_t hint_len = 0;
	const char *line = at.line ? line_at(bytes, len, at.line, &hint_len) : "";
	problem_at(p, at, "%s%s", msg + strspn(msg, " "), yaml_hint(line, hint_len));
}

static bool begins(const char *bytes, size_t len, const char *what)
{
	return len >= strlen(what) && memcmp(bytes, what, strlen(what)) == 0;
}

static int parse(const char *name, const char *bytes, size_t len, struct plist *p,
		 struct loaded *l)
{
	struct err e = { 0 };
	struct ydoc doc = { 0 };
	if (len > FILE_MAX) {
		problem_at(p, (struct place){ 0 }, "it is bigger than %u KiB", FILE_MAX / 1024);
		return 0;
	}
	if (begins(bytes, len, "$ANSIBLE_VAULT") || begins(bytes, len, "$POWERSTACK")) {
		problem_at(p, (struct place){ 1, 1 },
			   "this is an encrypted vault: the inventory itself stays readable, only "
			   "vault.yml is encrypted");
		return 0;
	}
	if (ydoc_parse(name, bytes, len, &doc, &e) < 0) {
		yaml_problem(p, name, e.msg, bytes, len);
		return e.kind == ERR_MEMORY ? -(int)ERR_MEMORY : 0;
	}
	int rc = 0;
	if (!doc.root || doc.root->kind != YDOC_MAP)
		problem_at(p,
			   (struct place){ doc.root ? doc.root->line : 0,
					   doc.root ? doc.root->column : 0 },
			   begins(bytes, len, "[")
				   ? "this looks like an INI inventory; YAML is wanted: "
				     "'ansible-inventory -i FILE --list --yaml' converts it"
				   : "an inventory begins with 'k3s_cluster:'");
	else
		rc = load_document(doc.root, bytes, len, folder_of(&l->arena, name),
				   home(&l->arena), &l->arena, p, &l->inv);
	ydoc_free(&doc);
	return rc;
}

/* Ansible would read these folders beside the inventory, too: to pass them over in silence would
 * deploy something else than what Ansible did. */
static void tell_folders(struct plist *p, const char *path)
{
	static const char *const folders[] = { "group_vars", "host_vars" };
	const char *slash = strrchr(path, '/');
	for (size_t i = 0; i < COUNT(folders); i++) {
		AUTO_FREE char *folder = NULL;
		if (asprintf(&folder, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path,
			     folders[i]) < 0) {
			folder = NULL;
			return;
		}
		if (access(folder, F_OK) == 0)
			warning_at(
				p, (struct place){ 0 },
				"'%s' is not read: move its keys below 'vars:' or to their hosts",
				folder);
	}
}

static int parse_and_tell(const char *name, const void *bytes, size_t len, bool is_file,
			  struct inventory **ret, struct problems *ret_problems, struct err *e)
{
	struct plist p;
	*ret_problems = (struct problems){ 0 };
	struct loaded *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, ERR_MEMORY, "out of memory");
	l->arena.max = ARENA_MAX;
	int rc = plist_begin(&p, name, ret_problems, e);
	if (rc < 0) {
		inventory_free(&l->inv);
		return rc;
	}
	l->inv.path = arena_str(&l->arena, name);
	if (is_file)
		tell_folders(&p, name);
	rc = parse(name, bytes, len, &p, l);
	plist_end(&p);
	if (rc == -(int)ERR_MEMORY || l->arena.failed || p.a->failed)
		rc = err_set(e, ERR_MEMORY, "%s: out of memory", name);
	else if (ret_problems->nerrors)
		rc = err_set(e, ERR_CONFIG, "%s: %zu error%s", name, ret_problems->nerrors,
			     ret_problems->nerrors == 1 ? "" : "s");
	else if (rc < 0)
		rc = err_set(e, ERR_BUG, "%s: refused without a reason", name);
	if (rc < 0) {
		inventory_free(&l->inv);
		return rc;
	}
	*ret = &l->inv;
	return 0;
}

int inventory_parse(const char *name, const void *bytes, size_t len, struct inventory **ret,
		    struct problems *ret_problems, struct err *e)
{
	return parse_and_tell(name, bytes, len, false, ret, ret_problems, e);
}

int inventory_load(const char *path, struct inventory **ret, struct problems *ret_problems,
		   struct err *e)
{
	AUTO_BUF struct buf b;
	buf_init(&b, FILE_MAX + 1);
	int missing = 0;
	*ret_problems = (struct problems){ 0 };
	if (file_read(path, &b, &missing, e) < 0) {
		if (missing)
			return err_set(e, ERR_CONFIG,
				       "there is no inventory '%s'; 'powerstack init' writes one, "
				       "-i names another",
				       path);
		if (b.full)
			return err_set(e, ERR_CONFIG, "%s: it is bigger than %u KiB", path,
				       FILE_MAX / 1024);
		e->kind = ERR_CONFIG;
		return -(int)ERR_CONFIG;
	}
	return parse_and_tell(path, buf_str(&b), b.len, true, ret, ret_problems, e);
}

void inventory_free(struct inventory *inv)
{
	struct loaded *l = (struct loaded *)inv;
	if (!l)
		return;
	arena_clear(&l->arena);
	free(l);
}

static bool is_named(const struct host *h, const char *name)
{
	return strcasecmp(h->name, name) == 0;
}

static bool has_key(const struct host *h, const char *name)
{
	return strcmp(h->key, name) == 0;
}

static bool has_address(const struct host *h, const char *name)
{
	return strcmp(h->address, name) == 0 || strcmp(h->internal_ip, name) == 0 ||
	       (h->external_ip && strcasecmp(h->external_ip, name) == 0);
}

const struct host *inventory_find_host(const struct inventory *inv, const char *name)
{
	static bool (*const ways[])(const struct host *, const char *) = { is_named, has_key,
									   has_address };
	for (size_t w = 0; w < COUNT(ways); w++) {
		const struct host *found = NULL;
		bool several = false;
		for (size_t i = 0; i < inv->nhosts; i++) {
			if (!ways[w](&inv->hosts[i], name))
				continue;
			several = found != NULL;
			found = &inv->hosts[i];
			if (several)
				break;
		}
		if (found)
			return several ? NULL : found;
	}
	return NULL;
}

int inventory_value(const struct inventory *inv, const struct host *host, const char *key,
		    struct buf *ret, struct err *e)
{
	const struct field *f = schema_find(key);
	if (f && f->same_as)
		f = schema_find(f->same_as);
	if (!f || f->store == ST_NONE)
		return err_set(e, ERR_BUG, "no such key of the inventory: '%s'", key);
	if (f->store == ST_SECRET)
		return err_set(e, ERR_BUG, "'%s' is a secret, not a value", key);
	if (f->scope == F_HOST && !host)
		return err_set(e, ERR_BUG, "'%s' belongs to a host, and none is given", key);
	show_plain(f, f->scope == F_HOST ? (const void *)host : inv, ret);
	return ret->full ? err_set(e, ERR_MEMORY, "'%s' is too long", key) : 0;
}

bool inventory_key_at(size_t i, struct inventory_key *ret)
{
	if (i >= nschema)
		return false;
	const struct field *f = &schema[i], *real = f->same_as ? schema_find(f->same_as) : f;
	*ret = (struct inventory_key){
		.key = f->key,
		.type = type_row(real->type)->name,
		.scope = f->scope == F_HOST ? "host" : "cluster",
		.fallback = real->fallback,
		.example = real->example,
		.help = real->help,
		.same_as = f->same_as,
		.used_here = !(real->flags & F_DEAD),
	};
	return true;
}
