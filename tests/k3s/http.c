// SPDX-License-Identifier: BSD-2-Clause
#include "k3s.h"
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <unistd.h>

#define TIMEOUT_S 20

SSL_CTX *http_ctx(const char *ca_pem, const char *cert_file, const char *key_file) {
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	if (ca_pem) {
		BIO *b = BIO_new_mem_buf(ca_pem, -1);
		X509 *cert;
		while ((cert = PEM_read_bio_X509(b, NULL, NULL, NULL)))
			X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
		ERR_clear_error();
		BIO_free(b);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	if (cert_file && (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1 ||
			  SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1))
		fatal("cannot load the certificate %s with its key %s", cert_file, key_file);
	return ctx;
}

int peer_url(struct peer *p, const char *url) {
	const char *from = strstr(url, "://");
	from = from ? from + 3 : url;
	const char *end = from + strcspn(from, "/");
	const char *host_end, *port = NULL;
	if (*from == '[') {
		from++;
		host_end = strchr(from, ']');
		if (!host_end || host_end > end)
			return -1;
		if (host_end[1] == ':')
			port = host_end + 2;
	} else {
		host_end = memchr(from, ':', (size_t)(end - from));
		if (host_end)
			port = host_end + 1;
		else
			host_end = end;
	}
	if (host_end == from || (size_t)(host_end - from) >= sizeof(p->host))
		return -1;
	snprintf(p->host, sizeof(p->host), "%.*s", (int)(host_end - from), from);
	snprintf(p->port, sizeof(p->port), "%.*s", port ? (int)(end - port) : 3, port ? port : "443");
	return 0;
}

int tcp_connect(const struct peer *p, char **why) {
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
	int fd = -1, rc = getaddrinfo(p->host, p->port, &hints, &found);
	if (rc) {
		*why = strf("dial tcp: lookup %s: %s", p->host, gai_strerror(rc));
		return -1;
	}
	for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		int error = 0;
		socklen_t len = sizeof(error);
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		if (connect(fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS) {
			error = errno;
		} else {
			struct pollfd pfd = { fd, POLLOUT, 0 };
			if (poll(&pfd, 1, TIMEOUT_S * 1000) != 1)
				error = ETIMEDOUT;
			else
				getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		}
		if (error) {
			*why = strf("dial tcp %s:%s: connect: %s", p->host, p->port, strerror(error));
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd >= 0) {
		struct timeval limit = { TIMEOUT_S, 0 };
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	}
	return fd;
}

int peer_connect(const struct peer *p, SSL **ret, char **ret_why) {
	int fd = tcp_connect(p, ret_why);
	if (fd < 0)
		return -1;
	SSL *ssl = SSL_new(p->ctx);
	SSL_set_fd(ssl, fd);
	if (p->name) {
		X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
		if (X509_VERIFY_PARAM_set1_ip_asc(param, p->name) != 1)
			X509_VERIFY_PARAM_set1_host(param, p->name, 0);
		else
			ERR_clear_error();
	}
	if (SSL_connect(ssl) != 1) {
		long v = SSL_get_verify_result(ssl);
		*ret_why = v != X509_V_OK ? strf("tls: failed to verify certificate: x509: %s", X509_verify_cert_error_string(v))
					  : strf("read tcp 127.0.0.1->127.0.0.1:6444: read: connection reset by peer");
		ERR_clear_error();
		SSL_free(ssl);
		close(fd);
		return -1;
	}
	*ret = ssl;
	return 0;
}

static void unchunk(struct answer *a) {
	char *in = a->body, *out = a->body, *end = a->body + a->size, *next;
	while (in < end) {
		unsigned long n = strtoul(in, &next, 16);
		next = memchr(next, '\n', (size_t)(end - next));
		if (!next || n == 0 || n > (unsigned long)(end - next - 1))
			break;
		memmove(out, next + 1, n);
		out += n;
		in = next + 1 + n + 2;
	}
	*out = 0;
	a->size = (size_t)(out - a->body);
}

struct answer http(const struct peer *p, const char *method, const char *path, const char *headers,
		   const char *body) {
	struct answer a = { 0, NULL, 0 };
	SSL *ssl;
	if (peer_connect(p, &ssl, &a.body))
		return a;
	char *as = p->as ? strf("X-Remote-User: %s\r\nX-Remote-Group: system:masters\r\n", p->as) : strf("%s", "");
	char *length = body ? strf("Content-Length: %zu\r\n", strlen(body)) : strf("%s", "");
	bool v6 = strchr(p->host, ':');
	char *head = strf("%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: k3s/%s\r\nConnection: close\r\n%s%s%s\r\n%s", method,
			  path, v6 ? "[" : "", p->host, v6 ? "]" : "", p->port, release.version, as, length,
			  headers ? headers : "Accept: application/json\r\n", body ? body : "");
	int fd = SSL_get_fd(ssl);
	size_t cap = 1 << 16;
	char *all = malloc(cap);
	int got = SSL_write(ssl, head, (int)strlen(head));
	while (got > 0 && (got = SSL_read(ssl, all + a.size, (int)(cap - a.size - 1))) > 0) {
		a.size += (size_t)got;
		if (cap - a.size < 2)
			all = realloc(all, cap *= 2);
	}
	ERR_clear_error();
	all[a.size] = 0;
	SSL_free(ssl);
	close(fd);
	free(as), free(length), free(head);
	char *blank = strstr(all, "\r\n\r\n");
	if (!blank || sscanf(all, "HTTP/1.%*d %d", &a.status) != 1) {
		free(all);
		return (struct answer){ 0, strf("EOF"), 3 };
	}
	*blank = 0;
	bool chunked = strcasestr(all, "\r\ntransfer-encoding: chunked");
	a.size -= (size_t)(blank + 4 - all);
	a.body = malloc(a.size + 1);
	memcpy(a.body, blank + 4, a.size);
	a.body[a.size] = 0;
	if (chunked)
		unchunk(&a);
	free(all);
	return a;
}

struct peer api_peer(const char *as) {
	static SSL_CTX *ctx;
	struct peer p = { .as = as };
	char *at = file_read(LAB "/api", NULL), *ca = file_read(LAB "/api-ca.crt", NULL);
	if (!at || !ca)
		fatal("this is the stand-in k3s of the tests: it needs the folder " LAB ", see tests/k3s/k3s.h");
	at[strcspn(at, "\r\n")] = 0;
	if (peer_url(&p, at))
		fatal(LAB "/api: '%s' is not ADDRESS:PORT", at);
	if (!ctx)
		ctx = http_ctx(ca, LAB "/proxy.crt", LAB "/proxy.key");
	p.ctx = ctx;
	free(at), free(ca);
	return p;
}
