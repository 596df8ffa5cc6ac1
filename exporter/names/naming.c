/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/names/naming.h"

#include <stdlib.h>
#include <string.h>

#include "exporter/names/logs.h"
#include "exporter/names/pods.h"
#include "exporter/names/work.h"
#include "exporter/source.h"

struct naming {
	const struct roots *roots;
	struct kubelet *kubelet; /* NULL: not configured, or no HTTP client */
	bool fresh;		 /* there is a list that was not gone through */
	uint64_t logs_ns;	 /* when the log files were last looked at; 0: never */
	struct work **lacking;	 /* while they are: who lacks a name */
	size_t nlacking;
};

static void on_list(void *arg)
{
	((struct naming *)arg)->fresh = true;
}

/* Takes a name unless it is there already. Without memory the next turn does it. */
static void take(char **name, const char **label, const char *text)
{
	if (!text || (*name && strcmp(*name, text) == 0))
		return;
	char *copy = strdup(text);

	if (!copy)
		return;
	free(*name);
	*name = copy;
	*label = copy;
}

static void give(struct work *k, const char *pod, const char *ns, const char *container)
{
	take(&k->pod, &k->w.pod_name, pod);
	take(&k->ns, &k->w.container_namespace, ns);
	take(&k->container, &k->w.container_name, container);
	if (k->pod && k->ns && k->container && container && strcmp(k->container, container) == 0 && k->id[0]) {
		k->named = true;
		k->w.settled = true;
	}
}

static void holds_pod(struct work *k)
{
	take(&k->container, &k->w.container_name, "POD");
	k->w.settled = true;
}

static bool lacks_name(const struct work *k)
{
	return k->w.kind == WORKLOAD_CONTAINER && !k->named;
}

/* By the kubelet's last list, which was asked for at asked_ns. */
static void by_kubelet(struct work *k, const struct pods *pods, uint64_t asked_ns)
{
	struct pod_name name;

	if (k->id[0] && pods_find(pods, k->id, &name)) {
		give(k, name.pod, name.ns, name.container);
		return;
	}
	if (!k->uid[0] || !pods_find_pod(pods, k->uid, &name))
		return;
	take(&k->pod, &k->w.pod_name, name.pod);
	take(&k->ns, &k->w.container_namespace, name.ns);
	if (!k->id[0] || asked_ns >= k->born_ns + NAMING_PATIENCE_NS)
		holds_pod(k);
}

static void on_log(void *arg, const struct log_name *name)
{
	struct naming *nm = arg;

	for (size_t i = 0; i < nm->nlacking; i++) {
		struct work *k = nm->lacking[i];

		if (name->id[0] ? strcmp(name->id, k->id) == 0 : k->uid[0] && strcmp(name->uid, k->uid) == 0)
			give(k, name->pod, name->ns, name->id[0] ? name->container : NULL);
	}
}

/* A container outside of any pod is none of the kubelet's. */
static bool is_alone(const struct work *k)
{
	return !k->uid[0] && (strcmp(k->w.runtime, "docker") == 0 || strcmp(k->w.runtime, "podman") == 0);
}

static void by_logs(struct naming *nm, struct work *works, uint64_t now_ns)
{
	size_t n = 0;

	nm->logs_ns = now_ns;
	for (const struct work *k = works; k; k = k->next)
		n += lacks_name(k);
	nm->lacking = calloc(n, sizeof(struct work *));
	for (struct work *k = works; k && nm->lacking; k = k->next) {
		if (lacks_name(k))
			nm->lacking[nm->nlacking++] = k;
	}
	if (nm->nlacking > 0)
		log_each(nm->roots->rootfs, on_log, nm);
	free(nm->lacking);
	nm->lacking = NULL;
	nm->nlacking = 0;
}

/* Is it time to look at the log files? */
static bool logs_due(const struct naming *nm, const struct work *works, const struct kubelet_state *state,
		     uint64_t now_ns)
{
	uint64_t since = nm->logs_ns ? now_ns - nm->logs_ns : UINT64_MAX;

	for (const struct work *k = works; k; k = k->next) {
		if (!lacks_name(k) || is_alone(k))
			continue;
		if (k->w.settled && since >= NAMING_LOGS_LATE_NS)
			return true;
		bool told = state->up && state->asked_ns < k->born_ns + NAMING_PATIENCE_NS;

		/* Whoever the kubelet may still tell can wait for it. */
		if (!k->w.settled && since >= NAMING_LOGS_EVERY_NS && (!nm->kubelet || !told))
			return true;
	}
	return false;
}

void naming_tick(struct naming *nm, struct work *works, uint64_t now_ns)
{
	struct kubelet_state state = { .why = "" };
	const struct pods *pods = NULL;
	bool hurry = false;

	if (nm->kubelet) {
		kubelet_state(nm->kubelet, &state);
		pods = kubelet_pods(nm->kubelet);
	}
	if (logs_due(nm, works, &state, now_ns))
		by_logs(nm, works, now_ns);
	for (struct work *k = works; k; k = k->next) {
		if (!lacks_name(k) || (k->w.settled && !nm->fresh))
			continue;
		if (pods)
			by_kubelet(k, pods, state.asked_ns);
		if (is_alone(k) || now_ns >= k->born_ns + NAMING_GIVE_UP_NS)
			k->w.settled = true;
		hurry = hurry || !k->w.settled;
	}
	nm->fresh = false;
	if (nm->kubelet)
		kubelet_tick(nm->kubelet, now_ns, hurry);
}

static int begin_kubelet(struct naming *nm, struct err *e)
{
	const struct roots *r = nm->roots;

	if (!r->client || !r->config || !r->config->kubelet.endpoint)
		return 0;
	return kubelet_new(&r->config->kubelet, r->client, on_list, nm, &nm->kubelet, e);
}

int naming_new(const struct roots *roots, struct naming **ret, struct err *e)
{
	struct naming *nm = calloc(1, sizeof *nm);

	if (!nm)
		return err_set(e, ERR_MEMORY, "no memory for the names of workloads");
	nm->roots = roots;
	int rc = begin_kubelet(nm, e);

	if (rc < 0) {
		naming_free(nm);
		return rc;
	}
	*ret = nm;
	return 0;
}

void naming_free(struct naming *nm)
{
	if (!nm)
		return;
	kubelet_free(nm->kubelet);
	free(nm);
}

void naming_reload(struct naming *nm)
{
	struct err none = { 0 };

	kubelet_free(nm->kubelet);
	nm->kubelet = NULL;
	/* Without memory: no kubelet until the next time. */
	(void)begin_kubelet(nm, &none);
}

bool naming_kubelet(const struct naming *nm, struct kubelet_state *ret, size_t *ret_pods,
		    size_t *ret_containers)
{
	if (!nm->kubelet)
		return false;
	const struct pods *pods = kubelet_pods(nm->kubelet);

	kubelet_state(nm->kubelet, ret);
	*ret_pods = pods ? pods_count(pods) : 0;
	*ret_containers = pods ? pods_containers(pods) : 0;
	return true;
}
