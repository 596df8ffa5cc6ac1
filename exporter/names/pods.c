/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/pods.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/names/json.h"
#include "exporter/names/path.h"

#define ID_BYTES (CONTAINER_ID_LEN / 2)
#define IDS_OF_ONE 3 /* of one entry: now, and of its two terminated states */

/* Texts are offsets into `text`; 0 is "". */
struct pod {
	uint32_t name, ns;
};

struct container {
	unsigned char id[ID_BYTES];
	uint32_t pod, name;
};

/* A pod's uid, or a static pod's hash. */
struct uid {
	char text[POD_UID_MAX + 1];
	uint32_t pod;
};

struct pods {
	struct pod *pods;
	struct container *containers; /* sorted by id */
	struct uid *uids;	      /* sorted */
	size_t npods, ncontainers, nuids, pods_cap, containers_cap, uids_cap;
	struct buf text;
};

/* Where in the document a level is. */
enum where { SKIP, ROOT, ITEMS, POD, META, ANNOTATIONS, STATUS, STATUSES, ENTRY, STATE, TERMINATED };

struct pods_reader {
	struct json json;
	struct pods *pods;
	enum where at[JSON_DEPTH_MAX + 1];
	unsigned depth;
	char key[64];
	bool list; /* "items" was there */
	/* The pod and the container under way. */
	struct pod pod;
	struct uid uids[3];
	size_t nuids, first_container;
	uint32_t entry_name;
	unsigned char ids[IDS_OF_ONE][ID_BYTES];
	size_t nids;
	size_t bytes;
	struct err *e; /* of the feed under way */
};

/* From where, by which key (NULL: an array's element), to where. */
static const struct {
	enum where from;
	const char *key;
	enum where to;
} ways[] = {
	{ ROOT, "items", ITEMS },
	{ ITEMS, NULL, POD },
	{ POD, "metadata", META },
	{ META, "annotations", ANNOTATIONS },
	{ POD, "status", STATUS },
	{ STATUS, "containerStatuses", STATUSES },
	{ STATUS, "initContainerStatuses", STATUSES },
	{ STATUS, "ephemeralContainerStatuses", STATUSES },
	{ STATUSES, NULL, ENTRY },
	{ ENTRY, "state", STATE },
	{ ENTRY, "lastState", STATE },
	{ STATE, "terminated", TERMINATED },
};

/* Makes room for one more of `size` bytes each. */
static int grow(void *array, size_t *cap, size_t n, size_t size, size_t max, const char *what, struct err *e)
{
	void **v = array;

	if (n < *cap)
		return 0;
	if (n >= max)
		return err_set(e, ERR_FAILED, "more than %zu %s", max, what);
	size_t more = *cap ? *cap * 2 : 64;
	void *bigger = reallocarray(*v, more, size);

	if (!bigger)
		return err_set(e, ERR_MEMORY, "no memory for the list of pods");
	*v = bigger;
	*cap = more;
	return 0;
}

static int keep_text(struct pods *p, const char *text, size_t len, uint32_t *ret, struct err *e)
{
	size_t at = p->text.len;

	/* A NUL inside would end the name early: it is none. */
	if (len == 0 || strlen(text) != len)
		return 0;
	if (buf_add(&p->text, text, len + 1) < 0)
		return err_set(e, ERR_FAILED, "the names of all pods are longer than %u bytes", PODS_TEXT_MAX);
	*ret = (uint32_t)at;
	return 0;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_id(const char *text, unsigned char ret[ID_BYTES])
{
	if (strlen(text) != CONTAINER_ID_LEN)
		return false;
	for (size_t i = 0; i < ID_BYTES; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* "containerd://<id>": what is behind the last "//". */
static void add_id(struct pods_reader *r, const char *text)
{
	const char *id = text;

	for (const char *p = text; (p = strstr(p, "//")) != NULL; p += 2)
		id = p + 2;
	if (r->nids < IDS_OF_ONE && take_id(id, r->ids[r->nids]))
		r->nids++;
}

static void add_uid(struct pods_reader *r, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > POD_UID_MAX || r->nuids == COUNT(r->uids))
		return;
	for (size_t i = 0; i < r->nuids; i++) {
		if (strcmp(r->uids[i].text, text) == 0)
			return;
	}
	memcpy(r->uids[r->nuids++].text, text, len + 1);
}

static int on_string(struct pods_reader *r, const char *text, size_t len)
{
	switch (r->at[r->depth]) {
	case META:
		if (strcmp(r->key, "name") == 0)
			return keep_text(r->pods, text, len, &r->pod.name, r->e);
		if (strcmp(r->key, "namespace") == 0)
			return keep_text(r->pods, text, len, &r->pod.ns, r->e);
		if (strcmp(r->key, "uid") == 0)
			add_uid(r, text);
		return 0;
	case ANNOTATIONS:
		if (strcmp(r->key, "kubernetes.io/config.hash") == 0 ||
		    strcmp(r->key, "kubernetes.io/config.mirror") == 0)
			add_uid(r, text);
		return 0;
	case ENTRY:
		if (strcmp(r->key, "name") == 0)
			return keep_text(r->pods, text, len, &r->entry_name, r->e);
		if (strcmp(r->key, "containerID") == 0)
			add_id(r, text);
		return 0;
	case TERMINATED:
		if (strcmp(r->key, "containerID") == 0)
			add_id(r, text);
		return 0;
	case SKIP:
	case ROOT:
	case ITEMS:
	case POD:
	case STATUS:
	case STATUSES:
	case STATE:
		return 0;
	}
	return 0;
}

static int end_entry(struct pods_reader *r)
{
	struct pods *p = r->pods;

	for (size_t i = 0; i < r->nids && r->entry_name; i++) {
		int rc = grow(&p->containers, &p->containers_cap, p->ncontainers, sizeof *p->containers,
			      POD_CONTAINERS_MAX, "containers", r->e);

		if (rc < 0)
			return rc;
		struct container *c = &p->containers[p->ncontainers++];

		memcpy(c->id, r->ids[i], ID_BYTES);
		c->pod = (uint32_t)p->npods;
		c->name = r->entry_name;
	}
	return 0;
}

static int end_pod(struct pods_reader *r)
{
	struct pods *p = r->pods;

	if (!r->pod.name || !r->pod.ns) {
		/* Nobody's containers. */
		p->ncontainers = r->first_container;
		return 0;
	}
	int rc = grow(&p->pods, &p->pods_cap, p->npods, sizeof *p->pods, PODS_MAX, "pods", r->e);

	for (size_t i = 0; rc == 0 && i < r->nuids; i++) {
		rc = grow(&p->uids, &p->uids_cap, p->nuids, sizeof *p->uids, COUNT(r->uids) * PODS_MAX, "pods",
			  r->e);
		if (rc < 0)
			break;
		p->uids[p->nuids] = r->uids[i];
		p->uids[p->nuids++].pod = (uint32_t)p->npods;
	}
	if (rc == 0)
		p->pods[p->npods++] = r->pod;
	return rc;
}

static void enter(struct pods_reader *r, bool object)
{
	enum where from = r->at[r->depth], to = SKIP;
	bool in_array = from == ITEMS || from == STATUSES;

	if (r->depth == 0)
		to = object ? ROOT : SKIP;
	for (size_t i = 0; i < COUNT(ways); i++) {
		bool array = ways[i].to == ITEMS || ways[i].to == STATUSES;

		if (r->depth > 0 && ways[i].from == from && array != object &&
		    (in_array || (ways[i].key && strcmp(ways[i].key, r->key) == 0)))
			to = ways[i].to;
	}
	r->at[++r->depth] = to;
	r->key[0] = '\0';
	if (to == ITEMS)
		r->list = true;
	if (to == POD) {
		r->pod = (struct pod){ 0, 0 };
		r->nuids = 0;
		r->first_container = r->pods->ncontainers;
	}
	if (to == ENTRY) {
		r->entry_name = 0;
		r->nids = 0;
	}
}

static int on_json(void *arg, enum json_event event, const char *text, size_t len)
{
	struct pods_reader *r = arg;

	switch (event) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		enter(r, event == JSON_OBJECT);
		return 0;
	case JSON_END:
		switch (r->at[r->depth--]) {
		case ENTRY:
			return end_entry(r);
		case POD:
			return end_pod(r);
		case SKIP:
		case ROOT:
		case ITEMS:
		case META:
		case ANNOTATIONS:
		case STATUS:
		case STATUSES:
		case STATE:
		case TERMINATED:
			return 0;
		}
		return 0;
	case JSON_KEY:
		/* A key longer than any of ours is none of them. */
		if (text && len < sizeof r->key && strlen(text) == len)
			memcpy(r->key, text, len + 1);
		else
			r->key[0] = '\0';
		return 0;
	case JSON_STRING:
		return text ? on_string(r, text, len) : 0;
	case JSON_OTHER:
		return 0;
	}
	return 0;
}

int pods_reader_new(struct pods_reader **ret, struct err *e)
{
	struct pods_reader *r = calloc(1, sizeof *r);

	if (r)
		r->pods = calloc(1, sizeof *r->pods);
	if (!r || !r->pods) {
		free(r);
		return err_set(e, ERR_MEMORY, "no memory for the list of pods");
	}
	buf_init(&r->pods->text, PODS_TEXT_MAX);
	json_begin(&r->json, on_json, r);
	if (buf_addc(&r->pods->text, '\0') < 0) {
		pods_reader_free(r);
		return err_set(e, ERR_MEMORY, "no memory for the list of pods");
	}
	*ret = r;
	return 0;
}

void pods_reader_free(struct pods_reader *r)
{
	if (!r)
		return;
	pods_free(r->pods);
	free(r);
}

int pods_reader_feed(struct pods_reader *r, const char *bytes, size_t n, struct err *e)
{
	if (n > PODS_BODY_MAX - r->bytes)
		return err_set(e, ERR_FAILED, "the list of pods is longer than %u bytes", PODS_BODY_MAX);
	r->bytes += n;
	r->e = e;
	int rc = json_feed(&r->json, bytes, n, e);

	r->e = NULL;
	return rc;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct container *)a)->id, ((const struct container *)b)->id, ID_BYTES);
}

static int by_uid(const void *a, const void *b)
{
	return strcmp(((const struct uid *)a)->text, ((const struct uid *)b)->text);
}

int pods_reader_end(struct pods_reader *r, struct pods **ret, struct err *e)
{
	int rc = json_end(&r->json, e);

	if (rc < 0)
		return rc;
	if (!r->list)
		return err_set(e, ERR_FAILED, "no list of pods: it has no 'items'");
	struct pods *p = r->pods;

	if (p->ncontainers > 0)
		qsort(p->containers, p->ncontainers, sizeof *p->containers, by_id);
	if (p->nuids > 0)
		qsort(p->uids, p->nuids, sizeof *p->uids, by_uid);
	*ret = take_ptr(&r->pods);
	return 0;
}

int pods_parse(const char *json, size_t len, struct pods **ret, struct err *e)
{
	struct pods_reader *r = NULL;
	int rc = pods_reader_new(&r, e);

	rc = rc < 0 ? rc : pods_reader_feed(r, json, len, e);
	rc = rc < 0 ? rc : pods_reader_end(r, ret, e);
	pods_reader_free(r);
	return rc;
}

void pods_free(struct pods *p)
{
	if (!p)
		return;
	free(p->pods);
	free(p->containers);
	free(p->uids);
	buf_clear(&p->text);
	free(p);
}

size_t pods_count(const struct pods *p)
{
	return p->npods;
}

size_t pods_containers(const struct pods *p)
{
	return p->ncontainers;
}

static void tell(const struct pods *p, uint32_t pod, uint32_t container, struct pod_name *ret)
{
	*ret = (struct pod_name){ .pod = p->text.data + p->pods[pod].name,
				  .ns = p->text.data + p->pods[pod].ns,
				  .container = container ? p->text.data + container : NULL };
}

int pods_find(const struct pods *p, const char *id, struct pod_name *ret)
{
	struct container want;

	if (!p || p->ncontainers == 0 || !take_id(id, want.id))
		return 0;
	const struct container *c = bsearch(&want, p->containers, p->ncontainers, sizeof want, by_id);

	if (!c)
		return 0;
	tell(p, c->pod, c->name, ret);
	return 1;
}

int pods_find_pod(const struct pods *p, const char *uid, struct pod_name *ret)
{
	struct uid want;
	size_t len = strlen(uid);

	if (!p || p->nuids == 0 || len == 0 || len > POD_UID_MAX)
		return 0;
	memcpy(want.text, uid, len + 1);
	const struct uid *u = bsearch(&want, p->uids, p->nuids, sizeof want, by_uid);

	if (!u)
		return 0;
	tell(p, u->pod, 0, ret);
	return 1;
}
