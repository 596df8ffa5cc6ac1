/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "exporter/names/naming.h"
#include "exporter/names/path.h"
#include "exporter/names/tree.h"
#include "exporter/names/work.h"
#include "exporter/source.h"

#define BUCKETS 4096
#define WALK_DIRS_PER_TICK 128
#define HANDLES_PER_TICK 512	/* unknown groups looked at in one tick */
#define CHECKS_PER_TICK 8	/* buckets of groups, and workloads, looked at again in one tick */
#define CHECKS_WHEN_FULL 64	/* buckets, as the last room for groups is taken */
#define CHECKS_AFTER_LOSS 512	/* while notices of removals were lost */
#define WALK_EVERY_NS UINT64_C(1000000000)

/* A control group. */
struct group {
	uint64_t id;
	struct work *work;	/* NULL: not known yet */
	uint64_t since_ns;	/* when it was first asked for */
	uint64_t gone_ns;	/* when it was found to be no more; 0: it is there */
	uint64_t walk;		/* the last walk that met it */
	struct group *next;
};

struct names {
	struct roots roots;
	struct tree *tree;
	struct naming *naming;
	bool kernel_apart;
	uint64_t now_ns, last_serial;
	struct work *rest, *kernel; /* system_processes, kernel_processes */
	struct group *groups[BUCKETS];
	size_t ngroups, npending;
	struct work *works[BUCKETS], *live;
	struct work *check_at;	/* next to be looked at again; NULL: from the beginning */
	size_t bucket_at;
	unsigned handles_left;
	size_t unsure;		/* workloads still to be looked at because notices were lost */
	uint64_t walk, walk_began_ns, walk_ended_ns;
	uint64_t vanished, refused;
};

static size_t group_bucket(uint64_t id)
{
	return (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 52) % BUCKETS;
}

static size_t key_bucket(const char *key)
{
	uint64_t h = UINT64_C(0xCBF29CE484222325); /* FNV-1a */

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001B3);
	return (size_t)(h >> 32) % BUCKETS;
}

/* ---- workloads */

static void work_free(struct work *k)
{
	free(k->key);
	free(k->dir);
	free(k->pod);
	free(k->ns);
	free(k->container);
	free(k);
}

static void unhash(struct names *n, struct work *k)
{
	struct work **at = &n->works[key_bucket(k->key)];

	while (*at && *at != k)
		at = &(*at)->hash_next;
	if (*at)
		*at = k->hash_next;
}

const struct workload *workload_ref(const struct workload *w)
{
	struct work *k = (struct work *)(uintptr_t)w;

	if (k)
		k->refs++;
	return w;
}

void workload_unref(const struct workload *w)
{
	struct work *k = (struct work *)(uintptr_t)w;

	if (!k || --k->refs > 0)
		return;
	if (k->owner)
		unhash(k->owner, k);
	work_free(k);
}

static struct work *find_work(const struct names *n, const char *key)
{
	struct work *k = n->works[key_bucket(key)];

	while (k && strcmp(k->key, key) != 0)
		k = k->hash_next;
	return k;
}

static void link_live(struct names *n, struct work *k)
{
	k->next = n->live;
	k->prev = &n->live;
	if (k->next)
		k->next->prev = &k->next;
	n->live = k;
	k->refs++;
	k->w.gone = false;
}

/* The workload is no more; whoever holds it sees that. */
static void work_gone(struct names *n, struct work *k)
{
	if (k->w.gone)
		return;
	k->w.gone = true;
	*k->prev = k->next;
	if (k->next)
		k->next->prev = k->prev;
	if (n->check_at == k)
		n->check_at = k->next;
	/* The groups hold it too, for a while; they are told by k->w.gone. */
	workload_unref(&k->w);
}

static struct work *new_work(struct names *n, enum workload_kind kind, const char *key, const char *dir,
			     size_t dir_len)
{
	struct work *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->key = strdup(key);
	k->dir = strndup(dir, dir_len);
	if (!k->key || !k->dir) {
		work_free(k);
		return NULL;
	}
	k->owner = n;
	k->watch = -1;
	k->w = (struct workload){ .kind = kind, .serial = ++n->last_serial, .container_id = "", .pod_name = "",
				  .container_name = "", .container_namespace = "", .vm_id = "", .pod_uid = "",
				  .runtime = "", .settled = kind != WORKLOAD_CONTAINER };
	k->born_ns = n->now_ns;
	k->hash_next = n->works[key_bucket(key)];
	n->works[key_bucket(key)] = k;
	return k;
}

/* Watches the directory that holds k's own. */
static void watch(struct names *n, struct work *k)
{
	const char *slash = strrchr(k->dir, '/');
	AUTO_FREE char *above = slash ? strndup(k->dir, (size_t)(slash - k->dir)) : NULL;

	k->watch = above ? tree_watch(n->tree, above) : -1;
}

/* It was started again somewhere else. False: no memory. */
static bool move(struct work *k, const char *dir, size_t len)
{
	char *copy = strndup(dir, len);

	if (!copy)
		return false;
	free(k->dir);
	k->dir = copy;
	return true;
}

/* The workload that a path belongs to, made if new. NULL: no memory. */
static struct work *work_of_path(struct names *n, const char *path, size_t len)
{
	struct path_identity who;
	char key[8 + VM_ID_MAX];

	path_identify(path, len, &who);
	switch (who.kind) {
	case PATH_ROOT:
		/* Only threads of the kernel live in the root of v2; in that of v1's cpu controller
		 * is everybody whom nobody put elsewhere. */
		return tree_is_v2(n->tree) && !n->kernel_apart ? n->kernel : n->rest;
	case PATH_SYSTEM:
		return n->rest;
	case PATH_CONTAINER:
		snprintf(key, sizeof key, "%s", who.id);
		break;
	case PATH_POD:
		snprintf(key, sizeof key, "pod:%s", who.pod_uid);
		break;
	case PATH_VM:
		snprintf(key, sizeof key, "vm:%s", who.vm);
		break;
	}
	struct work *k = find_work(n, key);
	bool same = k && strlen(k->dir) == who.root_len && memcmp(k->dir, path, who.root_len) == 0;

	if (k && !same && !k->w.gone && tree_exists(n->tree, k->dir))
		/* Another place claims to be a container that is somewhere else: it is not believed. */
		return n->rest;
	if (k && !same && !move(k, path, who.root_len))
		return NULL;
	if (k && !k->w.gone) {
		if (!same)
			watch(n, k);
		return k;
	}
	if (!k) {
		k = new_work(n, who.kind == PATH_VM ? WORKLOAD_VM : WORKLOAD_CONTAINER, key, path, who.root_len);
		if (!k)
			return NULL;
		memcpy(k->id, who.id, sizeof k->id);
		memcpy(k->uid, who.pod_uid, sizeof k->uid);
		/* Every workload is told apart by its labels, named or not. */
		k->w.container_id = who.kind == PATH_POD ? k->uid : k->id;
		k->w.pod_uid = k->uid;
		k->w.runtime = who.runtime;
		if (who.kind == PATH_VM)
			k->w.vm_id = k->key + 3;
	}
	link_live(n, k);
	watch(n, k);
	/* It may have gone before the watch was there. */
	if (!tree_exists(n->tree, k->dir)) {
		k->refs++; /* the caller's group is about to hold it */
		work_gone(n, k);
		k->refs--;
	}
	return k;
}

/* ---- groups */

static struct group *find_group(const struct names *n, uint64_t id)
{
	struct group *g = n->groups[group_bucket(id)];

	while (g && g->id != id)
		g = g->next;
	return g;
}

/* g is k's from now on. An id that was another workload's before is used again. */
static void settle(struct names *n, struct group *g, struct work *k)
{
	if (!k)
		return;
	workload_ref(&k->w);
	if (g->work)
		workload_unref(&g->work->w);
	else
		n->npending--;
	g->work = k;
	g->gone_ns = 0;
}

/* It was gone before it could be looked at. */
static void vanish(struct names *n, struct group *g)
{
	n->vanished++;
	settle(n, g, n->rest);
	g->gone_ns = n->now_ns + 1;
}

static bool is_gone(const struct group *g)
{
	return g->gone_ns != 0 || (g->work && g->work->w.gone);
}

/* Looks at an unknown group. */
static void resolve(struct names *n, struct group *g)
{
	char path[TREE_PATH_MAX];
	size_t len = 0;

	if (n->handles_left == 0)
		return;
	n->handles_left--;
	switch (tree_path(n->tree, g->id, path, &len)) {
	case TREE_FOUND:
		settle(n, g, work_of_path(n, path, len));
		break;
	case TREE_GONE:
		if (!g->work)
			vanish(n, g);
		break;
	case TREE_UNKNOWN:
		break;
	}
}

static struct group *add_group(struct names *n, uint64_t id)
{
	struct group *g = n->ngroups < NAMES_GROUPS_MAX ? calloc(1, sizeof *g) : NULL;

	if (!g) {
		n->refused++;
		return NULL;
	}
	g->id = id;
	g->since_ns = n->now_ns;
	g->next = n->groups[group_bucket(id)];
	n->groups[group_bucket(id)] = g;
	n->ngroups++;
	n->npending++;
	return g;
}

const struct workload *names_of(struct names *n, uint64_t cgroup)
{
	if (cgroup == NAMES_KERNEL)
		return &n->kernel->w;
	if (cgroup == 0)
		return &n->rest->w;
	struct group *g = find_group(n, cgroup);

	if (!g)
		g = add_group(n, cgroup);
	if (!g)
		return &n->rest->w;
	/* An id of a group that is gone may have been given to another one. */
	if ((!g->work || is_gone(g)) && tree_has_handles(n->tree))
		resolve(n, g);
	return g->work ? &g->work->w : NULL;
}

void names_made(struct names *n, uint64_t cgroup, const char *path, size_t len)
{
	struct group *g = find_group(n, cgroup);

	if (!g)
		g = add_group(n, cgroup);
	if (g)
		settle(n, g, work_of_path(n, path, len));
}

uint64_t names_group(const struct names *n, uint32_t pid)
{
	char file[300], path[TREE_PATH_MAX];
	AUTO_BUF struct buf text;
	struct err none = { 0 };
	size_t len = 0;

	buf_init(&text, 65536);
	snprintf(file, sizeof file, "%s/%" PRIu32 "/cgroup", n->roots.procfs, pid);
	if (file_read(file, &text, NULL, &none) < 0)
		return 0;
	const char *at = path_charged(buf_str(&text), &len);

	/* One outside of what this process may see of the hierarchy is shown with dots. */
	if (!at || len >= sizeof path || strncmp(at, "/..", 3) == 0)
		return 0;
	memcpy(path, at, len);
	path[len] = '\0';
	return tree_id(n->tree, path);
}

void names_removed(struct names *n, uint64_t cgroup)
{
	struct group *g = find_group(n, cgroup);

	if (!g)
		return;
	if (g->gone_ns == 0)
		g->gone_ns = n->now_ns + 1;
	if (g->work && g->work->prev && !tree_exists(n->tree, g->work->dir))
		work_gone(n, g->work);
}

/* ---- time passes */

static void on_removed(void *arg, int watch, const char *name)
{
	struct names *n = arg;

	for (struct work *k = n->live, *next; k; k = next) {
		next = k->next;
		if (k->watch != watch)
			continue;
		const char *slash = strrchr(k->dir, '/');

		if (slash && strcmp(slash + 1, name) == 0 && !tree_exists(n->tree, k->dir))
			work_gone(n, k);
	}
}

/* Notices are what tells of removals at once; what they missed is found by looking, in turns. */
static void check_works(struct names *n)
{
	size_t looks = n->unsure > 0 ? CHECKS_AFTER_LOSS : CHECKS_PER_TICK;

	n->unsure -= n->unsure < looks ? n->unsure : looks;
	for (; looks > 0; looks--) {
		struct work *k = n->check_at ? n->check_at : n->live;

		if (!k)
			return;
		n->check_at = k->next;
		if (!tree_exists(n->tree, k->dir))
			work_gone(n, k);
		if (!n->check_at)
			return;
	}
}

static bool group_is_gone(struct names *n, const struct group *g)
{
	char path[TREE_PATH_MAX];
	size_t len = 0;

	if (!g->work)
		return false;
	if (g->work->w.gone)
		return true;
	if (tree_has_handles(n->tree))
		return tree_path(n->tree, g->id, path, &len) == TREE_GONE;
	/* Without handles: what a whole walk, begun after it was known, did not meet. */
	return !tree_walking(n->tree) && g->walk < n->walk && g->since_ns < n->walk_began_ns;
}

static void check_groups(struct names *n)
{
	size_t looks = CHECKS_PER_TICK + (CHECKS_WHEN_FULL - CHECKS_PER_TICK) * n->ngroups / NAMES_GROUPS_MAX;

	for (size_t i = 0; i < looks; i++) {
		struct group **at = &n->groups[n->bucket_at];

		n->bucket_at = (n->bucket_at + 1) % BUCKETS;
		while (*at) {
			struct group *g = *at;

			if (g->gone_ns == 0 && group_is_gone(n, g))
				g->gone_ns = n->now_ns + 1;
			else if (g->gone_ns != 0 && g->work && n->now_ns > g->gone_ns + GONE_KEPT_NS) {
				*at = g->next;
				workload_unref(&g->work->w);
				free(g);
				n->ngroups--;
				continue;
			}
			at = &g->next;
		}
	}
}

static void on_found(void *arg, uint64_t id, const char *path, size_t len)
{
	struct names *n = arg;
	struct group *g = find_group(n, id);

	if (!g)
		return;
	g->walk = n->walk;
	if (!g->work || is_gone(g))
		settle(n, g, work_of_path(n, path, len));
}

/* What a whole walk, begun after it was asked for, did not meet is no more. */
static void give_up_vanished(struct names *n)
{
	for (size_t b = 0; b < BUCKETS && n->npending > 0; b++) {
		for (struct group *g = n->groups[b]; g; g = g->next) {
			if (!g->work && g->since_ns < n->walk_began_ns)
				vanish(n, g);
		}
	}
}

static void walk(struct names *n)
{
	bool due = n->npending > 0 || n->ngroups > NAMES_GROUPS_MAX / 4 * 3;

	if (tree_has_handles(n->tree))
		return;
	if (!tree_walking(n->tree)) {
		if (!due || (n->walk > 0 && n->now_ns < n->walk_ended_ns + WALK_EVERY_NS / 2))
			return;
		n->walk++;
		n->walk_began_ns = n->now_ns;
	}
	if (tree_walk(n->tree, WALK_DIRS_PER_TICK, on_found, n)) {
		n->walk_ended_ns = n->now_ns;
		give_up_vanished(n);
	}
}

void names_tick(struct names *n, uint64_t now_ns)
{
	n->now_ns = now_ns;
	n->handles_left = HANDLES_PER_TICK;
	if (!tree_removed(n->tree, on_removed, n))
		for (struct work *k = n->live; k; k = k->next)
			n->unsure++;
	check_works(n);
	check_groups(n);
	walk(n);
	naming_tick(n->naming, n->live, now_ns);
}

/* ---- life */

static struct work *pseudo(struct names *n, enum workload_kind kind, const char *name, const char *ns)
{
	struct work *k = new_work(n, kind, name, "", 0);

	if (!k)
		return NULL;
	k->w.container_id = k->w.pod_name = k->w.container_name = k->key;
	k->w.container_namespace = ns;
	k->refs = 1;
	return k;
}

int names_new(const struct roots *roots, bool kernel_apart, struct names **ret, struct err *e)
{
	struct names *n = calloc(1, sizeof *n);

	if (!n)
		return err_set(e, ERR_MEMORY, "no memory for the names of workloads");
	n->roots = *roots;
	n->kernel_apart = kernel_apart;
	int rc = tree_new(roots->sysfs, &n->tree, e);

	rc = rc < 0 ? rc : naming_new(&n->roots, &n->naming, e);
	if (rc == 0) {
		n->rest = pseudo(n, WORKLOAD_SYSTEM, "system_processes", "system");
		n->kernel = pseudo(n, WORKLOAD_KERNEL, "kernel_processes", "kernel");
		if (!n->rest || !n->kernel)
			rc = err_set(e, ERR_MEMORY, "no memory for the names of workloads");
	}
	if (rc < 0) {
		names_free(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t b = 0; b < BUCKETS; b++) {
		for (struct group *g = n->groups[b], *next; g; g = next) {
			next = g->next;
			if (g->work)
				workload_unref(&g->work->w);
			free(g);
		}
	}
	while (n->live)
		work_gone(n, n->live);
	if (n->rest)
		workload_unref(&n->rest->w);
	if (n->kernel)
		workload_unref(&n->kernel->w);
	/* What others still hold lives on its own. */
	for (size_t b = 0; b < BUCKETS; b++) {
		for (struct work *k = n->works[b]; k; k = k->hash_next)
			k->owner = NULL;
	}
	naming_free(n->naming);
	tree_free(n->tree);
	free(n);
}

void names_reload(struct names *n, const struct config *config)
{
	n->roots.config = config;
	naming_reload(n->naming);
}

void names_stats(const struct names *n, struct names_stats *ret)
{
	struct names_stats s = { .vanished = n->vanished,
				 .refused = n->refused,
				 .walking = !tree_has_handles(n->tree),
				 .kubelet_why = "" };

	for (size_t b = 0; b < BUCKETS; b++) {
		for (const struct group *g = n->groups[b]; g; g = g->next)
			s.groups += g->gone_ns == 0;
	}
	for (const struct work *k = n->live; k; k = k->next) {
		s.vms += k->w.kind == WORKLOAD_VM;
		s.containers += k->w.kind == WORKLOAD_CONTAINER;
		s.unnamed += k->w.kind == WORKLOAD_CONTAINER && k->w.pod_name[0] == '\0';
	}
	struct kubelet_state state = { .why = "" };

	s.kubelet_wanted = naming_kubelet(n->naming, &state, &s.kubelet_pods, &s.kubelet_containers);
	s.kubelet_asking = state.asking;
	s.kubelet_up = state.up;
	s.kubelet_ok_ns = state.ok_ns;
	s.kubelet_polls = state.polls;
	s.kubelet_errors = state.errors;
	s.kubelet_why = state.why;
	*ret = s;
}
