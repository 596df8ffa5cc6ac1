/* SPDX-License-Identifier: BSD-2-Clause */
/* X10, S7: no secret is exposed on a node. */
#include <stdio.h>
#include <string.h>

#include "provision/checks/checks.h"

/* What holds a secret when it is there. */
static const char *const secret_files[] = {
	"/etc/powerstack/exporter.yml", "/etc/rancher/k3s/config.yaml", "/etc/rancher/k3s/registries.yaml",
	"/etc/rancher/k3s/k3s.yaml", "/etc/systemd/system/k3s.service.env",
	"/etc/systemd/system/k3s-agent.service.env", "/etc/powerstack/kubelet-token",
};
#define NFILES (sizeof(secret_files) / sizeof(secret_files[0]))
/* A shorter entry would be found by chance in any process list. */
#define ENTRY_MIN 6

static void x10_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	for (size_t i = 0; i < NFILES; i++)
		probe_ask(p, "file", "%s", secret_files[i]);
	probe_ask(p, "ps", "-");
	if (v->host->roles & ROLE_CONTROL)
		probe_ask(p, "exports", "%s", v->inv->export_path);
}

static bool listed(const char *ps, const struct vault *vault, const char **ret_name)
{
	const char *name = NULL;
	for (size_t i = 0; vault && (name = vault_name(vault, i)); i++) {
		const struct secret *s = vault_get(vault, name);
		if (s && secret_len(s) >= ENTRY_MIN && memmem(ps, strlen(ps), secret_expose(s), secret_len(s))) {
			*ret_name = name;
			return true;
		}
	}
	return false;
}

static enum verdict x10_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	enum verdict bad = CHECK_FAIL;
	unsigned seen = 0;
	for (size_t i = 0; i < NFILES; i++) {
		bool known = false;
		const char *reason = NULL;
		const char *a = facts_get(v->facts, &known, &reason, "file", "%s", secret_files[i]);
		if (!known)
			return check_says(CHECK_FAIL, why, size, "%s could not be looked at: %s", secret_files[i],
					  reason ? reason : "no reason given");
		if (!a)
			continue;
		char mode[16] = "?", uid[16] = "?";
		facts_field(a, "mode", mode, sizeof(mode));
		facts_field(a, "uid", uid, sizeof(uid));
		if (strcmp(mode, "600") != 0 || strcmp(uid, "0") != 0)
			return check_says(CHECK_FAIL, why, size, "%s has mode %s and owner %s, wanted 600 and root",
					  secret_files[i], mode, uid);
		seen++;
	}
	const char *name = NULL;
	const char *ps = check_answer(v, "ps", "-", "cannot be told", &bad, why, size);
	if (!ps)
		return bad;
	if (listed(ps, v->vault, &name))
		return check_says(CHECK_FAIL, why, size, "the vault's entry '%s' stands in the process list", name);
	if (v->host->roles & ROLE_CONTROL) {
		const char *e = check_answer(v, "exports", v->inv->export_path, "is not exported", &bad, why, size);
		if (!e)
			return bad;
		size_t n = strlen(v->inv->nfs_network);
		if (strncmp(e, v->inv->nfs_network, n) != 0 || e[n] != '(' || strchr(e, '\n'))
			return check_says(CHECK_FAIL, why, size, "%s is exported to more than %s: %.120s",
					  v->inv->export_path, v->inv->nfs_network, e);
	}
	return check_says(CHECK_PASS, why, size, "%u files with secrets, all 0600 root; %s", seen,
			  v->vault ? "no vault entry in the process list" :
				     "process list not compared, no vault was opened");
}

const struct check check_x10 = {
	"X10", "prereq", "no secret is exposed: modes, process lists, export", ROLE_ANY, 0, 0, x10_ask, x10_judge,
};

/* S7: what the scripts of the thesis left where every user can read it, on a node that they were run on before */

static const char *const left_behind[] = {
	"/tmp/kepler-values.yml", "/tmp/monitoring-stack-values.yml",
};
#define NLEFT (sizeof(left_behind) / sizeof(left_behind[0]))

static void s7_ask(const struct check *c, const struct view *v, struct probe *p)
{
	(void)c;
	(void)v;
	for (size_t i = 0; i < NLEFT; i++)
		probe_ask(p, "file", "%s", left_behind[i]);
}

static enum verdict s7_judge(const struct check *c, const struct view *v, char *why, size_t size)
{
	(void)c;
	for (size_t i = 0; i < NLEFT; i++) {
		bool known = false;
		const char *reason = NULL;
		if (facts_get(v->facts, &known, &reason, "file", "%s", left_behind[i]))
			return check_says(CHECK_FAIL, why, size, "%s is there, with what may be a secret: remove it", left_behind[i]);
		if (!known)
			return check_says(CHECK_FAIL, why, size, "%s could not be looked at: %s", left_behind[i],
					  reason ? reason : "no reason given");
	}
	return check_says(CHECK_PASS, why, size, "none of %zu files with secrets is in /tmp", NLEFT);
}

const struct check check_s7 = {
	"S7", "prereq", "no file with secrets was left in /tmp", ROLE_ANY, 0, 0, s7_ask, s7_judge,
};
