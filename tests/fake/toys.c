/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/toys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* ---- what the scripts do */

static int thing_set(struct fake_host *h, const struct fake_cmd *c, struct buf *out,
		     struct buf *err)
{
	(void)out;
	if (c->argv[2][0] && !fake_get(h, "thing", c->argv[2])) {
		buf_addf(err, "'%s' is not there\n", c->argv[2]);
		return 1;
	}
	fake_set(h, "thing", c->argv[0], c->in_len ? c->in : c->argv[1]);
	return 0;
}

static int thing_rm(struct fake_host *h, const struct fake_cmd *c, struct buf *out,
		    struct buf *err)
{
	(void)out;
	(void)err;
	fake_unset(h, "thing", c->argv[0]);
	return 0;
}

static int thing_answer(struct fake_host *h, const char *about, struct buf *value)
{
	const char *is = fake_get(h, "thing", about);
	if (!is)
		return 0;
	buf_adds(value, is);
	return 1;
}

/* What is secret is compared by its sum: an answer never holds it (FNV-1a, 32 bits: a toy). */
static uint32_t sum(const char *s)
{
	uint32_t h = 2166136261u;
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static int thing_sum(struct fake_host *h, const char *about, struct buf *value)
{
	const char *is = fake_get(h, "thing", about);
	if (is && strncmp(is, "foreign", 7) == 0)
		buf_adds(value, is);
	else if (is)
		buf_addf(value, "%08x", sum(is));
	return is != NULL;
}

static int thing_text(struct fake_host *h, const char *about, struct buf *value)
{
	int is = strncmp(about, "/thing/", 7) == 0 ? thing_answer(h, about + 7, value) : 0;
	if (is)
		buf_addc(value, '\n');
	return is;
}

const struct fake_script toy_scripts[] = {
	{ "thing-set", thing_set, false },
	{ "thing-rm", thing_rm, false },
	{ 0 },
};
const struct fake_question toy_questions[] = {
	{ "thing", thing_answer },
	{ "sum", thing_sum },
	{ "text", thing_text },
	{ 0 },
};

/* ---- the step kind */

static void toy_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct toy *t = s->arg;
	(void)v;
	probe_ask(p, t->secret ? "sum" : "thing", "%s", t->name);
}

static int toy_check(const struct step *s, const struct view *v, struct finding *ret,
		     struct err *e)
{
	const struct toy *t = s->arg;
	bool known;
	const char *why;
	const char *is = facts_get(v->facts, &known, &why, t->secret ? "sum" : "thing", "%s",
				   t->name);
	if (!known)
		return err_set(e, ERR_FAILED, "cannot tell '%s': %s", t->name, why);
	const char *want = t->value;
	char wanted_sum[9];
	if (t->secret) {
		snprintf(wanted_sum, sizeof(wanted_sum), "%08x",
			 sum(secret_expose(vault_get(v->vault, t->secret))));
		want = wanted_sum;
	}
	ret->is = !is				       ? ABSENT :
		  strncmp(is, "foreign", 7) == 0       ? FOREIGN :
		  want && strcmp(is, want) == 0	       ? PRESENT :
							 DRIFTED;
	snprintf(ret->why, sizeof(ret->why), "'%s' is %s", t->name,
		 is ? is : "not there");
	return 0;
}

static int toy_apply(const struct step *s, struct hand *h, struct err *e)
{
	static const struct script script = { "thing-set", "" };
	const struct toy *t = s->arg;
	if (t->lies)
		return 0;
	const char *const argv[] = { t->name, t->value ? t->value : "", t->needs ? t->needs : "",
				     NULL };
	struct cmd cmd = { .script = &script, .argv = argv, .flags = CMD_SUDO };
	if (t->secret)
		cmd.in_secret = vault_get(h->view.vault, t->secret);
	struct answer a = { 0 };
	int rc = session_run(h->ssh, &cmd, &a, e);
	if (h->progress)
		h->progress(h->progress_ctx, 1, 1);
	answer_clear(&a);
	return rc;
}

static int toy_undo(const struct step *s, struct hand *h, struct err *e)
{
	static const struct script script = { "thing-rm", "" };
	const struct toy *t = s->arg;
	if (t->lies)
		return 0;
	const char *const argv[] = { t->name, NULL };
	struct cmd cmd = { .script = &script, .argv = argv, .flags = CMD_SUDO };
	struct answer a = { 0 };
	int rc = session_run(h->ssh, &cmd, &a, e);
	answer_clear(&a);
	return rc;
}

static int toy_wanted(const struct step *s, const struct view *v, struct buf *ret, struct err *e)
{
	(void)v;
	return buf_addf(ret, "%s\n", ((const struct toy *)s->arg)->value) < 0 ?
		       err_set(e, ERR_MEMORY, "too long") :
		       0;
}

static const char *toy_path(const struct step *s, const struct view *v, char room[STEP_PATH_MAX])
{
	(void)v;
	snprintf(room, STEP_PATH_MAX, "/thing/%s", ((const struct toy *)s->arg)->name);
	return room;
}

const struct step_ops toy_ops = {
	.ask = toy_ask,
	.check = toy_check,
	.apply = toy_apply,
	.undo = toy_undo,
	.wanted = toy_wanted,
	.wanted_path = toy_path,
};

/* A guard is met by a thing that is there and not foreign. */
static int guard_check(const struct step *s, const struct view *v, struct finding *ret,
		       struct err *e)
{
	int rc = toy_check(s, v, ret, e);
	if (rc == 0 && ret->is == DRIFTED)
		ret->is = PRESENT;
	return rc;
}

const struct step_ops toy_guard_ops = { .ask = toy_ask, .check = guard_check };

/* ---- the recipes */

static const struct step base_steps[] = {
	{ .name = "one", .does = "the first thing of base is there", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "base-one", .value = "1" } },
	{ .name = "two", .does = "the second thing of base is there", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "base-two", .value = "2", .needs = "base-one" } },
};
static const struct step store_steps[] = {
	{ .name = "disk", .does = "the disk is prepared", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "disk", .value = "btrfs", .needs = "base-two" } },
	{ .name = "mount", .does = "the disk is mounted", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "mount", .value = "on", .needs = "disk" } },
	{ .name = "table", .does = "the disk is in the table", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "table", .value = "line", .needs = "mount" } },
};
static const struct step share_steps[] = {
	{ .name = "package", .does = "the server is installed", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "server", .value = "1.0" } },
	{ .name = "export", .does = "the disk is shared", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "export", .value = "on", .needs = "mount" } },
};
static const struct step client_steps[] = {
	{ .name = "package", .does = "the client is installed", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "client", .value = "1.0", .needs = "base-two" } },
	{ .name = "mount", .does = "the share is mounted", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "share", .value = "on", .needs = "client" } },
};
static const struct step meter_steps[] = {
	{ .name = "meter", .does = "the meter runs", .ops = &toy_ops,
	  .arg = &(const struct toy){ .name = "meter", .value = "runs", .needs = "base-two" } },
};

static const char *const after_base[] = { "base", NULL };
static const char *const after_store[] = { "store", NULL };
static const char *const after_share[] = { "base", "share", NULL };

/* Not in an order that respects `after`: the plan has to sort them. */
static const struct recipe toy_client = {
	"client", "net", "mounts the share", ROLE_AGENT, after_share, client_steps,
	COUNT(client_steps)
};
static const struct recipe toy_base = {
	"base", "base", "two things", ROLE_ANY, NULL, base_steps, COUNT(base_steps)
};
static const struct recipe toy_store = {
	"store", "store", "a disk", ROLE_CONTROL, after_base, store_steps, COUNT(store_steps)
};
static const struct recipe toy_share = {
	"share", "net", "shares the disk", ROLE_CONTROL, after_store, share_steps,
	COUNT(share_steps)
};
static const struct recipe toy_meter = {
	"meter", "meter", "a meter", ROLE_ANY, after_base, meter_steps, COUNT(meter_steps)
};
const struct recipe *const toy_recipes[] = { &toy_client, &toy_base,  &toy_store,
					     &toy_share,  &toy_meter, NULL };

/* ---- the inventory */

struct inventory *toy_inventory(unsigned agents)
{
	struct inventory *inv = calloc(1, sizeof(*inv));
	struct host *hosts = calloc(agents + 1, sizeof(*hosts));
	if (!inv || !hosts)
		abort();
	for (unsigned i = 0; i <= agents; i++) {
		char *name = NULL;
		if (asprintf(&name, "ho%u", i + 1) < 0)
			abort();
		hosts[i] = (struct host){
			.name = name,
			.key = name,
			.node_name = name,
			.address = name,
			.internal_ip = name,
			.user = "root",
			.port = 22,
			.roles = i ? ROLE_AGENT : ROLE_SERVER | ROLE_CONTROL,
		};
	}
	inv->path = "toy.yml";
	inv->cluster_name = "toys";
	inv->hosts = hosts;
	inv->nhosts = agents + 1;
	inv->control = hosts;
	return inv;
}

void toy_inventory_free(struct inventory *inv)
{
	if (!inv)
		return;
	for (size_t i = 0; i < inv->nhosts; i++)
		free((char *)inv->hosts[i].name);
	free((struct host *)inv->hosts);
	free(inv);
}
