// SPDX-License-Identifier: BSD-2-Clause
// The agent: joining, the kubelet's Node object and its heartbeat, what containerd leaves behind.
#include "k3s.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define HEARTBEAT_S 10
#define RETRY_S 2

#define ADDRESS_TEXT INET6_ADDRSTRLEN

static bool address_of(const struct ifaddrs *a, char out[ADDRESS_TEXT]) {
	if (!a->ifa_addr)
		return false;
	if (a->ifa_addr->sa_family == AF_INET)
		return inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr, out, ADDRESS_TEXT);
	if (a->ifa_addr->sa_family == AF_INET6)
		return inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)a->ifa_addr)->sin6_addr, out, ADDRESS_TEXT);
	return false;
}

// The first IPv4 address of an interface (IPv6 if it has no other), or the interface of an address.
static char *interface_address(const char *name) {
	struct ifaddrs *all, *a;
	char text[ADDRESS_TEXT];
	char *found = NULL;
	if (getifaddrs(&all))
		return NULL;
	for (int family = AF_INET; !found; family = AF_INET6) {
		for (a = all; a && !found; a = a->ifa_next)
			if (!strcmp(a->ifa_name, name) && a->ifa_addr && a->ifa_addr->sa_family == family && address_of(a, text))
				found = strf("%s", text);
		if (family == AF_INET6)
			break;
	}
	freeifaddrs(all);
	return found;
}

static bool host_has(const char *address) {
	struct ifaddrs *all, *a;
	char text[ADDRESS_TEXT];
	bool found = false;
	if (getifaddrs(&all))
		return false;
	for (a = all; a && !found; a = a->ifa_next)
		found = address_of(a, text) && !strcmp(text, address);
	freeifaddrs(all);
	return found;
}

static char *default_interface(void) {
	char line[256], name[64];
	unsigned long destination;
	FILE *f = fopen("/proc/net/route", "re");
	char *found = NULL;
	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lx", name, &destination) == 2 && destination == 0)
			found = strf("%s", name);
	if (f)
		fclose(f);
	return found;
}

static char *host_name(void) {
	struct utsname u;
	uname(&u);
	char *s = strf("%s", u.nodename);
	for (char *p = s; *p; p++)
		*p = (char)tolower(*p);
	return s;
}

static void check_labels(void) {
	static const char *const allowed[] = {
		"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "beta.kubernetes.io/arch",
		"beta.kubernetes.io/os", "node.kubernetes.io/instance-type", "topology.kubernetes.io/region",
		"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone", "beta.kubernetes.io/instance-type",
	};
	char *e;
	for (size_t n = 0; (e = option_entry("node-label", n)); n++) {
		size_t len = strcspn(e, "=");
		char *key = strf("%.*s", (int)len, e), *slash = strchr(key, '/');
		bool ours = false, fine = false;
		if (slash) {
			*slash = 0;
			size_t d = strlen(key);
			ours = (d >= 13 && !strcmp(key + d - 13, "kubernetes.io")) || (d >= 6 && !strcmp(key + d - 6, "k8s.io"));
			fine = !strcmp(key, "node.kubernetes.io") || !strcmp(key, "kubelet.kubernetes.io") ||
			       (d > 19 && !strcmp(key + d - 19, ".node.kubernetes.io"));
			*slash = '/';
		}
		for (size_t i = 0; i < COUNT(allowed); i++)
			fine |= !strcmp(key, allowed[i]);
		if (ours && !fine)
			fatal("kubelet exited: failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified "
			      "with --node-labels: [%s]\n--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix "
			      "(kubelet.kubernetes.io, node.kubernetes.io) or be in the specifically allowed set", key);
		free(key), free(e);
	}
	for (size_t n = 0; (e = option_entry("node-taint", n)); n++) {
		char *effect = strrchr(e, ':');
		if (!effect || (strcmp(effect + 1, "NoSchedule") && strcmp(effect + 1, "NoExecute") && strcmp(effect + 1, "PreferNoSchedule")))
			fatal("kubelet exited: invalid taint effect: %s", e);
		free(e);
	}
}

void node_identity(struct node *n) {
	char *iface = default_interface(), *e;
	unsigned char raw[16];
	n->data_dir = strf("%s", *option("data-dir") ? option("data-dir") : "/var/lib/rancher/k3s");
	n->name = *option("node-name") ? strf("%s", option("node-name")) : host_name();
	for (char *p = n->name; *p; p++)
		*p = (char)tolower(*p);
	for (const char *p = n->name; *p; p++)
		if (!isalnum(*p) && *p != '-' && *p != '.')
			fatal("node name '%s' is not a valid DNS-1123 subdomain", n->name);
	n->ip = option_entry("node-ip", 0);
	if (!n->ip) {
		if (!iface)
			fatal("no default routes found in \"/proc/net/route\" or \"/proc/net/ipv6_route\"");
		n->ip = interface_address(iface);
		if (!n->ip)
			fatal("unable to select an IP from default routes");
	}
	if (inet_pton(AF_INET, n->ip, raw) != 1 && inet_pton(AF_INET6, n->ip, raw) != 1)
		fatal("invalid node-ip: invalid ip format '%s'", n->ip);
	if (!host_has(n->ip))
		fatal("kubelet exited: failed to run Kubelet: node IP: \"%s\" not found in the host's network interfaces", n->ip);
	n->external = option_entry("node-external-ip", 0);
	for (size_t i = 0; (e = option_entry("node-external-ip", i)); i++)
		if (inet_pton(AF_INET, e, raw) != 1 && inet_pton(AF_INET6, e, raw) != 1)
			fatal("invalid node-external-ip: invalid ip format '%s'", e);
	if (*option("flannel-iface") && !if_nametoindex(option("flannel-iface")))
		fatal("unable to find interface %s: route ip+net: no such network interface", option("flannel-iface"));
	check_labels();
	free(iface);
}

char *node_password(void) {
	static const char path[] = "/etc/rancher/node/password";
	char *now = file_read(path, NULL);
	if (!now) {
		now = random_hex(16);
		char *line = strf("%s\n", now);
		if (dirs_make("/etc/rancher/node", 0755) || file_write(path, 0600, line, strlen(line)))
			fatal("failed to write %s: %s", path, strerror(errno));
		free(line);
	}
	now[strcspn(now, "\r\n")] = 0;
	return now;
}

char *token_secret(const char *token, char **ret_hash) {
	const char *p;
	*ret_hash = NULL;
	if (!strncmp(token, "K10", 3) && (p = strstr(token, "::"))) {
		if (p - token != 67)
			fatal("invalid token CA hash length");
		*ret_hash = strf("%.64s", token + 3);
		token = p + 2;
		if (!strchr(token, ':'))
			fatal("invalid token format");
		token = strchr(token, ':') + 1;
	}
	return strf("%s", token);
}

char *option_token(void) {
	char *text;
	if (*option("token"))
		return strf("%s", option("token"));
	if (!*option("token-file"))
		return NULL;
	// The real one waits for the file; here a missing one is a mistake of the test.
	for (int tries = 0; !(text = file_read(option("token-file"), NULL)); tries++) {
		if (tries >= 5)
			fatal("failed to read token-file %s: %s", option("token-file"), strerror(errno));
		say("info", "Waiting for %s to be available", option("token-file"));
		sleep(1);
	}
	text[strcspn(text, "\r\n")] = 0;
	if (!*text)
		fatal("token-file %s is empty", option("token-file"));
	return text;
}

static void import_images(const char *agent) {
	char *dir = strf("%s/images", agent);
	DIR *d;
	struct dirent *e;
	dirs_make(dir, 0755);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		static const unsigned char zstd[] = { 0x28, 0xb5, 0x2f, 0xfd }, gzip[] = { 0x1f, 0x8b };
		char *path = strf("%s/%s", dir, e->d_name);
		const char *tar = strstr(e->d_name, ".tar");
		unsigned char head[4] = { 0 };
		FILE *f;
		if (tar && (f = fopen(path, "re"))) {
			size_t n = fread(head, 1, sizeof(head), f);
			fclose(f);
			say("info", "Importing images from %s", path);
			if (n < 4 || (strstr(tar, ".zst") && memcmp(head, zstd, 4)) || (strstr(tar, ".gz") && memcmp(head, gzip, 2)))
				say("error", "Unable to import %s: archive/tar: invalid tar header", path);
			else
				say("info", "Imported images from %s in 1.2s", path);
		}
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
}

// What stays when the unit stops (KillMode=process): a shim, its mount, the interfaces of the network.
static void containers_start(const struct node *n, const char *bin) {
	char *shim = strf("%s/containerd-shim-runc-v2", bin);
	char *sandbox = strf("/run/k3s/containerd/io.containerd.grpc.v1.cri/sandboxes/standin/shm");
	const char *iface = *option("flannel-iface") ? option("flannel-iface") : default_interface();
	FILE *mounts = fopen("/proc/mounts", "re");
	char line[1024];
	bool mounted = false;
	DIR *proc = opendir("/proc");
	struct dirent *e;
	bool alive = false;
	while (proc && !alive && (e = readdir(proc))) {
		char path[300], args[512] = "";
		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		FILE *f = isdigit(e->d_name[0]) ? fopen(path, "re") : NULL;
		if (f) {
			alive = fread(args, 1, sizeof(args) - 1, f) && strstr(args, "/bin/containerd-shim-runc-v2");
			fclose(f);
		}
	}
	if (proc)
		closedir(proc);
	if (!alive && fork() == 0) {
		setsid();
		if (fork() == 0) {
			for (int fd = 3; fd < 1024; fd++)
				close(fd);
			execl(shim, shim, "-namespace", "k8s.io", "-id", "standin", "-address", "/run/k3s/containerd/containerd.sock", NULL);
		}
		_exit(0);
	}
	while (mounts && fgets(line, sizeof(line), mounts))
		mounted |= strstr(line, sandbox) != NULL;
	if (mounts)
		fclose(mounts);
	dirs_make(sandbox, 0755);
	struct sockaddr_un containerd = { AF_UNIX, "/run/k3s/containerd/containerd.sock" };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(containerd.sun_path);
	if (bind(listener, (struct sockaddr *)&containerd, sizeof(containerd)) || listen(listener, 1))
		say("warning", "no containerd: %s", strerror(errno));
	if (!mounted)
		run_quiet((const char *const[]){ "mount", "-t", "tmpfs", "-o", "size=64k", "shm", sandbox, NULL });
	if (iface && if_nametoindex("flannel.1") == 0) {
		run_quiet((const char *const[]){ "ip", "link", "add", "flannel.1", "type", "vxlan", "id", "1", "dev", iface, "dstport",
						 "8472", "nolearning", NULL });
		run_quiet((const char *const[]){ "ip", "link", "set", "flannel.1", "up", NULL });
	}
	if (if_nametoindex("cni0") == 0) {
		run_quiet((const char *const[]){ "ip", "link", "add", "cni0", "type", "bridge", NULL });
		run_quiet((const char *const[]){ "ip", "link", "set", "cni0", "up", NULL });
	}
	(void)n;
	free(shim), free(sandbox);
}

static void add(struct json_object *o, const char *key, const char *value) {
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static struct json_object *child(struct json_object *o, const char *key) {
	struct json_object *c = json_object_new_object();
	json_object_object_add(o, key, c);
	return c;
}

static char *now_text(void) {
	char s[40];
	time_t t = time(NULL);
	struct tm tm;
	strftime(s, sizeof(s), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	return strf("%s", s);
}

static struct json_object *labels_and_annotations(const struct node *n) {
	struct json_object *meta = json_object_new_object(), *labels = child(meta, "labels"), *notes = child(meta, "annotations");
	struct json_object *args = json_object_new_array();
	char *e, *host = host_name(), *flannel;
	add(labels, "kubernetes.io/arch", release.arch);
	add(labels, "kubernetes.io/os", "linux");
	add(labels, "kubernetes.io/hostname", n->name);
	add(labels, "beta.kubernetes.io/arch", release.arch);
	add(labels, "beta.kubernetes.io/os", "linux");
	add(labels, "node.kubernetes.io/instance-type", "k3s");
	add(labels, "beta.kubernetes.io/instance-type", "k3s");
	for (size_t i = 0; (e = option_entry("node-label", i)); i++) {
		char *equals = strchr(e, '=');
		if (equals)
			*equals = 0;
		add(labels, e, equals ? equals + 1 : "");
	}
	for (int i = 1; i < main_argc; i++) {
		bool secret = i > 1 && strstr(main_argv[i - 1], "token") && main_argv[i - 1][0] == '-';
		json_object_array_add(args, json_object_new_string(secret ? "********" : main_argv[i]));
	}
	const char *list = json_object_to_json_string_ext(args, JSON_C_TO_STRING_NOSLASHESCAPE);
	char *hash = sha256_hex(list, strlen(list));
	add(notes, "k3s.io/hostname", host);
	add(notes, "k3s.io/internal-ip", n->ip);
	if (n->external)
		add(notes, "k3s.io/external-ip", n->external);
	add(notes, "k3s.io/node-args", list);
	add(notes, "k3s.io/node-config-hash", hash);
	add(notes, "k3s.io/node-env", "{}");
	// flannel takes the default route's interface when none is named, also if node-ip is another one's
	char *via = *option("flannel-iface") ? strf("%s", option("flannel-iface")) : default_interface();
	flannel = via ? interface_address(via) : NULL;
	add(notes, "flannel.alpha.coreos.com/backend-type", "vxlan");
	add(notes, "flannel.alpha.coreos.com/kube-subnet-manager", "true");
	add(notes, "flannel.alpha.coreos.com/public-ip", flannel ? flannel : n->ip);
	json_object_put(args);
	free(hash), free(host), free(flannel), free(via);
	return meta;
}

static struct json_object *status(const struct node *n) {
	static char *since;
	struct json_object *s = json_object_new_object(), *addresses = json_object_new_array(), *conditions, *info, *c;
	struct utsname u;
	char *now = now_text(), *os = file_read("/etc/os-release", NULL), *pretty, *machine = file_read("/etc/machine-id", NULL), *e;
	static const struct {
		const char *type, *status, *reason, *message;
	} rows[] = {
		{ "MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available" },
		{ "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure" },
		{ "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available" },
		{ "Ready", "True", "KubeletReady", "kubelet is posting ready status" },
	};
	if (!since)
		since = strf("%s", now);
	uname(&u);
	for (int external = 0; external < 2; external++)
		for (size_t i = 0; (e = option_entry(external ? "node-external-ip" : "node-ip", i)) || (i == 0 && !external); i++) {
			c = json_object_new_object();
			add(c, "type", external ? "ExternalIP" : "InternalIP");
			add(c, "address", e ? e : n->ip);
			json_object_array_add(addresses, c);
			free(e);
		}
	c = json_object_new_object();
	add(c, "type", "Hostname");
	add(c, "address", n->name);
	json_object_array_add(addresses, c);
	json_object_object_add(s, "addresses", addresses);
	conditions = json_object_new_array();
	for (size_t i = 0; i < COUNT(rows); i++) {
		c = json_object_new_object();
		add(c, "type", rows[i].type);
		add(c, "status", rows[i].status);
		add(c, "reason", rows[i].reason);
		add(c, "message", rows[i].message);
		add(c, "lastHeartbeatTime", now);
		add(c, "lastTransitionTime", since);
		json_object_array_add(conditions, c);
	}
	json_object_object_add(s, "conditions", conditions);
	for (int allocatable = 0; allocatable < 2; allocatable++) {
		char *cpus = strf("%ld", sysconf(_SC_NPROCESSORS_ONLN));
		char *memory = strf("%ldKi", sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024));
		c = child(s, allocatable ? "allocatable" : "capacity");
		add(c, "cpu", cpus);
		add(c, "memory", memory);
		add(c, "pods", "110");
		add(c, "ephemeral-storage", "8Gi");
		free(cpus), free(memory);
	}
	info = child(s, "nodeInfo");
	pretty = os ? strstr(os, "PRETTY_NAME=\"") : NULL;
	if (pretty)
		pretty[13 + strcspn(pretty + 13, "\"")] = 0;
	if (machine)
		machine[strcspn(machine, "\n")] = 0;
	add(info, "architecture", release.arch);
	add(info, "operatingSystem", "linux");
	add(info, "osImage", pretty ? pretty + 13 : "Linux");
	add(info, "kernelVersion", u.release);
	add(info, "kubeletVersion", release.version);
	add(info, "kubeProxyVersion", release.version);
	add(info, "containerRuntimeVersion", "containerd://1.7.17-k3s1");
	add(info, "machineID", machine ? machine : "");
	add(info, "systemUUID", machine ? machine : "");
	add(info, "bootID", machine ? machine : "");
	json_object_object_add(child(child(s, "daemonEndpoints"), "kubeletEndpoint"), "Port", json_object_new_int(10250));
	free(now), free(os), free(machine);
	return s;
}

// Registers the Node, or brings it up to date; taints only come with the registration. 0 when done.
static int node_register(const struct node *n, const struct peer *api) {
	struct json_object *o = json_object_new_object(), *meta = labels_and_annotations(n), *spec;
	char *path = strf("/api/v1/nodes/%s", n->name), *e;
	static const char patch[] = "Accept: application/json\r\nContent-Type: application/merge-patch+json\r\n";
	static const char json[] = "Accept: application/json\r\nContent-Type: application/json\r\n";
	struct answer a;
	add(o, "apiVersion", "v1");
	add(o, "kind", "Node");
	json_object_object_add(o, "metadata", meta);
	a = http(api, "PATCH", path, patch, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (a.status == 404) {
		struct json_object *taints = json_object_new_array();
		add(meta, "name", n->name);
		spec = child(o, "spec");
		for (size_t i = 0; (e = option_entry("node-taint", i)); i++) {
			struct json_object *t = json_object_new_object();
			char *effect = strrchr(e, ':');
			*effect++ = 0;
			char *value = strchr(e, '=');
			if (value)
				*value++ = 0;
			add(t, "key", e);
			if (value && *value)
				add(t, "value", value);
			add(t, "effect", effect);
			json_object_array_add(taints, t);
		}
		json_object_object_add(spec, "taints", taints);
		free(a.body);
		a = http(api, "POST", "/api/v1/nodes", json, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
		if (a.status == 201)
			say("info", "Successfully registered node %s", n->name);
	}
	if (a.status / 100 != 2)
		say("error", "Unable to register node %s with API server: %d %.300s", n->name, a.status, a.body ? a.body : "");
	int rc = a.status / 100 == 2 ? 0 : -1;
	free(a.body), free(path);
	json_object_put(o);
	return rc;
}

static int heartbeat(const struct node *n, const struct peer *api) {
	struct json_object *o = json_object_new_object();
	char *path = strf("/api/v1/nodes/%s/status", n->name);
	json_object_object_add(o, "status", status(n));
	struct answer a = http(api, "PATCH", path, "Accept: application/json\r\nContent-Type: application/merge-patch+json\r\n",
			       json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (a.status / 100 != 2)
		say("error", "Error updating node status, will retry: error getting node \"%s\": %d %.200s", n->name, a.status, a.body ? a.body : "");
	int rc = a.status / 100 == 2 ? 0 : -1;
	free(a.body), free(path);
	json_object_put(o);
	return rc;
}

// The lease that says that somebody still looks after the node.
static void lease(const struct node *n, const struct peer *api) {
	static const char leases[] = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
	struct json_object *o = json_object_new_object(), *spec = child(o, "spec");
	char when[40], *path = strf("%s/%s", leases, n->name);
	time_t now = time(NULL);
	struct tm tm;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S.000000Z", gmtime_r(&now, &tm));
	add(spec, "holderIdentity", n->name);
	add(spec, "renewTime", when);
	json_object_object_add(spec, "leaseDurationSeconds", json_object_new_int(40));
	struct answer a = http(api, "PATCH", path, "Accept: application/json\r\nContent-Type: application/merge-patch+json\r\n",
			       json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (a.status == 404) {
		free(a.body);
		add(o, "apiVersion", "coordination.k8s.io/v1");
		add(o, "kind", "Lease");
		add(child(o, "metadata"), "name", n->name);
		a = http(api, "POST", leases, "Accept: application/json\r\nContent-Type: application/json\r\n",
			 json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	if (a.status / 100 != 2)
		say("error", "failed to update lease, error: %d %.200s", a.status, a.body ? a.body : "");
	free(a.body), free(path);
	json_object_put(o);
}

void kubeconfig_of_files(const char *path, int port, const char *ca_dir, const char *dir, const char *cert) {
	char *text = strf("apiVersion: v1\nclusters:\n- cluster:\n    server: https://127.0.0.1:%d\n    certificate-authority: "
			  "%s/server-ca.crt\n  name: local\ncontexts:\n- context:\n    cluster: local\n    namespace: default\n    user: user\n"
			  "  name: Default\ncurrent-context: Default\nkind: Config\npreferences: {}\nusers:\n- name: user\n  user:\n"
			  "    client-certificate: %s/%s.crt\n    client-key: %s/%s.key\n", port, ca_dir, dir, cert, dir, cert);
	if (file_write(path, 0600, text, strlen(text)))
		fatal("cannot write %s: %s", path, strerror(errno));
	free(text);
}

static void kubeconfig(const struct node *n, const char *name, const char *cert) {
	char *path = strf("%s/agent/%s.kubeconfig", n->data_dir, name), *dir = strf("%s/agent", n->data_dir);
	kubeconfig_of_files(path, n->local_port, dir, dir, cert);
	free(path), free(dir);
}

// Certificates by /v1-k3s: 0 when let in.
static int fetch_cert(const struct node *n, const struct peer *server, const char *secret, const char *password, const char *name,
		      char **ret_why) {
	char *both = strf("node:%s", secret), *basic = base64(both, strlen(both));
	char *headers = strf("Authorization: Basic %s\r\nk3s-Node-Name: %s\r\nk3s-Node-Password: %s\r\nk3s-Node-IP: %s\r\n", basic, n->name,
			     password, n->ip);
	char *path = strf("/v1-k3s/%s.crt", name);
	struct answer a = http(server, "GET", path, headers, NULL);
	char *key = a.body ? strstr(a.body, "-----BEGIN PRIVATE KEY") : NULL;
	if (a.status == 403) {
		*ret_why = strf("Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server "
				"node-passwd entry, try enabling a unique node name with the --with-node-id flag");
	} else if (a.status == 200 && key) {
		char *crt = strf("%s/agent/%s.crt", n->data_dir, name), *k = strf("%s/agent/%s.key", n->data_dir, name);
		if (file_write(k, 0600, key, strlen(key)) || file_write(crt, 0644, a.body, (size_t)(key - a.body)))
			fatal("cannot write %s: %s", crt, strerror(errno));
		free(crt), free(k);
	} else {
		*ret_why = a.status ? strf("https://127.0.0.1:6444%s: %d %s", path, a.status, a.status == 401 ? "Unauthorized" : "Internal Server Error")
				    : strf("Get \"https://127.0.0.1:6444%s\": %s", path, a.body);
	}
	int rc = a.status == 200 && key ? 0 : -1;
	free(a.body), free(both), free(basic), free(headers), free(path);
	return rc;
}

// The CA of the cluster, checked against the token's hash; NULL with why not.
static char *cluster_ca(const struct node *n, const char *hash, char **ret_why) {
	struct peer p = { .ctx = http_ctx(NULL, NULL, NULL) };
	if (peer_url(&p, n->server_url))
		fatal("Invalid server url, failed to parse: %s", n->server_url);
	struct answer a = http(&p, "GET", "/cacerts", NULL, NULL);
	SSL_CTX_free(p.ctx);
	if (a.status != 200) {
		*ret_why = a.status ? strf("failed to get CA certs: https://127.0.0.1:6444/cacerts: %d", a.status)
				    : strf("failed to get CA certs: Get \"https://127.0.0.1:6444/cacerts\": %s", a.body);
		free(a.body);
		return NULL;
	}
	char *seen = sha256_hex(a.body, a.size);
	if (hash && strcmp(hash, seen)) {
		*ret_why = strf("token CA hash does not match the Cluster CA certificate hash: %s != %s", hash, seen);
		free(a.body);
		a.body = NULL;
	}
	free(seen);
	return a.body;
}

void node_run(struct node *n, const char *token, void (*joined)(struct node *)) {
	char *hash, *secret = token_secret(token, &hash), *password = node_password();
	char *agent = strf("%s/agent", n->data_dir), *bin = data_unpack(n->data_dir), *ca, *why;
	char *etc = strf("%s/etc/containerd", agent), *containerd = strf("%s/containerd", agent), *toml = strf("%s/config.toml", etc);
	static const char config[] = "# File generated by k3s. DO NOT EDIT.\nversion = 2\n";
	if (dirs_make(agent, 0755) || dirs_make(etc, 0755) || dirs_make(containerd, 0711))
		fatal("failed to create %s: %s", agent, strerror(errno));
	if (!hash && !n->control)
		say("warning", "Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. Use the "
			       "full token from the server's node-token file to enable Cluster CA validation.");
	struct peer api = { 0 };
	if (peer_url(&api, n->server_url))
		fatal("Invalid server url, failed to parse: %s", n->server_url);
	// A server's own API listens beside its supervisor's port.
	n->local_port = n->control ? atoi(api.port) + 1 : *option("lb-server-port") ? atoi(option("lb-server-port")) : 6444;
	balancer_start(n->local_port, &api);
	if (!n->control)
		say("info", "Running load balancer k3s-agent-load-balancer 127.0.0.1:%d -> [] [default: %s]", n->local_port, n->server_url + 8);
	while (!(ca = cluster_ca(n, hash, &why))) {
		say("error", "Failed to validate connection to cluster at %s: %s", n->server_url, why);
		free(why);
		sleep(RETRY_S);
	}
	struct peer server = { .ctx = http_ctx(ca, NULL, NULL) };
	peer_url(&server, n->server_url);
	while (fetch_cert(n, &server, secret, password, "serving-kubelet", &why) ||
	       fetch_cert(n, &server, secret, password, "client-kubelet", &why)) {
		say("info", "Waiting to retrieve agent configuration; server is not ready: %s", why);
		free(why);
		sleep(RETRY_S);
	}
	char *ca_file = strf("%s/server-ca.crt", agent);
	if (file_write(ca_file, 0644, ca, strlen(ca)) || file_write(toml, 0600, config, strlen(config)))
		fatal("cannot write %s: %s", ca_file, strerror(errno));
	kubeconfig(n, "kubelet", "client-kubelet");
	kubeconfig(n, "k3scontroller", "client-kubelet");
	kubeconfig(n, "kubeproxy", "client-kubelet");
	if (file_read("/etc/rancher/k3s/registries.yaml", NULL))
		say("info", "Using private registry config file at /etc/rancher/k3s/registries.yaml");
	import_images(agent);
	containers_start(n, bin);
	struct pair kubelet = tls_pair(agent, "client-kubelet");
	server.ctx = http_ctx(ca, kubelet.cert, kubelet.key);
	say("info", "Running kubelet --hostname-override=%s --node-ip=%s", n->name, n->ip);
	kubelet_start(n, &server);
	while (node_register(n, &server) || heartbeat(n, &server))
		sleep(RETRY_S);
	lease(n, &server);
	if (joined)
		joined(n);
	for (;;) {
		sleep(HEARTBEAT_S);
		heartbeat(n, &server);
		lease(n, &server);
	}
}

static void on_term(int sig) {
	(void)sig;
	static const char text[] = "level=info msg=\"Shutting down\"\n";
	if (write(STDERR_FILENO, text, sizeof(text) - 1)) {
	}
	_exit(0);
}

static void agent_joined(struct node *n) {
	(void)n;
	say("info", "k3s agent is up and running");
	ready_notify();
}

int agent_main(void) {
	struct node n = { 0 };
	char *token;
	signal(SIGTERM, on_term), signal(SIGINT, on_term);
	if (geteuid())
		fatal("agent must be run as root, or with --rootless");
	token = option_token();
	if (!token)
		fatal("--token is required");
	if (!*option("server"))
		fatal("--server is required");
	if (strncmp(option("server"), "https://", 8))
		fatal("Invalid server url, only https:// URLs are supported: %s", option("server"));
	node_identity(&n);
	n.server_url = strf("%s", option("server"));
	say("info", "Starting k3s agent %s (%s)", release.version, release.commit);
	node_run(&n, token, agent_joined);
	return 0;
}
