/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the exporter needs to ask its node's kubelet who is who: an account of its own in the cluster with that right and no
 * other, and its token on every node. Where there is no cluster, nothing.
 *
 * The exporter itself does not wait for this: it counts joules without names, and looks for the token again and again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/recipes/exporter.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

#define K3S "/usr/local/bin/k3s"
#define NAMESPACE "powerstack"
#define SECRET "powerstack-exporter-token"
#define RECORD "kubelet-token"		/* the token's file is powerstack's */
#define MAKE_S 120			/* for the cluster to make the token */
#define TAKE_S 180			/* for a kubelet to take it */
#define TOKEN_MAX 16384			/* bytes; about 900 */

void in_cluster_ask(const struct view *v, struct probe *p)
{
	(void)v;
	probe_ask(p, "file", K3S);
}

int in_cluster(const struct view *v, bool *ret, struct err *e)
{
	const char *is = NULL;
	int rc = v->cluster_comes ? 0 : fact(v, &is, e, "file", K3S);
	if (rc == 0)
		*ret = v->cluster_comes || is;
	return rc;
}

static int no_cluster(struct finding *ret)
{
	return found(ret, PRESENT, "there is no K3s here, and so no kubelet to ask");
}

/* ---- the account, on the control node */

static size_t account_objects(const struct inventory *inv, struct kube_object ret[KUBE_OBJECTS_MAX])
{
	(void)inv;
	static const struct kube_object all[] = {
		{ .resource = "namespace", .name = NAMESPACE },
		{ .resource = "serviceaccount", .ns = NAMESPACE, .name = "powerstack-exporter" },
		{ .resource = "clusterrole", .name = "powerstack-exporter" },
		{ .resource = "clusterrolebinding", .name = "powerstack-exporter" },
		{ .resource = "secret", .ns = NAMESPACE, .name = SECRET },
	};
	memcpy(ret, all, sizeof(all));
	return COUNT(all);
}

static void account_ask(const struct step *s, const struct view *v, struct probe *p)
{
	in_cluster_ask(v, p);
	kube_ops.ask(s, v, p);
}

static int account_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	bool cluster = true;
	int rc = v->destroying ? 0 : in_cluster(v, &cluster, e);
	if (rc < 0)
		return rc;
	return cluster ? kube_ops.check(s, v, ret, e) : no_cluster(ret);
}

static int account_apply(const struct step *s, struct hand *h, struct err *e)
{
	return kube_ops.apply(s, h, e);
}

static int account_undo(const struct step *s, struct hand *h, struct err *e)
{
	return kube_ops.undo(s, h, e);
}

static const struct step_ops account_ops = { .ask = account_ask,
					     .check = account_check,
					     .apply = account_apply,
					     .undo = account_undo };
static const struct kube_arg account = { "exporter-account.yaml.tmpl", NULL, account_objects, 300 };

static const struct step account_steps[] = {
	{ "account", "the exporter has an account that may ask kubelets", &account_ops, &account },
};

static const char *const after_control[] = { "k3s-control", NULL };

const struct recipe recipe_exporter_account = {
	.name = "exporter-account",
	.part = "exporter",
	.summary = "makes the exporter's account in the cluster",
	.roles = ROLE_CONTROL,
	.after = after_control,
	.steps = account_steps,
	.nsteps = COUNT(account_steps),
};

/* ---- the token, on every node */

static void token_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	in_cluster_ask(v, p);
	probe_ask(p, "file", KUBELET_TOKEN);
	probe_ask(p, "record", RECORD);
	if (!v->destroying)
		probe_ask(p, "kubelet", "%s:" KUBELET_TOKEN, v->inv->k3s_server_location);
}

/* Whether a token is the right one only the kubelet knows: no sum of it is kept anywhere to compare. */
static int token_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	(void)s;
	const char *is = NULL, *record = NULL, *why = NULL;
	char type[8] = "", mode[16] = "", uid[16] = "";
	bool cluster = false, known = false;
	int rc = fact(v, &is, e, "file", KUBELET_TOKEN);
	if (rc == 0)
		rc = fact(v, &record, e, "record", RECORD);
	if (rc < 0)
		return rc;
	if (is) {
		facts_field(is, "type", type, sizeof(type));
		facts_field(is, "mode", mode, sizeof(mode));
		facts_field(is, "uid", uid, sizeof(uid));
	}
	if (is && (!record || strcmp(type, "f") != 0))
		return found(ret, FOREIGN, "'" KUBELET_TOKEN "' exists and is not managed by powerstack: move it away, or remove it");
	if (v->destroying)
		return found(ret, record ? PRESENT : ABSENT, record ? "the token is there" : "there is no token");
	rc = in_cluster(v, &cluster, e);
	if (rc < 0)
		return rc;
	if (!cluster)
		return no_cluster(ret);
	if (!is)
		return found(ret, ABSENT, "'" KUBELET_TOKEN "' does not exist");
	if (strtoul(mode, NULL, 8) != 0600 || strcmp(uid, "0") != 0)
		return found(ret, DRIFTED, "'" KUBELET_TOKEN "' has mode %s and owner %s, wanted 600 and root", mode, uid);
	const char *says = facts_get(v->facts, &known, &why, "kubelet", "%s:" KUBELET_TOKEN, v->inv->k3s_server_location);
	if (!known || !says)
		return found(ret, DRIFTED, "the kubelet cannot be asked yet%s%.200s", why ? ": " : "", why ? why : "");
	if (strcmp(says, "yes") != 0)
		return found(ret, DRIFTED, "the kubelet does not take the token: %.250s", says);
	return found(ret, PRESENT, "the kubelet takes the exporter's token");
}

/* Reads the token on the control node, as soon as the cluster has made it. */
static int read_token(struct hand *h, struct buf *ret, struct err *e)
{
	struct hand there = *h;
	const struct host *control = h->view.inv->control;
	char limit[16];
	snprintf(limit, sizeof(limit), "%d", MAKE_S);
	const char *const wait[] = { "wait", NAMESPACE, SECRET, limit, NULL };
	const char *const print[] = { "print", NAMESPACE, SECRET, limit, NULL };
	int rc = h->view.host == control ? 0 : h->reach(h->reach_ctx, control, &there.ssh, e);
	if (rc < 0)
		return rc;
	rc = step_script(&there, "account-token", wait, MAKE_S + 60, e);
	if (rc == 0)
		rc = step_script_secret(&there, "account-token", print, ret, e);
	if (there.ssh == h->ssh)
		return rc;
	session_close(there.ssh);
	if (rc < 0 && e->kind == ERR_UNREACHABLE)
		e->kind = ERR_FAILED;	/* that host, not this one */
	return rc < 0 ? err_wrap(e, "on '%s'", control->name) : 0;
}

static int put_token(struct hand *h, const struct buf *token, struct err *e)
{
	AUTO_BUF struct buf in = { 0 };
	char sum[65];
	buf_init_secret(&in, TOKEN_MAX + 128);
	text_sum(token, sum);
	buf_addf(&in, "%s\n", sum);
	if (buf_add(&in, buf_str(token), token->len) < 0)
		return err_set(e, ERR_MEMORY, "the token is too long");
	const char *const args[] = { KUBELET_TOKEN, "0600", NULL };
	return step_script_in(h, "file-put", args, &in, true, 60, e);
}

static int token_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	AUTO_BUF struct buf token = { 0 };
	AUTO_BUF struct buf ours = { 0 };
	char limit[16];
	buf_init_secret(&token, TOKEN_MAX);
	buf_init(&ours, 16);
	buf_adds(&ours, "yes\n");
	int rc = read_token(h, &token, e);
	if (rc < 0)
		return rc;
	/* three parts of base64url (RFC 7515, section 3.1) */
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	if (token.len == 0 || strspn(buf_str(&token), letters) != token.len)
		return err_set(e, ERR_FAILED, "the cluster's Secret '" SECRET "' holds no token");
	snprintf(limit, sizeof(limit), "%d", TAKE_S);
	const char *const record[] = { RECORD, NULL };
	const char *const wait[] = { KUBELET_TOKEN, h->view.inv->k3s_server_location, limit, NULL };
	/* first whose it is: what is cut off here leaves nothing that looks like somebody else's */
	if ((rc = step_script_in(h, "record-set", record, &ours, false, 60, e)) < 0 || (rc = put_token(h, &token, e)) < 0)
		return rc;
	return step_script(h, "kubelet-wait", wait, TAKE_S + 60, e);
}

static int token_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const file[] = { KUBELET_TOKEN, "dir", NULL };
	const char *const record[] = { RECORD, NULL };
	int rc = step_script(h, "file-remove", file, 60, e);
	return rc < 0 ? rc : step_script(h, "record-set", record, 60, e);
}

static const struct step_ops token_ops = {
	.ask = token_ask,
	.check = token_check,
	.apply = token_apply,
	.undo = token_undo,
};

static const struct step token_steps[] = {
	{ "token", "the kubelet answers the exporter", &token_ops, NULL, .flags = STEP_SECRET },
};

static const char *const after_nodes[] = { "exporter", "exporter-account", "k3s-server", "k3s-agent", NULL };

const struct recipe recipe_exporter_kubelet = {
	.name = "exporter-kubelet",
	.part = "exporter",
	.summary = "gives the exporter the token that its node's kubelet wants",
	.roles = ROLE_ANY,
	.after = after_nodes,
	.steps = token_steps,
	.nsteps = COUNT(token_steps),
};
