// SPDX-License-Identifier: BSD-2-Clause
// Manifests: YAML documents to JSON, and onto the API by server-side apply.
#include "k3s.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

static struct json_object *scalar(const yaml_node_t *n) {
	const char *s = (const char *)n->data.scalar.value;
	char *end;
	if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_object_new_string(s);
	if (!*s || !strcmp(s, "null") || !strcmp(s, "~"))
		return NULL;
	if (!strcmp(s, "true") || !strcmp(s, "false"))
		return json_object_new_boolean(*s == 't');
	if (strspn(s, "-0123456789") == strlen(s)) {
		long long v = strtoll(s, &end, 10);
		// 0600 is octal in YAML 1.1, and every mode here is meant as text
		if (!*end && !(s[0] == '0' && s[1]))
			return json_object_new_int64(v);
	}
	return json_object_new_string(s);
}

static struct json_object *convert(yaml_document_t *d, int id, int depth) {
	yaml_node_t *n = yaml_document_get_node(d, id);
	if (!n || depth > 100)
		return NULL;
	if (n->type == YAML_SCALAR_NODE)
		return scalar(n);
	if (n->type == YAML_SEQUENCE_NODE) {
		struct json_object *a = json_object_new_array();
		for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
			json_object_array_add(a, convert(d, *i, depth + 1));
		return a;
	}
	struct json_object *o = json_object_new_object();
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
		json_object_object_add(o, (const char *)yaml_document_get_node(d, p->key)->data.scalar.value,
				       convert(d, p->value, depth + 1));
	return o;
}

struct json_object *yaml_json(const char *text, size_t *offset) {
	yaml_parser_t parser;
	yaml_document_t d;
	struct json_object *o = NULL;
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
	// The offset counts documents.
	for (size_t n = 0; !o && yaml_parser_load(&parser, &d); n++) {
		yaml_node_t *root = yaml_document_get_root_node(&d);
		bool end = !root;
		if (root && n >= *offset) {
			o = convert(&d, 1, 0);
			*offset = n + 1;
		}
		yaml_document_delete(&d);
		if (end)
			break;
	}
	yaml_parser_delete(&parser);
	return o;
}

static const char *text_at(struct json_object *o, const char *a, const char *b) {
	if (b) {
		if (!json_object_object_get_ex(o, a, &o))
			return NULL;
		a = b;
	}
	return json_object_object_get_ex(o, a, &o) ? json_object_get_string(o) : NULL;
}

// Where objects of this kind live, by the server's own discovery: NULL if it does not serve the kind.
static char *path_of(const struct peer *api, struct json_object *o) {
	const char *version = text_at(o, "apiVersion", NULL), *kind = text_at(o, "kind", NULL);
	const char *name = text_at(o, "metadata", "name"), *ns = text_at(o, "metadata", "namespace");
	char *path = NULL;
	struct json_object *list, *resources;
	if (!version || !kind || !name)
		return NULL;
	char *base = strf("%s/%s", strchr(version, '/') ? "/apis" : "/api", version);
	struct answer a = http(api, "GET", base, NULL, NULL);
	if (a.status == 200 && (list = json_tokener_parse(a.body)) &&
	    json_object_object_get_ex(list, "resources", &resources))
		for (size_t i = 0; !path && i < json_object_array_length(resources); i++) {
			struct json_object *r = json_object_array_get_idx(resources, i), *namespaced;
			const char *plural = text_at(r, "name", NULL);
			if (strcmp(text_at(r, "kind", NULL), kind) || strchr(plural, '/'))
				continue;
			json_object_object_get_ex(r, "namespaced", &namespaced);
			path = json_object_get_boolean(namespaced)
				       ? strf("%s/namespaces/%s/%s/%s", base, ns ? ns : "default", plural, name)
				       : strf("%s/%s/%s", base, plural, name);
		}
	free(a.body);
	free(base);
	return path;
}

int apply_text(const struct peer *api, const char *text, const char *what) {
	size_t at = 0;
	int bad = 0;
	struct json_object *o;
	while ((o = yaml_json(text, &at))) {
		char *path = path_of(api, o);
		if (!path) {
			say("error", "Failed to process config: failed to process %s: no matches for kind \"%s\" in version \"%s\"",
			    what, text_at(o, "kind", NULL), text_at(o, "apiVersion", NULL));
			bad++;
		} else {
			char *to = strf("%s?fieldManager=deploy@k3s&force=true", path);
			struct answer a = http(api, "PATCH", to,
					       "Accept: application/json\r\nContent-Type: application/apply-patch+yaml\r\n",
					       json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
			if (a.status / 100 != 2) {
				say("error", "Failed to process config: failed to process %s: %d %.300s", what, a.status, a.body);
				bad++;
			}
			free(a.body);
			free(to);
		}
		free(path);
		json_object_put(o);
	}
	return bad;
}

// One look at the folder of manifests: what is new or changed is applied, as the deploy controller does.
void manifests_loop_step(const struct peer *api, const char *dir) {
	static struct {
		char name[256];
		struct timespec changed;
	} seen[256];
	static size_t nseen;
	struct dirent *e;
	DIR *d = opendir(dir);
	while (d && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');
		struct stat st;
		size_t i = 0;
		char *path = strf("%s/%s", dir, e->d_name);
		if (!stat(path, &st) && S_ISDIR(st.st_mode) && e->d_name[0] != '.') {
			manifests_loop_step(api, path);
		} else if (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json")) && S_ISREG(st.st_mode)) {
			while (i < nseen && strcmp(seen[i].name, path))
				i++;
			if (i < COUNT(seen) && (i == nseen || memcmp(&seen[i].changed, &st.st_mtim, sizeof(st.st_mtim)))) {
				char *text = file_read(path, NULL);
				if (text && !apply_text(api, text, path)) {
					snprintf(seen[i].name, sizeof(seen[i].name), "%s", path);
					seen[i].changed = st.st_mtim;
					nseen += i == nseen;
				}
				free(text);
			}
		}
		free(path);
	}
	if (d)
		closedir(d);
}

// The packaged components: their manifests, cut to what a check of the cluster looks at.
#define DEPLOYMENT(name, label, image)                                                                        \
	"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " name ", namespace: kube-system, labels: {" label     \
	"}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {" label "}}\n  template:\n    metadata: {labels: {" label \
	"}}\n    spec:\n      tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]\n" \
	"      containers: [{name: " name ", image: \"" image "\"}]\n"
#define JOB(name)                                                                                             \
	"---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: " name ", namespace: kube-system, labels: {helmcharts.helm.cattle.io/chart: x}}\n" \
	"spec:\n  template:\n    spec:\n      restartPolicy: OnFailure\n      containers: [{name: helm, image: \"rancher/klipper-helm:v0.8.4-build20240523\"}]\n"
static const struct {
	const char *name, *file, *yaml;
	const char *gone[6]; // what disabling it deletes
} packaged[] = {
	{ "coredns", "coredns.yaml",
	  DEPLOYMENT("coredns", "k8s-app: kube-dns", "rancher/mirrored-coredns-coredns:1.10.1")
	  "---\napiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}\n"
	  "spec:\n  selector: {k8s-app: kube-dns}\n  clusterIP: 10.43.0.10\n  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]\n",
	  { "/apis/apps/v1/namespaces/kube-system/deployments/coredns", "/api/v1/namespaces/kube-system/services/kube-dns" } },
	{ "local-storage", "local-storage.yaml",
	  DEPLOYMENT("local-path-provisioner", "app: local-path-provisioner", "rancher/local-path-provisioner:v0.0.27")
	  "---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata:\n  name: local-path\n  annotations: {storageclass.kubernetes.io/is-default-class: \"true\"}\n"
	  "provisioner: rancher.io/local-path\nvolumeBindingMode: WaitForFirstConsumer\nreclaimPolicy: Delete\n",
	  { "/apis/apps/v1/namespaces/kube-system/deployments/local-path-provisioner",
	    "/apis/storage.k8s.io/v1/storageclasses/local-path" } },
	{ "metrics-server", "metrics-server/metrics-server-deployment.yaml",
	  DEPLOYMENT("metrics-server", "k8s-app: metrics-server", "rancher/mirrored-metrics-server:v0.7.0"),
	  { "/apis/apps/v1/namespaces/kube-system/deployments/metrics-server" } },
	{ "traefik", "traefik.yaml",
	  JOB("helm-install-traefik-crd") JOB("helm-install-traefik")
	  DEPLOYMENT("traefik", "app.kubernetes.io/name: traefik", "rancher/mirrored-library-traefik:2.10.7"),
	  { "/apis/batch/v1/namespaces/kube-system/jobs/helm-install-traefik-crd",
	    "/apis/batch/v1/namespaces/kube-system/jobs/helm-install-traefik",
	    "/apis/apps/v1/namespaces/kube-system/deployments/traefik" } },
};

void packaged_apply(const struct peer *api, const char *manifests) {
	char *nested = strf("%s/metrics-server", manifests);
	dirs_make(nested, 0700);
	free(nested);
	for (size_t i = 0; i < COUNT(packaged); i++) {
		char *path = strf("%s/%s", manifests, packaged[i].file), *skip = strf("%s.skip", path);
		if (option_has("disable", packaged[i].name)) {
			remove(path);
			for (size_t g = 0; g < COUNT(packaged[i].gone) && packaged[i].gone[g]; g++)
				free(http(api, "DELETE", strf("%s?propagationPolicy=Background", packaged[i].gone[g]), NULL, NULL).body);
		} else if (!strcmp(packaged[i].name, "metrics-server") || access(skip, F_OK)) {
			// Like the real one, whatever was edited there is put back.
			char *now = file_read(path, NULL);
			if (!now || strcmp(now, packaged[i].yaml)) {
				say("info", "Writing manifest: %s", path);
				file_write(path, 0600, packaged[i].yaml, strlen(packaged[i].yaml));
			}
			free(now);
		}
		free(path), free(skip);
	}
}
