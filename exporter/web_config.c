/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/web_config.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "exporter/config.h"

#define FILE_MAX (256u * 1024) /* bytes */

/* What every setter gets besides its value. */
struct reader {
	const char *name;
	bool exposed;
	struct web_config *c;
	struct err *e;
};

struct key {
	const char *name;
	int (*set)(struct reader *r, const struct key *k, const struct ynode *value);
	size_t offset; /* in struct web_config, where `set` can use it */
};

#define TLS(member) offsetof(struct web_config, tls.member)

/* A complaint at a place of the file. */
__attribute__((format(printf, 3, 4))) static int at(struct reader *r, const struct ynode *n, const char *fmt,
						    ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(r->e, ERR_CONFIG, "%s:%u:%u: %s", r->name, n->line, n->column, text);
}

static void *field(struct reader *r, const struct key *k)
{
	return (char *)r->c + k->offset;
}

static int need_text(struct reader *r, const struct key *k, const struct ynode *n)
{
	if (n->kind != YDOC_SCALAR || ydoc_is_null(n) || n->len == 0)
		return at(r, n, "'%s' needs a value", k->name);
	return 0;
}

/* ---- words that stand for something else */

struct word {
	const char *word;
	int number;	  /* for enumerations */
	const char *name; /* for lists: OpenSSL's */
};

static const struct word versions[] = { { "TLS10", 0x0301, NULL }, { "TLS11", 0x0302, NULL },
					{ "TLS12", 0x0303, NULL }, { "TLS13", 0x0304, NULL },
					{ NULL, 0, NULL } };
static const struct word auth_types[] = { { "NoClientCert", CLIENT_NONE, NULL },
					  { "RequestClientCert", CLIENT_REQUEST, NULL },
					  { "RequireAnyClientCert", CLIENT_ANY, NULL },
					  { "RequireClientCert", CLIENT_ANY, NULL },
					  { "VerifyClientCertIfGiven", CLIENT_IF_GIVEN, NULL },
					  { "RequireAndVerifyClientCert", CLIENT_VERIFY, NULL },
					  { NULL, 0, NULL } };
/* Go's crypto/tls.CipherSuites(); those of TLS 1.3 cannot be chosen there, nor here: name NULL. */
static const struct word ciphers[] = {
	{ "TLS_AES_128_GCM_SHA256", 0, NULL },
	{ "TLS_AES_256_GCM_SHA384", 0, NULL },
	{ "TLS_CHACHA20_POLY1305_SHA256", 0, NULL },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0, "ECDHE-ECDSA-AES128-SHA" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0, "ECDHE-ECDSA-AES256-SHA" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0, "ECDHE-RSA-AES128-SHA" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0, "ECDHE-RSA-AES256-SHA" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0, "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0, "ECDHE-RSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0, "ECDHE-RSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", 0, "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0, "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", 0, "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0, "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ NULL, 0, NULL }
};
static const struct word curves[] = { { "CurveP256", 0, "P-256" },
				      { "CurveP384", 0, "P-384" },
				      { "CurveP521", 0, "P-521" },
				      { "X25519", 0, "X25519" },
				      { "X25519MLKEM768", 0, "X25519MLKEM768" },
				      { NULL, 0, NULL } };

static const char *word_at(const void *ctx, size_t i)
{
	return ((const struct word *)ctx)[i].word;
}

static const struct word *find_word(struct reader *r, const struct key *k, const struct ynode *n,
				    const struct word *words)
{
	size_t count = 0;

	for (; words[count].word; count++) {
		if (n->kind == YDOC_SCALAR && strcmp(words[count].word, n->text) == 0)
			return &words[count];
	}
	const char *near = n->kind == YDOC_SCALAR ? near_find(n->text, count, word_at, words) : NULL;

	(void)at(r, n, "'%s' knows no '%s'%s%s%s", k->name, n->kind == YDOC_SCALAR ? n->text : "list",
		 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return NULL;
}

/* ---- setters */

static int set_path(struct reader *r, const struct key *k, const struct ynode *n)
{
	const char *slash = strrchr(r->name, '/');
	int rc = need_text(r, k, n);

	if (rc < 0)
		return rc;
	if (n->text[0] == '/' || !slash) {
		*(const char **)field(r, k) = n->text;
		return 0;
	}
	if (strv_pushf(&r->c->texts, "%.*s/%s", (int)(slash - r->name), r->name, n->text) < 0)
		return err_set(r->e, ERR_MEMORY, "no memory for a path");
	*(const char **)field(r, k) = r->c->texts.v[r->c->texts.n - 1];
	return 0;
}

static int set_text(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = need_text(r, k, n);

	if (rc == 0)
		*(const char **)field(r, k) = n->text;
	return rc;
}

static int set_secret(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = need_text(r, k, n);

	if (rc < 0)
		return rc;
	if (r->exposed)
		return at(r, n, "the file holds a '%s' but others may read it; run chmod 0600 '%s'", k->name,
			  r->name);
	rc = secret_new(n->text, n->len, field(r, k), r->e);
	explicit_bzero(n->text, n->len);
	return rc;
}

static int set_bool(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = need_text(r, k, n);

	if (rc < 0)
		return rc;
	if (strcasecmp(n->text, "true") != 0 && strcasecmp(n->text, "false") != 0)
		return at(r, n, "'%s' is true or false, not '%s'", k->name, n->text);
	*(bool *)field(r, k) = strcasecmp(n->text, "true") == 0;
	return 0;
}

static int set_not(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = set_bool(r, k, n);

	if (rc == 0)
		*(bool *)field(r, k) = !*(bool *)field(r, k);
	return rc;
}

static int set_version(struct reader *r, const struct key *k, const struct ynode *n)
{
	const struct word *w = find_word(r, k, n, versions);

	if (!w)
		return -ERR_CONFIG;
	*(int *)field(r, k) = w->number;
	return 0;
}

static int set_auth_type(struct reader *r, const struct key *k, const struct ynode *n)
{
	const struct word *w = find_word(r, k, n, auth_types);

	if (!w)
		return -ERR_CONFIG;
	r->c->tls.client_auth = (enum client_auth)w->number;
	return 0;
}

static int need_list(struct reader *r, const struct key *k, const struct ynode *n)
{
	return n->kind == YDOC_SEQ || ydoc_is_null(n) ? 0 : at(r, n, "'%s' is a list", k->name);
}

static int set_ciphers(struct reader *r, const struct key *k, const struct ynode *n)
{
	struct buf *list = &r->c->tls.ciphers;
	int rc = need_list(r, k, n);

	for (size_t i = 0; rc == 0 && i < n->n; i++) {
		const struct word *w = find_word(r, k, n->items[i], ciphers);

		if (!w)
			return -ERR_CONFIG;
		if (w->name)
			buf_addf(list, "%s%s", list->len > 0 ? ":" : "", w->name);
	}
	return rc == 0 && list->full ? at(r, n, "'%s' is too long a list", k->name) : rc;
}

static int set_curves(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = need_list(r, k, n);

	for (size_t i = 0; rc == 0 && i < n->n; i++) {
		const struct word *w = find_word(r, k, n->items[i], curves);

		if (!w)
			return -ERR_CONFIG;
		if (strv_push(&r->c->tls.groups, w->name) < 0)
			return err_set(r->e, ERR_MEMORY, "no memory for curves");
	}
	return rc;
}

static int set_sans(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = need_list(r, k, n);

	for (size_t i = 0; rc == 0 && i < n->n; i++) {
		rc = need_text(r, k, n->items[i]);
		if (rc == 0 && strv_push(&r->c->tls.sans, n->items[i]->text) < 0)
			return err_set(r->e, ERR_MEMORY, "no memory for names");
	}
	return rc;
}

/* The headers that can be set, and what they may be; NULL: anything that is one line. */
static const struct {
	const char *name;
	const char *const *values;
} header_rules[] = {
	{ "Content-Security-Policy", NULL },
	{ "X-Frame-Options", (const char *const[]){ "deny", "sameorigin", NULL } },
	{ "X-Content-Type-Options", (const char *const[]){ "nosniff", NULL } },
	{ "X-XSS-Protection", NULL },
	{ "Strict-Transport-Security", NULL },
};
_Static_assert(COUNT(header_rules) == WEB_HEADERS_MAX, "struct web_config has a place for each");

static const char *header_name(const void *ctx, size_t i)
{
	(void)ctx;
	return header_rules[i].name;
}

static int set_header(struct reader *r, const struct ynode *key, const struct ynode *value)
{
	size_t row = 0;

	while (row < COUNT(header_rules) && strcasecmp(header_rules[row].name, key->text) != 0)
		row++;
	if (row == COUNT(header_rules)) {
		const char *near = near_find(key->text, COUNT(header_rules), header_name, NULL);

		return at(r, key, "header '%s' cannot be set%s%s%s", key->text, near ? "; did you mean '" : "",
			  near ? near : "", near ? "'?" : "");
	}
	if (value->kind != YDOC_SCALAR)
		return at(r, value, "header '%s' needs a value", key->text);
	if (ydoc_is_null(value) || value->len == 0)
		return 0; /* blank: not set */
	for (size_t i = 0; i < value->len; i++) {
		unsigned char c = (unsigned char)value->text[i];

		if (c < 0x20 || c == 0x7f)
			return at(r, value, "header '%s' is more than a line of text", key->text);
	}
	const char *const *allowed = header_rules[row].values;

	while (allowed && *allowed && strcasecmp(*allowed, value->text) != 0)
		allowed++;
	if (allowed && !*allowed)
		return at(r, value, "header '%s' cannot be '%s'", key->text, value->text);
	for (size_t i = 0; i < r->c->nheaders; i++) {
		if (r->c->headers[i].name == header_rules[row].name)
			return at(r, key, "header '%s' stands here twice", key->text);
	}
	r->c->headers[r->c->nheaders++] = (struct web_header){ header_rules[row].name, value->text };
	return 0;
}

static int set_headers(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = 0;

	if (ydoc_is_null(n))
		return 0;
	if (n->kind != YDOC_MAP)
		return at(r, n, "'%s' is a mapping of names and values", k->name);
	for (size_t i = 0; rc == 0 && i < n->n; i++)
		rc = set_header(r, n->pairs[i].key, n->pairs[i].value);
	return rc;
}

/* $2b$CC$ and 53 characters; also the variants a and y (htpasswd), which say the same of passwords
 * that are text. Not x: it stands for hashes made by a program that had a bug. */
static int set_user(struct reader *r, const struct ynode *key, const struct ynode *value)
{
	static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct web_config *c = r->c;
	const char *h = value->kind == YDOC_SCALAR ? value->text : "";

	if (key->len == 0 || strchr(key->text, ':'))
		return at(r, key, "a user's name is not empty and holds no colon");
	if (c->nusers == WEB_USERS_MAX)
		return at(r, key, "more than %d users", WEB_USERS_MAX);
	/* The value itself is not shown: people put passwords there. */
	if (value->kind != YDOC_SCALAR || value->len != WEB_HASH_LEN || h[0] != '$' || h[1] != '2' ||
	    !strchr("aby", h[2]) || h[3] != '$' || h[4] < '0' || h[4] > '3' || h[5] < '0' || h[5] > '9' ||
	    h[6] != '$' || strspn(h + 7, alphabet) != WEB_HASH_LEN - 7)
		return at(r, value, "the password of '%s' is no bcrypt hash; 'htpasswd -nB %s' makes one",
			  key->text, key->text);
	int cost = (h[4] - '0') * 10 + h[5] - '0';

	if (cost < 4 || cost > WEB_COST_MAX)
		return at(r, value, "the bcrypt hash of '%s' has cost %d; it must be 4 to %d, or a password takes "
			  "too long to check", key->text, cost, WEB_COST_MAX);
	struct web_user *u = &c->users[c->nusers++];

	u->name = key->text;
	memcpy(u->hash, value->text, sizeof u->hash);
	explicit_bzero(value->text, value->len);
	return 0;
}

/* ---- sections */

static const struct key tls_keys[] = {
	{ "cert_file", set_path, TLS(cert_file) },
	{ "key_file", set_path, TLS(key_file) },
	{ "client_ca_file", set_path, TLS(client_ca_file) },
	{ "cert", set_text, TLS(cert) },
	{ "key", set_secret, TLS(key) },
	{ "client_ca", set_text, TLS(client_ca) },
	{ "client_auth_type", set_auth_type, 0 },
	{ "client_allowed_sans", set_sans, 0 },
	{ "min_version", set_version, TLS(min_version) },
	{ "max_version", set_version, TLS(max_version) },
	{ "cipher_suites", set_ciphers, 0 },
	{ "prefer_server_cipher_suites", set_not, TLS(prefer_client) },
	{ "curve_preferences", set_curves, 0 },
	{ NULL, NULL, 0 },
};
static const struct key http_keys[] = {
	{ "http2", set_bool, offsetof(struct web_config, http2) },
	{ "headers", set_headers, 0 },
	{ NULL, NULL, 0 },
};

static const char *key_name(const void *ctx, size_t i)
{
	return ((const struct key *)ctx)[i].name;
}

/* Calls the setter of each pair of a mapping. */
static int read_map(struct reader *r, const struct key *keys, const char *section, const struct ynode *map)
{
	if (ydoc_is_null(map))
		return 0;
	if (map->kind != YDOC_MAP)
		return at(r, map, section[0] ? "'%s' is a mapping of keys" : "the file is a mapping of keys%s",
			  section);
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *key = map->pairs[i].key;
		size_t k = 0;

		while (keys[k].name && strcmp(keys[k].name, key->text) != 0)
			k++;
		if (!keys[k].name) {
			const char *near = near_find(key->text, k, key_name, keys);

			return at(r, key, "unknown key '%s%s%s'%s%s%s", section, section[0] ? "." : "", key->text,
				  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		}
		int rc = keys[k].set(r, &keys[k], map->pairs[i].value);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What must fit together in tls_server_config. */
static int check_tls(struct reader *r, const struct ynode *n)
{
	const struct tls_config *t = &r->c->tls;
	bool ca = t->client_ca || t->client_ca_file;

	if (!t->cert == !t->cert_file)
		return at(r, n, "'tls_server_config' needs one of 'cert_file' and 'cert'");
	if (!t->key == !t->key_file)
		return at(r, n, "'tls_server_config' needs one of 'key_file' and 'key'");
	if (t->client_ca && t->client_ca_file)
		return at(r, n, "'client_ca_file' and 'client_ca' are both given");
	if (ca && t->client_auth == CLIENT_NONE)
		return at(r, n, "a client CA needs a 'client_auth_type' such as RequireAndVerifyClientCert");
	if (!ca && (t->client_auth == CLIENT_VERIFY || t->client_auth == CLIENT_IF_GIVEN))
		return at(r, n, "this 'client_auth_type' needs a 'client_ca_file'");
	if (t->sans.n > 0 && t->client_auth != CLIENT_VERIFY && t->client_auth != CLIENT_ANY)
		return at(r, n, "'client_allowed_sans' needs 'client_auth_type: RequireAndVerifyClientCert'");
	if (t->min_version > t->max_version)
		return at(r, n, "'min_version' is above 'max_version'");
	return 0;
}

static int set_tls(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = read_map(r, tls_keys, k->name, n);

	if (rc < 0 || n->kind != YDOC_MAP || n->n == 0)
		return rc;
	r->c->tls.on = true;
	return check_tls(r, n);
}

static int set_http(struct reader *r, const struct key *k, const struct ynode *n)
{
	return read_map(r, http_keys, k->name, n);
}

static int set_users(struct reader *r, const struct key *k, const struct ynode *n)
{
	int rc = 0;

	if (ydoc_is_null(n))
		return 0;
	if (n->kind != YDOC_MAP)
		return at(r, n, "'%s' is a mapping of users and bcrypt hashes", k->name);
	for (size_t i = 0; rc == 0 && i < n->n; i++)
		rc = set_user(r, n->pairs[i].key, n->pairs[i].value);
	return rc;
}

static const struct key top_keys[] = {
	{ "tls_server_config", set_tls, 0 },
	{ "http_server_config", set_http, 0 },
	{ "basic_auth_users", set_users, 0 },
	{ NULL, NULL, 0 },
};

/* ---- the file */

void web_config_init(struct web_config *ret)
{
	*ret = (struct web_config){ .tls = { .min_version = 0x0303, .max_version = 0x0304 } };
	buf_init(&ret->tls.ciphers, 4096);
}

void web_config_clear(struct web_config *c)
{
	secret_free(c->tls.key);
	buf_clear(&c->tls.ciphers);
	strv_clear(&c->tls.sans);
	strv_clear(&c->tls.groups);
	strv_clear(&c->texts);
	ydoc_free(&c->doc);
	explicit_bzero(c->users, sizeof c->users);
	web_config_init(c);
}

int web_config_parse(const char *name, const void *bytes, size_t len, bool exposed, struct web_config *ret,
		     struct err *e)
{
	struct web_config c;
	struct reader r = { .name = name, .exposed = exposed, .c = &c, .e = e };

	web_config_init(&c);
	int rc = ydoc_parse(name, bytes, len, &c.doc, e);

	if (rc == 0 && c.doc.root)
		rc = read_map(&r, top_keys, "", c.doc.root);
	if (rc < 0) {
		web_config_clear(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

int web_config_read(const char *path, struct web_config *ret, struct err *e)
{
	bool exposed = false;
	AUTO_BUF struct buf text;

	buf_init_secret(&text, FILE_MAX);
	int rc = config_bytes(path, &text, &exposed, e);

	return rc < 0 ? rc : web_config_parse(path, buf_str(&text), text.len, exposed, ret, e);
}
