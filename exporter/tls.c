/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* What the server shows: its certificate, those that it hangs on, and the key. */
struct pair {
	X509 *cert;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
};

/* One of the files that a pair is read from. */
struct pair_file {
	char *path; /* NULL: it is not from a file */
	struct stat seen; /* before it was read last; all zero: it was not there */
};

/* Lives as long as its context, which every connection that uses it keeps alive. */
struct tls {
	SSL_CTX *ctx;
	bool verify;	  /* a client's certificate must be of the client CA */
	struct strv sans; /* and have one of these names; empty: any */
	struct pair pair; /* of connections to come; cert NULL: there is none yet */
	struct pair_file cert, key;
};

/* What OpenSSL says, in its own words; empties its queue. */
static const char *reason(char *ret, size_t size)
{
	unsigned long code = ERR_peek_error();
	const char *text = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);

	snprintf(ret, size, "%s", text ? text : "no reason given");
	ERR_clear_error();
	return ret;
}

__attribute__((format(printf, 2, 3))) static int bad(struct err *e, const char *fmt, ...)
{
	char what[512], why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_CONFIG, "%s: %s", what, reason(why, sizeof why));
}

/* ---- certificate and key */

static void pair_clear(struct pair *p)
{
	X509_free(p->cert);
	sk_X509_pop_free(p->chain, X509_free);
	EVP_PKEY_free(p->key);
	*p = (struct pair){ 0 };
}

/* A key with a password would make OpenSSL ask the terminal. */
static int no_password(char *into, int size, int writing, void *arg)
{
	(void)into, (void)size, (void)writing, (void)arg;
	return -1;
}

/* The PEM text of a certificate chain, the server's own first. */
static bool read_chain(BIO *bio, struct pair *p)
{
	X509 *next = NULL;

	p->cert = bio ? PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL) : NULL;
	p->chain = sk_X509_new_null();
	if (!p->cert || !p->chain)
		return false;
	while ((next = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
		if (sk_X509_push(p->chain, next) == 0) {
			X509_free(next);
			return false;
		}
	}
	/* The end of the text shows as an error; one that is cut off shows as another. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

/* An SSL of the context takes it: its keys are long enough, and of a kind that is spoken. */
static bool fits(SSL_CTX *ctx, const struct pair *p)
{
	SSL *ssl = SSL_new(ctx);
	bool ok = ssl && SSL_use_cert_and_key(ssl, p->cert, p->key, p->chain, 1) == 1;

	SSL_free(ssl);
	return ok;
}

/* cert and key: the texts where there are no files. */
static int read_pair(const struct tls *t, const char *cert, const struct secret *key, struct pair *ret,
		     struct err *e)
{
	BIO *bio = t->cert.path ? BIO_new_file(t->cert.path, "r") : BIO_new_mem_buf(cert, -1);
	bool ok = read_chain(bio, ret);

	BIO_free(bio);
	if (!ok)
		return t->cert.path ? bad(e, "cannot use the certificate '%s'", t->cert.path)
				    : bad(e, "cannot use the text of 'cert'");
	bio = t->key.path ? BIO_new_file(t->key.path, "r")
			  : BIO_new_mem_buf(secret_expose(key), (int)secret_len(key));
	ret->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	BIO_free(bio);
	ok = ret->key && X509_check_private_key(ret->cert, ret->key) == 1;
	if (!ok && t->key.path)
		return bad(e, "cannot use the private key '%s'", t->key.path);
	if (!ok)
		return bad(e, ret->key ? "certificate and private key do not belong together"
				       : "cannot use the text of 'key'");
	if (!fits(t->ctx, ret))
		return bad(e, "cannot use the certificate '%s'", t->cert.path ? t->cert.path : "cert");
	return 0;
}

/* True when it is another file than the one that was seen last; from now on this one was. */
static bool see(struct pair_file *f)
{
	struct stat now = { 0 }, was = f->seen;

	if (f->path && stat(f->path, &now) < 0)
		now = (struct stat){ 0 };
	f->seen = now;
	return now.st_dev != was.st_dev || now.st_ino != was.st_ino || now.st_size != was.st_size ||
	       now.st_ctim.tv_sec != was.st_ctim.tv_sec || now.st_ctim.tv_nsec != was.st_ctim.tv_nsec;
}

/* Not by access(2): that leaves out the capability that reads it. */
static bool is_missing(const struct pair_file *f)
{
	struct stat st;

	return stat(f->path, &st) < 0 && errno == ENOENT;
}

/* Files have to be seen before, so that a change meanwhile is found the next time. */
static int take_pair(struct tls *t, const char *cert, const struct secret *key, struct err *e)
{
	struct pair new = { 0 };
	int rc = read_pair(t, cert, key, &new, e);

	if (rc < 0) {
		pair_clear(&new);
		return rc;
	}
	pair_clear(&t->pair);
	t->pair = new;
	return 0;
}

static int first_pair(struct tls *t, const struct tls_config *c, bool wait, struct err *e)
{
	t->cert.path = c->cert_file ? strdup(c->cert_file) : NULL;
	t->key.path = c->key_file ? strdup(c->key_file) : NULL;
	if ((c->cert_file && !t->cert.path) || (c->key_file && !t->key.path))
		return err_set(e, ERR_MEMORY, "no memory for TLS");
	(void)see(&t->cert), (void)see(&t->key);
	int rc = take_pair(t, c->cert, c->key, e);

	if (rc == 0 || !wait || !t->cert.path || !t->key.path || !(is_missing(&t->cert) || is_missing(&t->key)))
		return rc;
	t->cert.seen.st_size = -1; /* whatever is there when it is looked for, it is news */
	*e = (struct err){ 0 };
	return 0;
}

int tls_refresh(struct tls *t, struct err *e)
{
	bool cert = see(&t->cert), key = see(&t->key);

	/* Of a pair in which one is a text the other cannot change. */
	if ((!cert && !key) || !t->cert.path || !t->key.path)
		return 0;
	ERR_clear_error();
	int rc = take_pair(t, NULL, NULL, e);

	return rc < 0 ? rc : 1;
}

/* ---- clients' certificates */

static int use_client_ca(SSL_CTX *ctx, const struct tls_config *c, struct err *e)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = c->client_ca ? BIO_new_mem_buf(c->client_ca, -1)
		   : c->client_ca_file ? BIO_new_file(c->client_ca_file, "r") : NULL;
	const char *name = c->client_ca ? "client_ca" : c->client_ca_file;
	X509 *ca;
	size_t n = 0;

	if (!name)
		return 0;
	if (!bio)
		return bad(e, "cannot read the client CA '%s'", name);
	while ((ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		/* The names are sent to clients, so that they can choose. */
		n += X509_STORE_add_cert(store, ca) == 1 && SSL_CTX_add_client_CA(ctx, ca) == 1;
		X509_free(ca);
	}
	BIO_free(bio);
	if (n == 0)
		return bad(e, "the client CA '%s' holds no certificate", name);
	ERR_clear_error();
	return 0;
}

static bool same_name(const struct tls *t, const char *text, size_t len)
{
	for (size_t i = 0; i < t->sans.n; i++) {
		if (strlen(t->sans.v[i]) == len && memcmp(t->sans.v[i], text, len) == 0)
			return true;
	}
	return false;
}

static bool san_allowed(const struct tls *t, const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN];
	int kind = 0;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(name, &kind);

	switch (kind) {
	case GEN_DNS:
	case GEN_EMAIL:
	case GEN_URI:
		return same_name(t, (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	case GEN_IPADD:
		return inet_ntop(ASN1_STRING_length(s) == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s), text,
				 sizeof text) &&
		       (ASN1_STRING_length(s) == 4 || ASN1_STRING_length(s) == 16) &&
		       same_name(t, text, strlen(text));
	default:
		return false;
	}
}

/* Instead of OpenSSL's own verification: its verdict counts where the configuration asks for it. */
static int verify_client(X509_STORE_CTX *store, void *arg)
{
	const struct tls *t = arg;
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	if (t->verify && X509_verify_cert(store) != 1)
		return 0;
	if (!t->verify)
		X509_STORE_CTX_set_error(store, X509_V_OK);
	if (t->sans.n == 0)
		return 1;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int ok = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !ok; i++)
		ok = san_allowed(t, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	if (!ok)
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return ok;
}

static int ask_clients(struct tls *t, const struct tls_config *c, struct err *e)
{
	static const int modes[] = {
		[CLIENT_NONE] = SSL_VERIFY_NONE,
		[CLIENT_REQUEST] = SSL_VERIFY_PEER,
		[CLIENT_ANY] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		[CLIENT_IF_GIVEN] = SSL_VERIFY_PEER,
		[CLIENT_VERIFY] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};

	t->verify = c->client_auth == CLIENT_IF_GIVEN || c->client_auth == CLIENT_VERIFY;
	for (size_t i = 0; i < c->sans.n; i++) {
		if (strv_push(&t->sans, c->sans.v[i]) < 0)
			return err_set(e, ERR_MEMORY, "no memory for the names of clients");
	}
	SSL_CTX_set_verify(t->ctx, modes[c->client_auth], NULL);
	SSL_CTX_set_cert_verify_callback(t->ctx, verify_client, t);
	return use_client_ca(t->ctx, c, e);
}

/* ---- versions, ciphers, curves */

/* The curves that this OpenSSL has, in the order given. */
static int use_groups(SSL_CTX *ctx, const struct strv *groups, struct err *e)
{
	AUTO_BUF struct buf list;

	buf_init(&list, 1024);
	for (size_t i = 0; i < groups->n; i++) {
		/* Go knows more of them than an older OpenSSL. */
		if (SSL_CTX_set1_groups_list(ctx, groups->v[i]) == 1)
			buf_addf(&list, "%s%s", list.len > 0 ? ":" : "", groups->v[i]);
	}
	ERR_clear_error();
	if (groups->n > 0 && (list.len == 0 || SSL_CTX_set1_groups_list(ctx, buf_str(&list)) != 1))
		return bad(e, "none of the 'curve_preferences' is known to this OpenSSL");
	return 0;
}

static int choose_http(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
		       unsigned inlen, void *arg)
{
	static const unsigned char spoken[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl, (void)arg;
	if (SSL_select_next_proto(&chosen, outlen, spoken, sizeof spoken - 1, in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int use_rules(SSL_CTX *ctx, const struct tls_config *c, struct err *e)
{
	uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF;

	if (!c->prefer_client)
		options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
	SSL_CTX_set_options(ctx, options);
	/* Idle connections keep no buffers of 16 KiB each. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets do, and need no memory */
	if (c->client_auth != CLIENT_NONE) { /* every connection is verified anew */
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ctx, 0);
	}
	/* OpenSSL 3 has the old versions on its lowest level only. */
	if (c->min_version < TLS1_2_VERSION)
		SSL_CTX_set_security_level(ctx, 0);
	if (SSL_CTX_set_min_proto_version(ctx, c->min_version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, c->max_version) != 1)
		return bad(e, "these versions of TLS are not in this OpenSSL");
	/* By default as Go: forward secrecy always, authenticated ciphers where the version has them. */
	if (SSL_CTX_set_cipher_list(ctx, c->ciphers.len > 0 ? buf_str(&c->ciphers)
				    : c->min_version < TLS1_2_VERSION ? "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"
				    : "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		return bad(e, "none of the 'cipher_suites' is known to this OpenSSL");
	SSL_CTX_set_alpn_select_cb(ctx, choose_http, NULL);
	return use_groups(ctx, &c->groups, e);
}

static void rules_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct tls *t = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (!t)
		return;
	strv_clear(&t->sans);
	pair_clear(&t->pair);
	free(t->cert.path);
	free(t->key.path);
	free(t);
}

/* A context that owns its struct tls. */
static struct tls *context(void)
{
	static int owned = -1;
	struct tls *t = calloc(1, sizeof *t);

	/* Not from the machine's openssl.cnf: it may name modules to load, and a static program has no
	 * loader. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (owned < 0)
		owned = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, rules_free);
	if (t)
		t->ctx = SSL_CTX_new(TLS_server_method());
	if (t && t->ctx && owned >= 0 && SSL_CTX_set_ex_data(t->ctx, owned, t) == 1)
		return t;
	if (t)
		SSL_CTX_free(t->ctx);
	free(t);
	return NULL;
}

int tls_new(const struct tls_config *config, bool wait, struct tls **ret, struct err *e)
{
	struct tls *t = context();

	if (!t)
		return err_set(e, ERR_MEMORY, "no memory for TLS");
	ERR_clear_error();
	int rc = use_rules(t->ctx, config, e);

	rc = rc < 0 ? rc : first_pair(t, config, wait, e);
	rc = rc < 0 ? rc : ask_clients(t, config, e);
	if (rc < 0)
		tls_free(t);
	else
		*ret = t;
	return rc;
}

void tls_free(struct tls *t)
{
	if (t)
		SSL_CTX_free(t->ctx);
}

struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd)
{
	const struct pair *p = &t->pair;
	SSL *ssl = p->cert ? SSL_new(t->ctx) : NULL;
	bool ok = ssl && SSL_use_cert_and_key(ssl, p->cert, p->key, p->chain, 1) == 1;
	struct bufferevent *bev =
		ok ? bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
		   : NULL;

	if (bev)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	else
		SSL_free(ssl);
	return bev;
}

void tls_close(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);

	if (ssl && SSL_is_init_finished(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
}
