/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "provision/steps/steps.h"

/* Another package manager is waited for this long, then named. The script as a whole may take as
 * long as a slow archive does. */
#define LOCK_WAIT_S "240"
#define PACKAGE_TIMEOUT_S 1200

static const char *name_of(const struct step *s)
{
	return s->arg;
}

static void package_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)v;
	probe_ask(p, "pkg", "%s", name_of(s));
	probe_ask(p, "record", "added/%s", name_of(s));
}

static int package_check(const struct step *s, const struct view *v, struct finding *ret,
			 struct err *e)
{
	const char *name = name_of(s);
	const char *pkg = NULL, *record = NULL;
	int rc = fact(v, &record, e, "record", "added/%s", name);
	if (rc == 0)
		rc = fact(v, &pkg, e, "pkg", "%s", name);
	if (rc < 0)
		return rc;
	char status[8] = "", version[64] = "", list[300] = "";
	if (pkg) {
		facts_field(pkg, "status", status, sizeof(status));
		facts_field(pkg, "version", version, sizeof(version));
	}
	/* dpkg's letters: wanted, is, error: "ii", and "hi" for a package on hold */
	bool installed = strlen(status) == 2 && status[1] == 'i';
	if (record)
		join_lines(record, list, sizeof(list));
	if (v->destroying) {
		if (record)
			return found(ret, PRESENT, "powerstack installed %s", list);
		return found(ret, ABSENT,
			     installed ? "package '%s' was there before powerstack: it stays"
				       : "package '%s' is not installed",
			     name);
	}
	if (installed)
		return found(ret, PRESENT, "package '%s' %s is installed", name, version);
	if (record)
		return found(ret, DRIFTED, "the installation of package '%s' was cut off", name);
	if (status[0] && status[1] != 'c' && status[1] != 'n')
		return found(ret, DRIFTED, "package '%s' is only half installed (%s)", name,
			     status);
	return found(ret, ABSENT, "package '%s' is not installed", name);
}

static int package_apply(const struct step *s, struct hand *h, struct err *e)
{
	const char *const args[] = { name_of(s), LOCK_WAIT_S, NULL };
	return step_script(h, "package-install", args, PACKAGE_TIMEOUT_S, e);
}

static int package_undo(const struct step *s, struct hand *h, struct err *e)
{
	const char *const args[] = { name_of(s), LOCK_WAIT_S, NULL };
	return step_script(h, "package-remove", args, PACKAGE_TIMEOUT_S, e);
}

const struct step_ops package_ops = {
	.ask = package_ask,
	.check = package_check,
	.apply = package_apply,
	.undo = package_undo,
};
