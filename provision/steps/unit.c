/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/steps/steps.h"

static const struct unit_arg *arg_of(const struct step *s)
{
	return s->arg;
}

/* A row that is not there on this host is no input either. */
static bool is_input(const struct step *in, const struct view *v)
{
	return !in->when || in->when(v->inv, v->host);
}

static void unit_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct unit_arg *a = arg_of(s);
	probe_ask(p, "unit", "%s", a->unit);
	if (a->shared)
		probe_ask(p, "record", "unit/%s", a->unit);
	for (size_t i = 0; a->inputs && a->inputs[i]; i++)
		if (is_input(a->inputs[i], v))
			a->inputs[i]->ops->ask(a->inputs[i], v, p);
}

static bool is_enabled(const char *state)
{
	static const char *const ok[] = { "enabled", "static", "alias", "indirect", "generated" };
	for (size_t i = 0; i < COUNT(ok); i++)
		if (strcmp(state, ok[i]) == 0)
			return true;
	return false;
}

/* An input that is about to change, or changed after the main process started. */
static int input_check(const struct step *in, const struct view *v, uint64_t started_ns,
		       struct finding *ret, struct err *e)
{
	struct finding f = { 0 };
	int rc = in->ops->check(in, v, &f, e);
	if (rc < 0)
		return rc;
	char room[STEP_PATH_MAX];
	const char *path = step_file_path(in, v, room);
	if (f.is != PRESENT)
		return found(ret, DRIFTED, "it must be restarted when '%s' has changed", path);
	const char *is = NULL;
	char text[32] = "";
	rc = fact(v, &is, e, "file", "%s", path);
	if (rc == 0 && is && facts_field(is, "ctime_ns", text, sizeof(text)) && started_ns &&
	    strtoull(text, NULL, 10) >= started_ns)
		return found(ret, DRIFTED, "it was started before '%s' changed", path);
	return rc;
}

static int unit_check(const struct step *s, const struct view *v, struct finding *ret,
		      struct err *e)
{
	const struct unit_arg *a = arg_of(s);
	const char *is = NULL, *record = NULL;
	int rc = fact(v, &is, e, "unit", "%s", a->unit);
	if (rc == 0 && a->shared)
		rc = fact(v, &record, e, "record", "unit/%s", a->unit);
	if (rc < 0)
		return rc;
	if (v->destroying && a->shared && !record)
		return found(ret, ABSENT,
			     "unit '%s' was not switched on by powerstack: it is left alone",
			     a->unit);
	if (!is && !record)
		return found(ret, ABSENT, "unit '%s' does not exist", a->unit);
	if (!is)
		return found(ret, DRIFTED, "unit '%s' is gone", a->unit);
	char load[24] = "", active[24] = "", sub[24] = "", enabled[24] = "", reload[8] = "",
	     at[32] = "";
	facts_field(is, "LoadState", load, sizeof(load));
	facts_field(is, "ActiveState", active, sizeof(active));
	facts_field(is, "SubState", sub, sizeof(sub));
	facts_field(is, "UnitFileState", enabled, sizeof(enabled));
	facts_field(is, "NeedDaemonReload", reload, sizeof(reload));
	facts_field(is, "started_ns", at, sizeof(at));
	bool on = is_enabled(enabled);
	if (!v->destroying && strcmp(load, "masked") == 0)
		return found(ret, FOREIGN,
			     "unit '%s' is masked: 'systemctl unmask' it if it may run", a->unit);
	if (strcmp(active, "inactive") == 0 && (!on || strcmp(enabled, "enabled") != 0) && !record)
		return found(ret, ABSENT, "unit '%s' is off", a->unit);
	if (v->destroying)
		return found(ret, PRESENT, "unit '%s' is %s, %s", a->unit, active, enabled);
	if (strcmp(active, "active") != 0)
		return found(ret, DRIFTED, "unit '%s' is %s (%s)", a->unit, active, sub);
	if (!on)
		return found(ret, DRIFTED, "unit '%s' is active, but not enabled (%s)", a->unit,
			     enabled);
	if (strcmp(reload, "yes") == 0 && !a->shared)
		return found(ret, DRIFTED, "unit '%s' changed on disk after it was loaded",
			     a->unit);
	*ret = (struct finding){ .is = PRESENT };
	for (size_t i = 0; a->inputs && a->inputs[i] && ret->is == PRESENT; i++) {
		if (!is_input(a->inputs[i], v))
			continue;
		rc = input_check(a->inputs[i], v, strtoull(at, NULL, 10), ret, e);
		if (rc < 0)
			return rc;
	}
	if (ret->is == PRESENT)
		return found(ret, PRESENT, "unit '%s' is active (%s) and %s", a->unit, sub,
			     enabled);
	return 0;
}

static int unit_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct unit_arg *a = arg_of(s);
	AUTO_STRV struct strv args = { 0 };
	char room[STEP_PATH_MAX];
	int rc = strv_push(&args, a->unit);
	if (rc == 0)
		rc = strv_push(&args, a->shared ? "shared" : "ours");
	if (rc == 0)
		rc = strv_pushf(&args, "%u", a->start_s);
	for (size_t i = 0; a->inputs && a->inputs[i] && rc == 0; i++)
		if (is_input(a->inputs[i], &h->view))
			rc = strv_push(&args, step_file_path(a->inputs[i], &h->view, room));
	if (rc < 0)
		return err_set(e, ERR_MEMORY, "out of memory");
	rc = step_script(h, "unit-start", strv_get(&args), 2 * a->start_s + 60, e);
	return rc < 0 && a->explain ? a->explain(&h->view, e) : rc;
}

static int unit_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct unit_arg *a = arg_of(s);
	const char *const args[] = { a->unit, a->shared ? "shared" : "ours", NULL };
	return step_script(h, "unit-stop", args, 120, e);
}

const struct step_ops unit_ops = {
	.ask = unit_ask,
	.check = unit_check,
	.apply = unit_apply,
	.undo = unit_undo,
};
