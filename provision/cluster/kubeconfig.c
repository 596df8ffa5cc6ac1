/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ydoc.h"

#define TEXT_MAX (4u << 20)
#define LOCK_WAIT_MS 10000
#define LOCK_TEXT "powerstack\n"
#define MARK "powerstack"

/* The three lists of entries with a name, and what an item holds beside it. */
static const struct {
	const char *list, *key;
} lists[] = { { "clusters", "cluster" }, { "contexts", "context" }, { "users", "user" } };

/* ---- looking */

static const char *scalar(const struct ynode *map, const char *key)
{
	const struct ynode *n = ydoc_get(map, key);
	return n && n->kind == YDOC_SCALAR && !ydoc_is_null(n) ? n->text : "";
}

static bool is_named(const struct ynode *item, const char *name)
{
	const struct ynode *n = ydoc_get(item, "name");
	return n && n->kind == YDOC_SCALAR && strcmp(n->text, name) == 0;
}

static const struct ynode *entry(const struct ynode *root, size_t list, const char *name)
{
	const struct ynode *items = ydoc_get(root, lists[list].list);
	for (size_t i = 0; items && items->kind == YDOC_SEQ && i < items->n; i++)
		if (is_named(items->items[i], name))
			return ydoc_get(items->items[i], lists[list].key);
	return NULL;
}

/* Our extension of an entry; NULL when it is not ours. */
static const struct ynode *mark_of(const struct ynode *of)
{
	const struct ynode *list = ydoc_get(of, "extensions");
	for (size_t i = 0; list && list->kind == YDOC_SEQ && i < list->n; i++)
		if (is_named(list->items[i], MARK))
			return list->items[i];
	return NULL;
}

#define DIGEST_BYTES 32
typedef char digest_text[2 * DIGEST_BYTES + 1];

/* BLAKE2b of what was entered, each text with its NUL. It tells nothing of the key that is among it. */
static void digest(const char *source, const char *server, const char *ca, const char *cert, const char *key,
		   digest_text ret)
{
	const char *const texts[] = { source, server, ca, cert, key };
	unsigned char hash[DIGEST_BYTES];
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < COUNT(texts); i++)
		crypto_generichash_update(&state, (const unsigned char *)texts[i], strlen(texts[i]) + 1);
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2hex(ret, sizeof(digest_text), hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state));
}

static int wrong(const char *path, const struct ynode *n, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s:%u:%u: %s; it was left alone", path, n->line, n->column, what);
}

/* A kubeconfig, or nothing at all. */
static int parse(const char *path, const struct buf *text, struct ydoc *ret, struct err *e)
{
	int rc = ydoc_parse(path, buf_str(text), text->len, ret, e);
	if (rc < 0 || !ret->root || ydoc_is_null(ret->root))
		return rc;
	if (ret->root->kind != YDOC_MAP)
		rc = wrong(path, ret->root, "this is no kubeconfig", e);
	for (size_t i = 0; rc == 0 && i < COUNT(lists); i++) {
		const struct ynode *n = ydoc_get(ret->root, lists[i].list);
		if (n && n->kind != YDOC_SEQ && !ydoc_is_null(n))
			rc = wrong(path, n, "this is no list of named entries", e);
	}
	if (rc < 0)
		ydoc_free(ret);
	return rc;
}

static bool same(const char *is, const char *wanted)
{
	return strcmp(is, wanted) == 0;
}

static bool is_as_entered(const struct kubeconfig_entry *n, const struct ynode *mark,
			  const struct ynode *cluster, const struct ynode *user)
{
	const char *ca = scalar(cluster, "certificate-authority-data");
	const char *cert = scalar(user, "client-certificate-data"), *key = scalar(user, "client-key-data");
	digest_text wanted;
	if (n->ca && !(same(ca, n->ca) && same(cert, n->cert) && same(key, n->key)))
		return false;
	digest(n->source, n->server, ca, cert, key, wanted);
	return same(scalar(ydoc_get(mark, "extension"), "digest"), wanted);
}

int kubeconfig_look(const char *path, const struct buf *text, const struct kubeconfig_entry *n,
		    enum kubeconfig_state *ret, struct err *e)
{
	struct ydoc doc = { 0 };
	int rc = parse(path, text, &doc, e);
	if (rc < 0)
		return rc;
	const struct ynode *cluster = entry(doc.root, 0, n->name);
	const struct ynode *context = entry(doc.root, 1, n->name);
	const struct ynode *user = entry(doc.root, 2, n->name);
	const struct ynode *mark = mark_of(context);
	if (!cluster && !context && !user)
		*ret = KUBECONFIG_ABSENT;
	else if ((cluster && !mark_of(cluster)) || (context && !mark) || (user && !mark_of(user)))
		*ret = KUBECONFIG_FOREIGN;
	else if (!n->source)
		*ret = KUBECONFIG_DRIFTED;
	else if (mark && same(scalar(context, "cluster"), n->name) && same(scalar(context, "user"), n->name) &&
		 same(scalar(cluster, "server"), n->server) && is_as_entered(n, mark, cluster, user))
		*ret = KUBECONFIG_PRESENT;
	else
		*ret = KUBECONFIG_DRIFTED;
	ydoc_free(&doc);
	return 0;
}

static int take_data(const struct ynode *map, const char *key, struct buf *ret, struct err *e)
{
	const char *data = scalar(map, key);
	buf_init_secret(ret, TEXT_MAX);
	if (!*data)
		return err_set(e, ERR_FAILED, "K3s' kubeconfig has no %s", key);
	return buf_adds(ret, data) < 0 ? err_set(e, ERR_MEMORY, "out of memory") : 0;
}

int kubeconfig_read_source(const void *bytes, size_t len, struct kubeconfig_source *ret,
			   struct err *e)
{
	struct ydoc doc = { 0 };
	struct kubeconfig_source s = { 0 };
	int rc = ydoc_parse("k3s.yaml", bytes, len, &doc, e);
	if (rc < 0)
		return rc;
	const struct ynode *cluster = entry(doc.root, 0, "default"), *user = entry(doc.root, 2, "default");
	rc = take_data(cluster, "certificate-authority-data", &s.ca, e);
	if (rc == 0)
		rc = take_data(user, "client-certificate-data", &s.cert, e);
	if (rc == 0)
		rc = take_data(user, "client-key-data", &s.key, e);
	ydoc_free(&doc);
	if (rc < 0)
		kubeconfig_source_clear(&s);
	else
		*ret = s;
	return rc;
}

void kubeconfig_source_clear(struct kubeconfig_source *s)
{
	buf_clear(&s->ca);
	buf_clear(&s->cert);
	buf_clear(&s->key);
}

/* ---- changing: the events of the old text, with ours among them, are emitted again */

struct events {
	yaml_event_t *v;
	size_t n, room;
	bool failed;
};

static void events_clear(struct events *ev)
{
	for (size_t i = 0; i < ev->n; i++)
		yaml_event_delete(&ev->v[i]);
	free(ev->v);
}
#define AUTO_EVENTS __attribute__((cleanup(events_clear)))

/* Takes *event, which is empty afterwards. */
static void push(struct events *ev, yaml_event_t *event)
{
	if (ev->n == ev->room && !ev->failed) {
		size_t room = ev->room ? 2 * ev->room : 256;
		yaml_event_t *v = reallocarray(ev->v, room, sizeof(*v));
		if (v) {
			ev->v = v;
			ev->room = room;
		} else {
			ev->failed = true;
		}
	}
	if (ev->failed) {
		yaml_event_delete(event);
		return;
	}
	ev->v[ev->n++] = *event;
	memset(event, 0, sizeof(*event));
}

static void push_made(struct events *ev, yaml_event_t *event, int made)
{
	ev->failed = ev->failed || !made;
	if (made)
		push(ev, event);
}

static void push_scalar(struct events *ev, const char *text)
{
	yaml_event_t event;
	push_made(ev, &event,
		  yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1,
					       1, YAML_ANY_SCALAR_STYLE));
}

static void push_map(struct events *ev)
{
	yaml_event_t event;
	push_made(ev, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_ANY_MAPPING_STYLE));
}

static void push_map_end(struct events *ev)
{
	yaml_event_t event;
	push_made(ev, &event, yaml_mapping_end_event_initialize(&event));
}

static void push_list(struct events *ev)
{
	yaml_event_t event;
	push_made(ev, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_ANY_SEQUENCE_STYLE));
}

static void push_list_end(struct events *ev)
{
	yaml_event_t event;
	push_made(ev, &event, yaml_sequence_end_event_initialize(&event));
}

static void push_pair(struct events *ev, const char *key, const char *value)
{
	push_scalar(ev, key);
	push_scalar(ev, value);
}

/* entered NULL: the mark alone. */
static void push_mark(struct events *ev, const char *entered)
{
	push_scalar(ev, "extensions");
	push_list(ev);
	push_map(ev);
	push_scalar(ev, "extension");
	push_map(ev);
	if (entered)
		push_pair(ev, "digest", entered);
	push_pair(ev, "provider", MARK);
	push_map_end(ev);
	push_pair(ev, "name", MARK);
	push_map_end(ev);
	push_list_end(ev);
}

static void push_entry(struct events *ev, size_t list, const struct kubeconfig_entry *n)
{
	push_map(ev);
	push_scalar(ev, lists[list].key);
	push_map(ev);
	if (list == 0) {
		push_pair(ev, "certificate-authority-data", n->ca);
		push_mark(ev, NULL);
		push_pair(ev, "server", n->server);
	} else if (list == 1) {
		digest_text entered;
		digest(n->source, n->server, n->ca, n->cert, n->key, entered);
		push_pair(ev, "cluster", n->name);
		push_mark(ev, entered);
		push_pair(ev, "user", n->name);
	} else {
		push_pair(ev, "client-certificate-data", n->cert);
		push_pair(ev, "client-key-data", n->key);
		push_mark(ev, NULL);
	}
	push_map_end(ev);
	push_pair(ev, "name", n->name);
	push_map_end(ev);
}

static int read_events(const struct buf *text, struct events *ret, struct err *e)
{
	yaml_parser_t p;
	if (!yaml_parser_initialize(&p))
		return err_set(e, ERR_MEMORY, "out of memory");
	yaml_parser_set_input_string(&p, (const unsigned char *)buf_str(text), text->len);
	for (bool end = false; !end && !ret->failed;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&p, &event)) {
			ret->failed = true;
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		/* a text that libyaml does not dare to write plain gets quotes, not the tag "!" */
		if (event.type == YAML_SCALAR_EVENT && event.data.scalar.plain_implicit)
			event.data.scalar.quoted_implicit = 1;
		push(ret, &event);
	}
	yaml_parser_delete(&p);
	return ret->failed ? err_set(e, ERR_MEMORY, "out of memory") : 0;
}

/* The events that stand in *from in the place of a kubeconfig that is not there. */
static void make_new(struct events *ev)
{
	yaml_event_t event;
	push_made(ev, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	push_made(ev, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	push_map(ev);
	push_pair(ev, "apiVersion", "v1");
	push_pair(ev, "kind", "Config");
	push_map_end(ev);
	push_made(ev, &event, yaml_document_end_event_initialize(&event, 1));
	push_made(ev, &event, yaml_stream_end_event_initialize(&event));
}

/* Behind the node that begins at i. */
static size_t skip(const struct events *ev, size_t i)
{
	size_t depth = 0;
	do {
		yaml_event_type_t t = ev->v[i++].type;
		if (t == YAML_MAPPING_START_EVENT || t == YAML_SEQUENCE_START_EVENT)
			depth++;
		else if (t == YAML_MAPPING_END_EVENT || t == YAML_SEQUENCE_END_EVENT)
			depth--;
	} while (depth);
	return i;
}

static bool is_text(const struct events *ev, size_t i, const char *text)
{
	const yaml_event_t *v = &ev->v[i];
	return v->type == YAML_SCALAR_EVENT && strlen(text) == v->data.scalar.length &&
	       memcmp(v->data.scalar.value, text, v->data.scalar.length) == 0;
}

static bool is_item(const struct events *ev, size_t i, const char *name)
{
	if (ev->v[i].type != YAML_MAPPING_START_EVENT)
		return false;
	for (size_t k = i + 1; ev->v[k].type != YAML_MAPPING_END_EVENT; k = skip(ev, skip(ev, k)))
		if (is_text(ev, k, "name") && is_text(ev, skip(ev, k), name))
			return true;
	return false;
}

static void move(struct events *from, size_t i, size_t end, struct events *to)
{
	for (; i < end; i++)
		push(to, &from->v[i]);
}

struct change {
	const char *name;
	const struct kubeconfig_entry *n;	/* NULL: take it out */
	bool had[COUNT(lists)], had_current;
	struct events *to;
};

/* The list that begins at i, ours replaced where it stood, put last, or left out. */
static void change_list(struct change *c, size_t list, struct events *from, size_t i)
{
	bool done = !c->n;
	c->had[list] = true;
	if (from->v[i].type != YAML_SEQUENCE_START_EVENT) {
		/* a null */
		if (done) {
			push(c->to, &from->v[i]);
			return;
		}
		push_list(c->to);
		push_entry(c->to, list, c->n);
		push_list_end(c->to);
		return;
	}
	push(c->to, &from->v[i++]);
	while (from->v[i].type != YAML_SEQUENCE_END_EVENT) {
		size_t next = skip(from, i);
		if (!is_item(from, i, c->name)) {
			move(from, i, next, c->to);
		} else if (!done) {
			push_entry(c->to, list, c->n);
			done = true;
		}
		i = next;
	}
	if (!done)
		push_entry(c->to, list, c->n);
	push(c->to, &from->v[i]);
}

static bool is_no_value(const yaml_event_t *v)
{
	return v->type == YAML_SCALAR_EVENT &&
	       (v->data.scalar.length == 0 || (v->data.scalar.plain_implicit &&
					       strcmp((const char *)v->data.scalar.value, "null") == 0));
}

static void change_pair(struct change *c, struct events *from, size_t key, size_t value)
{
	for (size_t i = 0; i < COUNT(lists); i++) {
		if (!is_text(from, key, lists[i].list))
			continue;
		push(c->to, &from->v[key]);
		change_list(c, i, from, value);
		return;
	}
	if (is_text(from, key, "current-context")) {
		if (!c->n && is_text(from, value, c->name))
			return;
		c->had_current = true;
		if (c->n && is_no_value(&from->v[value])) {
			push(c->to, &from->v[key]);
			push_scalar(c->to, c->name);
			return;
		}
	}
	move(from, key, skip(from, value), c->to);
}

static void change_all(struct change *c, struct events *from)
{
	size_t i = 0;
	while (from->v[i].type != YAML_MAPPING_START_EVENT)
		push(c->to, &from->v[i++]);
	push(c->to, &from->v[i++]);
	while (from->v[i].type != YAML_MAPPING_END_EVENT) {
		size_t value = skip(from, i), next = skip(from, value);
		change_pair(c, from, i, value);
		i = next;
	}
	for (size_t k = 0; c->n && k < COUNT(lists); k++) {
		if (c->had[k])
			continue;
		push_scalar(c->to, lists[k].list);
		push_list(c->to);
		push_entry(c->to, k, c->n);
		push_list_end(c->to);
	}
	if (c->n && !c->had_current)
		push_pair(c->to, "current-context", c->name);
	move(from, i, from->n, c->to);
}

static int write_out(void *ctx, unsigned char *bytes, size_t n)
{
	return buf_add(ctx, bytes, n) == 0;
}

static int emit(struct events *ev, struct buf *ret, struct err *e)
{
	yaml_emitter_t out;
	if (ev->failed || !yaml_emitter_initialize(&out))
		return err_set(e, ERR_MEMORY, "out of memory");
	yaml_emitter_set_output(&out, write_out, ret);
	yaml_emitter_set_unicode(&out, 1);
	yaml_emitter_set_width(&out, -1);
	bool good = true;
	for (size_t i = 0; i < ev->n && good; i++) {
		good = yaml_emitter_emit(&out, &ev->v[i]);
		memset(&ev->v[i], 0, sizeof(ev->v[i]));
	}
	int rc = good ? 0 :
			err_set(e, ret->full ? ERR_MEMORY : ERR_FAILED, "the kubeconfig cannot be written: %s",
				out.problem ? out.problem : "it is too long");
	yaml_emitter_delete(&out);
	return rc;
}

/* ---- the proof that nothing else changes */

/* Without quotes, too, it is a text: no null, truth value or number of YAML 1.1 or 1.2, which would become another thing
 * when it gets quotes or loses them. */
static bool is_plainly_text(const char *s)
{
	static const char *const words[] = { "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(s, words[i]) == 0)
			return false;
	return *s && !strchr("0123456789+-.=<", *s);
}

static bool equal(const struct ynode *a, const struct ynode *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->n != b->n || !a->tag != !b->tag ||
	    (a->tag && strcmp(a->tag, b->tag) != 0))
		return false;
	if (a->kind == YDOC_SCALAR)
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0 &&
		       (a->quoted == b->quoted || is_plainly_text(a->text));
	for (size_t i = 0; i < a->n; i++)
		if (a->kind == YDOC_SEQ ? !equal(a->items[i], b->items[i]) :
					  !equal(a->pairs[i].key, b->pairs[i].key) ||
						  !equal(a->pairs[i].value, b->pairs[i].value))
			return false;
	return true;
}

/* The next item that is not ours, at *i or behind it; NULL at the end. */
static const struct ynode *next_foreign(const struct ynode *list, const char *name, size_t *i)
{
	while (list && list->kind == YDOC_SEQ && *i < list->n) {
		const struct ynode *item = list->items[(*i)++];
		if (!is_named(item, name))
			return item;
	}
	return NULL;
}

static bool is_list(const char *key)
{
	for (size_t i = 0; i < COUNT(lists); i++)
		if (strcmp(key, lists[i].list) == 0)
			return true;
	return false;
}

static bool only_ours_changed(const struct ynode *was, const struct ynode *is, const char *name)
{
	for (size_t k = 0; k < COUNT(lists); k++) {
		const struct ynode *a = ydoc_get(was, lists[k].list), *b = ydoc_get(is, lists[k].list);
		size_t i = 0, j = 0;
		const struct ynode *x, *y;
		do {
			x = next_foreign(a, name, &i);
			y = next_foreign(b, name, &j);
			if (!equal(x, y))
				return false;
		} while (x && y);
	}
	for (size_t i = 0; was && was->kind == YDOC_MAP && i < was->n; i++) {
		const char *key = was->pairs[i].key->text;
		const struct ynode *a = was->pairs[i].value, *b = ydoc_get(is, key);
		if (is_list(key) || equal(a, b))
			continue;
		/* ours may come where nothing was, and go where it was ours */
		bool current = strcmp(key, "current-context") == 0 && a->kind == YDOC_SCALAR;
		bool none = current && (ydoc_is_null(a) || a->len == 0);
		if (!(none && b && strcmp(scalar(is, key), name) == 0) &&
		    !(current && !b && strcmp(a->text, name) == 0))
			return false;
	}
	return true;
}

static int change(const char *path, const struct buf *text, struct change *c, struct buf *ret,
		  struct err *e)
{
	AUTO_EVENTS struct events from = { 0 };
	AUTO_EVENTS struct events to = { 0 };
	AUTO_BUF struct buf made;
	struct ydoc was = { 0 }, is = { 0 };
	buf_init_secret(&made, TEXT_MAX);
	int rc = parse(path, text, &was, e);
	if (rc < 0)
		return rc;
	bool empty = !was.root || ydoc_is_null(was.root);
	if (empty)
		make_new(&from);
	else
		rc = read_events(text, &from, e);
	c->to = &to;
	if (rc == 0 && !from.failed)
		change_all(c, &from);
	to.failed = to.failed || from.failed;
	if (rc == 0)
		rc = emit(&to, &made, e);
	if (rc == 0)
		rc = ydoc_parse(path, buf_str(&made), made.len, &is, e);
	if (rc == 0 && !only_ours_changed(empty ? NULL : was.root, is.root, c->name))
		rc = err_set(e, ERR_FAILED,
			     "'%s' cannot be changed without changing what is not powerstack's: it was left "
			     "alone",
			     path);
	ydoc_free(&was);
	ydoc_free(&is);
	if (rc == 0 && buf_add(ret, buf_str(&made), made.len) < 0)
		rc = err_set(e, ERR_MEMORY, "out of memory");
	return rc;
}

int kubeconfig_merge(const char *path, const struct buf *text, const struct kubeconfig_entry *n,
		     struct buf *ret, struct err *e)
{
	struct change c = { .name = n->name, .n = n };
	return change(path, text, &c, ret, e);
}

int kubeconfig_remove(const char *path, const struct buf *text, const char *name, struct buf *ret,
		      struct err *e)
{
	struct change c = { .name = name };
	return change(path, text, &c, ret, e);
}

/* ---- the file */

struct lock {
	char path[4200];
	int fd;
};

static void unlock(struct lock *l)
{
	if (l->fd < 0)
		return;
	unlink(l->path);
	close(l->fd);
}

/* A lock of a run of ours that was killed: it says that it is ours, and nobody holds the kernel's lock on it, which ends
 * with its process. It is removed while we hold that one, so that it is the file that was looked at. */
static void remove_dead(const char *name)
{
	char text[sizeof(LOCK_TEXT)] = "";
	struct stat held, there;
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, LOCK_TEXT) == 0 &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 && lstat(name, &there) == 0 &&
	    held.st_dev == there.st_dev && held.st_ino == there.st_ino)
		unlink(name);
}

/* client-go's clientcmd: the file exists while the kubeconfig is worked on. Killed before it says whose it is, it
 * stays: a matter of microseconds, and then the message tells. */
static int lock_file(const char *path, struct lock *ret, struct err *e)
{
	snprintf(ret->path, sizeof(ret->path), "%s.lock", path);
	const char *name = ret->path;
	for (unsigned waited = 0;; waited += 50) {
		AUTO_CLOSE int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd >= 0) {
			if (flock(fd, LOCK_EX | LOCK_NB) == 0)
				(void)!write(fd, LOCK_TEXT, sizeof(LOCK_TEXT) - 1);
			ret->fd = take_fd(&fd);
			return 0;
		}
		if (errno != EEXIST)
			return err_set(e, ERR_FAILED, "'%s' cannot be made: %s", name, strerror(errno));
		remove_dead(name);
		if (waited >= LOCK_WAIT_MS)
			return err_set(e, ERR_TIMEOUT,
				       "'%s' is locked by '%s' for more than %u s: remove that file if no kubectl "
				       "is at work",
				       path, name, LOCK_WAIT_MS / 1000);
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
}

static int keep_backup(const char *path, const struct buf *text, struct err *e)
{
	char name[4300];
	snprintf(name, sizeof(name), "%s.powerstack-backup", path);
	if (!text->len || access(name, F_OK) == 0)
		return 0;
	return file_replace(name, 0600, buf_str(text), text->len, e);
}

static int make_folder(const char *path, struct err *e)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	return file_mkdirs(folder, 0755, e);
}

/* n NULL: take name out. */
static int change_file(const char *path, const char *name, const struct kubeconfig_entry *n,
		       bool *ret_changed, struct err *e)
{
	__attribute__((cleanup(unlock))) struct lock lock = { .fd = -1 };
	AUTO_BUF struct buf text;
	AUTO_BUF struct buf made;
	buf_init_secret(&text, TEXT_MAX);
	buf_init_secret(&made, TEXT_MAX);
	int missing = 0;
	int rc = n ? make_folder(path, e) : 0;
	if (rc == 0 && !n && access(path, F_OK) < 0 && errno == ENOENT) {
		*ret_changed = false;
		return 0;
	}
	if (rc == 0)
		rc = lock_file(path, &lock, e);
	if (rc < 0)
		return rc;
	rc = file_read(path, &text, &missing, e);
	if (rc < 0 && !missing)
		return rc;
	const struct kubeconfig_entry only_name = { .name = name };
	enum kubeconfig_state state;
	rc = kubeconfig_look(path, &text, n ? n : &only_name, &state, e);
	if (rc < 0)
		return rc;
	if (n && state == KUBECONFIG_FOREIGN)
		return err_set(e, ERR_REFUSED,
			       "'%s' has an entry '%s' that is not powerstack's: rename or remove it there, or choose "
			       "another cluster_context",
			       path, name);
	if (n ? state == KUBECONFIG_PRESENT : state == KUBECONFIG_ABSENT || state == KUBECONFIG_FOREIGN) {
		*ret_changed = false;
		return 0;
	}
	rc = n ? kubeconfig_merge(path, &text, n, &made, e) : kubeconfig_remove(path, &text, name, &made, e);
	if (rc == 0)
		rc = keep_backup(path, &text, e);
	if (rc == 0)
		rc = file_replace(path, 0600, buf_str(&made), made.len, e);
	if (rc == 0)
		*ret_changed = true;
	return rc;
}

int kubeconfig_put(const char *path, const struct kubeconfig_entry *n, bool *ret_changed,
		   struct err *e)
{
	return change_file(path, n->name, n, ret_changed, e);
}

int kubeconfig_take_out(const char *path, const char *name, bool *ret_changed, struct err *e)
{
	return change_file(path, name, NULL, ret_changed, e);
}
