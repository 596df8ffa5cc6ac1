/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/recipes/k3s_change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/version.h"
#include "provision/artifact/artifact.h"

#define BINARY "/usr/local/bin/k3s"
#define CLAIM "k3s"
#define RELEASES "k3s-release"		/* a record: "sha256=version" of what was brought, newest first */
#define BACKUP "k3s-backup"		/* a record: run, path, to */
#define BACKUPS_KEPT "3"
/* Two seconds per MB at the slowest, and K3s stopped and started. */
#define BACKUP_S 900

static bool is_server(const struct host *h)
{
	return h->roles & ROLE_SERVER;
}

static const struct artifact *wanted(const struct view *v, const char *what)
{
	return v->artifacts ? artifacts_find(v->artifacts, what, v->host->arch) : NULL;
}

/* ---- another node's part of it */

/* Runs the script on the control node instead; args is NULL-terminated. */
static int on_control(struct hand *h, const char *script, const char *const *args, struct err *e)
{
	struct hand there = *h;
	int rc = h->reach(h->reach_ctx, h->view.inv->control, &there.ssh, e);
	if (rc < 0 || !there.ssh)
		return rc;
	rc = step_script(&there, script, args, 120, e);
	session_close(there.ssh);
	if (rc < 0 && e->kind == ERR_UNREACHABLE)
		e->kind = ERR_FAILED;	/* that host, not this one */
	return rc < 0 ? err_wrap(e, "on '%s'", h->view.inv->control->name) : 0;
}

static int member(struct hand *h, const char *how, struct err *e)
{
	const struct view *v = &h->view;
	if (v->host == v->inv->control)
		return 0;
	const char *const args[] = { how, v->host->node_name, v->inv->k3s_version,
				     v->force_version ? "force" : "", NULL };
	return on_control(h, "k3s-member", args, e);
}

int k3s_forget_node(struct hand *h, struct err *e)
{
	int rc = member(h, "leaving", e);
	return rc < 0 ? err_wrap(e, "node '%s' is still in the cluster", h->view.host->node_name) : 0;
}

int k3s_readmit_node(struct hand *h, struct err *e)
{
	return member(h, "rejoining", e);
}

/* ---- the release */

/* What is here: the binary's own release, by what was recorded when it was brought, and the one that the cluster was last
 * told. Empty: not known. */
struct present {
	bool binary, same;		/* it is there; it is the wanted one */
	char installed[64], runs[64];
};

static void release_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	probe_ask(p, "record", RELEASES);
	probe_ask(p, "file", BINARY);
	probe_ask(p, "node", "%s:%s", v->inv->k3s_server_location, v->host->node_name);
}

static int look(const struct view *v, struct present *ret, const char **ret_record, struct err *e)
{
	const char *record = NULL, *binary = NULL, *node = NULL;
	int rc = fact(v, &record, e, "record", RELEASES);
	if (rc == 0)
		rc = fact(v, &binary, e, "file", BINARY);
	if (rc == 0)
		rc = fact(v, &node, e, "node", "%s:%s", v->inv->k3s_server_location, v->host->node_name);
	if (rc < 0)
		return rc;
	struct present is = { .binary = binary != NULL };
	char sum[72] = "";
	const struct artifact *want = wanted(v, "k3s");
	if (binary)
		facts_field(binary, "sha256", sum, sizeof(sum));
	is.same = want && want->sha256[0] && strcmp(sum, want->sha256) == 0;
	if (is.same)
		snprintf(is.installed, sizeof(is.installed), "%s", want->version);
	else if (record && sum[0])
		facts_field(record, sum, is.installed, sizeof(is.installed));
	if (node)
		facts_field(node, "version", is.runs, sizeof(is.runs));
	*ret = is;
	*ret_record = record;
	return 0;
}

/* True, and why in ret, when `to` may not follow `from`. */
static bool may_not_follow(const struct view *v, const char *from, const char *does, struct finding *ret)
{
	const char *to = v->inv->k3s_version, *node = v->host->node_name;
	struct version a, b;
	if (!from[0])
		return false;
	if (!version_parse(from, strlen(from), &a) || !version_parse(to, strlen(to), &b)) {
		found(ret, FOREIGN,
		      "'%s' %s K3s %s, and whether %s may follow that cannot be told: --force-version does it all the same",
		      node, does, from, to);
		return true;
	}
	switch (version_step(&a, &b)) {
	case VERSION_SAME:
	case VERSION_UP:
		return false;
	case VERSION_DOWN:
		found(ret, FOREIGN,
		      "'%s' %s K3s %s, which is newer than %s: set k3s_version to %s or newer; to go back, restore "
		      "what was saved before the upgrade (powerstack(1), UPGRADES) and use --force-version",
		      node, does, from, to, from);
		return true;
	case VERSION_SKIPS:
		found(ret, FOREIGN,
		      "'%s' %s K3s %s, and %s skips a minor release, which Kubernetes does not support: set k3s_version "
		      "to a release of v%u.%u first and deploy; --force-version does it all the same",
		      node, does, from, to, a.major, a.minor + 1);
		return true;
	}
	return false;
}

static int release_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	struct present is;
	const char *record = NULL;
	(void)s;
	if (v->destroying)
		return found(ret, ABSENT, "the record goes with K3s");
	int rc = look(v, &is, &record, e);
	if (rc < 0)
		return rc;
	if (!v->force_version) {
		if (may_not_follow(v, is.runs, "runs", ret) || may_not_follow(v, is.installed, "has", ret))
			return 0;
		if (is.binary && !is.installed[0] && !is.runs[0])
			return found(ret, FOREIGN,
				     "'" BINARY "' is none of powerstack's and its node does not say what it runs, so whether "
				     "%s may follow cannot be told: start K3s on '%s', or use --force-version",
				     v->inv->k3s_version, v->host->node_name);
	}
	const struct artifact *want = wanted(v, "k3s");
	char recorded[64] = "";
	if (want && record)
		facts_field(record, want->sha256, recorded, sizeof(recorded));
	const char *before = is.runs[0] ? is.runs : is.installed;
	if (strcmp(recorded, v->inv->k3s_version) == 0)
		return found(ret, PRESENT, "K3s %s is wanted, %s is here", v->inv->k3s_version,
			     before[0] ? before : "none");
	return found(ret, before[0] ? DRIFTED : ABSENT, "K3s %s is to come, %s is here", v->inv->k3s_version,
		     before[0] ? before : "none");
}

static int release_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct view *v = &h->view;
	const char *record = NULL;
	struct present is;
	(void)s;
	int rc = look(v, &is, &record, e);
	if (rc < 0)
		return rc;
	const struct artifact *want = wanted(v, "k3s");
	if (!want || !want->sha256[0])
		return err_set(e, ERR_CONFIG, "powerstack.lock has no 'k3s' for %s: run 'powerstack fetch'",
			       v->host->arch);
	const char *node = facts_get(v->facts, NULL, NULL, "node", "%s:%s", v->inv->k3s_server_location,
				     v->host->node_name);
	rc = member(h, node ? "staying" : "joining", e);
	if (rc < 0)
		return rc;
	const char *const args[] = { want->sha256, v->inv->k3s_version, NULL };
	return step_script(h, "k3s-release", args, 60, e);
}

const struct step_ops k3s_release_ops = {
	.ask = release_ask,
	.check = release_check,
	.apply = release_apply,
};

/* ---- the copy of a server's state */

static void backup_ask(const struct step *s, const struct view *v, struct probe *p)
{
	release_ask(s, v, p);
	probe_ask(p, "record", BACKUP);
	probe_ask(p, "dir", "%s/server/db", v->inv->k3s_server_location);
}

static int backup_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	struct present is;
	const char *record = NULL, *db = NULL, *releases = NULL;
	char run[24] = "", path[STEP_PATH_MAX] = "";
	(void)s;
	if (v->destroying)
		return found(ret, ABSENT, "the copies go with K3s");
	int rc = look(v, &is, &releases, e);
	if (rc == 0)
		rc = fact(v, &db, e, "dir", "%s/server/db", v->inv->k3s_server_location);
	if (rc == 0)
		rc = fact(v, &record, e, "record", BACKUP);
	if (rc < 0)
		return rc;
	if (!db || strcmp(db, "empty") == 0)
		return found(ret, PRESENT, "K3s has no datastore here");
	if (is.same)
		return found(ret, PRESENT, "K3s' release does not change");
	if (record) {
		facts_field(record, "run", run, sizeof(run));
		facts_field(record, "path", path, sizeof(path));
		if (strcmp(run, v->run_id) == 0)
			return found(ret, PRESENT, "datastore and token are saved in '%s'", path);
	}
	return found(ret, is.installed[0] || is.runs[0] ? DRIFTED : ABSENT,
		     "K3s %s is about to replace %s: datastore and token are saved in '%s/server/backup/before-%s' first",
		     v->inv->k3s_version, is.runs[0] ? is.runs : is.installed[0] ? is.installed : "what is here",
		     v->inv->k3s_server_location, v->inv->k3s_version);
}

static int backup_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const args[] = { h->view.inv->k3s_server_location, h->view.inv->k3s_version, h->view.run_id,
				     BACKUPS_KEPT, NULL };
	int rc = step_script(h, "k3s-backup", args, BACKUP_S, e);
	return rc < 0 ? err_wrap(e, "nothing of K3s was changed yet, its state could not be saved") : 0;
}

const struct step_ops k3s_backup_ops = {
	.ask = backup_ask,
	.check = backup_check,
	.apply = backup_apply,
};

int k3s_explain(const struct view *v, struct err *e)
{
	char to[64] = "", path[STEP_PATH_MAX] = "", why[sizeof(e->msg)];
	const char *record = facts_get(v->facts, NULL, NULL, "record", BACKUP);
	if (!record || !is_server(v->host) || e->kind == ERR_INTERRUPTED || e->kind == ERR_UNREACHABLE)
		return -(int)e->kind;
	facts_field(record, "to", to, sizeof(to));
	facts_field(record, "path", path, sizeof(path));
	if (strcmp(to, v->inv->k3s_version) != 0)
		return -(int)e->kind;
	snprintf(why, sizeof(why), "%s", e->msg);
	return err_set(e, e->kind,
		       "%.600s; from before this upgrade there are '" BINARY ".previous' and the datastore in '%s': "
		       "powerstack(1), UPGRADES, says how to go back", why, path);
}

/* ---- the token */

static bool is_all(const char *s, size_t n, const char *of)
{
	for (size_t i = 0; i < n; i++)
		if (!memchr(of, s[i], strlen(of)))
			return false;
	return true;
}

#define LOW "0123456789abcdefghijklmnopqrstuvwxyz"
#define FULL "K10"
#define HASH_LEN 64

/* The part of a token that is secret: all of it, or in K10HASH::USER:SECRET what is behind USER. NULL with *ret_why: K3s
 * would not take it (pkg/clientaccess, parseToken; pkg/kubeadm for the form of bootstrap tokens). */
static const char *secret_part(const char *s, size_t len, size_t *ret_len, const char **ret_why)
{
	*ret_why = NULL;
	for (size_t i = 0; i < len && !*ret_why; i++)
		if (s[i] <= ' ' || s[i] > '~')
			*ret_why = "holds a blank, a line break or a letter that is not ASCII";
	if (!len)
		*ret_why = "is empty";
	const char *secret = s;
	if (!*ret_why && len >= strlen(FULL) && memcmp(s, FULL, strlen(FULL)) == 0) {
		static const char behind[] = "::server:";
		size_t head = strlen(FULL) + HASH_LEN + strlen(behind);
		if (len <= head || !is_all(s + strlen(FULL), HASH_LEN, "0123456789abcdef") ||
		    memcmp(s + strlen(FULL) + HASH_LEN, behind, strlen(behind)) != 0)
			*ret_why = "begins with K10 and is no full token (K10<hash>::server:<secret>)";
		else
			secret += head;
	}
	size_t n = len - (size_t)(secret - s);
	if (!*ret_why && n == 23 && is_all(secret, 6, LOW) && secret[6] == '.' && is_all(secret + 7, 16, LOW))
		*ret_why = "has the form of a bootstrap token (6 letters, a dot, 16 letters)";
	*ret_len = n;
	return *ret_why ? NULL : secret;
}

static const struct secret *vault_token(const struct view *v)
{
	const char *entry = v->inv->token.entry;
	return entry && v->vault ? vault_get(v->vault, entry) : NULL;
}

static void token_ask(const struct view *v, struct probe *p)
{
	(void)v;
	(void)p;
}

static int token_check(const struct view *v, struct finding *ret, struct err *e)
{
	const struct secret *s = vault_token(v);
	const char *why = NULL;
	size_t len = 0;
	(void)e;
	if (!s)
		return found(ret, PRESENT, "nothing is known of the token");
	if (!secret_part(secret_expose(s), secret_len(s), &len, &why))
		return found(ret, FOREIGN,
			     "the vault's '%s' cannot be a token of K3s, it %s: 'powerstack vault set %s --generate' makes "
			     "one that can",
			     v->inv->token.entry, why, v->inv->token.entry);
	return found(ret, PRESENT, "K3s takes the vault's '%s' as its token", v->inv->token.entry);
}

const struct precondition k3s_token_fits = { .ask = token_ask, .check = token_check };

int k3s_token_before(struct hand *h, struct err *e)
{
	const struct view *v = &h->view;
	const struct secret *s = vault_token(v);
	const char *why = NULL;
	size_t len = 0;
	const char *part = s ? secret_part(secret_expose(s), secret_len(s), &len, &why) : NULL;
	if (!part)
		return err_set(e, ERR_CONFIG, "the vault has no token that K3s takes");
	AUTO_BUF struct buf in = { 0 };
	buf_init_secret(&in, 8192);
	buf_add(&in, part, len);
	if (buf_addc(&in, '\n') < 0)
		return err_set(e, ERR_CONFIG, "the vault's '%s' is too long for a token", v->inv->token.entry);
	char port[16];
	snprintf(port, sizeof(port), "%u", v->inv->api_port);
	bool first = v->host == v->inv->control;
	const char *const args[] = { first ? "rotate" : "try", v->inv->k3s_server_location,
				     first ? "127.0.0.1" : v->inv->control->internal_ip, port, NULL };
	return step_script_in(h, "k3s-token", args, &in, true, 180, e);
}
