/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects of a manifest, and Secrets. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/files.h"
#include "provision/steps/cluster.h"

#define MANIFEST_MAX (256u * 1024)
#define SECRET_TIMEOUT_S 120

static const struct {
	const char *resource, *list;	/* of the API: "%s" is the namespace */
} kinds[] = {
	{ "namespace", "/api/v1/namespaces" },
	{ "serviceaccount", "/api/v1/namespaces/%s/serviceaccounts" },
	{ "secret", "/api/v1/namespaces/%s/secrets" },
	{ "clusterrole", "/apis/rbac.authorization.k8s.io/v1/clusterroles" },
	{ "clusterrolebinding", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings" },
	{ "persistentvolume", "/api/v1/persistentvolumes" },
	{ "persistentvolumeclaim", "/api/v1/namespaces/%s/persistentvolumeclaims" },
	{ "storageclass", "/apis/storage.k8s.io/v1/storageclasses" },
	{ "configmap", "/api/v1/namespaces/%s/configmaps" },
	{ "scrapeconfig", "/apis/monitoring.coreos.com/v1alpha1/namespaces/%s/scrapeconfigs" },
	{ "prometheusrule", "/apis/monitoring.coreos.com/v1/namespaces/%s/prometheusrules" },
	{ "helmchartconfig", "/apis/helm.cattle.io/v1/namespaces/%s/helmchartconfigs" },
};

int kube_fact(const struct view *v, const char *path, struct json_object **ret, char *why, size_t size, struct err *e)
{
	bool known = false;
	const char *reason = NULL;
	const char *body = facts_get(v->facts, &known, &reason, "api", "%s", path);
	*ret = NULL;
	if (!known) {
		snprintf(why, size, "%s", reason ? reason : "it was not asked");
		return 1;
	}
	if (body && !(*ret = json_tokener_parse(body)))
		return err_set(e, ERR_FAILED, "the API server's answer to '%s' is no JSON", path);
	return 0;
}

bool k3s_sets(const struct inventory *inv, const char *option, const char *value)
{
	const char *args = inv->control->extra_server_args, *config = inv->server_config_yaml;
	char flag[64];
	snprintf(flag, sizeof(flag), "--%s", option);
	return (args && strstr(args, flag) && strstr(args, value)) || (config && strstr(config, option) && strstr(config, value));
}

bool k3s_disables(const struct inventory *inv, const char *component)
{
	return k3s_sets(inv, "disable", component);
}

int kube_untold(const struct view *v, const char *kind, const char *name, const char *why, struct finding *ret, struct err *e)
{
	if (v->destroying)
		return err_set(e, ERR_FAILED, "cannot tell %s'%s': %s", kind, name, why);
	return found(ret, DRIFTED, "it cannot be told yet: %.300s", why);
}

bool kube_is_ours(struct json_object *o)
{
	return strcmp(obj_text(OBJ(o, "metadata", "labels", "app.kubernetes.io/managed-by")), "powerstack") == 0;
}

/* ---- objects */

void kube_path(const struct kube_object *o, char ret[KUBE_PATH_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].resource, o->resource) == 0) {
			const char *at = strstr(kinds[i].list, "%s");
			n = at ? (size_t)snprintf(ret, KUBE_PATH_MAX, "%.*s%s%s", (int)(at - kinds[i].list), kinds[i].list, o->ns,
						  at + 2) :
				 (size_t)snprintf(ret, KUBE_PATH_MAX, "%s", kinds[i].list);
		}
	snprintf(ret + n, KUBE_PATH_MAX - n, "/%s", o->name);
}

static void kube_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct kube_arg *a = s->arg;
	struct kube_object objects[KUBE_OBJECTS_MAX];
	size_t n = v->cluster_goes ? 0 : a->objects(v->inv, objects);
	for (size_t i = 0; i < n; i++) {
		char path[KUBE_PATH_MAX];
		kube_path(&objects[i], path);
		probe_ask(p, "api", "%s", path);
	}
}

void config_hash(const struct buf *text, char ret[static CONFIG_HASH_LEN + 1])
{
	unsigned char h[CONFIG_HASH_LEN / 2];
	crypto_generichash(h, sizeof(h), (const unsigned char *)buf_str(text), text->len, NULL, 0);
	sodium_bin2hex(ret, CONFIG_HASH_LEN + 1, h, sizeof(h));
}

/* The manifest with its hash in it, and the hash. */
static int manifest(const struct kube_arg *a, const struct view *v, struct buf *ret, char ret_hash[CONFIG_HASH_LEN + 1],
		    struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	buf_init(&text, MANIFEST_MAX);
	int rc = template_add(a->tmpl, a->names, v, &text, e);
	if (rc < 0)
		return rc;
	config_hash(&text, ret_hash);
	const char *from = buf_str(&text);
	for (const char *at; (at = strstr(from, CONFIG_HASH_MARK)); from = at + sizeof(CONFIG_HASH_MARK) - 1) {
		buf_add(ret, from, (size_t)(at - from));
		buf_adds(ret, ret_hash);
	}
	return buf_adds(ret, from) < 0 ? err_set(e, ERR_MEMORY, "the manifest is too long") : 0;
}

struct tally {
	unsigned there, ours, right;
	char why[300];			/* the first object that is not as wanted */
};

static void count(struct tally *t, const struct kube_object *o, struct json_object *is, const char *hash)
{
	const char *phase = obj_text(OBJ(is, "status", "phase")), *why = NULL;
	bool ours = kube_is_ours(is);
	t->there += is != NULL;
	t->ours += ours;
	if (!is)
		why = "is not there";
	else if (OBJ(is, "metadata", "deletionTimestamp"))
		why = "is being deleted";
	else if (!ours && !o->shared)
		why = "is not powerstack's";
	else if (ours && strcmp(obj_text(OBJ(is, "metadata", "labels", "powerstack-config-hash")), hash) != 0)
		why = "has another configuration";
	else if (strcmp(phase, "Released") == 0 || strcmp(phase, "Failed") == 0)
		why = "was claimed by a claim that is gone";
	if (!why)
		t->right++;
	else if (!t->why[0])
		snprintf(t->why, sizeof(t->why), "%s '%s' %s", o->resource, o->name, why);
}

static int kube_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	const struct kube_arg *a = s->arg;
	struct kube_object objects[KUBE_OBJECTS_MAX];
	size_t n = a->objects(v->inv, objects);
	struct tally t = { 0 };
	char hash[CONFIG_HASH_LEN + 1] = "", why[300];
	if (v->cluster_goes)
		return found(ret, ABSENT, "it goes with the cluster");
	if (!v->destroying) {
		AUTO_BUF struct buf text = { 0 };
		buf_init(&text, MANIFEST_MAX);
		int rc = manifest(a, v, &text, hash, e);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < n; i++) {
		char path[KUBE_PATH_MAX];
		AUTO_JSON struct json_object *is = NULL;
		kube_path(&objects[i], path);
		int rc = kube_fact(v, path, &is, why, sizeof(why), e);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return kube_untold(v, "", path, why, ret, e);
		if (is && !kube_is_ours(is) && !objects[i].shared && !v->destroying)
			return found(ret, FOREIGN,
				     "%s '%s' is in the cluster and is not powerstack's: remove it, or choose another name",
				     objects[i].resource, objects[i].name);
		count(&t, &objects[i], is, hash);
	}
	if (v->destroying)
		return found(ret, t.ours ? PRESENT : ABSENT, t.ours ? "%u of %zu are there" : "none of powerstack's is there",
			     t.ours, n);
	if (t.right == n)
		return found(ret, PRESENT, "%s '%s'%s", objects[0].resource, objects[0].name,
			     n > 1 ? " and the others are as wanted" : " is as wanted");
	return found(ret, t.there ? DRIFTED : ABSENT, "%s", t.why);
}

/* The arguments of kube-put, kube-take and kube-claim. */
struct words {
	const char *v[4 + 3 * 32];
	size_t n;
};

static void add_object(struct words *w, const struct kube_object *o)
{
	if (w->n + 4 > COUNT(w->v))
		return;
	w->v[w->n++] = o->resource;
	w->v[w->n++] = o->ns;
	w->v[w->n++] = o->name;
}

static int kube_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct kube_arg *a = s->arg;
	struct kube_object objects[KUBE_OBJECTS_MAX];
	size_t n = a->objects(h->view.inv, objects);
	AUTO_BUF struct buf text = { 0 };
	char hash[CONFIG_HASH_LEN + 1], limit[16];
	buf_init(&text, MANIFEST_MAX);
	int rc = manifest(a, &h->view, &text, hash, e);
	if (rc < 0)
		return rc;
	snprintf(limit, sizeof(limit), "%u", a->timeout_s);
	struct words w = { { limit }, 1 };
	for (size_t i = 0; i < n; i++)
		add_object(&w, &objects[i]);
	return step_script_in(h, "kube-put", w.v, &text, false, a->timeout_s + 120, e);
}

static int kube_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct kube_arg *a = s->arg;
	struct kube_object objects[KUBE_OBJECTS_MAX];
	size_t n = a->objects(h->view.inv, objects);
	char limit[16];
	snprintf(limit, sizeof(limit), "%u", a->timeout_s);
	struct words w = { { limit }, 1 };
	for (size_t i = n; i-- > 0;) {
		char path[KUBE_PATH_MAX], why[300];
		AUTO_JSON struct json_object *is = NULL;
		kube_path(&objects[i], path);
		/* what was there before us stays */
		if (kube_fact(&h->view, path, &is, why, sizeof(why), e) == 0 && kube_is_ours(is))
			add_object(&w, &objects[i]);
	}
	return step_script(h, "kube-take", w.v, a->timeout_s + 120, e);
}

const struct step_ops kube_ops = {
	.ask = kube_ask,
	.check = kube_check,
	.apply = kube_apply,
	.undo = kube_undo,
};

/* ---- Secrets */

const struct secret *kube_secret_value(const struct kube_secret_entry *entry, const struct view *v, struct err *e)
{
	const struct secret_ref *ref = (const void *)((const char *)v->inv + entry->ref_at);
	const struct secret *s = ref->entry && v->vault ? vault_get(v->vault, ref->entry) : NULL;
	if (!ref->entry)
		err_set(e, ERR_CONFIG, "the inventory has no '%s': add %s: \"{{ ansible_vault.%s }}\" and 'powerstack vault set %s'",
			entry->inventory_key, entry->inventory_key, entry->inventory_key, entry->inventory_key);
	else if (!s)
		err_set(e, ERR_CONFIG, "the vault has no entry '%s': 'powerstack vault set %s'", ref->entry, ref->entry);
	return s;
}

/* "key":"base64","key":"base64", as the API has a Secret's data. */
static int secret_data(const struct kube_secret_arg *a, const struct view *v, struct buf *ret, struct err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct kube_secret_entry *entry = &a->entries[i];
		const struct secret *s = entry->text ? NULL : kube_secret_value(entry, v, e);
		if (!entry->text && !s)
			return -(int)e->kind;
		const void *bytes = s ? secret_expose(s) : entry->text;
		size_t len = s ? secret_len(s) : strlen(entry->text);
		size_t room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
		AUTO_SECRET struct secret *coded = NULL;
		unsigned char *b64 = NULL;
		int rc = secret_new_empty(room, &coded, &b64, e);
		if (rc < 0)
			return rc;
		sodium_bin2base64((char *)b64, room, bytes, len, sodium_base64_VARIANT_ORIGINAL);
		buf_addf(ret, "%s\"%s\":\"", i ? "," : "", entry->key);
		buf_add(ret, b64, room - 1);
		buf_addc(ret, '"');
	}
	return ret->full ? err_set(e, ERR_MEMORY, "a secret is too long") : 0;
}

static void secret_ask(const struct step *s, const struct view *v, struct probe *p)
{
	const struct kube_secret_arg *a = s->arg;
	probe_ask(p, "record", "%s", a->claim);
	if (!v->cluster_goes)
		probe_ask(p, "secret", "%s/%s", a->ns(v->inv), a->name);
}

static int secret_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	const struct kube_secret_arg *a = s->arg;
	bool known = false;
	const char *reason = NULL, *claim = NULL;
	AUTO_BUF struct buf data = { 0 };
	if (v->cluster_goes)
		return found(ret, ABSENT, "it goes with the cluster");
	/* Whatever is in the cluster, and before anything is changed: what its turn would not have is refused now. */
	buf_init_secret(&data, MANIFEST_MAX);
	if (!v->destroying && secret_data(a, v, &data, e) < 0) {
		if (e->kind != ERR_CONFIG)
			return -(int)e->kind;
		found(ret, FOREIGN, "%.390s", e->msg);
		err_clear(e);
		return 0;
	}
	const char *is = facts_get(v->facts, &known, &reason, "secret", "%s/%s", a->ns(v->inv), a->name);
	int rc = fact(v, &claim, e, "record", "%s", a->claim);
	if (rc < 0)
		return rc;
	if (!known)
		return kube_untold(v, "the Secret ", a->name, reason ? reason : "", ret, e);
	if (!is)
		return found(ret, ABSENT, "there is no Secret '%s'", a->name);
	if (!claim)
		return found(ret, FOREIGN, "Secret '%s' is in namespace '%s' and is not powerstack's: remove it", a->name,
			     a->ns(v->inv));
	if (v->destroying)
		return found(ret, PRESENT, "Secret '%s' is there", a->name);
	char want[65], have[72] = "";
	text_sum(&data, want);
	facts_field(is, "data", have, sizeof(have));
	return strcmp(have, want) == 0 ? found(ret, PRESENT, "Secret '%s' is as wanted", a->name) :
					 found(ret, DRIFTED, "Secret '%s' has another content", a->name);
}

static int secret_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct kube_secret_arg *a = s->arg;
	AUTO_BUF struct buf text = { 0 };
	char limit[16];
	buf_init_secret(&text, MANIFEST_MAX);
	/* JSON is YAML. The annotation: what is known of another content is over (grafana-password.sh). */
	buf_addf(&text,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\","
		 "\"labels\":{\"app.kubernetes.io/managed-by\":\"powerstack\"},"
		 "\"annotations\":{\"powerstack/in-grafana\":\"no\"}},\"data\":{",
		 a->name, a->ns(h->view.inv));
	int rc = secret_data(a, &h->view, &text, e);
	if (rc < 0)
		return rc;
	if (buf_adds(&text, "}}\n") < 0)
		return err_set(e, ERR_MEMORY, "a secret is too long");
	snprintf(limit, sizeof(limit), "%d", SECRET_TIMEOUT_S);
	const char *const args[] = { limit, "secret", a->ns(h->view.inv), a->name, NULL };
	return step_script_in(h, "kube-put", args, &text, true, SECRET_TIMEOUT_S + 120, e);
}

static int secret_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct kube_secret_arg *a = s->arg;
	char limit[16];
	snprintf(limit, sizeof(limit), "%d", SECRET_TIMEOUT_S);
	const char *const args[] = { limit, "secret", a->ns(h->view.inv), a->name, NULL };
	return step_script(h, "kube-take", args, SECRET_TIMEOUT_S + 120, e);
}

const struct step_ops kube_secret_ops = {
	.ask = secret_ask,
	.check = secret_check,
	.apply = secret_apply,
	.undo = secret_undo,
};

/* ---- whose a part is, and what it leaves behind */

void claim_ask(const struct step *s, const struct view *v, struct probe *p)
{
	(void)v;
	probe_ask(p, "record", "%s", ((const struct claim_arg *)s->arg)->record);
}

int claim_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e)
{
	const char *is = NULL;
	int rc = fact(v, &is, e, "record", "%s", ((const struct claim_arg *)s->arg)->record);
	if (rc < 0)
		return rc;
	return is ? found(ret, PRESENT, "it is powerstack's") : found(ret, ABSENT, "nothing of it is recorded");
}

static int claim_apply(const struct step *s, struct hand *h, struct err *e)
{
	const struct claim_arg *a = s->arg;
	char limit[16];
	size_t n = 0;
	const struct kube_object *leftovers = a->leftovers(h->view.inv, &n);
	snprintf(limit, sizeof(limit), "%u", a->timeout_s);
	struct words w = { { a->record, limit }, 2 };
	for (size_t i = 0; i < n; i++)
		add_object(&w, &leftovers[i]);
	return step_script(h, "kube-claim", w.v, a->timeout_s + 120, e);
}

/* Is "resource namespace name" one of the record's lines? */
static bool was_there(const char *record, const struct kube_object *o)
{
	char line[300];
	int n = snprintf(line, sizeof(line), "%s %s %s", o->resource, o->ns, o->name);
	for (const char *s = record; *s;) {
		size_t len = strcspn(s, "\n");
		if (len == (size_t)n && memcmp(s, line, len) == 0)
			return true;
		s += len + (s[len] == '\n');
	}
	return false;
}

static int claim_undo(const struct step *s, struct hand *h, struct err *e)
{
	const struct claim_arg *a = s->arg;
	const char *record = NULL;
	char limit[16];
	size_t n = 0;
	const struct kube_object *leftovers = a->leftovers(h->view.inv, &n);
	int rc = fact(&h->view, &record, e, "record", "%s", a->record);
	snprintf(limit, sizeof(limit), "%u", a->timeout_s);
	struct words w = { { limit }, 1 };
	for (size_t i = 0; rc == 0 && record && i < n; i++)
		if (!was_there(record, &leftovers[i]))
			add_object(&w, &leftovers[i]);
	if (rc == 0 && w.n > 1 && !h->view.cluster_goes)
		rc = step_script(h, "kube-take", w.v, a->timeout_s + 120, e);
	const char *const args[] = { a->record, NULL };
	return rc < 0 ? rc : step_script(h, "record-set", args, 60, e);
}

const struct step_ops claim_ops = {
	.ask = claim_ask,
	.check = claim_check,
	.apply = claim_apply,
	.undo = claim_undo,
};
