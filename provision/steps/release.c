/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/artifact/artifact.h"
#include "provision/steps/cluster.h"

#define VALUES_MAX (1u << 20)
#define TRIAL_MAX 4096

int revision_of(const struct view *v, const char *release, const char *ns, struct revision *ret, char *why, size_t size,
		struct err *e)
{
	AUTO_JSON struct json_object *list = NULL;
	struct revision newest = { 0 };
	int rc = kube_fact(v, RELEASES_QUESTION, &list, why, size, e);
	struct json_object *items = OBJ(list, "items");
	for (size_t i = 0; rc == 0 && i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i), *labels = OBJ(o, "metadata", "labels");
		if (strcmp(obj_text(OBJ(labels, "name")), release) != 0 ||
		    strcmp(obj_text(OBJ(o, "metadata", "namespace")), ns) != 0)
			continue;
		unsigned long number = strtoul(obj_text(OBJ(labels, "version")), NULL, 10);
		if (number <= newest.number || number > UINT32_MAX)
			continue;
		newest.number = (unsigned)number;
		newest.ready = strcmp(obj_text(OBJ(labels, "powerstack-ready")), "yes") == 0;
		snprintf(newest.status, sizeof(newest.status), "%s", obj_text(OBJ(labels, "status")));
		snprintf(newest.hash, sizeof(newest.hash), "%s", obj_text(OBJ(labels, "powerstack-config-hash")));
	}
	*ret = newest;
	return rc;
}

static int values(const struct release_arg *a, const struct view *v, struct buf *ret, struct err *e)
{
	return template_add(a->tmpl, a->names, v, ret, e);
}

int release_hash(const struct release_arg *a, const struct view *v, char ret[CONFIG_HASH_LEN + 1], struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	const struct artifact *chart = v->artifacts ? artifacts_find(v->artifacts, a->chart, v->host->arch) : NULL;
	buf_init(&text, VALUES_MAX);
	if (!chart || !chart->sha256[0])
		return err_set(e, ERR_CONFIG,
			       "powerstack.lock has no chart '%s': run 'powerstack fetch' where its repository can be reached",
			       a->chart);
	buf_addf(&text, "%s\n%s\n", chart->sha256, chart->version);
	int rc = values(a, v, &text, e);
	if (rc < 0)
		return rc;
	config_hash(&text, ret);
	return 0;
}

static void release_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	if (!v->cluster_goes)
		probe_ask(p, "api", "%s", RELEASES_QUESTION);
}

static int release_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	const struct release_arg *a = s->arg;
	const char *ns = a->ns(v->inv);
	struct revision is;
	char why[300], hash[CONFIG_HASH_LEN + 1];
	if (v->cluster_goes)
		return found(ret, ABSENT, "it goes with the cluster");
	int rc = revision_of(v, a->name, ns, &is, why, sizeof(why), e);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return kube_untold(v, "the release ", a->name, why, ret, e);
	if (!is.number)
		return found(ret, ABSENT, "there is no release '%s'", a->name);
	if (!is.hash[0])
		return found(ret, FOREIGN,
			     "release '%s' in namespace '%s' is not powerstack's: 'helm uninstall %s -n %s' if nobody needs it",
			     a->name, ns, a->name, ns);
	if (v->destroying)
		return found(ret, PRESENT, "revision %u of '%s' is %s", is.number, a->name, is.status);
	rc = release_hash(a, v, hash, e);
	if (rc < 0)
		return rc;
	if (strcmp(is.status, "deployed") != 0)
		return found(ret, DRIFTED, "revision %u of '%s' is %s", is.number, a->name, is.status);
	if (strcmp(is.hash, hash) != 0)
		return found(ret, DRIFTED, "revision %u of '%s' has another configuration", is.number, a->name);
	if (!is.ready)
		return found(ret, DRIFTED, "revision %u of '%s' has not come up yet", is.number, a->name);
	return found(ret, PRESENT, "revision %u of '%s' is deployed", is.number, a->name);
}

static int release_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct release_arg *a = s->arg;
	AUTO_BUF struct buf text = { 0 }, trial = { 0 };
	char hash[CONFIG_HASH_LEN + 1], limit[16], room[STEP_PATH_MAX];
	buf_init(&text, VALUES_MAX);
	buf_init(&trial, TRIAL_MAX);
	int rc = release_hash(a, &h->view, hash, e);
	if (rc == 0)
		rc = values(a, &h->view, &text, e);
	if (rc == 0 && a->trial)
		rc = template_add(a->trial, NULL, &h->view, &trial, e);
	if (rc < 0)
		return rc;
	snprintf(limit, sizeof(limit), "%u", a->timeout_s);
	const char *args[16] = { a->name, a->ns(h->view.inv), artifact_path(a->chart_row->arg, &h->view, room), hash, limit,
				 buf_str(&trial) };
	for (size_t i = 0; a->expect && a->expect[i] && i + 7 < COUNT(args); i++)
		args[i + 6] = a->expect[i];
	return step_script_in(h, "release-put", args, &text, false, a->timeout_s + 120, e);
}

static int release_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct release_arg *a = s->arg;
	char limit[16];
	snprintf(limit, sizeof(limit), "%u", a->timeout_s);
	const char *const args[] = { a->name, a->ns(h->view.inv), limit, NULL };
	return step_script(h, "release-take", args, a->timeout_s + 120, e);
}

const struct step_ops release_ops = {
	.ask = release_ask,
	.check = release_check,
	.apply = release_apply,
	.undo = release_undo,
};
