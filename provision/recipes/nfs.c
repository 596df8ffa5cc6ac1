/* SPDX-License-Identifier: BSD-2-Clause */
/* The data volume for the whole cluster: exported by the control node, mounted by all others. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

static const struct file_arg exports = {
	.path = "/etc/exports.d/powerstack.exports",
	.mode = 0644,
	.tmpl = "exports.tmpl",
	.own_dir = true,
};
static const struct unit_arg server = { .unit = "nfs-server.service",
					.shared = true,
					.start_s = 60 };

/* ---- what the kernel really exports */

static void export_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)s;
	probe_ask(p, "exports", "%s", v->inv->export_path);
}

static int export_check(const struct step *s, const struct view *v, struct finding *ret,
			struct err *e)
{
	(void)s;
	static const char *const options[] = { "rw", "sync", "no_root_squash", "no_subtree_check" };
	const char *is = NULL;
	int rc = fact(v, &is, e, "exports", "%s", v->inv->export_path);
	if (rc < 0)
		return rc;
	if (!is)
		return found(ret, ABSENT, "'%s' is not exported", v->inv->export_path);
	char client[128], list[256], all[600];
	join_lines(is, list, sizeof(list));
	snprintf(client, sizeof(client), "%s(", v->inv->nfs_network);
	if (v->destroying)
		return found(ret, PRESENT, "'%s' is exported: %s", v->inv->export_path, list);
	if (strchr(is, '\n') || strncmp(is, client, strlen(client)) != 0)
		return found(ret, DRIFTED, "'%s' is exported to others than %s: %s",
			     v->inv->export_path, v->inv->nfs_network, list);
	/* ",rw,sync,...," so that each option is found whole */
	snprintf(all, sizeof(all), ",%s", is + strlen(client));
	for (char *c = all; *c; c++)
		if (*c == ')')
			*c = ',';
	for (size_t i = 0; i < COUNT(options); i++) {
		char word[64];
		snprintf(word, sizeof(word), ",%s,", options[i]);
		if (!strstr(all, word))
			return found(ret, DRIFTED, "'%s' is exported without %s: %s",
				     v->inv->export_path, options[i], list);
	}
	return found(ret, PRESENT, "'%s' is exported to %s", v->inv->export_path,
		     v->inv->nfs_network);
}

static int export_apply(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const args[] = { "on", h->view.inv->export_path, NULL };
	return step_script(h, "export-set", args, 60, e);
}

static int export_undo(const struct step *s, struct hand *h, struct err *e)
{
	(void)s;
	const char *const args[] = { "off", h->view.inv->export_path, NULL };
	return step_script(h, "export-set", args, 60, e);
}

static const struct step_ops export_ops = {
	.ask = export_ask,
	.check = export_check,
	.apply = export_apply,
	.undo = export_undo,
};

static const struct step server_steps[] = {
	{ "package", "package nfs-kernel-server is installed", &package_ops, "nfs-kernel-server" },
	{ "exports", "the data volume is in exports.d", &file_ops, &exports },
	{ "service", "the NFS server runs, now and after a boot", &unit_ops, &server },
	{ "export", "the data volume is exported to the cluster", &export_ops, NULL },
};

static const char *const after_disk[] = { "disk", NULL };

const struct recipe recipe_nfs_server = {
	.name = "nfs-server",
	.part = "nfs",
	.summary = "exports the data volume",
	.roles = ROLE_CONTROL,
	.after = after_disk,
	.steps = server_steps,
	.nsteps = COUNT(server_steps),
};

/* ---- clients. NFSv4, the highest minor version that both sides know. When all nodes boot at once
 * the server may come up last: the mount is tried for as long as it takes, and holds up nothing
 * (nofail). Data is safe: a "hard" mount, the default, waits for a server that went away. */
static const struct mount_arg share = {
	MOUNT_NFS,
	"nfs4",
	"_netdev,nofail,noatime,retry=10000,x-systemd.mount-timeout=infinity",
};

static bool is_client(const struct inventory *inv, const struct host *h)
{
	(void)inv;
	return !(h->roles & ROLE_CONTROL);
}

static const struct step client_steps[] = {
	{ "package", "package nfs-common is installed", &package_ops, "nfs-common",
	  .when = is_client },
	{ "mount", "the data volume is mounted, now and after a boot", &mount_ops, &share,
	  .when = is_client },
};

static const char *const after_server[] = { "prereq", "nfs-server", NULL };

const struct recipe recipe_nfs_client = {
	.name = "nfs-client",
	.part = "nfs",
	.summary = "mounts the data volume",
	.roles = ROLE_ANY,
	.after = after_server,
	.steps = client_steps,
	.nsteps = COUNT(client_steps),
};
