/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * K3s: the release's binary and images, configuration, token and unit, as K3s' own installer leaves them, so
 * that its tools and its documentation still fit. The first server comes first, then the other
 * servers, then the agents: each waits until its node is Ready.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/url.h"
#include "provision/files.h"
#include "provision/recipes/k3s_change.h"
#include "provision/recipes/k3s_images.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

#define CLAIM "k3s"		/* the record that K3s on the node is ours */
#define TOKEN_PATH "/etc/rancher/k3s/token"
#define START_S 300		/* a cold start imports the images first */
#define READY_S 300

static bool is_server(const struct host *h)
{
	return h->roles & ROLE_SERVER;
}

static const char *unit_of(const struct host *h)
{
	return is_server(h) ? "k3s.service" : "k3s-agent.service";
}

/* ---- whose K3s is it */

static const char *const traces[] = { "/etc/systemd/system/k3s.service",
				      "/etc/systemd/system/k3s-agent.service", "/usr/local/bin/k3s",
				      "{k3s}/server", "{k3s}/agent" };

static void claim_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	char room[STEP_PATH_MAX];
	probe_ask(p, "record", CLAIM);
	for (size_t i = 0; i < COUNT(traces); i++)
		probe_ask(p, "file", "%s", node_path(traces[i], v->inv, room));
}

static int claim_check(const struct step *s, const struct view *v, struct finding *ret,
		       struct err *e)
{
	(void)s;
	const char *record = NULL;
	int rc = fact(v, &record, e, "record", CLAIM);
	if (rc < 0)
		return rc;
	char data[STEP_PATH_MAX] = "", role[16] = "";
	if (record) {
		facts_field(record, "data", data, sizeof(data));
		facts_field(record, "role", role, sizeof(role));
		if (v->destroying)
			return found(ret, PRESENT, "K3s is powerstack's, its data is in '%s'", data);
		if (strcmp(data, v->inv->k3s_server_location) != 0)
			return found(ret, FOREIGN,
				     "K3s' data is in '%s' and the inventory's k3s_server_location is '%s': "
				     "it cannot be moved; correct the inventory, or destroy k3s first",
				     data, v->inv->k3s_server_location);
		if (strcmp(role, is_server(v->host) ? "server" : "agent") != 0)
			return found(ret, FOREIGN,
				     "the node is a K3s %s and the inventory has it as %s: destroy its "
				     "k3s with the old inventory first",
				     role, is_server(v->host) ? "a server" : "an agent");
		return found(ret, PRESENT, "K3s is powerstack's, its data is in '%s'", data);
	}
	for (size_t i = 0; i < COUNT(traces); i++) {
		char room[STEP_PATH_MAX];
		const char *is = NULL, *path = node_path(traces[i], v->inv, room);
		rc = fact(v, &is, e, "file", "%s", path);
		if (rc < 0)
			return rc;
		if (is)
			return found(ret, FOREIGN,
				     "'%s' is there: K3s on this node is not powerstack's; take it away "
				     "with its own k3s-uninstall.sh if nobody needs it",
				     path);
	}
	return found(ret, ABSENT, "no K3s is here");
}

static int claim_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const args[] = { h->view.inv->k3s_server_location,
				     is_server(h->view.host) ? "server" : "agent", NULL };
	return step_script(h, "k3s-claim", args, 60, e);
}

static int claim_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	/* where it was put, not where the inventory says by now */
	const char *record = NULL;
	char data[STEP_PATH_MAX] = "";
	int rc = fact(&h->view, &record, e, "record", CLAIM);
	if (rc < 0)
		return rc;
	if (!record || !facts_field(record, "data", data, sizeof(data)))
		return 0;
	rc = k3s_forget_node(h, e);
	if (rc < 0)
		return rc;
	const char *const args[] = { data, h->view.purge->data ? "data" : "", NULL };
	return step_script(h, "k3s-uninstall", args, 300, e);
}

static const struct step_ops claim_ops = {
	.ask = claim_ask,
	.check = claim_check,
	.apply = claim_apply,
	.undo = claim_undo,
};

/* ---- the release */

static const struct artifact_arg images = {
	.what = "k3s-images", .path = "{k3s}/agent/images/{artifact}", .mode = 0644, .claim = CLAIM
};
static const struct artifact_arg binary = { .what = "k3s",
					    .path = "/usr/local/bin/k3s",
					    .mode = 0755,
					    .claim = CLAIM,
					    .keep_previous = true };

/* ---- kubectl, crictl and ctr, where no such command is */

static const char *const commands[] = { "kubectl", "crictl", "ctr" };
static const char *const command_folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					       "/usr/bin",	  "/sbin",	    "/bin" };

static void links_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	(void)v;
	for (size_t i = 0; i < COUNT(commands); i++)
		for (size_t k = 0; k < COUNT(command_folders); k++)
			probe_ask(p, "file", "%s/%s", command_folders[k], commands[i]);
}

static int links_check(const struct step *s, const struct view *v, struct finding *ret,
		       struct err *e)
{
	(void)s;
	if (v->destroying)
		return found(ret, ABSENT, "the links go with K3s");
	for (size_t i = 0; i < COUNT(commands); i++) {
		const char *is = NULL;
		for (size_t k = 0; k < COUNT(command_folders) && !is; k++) {
			int rc = fact(v, &is, e, "file", "%s/%s", command_folders[k], commands[i]);
			if (rc < 0)
				return rc;
		}
		if (!is)
			return found(ret, ABSENT, "there is no command '%s'", commands[i]);
	}
	return found(ret, PRESENT, "kubectl, crictl and ctr are there");
}

static int links_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	return step_script(h, "k3s-links", NULL, 60, e);
}

static const struct step_ops links_ops = { .ask = links_ask,
					   .check = links_check,
					   .apply = links_apply };

/* ---- the installer's scripts: the very text that destroy runs */

static int script_text(const char *name, const struct view *v, struct buf *ret, struct err *e)
{
	const char *text = files_text(name);
	if (!text)
		return err_set(e, ERR_BUG, "the script '%s' is not built in", name);
	buf_adds(ret, "#!/bin/sh\n# managed by powerstack\n");
	buf_addf(ret, "set -- '%s' \"$@\"\n", v->inv->k3s_server_location);
	return buf_adds(ret, text);
}

static int killall_text(const struct view *v, struct buf *ret, struct err *e)
{
	return script_text("k3s-killall.sh", v, ret, e);
}

static int uninstall_text(const struct view *v, struct buf *ret, struct err *e)
{
	return script_text("k3s-uninstall.sh", v, ret, e);
}

static const struct file_arg killall = { .path = "/usr/local/bin/k3s-killall.sh",
					 .mode = 0755,
					 .render = killall_text };
static const struct file_arg server_uninstall = { .path = "/usr/local/bin/k3s-uninstall.sh",
						  .mode = 0755,
						  .render = uninstall_text };
static const struct file_arg agent_uninstall = { .path = "/usr/local/bin/k3s-agent-uninstall.sh",
						 .mode = 0755,
						 .render = uninstall_text };

/* ---- the token */

static const struct secret *token(const struct view *v, struct err *e)
{
	const char *entry = v->inv->token.entry;
	const struct secret *s = entry && v->vault ? vault_get(v->vault, entry) : NULL;
	if (!entry)
		err_set(e, ERR_CONFIG,
			"the inventory has no 'token': add token: \"{{ ansible_vault.token }}\" and "
			"'powerstack vault set token'");
	else if (!s)
		err_set(e, ERR_CONFIG,
			"the vault has no entry '%s', which nodes join the cluster with: 'powerstack "
			"vault set %s'",
			entry, entry);
	return s;
}

static int token_text(const struct view *v, struct buf *ret, struct err *e)
{
	const struct secret *s = token(v, e);
	if (!s)
		return -(int)e->kind;
	buf_add(ret, secret_expose(s), secret_len(s));
	return buf_addc(ret, '\n');
}

static const struct file_arg token_file = {
	.path = TOKEN_PATH, .mode = 0600, .render = token_text, .claim = CLAIM, .before = k3s_token_before
};

/* ---- configuration. Keys are the options' names (K3s documentation, "Configuration File"). */

static void add_scalar(struct buf *b, const char *key, const char *value)
{
	buf_addf(b, "%s: \"", key);
	for (const char *c = value; *c; c++)
		buf_addf(b, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	buf_adds(b, "\"\n");
}

static void add_item(struct buf *b, const char *value)
{
	buf_adds(b, "  - \"");
	for (const char *c = value; *c; c++)
		buf_addf(b, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	buf_adds(b, "\"\n");
}

static bool is_address(const char *s)
{
	return s && (strchr(s, ':') || s[strspn(s, "0123456789.")] == '\0');
}

static void add_server_url(struct buf *b, const struct inventory *inv)
{
	buf_addf(b, "server: \"https://%s:%u\"\n", URL_HOST(inv->control->internal_ip), inv->api_port);
}

static size_t servers_of(const struct inventory *inv)
{
	size_t n = 0;
	for (size_t i = 0; i < inv->nhosts; i++)
		n += is_server(&inv->hosts[i]);
	return n;
}

static void config_ask(const struct view *v, struct probe *p)
{
	probe_ask(p, "iface", "%s", v->host->internal_ip);
}

static void add_server(const struct view *v, struct buf *b)
{
	const struct inventory *inv = v->inv;
	const struct host *h = v->host;
	char port[16];
	add_scalar(b, "advertise-address", h->internal_ip);
	snprintf(port, sizeof(port), "%u", inv->api_port);
	buf_addf(b, "https-listen-port: %s\n", port);
	add_scalar(b, "cluster-cidr", inv->cluster_cidr);
	add_scalar(b, "service-cidr", inv->service_cidr);
	add_scalar(b, "write-kubeconfig-mode", "0600");
	buf_adds(b, "tls-san:\n");
	add_item(b, inv->api_endpoint);
	if (h->external_ip && strcmp(h->external_ip, inv->api_endpoint) != 0)
		add_item(b, h->external_ip);
	add_item(b, h->internal_ip);
	add_item(b, h->node_name);
	if (servers_of(inv) > 1 && !inv->use_external_database && h == inv->control)
		buf_adds(b, "cluster-init: true\n");
	else if (h != inv->control)
		add_server_url(b, inv);
}

static int config_text(const struct view *v, struct buf *ret, struct err *e)
{
	const struct inventory *inv = v->inv;
	const struct host *h = v->host;
	const char *iface = NULL;
	int rc = fact(v, &iface, e, "iface", "%s", h->internal_ip);
	if (rc < 0)
		return rc;
	if (!iface)
		return err_set(e, ERR_FAILED, "internal_ip %s is not an address of this node",
			       h->internal_ip);
	buf_adds(ret, FILE_MARK);
	add_scalar(ret, "node-name", h->node_name);
	add_scalar(ret, "node-ip", h->internal_ip);
	/* flannel takes the interface of the default route otherwise, whatever node-ip says (k3s issue 1365) */
	add_scalar(ret, "flannel-iface", iface);
	if (is_address(h->external_ip) && strcmp(h->external_ip, h->internal_ip) != 0)
		add_scalar(ret, "node-external-ip", h->external_ip);
	add_scalar(ret, "data-dir", inv->k3s_server_location);
	add_scalar(ret, "token-file", TOKEN_PATH);
	if (h->nnode_labels)
		buf_adds(ret, "node-label:\n");
	for (size_t i = 0; i < h->nnode_labels; i++) {
		char label[700];
		snprintf(label, sizeof(label), "%s=%s", h->node_labels[i].key,
			 h->node_labels[i].value);
		add_item(ret, label);
	}
	if (h->nnode_taints)
		buf_adds(ret, "node-taint:\n");
	for (size_t i = 0; i < h->nnode_taints; i++)
		add_item(ret, h->node_taints[i]);
	if (is_server(h))
		add_server(v, ret);
	else
		add_server_url(ret, inv);
	return ret->full ? err_set(e, ERR_MEMORY, "the configuration is too long") : 0;
}

static const struct file_arg config = { .path = "/etc/rancher/k3s/config.yaml",
					.mode = 0600,
					.render = config_text,
					.ask = config_ask };

/* The user's own text, which K3s reads after ours: its values win, "key+" adds to a list. */
static const char *user_text(const struct inventory *inv, const struct host *h)
{
	return is_server(h) ? inv->server_config_yaml : inv->agent_config_yaml;
}

static bool has_user_text(const struct inventory *inv, const struct host *h)
{
	return user_text(inv, h) != NULL;
}

static int add_text(struct buf *ret, const char *text)
{
	buf_adds(ret, FILE_MARK);
	buf_adds(ret, text);
	size_t len = strlen(text);
	return len && text[len - 1] == '\n' ? 0 : buf_addc(ret, '\n');
}

static int user_config_text(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return add_text(ret, user_text(v->inv, v->host));
}

static const struct file_arg user_config = { .path = "/etc/rancher/k3s/config.yaml.d/90-inventory.yaml",
					     .mode = 0600,
					     .render = user_config_text,
					     .needed = has_user_text,
					     .own_dir = true };

static bool has_registries(const struct inventory *inv, const struct host *h)
{
	(void)h;
	return inv->registries_config_yaml != NULL;
}

static int registries_text(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return add_text(ret, v->inv->registries_config_yaml);
}

static const struct file_arg registries = { .path = "/etc/rancher/k3s/registries.yaml",
					    .mode = 0600,
					    .render = registries_text,
					    .needed = has_registries };

/* systemd.exec(5), EnvironmentFile: double quotes, in which \ and " are escaped */
static int env_text(const struct view *v, struct buf *ret, struct err *e)
{
	buf_adds(ret, FILE_MARK);
	for (size_t i = 0; i < v->inv->nextra_service_envs; i++) {
		const struct keyval *kv = &v->inv->extra_service_envs[i];
		buf_addf(ret, "%s=\"", kv->key);
		for (const char *c = kv->value; *c; c++)
			buf_addf(ret, strchr("\"\\$`", *c) ? "\\%c" : "%c", *c);
		buf_adds(ret, "\"\n");
	}
	return ret->full ? err_set(e, ERR_MEMORY, "extra_service_envs is too long") : 0;
}

static bool has_envs(const struct inventory *inv, const struct host *h)
{
	(void)h;
	return inv->nextra_service_envs > 0;
}

static const struct file_arg server_env = { .path = "/etc/systemd/system/k3s.service.env",
					    .mode = 0600,
					    .render = env_text,
					    .needed = has_envs };
static const struct file_arg agent_env = { .path = "/etc/systemd/system/k3s-agent.service.env",
					   .mode = 0600,
					   .render = env_text,
					   .needed = has_envs };

/* ---- unit */

static int type(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	return buf_adds(ret, is_server(v->host) ? "notify" : "exec");
}

/* systemd.service(5), "Command lines": words in double quotes, % and $ doubled */
static int command(const struct view *v, struct buf *ret, struct err *e)
{
	(void)e;
	const char *args = is_server(v->host) ? v->host->extra_server_args :
						v->host->extra_agent_args;
	buf_adds(ret, is_server(v->host) ? "server" : "agent");
	for (const char *s = args ? args : ""; *s;) {
		s += strspn(s, " \t\n");
		size_t len = strcspn(s, " \t\n");
		if (len)
			buf_adds(ret, " \"");
		for (size_t i = 0; i < len; i++) {
			if (strchr("%$", s[i]))
				buf_addc(ret, s[i]);
			else if (strchr("\"\\", s[i]))
				buf_addc(ret, '\\');
			buf_addc(ret, s[i]);
		}
		if (len)
			buf_addc(ret, '"');
		s += len;
	}
	return ret->full ? -ERR_MEMORY : 0;
}

static const struct tmpl_name unit_names[] = { { "type", .value = type },
					       { "command", .value = command },
					       { NULL } };
static const struct file_arg server_unit = { .path = "/etc/systemd/system/k3s.service",
					     .mode = 0644,
					     .tmpl = "k3s.service.tmpl",
					     .names = unit_names };
static const struct file_arg agent_unit = { .path = "/etc/systemd/system/k3s-agent.service",
					    .mode = 0644,
					    .tmpl = "k3s.service.tmpl",
					    .names = unit_names };

/* ---- the node is in the cluster */

static void node_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	probe_ask(p, "node", "%s:%s", v->inv->k3s_server_location, v->host->node_name);
}

static bool is_refused(const char *node)
{
	char refused[8];
	return facts_field(node, "refused", refused, sizeof(refused));
}

static int node_check(const struct step *s, const struct view *v, struct finding *ret,
		      struct err *e)
{
	(void)s;
	const char *is = NULL;
	char ready[16] = "", why[200] = "", version[64] = "", ip[64] = "";
	if (v->destroying)
		return found(ret, ABSENT, "the node leaves with K3s");
	int rc = fact(v, &is, e, "node", "%s:%s", v->inv->k3s_server_location, v->host->node_name);
	if (rc < 0)
		return rc;
	if (!is)
		return found(ret, ABSENT, "the node is not in the cluster");
	facts_field(is, "ready", ready, sizeof(ready));
	facts_field(is, "why", why, sizeof(why));
	facts_field(is, "version", version, sizeof(version));
	facts_field(is, "ip", ip, sizeof(ip));
	if (strcmp(ready, "True") != 0)
		return found(ret, DRIFTED, "the node is not Ready: %s", is_refused(is) ?
			     "the servers know another password of it than /etc/rancher/node/password" : why);
	if (strcmp(version, v->inv->k3s_version) != 0)
		return found(ret, DRIFTED, "the node runs %s instead of %s", version,
			     v->inv->k3s_version);
	if (strcmp(ip, v->host->internal_ip) != 0)
		return found(ret, DRIFTED, "the node's address in the cluster is %s instead of %s",
			     ip, v->host->internal_ip);
	return found(ret, PRESENT, "the node is Ready at %s with %s", ip, version);
}

static int node_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	char limit[16];
	snprintf(limit, sizeof(limit), "%d", READY_S);
	const char *const args[] = { unit_of(h->view.host), h->view.inv->k3s_server_location,
				     h->view.host->node_name, h->view.inv->k3s_version, limit, NULL };
	const char *is = facts_get(h->view.facts, NULL, NULL, "node", "%s:%s", h->view.inv->k3s_server_location,
				   h->view.host->node_name);
	int rc = is && is_refused(is) ? k3s_readmit_node(h, e) : 0;
	rc = rc < 0 ? rc : step_script(h, "k3s-wait", args, READY_S + 60, e);
	return rc < 0 ? k3s_explain(&h->view, e) : 0;
}

static const struct step_ops node_ops = { .ask = node_ask,
					  .check = node_check,
					  .apply = node_apply };

/* ---- manifests of the user's, which K3s applies */

static bool has_manifests(const struct inventory *inv, const struct host *h)
{
	(void)h;
	return inv->nextra_manifests > 0;
}

static int manifests_text(const struct view *v, struct buf *ret, struct err *e)
{
	buf_adds(ret, FILE_MARK);
	for (size_t i = 0; i < v->inv->nextra_manifests; i++) {
		buf_adds(ret, "---\n");
		int rc = file_read(v->inv->extra_manifests[i], ret, NULL, e);
		if (rc < 0)
			return rc;
		if (ret->len && ret->data[ret->len - 1] != '\n')
			buf_addc(ret, '\n');
	}
	return 0;
}

static const struct file_arg manifests = { .path = "{k3s}/server/manifests/powerstack-inventory.yaml",
					   .mode = 0600,
					   .render = manifests_text,
					   .needed = has_manifests };

/* ---- the table */

static bool on_server(const struct inventory *inv, const struct host *h)
{
	(void)inv;
	return is_server(h);
}

static bool on_control(const struct inventory *inv, const struct host *h)
{
	return h == inv->control;
}

static bool on_agent(const struct inventory *inv, const struct host *h)
{
	(void)inv;
	return !is_server(h);
}

enum row {
	ROW_TOKEN_FITS,
	ROW_ROOM,
	ROW_CLAIM,
	ROW_RELEASE,
	ROW_IMAGES,
	ROW_ARCHIVES,
	ROW_BACKUP,
	ROW_BINARY,
	ROW_LINKS,
	ROW_KILLALL,
	ROW_SERVER_UNINSTALL,
	ROW_AGENT_UNINSTALL,
	ROW_TOKEN,
	ROW_CONFIG,
	ROW_USER_CONFIG,
	ROW_REGISTRIES,
	ROW_SERVER_ENV,
	ROW_AGENT_ENV,
	ROW_SERVER_UNIT,
	ROW_AGENT_UNIT,
	ROW_MANIFESTS,
	ROW_SERVER,
	ROW_AGENT,
	ROW_NODE,
	ROW_KUBECONFIG,
	NROWS,
};

static const struct step steps[NROWS];
static const struct step *const inputs[] = {
	&steps[ROW_BINARY],	&steps[ROW_TOKEN],	&steps[ROW_CONFIG],
	&steps[ROW_USER_CONFIG], &steps[ROW_REGISTRIES], &steps[ROW_SERVER_ENV],
	&steps[ROW_AGENT_ENV],	&steps[ROW_SERVER_UNIT], &steps[ROW_AGENT_UNIT],
	NULL,
};
static const struct unit_arg server = { "k3s.service", .inputs = inputs, .start_s = START_S,
					.explain = k3s_explain };
static const struct unit_arg agent = { "k3s-agent.service", .inputs = inputs, .start_s = START_S };

static const struct step steps[NROWS] = {
	[ROW_TOKEN_FITS] = { "token-fits", "K3s takes the vault's token", &precondition_ops, &k3s_token_fits,
			     .no_undo = "a precondition changes nothing" },
	[ROW_ROOM] = { "room", "the release's images find room", &precondition_ops, &k3s_room,
		       .no_undo = "a precondition changes nothing" },
	[ROW_CLAIM] = { "claim", "K3s on the node is powerstack's", &claim_ops, NULL },
	[ROW_RELEASE] = { "release", "the wanted release may follow the one that is here", &k3s_release_ops, NULL,
			  .no_undo = "the uninstall script, which destroy runs, removes the record" },
	[ROW_IMAGES] = { "images", "the release's images are on the node", &artifact_ops, &images },
	[ROW_ARCHIVES] = { "image-archives", "the inventory's images are on the node", &k3s_archives_ops, NULL, .when = k3s_has_archives,
			   .no_undo = "the uninstall script, which destroy runs, removes them" },
	[ROW_BACKUP] = { "backup", "datastore and token are saved before an upgrade", &k3s_backup_ops, NULL,
			 .when = on_server,
			 .no_undo = "the uninstall script, which destroy runs, removes the copies" },
	[ROW_BINARY] = { "binary", "K3s is installed", &artifact_ops, &binary },
	[ROW_LINKS] = { "links", "kubectl, crictl and ctr are commands", &links_ops, NULL,
			.no_undo = "the uninstall script, which destroy runs, removes them" },
	[ROW_KILLALL] = { "killall", "k3s-killall.sh is installed", &file_ops, &killall },
	[ROW_SERVER_UNINSTALL] = { "uninstall", "k3s-uninstall.sh is installed", &file_ops,
				   &server_uninstall, .when = on_server },
	[ROW_AGENT_UNINSTALL] = { "agent-uninstall", "k3s-agent-uninstall.sh is installed",
				  &file_ops, &agent_uninstall, .when = on_agent },
	[ROW_TOKEN] = { "token", "the cluster's token is on the node", &file_ops, &token_file,
			.flags = STEP_SECRET },
	[ROW_CONFIG] = { "config", "K3s is configured", &file_ops, &config },
	[ROW_USER_CONFIG] = { "own-config", "the inventory's text for K3s is there", &file_ops,
			      &user_config, .flags = STEP_SECRET },
	[ROW_REGISTRIES] = { "registries", "registries are configured", &file_ops, &registries,
			     .flags = STEP_SECRET },
	[ROW_SERVER_ENV] = { "environment", "the service's environment is there", &file_ops,
			     &server_env, .flags = STEP_SECRET, .when = on_server },
	[ROW_AGENT_ENV] = { "agent-environment", "the service's environment is there", &file_ops,
			    &agent_env, .flags = STEP_SECRET, .when = on_agent },
	[ROW_SERVER_UNIT] = { "unit", "K3s' unit is installed", &file_ops, &server_unit,
			      .when = on_server },
	[ROW_AGENT_UNIT] = { "agent-unit", "K3s' unit is installed", &file_ops, &agent_unit,
			     .when = on_agent },
	[ROW_MANIFESTS] = { "manifests", "the inventory's manifests are there", &file_ops,
			    &manifests, .flags = STEP_SECRET, .when = on_control },
	[ROW_SERVER] = { "service", "K3s runs, now and after a boot", &unit_ops, &server,
			 .when = on_server },
	[ROW_AGENT] = { "agent-service", "K3s runs, now and after a boot", &unit_ops, &agent,
			.when = on_agent },
	[ROW_NODE] = { "node", "the node is Ready in the cluster", &node_ops, NULL,
		       .no_undo = "the node leaves when K3s does" },
	[ROW_KUBECONFIG] = { "kubeconfig", "the cluster is in the operator's kubeconfig",
			     &kubeconfig_ops, NULL, .flags = STEP_SECRET, .when = on_control },
};

static const char *const after_prereq[] = { "prereq", NULL };
static const char *const after_control[] = { "prereq", "k3s-control", NULL };
static const char *const after_servers[] = { "prereq", "k3s-control", "k3s-server", NULL };

const struct recipe recipe_k3s_control = {
	.name = "k3s-control",
	.part = "k3s",
	.summary = "installs and runs the first K3s server",
	.roles = ROLE_CONTROL,
	.joins_cluster = true,
	.holds_cluster = true,
	.after = after_prereq,
	.steps = steps,
	.nsteps = NROWS,
};
const struct recipe recipe_k3s_server = {
	.name = "k3s-server",
	.part = "k3s",
	.summary = "installs and runs the other K3s servers",
	.roles = ROLE_SERVER,
	.joins_cluster = true,
	.but_roles = ROLE_CONTROL,
	.after = after_control,
	.one_by_one = true,
	.steps = steps,
	.nsteps = NROWS,
};
const struct recipe recipe_k3s_agent = {
	.name = "k3s-agent",
	.part = "k3s",
	.summary = "installs and runs the K3s agents",
	.roles = ROLE_AGENT,
	.joins_cluster = true,
	.after = after_servers,
	.steps = steps,
	.nsteps = NROWS,
};
