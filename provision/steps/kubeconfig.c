/* SPDX-License-Identifier: BSD-2-Clause */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/url.h"
#include "provision/cluster/kubeconfig.h"
#include "provision/steps/steps.h"

#define SOURCE "/etc/rancher/k3s/k3s.yaml"	/* where a K3s server writes the administrator's */
#define SOURCE_MAX (256u * 1024)
#define FILE_MAX (4u << 20)

struct server {
	char url[300];
};

static struct kubeconfig_entry entry_for(const struct view *v, struct server *room)
{
	const struct inventory *inv = v->inv;
	snprintf(room->url, sizeof(room->url), "https://%s:%u", URL_HOST(inv->api_endpoint), inv->api_port);
	return (struct kubeconfig_entry){ .name = inv->cluster_name, .server = room->url };
}

/* How the cluster stands in the operator's file; source NULL: only whether it is there. */
static int look(const struct view *v, const char *source, enum kubeconfig_state *ret, struct err *e)
{
	AUTO_BUF struct buf text;
	int missing = 0;
	buf_init_secret(&text, FILE_MAX);
	if (!v->kubeconfig)
		return err_set(e, ERR_BUG, "nobody said which kubeconfig");
	int rc = file_read(v->kubeconfig, &text, &missing, e);
	if (rc < 0 && !missing)
		return rc;
	err_clear(e);
	struct server room;
	struct kubeconfig_entry n = entry_for(v, &room);
	n.source = source;
	return kubeconfig_look(v->kubeconfig, &text, &n, ret, e);
}

static void kubeconfig_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	(void)v;
	probe_ask(p, "file", SOURCE);
}

static int kubeconfig_check(const struct step *s, const struct view *v, struct finding *ret,
			    struct err *e)
{
	(void)s;
	enum kubeconfig_state state;
	const char *is = NULL, *path = v->kubeconfig, *name = v->inv->cluster_name;
	char source[72] = "";
	int rc = fact(v, &is, e, "file", SOURCE);
	if (is)
		facts_field(is, "sha256", source, sizeof(source));
	if (rc == 0)
		rc = look(v, v->destroying || !is ? NULL : source, &state, e);
	if (rc < 0)
		return rc;
	if (v->destroying)
		return state == KUBECONFIG_DRIFTED ?
			       found(ret, PRESENT, "context '%s' is in '%s'", name, path) :
			       found(ret, ABSENT, "context '%s' is not powerstack's or not in '%s'", name, path);
	switch (state) {
	case KUBECONFIG_FOREIGN:
		return found(ret, FOREIGN,
			     "'%s' has an entry '%s' that is not powerstack's: rename or remove it there, or choose "
			     "another cluster_context",
			     path, name);
	case KUBECONFIG_ABSENT:
		return found(ret, ABSENT, "context '%s' is not in '%s'", name, path);
	case KUBECONFIG_DRIFTED:
		return found(ret, DRIFTED, "context '%s' in '%s' is not as the cluster has it", name, path);
	case KUBECONFIG_PRESENT:
		break;
	}
	return found(ret, PRESENT, "context '%s' is in '%s'", name, path);
}

static int kubeconfig_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	AUTO_BUF struct buf text;
	char source[65];
	buf_init_secret(&text, SOURCE_MAX);
	int rc = step_read(h, SOURCE, &text, e);
	if (rc < 0)
		return rc;
	text_sum(&text, source);
	struct kubeconfig_source from;
	rc = kubeconfig_read_source(buf_str(&text), text.len, &from, e);
	if (rc < 0)
		return rc;
	struct server room;
	struct kubeconfig_entry n = entry_for(&h->view, &room);
	bool changed;
	n.source = source;
	n.ca = buf_str(&from.ca);
	n.cert = buf_str(&from.cert);
	n.key = buf_str(&from.key);
	rc = kubeconfig_put(h->view.kubeconfig, &n, &changed, e);
	kubeconfig_source_clear(&from);
	return rc;
}

static int kubeconfig_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	bool changed;
	return kubeconfig_take_out(h->view.kubeconfig, h->view.inv->cluster_name, &changed, e);
}

const struct step_ops kubeconfig_ops = {
	.ask = kubeconfig_ask,
	.check = kubeconfig_check,
	.apply = kubeconfig_apply,
	.undo = kubeconfig_undo,
};
