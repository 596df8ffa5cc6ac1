// SPDX-License-Identifier: BSD-2-Clause
// `k3s kubectl`: the real kubectl that the release carries. Without one, and for --raw always
// (Go starts slowly on an emulated machine), a few verbs of our own. crictl and ctr: what they list.
#include "k3s.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *names; // " a b c "
	const char *base;
	bool namespaced;
} kinds[] = {
	{ " nodes node no ", "/api/v1", false },
	{ " namespaces namespace ns ", "/api/v1", false },
	{ " persistentvolumes pv ", "/api/v1", false },
	{ " pods pod po ", "/api/v1", true },
	{ " secrets secret ", "/api/v1", true },
	{ " services service svc ", "/api/v1", true },
	{ " configmaps configmap cm ", "/api/v1", true },
	{ " persistentvolumeclaims pvc ", "/api/v1", true },
	{ " events event ev ", "/api/v1", true },
	{ " deployments deployment deploy ", "/apis/apps/v1", true },
	{ " daemonsets daemonset ds ", "/apis/apps/v1", true },
	{ " statefulsets statefulset sts ", "/apis/apps/v1", true },
	{ " jobs job ", "/apis/batch/v1", true },
	{ " storageclasses storageclass sc ", "/apis/storage.k8s.io/v1", false },
};

static const char *text(struct json_object *o, const char *key) {
	return o && json_object_object_get_ex(o, key, &o) ? json_object_get_string(o) : NULL;
}

static struct json_object *sub(struct json_object *o, const char *key) {
	return o && json_object_object_get_ex(o, key, &o) ? o : NULL;
}

static struct json_object *first(struct json_object *o, const char *list, const char *of) {
	o = sub(o, list);
	return o && json_object_array_length(o) ? sub(json_object_array_get_idx(o, 0), of) : NULL;
}

// What KEY-data holds, or the file that KEY names; NULL when neither is there.
static char *pem(struct json_object *o, const char *key) {
	const char *data = text(o, strf("%s-data", key)), *file = text(o, key);
	return data ? base64_decode(data, NULL) : file ? file_read(file, NULL) : NULL;
}

// bearer: the header that the user's token is sent in, or "".
static struct peer peer_of(const char *path, char **bearer) {
	struct peer p = { 0 };
	size_t at = 0;
	char *config = file_read(path, NULL);
	if (!config && errno == EACCES)
		fatal("Unable to read %s, please start server with --write-kubeconfig-mode or --write-kubeconfig-group to modify kube config permissions", path);
	struct json_object *o = config ? yaml_json(config, &at) : NULL, *cluster = first(o, "clusters", "cluster"), *user = first(o, "users", "user");
	const char *server = text(cluster, "server"), *ca = pem(cluster, "certificate-authority");
	const char *cert = pem(user, "client-certificate"), *key = pem(user, "client-key");
	const char *from = text(user, "tokenFile"), *token = from ? file_read(from, NULL) : NULL;
	if (from && !token)
		fatal("unable to read tokenFile %s: %s", from, strerror(errno));
	*bearer = token ? strf("Authorization: Bearer %.*s\r\n", (int)strcspn(token, " \r\n"), token) : strf("%s", "");
	if (!server || peer_url(&p, server)) {
		fprintf(stderr, "The connection to the server localhost:8080 was refused - did you specify the right host or port?\n");
		exit(1);
	}
	char temp[] = "/dev/shm/k3s-XXXXXX";
	int fd = mkstemp(temp);
	if (fd >= 0 && cert && key)
		dprintf(fd, "%s%s", cert, key);
	p.ctx = http_ctx(ca, cert && key ? temp : NULL, temp);
	p.name = p.host;
	if (fd >= 0)
		unlink(temp), close(fd);
	// name must outlive the struct's copy
	p.name = strf("%s", p.host);
	return p;
}

static int fail(struct answer a, const struct peer *p) {
	struct json_object *o = a.status ? json_tokener_parse(a.body) : NULL;
	if (!a.status && strstr(a.body, "refused"))
		fprintf(stderr, "The connection to the server %s:%s was refused - did you specify the right host or port?\n", p->host, p->port);
	else if (!a.status)
		fprintf(stderr, "Unable to connect to the server: %s\n", a.body);
	else if (a.status == 401)
		fprintf(stderr, "error: You must be logged in to the server (Unauthorized)\n");
	else
		fprintf(stderr, "Error from server (%s): %s\n", text(o, "reason") ? text(o, "reason") : a.status == 403 ? "Forbidden" : "InternalError", text(o, "message") ? text(o, "message") : a.body);
	return 1;
}

static void table(struct json_object *o) {
	struct json_object *columns = sub(o, "columnDefinitions"), *rows = sub(o, "rows"), *cells, *priority;
	size_t widths[32] = { 0 };
	for (int print = 0; print < 2; print++)
		for (size_t r = 0; columns && rows && r <= json_object_array_length(rows); r++) {
			for (size_t c = 0; c < json_object_array_length(columns) && c < COUNT(widths); c++) {
				struct json_object *column = json_object_array_get_idx(columns, c);
				char *name = strf("%s", text(column, "name"));
				const char *cell = name;
				if (json_object_object_get_ex(column, "priority", &priority) && json_object_get_int(priority) > 0)
					continue;
				for (char *p = name; *p; p++)
					*p &= *p >= 'a' && *p <= 'z' ? 0xdf : 0xff;
				if (r > 0 && (cells = sub(json_object_array_get_idx(rows, r - 1), "cells")))
					cell = json_object_get_string(json_object_array_get_idx(cells, c));
				if (!cell)
					cell = "<none>";
				if (strlen(cell) > widths[c])
					widths[c] = strlen(cell);
				if (print)
					printf("%-*s", (int)widths[c] + 3, cell);
				free(name);
			}
			if (print)
				putchar('\n');
		}
}

static int own(int argc, char **argv, const char *config) {
	const char *words[4] = { 0 }, *ns = "default", *output = "", *raw = NULL;
	size_t nwords = 0;
	bool all = false, ignore = false;
	for (int i = 1; i < argc; i++) {
		char *a = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (!strncmp(a, "--raw", 5))
			raw = a[5] == '=' ? a + 6 : (i++, next);
		else if (!strncmp(a, "--kubeconfig", 12))
			config = a[12] == '=' ? a + 13 : (i++, next);
		else if (!strcmp(a, "-n") || !strcmp(a, "--namespace"))
			ns = (i++, next);
		else if (!strncmp(a, "--namespace=", 12))
			ns = a + 12;
		else if (!strcmp(a, "-o") || !strcmp(a, "--output"))
			output = (i++, next);
		else if (!strncmp(a, "-o", 2))
			output = a + 2 + (a[2] == '=');
		else if (!strcmp(a, "-A") || !strcmp(a, "--all-namespaces"))
			all = true;
		else if (!strcmp(a, "--ignore-not-found") || !strcmp(a, "--ignore-not-found=true"))
			ignore = true;
		else if (!strncmp(a, "--request-timeout", 17) || !strncmp(a, "--wait", 6) || !strncmp(a, "--timeout", 9))
			;
		else if (a[0] == '-' || nwords == COUNT(words))
			return -1;
		else
			words[nwords++] = a;
	}
	if (!nwords || (!raw && nwords < 2) || !ns || !output)
		return -1;
	bool get = !strcmp(words[0], "get"), del = !strcmp(words[0], "delete");
	char *bearer, *accept;
	struct peer p = peer_of(config, &bearer);
	accept = strf("Accept: application/json, */*\r\n%s", bearer);
	if (raw && (get || del)) {
		struct answer a = http(&p, get ? "GET" : "DELETE", raw, accept, NULL);
		if (a.status / 100 != 2)
			return fail(a, &p);
		fwrite(a.body, 1, a.size, stdout);
		return 0;
	}
	if (!get && !(del && nwords == 3))
		return -1;
	char *kind = strf("%s", words[1]), *slash = strchr(kind, '/');
	const char *name = slash ? slash + 1 : words[2];
	if (slash)
		*slash = 0;
	char *spaced = strf(" %s ", kind), *path = NULL;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strstr(kinds[i].names, spaced)) {
			char *plural = strf("%.*s", (int)strcspn(kinds[i].names + 1, " "), kinds[i].names + 1);
			path = kinds[i].namespaced && !all ? strf("%s/namespaces/%s/%s", kinds[i].base, ns, plural) : strf("%s/%s", kinds[i].base, plural);
		}
	if (!path)
		return -1;
	if (name)
		path = strf("%s/%s", path, name);
	const char *headers = *output && strcmp(output, "wide") ? NULL : "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n";
	struct answer a = http(&p, del ? "DELETE" : "GET", path, del ? NULL : headers, NULL);
	if (a.status == 404 && ignore)
		return 0;
	if (a.status / 100 != 2)
		return fail(a, &p);
	struct json_object *o = json_tokener_parse(a.body), *items = sub(o, "items");
	if (del)
		printf("%s \"%s\" deleted\n", kind, name);
	else if (!strcmp(output, "json"))
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	else if (!strcmp(output, "name"))
		for (size_t i = 0; i < (items ? json_object_array_length(items) : 1); i++)
			printf("%s/%s\n", kind, text(sub(items ? json_object_array_get_idx(items, i) : o, "metadata"), "name"));
	else if (!headers)
		return -1;
	else
		table(o);
	return 0;
}

// What is to be executed in a pod: only Grafana's reset of its password is known, which is sent to the pod as a request
// (apps.py); where nothing runs in it nobody is told. The pod must be Running.
static int execute(int argc, char **argv, const char *config) {
	const char *ns = "default";
	bool reset = false;
	char *bearer, password[512];
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-n") && i + 1 < argc)
			ns = argv[i + 1];
		reset |= !strcmp(argv[i], "reset-admin-password");
	}
	if (!reset) {
		fprintf(stderr, "error: this stand-in k3s executes nothing in pods but Grafana's reset-admin-password\n");
		return 1;
	}
	struct peer p = peer_of(config, &bearer);
	struct answer a = http(&p, "GET", strf("/api/v1/namespaces/%s/pods?labelSelector=app.kubernetes.io/name%%3Dgrafana&fieldSelector=status.phase%%3DRunning", ns), bearer, NULL);
	if (a.status / 100 != 2)
		return fail(a, &p);
	struct json_object *items = sub(json_tokener_parse(a.body), "items");
	if (!items || !json_object_array_length(items)) {
		fprintf(stderr, "error: unable to upgrade connection: pod does not exist\n");
		return 1;
	}
	size_t n = fread(password, 1, sizeof password - 1, stdin);
	password[n] = 0;
	const char *name = text(sub(json_object_array_get_idx(items, 0), "metadata"), "name");
	http(&p, "POST", strf("/api/v1/namespaces/%s/pods/http:%s:3000/proxy/reset-admin-password", ns, name), bearer, password);
	puts("Admin password changed successfully");
	return 0;
}

int kubectl_main(int argc, char **argv) {
	const char *config = getenv("KUBECONFIG");
	bool raw = false, exec = false;
	for (int i = 1; i < argc; i++)
		raw |= !strncmp(argv[i], "--raw", 5);
	for (int i = 1; i < argc && !exec && strcmp(argv[i], "--"); i++)
		exec = !strcmp(argv[i], "exec");
	if (!config || !*config) {
		config = "/etc/rancher/k3s/k3s.yaml";
		if (!access(config, F_OK))
			setenv("KUBECONFIG", config, 1);
	}
	if (exec)
		return execute(argc, argv, config);
	if (!release.kubectl_size || raw) {
		int rc = own(argc, argv, config);
		if (rc >= 0 || !release.kubectl_size) {
			if (rc < 0)
				fprintf(stderr, "error: this stand-in k3s carries no kubectl; its own knows 'get' and 'delete' only\n");
			return rc < 0 ? 1 : rc;
		}
	}
	const char *data = getenv("K3S_DATA_DIR");
	char *bin = data_unpack(data && *data ? data : "/var/lib/rancher/k3s"), *kubectl = strf("%s/kubectl", bin);
	argv[0] = strf("kubectl");
	execv(kubectl, argv);
	fprintf(stderr, "k3s: cannot run %s: %s\n", kubectl, strerror(errno));
	return 1;
}

int crictl_main(const char *as, int argc, char **argv) {
	static const char *const images[][2] = {
		{ "docker.io/rancher/klipper-helm", "v0.8.4-build20240523" }, { "docker.io/rancher/local-path-provisioner", "v0.0.27" },
		{ "docker.io/rancher/mirrored-coredns-coredns", "1.10.1" }, { "docker.io/rancher/mirrored-library-traefik", "2.10.7" },
		{ "docker.io/rancher/mirrored-metrics-server", "v0.7.0" }, { "docker.io/rancher/mirrored-pause", "3.6" },
	};
	if (!strcmp(as, "ctr") && argc > 2 && !strcmp(argv[1], "-n"))
		argc -= 2, argv += 2;
	const char *verb = argc > 1 ? argv[1] : "";
	if (!strcmp(as, "ctr") && argc == 4 && !strcmp(verb, "images") && !strcmp(argv[2], "import")) {
		if (access("/run/k3s/containerd/containerd.sock", F_OK) || access(argv[3], R_OK)) {
			fprintf(stderr, "ctr: cannot import %s: no containerd, or no such file\n", argv[3]);
			return 1;
		}
		printf("unpacking what is in %s\n", argv[3]);
		return 0;
	}
	if (!strcmp(verb, "images") || !strcmp(verb, "image") || (!strcmp(as, "ctr") && argc > 2 && !strcmp(argv[2], "ls"))) {
		if (access("/var/lib/rancher/k3s/agent/images/k3s-airgap-images-amd64.tar.zst", F_OK))
			return 0;
		for (size_t i = 0; i < COUNT(images); i++)
			printf("%s   %s\n", images[i][0], images[i][1]);
		return 0;
	}
	if (!strcmp(verb, "ps") || !strcmp(verb, "pods") || !strcmp(verb, "version") || !strcmp(verb, "info"))
		return 0;
	fprintf(stderr, "%s: this stand-in knows images, ps, pods, version and info only\n", as);
	return 1;
}
