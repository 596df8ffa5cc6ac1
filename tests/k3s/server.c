// SPDX-License-Identifier: BSD-2-Clause
// The server: its certificates, tokens and files, the join protocol, and the API by forwarding.
#include "k3s.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX 65536
static char *tls_dir, *server_dir, *secret, *agent_secret, *full_token;
static struct node self = { .control = true };
static pthread_mutex_t password_lock = PTHREAD_MUTEX_INITIALIZER;

static struct answer api(const char *method, const char *path, const char *type, const char *body) {
	struct peer p = api_peer("system:admin");
	char *headers = type ? strf("Accept: application/json\r\nContent-Type: %s\r\n", type) : NULL;
	struct answer a = http(&p, method, path, headers, body);
	free(headers);
	return a;
}

// ---- the join protocol

// Is this the node of that name? Its first password is kept as a hash, as the real server keeps it.
static bool password_right(const char *node, const char *password) {
	char *lower = strf("%s.node-password.k3s", node), *salt = NULL, *want = NULL;
	bool right = false;
	for (char *p = lower; *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	char *path = strf("/api/v1/namespaces/kube-system/secrets/%s", lower);
	pthread_mutex_lock(&password_lock);
	struct answer a = api("GET", path, NULL, NULL);
	struct json_object *o = a.status == 200 ? json_tokener_parse(a.body) : NULL, *data, *hash;
	if (o && json_object_object_get_ex(o, "data", &data) && json_object_object_get_ex(data, "hash", &hash)) {
		char *text = base64_decode(json_object_get_string(hash), NULL);
		char *colon = text ? strchr(text + 3, ':') : NULL;
		if (colon) {
			salt = strf("%.*s", (int)(colon - text - 3), text + 3);
			char *salted = strf("%s%s", salt, password), *sum = sha256_hex(salted, strlen(salted));
			right = !strcmp(sum, colon + 1);
			free(salted), free(sum);
		}
		free(text);
		if (!right)
			say("error", "unable to verify hash for node '%s': hash does not match", node);
	} else if (a.status == 404) {
		salt = random_hex(8);
		char *salted = strf("%s%s", salt, password), *sum = sha256_hex(salted, strlen(salted));
		char *text = strf("$1:%s:%s", salt, sum);
		want = base64(text, strlen(text));
		char *body = strf("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"immutable\":true,\"type\":\"Opaque\",\"metadata\":{\"name\":\"%s\"},"
				  "\"data\":{\"hash\":\"%s\"}}", lower, want);
		struct answer b = api("POST", "/api/v1/namespaces/kube-system/secrets", "application/json", body);
		right = b.status == 201;
		free(b.body), free(body), free(text), free(salted), free(sum);
	}
	pthread_mutex_unlock(&password_lock);
	json_object_put(o);
	free(a.body), free(path), free(lower), free(salt), free(want);
	return right;
}

static char *header(const char *head, const char *name) {
	size_t len = strlen(name);
	for (const char *p = head; (p = strstr(p, "\r\n")); ) {
		p += 2;
		if (!strncasecmp(p, name, len) && p[len] == ':') {
			p += len + 1;
			p += strspn(p, " ");
			return strf("%.*s", (int)strcspn(p, "\r\n"), p);
		}
	}
	return NULL;
}

// The user that HTTP's basic authentication names, if the password is one of the cluster's secrets.
static char *basic_user(const char *head) {
	char *value = header(head, "Authorization"), *both, *colon, *user = NULL;
	if (!value || strncmp(value, "Basic ", 6) || !(both = base64_decode(value + 6, NULL)))
		return NULL;
	colon = strchr(both, ':');
	if (colon) {
		*colon++ = 0;
		if (!strcmp(colon, secret) || (!strcmp(both, "node") && agent_secret && !strcmp(colon, agent_secret)))
			user = strf("%s", both);
	}
	free(both), free(value);
	return user;
}

static const char *reason(int status) {
	return status == 200 ? "OK" : status == 400 ? "Bad Request" : status == 401 ? "Unauthorized" : status == 403 ? "Forbidden" : status == 404 ? "Not Found" : "Internal Server Error";
}

// `k3s token rotate`: the datastore is sealed with the new token from now on. Who may ask is read when a server
// starts: until then this one goes on with the old token.
static int token_rotate(const char *body) {
	struct json_object *o = json_tokener_parse(body), *new;
	if (!o || !json_object_object_get_ex(o, "newToken", &new)) {
		json_object_put(o);
		return 400;
	}
	const char *given = json_object_get_string(new);
	char *made = given && *given ? strf("%s", given) : random_hex(16), *path = strf("%s/token", server_dir);
	char *line = strf("%.*s::server:%s\n", 3 + 64, full_token, made);
	int rc = file_write(path, 0600, line, strlen(line)) ? 500 : 200;
	json_object_put(o);
	free(made), free(path), free(line);
	return rc;
}

// Answers what the supervisor answers by itself; false: the API's business. *ret is an HTTP message.
static bool supervisor(const char *path, const char *head, const char *sent, char **ret) {
	static unsigned serial;
	int status = 404;
	char *body = NULL, *user = NULL;
	if (!strcmp(path, "/ping")) {
		status = 200, body = strf("pong");
	} else if (!strcmp(path, "/cacerts")) {
		char *ca = strf("%s/server-ca.crt", tls_dir);
		status = 200, body = file_read(ca, NULL);
		free(ca);
	} else if (!strcmp(path, "/version")) {
		// The API server behind is one build for all releases.
		struct answer a = api("GET", path, NULL, NULL);
		struct json_object *o = a.status == 200 ? json_tokener_parse(a.body) : NULL;
		int minor = 0;
		if (o) {
			sscanf(release.version, "v1.%d", &minor);
			json_object_object_add(o, "gitVersion", json_object_new_string(release.version));
			char *text = strf("%d", minor);
			json_object_object_add(o, "minor", json_object_new_string(text));
			status = 200, body = strf("%s", json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
			free(text);
		}
		json_object_put(o);
		free(a.body);
	} else if (strncmp(path, "/v1-k3s/", 8)) {
		return false;
	} else if (!(user = basic_user(head))) {
		say("error", "Failed to authenticate request: invalid username/password combination");
		status = 401;
	} else if (!strcmp(path, "/v1-k3s/token")) {
		status = strcmp(user, "server") ? 403 : strncmp(head, "PUT ", 4) ? 400 : token_rotate(sent);
	} else if (!strcmp(path, "/v1-k3s/config")) {
		status = 200, body = strf("{\"FlannelBackend\":\"vxlan\",\"ClusterDomain\":\"cluster.local\"}");
	} else if (!strcmp(path, "/v1-k3s/server-bootstrap")) {
		static const char *const names[] = { "server-ca.crt", "server-ca.key", "client-ca.crt", "client-ca.key" };
		if (strcmp(user, "server")) {
			status = 403;
		} else {
			struct json_object *o = json_object_new_object();
			for (size_t i = 0; i < COUNT(names); i++) {
				char *file = strf("%s/%s", tls_dir, names[i]), *text = file_read(file, NULL);
				json_object_object_add(o, names[i], json_object_new_string(text ? text : ""));
				free(file), free(text);
			}
			status = 200, body = strf("%s", json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
			json_object_put(o);
		}
	} else if (!strcmp(path, "/v1-k3s/serving-kubelet.crt") || !strcmp(path, "/v1-k3s/client-kubelet.crt")) {
		char *name = header(head, "k3s-Node-Name"), *password = header(head, "k3s-Node-Password"), *ip = header(head, "k3s-Node-IP");
		bool serving = strstr(path, "serving");
		if (!name || !password || !*name || !*password) {
			status = 500;
		} else if (!password_right(name, password)) {
			status = 403;
		} else {
			struct pair ca = { strf("%s/%s-ca.crt", tls_dir, serving ? "server" : "client"), strf("%s/%s-ca.key", tls_dir, serving ? "server" : "client") };
			char *file = strf("issued-%u", __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST));
			struct pair new = tls_pair(tls_dir, file);
			char *cn = serving ? strf("%s", name) : strf("system:node:%s", name);
			const char *orgs[] = { "system:nodes", NULL }, *sans[] = { name, "localhost", "127.0.0.1", ip && *ip ? ip : NULL, NULL };
			if (tls_make_cert(&new, &ca, cn, serving ? NULL : orgs, serving ? sans : NULL)) {
				status = 500;
			} else {
				char *c = file_read(new.cert, NULL), *k = file_read(new.key, NULL);
				status = 200, body = strf("%s%s", c, k);
				free(c), free(k);
			}
			unlink(new.cert), unlink(new.key);
			free(cn), free(file);
		}
		free(name), free(password), free(ip);
	}
	if (!body)
		body = strf("%s", reason(status));
	*ret = strf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status, reason(status), *body == '{' ? "application/json" : "text/plain",
		    strlen(body), body);
	free(body), free(user);
	return true;
}

// ---- forwarding

static int write_all(SSL *ssl, const char *bytes, size_t size) {
	while (size > 0) {
		int n = SSL_write(ssl, bytes, (int)size);
		if (n <= 0) {
			int e = SSL_get_error(ssl, n);
			struct pollfd p = { SSL_get_fd(ssl), e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, 0 };
			if ((e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) || poll(&p, 1, 60000) != 1)
				return -1;
			continue;
		}
		bytes += n, size -= (size_t)n;
	}
	return 0;
}

// Who the client is, for the API server: its certificate's subject, in the front proxy's headers.
static char *who_headers(SSL *client) {
	X509 *cert = SSL_get0_peer_certificate(client);
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;
	char *all = strf("%s", "");
	for (int i = -1; subject && (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;)
		all = strf("%sX-Remote-User: %s\r\n", all, ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))));
	for (int i = -1; subject && (i = X509_NAME_get_index_by_NID(subject, NID_organizationName, i)) >= 0;)
		all = strf("%sX-Remote-Group: %s\r\n", all, ASN1_STRING_get0_data(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))));
	if (subject)
		all = strf("%sX-Remote-Group: system:authenticated\r\n", all);
	return all;
}

// The API server behind is older than any K3s: it has endpoint slices, in the same form, under their former version.
static const char slices[] = " /apis/discovery.k8s.io/v1/", slices_then[] = " /apis/discovery.k8s.io/v1beta1/";

// The head without X-Remote-* lines of the client's own, with ours.
static char *head_rewrite(const char *head, const char *who) {
	char *out = calloc(1, strlen(head) + strlen(who) + sizeof(slices_then) + 8), *to = out;
	const char *blank = strchr(head, ' ');
	if (blank && !strncmp(blank, slices, sizeof(slices) - 1)) {
		memcpy(to, head, (size_t)(blank - head));
		to = stpcpy(to + (blank - head), slices_then);
		head = blank + sizeof(slices) - 1;
	}
	for (const char *line = head; *line;) {
		size_t n = strcspn(line, "\r");
		if (n == 0)
			break;
		if (strncasecmp(line, "X-Remote-", 9)) {
			memcpy(to, line, n + 2);
			to += n + 2;
		}
		line += n + 2;
	}
	memcpy(to, who, strlen(who));
	strcat(to, "\r\n");
	return out;
}

struct connection {
	SSL *ssl;
	int fd;
};

static void *serve(void *arg) {
	struct connection *c = arg;
	static __thread char in[HEAD_MAX + 1], block[16384];
	size_t have = 0, body = 0;
	bool raw = false;
	SSL *up = NULL;
	char *who = NULL;
	struct timeval limit = { 30, 0 };
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (SSL_accept(c->ssl) != 1)
		goto out;
	who = who_headers(c->ssl);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		struct pollfd p[2] = { { c->fd, POLLIN, 0 }, { up ? SSL_get_fd(up) : -1, POLLIN, 0 } };
		if (!SSL_pending(c->ssl) && !(up && SSL_pending(up)) && poll(p, 2, 600000) < 1)
			break;
		if (up && (p[1].revents || SSL_pending(up))) {
			int n = SSL_read(up, block, sizeof(block));
			if (n > 0 && write_all(c->ssl, block, (size_t)n))
				break;
			if (n <= 0 && SSL_get_error(up, n) != SSL_ERROR_WANT_READ)
				break;
		}
		if (!p[0].revents && !SSL_pending(c->ssl))
			continue;
		int n = SSL_read(c->ssl, in + have, (int)(HEAD_MAX - have));
		if (n <= 0) {
			if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
				break;
			continue;
		}
		have += (size_t)n;
		while (have > 0) {
			if (raw || body > 0) {
				size_t now = raw || body > have ? have : body;
				if (!up || write_all(up, in, now))
					goto out;
				memmove(in, in + now, have - now);
				have -= now;
				body -= raw ? 0 : now;
				continue;
			}
			in[have] = 0;
			char *end = strstr(in, "\r\n\r\n"), path[4096] = "", *local, *why = NULL;
			if (!end) {
				if (have == HEAD_MAX)
					goto out;
				break;
			}
			size_t size = (size_t)(end + 4 - in);
			char *head = strf("%.*s", (int)size, in), *length = header(head, "Content-Length");
			sscanf(head, "%*s %4095[^ ?]", path);
			// what it answers by itself has a small body, which is waited for
			size_t own = !strncmp(path, "/v1-k3s/", 8) && length ? strtoul(length, NULL, 10) : 0;
			if (own > HEAD_MAX - size)
				goto out;
			if (have - size < own) {
				free(head), free(length);
				break;
			}
			char *sent = strf("%.*s", (int)own, in + size);
			memmove(in, in + size + own, have - size - own);
			have -= size + own;
			bool mine = supervisor(path, head, sent, &local);
			free(sent);
			if (mine) {
				char *wish = header(head, "Connection");
				bool last = write_all(c->ssl, local, strlen(local)) || (wish && !strcasecmp(wish, "close"));
				free(local), free(head), free(length), free(wish);
				if (last)
					goto out;
				continue;
			}
			if (!up) {
				struct peer to = api_peer(NULL);
				if (peer_connect(&to, &up, &why)) {
					static const char sorry[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 22\r\nConnection: close\r\n\r\napiserver not ready   ";
					say("error", "apiserver is not reachable: %s", why);
					write_all(c->ssl, sorry, sizeof(sorry) - 1);
					free(head), free(length), free(why);
					goto out;
				}
				fcntl(SSL_get_fd(up), F_SETFL, O_NONBLOCK);
			}
			body = length ? strtoul(length, NULL, 10) : 0;
			char *encoding = header(head, "Transfer-Encoding"), *upgrade = header(head, "Upgrade");
			raw = encoding || upgrade;
			char *extra = strf("%s%s", who, encoding && !upgrade ? "Connection: close\r\n" : "");
			char *passed = head_rewrite(head, extra);
			int bad = write_all(up, passed, strlen(passed));
			free(head), free(length), free(encoding), free(upgrade), free(extra), free(passed);
			if (bad)
				goto out;
		}
	}
out:
	SSL_shutdown(c->ssl);
	ERR_clear_error();
	if (up) {
		int fd = SSL_get_fd(up);
		SSL_free(up);
		close(fd);
	}
	SSL_free(c->ssl);
	close(c->fd);
	free(who);
	free(c);
	return NULL;
}

static int any_cert(int right, X509_STORE_CTX *x) {
	(void)x;
	return right;
}

static void *accept_loop(void *arg) {
	int fd = *(int *)arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char *cert = strf("%s/serving-kube-apiserver.crt", tls_dir), *key = strf("%s/serving-kube-apiserver.key", tls_dir);
	char *ca = strf("%s/client-ca.crt", tls_dir);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		fatal("cannot load %s", cert);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, any_cert);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;
		struct connection *c;
		if (client < 0) {
			usleep(10000);
			continue;
		}
		c = malloc(sizeof(*c));
		*c = (struct connection){ SSL_new(ctx), client };
		SSL_set_fd(c->ssl, client);
		if (pthread_create(&thread, NULL, serve, c)) {
			SSL_free(c->ssl);
			close(client);
			free(c);
		} else {
			pthread_detach(thread);
		}
	}
	return NULL;
}

static int listen_on(int port) {
	bool bound = *option("bind-address");
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = in6addr_any };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int yes = 1, fd = bound ? -1 : socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool six = fd >= 0;
	if (bound && inet_pton(AF_INET6, option("bind-address"), &v6.sin6_addr) == 1)
		six = (fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0;
	else if (bound && inet_pton(AF_INET, option("bind-address"), &v4.sin_addr) != 1)
		fatal("invalid bind-address: %s", option("bind-address"));
	if (fd < 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, six ? sizeof(v6) : sizeof(v4)) || listen(fd, 128)) {
		char *why = strf("%s", strerror(errno));
		why[0] |= 0x20;
		fatal("starting kubernetes: preparing server: init cluster datastore and https: listen tcp %s:%d: bind: %s",
		      option("bind-address"), port, why);
	}
	return fd;
}

// ---- files

static void write_or_die(const char *path, int mode, const char *text) {
	if (file_write(path, mode, text, strlen(text)))
		fatal("cannot write %s: %s", path, strerror(errno));
}

static void certificates(void) {
	struct pair server_ca = tls_pair(tls_dir, "server-ca"), client_ca = tls_pair(tls_dir, "client-ca");
	struct pair serving = tls_pair(tls_dir, "serving-kube-apiserver"), admin = tls_pair(tls_dir, "client-admin");
	const char *orgs[] = { "system:masters", NULL };
	const char *sans[64] = { "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
				 "localhost", "127.0.0.1", "::1", "10.43.0.1", self.name, self.ip };
	size_t n = 10;
	char *id = strf("%ld", (long)time(NULL)), *cn;
	for (size_t i = 0; n < COUNT(sans) - 1 && (cn = option_entry("tls-san", i)); i++)
		sans[n++] = cn;
	if (*option("advertise-address"))
		sans[n++ < COUNT(sans) - 1 ? n - 1 : 10] = option("advertise-address");
	if (access(server_ca.cert, F_OK) && (tls_make_ca(&server_ca, strf("k3s-server-ca@%s", id)) || tls_make_ca(&client_ca, strf("k3s-client-ca@%s", id))))
		fatal("failed to generate certificates in %s: %s", tls_dir, strerror(errno));
	if (tls_make_cert(&serving, &server_ca, "kube-apiserver", NULL, sans) || (access(admin.cert, F_OK) && tls_make_cert(&admin, &client_ca, "system:admin", orgs, NULL)))
		fatal("failed to generate certificates in %s: %s", tls_dir, strerror(errno));
	free(id);
}

static char *inline_file(const char *name) {
	char *path = strf("%s/%s", tls_dir, name);
	size_t n = 0;
	char *text = file_read(path, &n), *b = base64(text ? text : "", n);
	free(path), free(text);
	return b;
}

static void kubeconfig(int port) {
	const char *path = *option("write-kubeconfig") ? option("write-kubeconfig") : "/etc/rancher/k3s/k3s.yaml";
	const char *mode = *option("write-kubeconfig-mode") ? option("write-kubeconfig-mode") : "0600";
	char *end, *ca = inline_file("server-ca.crt"), *cert = inline_file("client-admin.crt"), *key = inline_file("client-admin.key");
	long bits = strtol(mode, &end, 8);
	if (*end || bits <= 0 || bits > 0777)
		fatal("invalid write-kubeconfig-mode \"%s\": strconv.ParseInt: parsing \"%s\": invalid syntax", mode, mode);
	char *text = strf("apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: %s\n    server: https://127.0.0.1:%d\n"
			  "  name: default\ncontexts:\n- context:\n    cluster: default\n    user: default\n  name: default\n"
			  "current-context: default\nkind: Config\npreferences: {}\nusers:\n- name: default\n  user:\n"
			  "    client-certificate-data: %s\n    client-key-data: %s\n", ca, port, cert, key);
	char *dir = strf("%s", path), *slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = 0;
		dirs_make(dir, 0755);
	}
	write_or_die(path, (int)bits, text);
	say("info", "Wrote kubeconfig %s", path);
	// And the one that its own controllers use, which names files.
	char *cred = strf("%s/cred/admin.kubeconfig", server_dir);
	kubeconfig_of_files(cred, port, tls_dir, tls_dir, "client-admin");
	free(cred);
	free(text), free(dir), free(ca), free(cert), free(key);
}

static void tokens(void) {
	char *path = strf("%s/token", server_dir), *node = strf("%s/node-token", server_dir), *agent = strf("%s/agent-token", server_dir);
	char *given = option_token(), *old = file_read(path, NULL), *hash, *ca_path = strf("%s/server-ca.crt", tls_dir);
	size_t n;
	if (old)
		old[strcspn(old, "\r\n")] = 0;
	char *kept = old ? token_secret(old, &hash) : NULL;
	secret = given ? token_secret(given, &hash) : kept ? strf("%s", kept) : random_hex(16);
	if (kept && strcmp(kept, secret))
		fatal("starting kubernetes: preparing server: bootstrap data already found and encrypted with different token");
	char *ca = file_read(ca_path, &n), *sum = sha256_hex(ca, n);
	full_token = strf("K10%s::server:%s", sum, secret);
	if (given && hash && strcmp(hash, sum) && !*option("server"))
		say("warning", "token CA hash does not match the Cluster CA certificate hash: %s != %s", hash, sum);
	char *line = strf("%s\n", full_token);
	write_or_die(path, 0600, line);
	if (*option("agent-token")) {
		agent_secret = strf("%s", option("agent-token"));
	} else if (*option("agent-token-file")) {
		agent_secret = file_read(option("agent-token-file"), NULL);
		if (!agent_secret)
			fatal("failed to read agent-token-file %s: %s", option("agent-token-file"), strerror(errno));
		agent_secret[strcspn(agent_secret, "\r\n")] = 0;
	}
	unlink(agent), unlink(node);
	if (agent_secret) {
		char *agent_line = strf("K10%s::node:%s\n", sum, agent_secret);
		write_or_die(agent, 0600, agent_line);
		free(agent_line);
	} else if (symlink(path, agent)) {
		fatal("cannot write %s: %s", agent, strerror(errno));
	}
	if (symlink(agent_secret ? agent : path, node))
		fatal("cannot write %s: %s", node, strerror(errno));
	say("info", "Server node token is available at %s/token", server_dir);
	free(line), free(ca), free(sum), free(ca_path), free(given), free(old), free(kept);
}

// ---- the cluster's state

// A new server's datastore is empty. The API server beside the nodes is not new: empty it.
static void cluster_new(void) {
	static const char *const lists[] = {
		"/api/v1/nodes", "/apis/storage.k8s.io/v1/storageclasses", "/api/v1/persistentvolumes",
		"/apis/apps/v1/namespaces/kube-system/deployments", "/apis/apps/v1/namespaces/kube-system/daemonsets",
		"/apis/batch/v1/namespaces/kube-system/jobs", "/api/v1/namespaces/kube-system/pods",
		"/apis/apps/v1/namespaces/default/deployments", "/api/v1/namespaces/default/pods",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
		"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
		"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
	};
	struct json_object *o, *items;
	struct answer a = api("GET", "/api/v1/namespaces", NULL, NULL);
	if (a.status == 200 && (o = json_tokener_parse(a.body)) && json_object_object_get_ex(o, "items", &items))
		for (size_t i = 0; i < json_object_array_length(items); i++) {
			struct json_object *meta, *name;
			json_object_object_get_ex(json_object_array_get_idx(items, i), "metadata", &meta);
			json_object_object_get_ex(meta, "name", &name);
			const char *ns = json_object_get_string(name);
			if (strcmp(ns, "default") && strncmp(ns, "kube-", 5))
				free(api("DELETE", strf("/api/v1/namespaces/%s", ns), NULL, NULL).body);
		}
	free(a.body);
	for (size_t i = 0; i < COUNT(lists); i++)
		free(api("DELETE", lists[i], NULL, NULL).body);
	a = api("GET", "/api/v1/namespaces/kube-system/secrets", NULL, NULL);
	if (a.status == 200 && (o = json_tokener_parse(a.body)) && json_object_object_get_ex(o, "items", &items))
		for (size_t i = 0; i < json_object_array_length(items); i++) {
			struct json_object *meta, *name;
			json_object_object_get_ex(json_object_array_get_idx(items, i), "metadata", &meta);
			json_object_object_get_ex(meta, "name", &name);
			if (strstr(json_object_get_string(name), ".node-password.k3s"))
				free(api("DELETE", strf("/api/v1/namespaces/kube-system/secrets/%s", json_object_get_string(name)), NULL, NULL).body);
		}
	free(a.body);
}

static void *controllers(void *arg) {
	char *manifests = arg;
	struct peer admin = api_peer("system:admin");
	packaged_apply(&admin, manifests);
	for (;;) {
		manifests_loop_step(&admin, manifests);
		sleep(5);
	}
	return NULL;
}

static void joined(struct node *n) {
	// What the server, not the kubelet, says of its own node
	char *path = strf("/api/v1/nodes/%s", n->name);
	const char *etcd = option_on("cluster-init") || *option("server") ? ",\"node-role.kubernetes.io/etcd\":\"true\"" : "";
	char *body = strf("{\"metadata\":{\"labels\":{\"node-role.kubernetes.io/control-plane\":\"true\",\"node-role.kubernetes.io/master\":\"true\"%s}}}", etcd);
	struct answer a = api("PATCH", path, "application/merge-patch+json", body);
	if (a.status / 100 != 2)
		say("error", "Unable to set control-plane role label: %d", a.status);
	free(a.body), free(path), free(body);
}

static void *agent_thread(void *arg) {
	(void)arg;
	node_run(&self, full_token, joined);
	return NULL;
}

// Another server's CAs, so that this one's certificates are of the same cluster.
static void join_server(void) {
	static const char *const names[] = { "server-ca.crt", "server-ca.key", "client-ca.crt", "client-ca.key" };
	struct peer p = { .ctx = http_ctx(NULL, NULL, NULL) };
	char *token = option_token(), *hash, *pass;
	if (!token)
		fatal("--token is required to join a cluster");
	if (peer_url(&p, option("server")))
		fatal("Invalid server url, failed to parse: %s", option("server"));
	pass = strf("server:%s", token_secret(token, &hash));
	char *basic = base64(pass, strlen(pass)), *headers = strf("Authorization: Basic %s\r\n", basic);
	struct answer a = http(&p, "GET", "/v1-k3s/server-bootstrap", headers, NULL);
	struct json_object *o, *text;
	if (a.status != 200)
		fatal("starting kubernetes: preparing server: %s/v1-k3s/server-bootstrap: %d %s", option("server"), a.status,
		      a.status ? reason(a.status) : a.body);
	o = json_tokener_parse(a.body);
	for (size_t i = 0; i < COUNT(names); i++)
		if (o && json_object_object_get_ex(o, names[i], &text))
			write_or_die(strf("%s/%s", tls_dir, names[i]), strstr(names[i], ".key") ? 0600 : 0644, json_object_get_string(text));
	free(basic), free(headers), free(pass), free(a.body), free(token);
}

static void on_term(int sig) {
	(void)sig;
	_exit(0);
}

int server_main(void) {
	static int fd;
	int port = *option("https-listen-port") ? atoi(option("https-listen-port")) : 6443;
	char *delay = file_read(LAB "/delay", NULL), *db;
	pthread_t thread;
	struct peer admin;
	signal(SIGTERM, on_term), signal(SIGINT, on_term);
	if (geteuid())
		fatal("server must be run as root, or with --rootless and/or --disable-agent");
	say("info", "Starting k3s %s (%s)", release.version, release.commit);
	node_identity(&self);
	server_dir = strf("%s/server", self.data_dir);
	tls_dir = strf("%s/tls", server_dir);
	char *manifests = strf("%s/manifests", server_dir), *dbdir = strf("%s/db", server_dir), *cred = strf("%s/cred", server_dir);
	if (dirs_make(self.data_dir, 0755) || dirs_make(server_dir, 0700) || dirs_make(tls_dir, 0700) || dirs_make(manifests, 0700) ||
	    dirs_make(dbdir, 0700) || dirs_make(cred, 0700))
		fatal("failed to create %s: %s", server_dir, strerror(errno));
	free(data_unpack(self.data_dir));
	fd = listen_on(port);
	db = strf("%s/state.db", dbdir);
	bool new = access(db, F_OK);
	if (new && *option("server"))
		join_server();
	certificates();
	tokens();
	admin = api_peer("system:admin");
	for (struct answer a = { 0 }; a.status != 200; free(a.body)) {
		a = http(&admin, "GET", "/readyz", NULL, NULL);
		if (a.status != 200) {
			say("info", "Waiting for API server to become available: %s", a.status ? "not ready" : a.body);
			sleep(1);
		}
	}
	if (new && !*option("server")) {
		say("info", "Creating a new cluster datastore");
		cluster_new();
	}
	if (new)
		write_or_die(db, 0600, strf("SQLite format 3 (stand-in) %s\n", random_hex(8)));
	sleep(delay ? (unsigned)atoi(delay) : 1);
	if (pthread_create(&thread, NULL, accept_loop, &fd))
		fatal("cannot start a thread");
	kubeconfig(port);
	self.server_url = strf("https://%s:%d", *option("bind-address") ? option("bind-address") : "127.0.0.1", port);
	if (pthread_create(&thread, NULL, controllers, manifests) || pthread_create(&thread, NULL, agent_thread, NULL))
		fatal("cannot start a thread");
	say("info", "k3s is up and running");
	ready_notify();
	for (;;)
		pause();
}
