// SPDX-License-Identifier: BSD-2-Clause
// The kubelet's own port: who asks is asked of the API server, by TokenReview and SubjectAccessReview, as the real one does
// it (authentication-token-webhook, authorization-mode Webhook). It knows /healthz and /pods.
#include "k3s.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 10250
#define HEAD_MAX 16384

static const char *node;
static struct peer api;
static SSL_CTX *ctx;

static struct json_object *post(const char *path, const char *body) {
	struct answer a = http(&api, "POST", path, "Accept: application/json\r\nContent-Type: application/json\r\n", body);
	struct json_object *o = a.status / 100 == 2 ? json_tokener_parse(a.body) : NULL;
	if (!o)
		say("error", "Unable to ask %s: %d %.200s", path, a.status, a.body ? a.body : "");
	free(a.body);
	return o;
}

static struct json_object *at(struct json_object *o, const char *key) {
	return o && json_object_object_get_ex(o, key, &o) ? o : NULL;
}

// 200, or what the real one refuses with; *ret_user is who it was.
static int may_get(const char *head, char **ret_user) {
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	const char *token = strcasestr(head, "\r\nAuthorization: Bearer ");
	size_t len = token ? strspn(token + 24, letters) : 0;
	if (!len || token[24 + len] != '\r')
		return 401;
	char *body = strf("{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":\"%.*s\"}}", (int)len, token + 24);
	struct json_object *review = post("/apis/authentication.k8s.io/v1/tokenreviews", body);
	struct json_object *status = at(review, "status"), *user = at(status, "user");
	free(body);
	if (!json_object_get_boolean(at(status, "authenticated")) || !at(user, "username")) {
		json_object_put(review);
		return 401;
	}
	*ret_user = strf("%s", json_object_get_string(at(user, "username")));
	struct json_object *groups = at(user, "groups");
	body = strf("{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{\"user\":\"%s\",\"groups\":%s,"
		    "\"resourceAttributes\":{\"verb\":\"get\",\"version\":\"v1\",\"resource\":\"nodes\",\"subresource\":\"proxy\",\"name\":\"%s\"}}}",
		    *ret_user, groups ? json_object_to_json_string(groups) : "[]", node);
	struct json_object *access = post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body);
	bool allowed = json_object_get_boolean(at(at(access, "status"), "allowed"));
	free(body);
	json_object_put(review), json_object_put(access);
	return allowed ? 200 : 403;
}

static char *answer_for(const char *head, int *ret_status) {
	char path[256] = "", *user = NULL, *body = NULL;
	sscanf(head, "GET %255[^ ?]", path);
	*ret_status = may_get(head, &user);
	if (*ret_status == 401)
		return strf("Unauthorized");
	if (*ret_status == 403) {
		body = strf("Forbidden (user=%s, verb=get, resource=nodes, subresource=proxy)", user);
	} else if (!strcmp(path, "/healthz")) {
		body = strf("ok");
	} else if (!strcmp(path, "/pods")) {
		char *list = strf("/api/v1/pods?fieldSelector=spec.nodeName%%3D%s", node);
		struct answer a = http(&api, "GET", list, NULL, NULL);
		*ret_status = a.status == 200 ? 200 : 500;
		body = a.body;
		free(list);
	} else {
		*ret_status = 404;
		body = strf("404 page not found");
	}
	free(user);
	return body;
}

static void *serve(void *arg) {
	SSL *ssl = arg;
	int fd = SSL_get_fd(ssl), status = 0, n;
	char *head = calloc(1, HEAD_MAX + 1);
	size_t have = 0;
	struct timeval limit = { 30, 0 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (SSL_accept(ssl) == 1)
		while (have < HEAD_MAX && !strstr(head, "\r\n\r\n") && (n = SSL_read(ssl, head + have, (int)(HEAD_MAX - have))) > 0)
			have += (size_t)n;
	if (strstr(head, "\r\n\r\n")) {
		char *body = answer_for(head, &status);
		char *all = strf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
				 status == 200 ? "OK" : status == 401 ? "Unauthorized" : status == 403 ? "Forbidden" : status == 404 ? "Not Found" : "Internal Server Error",
				 *body == '{' ? "application/json" : "text/plain", strlen(body), body);
		SSL_write(ssl, all, (int)strlen(all));
		free(body), free(all);
	}
	SSL_shutdown(ssl);
	ERR_clear_error();
	SSL_free(ssl);
	close(fd);
	free(head);
	return NULL;
}

static void *accept_loop(void *arg) {
	int fd = *(int *)arg;
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;
		if (client < 0) {
			usleep(10000);
			continue;
		}
		SSL *ssl = SSL_new(ctx);
		SSL_set_fd(ssl, client);
		if (pthread_create(&thread, NULL, serve, ssl)) {
			SSL_free(ssl);
			close(client);
		} else {
			pthread_detach(thread);
		}
	}
	return NULL;
}

void kubelet_start(const struct node *n, const struct peer *server) {
	static int fd;
	struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = { htonl(INADDR_ANY) } };
	char *dir = strf("%s/agent", n->data_dir);
	struct pair serving = tls_pair(dir, "serving-kubelet");
	pthread_t thread;
	int yes = 1;
	node = n->name, api = *server;
	ctx = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(ctx, serving.cert) != 1 || SSL_CTX_use_PrivateKey_file(ctx, serving.key, SSL_FILETYPE_PEM) != 1)
		fatal("cannot load %s", serving.cert);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&where, sizeof(where)) || listen(fd, 64))
		fatal("kubelet exited: listen tcp 0.0.0.0:%d: bind: %s", PORT, strerror(errno));
	if (pthread_create(&thread, NULL, accept_loop, &fd))
		fatal("cannot start a thread");
	free(dir);
}
