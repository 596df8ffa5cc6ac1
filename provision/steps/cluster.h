/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_STEPS_CLUSTER_H
#define PROVISION_STEPS_CLUSTER_H
/*
 * Kinds of steps for what is in the cluster. Their rows stand on the control node, where they ask and act as the cluster's
 * administrator. Beside the rules of steps.h:
 *
 *	an object is ours by the label app.kubernetes.io/managed-by: powerstack, and as wanted by the label
 *	powerstack-config-hash, which is made from its manifest; a release of helm by the same hash in the labels of its
 *	newest revision;
 *	while the API server does not answer, a thing is DRIFTED, for K3s may be about to be started before it; without
 *	K3s there is none;
 *	when K3s goes in the same walk, all of it goes with it.
 */
#include "provision/cluster/objects.h"
#include "provision/steps/steps.h"

#define CONFIG_HASH_LEN 40
/* In a manifest, where the hash of all of it belongs. */
#define CONFIG_HASH_MARK "@config-hash@"
void config_hash(const struct buf *text, char ret[static CONFIG_HASH_LEN + 1]);

/* ---- objects made from one manifest, by server-side apply */
struct kube_object {
	const char *resource;		/* as kubectl has it; a row of kube_kinds */
	char ns[64], name[80];		/* ns "": in none */
	bool shared;			/* it may be there already, and then it is not ours and stays */
};
#define KUBE_OBJECTS_MAX 5
#define KUBE_PATH_MAX 300
/* Where the API has it. */
void kube_path(const struct kube_object *o, char ret[KUBE_PATH_MAX]);
struct kube_arg {
	const char *tmpl;		/* provision/files/<tmpl>; its objects carry CONFIG_HASH_MARK in the label */
	const struct tmpl_name *names;
	/* What is in it; the number of them. */
	size_t (*objects)(const struct inventory *, struct kube_object ret[KUBE_OBJECTS_MAX]);
	unsigned timeout_s;
};
extern const struct step_ops kube_ops;

/* ---- a Secret. Its content is compared by its sum, which the node tells; no label, annotation or record holds one. */
struct kube_secret_entry {
	const char *key, *text;		/* the text is fixed, or */
	size_t ref_at;			/* a struct secret_ref of struct inventory */
	const char *inventory_key;	/* of the latter, for messages */
};
struct kube_secret_arg {
	const char *(*ns)(const struct inventory *);
	const char *name;
	const struct kube_secret_entry *entries;	/* in the order of their keys */
	size_t n;
	const char *claim;		/* the record that makes it ours */
};
extern const struct step_ops kube_secret_ops;
/* The value of an entry, or NULL with e filled in. */
const struct secret *kube_secret_value(const struct kube_secret_entry *, const struct view *, struct err *e);

/* ---- that a part is ours, and what it leaves behind: undone last, when the rest is gone */
struct claim_arg {
	const char *record;
	/* Whole-cluster objects that come with it, and stay when they were there before; NULL-terminated. */
	const struct kube_object *(*leftovers)(const struct inventory *, size_t *ret_n);
	unsigned timeout_s;
};
extern const struct step_ops claim_ops;
/* Its ask and check, for a part with an undo of its own: only the record counts. */
void claim_ask(const struct step *s, const struct view *v, struct probe *p);
int claim_check(const struct step *s, const struct view *v, struct finding *ret, struct err *e);

/* ---- a release of helm */
struct release_arg {
	const char *name;
	const char *(*ns)(const struct inventory *);
	const char *chart;		/* what: a row of provision/artifact/ */
	const struct step *chart_row;	/* artifact_ops: puts it on the node */
	const char *tmpl;		/* its values: provision/files/<tmpl>, no secret in it */
	const struct tmpl_name *names;
	/* A manifest that the API server has to take, in a dry run, before the release counts as up; NULL: none. */
	const char *trial;
	const char *const *expect;	/* Kind/name of what comes up beside what the chart makes; NULL-terminated */
	unsigned timeout_s;
};
extern const struct step_ops release_ops;
/* Every release's name, so that all are asked for at once. */
#define RELEASES_QUESTION                                                                        \
	"/api/v1/secrets?labelSelector=owner%3Dhelm%2Cstatus%21%3Dsuperseded%2C"                 \
	"name+in+%28cert-manager%2Cmonitoring%2Crancher%29"

/* The newest revision of a release; the caller frees nothing. */
struct revision {
	unsigned number;		/* 0: there is none */
	char status[32], hash[CONFIG_HASH_LEN + 1];	/* hash "": not powerstack's */
	bool ready;
};
/* 0: known; 1: the API server does not answer, why says it; negative: an error. */
int revision_of(const struct view *v, const char *release, const char *ns, struct revision *ret, char *why, size_t size,
		struct err *e);
/* The hash that the row's release should have. */
int release_hash(const struct release_arg *a, const struct view *v, char ret[CONFIG_HASH_LEN + 1], struct err *e);

/* ---- folders on the data volume, each for pods of one user */
struct share_dir {
	const char *name;		/* below the export path */
	unsigned uid, gid;
};
struct share_arg {
	const struct share_dir *dirs;
	size_t n;
};
extern const struct step_ops share_ops;

/* The API's answer to PATH: *ret is NULL when there is nothing there. Returns as revision_of. The caller puts *ret. */
int kube_fact(const struct view *v, const char *path, struct json_object **ret, char *why, size_t size, struct err *e);
/* A check's answer where kube_fact returned 1: a deploy goes on, for K3s may be about to start; a destroy cannot. kind is
 * "" or as "the release ". */
int kube_untold(const struct view *v, const char *kind, const char *name, const char *why, struct finding *ret,
		struct err *e);
/* Does the inventory's own text (extra_server_args, server_config_yaml) have that option of K3s' servers, and that value ("": any)? */
bool k3s_sets(const struct inventory *inv, const char *option, const char *value);
/* Is the component of K3s ("local-storage") switched off: "--disable traefik", "--disable=traefik" or a "disable" list in the
 * inventory's own text? */
bool k3s_disables(const struct inventory *inv, const char *component);
/* Is the object powerstack's? */
bool kube_is_ours(struct json_object *o);

#endif
