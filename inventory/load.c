/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/load.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "inventory/expand.h"
#include "inventory/groups.h"
#include "inventory/show.h"
#include "inventory/types.h"
#include "inventory/validate.h"

#define SHOWN_MAX (1u << 20)
#define VALUE_SHOWN 100		/* letters of a bad value in a message */

struct loader {
	struct arena *a;
	struct plist *p;
	struct groups g;
	struct expander x;
	struct tctx t;
	unsigned *roles;		/* by group host index */
	size_t *order;			/* group host index of every host of ours */
	size_t nhosts;
	struct spot *spots;
	struct inventory *inv;
	struct host *hosts;
};

static struct place place_of(const struct ynode *n)
{
	return (struct place){ n->line, n->column };
}

/* ---- groups and roles */

/* server_group / agent_group: a plain name, the same wherever it is set. */
static const char *group_name(struct loader *l, const struct field *f)
{
	const struct ynode *found = NULL;
	for (size_t i = 0; i < l->g.n; i++) {
		const struct ynode *n =
			groups_lookup(l->g.v[i].vars, l->g.v[i].nvars, f->key, NULL);
		if (!n || ydoc_is_null(n))
			continue;
		if (n->kind != YDOC_SCALAR || strstr(n->text, "{{"))
			problem_at(l->p, place_of(n), "%s: the plain name of a group is wanted",
				   f->key);
		else if (found && strcmp(found->text, n->text) != 0)
			problem_at(l->p, place_of(n), "%s: it is '%.60s' on line %u; keep one",
				   f->key, found->text, found->line);
		else
			found = n;
	}
	return found ? found->text : f->fallback;
}

static const char *group_at(const void *ctx, size_t i)
{
	const struct groups *g = ctx;
	return g->v[i].name;
}

/* A group that is not there: is one misspelt, or named as older k3s-ansible named it? */
static bool tell_missing_group(struct loader *l, const char *name, const char *old)
{
	const struct igroup *was = groups_find(&l->g, old);
	const char *near = near_find(name, l->g.n, group_at, &l->g);
	const struct igroup *g = was ? was : near ? groups_find(&l->g, near) : NULL;
	if (!g)
		return false;
	problem_at(l->p, g->at, "there is no group '%.60s'; is '%.60s' meant to be it? rename it",
		   name, g->name);
	return true;
}

static void take_role(struct loader *l, const struct igroup *group, enum role role)
{
	size_t *members = NULL, n = 0;
	groups_members(&l->g, group, &members, &n);
	for (size_t i = 0; i < n; i++) {
		const struct ihost *h = &l->g.hosts[members[i]];
		if (l->roles[members[i]] & ROLE_ANY) {
			problem_at(l->p, h->at,
				   "host '%.80s' is a server and an agent; keep it in one group",
				   h->key);
			continue;
		}
		l->roles[members[i]] = role;
		if (role == ROLE_SERVER && !l->nhosts)
			l->roles[members[i]] |= ROLE_CONTROL;
		l->order[l->nhosts++] = members[i];
	}
}

static void tell_idle(struct loader *l, const char *server, const char *agent)
{
	for (size_t i = 1; i < l->g.n; i++) {
		const struct igroup *g = &l->g.v[i];
		size_t *members = NULL, n = 0, useful = 0;
		groups_members(&l->g, g, &members, &n);
		for (size_t m = 0; m < n; m++)
			useful += (l->roles[members[m]] & ROLE_ANY) != 0;
		if (!useful && strcmp(g->name, "k3s_cluster") != 0 &&
		    strcmp(g->name, server) != 0 && strcmp(g->name, agent) != 0 &&
		    strcmp(g->name, "ungrouped") != 0)
			warning_at(l->p, g->at,
				   "group '%.80s' holds no server and no agent: it is ignored",
				   g->name);
	}
	for (size_t i = 0; i < l->g.nhosts; i++)
		if (!(l->roles[i] & ROLE_ANY))
			warning_at(
				l->p, l->g.hosts[i].at,
				"host '%.80s' is neither in '%.60s' nor in '%.60s': it is ignored",
				l->g.hosts[i].key, server, agent);
}

/* Variables of the whole cluster are still to be read when there is no host to read them for. */
static void add_phantom(struct loader *l)
{
	struct ihost *h = arena_push(l->a, &l->g.hosts, &l->g.nhosts, sizeof(*l->g.hosts));
	if (!h)
		return;
	*h = (struct ihost){ .key = "" };
	const struct igroup *from[] = { groups_find(&l->g, "k3s_cluster"), &l->g.v[0] };
	for (size_t i = 0; i < COUNT(from); i++)
		for (size_t k = 0; from[i] && k < from[i]->nvars; k++) {
			const struct ynode **one =
				arena_push(l->a, &h->vars, &h->nvars, sizeof(*h->vars));
			if (one)
				*one = from[i]->vars[k];
		}
}

static void find_roles(struct loader *l)
{
	const char *server = group_name(l, schema_find("server_group"));
	const char *agent = group_name(l, schema_find("agent_group"));
	l->roles = arena_alloc(l->a, (l->g.nhosts + 1) * sizeof(*l->roles));
	l->order = arena_alloc(l->a, (l->g.nhosts + 1) * sizeof(*l->order));
	if (!l->roles || !l->order)
		return;
	const struct igroup *g = groups_find(&l->g, server);
	if (g)
		take_role(l, g, ROLE_SERVER);
	if (!l->nhosts && !(!g && tell_missing_group(l, server, "master")))
		problem_at(l->p, g ? g->at : (struct place){ 0 },
			   "there is no control node: name one host below k3s_cluster: children: "
			   "%s: hosts:",
			   server);
	g = groups_find(&l->g, agent);
	if (g)
		take_role(l, g, ROLE_AGENT);
	else
		tell_missing_group(l, agent, "node");
	tell_idle(l, server, agent);
	if (!l->nhosts)
		add_phantom(l);
}

/* ---- one key */

/* What one key gives. */
struct reading {
	enum fstate state;
	struct place at;
	struct fvalue v;
	const char *given_as;		/* the key in the file, an alias perhaps */
};

static void tell_bad(struct loader *l, struct place at, const struct field *f, const char *text)
{
	const struct ftype_row *row = type_row(f->type);
	size_t n = strlen(text);
	const char *dots = n > VALUE_SHOWN ? "..." : "";
	if (f->type == T_CHOICE && (f->flags & F_QUIET))
		problem_at(l->p, at, "%s: '%.*s' is not possible: %s", f->key, VALUE_SHOWN, text,
			   f->help);
	else if (f->type == T_SSHARGS)
		problem_at(l->p, at, "%s: %s", f->key, l->t.why);
	else if (f->type == T_YAML)
		problem_at(l->p, at, "%s: it is no YAML text: %s", f->key, l->t.why);
	else if (f->type == T_CHOICE)
		problem_at(l->p, at, "%s: '%.*s%s' is not one of %s", f->key, VALUE_SHOWN, text,
			   dots, l->t.why);
	else
		problem_at(l->p, at, "%s: '%.*s%s' is not %s%s%s", f->key, VALUE_SHOWN, text, dots,
			   row->what, l->t.why[0] ? ": " : "", l->t.why);
}

static bool is_list(const struct field *f)
{
	return f->store == ST_KEYVALS || f->store == ST_STRS;
}

static bool is_entry_name(const char *s)
{
	return *s && strlen(s) <= 128 &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")];
}

/* One item of a list, already with its key in front for a mapping. */
static bool read_item(struct loader *l, const struct field *f, struct place at, const char *text,
		      struct fvalue *into)
{
	struct fvalue one;
	if (!type_parse(&l->t, f, text, &one)) {
		tell_bad(l, at, f, text);
		return false;
	}
	if (f->store == ST_STRS) {
		const char **slot = arena_push(l->a, &into->strs, &into->count, sizeof(*slot));
		if (slot)
			*slot = one.s;
		return true;
	}
	const char *eq = strchr(one.s, '=');
	struct keyval kv = { arena_strn(l->a, one.s, (size_t)(eq - one.s)), eq + 1 };
	for (size_t i = 0; i < into->count; i++)
		if (strcmp(into->kv[i].key, kv.key) == 0) {
			problem_at(l->p, at, "%s: '%.80s' is set twice; keep one", f->key, kv.key);
			return false;
		}
	struct keyval *slot = arena_push(l->a, &into->kv, &into->count, sizeof(*slot));
	if (slot)
		*slot = kv;
	return true;
}

static const char *list_form(const struct field *f)
{
	switch (f->store) {
	case ST_KEYVALS:
		return "'key: value' lines or a list of key=value";
	case ST_STRS:
		return "a list: one '- item' a line";
	case ST_NONE:
	case ST_STR:
	case ST_UINT:
	case ST_SIZE:
	case ST_BOOL:
	case ST_SECRET:
		break;
	}
	return "a single value";
}

static bool read_list(struct loader *l, size_t host, const struct field *f, const struct ynode *n,
		      struct fvalue *into)
{
	bool sound = true;
	if (n->kind == YDOC_MAP && f->store != ST_KEYVALS) {
		problem_at(l->p, place_of(n), "%s: %s is wanted", f->key, list_form(f));
		return false;
	}
	for (size_t i = 0; i < n->n; i++) {
		const struct ynode *item = n->kind == YDOC_MAP ? n->pairs[i].value : n->items[i];
		struct value v;
		if (expand_node(&l->x, host, f->key, item, &v) < 0) {
			sound = false;
			continue;
		}
		if (v.kind == V_OMIT)
			continue;
		if (v.kind != V_TEXT) {
			problem_at(l->p, place_of(item), v.kind == V_SECRET ?
				   "%s: a vault entry cannot stand here: it would be printed" :
				   v.kind == V_UNDEFINED ? "%s: this is not set anywhere" :
				   "%s: one text per item is wanted", f->key);
			sound = false;
			continue;
		}
		const char *text = n->kind != YDOC_MAP ? v.text :
				   arena_printf(l->a, "%s=%s", n->pairs[i].key->text, v.text);
		sound = read_item(l, f, place_of(item), text, into) && sound;
	}
	return sound;
}

static void tell_clear(struct loader *l, struct place at, const struct field *f, bool empty)
{
	if (empty)
		problem_at(l->p, at,
			   "%s: it is empty; write \"{{ ansible_vault.NAME }}\" or remove the line",
			   f->key);
	else
		problem_at(l->p, at,
			   "%s: a secret does not stand here in clear text: store it with "
			   "'powerstack vault set %s' and write %s: \"{{ ansible_vault.%s }}\"",
			   f->key, f->key, f->key, f->key);
}

/* The expanded value v of f. */
static bool take_value(struct loader *l, size_t host, const struct field *f, struct place at,
		       const struct value *v, struct fvalue *ret)
{
	const struct ihost *h = &l->g.hosts[host];
	switch (v->kind) {
	case V_SECRET:
		if (f->type != T_SECRET) {
			problem_at(l->p, at,
				   "%s: the vault entry '%.60s' cannot stand here: this key is "
				   "printed and stored in clear",
				   f->key, v->text);
			return false;
		}
		break;
	case V_UNDEFINED:
		if (f->type != T_SECRET || !v->plain_name) {
			problem_at(l->p, at, "%s: '%.80s' is not set anywhere%s%.80s; %s", f->key,
				   v->text, h->key[0] && f->scope == F_HOST ? " for " : "",
				   h->key[0] && f->scope == F_HOST ? h->key : "",
				   f->type == T_SECRET
					   ? "a vault entry is written {{ ansible_vault.NAME }}"
					   : "set it, or write | default('...') behind it");
			return false;
		}
		break;
	case V_TEXT:
		if (f->type == T_SECRET) {
			tell_clear(l, at, f, !*v->text);
			return false;
		}
		if (is_list(f))
			return read_item(l, f, at, v->text, ret);
		if (type_parse(&l->t, f, v->text, ret))
			return true;
		tell_bad(l, at, f, v->text);
		return false;
	case V_NODE:
		if (is_list(f))
			return read_list(l, v->host, f, v->node, ret);
		problem_at(l->p, at,
			   f->type == T_YAML
				   ? "%s: YAML text is wanted: write '%s: |' and indent the lines "
				     "below"
				   : "%s: a single value is wanted here, not a list or mapping",
			   f->key, f->key);
		return false;
	case V_OMIT:
	case V_NAMES:
	case V_VAULT:
	case V_HOSTVARS:
	case V_HOST:
	case V_GROUPS:
		return false;
	}
	if (!is_entry_name(v->text)) {
		problem_at(l->p, at,
			   "%s: '%.60s' is no name of a vault entry: letters, digits, '_', '-' and "
			   "'.'",
			   f->key, v->text);
		return false;
	}
	ret->s = arena_str(l->a, v->text);
	return true;
}

/* The node of f or of one of its other names for host. */
static const struct ynode *find_node(struct loader *l, size_t host, const struct field *f,
				     const struct ynode **ret_key)
{
	const struct ihost *h = &l->g.hosts[host];
	const struct ynode *key = NULL, *n = groups_lookup(h->vars, h->nvars, f->key, &key);
	for (size_t i = 0; i < nschema; i++) {
		if (!schema[i].same_as || strcmp(schema[i].same_as, f->key) != 0)
			continue;
		const struct ynode *other_key = NULL;
		const struct ynode *other =
			groups_lookup(h->vars, h->nvars, schema[i].key, &other_key);
		if (!other)
			continue;
		if (n)
			problem_at(l->p, place_of(other_key),
				   "%s and %s (line %u) are the same; keep one", schema[i].key,
				   key->text, key->line);
		n = other;
		key = other_key;
	}
	*ret_key = key;
	return n;
}

/* What f is without a value; empty is its key in the file when it stands there without one. */
static void read_fallback(struct loader *l, size_t host, const struct field *f,
			  const struct ynode *empty, struct reading *r)
{
	const struct ihost *h = &l->g.hosts[host];
	struct value v;
	bool here = !f->fallback_roles || (l->roles[host] & f->fallback_roles);
	r->state = FS_NONE;
	r->at = empty ? place_of(empty) : f->scope == F_HOST ? h->at : (struct place){ 0 };
	if (!f->fallback || !here) {
		if (f->flags & F_NEEDED) {
			problem_at(l->p, r->at, "%s is missing: %s; e.g. %s: %s", f->key, f->help,
				   f->key, f->example);
			r->state = FS_BAD;
		} else if (empty) {
			warning_at(l->p, r->at, "%s has no value: it counts as not given",
				   empty->text);
		}
		return;
	}
	r->state = FS_BAD;
	if (expand_text(&l->x, host, f->key, f->fallback, r->at, &v) < 0 || v.kind != V_TEXT)
		return;
	if (type_parse(&l->t, f, v.text, &r->v)) {
		r->state = FS_FALLBACK;
		if (empty)
			warning_at(l->p, r->at, "%s has no value: its default '%.80s' is used",
				   empty->text, v.text);
		return;
	}
	if (!(f->scope == F_HOST && !h->key[0]))
		problem_at(l->p, r->at,
			   "%s %s for '%.80s', and its default '%.80s' is not %s%s%s; %s %s: %s",
			   f->key, empty ? "has no value" : "is not given", h->key, v.text,
			   type_row(f->type)->what, l->t.why[0] ? ": " : "", l->t.why,
			   empty ? "write e.g." : "add e.g.", f->key, f->example);
}

static void read_key(struct loader *l, size_t host, const struct field *f, struct reading *r)
{
	const struct ihost *h = &l->g.hosts[host];
	const struct ynode *key = NULL, *n = find_node(l, host, f, &key);
	const struct ynode *empty = n && ydoc_is_null(n) ? key : NULL;
	struct value v = { .kind = V_OMIT };
	*r = (struct reading){ 0 };
	if (!n && h->port && strcmp(f->key, "ansible_port") == 0) {
		v = (struct value){ .kind = V_TEXT, .text = h->port };
		r->at = h->at;
	} else if (n && !empty) {
		r->at = place_of(n);
		if (expand_node(&l->x, host, key->text, n, &v) < 0) {
			r->state = FS_BAD;
			return;
		}
	}
	if (v.kind == V_OMIT) {
		read_fallback(l, host, f, empty, r);
		return;
	}
	r->state = take_value(l, host, f, r->at, &v, &r->v) ? FS_GIVEN : FS_BAD;
}

static void store(const struct field *f, const struct fvalue *v, void *base)
{
	unsigned char *at = (unsigned char *)base + f->at;
	struct secret_ref ref = { v->s };
	unsigned number = (unsigned)v->n;
	switch (f->store) {
	case ST_STR:
		memcpy(at, &v->s, sizeof(v->s));
		break;
	case ST_UINT:
		memcpy(at, &number, sizeof(number));
		break;
	case ST_SIZE:
		memcpy(at, &v->n, sizeof(v->n));
		break;
	case ST_BOOL:
		memcpy(at, &v->b, sizeof(v->b));
		break;
	case ST_SECRET:
		memcpy(at, &ref, sizeof(ref));
		break;
	case ST_KEYVALS:
		memcpy(at, &v->kv, sizeof(v->kv));
		memcpy((unsigned char *)base + f->at_n, &v->count, sizeof(v->count));
		break;
	case ST_STRS:
		memcpy(at, &v->strs, sizeof(v->strs));
		memcpy((unsigned char *)base + f->at_n, &v->count, sizeof(v->count));
		break;
	case ST_NONE:
		break;
	}
}

/* ---- hosts */

static struct spot *spot(struct loader *l, size_t row, const char *key)
{
	return &l->spots[row * nschema + (size_t)(schema_find(key) - schema)];
}

/* A value that ssh arguments gave for a key of our own. */
static void take_ssharg(struct loader *l, size_t row, const char *key, const char *value,
			const struct reading *from, const char *from_key)
{
	struct spot *s = spot(l, row, key);
	if (!value || s->state == FS_BAD)
		return;
	if (s->state == FS_GIVEN) {
		problem_at(l->p, from->at, "%s: this is also given as %s on line %u; keep one",
			   from_key, key, s->at.line);
		return;
	}
	*s = (struct spot){ FS_GIVEN, from->at };
	store(schema_find(key), &(struct fvalue){ .s = value }, &l->hosts[row]);
}

static void read_host(struct loader *l, size_t row)
{
	struct host *host = &l->hosts[row];
	size_t index = l->order[row];
	const struct ihost *h = &l->g.hosts[index];
	host->key = arena_str(l->a, h->key);
	host->roles = l->roles[index];
	host->line = h->at.line;
	host->column = h->at.column;
	for (size_t i = 0; i < nschema; i++) {
		const struct field *f = &schema[i];
		struct reading r;
		if (f->scope != F_HOST || f->same_as || f->type == T_ANY ||
		    (f->roles && !(f->roles & host->roles)))
			continue;
		read_key(l, index, f, &r);
		l->spots[row * nschema + i] = (struct spot){ r.state, r.at };
		if (r.state != FS_GIVEN && r.state != FS_FALLBACK)
			continue;
		store(f, &r.v, host);
		if (f->type != T_SSHARGS)
			continue;
		take_ssharg(l, row, "proxy_jump", r.v.jump, &r, f->key);
		take_ssharg(l, row, "ssh_known_hosts_file", r.v.known_hosts, &r, f->key);
		take_ssharg(l, row, "ansible_ssh_private_key_file", r.v.key_file, &r, f->key);
		if (r.v.s)
			warning_at(l->p, r.at, "%s: ignored, they mean nothing here: %s", f->key,
				   r.v.s);
	}
	host->name = host->node_name ? host->node_name : host->key;
}

/* ---- the cluster */

static bool has_braces(const struct ynode *n)
{
	return n->kind != YDOC_SCALAR || strstr(n->text, "{{");
}

static void print_reading(const struct field *f, const struct reading *r, struct buf *out)
{
	struct inventory scratch = { 0 };
	store(f, &r->v, &scratch);
	show_plain(f, &scratch, out);
}

/* Reads f for host and compares with what the first one gave. */
static void compare(struct loader *l, const struct field *f, size_t first,
		    const struct reading *was, size_t host)
{
	struct reading now;
	read_key(l, host, f, &now);
	if (now.state != FS_GIVEN)
		return;
	AUTO_BUF struct buf a;
	buf_init(&a, SHOWN_MAX);
	AUTO_BUF struct buf b;
	buf_init(&b, SHOWN_MAX);
	print_reading(f, was, &a);
	print_reading(f, &now, &b);
	l->a->failed = l->a->failed || a.full || b.full;
	if (strcmp(buf_str(&a), buf_str(&b)) != 0)
		problem_at(l->p, now.at,
			   "%s: it is '%.60s' for '%.60s' but '%.60s' for '%.60s': it must be one "
			   "value for the whole cluster",
			   f->key, buf_str(&b), l->g.hosts[host].key, buf_str(&a),
			   l->g.hosts[first].key);
}

static void read_cluster_key(struct loader *l, const struct field *f, struct reading *r)
{
	const struct ynode *key, *node = NULL;
	size_t n = l->nhosts ? l->nhosts : 1, first = l->nhosts ? l->order[0] : l->g.nhosts - 1;
	*r = (struct reading){ 0 };
	for (size_t i = 0; i < n; i++) {
		size_t host = l->nhosts ? l->order[i] : first;
		const struct ynode *here = find_node(l, host, f, &key);
		if (!here || ydoc_is_null(here))
			continue;
		if (!node) {
			node = here;
			first = host;
			read_key(l, host, f, r);
		} else if (r->state == FS_GIVEN && (here != node || has_braces(here))) {
			compare(l, f, first, r, host);
		}
	}
	if (!node)
		read_key(l, first, f, r);
}

static void read_cluster(struct loader *l)
{
	for (size_t i = 0; i < nschema; i++) {
		const struct field *f = &schema[i];
		struct reading r;
		if (f->scope != F_CLUSTER || f->type == T_ANY || f->store == ST_NONE)
			continue;
		read_cluster_key(l, f, &r);
		l->spots[l->nhosts * nschema + i] = (struct spot){ r.state, r.at };
		if (r.state == FS_GIVEN || r.state == FS_FALLBACK)
			store(f, &r.v, l->inv);
	}
}

/* ---- keys that nothing reads */

struct leftovers {
	struct buf dead, unknown;
	struct place first;
	const char **told;
	size_t ntold;
};

static void add_leftover(struct loader *l, struct leftovers *o, struct buf *to,
			 const struct ynode *key)
{
	for (size_t i = 0; i < o->ntold; i++)
		if (strcmp(o->told[i], key->text) == 0)
			return;
	const char **slot = arena_push(l->a, &o->told, &o->ntold, sizeof(*slot));
	if (slot)
		*slot = key->text;
	if (!o->first.line || key->line < o->first.line)
		o->first = place_of(key);
	buf_addf(to, "%s%.60s (line %u)", to->len ? ", " : "", key->text, key->line);
}

static void look_over(struct loader *l, struct leftovers *o, const struct ynode *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		const struct ynode *key = vars->pairs[i].key;
		const struct field *f = schema_find(key->text);
		const char *near = f ? NULL : schema_near(key->text);
		if (strcmp(key->text, "ansible_vault") == 0)
			problem_at(l->p, place_of(key),
				   "secrets do not stand in the inventory: move these into "
				   "vault.yml ('powerstack vault create', or 'vault encrypt' for a "
				   "file of them)");
		else if (f && (f->flags & F_DEAD))
			add_leftover(l, o, &o->dead, key);
		else if (f || expand_used(&l->x, key->text))
			continue;
		else if (near)
			problem_at(l->p, place_of(key), "unknown key '%.80s'; did you mean '%s'?",
				   key->text, near);
		else
			add_leftover(l, o, &o->unknown, key);
	}
}

static void scan(struct loader *l, const struct ynode *n, unsigned depth)
{
	if (n->kind == YDOC_SCALAR)
		expand_scan(&l->x, n->text);
	for (size_t i = 0; n->kind != YDOC_SCALAR && depth && i < n->n; i++)
		scan(l, n->kind == YDOC_MAP ? n->pairs[i].value : n->items[i], depth - 1);
}

/* A variable counts as used also where the key that names it is read for no host. */
static void scan_all(struct loader *l)
{
	for (size_t i = 0; i < l->g.n; i++)
		for (size_t k = 0; k < l->g.v[i].nvars; k++)
			scan(l, l->g.v[i].vars[k], 2);
	const struct ynode *was = NULL;
	for (size_t i = 0; i < l->g.nhosts; i++)
		for (size_t k = 0; k < l->g.hosts[i].nown; was = l->g.hosts[i].own[k++])
			if (l->g.hosts[i].own[k] != was)
				scan(l, l->g.hosts[i].own[k], 2);
}

static void tell_leftovers(struct loader *l)
{
	struct leftovers o = { 0 };
	scan_all(l);
	buf_init(&o.dead, 400);
	buf_init(&o.unknown, 400);
	for (size_t i = 0; i < l->g.n; i++)
		for (size_t k = 0; k < l->g.v[i].nvars; k++)
			look_over(l, &o, l->g.v[i].vars[k]);
	const struct ynode *was = NULL;
	for (size_t i = 0; i < l->g.nhosts; i++)
		for (size_t k = 0; k < l->g.hosts[i].nown; k++) {
			if (l->g.hosts[i].own[k] != was)	/* a range shares one mapping */
				look_over(l, &o, l->g.hosts[i].own[k]);
			was = l->g.hosts[i].own[k];
		}
	if (o.ntold)
		warning_at(l->p, o.first, "ignored: %s%s%s%s%s%s",
			   o.dead.len ? "these keys mean nothing here: " : "", buf_str(&o.dead),
			   o.dead.full ? ", ..." : "", o.dead.len && o.unknown.len ? "; " : "",
			   o.unknown.len ? "these are unknown and nothing refers to them: " : "",
			   buf_str(&o.unknown));
	buf_clear(&o.dead);
	buf_clear(&o.unknown);
}

/* ---- */

static const char *fallback(void *ctx, size_t host, const char *name)
{
	const struct loader *l = ctx;
	const struct field *f = schema_find(name);
	if (f && f->same_as)
		f = schema_find(f->same_as);
	if (!f || !f->fallback || f->type == T_SECRET)
		return NULL;
	if ((f->roles && !(l->roles[host] & f->roles)) ||
	    (f->fallback_roles && !(l->roles[host] & f->fallback_roles)))
		return NULL;
	return f->fallback;
}

static bool is_secret(void *ctx, const char *name)
{
	(void)ctx;
	const struct field *f = schema_find(name);
	if (f && f->same_as)
		f = schema_find(f->same_as);
	return f && f->type == T_SECRET;
}

int load_document(const struct ynode *root, const char *source, size_t source_len, const char *dir,
		  const char *home, struct arena *a, struct plist *p, struct inventory *ret)
{
	struct loader l = { .a = a, .p = p, .inv = ret, .t = { .a = a, .dir = dir, .home = home } };
	int rc = groups_read(root, a, p, &l.g);
	if (rc < 0)
		return rc;
	find_roles(&l);
	l.hosts = arena_alloc(a, (l.nhosts + 1) * sizeof(*l.hosts));
	l.spots = arena_alloc(a, (l.nhosts + 1) * nschema * sizeof(*l.spots));
	if (a->failed)
		return -(int)ERR_MEMORY;
	const char *slash = strrchr(ret->path, '/');
	l.x = (struct expander){ .g = &l.g,
				 .a = a,
				 .p = p,
				 .source = source,
				 .source_len = source_len,
				 .dir = dir,
				 .file = slash ? slash + 1 : ret->path,
				 .fallback = fallback,
				 .is_secret = is_secret,
				 .ctx = &l };
	for (size_t i = 0; i < l.nhosts; i++)
		read_host(&l, i);
	read_cluster(&l);
	tell_leftovers(&l);
	ret->hosts = l.hosts;
	ret->nhosts = l.nhosts;
	ret->control = l.nhosts && (l.hosts[0].roles & ROLE_CONTROL) ? &l.hosts[0] : NULL;
	if (a->failed)
		return -(int)ERR_MEMORY;
	validate(&(struct checked){ ret, l.spots, p });
	return 0;
}
