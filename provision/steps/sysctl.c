/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/steps/steps.h"


static const struct sysctl_arg *arg_of(const struct step *s)
{
	return s->arg;
}

/* "net/ipv4/ip_forward" -> "net.ipv4.ip_forward", as drop-ins write it */
static void dotted(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s", name);
	for (char *c = ret; *c; c++)
		if (*c == '/')
			*c = '.';
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	for (const char *s = text; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (strncmp(s, line, len) == 0 && (s[len] == '\n' || s[len] == '\0'))
			return true;
	}
	return false;
}

static void sysctl_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)v;
	const struct sysctl_arg *a = arg_of(s);
	probe_ask(p, "text", "%s", a->path);
	for (size_t i = 0; i < a->n; i++)
		probe_ask(p, "sysctl", "%s", a->values[i].key);
}

static int sysctl_check(const struct step *s, const struct view *v, struct finding *ret,
			struct err *e)
{
	const struct sysctl_arg *a = arg_of(s);
	const char *text = NULL;
	int rc = fact(v, &text, e, "text", "%s", a->path);
	if (rc < 0)
		return rc;
	if (text && strncmp(text, FILE_MARK, strlen(FILE_MARK)) != 0)
		return found(
			ret, FOREIGN,
			"'%s' exists and is not managed by powerstack: move it away, or remove it",
			a->path);
	if (!text)
		ret->is = ABSENT;
	else if (v->destroying)
		return found(ret, PRESENT, "'%s' is there", a->path);
	for (size_t i = 0; i < a->n; i++) {
		const struct keyval *kv = &a->values[i];
		const char *live = NULL;
		rc = fact(v, &live, e, "sysctl", "%s", kv->key);
		if (rc < 0)
			return rc;
		char name[128], line[256];
		dotted(kv->key, name, sizeof(name));
		snprintf(line, sizeof(line), "%s = %s", name, kv->value);
		if (!v->destroying && !live)
			return found(ret, FOREIGN, "this kernel has no setting '%s'", name);
		if (!text)
			continue;
		if (!has_line(text, line))
			return found(ret, DRIFTED, "'%s' does not set %s = %s", a->path, name,
				     kv->value);
		if (strcmp(live, kv->value) != 0)
			return found(ret, DRIFTED, "%s is %s instead of %s", name, live, kv->value);
	}
	if (!text)
		return found(ret, ABSENT, "'%s' does not exist", a->path);
	return found(ret, PRESENT, "'%s' and the live values are as wanted", a->path);
}

static int sysctl_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct sysctl_arg *a = arg_of(s);
	AUTO_STRV struct strv args = { 0 };
	int rc = strv_push(&args, a->path);
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		rc = strv_push(&args, a->values[i].key);
		if (rc == 0)
			rc = strv_push(&args, a->values[i].value);
	}
	if (rc < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	return step_script(h, "sysctl-set", strv_get(&args), 30, e);
}

static int sysctl_undo(const struct step *s, struct hand *h, struct err *e)
{
	const char *const args[] = { arg_of(s)->path, NULL };
	return step_script(h, "sysctl-undo", args, 30, e);
}

/* What the former value was: from the drop-in that is there, else the live one. */
static void former(const char *text, const char *name, const char *live, struct buf *ret)
{
	char key[160];
	snprintf(key, sizeof(key), "\n# before: %s = ", name);
	const char *at = text ? strstr(text, key) : NULL;
	if (at) {
		at += strlen(key);
		buf_addf(ret, "%.*s\n", (int)strcspn(at, "\n"), at);
	} else {
		buf_addf(ret, "%s\n", live ? live : "");
	}
}

static int sysctl_wanted(const struct step *s, const struct view *v, struct buf *ret, struct err *e)
{
	const struct sysctl_arg *a = arg_of(s);
	const char *text = NULL;
	int rc = fact(v, &text, e, "text", "%s", a->path);
	buf_adds(ret,
		 FILE_MARK "# What the node had before is put back when powerstack is destroyed.\n");
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		const char *live = NULL;
		char name[128];
		dotted(a->values[i].key, name, sizeof(name));
		rc = fact(v, &live, e, "sysctl", "%s", a->values[i].key);
		buf_addf(ret, "# before: %s = ", name);
		former(text, name, live, ret);
	}
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		char name[128];
		dotted(a->values[i].key, name, sizeof(name));
		buf_addf(ret, "%s = %s\n", name, a->values[i].value);
	}
	return rc;
}

static const char *sysctl_path(const struct step *s, const struct view *v, char room[STEP_PATH_MAX])
{
	(void)v;
	(void)room;
	return arg_of(s)->path;
}

const struct step_ops sysctl_ops = {
	.ask = sysctl_ask,
	.check = sysctl_check,
	.apply = sysctl_apply,
	.undo = sysctl_undo,
	.wanted = sysctl_wanted,
	.wanted_path = sysctl_path,
};
