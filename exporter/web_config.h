/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_WEB_CONFIG_H
#define EXPORTER_WEB_CONFIG_H
/*
 * The file of --web.config.file, in the format that all Prometheus exporters share (exporter-toolkit,
 * docs/web-configuration.md): TLS, headers, and the users of basic authentication.
 *
 *	tls_server_config:
 *	  cert_file: node.pem            # or cert: with the PEM text itself
 *	  key_file: node.key             # or key:
 *	  client_auth_type: RequireAndVerifyClientCert
 *	  client_ca_file: ca.pem         # or client_ca:
 *	  client_allowed_sans: [prometheus.example.org]
 *	  min_version: TLS12             # TLS10 to TLS13
 *	  max_version: TLS13
 *	  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]   # Go's names; up to TLS 1.2
 *	  prefer_server_cipher_suites: true
 *	  curve_preferences: [X25519, CurveP256]
 *	http_server_config:
 *	  http2: false                   # true is understood; HTTP/1.1 is what is spoken
 *	  headers: {X-Frame-Options: deny}
 *	basic_auth_users:
 *	  prometheus: $2y$10$...         # bcrypt, as from htpasswd -nB
 *
 * Paths are relative to the file. An unknown key, and a value that could not be honoured, is an error
 * with its line and column.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/strv.h"
#include "base/ydoc.h"

#define WEB_USERS_MAX 64
#define WEB_HASH_LEN 60
/* The cost is the work's binary logarithm; at 14 a password takes about a second. */
#define WEB_COST_MAX 14

enum client_auth { CLIENT_NONE, CLIENT_REQUEST, CLIENT_ANY, CLIENT_IF_GIVEN, CLIENT_VERIFY };

struct tls_config {
	bool on;
	const char *cert_file, *cert, *key_file, *client_ca_file, *client_ca; /* NULL: not given */
	struct secret *key;
	enum client_auth client_auth;
	struct strv sans;	/* client certificates must have one of these names; empty: any */
	int min_version, max_version; /* as on the wire: 0x0303 is TLS 1.2 */
	struct buf ciphers;	/* OpenSSL's names, ':' between them; empty: the default */
	bool prefer_client;	/* of the ciphers that both know, the client's favourite */
	struct strv groups;	/* OpenSSL's names; empty: the default */
};

struct web_user {
	const char *name;
	char hash[WEB_HASH_LEN + 1];
};

struct web_header {
	const char *name, *value;
};
#define WEB_HEADERS_MAX 5

struct web_config {
	struct tls_config tls;
	bool http2;		/* asked for in so many words */
	struct web_header headers[WEB_HEADERS_MAX];
	size_t nheaders;
	struct web_user users[WEB_USERS_MAX];
	size_t nusers;
	struct strv texts;	/* owns paths that were made absolute */
	struct ydoc doc;	/* owns the other texts */
};

/* Parses len bytes; name is the file's path, also for messages. exposed: others than the owner may
 * read the file, so that a key in it is an error. -ERR_CONFIG. The caller owns ret: web_config_clear. */
int web_config_parse(const char *name, const void *bytes, size_t len, bool exposed, struct web_config *ret,
		     struct err *e);
/* The same from a file. */
int web_config_read(const char *path, struct web_config *ret, struct err *e);
/* Without a file: no TLS, no users. */
void web_config_init(struct web_config *ret);
void web_config_clear(struct web_config *c);

#endif
