/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/provision.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/engine/plan.h"

/* Both the events and the log of commands go through one lock: a watcher is never called twice at
 * once, whatever thread it is. */
struct door {
	const struct watcher *watcher;
	pthread_mutex_t mutex;
	const struct run_options *o;
	const struct vault *vault;
};

static void door_event(void *ctx, const struct event *ev)
{
	struct door *d = ctx;
	pthread_mutex_lock(&d->mutex);
	d->watcher->event(d->watcher->ctx, ev);
	pthread_mutex_unlock(&d->mutex);
}

static void door_ran(void *ctx, const char *host, const struct cmd *cmd, const struct answer *a,
		     const struct err *e)
{
	struct door *d = ctx;
	pthread_mutex_lock(&d->mutex);
	d->watcher->ran(d->watcher->ctx, host, cmd, a, e);
	pthread_mutex_unlock(&d->mutex);
}

/* The secret that a reference names; NULL when it names none. */
static int find_secret(const struct vault *vault, const struct host *host, const char *key,
		       struct secret_ref ref, const struct secret **ret, struct err *e)
{
	*ret = NULL;
	if (!ref.entry)
		return 0;
	*ret = vault ? vault_get(vault, ref.entry) : NULL;
	if (!*ret)
		return err_set(e, ERR_CONFIG,
			       "host '%s': %s is in the vault's entry '%s', which is not there; "
			       "add it with 'powerstack vault set %s'",
			       host->name, key, ref.entry, ref.entry);
	return 0;
}

static int door_open(void *ctx, const struct host *host, struct session **ret, struct err *e)
{
	struct door *d = ctx;
	struct ssh_target t = {
		.name = host->name,
		.address = host->address,
		.port = host->port,
		.user = host->user,
		.key_file = host->key_file,
		.known_hosts = host->known_hosts_file,
		.jump = host->jump,
	};
	int rc = find_secret(d->vault, host, "ansible_password", host->ssh_password, &t.password, e);
	if (rc == 0)
		rc = find_secret(d->vault, host, "ansible_become_password", host->become_password,
				 &t.sudo_password, e);
	if (rc < 0)
		return rc;
	struct ssh_policy policy = {
		.accept_new_host_keys = d->o->accept_new_host_keys,
		.config_file = d->o->ssh_config,
		.cancel = d->o->cancel,
		.ran = d->watcher && d->watcher->ran ? door_ran : NULL,
		.ran_ctx = d,
	};
	return ssh_open(&t, &policy, ret, e);
}

/* The options as the engine gets them: own tables, own way to open, a watcher behind the lock. */
struct inside {
	struct door door;
	struct watcher watcher;
	struct run_options o;
};

static void inside_begin(struct inside *in, const struct vault *vault, const struct run_options *o)
{
	*in = (struct inside){ .o = *o, .door = { .watcher = o->watcher, .o = o, .vault = vault } };
	pthread_mutex_init(&in->door.mutex, NULL);
	in->watcher = (struct watcher){
		.event = o->watcher && o->watcher->event ? door_event : NULL,
		.ctx = &in->door,
	};
	in->o.watcher = &in->watcher;
	if (!o->open) {
		in->o.open = door_open;
		in->o.open_ctx = &in->door;
	}
	if (!o->recipes)
		in->o.recipes = recipes;
	if (!o->checks)
		in->o.checks = checks;
}

static void inside_end(struct inside *in)
{
	pthread_mutex_destroy(&in->door.mutex);
}

int provision_run(enum walk w, const struct inventory *inv, const struct vault *vault,
		  const struct run_options *o, struct report *ret, struct err *e)
{
	struct inside in;
	inside_begin(&in, vault, o);
	int rc = run_walk(w, inv, vault, &in.o, ret, e);
	inside_end(&in);
	return rc;
}

int provision_verify(const struct inventory *inv, const struct vault *vault,
		     const struct run_options *o, struct verify_report *ret, struct err *e)
{
	struct inside in;
	inside_begin(&in, vault, o);
	int rc = run_verify(inv, vault, &in.o, ret, e);
	inside_end(&in);
	return rc;
}

/* Which part needs which entry. A NULL part is needed to talk to the host at all. */
struct need {
	const char *part;
	bool of_host;		/* offset is in struct host, else in struct inventory */
	size_t offset;		/* of the struct secret_ref */
};
static const struct need needs[] = {
	{ NULL, true, offsetof(struct host, ssh_password) },
	{ NULL, true, offsetof(struct host, become_password) },
	{ "exporter", true, offsetof(struct host, bmc_user) },
	{ "exporter", true, offsetof(struct host, bmc_password) },
	{ "k3s", false, offsetof(struct inventory, token) },
	{ "rancher", false, offsetof(struct inventory, bootstrap_password) },
	{ "monitoring", false, offsetof(struct inventory, grafana_admin_password) },
};

/* Named itself, or by the id of one of its checks, or nothing is named. */
static bool part_chosen(const struct run_options *o, const char *part)
{
	if (!o->parts || !o->parts[0])
		return true;
	for (size_t i = 0; o->parts[i]; i++) {
		if (strcmp(o->parts[i], part) == 0)
			return true;
		for (const struct check *const *c = o->checks ? o->checks : checks; *c; c++)
			if (strcmp((*c)->id, o->parts[i]) == 0 && strcmp((*c)->part, part) == 0)
				return true;
	}
	return false;
}

/* A recipe or a check belongs to the part: nobody is asked for the secret of a part that this
 * program does not do. */
static bool part_is_done(const struct run_options *o, const char *part)
{
	for (const struct recipe *const *r = o->recipes ? o->recipes : recipes; *r; r++)
		if (strcmp((*r)->part, part) == 0)
			return true;
	for (const struct check *const *c = o->checks ? o->checks : checks; *c; c++)
		if (strcmp((*c)->part, part) == 0)
			return true;
	return false;
}

static int add_entry(struct strv *entries, const void *base, size_t offset, struct err *e)
{
	const struct secret_ref *ref = (const void *)((const char *)base + offset);
	if (!ref->entry || strv_find(entries, ref->entry) >= 0)
		return 0;
	return strv_push(entries, ref->entry) < 0 ?
		       err_set(e, ERR_MEMORY, "out of memory for the vault's entries") :
		       0;
}

int provision_secrets(const struct inventory *inv, const struct run_options *o,
		      struct strv *ret_entries, struct err *e)
{
	AUTO_FREE const struct host **hosts = NULL;
	size_t nhosts = 0;
	int rc = plan_hosts(inv, o->limit, &hosts, &nhosts, e);
	if (rc < 0)
		return rc;
	AUTO_STRV struct strv entries = { 0 };
	for (size_t i = 0; i < COUNT(needs); i++) {
		const char *part = needs[i].part;
		if (part && !(part_chosen(o, part) && part_is_done(o, part)))
			continue;
		for (size_t h = 0; h < nhosts && rc == 0 && needs[i].of_host; h++)
			rc = add_entry(&entries, hosts[h], needs[i].offset, e);
		if (rc == 0 && !needs[i].of_host)
			rc = add_entry(&entries, inv, needs[i].offset, e);
		if (rc < 0)
			return rc;
	}
	*ret_entries = entries;
	entries = (struct strv){ 0 };
	return 0;
}
