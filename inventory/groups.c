/* SPDX-License-Identifier: BSD-2-Clause */
#include "inventory/groups.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/near.h"

#define NAME_MAX_ 253
_Static_assert(HOSTS_MAX == 1000, "a message says so");

struct reader {
	struct groups *g;
	struct plist *p;
	bool too_many;
};

static struct place place_of(const struct ynode *n)
{
	return (struct place){ n->line, n->column };
}

static bool is_empty(const struct ynode *n)
{
	return !n || ydoc_is_null(n);
}

static size_t find_group(const struct groups *g, const char *name)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->v[i].name, name) == 0)
			return i;
	return g->n;
}

const struct igroup *groups_find(const struct groups *g, const char *name)
{
	size_t i = find_group(g, name);
	return i < g->n ? &g->v[i] : NULL;
}

static size_t open_group(struct reader *r, const char *name, struct place at)
{
	struct groups *g = r->g;
	size_t i = find_group(g, name);
	if (i < g->n)
		return i;
	if (g->n >= GROUPS_MAX) {
		problem_at(r->p, at, "more than %d groups", GROUPS_MAX);
		r->too_many = true;
		return 0;
	}
	struct igroup *one = arena_push(g->a, &g->v, &g->n, sizeof(*g->v));
	if (!one)
		return 0;
	*one = (struct igroup){ .name = arena_str(g->a, name), .at = at, .priority = 1 };
	return i;
}

static void push_index(struct groups *g, size_t **v, size_t *n, size_t value)
{
	for (size_t i = 0; i < *n; i++)
		if ((*v)[i] == value)
			return;
	size_t *one = arena_push(g->a, v, n, sizeof(**v));
	if (one)
		*one = value;
}

static void push_node(struct groups *g, const struct ynode ***v, size_t *n,
		      const struct ynode *node)
{
	const struct ynode **one = arena_push(g->a, v, n, sizeof(**v));
	if (one)
		*one = node;
}

/* A mapping of variables; NULL (with a problem) when it is none. */
static const struct ynode *vars_of(struct reader *r, const struct ynode *n, const char *whose)
{
	if (is_empty(n))
		return NULL;
	if (n->kind != YDOC_MAP) {
		problem_at(r->p, place_of(n), "%s: 'key: value' lines are wanted here", whose);
		return NULL;
	}
	if (n->n > KEYS_MAX) {
		problem_at(r->p, place_of(n), "%s: more than %d keys", whose, KEYS_MAX);
		return NULL;
	}
	return n;
}

/* ---- host keys: "name", "name:port", "ho[1:3]", an IPv6 address with or without brackets */

static bool is_ipv6(const char *s)
{
	struct in6_addr a;
	return inet_pton(AF_INET6, s, &a) == 1;
}

/* One [first:last(:step)] at p; *end is behind its bracket. Letters are single, numbers keep
 * their width when the first one is written with a leading zero. */
struct range {
	bool letters;
	long first, last, step;
	int width;
};

static const char *const range_form = "a range is written [first:last] or [first:last:step], "
				      "two numbers or two letters, first not behind last";

static bool read_range(const char *p, const char *end, struct range *ret)
{
	char text[64];
	size_t len = (size_t)(end - p);
	if (len >= sizeof(text))
		return false;
	memcpy(text, p, len);
	text[len] = '\0';
	char *part[3] = { text, NULL, NULL };
	size_t n = 1;
	for (char *c = text; *c; c++) {
		if (*c != ':')
			continue;
		if (n == 3)
			return false;
		*c = '\0';
		part[n++] = c + 1;
	}
	if (n < 2)
		return false;
	struct range r = { .step = 1 };
	if (n == 3) {
		if (!*part[2] || strspn(part[2], "0123456789") != strlen(part[2]) ||
		    strlen(part[2]) > 6)
			return false;
		r.step = strtol(part[2], NULL, 10);
	}
	if (isalpha((unsigned char)part[0][0])) {
		if (part[0][1] || !isalpha((unsigned char)part[1][0]) || part[1][1])
			return false;
		r.letters = true;
		r.first = part[0][0];
		r.last = part[1][0];
	} else {
		for (int i = 0; i < 2; i++)
			if ((i == 1 && !*part[i]) ||
			    strspn(part[i], "0123456789") != strlen(part[i]) || strlen(part[i]) > 9)
				return false;
		r.first = strtol(part[0], NULL, 10);
		r.last = strtol(part[1], NULL, 10);
		if (part[0][0] == '0' && part[0][1]) {
			r.width = (int)strlen(part[0]);
			if (strlen(part[1]) != strlen(part[0]))
				return false;
		}
	}
	*ret = r;
	return r.first <= r.last && r.step > 0;
}

static int expand_from(struct buf *head, const char *rest, size_t *left,
		       int (*each)(void *, const char *), void *ctx, const char **why)
{
	const char *open = strchr(rest, '[');
	if (!open) {
		size_t was = head->len;
		if (buf_adds(head, rest) < 0) {
			*why = "a host's name is too long";
			return -1;
		}
		if (*left == 0) {
			*why = "that is more hosts than are possible (1000)";
			return -1;
		}
		--*left;
		int rc = each(ctx, buf_str(head));
		head->len = was;
		head->data[was] = '\0';
		return rc;
	}
	const char *close = strchr(open, ']');
	struct range r;
	if (!close || !read_range(open + 1, close, &r)) {
		*why = range_form;
		return -1;
	}
	size_t was = head->len;
	for (long i = r.first; i <= r.last; i += r.step) {
		int rc = buf_add(head, rest, (size_t)(open - rest));
		if (rc == 0)
			rc = r.letters ? buf_addc(head, (char)i)
				       : buf_addf(head, "%0*ld", r.width, i);
		if (rc < 0) {
			*why = "a host's name is too long";
			return -1;
		}
		rc = expand_from(head, close + 1, left, each, ctx, why);
		if (rc < 0)
			return rc;
		head->len = was;
		head->data[was] = '\0';
	}
	return 0;
}

int groups_expand(const char *pattern, size_t max, int (*each)(void *ctx, const char *name),
		  void *ctx, const char **why)
{
	AUTO_BUF struct buf head;
	buf_init(&head, NAME_MAX_);
	size_t left = max;
	*why = NULL;
	return expand_from(&head, pattern, &left, each, ctx, why);
}

struct host_adder {
	struct reader *r;
	size_t group;
	struct place at;
	const struct ynode *vars;
	const char *port;
};

static int add_host(void *ctx, const char *name)
{
	struct host_adder *h = ctx;
	struct groups *g = h->r->g;
	size_t i = 0;
	if (name[strcspn(name, "[]")] || (strchr(name, ':') && !is_ipv6(name))) {
		problem_at(h->r->p, h->at, "host '%.80s': '%c' has no meaning there", name,
			   strchr(name, ':') ? ':' : ']');
		return -1;
	}
	while (i < g->nhosts && strcmp(g->hosts[i].key, name) != 0)
		i++;
	if (i == g->nhosts) {
		struct ihost *one = arena_push(g->a, &g->hosts, &g->nhosts, sizeof(*g->hosts));
		if (!one)
			return -1;
		one->key = arena_str(g->a, name);
		one->at = h->at;
	}
	if (h->port)
		g->hosts[i].port = h->port;
	if (h->vars)
		push_node(g, &g->hosts[i].own, &g->hosts[i].nown, h->vars);
	push_index(g, &g->v[h->group].hosts, &g->v[h->group].nhosts, i);
	return 0;
}

/* Splits "name:port" and "[v6]:port"; the name without brackets. */
static const char *split_port(struct reader *r, const char *key, const char **ret_port)
{
	*ret_port = NULL;
	if (is_ipv6(key))
		return key;
	const char *close = key[0] == '[' ? strchr(key, ']') : NULL;
	if (close) {
		const char *inner = arena_strn(r->g->a, key + 1, (size_t)(close - key - 1));
		if (is_ipv6(inner)) {
			if (close[1] == ':')
				*ret_port = close + 2;
			return inner;
		}
	}
	const char *colon = strrchr(key, ':');
	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return key;
	*ret_port = colon + 1;
	return arena_strn(r->g->a, key, (size_t)(colon - key));
}

static void read_host(struct reader *r, size_t group, const struct ynode *key,
		      const struct ynode *value)
{
	struct groups *g = r->g;
	const char *why = NULL;
	struct host_adder h = { r, group, place_of(key), NULL, NULL };
	if (!*key->text) {
		problem_at(r->p, h.at, "a host without a name");
		return;
	}
	const char *name = split_port(r, key->text, &h.port);
	const char *odd = name + strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789._:[]-");
	if (*odd || *name == '-') {
		problem_at(r->p, h.at,
			   "host '%.80s': a host's key is its name or address: letters, digits, "
			   "'.', '-' and '_'",
			   key->text);
		return;
	}
	h.vars = vars_of(r, value, name);
	if (groups_expand(name, HOSTS_MAX - g->nhosts, add_host, &h, &why) < 0 && why)
		problem_at(r->p, h.at, "host '%.80s': %s", key->text, why);
}

static void read_hosts(struct reader *r, size_t group, const struct ynode *n)
{
	if (is_empty(n))
		return;
	if (n->kind == YDOC_SCALAR) {	/* Ansible takes a single word for one host */
		read_host(r, group, n, NULL);
		return;
	}
	if (n->kind == YDOC_SEQ) {
		problem_at(r->p, place_of(n),
			   "hosts are a mapping: write 'ho1:' with its keys below, without '- '");
		return;
	}
	for (size_t i = 0; i < n->n && !r->too_many; i++)
		read_host(r, group, n->pairs[i].key, n->pairs[i].value);
}

/* ---- groups */

static const char *const group_keys[] = { "hosts", "vars", "children" };

static const char *group_key(const void *ctx, size_t i)
{
	(void)ctx;
	return group_keys[i];
}

static void read_group(struct reader *r, size_t group, const struct ynode *n);

static void read_children(struct reader *r, size_t group, const struct ynode *n)
{
	struct groups *g = r->g;
	if (is_empty(n))
		return;
	if (n->kind != YDOC_MAP) {
		problem_at(r->p, place_of(n),
			   "children are a mapping: write 'agent:' with its hosts below");
		return;
	}
	for (size_t i = 0; i < n->n && !r->too_many; i++) {
		const char *odd = n->pairs[i].key->text;
		if (strcmp(odd, "vars") == 0 || strcmp(odd, "hosts") == 0 ||
		    strcmp(odd, "children") == 0) {
			problem_at(r->p, place_of(n->pairs[i].key),
				   "'%s:' is indented too far: below 'children:' stand groups, "
				   "'%s:' stands beside it or below one of them",
				   odd, odd);
			continue;
		}
		size_t child = open_group(r, n->pairs[i].key->text, place_of(n->pairs[i].key));
		if (child == 0 && !r->too_many) {
			problem_at(r->p, place_of(n->pairs[i].key),
				   "group 'all' holds every other group and cannot be inside one");
			continue;
		}
		push_index(g, &g->v[group].children, &g->v[group].nchildren, child);
		push_index(g, &g->v[child].parents, &g->v[child].nparents, group);
		read_group(r, child, n->pairs[i].value);
	}
}

static void read_group(struct reader *r, size_t group, const struct ynode *n)
{
	struct groups *g = r->g;
	const char *name = g->v[group].name;
	if (is_empty(n))
		return;
	if (n->kind != YDOC_MAP) {
		problem_at(r->p, place_of(n),
			   "group '%.80s': 'hosts:', 'vars:' or 'children:' are wanted here", name);
		return;
	}
	for (size_t i = 0; i < n->n && !r->too_many; i++) {
		const struct ynode *key = n->pairs[i].key, *value = n->pairs[i].value;
		if (strcmp(key->text, "hosts") == 0) {
			read_hosts(r, group, value);
		} else if (strcmp(key->text, "children") == 0) {
			read_children(r, group, value);
		} else if (strcmp(key->text, "vars") == 0) {
			const struct ynode *vars = vars_of(r, value, "vars");
			if (vars)
				push_node(g, &g->v[group].vars, &g->v[group].nvars, vars);
		} else {
			const char *near = near_find(key->text, COUNT(group_keys), group_key, NULL);
			if (near)
				problem_at(r->p, place_of(key),
					   "group '%.80s': unknown key '%.80s'; did you mean '%s'?",
					   name, key->text, near);
			else
				problem_at(r->p, place_of(key),
					   "group '%.80s': '%.80s' does not belong here: a group "
					   "has 'hosts:', 'vars:' and 'children:', and hosts and "
					   "keys stand below these",
					   name, key->text);
		}
	}
}

/* depth is the longest way from `all`; false on a loop, which would make it grow for ever. */
static bool set_depths(struct reader *r)
{
	struct groups *g = r->g;
	bool moved = true;
	for (size_t round = 0; moved && round <= g->n; round++) {
		moved = false;
		for (size_t i = 0; i < g->n; i++)
			for (size_t c = 0; c < g->v[i].nchildren; c++) {
				struct igroup *child = &g->v[g->v[i].children[c]];
				if ((i && !g->v[i].depth) || child->depth > g->v[i].depth)
					continue;
				child->depth = g->v[i].depth + 1;
				moved = true;
			}
	}
	for (size_t i = 1; i < g->n; i++)
		if (!g->v[i].depth || g->v[i].depth > g->n) {
			problem_at(r->p, g->v[i].at, "group '%.80s' is inside itself",
				   g->v[i].name);
			return false;
		}
	return true;
}

static void read_priority(struct reader *r, struct igroup *one)
{
	const struct ynode *n = NULL;
	for (size_t i = 0; i < one->nvars; i++) {
		const struct ynode *here = ydoc_get(one->vars[i], "ansible_group_priority");
		n = here ? here : n;
	}
	if (!n)
		return;
	char *end = NULL;
	if (n->kind == YDOC_SCALAR && n->len && n->len < 8)
		one->priority = strtol(n->text, &end, 10);
	if (!end || *end) {
		one->priority = 1;
		problem_at(r->p, place_of(n), "ansible_group_priority: a whole number is wanted");
	}
}

/* Does a come before b: is it the stronger one? */
static bool is_stronger(const struct igroup *a, const struct igroup *b)
{
	if (a->depth != b->depth)
		return a->depth > b->depth;
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return strcmp(a->name, b->name) > 0;
}

static void mark_up(const struct groups *g, size_t i, bool *seen)
{
	if (seen[i])
		return;
	seen[i] = true;
	for (size_t p = 0; p < g->v[i].nparents; p++)
		mark_up(g, g->v[i].parents[p], seen);
}

/* The host's mappings, strongest first. order: the groups, strongest first. */
static void line_up(struct groups *g, size_t host, const size_t *order, bool *seen)
{
	struct ihost *h = &g->hosts[host];
	memset(seen, 0, g->n * sizeof(*seen));
	seen[0] = true;
	for (size_t i = 0; i < g->n; i++)
		for (size_t m = 0; m < g->v[i].nhosts; m++)
			if (g->v[i].hosts[m] == host)
				mark_up(g, i, seen);
	for (size_t i = h->nown; i-- > 0;)
		push_node(g, &h->vars, &h->nvars, h->own[i]);
	for (size_t i = 0; i < g->n; i++)
		if (seen[order[i]])
			for (size_t k = g->v[order[i]].nvars; k-- > 0;)
				push_node(g, &h->vars, &h->nvars, g->v[order[i]].vars[k]);
}

static int finish(struct reader *r)
{
	struct groups *g = r->g;
	for (size_t i = 1; i < g->n; i++)
		if (!g->v[i].nparents) {
			push_index(g, &g->v[0].children, &g->v[0].nchildren, i);
			push_index(g, &g->v[i].parents, &g->v[i].nparents, 0);
		}
	if (!set_depths(r))
		return -(int)ERR_CONFIG;
	for (size_t i = 0; i < g->n; i++)
		read_priority(r, &g->v[i]);
	size_t *order = arena_alloc(g->a, g->n * sizeof(*order));
	bool *seen = arena_alloc(g->a, g->n * sizeof(*seen));
	if (!order || !seen)
		return -(int)ERR_MEMORY;
	for (size_t i = 0; i < g->n; i++) {
		size_t j = i;
		for (; j > 0 && is_stronger(&g->v[i], &g->v[order[j - 1]]); j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	for (size_t i = 0; i < g->nhosts; i++)
		line_up(g, i, order, seen);
	return g->a->failed ? -(int)ERR_MEMORY : 0;
}

int groups_read(const struct ynode *root, struct arena *a, struct plist *p, struct groups *ret)
{
	struct groups g = { .a = a };
	struct reader r = { .g = &g, .p = p };
	struct place top = { root->line, root->column };
	open_group(&r, "all", top);
	if (a->failed)
		return -(int)ERR_MEMORY;
	for (size_t i = 0; i < root->n && !r.too_many; i++) {
		const struct ynode *key = root->pairs[i].key;
		bool is_part = false;
		for (size_t k = 0; k < COUNT(group_keys); k++)
			is_part = is_part || strcmp(key->text, group_keys[k]) == 0;
		if (is_part) {
			problem_at(p, place_of(key),
				   "'%s:' stands below a group: the file begins with "
				   "'k3s_cluster:', and '%s:' is indented below it",
				   key->text, key->text);
			continue;
		}
		size_t group = open_group(&r, key->text, place_of(key));
		if (g.n)
			read_group(&r, group, root->pairs[i].value);
	}
	if (r.too_many)
		return -(int)ERR_CONFIG;
	int rc = finish(&r);
	if (rc == 0)
		*ret = g;
	return rc;
}

static void mark_down(const struct groups *g, size_t i, bool *seen)
{
	if (seen[i])
		return;
	seen[i] = true;
	for (size_t c = 0; c < g->v[i].nchildren; c++)
		mark_down(g, g->v[i].children[c], seen);
}

void groups_members(const struct groups *g, const struct igroup *group, size_t **v, size_t *n)
{
	bool *seen = arena_alloc(g->a, g->n * sizeof(*seen));
	bool *in = arena_alloc(g->a, g->nhosts * sizeof(*in) + 1);
	if (!seen || !in)
		return;
	mark_down(g, (size_t)(group - g->v), seen);
	for (size_t i = 0; i < g->n; i++)
		for (size_t h = 0; seen[i] && h < g->v[i].nhosts; h++)
			in[g->v[i].hosts[h]] = true;
	for (size_t h = 0; h < g->nhosts; h++) {
		if (!in[h] && !(group == g->v))
			continue;
		size_t *one = arena_push(g->a, v, n, sizeof(**v));
		if (one)
			*one = h;
	}
}

const struct ynode *groups_lookup(const struct ynode *const *v, size_t n, const char *key,
				  const struct ynode **ret_key)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v[i]->n; k++) {
			if (strcmp(v[i]->pairs[k].key->text, key) != 0)
				continue;
			if (ret_key)
				*ret_key = v[i]->pairs[k].key;
			return v[i]->pairs[k].value;
		}
	return NULL;
}
