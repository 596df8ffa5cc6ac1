/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/provision.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/cluster/local.h"
#include "provision/engine/plan.h"
#include "provision/steps/steps.h"

#define CONNECT_S 20	/* for TCP, key exchange and login together */

/* Both the events and the log of commands go through one lock: a watcher is never called twice at
 * once, whatever thread it is. */
struct door {
	const struct watcher *watcher;
	pthread_mutex_t mutex;
	const struct run_options *o;
	const struct vault *vault;
	const struct inventory *inv;
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
static const struct secret *find_secret(const struct vault *vault, struct secret_ref ref)
{
	return vault && ref.entry ? vault_get(vault, ref.entry) : NULL;
}

static int door_open(void *ctx, const struct host *host, struct session **ret, struct err *e)
{
	struct door *d = ctx;
	if (host->roles == ROLE_LOCAL)
		return local_open(d->o->kubeconfig, d->inv->cluster_name, d->o->cancel, ret, e);
	struct ssh_target t = {
		.name = host->name,
		.address = host->address,
		.port = host->port,
		.user = host->user,
		.key_file = host->key_file,
		.known_hosts = host->known_hosts_file,
		.jump = host->jump,
		.password = find_secret(d->vault, host->ssh_password),
		.sudo_password = find_secret(d->vault, host->become_password),
	};
	struct ssh_policy policy = {
		.accept_new_host_keys = d->o->accept_new_host_keys,
		.config_file = d->o->ssh_config,
		/* who gives a command longer than usual has slow nodes, a slow line or a busy machine here */
		.connect_timeout_s = d->o->timeout_s > CONNECT_S ? d->o->timeout_s : CONNECT_S,
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

static void inside_begin(struct inside *in, const struct inventory *inv, const struct vault *vault,
			 const struct run_options *o)
{
	*in = (struct inside){ .o = *o, .door = { o->watcher, .o = &in->o, .vault = vault, .inv = inv } };
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
	if (!o->kubeconfig)
		in->o.kubeconfig = inv->kubeconfig;
	if (!o->recipes)
		in->o.recipes = recipes;
	if (!o->checks)
		in->o.checks = checks;
}

static void inside_end(struct inside *in)
{
	pthread_mutex_destroy(&in->door.mutex);
}

/* Which part needs which entry. A NULL part is needed to talk to the host at all. */
struct need {
	const char *part;
	const char *key;	/* the inventory's, for messages */
	bool of_host;		/* offset is in struct host, else in struct inventory */
	size_t offset;		/* of the struct secret_ref */
};
static const struct need needs[] = {
	{ NULL, "ansible_password", true, offsetof(struct host, ssh_password) },
	{ NULL, "ansible_become_password", true, offsetof(struct host, become_password) },
	{ "exporter", "bmc_user", true, offsetof(struct host, bmc_user) },
	{ "exporter", "bmc_password", true, offsetof(struct host, bmc_password) },
	{ "k3s", "token", false, offsetof(struct inventory, token) },
	{ "rancher", "bootstrapPassword", false, offsetof(struct inventory, bootstrap_password) },
	{ "monitoring", "grafana_admin_password", false,
	  offsetof(struct inventory, grafana_admin_password) },
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

/* Calls each(ctx, ...) with every entry that is needed; host is NULL for the cluster's own keys. */
static int each_need(const struct inventory *inv, const struct run_options *o,
		     int (*each)(void *ctx, const char *entry, const char *key,
				 const struct host *host, struct err *e),
		     void *ctx, struct err *e)
{
	AUTO_FREE const struct host **hosts = NULL;
	size_t nhosts = 0;
	int rc = plan_hosts(inv, o->limit, &hosts, &nhosts, e);
	for (size_t i = 0; rc == 0 && i < COUNT(needs); i++) {
		const struct need *need = &needs[i];
		if (need->part && !(part_chosen(o, need->part) && part_is_done(o, need->part)))
			continue;
		for (size_t h = 0; rc == 0 && h < (need->of_host ? nhosts : 1); h++) {
			const struct host *host = need->of_host ? hosts[h] : NULL;
			const void *base = host ? (const void *)host : inv;
			const struct secret_ref *ref =
				(const void *)((const char *)base + need->offset);
			if (ref->entry)
				rc = each(ctx, ref->entry, need->key, host, e);
		}
	}
	return rc;
}

static int add_entry(void *ctx, const char *entry, const char *key, const struct host *host,
		     struct err *e)
{
	struct strv *entries = ctx;
	(void)key;
	(void)host;
	if (strv_find(entries, entry) >= 0 || strv_push(entries, entry) == 0)
		return 0;
	return err_set(e, ERR_MEMORY, "out of memory for the vault's entries");
}

int provision_secrets(const struct inventory *inv, const struct run_options *o,
		      struct strv *ret_entries, struct err *e)
{
	AUTO_STRV struct strv entries = { 0 };
	int rc = each_need(inv, o, add_entry, &entries, e);
	if (rc < 0)
		return rc;
	*ret_entries = entries;
	entries = (struct strv){ 0 };
	return 0;
}

bool provision_needs_artifacts(const struct inventory *inv, const struct run_options *o)
{
	AUTO_FREE const struct host **hosts = NULL;
	size_t nhosts = 0;
	struct err e = { 0 };
	if (plan_hosts(inv, o->limit, &hosts, &nhosts, &e) < 0)
		return false;	/* the walk says why */
	for (const struct recipe *const *r = o->recipes ? o->recipes : recipes; *r; r++)
		for (size_t i = 0; i < (*r)->nsteps; i++)
			if ((*r)->steps[i].ops == &artifact_ops && part_chosen(o, (*r)->part))
				for (size_t h = 0; h < nhosts; h++)
					if (hosts[h]->roles & (*r)->roles)
						return true;
	return false;
}

static int check_entry(void *ctx, const char *entry, const char *key, const struct host *host,
		       struct err *e)
{
	const struct vault *vault = *(const struct vault **)ctx;
	if (vault && vault_get(vault, entry))
		return 0;
	return err_set(e, ERR_CONFIG,
		       "%s%s%s%s is in the vault's entry '%s', which is not there; "
		       "add it with 'powerstack vault set %s'",
		       host ? "host '" : "", host ? host->name : "", host ? "': " : "", key, entry,
		       entry);
}

/* Whatever will be needed is there before the first host is talked to. */
static int check_vault(const struct inventory *inv, const struct vault *vault,
		       const struct run_options *o, struct err *e)
{
	return each_need(inv, o, check_entry, &vault, e);
}

int provision_run(enum walk w, const struct inventory *inv, const struct vault *vault,
		  const struct run_options *o, struct report *ret, struct err *e)
{
	int rc = check_vault(inv, vault, o, e);
	if (rc < 0)
		return rc;
	struct inside in;
	inside_begin(&in, inv, vault, o);
	rc = run_walk(w, inv, vault, &in.o, ret, e);
	inside_end(&in);
	return rc;
}

int provision_verify(const struct inventory *inv, const struct vault *vault,
		     const struct run_options *o, struct verify_report *ret, struct err *e)
{
	int rc = check_vault(inv, vault, o, e);
	if (rc < 0)
		return rc;
	struct inside in;
	inside_begin(&in, inv, vault, o);
	rc = run_verify(inv, vault, &in.o, ret, e);
	inside_end(&in);
	return rc;
}

int provision_status(const struct inventory *inv, const struct vault *vault,
		     const struct run_options *o, struct status_report *ret, struct err *e)
{
	int rc = check_vault(inv, vault, o, e);
	if (rc < 0)
		return rc;
	struct inside in;
	inside_begin(&in, inv, vault, o);
	rc = run_status(inv, &in.o, ret, e);
	inside_end(&in);
	return rc;
}
