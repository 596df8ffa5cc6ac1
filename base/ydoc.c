/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ydoc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"

#define DEPTH_MAX 64
#define NODES_MAX 200000

struct block {
	struct block *next;
	struct ynode node;
};

struct anchor {
	struct anchor *next;
	char *name;
	struct ynode *node;		/* NULL while still open: an alias to it would be recursive */
};

struct reader {
	yaml_parser_t parser;
	const char *name;
	struct block *blocks;
	struct anchor *anchors;
	size_t nodes;
	struct err *e;
};

static int bad(struct reader *r, const yaml_mark_t *at, const char *what)
{
	return err_set(r->e, ERR_CONFIG, "%s:%zu:%zu: %s", r->name, at->line + 1, at->column + 1,
		       what);
}

static int next(struct reader *r, yaml_event_t *ev)
{
	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	const yaml_parser_t *p = &r->parser;
	const char *what = p->problem ? p->problem : "cannot be read as YAML";
	if (p->error == YAML_READER_ERROR)
		return err_set(r->e, ERR_CONFIG, "%s: byte %zu: %s", r->name, p->problem_offset, what);
	if (p->context)
		return err_set(r->e, ERR_CONFIG, "%s:%zu:%zu: %s (%s)", r->name,
			       p->problem_mark.line + 1, p->problem_mark.column + 1, what, p->context);
	return bad(r, &p->problem_mark, what);
}

static struct ynode *new_node(struct reader *r, enum ykind kind, const yaml_mark_t *at)
{
	struct block *b = calloc(1, sizeof(*b));
	if (!b || ++r->nodes > NODES_MAX) {
		free(b);
		err_set(r->e, ERR_CONFIG, "%s:%zu:%zu: too many values in one file", r->name,
			at->line + 1, at->column + 1);
		return NULL;
	}
	b->next = r->blocks;
	r->blocks = b;
	b->node.kind = kind;
	b->node.line = (unsigned)at->line + 1;
	b->node.column = (unsigned)at->column + 1;
	return &b->node;
}

static int push(void *array, size_t n, size_t size)
{
	void **v = array;
	if (n & (n - 1))
		return 0;
	void *p = realloc(*v, (n ? n * 2 : 1) * size);
	if (!p)
		return -(int)ERR_MEMORY;
	*v = p;
	return 0;
}

static struct anchor *anchor_open(struct reader *r, const yaml_char_t *name)
{
	struct anchor *a = calloc(1, sizeof(*a));
	if (!a || !(a->name = strdup((const char *)name))) {
		free(a);
		return NULL;
	}
	a->next = r->anchors;
	r->anchors = a;
	return a;
}

static int read_node(struct reader *r, yaml_event_t *ev, int depth, struct ynode **ret);

static int twice(struct reader *r, const struct ynode *first, const struct ynode *again)
{
	return err_set(r->e, ERR_CONFIG, "%s:%u:%u: '%s' is set twice (first on line %u); keep one", r->name,
		       again->line, again->column, again->text, first->line);
}

/* By name, then in the file's order. */
static int by_key(const void *a, const void *b)
{
	const struct ynode *x = *(struct ynode *const *)a, *y = *(struct ynode *const *)b;
	int c = strcmp(x->text, y->text);
	if (c)
		return c;
	return x->line != y->line ? (x->line < y->line ? -1 : 1) : (x->column < y->column ? -1 : x->column > y->column);
}

#define SCAN_MAX 64		/* keys that are compared one by one as they come; more are sorted */

static int check_many(struct reader *r, const struct ynode *map)
{
	const struct ynode **keys = malloc(map->n * sizeof(*keys));
	if (!keys)
		return err_set(r->e, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < map->n; i++)
		keys[i] = map->pairs[i].key;
	qsort(keys, map->n, sizeof(*keys), by_key);
	int rc = 0;
	for (size_t i = 1; rc == 0 && i < map->n; i++)
		if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
			rc = twice(r, keys[i - 1], keys[i]);
	free(keys);
	return rc;
}

static int read_map(struct reader *r, struct ynode *map, int depth)
{
	for (;;) {
		yaml_event_t ev;
		int rc = next(r, &ev);
		if (rc < 0)
			return rc;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return map->n > SCAN_MAX ? check_many(r, map) : 0;
		}
		yaml_mark_t at = ev.start_mark;
		struct ynode *key = NULL, *value = NULL;
		rc = read_node(r, &ev, depth, &key);
		if (rc < 0)
			return rc;
		if (key->kind != YDOC_SCALAR)
			return bad(r, &at, "a key must be a plain word");
		for (size_t i = 0; i < map->n && map->n <= SCAN_MAX; i++)
			if (strcmp(map->pairs[i].key->text, key->text) == 0)
				return twice(r, map->pairs[i].key, key);
		rc = next(r, &ev);
		if (rc < 0)
			return rc;
		rc = read_node(r, &ev, depth, &value);
		if (rc < 0)
			return rc;
		if (push(&map->pairs, map->n, sizeof(*map->pairs)) < 0)
			return err_set(r->e, ERR_MEMORY, "out of memory");
		map->pairs[map->n++] = (struct ypair){ key, value };
	}
}

static int read_seq(struct reader *r, struct ynode *seq, int depth)
{
	for (;;) {
		yaml_event_t ev;
		int rc = next(r, &ev);
		if (rc < 0)
			return rc;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		struct ynode *item = NULL;
		rc = read_node(r, &ev, depth, &item);
		if (rc < 0)
			return rc;
		if (push(&seq->items, seq->n, sizeof(*seq->items)) < 0)
			return err_set(r->e, ERR_MEMORY, "out of memory");
		seq->items[seq->n++] = item;
	}
}

static int read_scalar(struct reader *r, const yaml_event_t *ev, struct ynode *n)
{
	n->len = ev->data.scalar.length;
	if (memchr(ev->data.scalar.value, 0, n->len))
		return bad(r, &ev->start_mark, "a zero byte in a value");
	n->text = strdup((const char *)ev->data.scalar.value);
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return n->text ? 0 : err_set(r->e, ERR_MEMORY, "out of memory");
}

static int read_alias(struct reader *r, const yaml_event_t *ev, struct ynode **ret)
{
	for (struct anchor *a = r->anchors; a; a = a->next) {
		if (strcmp(a->name, (const char *)ev->data.alias.anchor) != 0)
			continue;
		if (!a->node)
			return bad(r, &ev->start_mark, "an alias inside its own anchor");
		*ret = a->node;
		return 0;
	}
	return bad(r, &ev->start_mark, "an alias to an anchor that is not there");
}

/* Takes over ev. */
static int read_node(struct reader *r, yaml_event_t *ev, int depth, struct ynode **ret)
{
	int rc = 0;
	struct ynode *n = NULL;
	struct anchor *a = NULL;
	const yaml_char_t *anchor = NULL, *tag = NULL;
	yaml_event_type_t type = ev->type;

	if (depth > DEPTH_MAX) {
		rc = bad(r, &ev->start_mark, "nested too deeply");
		goto out;
	}
	if (type == YAML_ALIAS_EVENT) {
		rc = read_alias(r, ev, &n);
		goto out;
	}
	if (type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		n = new_node(r, YDOC_SCALAR, &ev->start_mark);
	} else if (type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		n = new_node(r, YDOC_MAP, &ev->start_mark);
	} else if (type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		n = new_node(r, YDOC_SEQ, &ev->start_mark);
	} else {
		rc = bad(r, &ev->start_mark, "a value is missing");
		goto out;
	}
	if (!n) {
		rc = -(int)ERR_CONFIG;
		goto out;
	}
	if ((tag && !(n->tag = strdup((const char *)tag))) ||
	    (anchor && !(a = anchor_open(r, anchor)))) {
		rc = err_set(r->e, ERR_MEMORY, "out of memory");
		goto out;
	}
	if (type == YAML_SCALAR_EVENT)
		rc = read_scalar(r, ev, n);
	else if (type == YAML_MAPPING_START_EVENT)
		rc = read_map(r, n, depth + 1);
	else
		rc = read_seq(r, n, depth + 1);
	if (rc == 0 && a)
		a->node = n;
out:
	yaml_event_delete(ev);
	if (rc == 0)
		*ret = n;
	return rc;
}

static int read_stream(struct reader *r, struct ynode **ret)
{
	struct ynode *root = NULL;
	for (bool seen = false;;) {
		yaml_event_t ev;
		int rc = next(r, &ev);
		if (rc < 0)
			return rc;
		yaml_event_type_t type = ev.type;
		yaml_mark_t at = ev.start_mark;
		if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
		    type == YAML_DOCUMENT_START_EVENT || type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&ev);
			if (type == YAML_STREAM_END_EVENT)
				break;
			if (type == YAML_DOCUMENT_START_EVENT && seen)
				return bad(r, &at, "a second document; put everything into one");
			seen = seen || type == YAML_DOCUMENT_START_EVENT;
			continue;
		}
		rc = read_node(r, &ev, 0, &root);
		if (rc < 0)
			return rc;
	}
	*ret = root;
	return 0;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next_block = b->next;
		free(b->node.text);
		free(b->node.tag);
		free(b->node.pairs);
		free(b->node.items);
		free(b);
		b = next_block;
	}
}

int ydoc_parse(const char *name, const void *bytes, size_t len, struct ydoc *ret,
	       struct err *e)
{
	struct reader r = { .name = name, .e = e };
	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ERR_MEMORY, "out of memory");
	yaml_parser_set_input_string(&r.parser, bytes, len);
	struct ynode *root = NULL;
	int rc = read_stream(&r, &root);
	yaml_parser_delete(&r.parser);
	while (r.anchors) {
		struct anchor *a = r.anchors;
		r.anchors = a->next;
		free(a->name);
		free(a);
	}
	if (rc < 0) {
		free_blocks(r.blocks);
		return rc;
	}
	if (root && ydoc_is_null(root))
		root = NULL;
	*ret = (struct ydoc){ root, r.blocks };
	return 0;
}

void ydoc_free(struct ydoc *doc)
{
	free_blocks(doc->owned);
	*doc = (struct ydoc){ 0 };
}

const struct ynode *ydoc_get(const struct ynode *map, const char *key)
{
	if (!map || map->kind != YDOC_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->pairs[i].key->text, key) == 0)
			return map->pairs[i].value;
	return NULL;
}

bool ydoc_is_null(const struct ynode *n)
{
	return n->kind == YDOC_SCALAR && !n->quoted &&
	       (n->len == 0 || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}
