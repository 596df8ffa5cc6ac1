/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/near.h"

#define CONFIG_MAX (1024u * 1024) /* bytes */
#define SECOND_NS UINT64_C(1000000000)

enum key_kind { KEY_TEXT, KEY_SECRET, KEY_BOOL, KEY_DURATION };

/* The keys of one section that are no options. */
struct key {
	const char *name;
	enum key_kind kind;
	size_t offset; /* in the section's struct */
	uint64_t min, max;
};

/* A section: a mapping of keys. */
struct section {
	const char *name;
	const struct key *keys;
	size_t nkeys;
	size_t offset; /* in struct config */
	/* What the keys must be together; n is the mapping. */
	int (*check)(const char *name, const struct ynode *n, const void *section, struct err *e);
};

static const struct key redfish_keys[] = {
	{ "endpoint", KEY_TEXT, offsetof(struct redfish_config, endpoint), 0, 0 },
	{ "username", KEY_TEXT, offsetof(struct redfish_config, username), 0, 0 },
	{ "password", KEY_SECRET, offsetof(struct redfish_config, password), 0, 0 },
	{ "ca-file", KEY_TEXT, offsetof(struct redfish_config, ca_file), 0, 0 },
	{ "insecure-skip-verify", KEY_BOOL, offsetof(struct redfish_config, insecure_skip_verify), 0, 0 },
	{ "interval", KEY_DURATION, offsetof(struct redfish_config, interval_ns), SECOND_NS,
	  600 * SECOND_NS },
	{ "timeout", KEY_DURATION, offsetof(struct redfish_config, timeout_ns), SECOND_NS, 60 * SECOND_NS },
};

static const struct key kubelet_keys[] = {
	{ "endpoint", KEY_TEXT, offsetof(struct kubelet_config, endpoint), 0, 0 },
	{ "token", KEY_SECRET, offsetof(struct kubelet_config, token), 0, 0 },
	{ "token-file", KEY_TEXT, offsetof(struct kubelet_config, token_file), 0, 0 },
	{ "client-certificate", KEY_TEXT, offsetof(struct kubelet_config, client_certificate), 0, 0 },
	{ "client-key", KEY_TEXT, offsetof(struct kubelet_config, client_key), 0, 0 },
	{ "ca-file", KEY_TEXT, offsetof(struct kubelet_config, ca_file), 0, 0 },
	{ "insecure-skip-verify", KEY_BOOL, offsetof(struct kubelet_config, insecure_skip_verify), 0, 0 },
	{ "interval", KEY_DURATION, offsetof(struct kubelet_config, interval_ns), 5 * SECOND_NS,
	  600 * SECOND_NS },
	{ "timeout", KEY_DURATION, offsetof(struct kubelet_config, timeout_ns), SECOND_NS, 60 * SECOND_NS },
};

static const char *const duration_help = "a duration such as 500ms, 1s or 2m";

/* A complaint at a place of the file. */
__attribute__((format(printf, 4, 5))) static int at(const char *name, const struct ynode *n,
						    struct err *e, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_CONFIG, "%s:%u:%u: %s", name, n->line, n->column, text);
}

static int set_key(const char *name, const struct key *k, const struct ynode *n, bool exposed,
		   void *into, struct err *e)
{
	void *field = (char *)into + k->offset;

	if (n->kind != YDOC_SCALAR || ydoc_is_null(n))
		return at(name, n, e, "'%s' needs a value", k->name);
	switch (k->kind) {
	case KEY_TEXT:
		*(const char **)field = n->text;
		return 0;
	case KEY_SECRET:
		if (exposed)
			return at(name, n, e, "the file holds a '%s' but others may read it; run chmod "
				  "0600 '%s'", k->name, name);
		int rc = secret_new(n->text, n->len, field, e);

		explicit_bzero(n->text, n->len);
		return rc;
	case KEY_BOOL:
		if (strcmp(n->text, "true") != 0 && strcmp(n->text, "false") != 0)
			return at(name, n, e, "'%s' is true or false, not '%s'", k->name, n->text);
		*(bool *)field = n->text[0] == 't';
		return 0;
	case KEY_DURATION: {
		unsigned long long ns = 0;
		struct err why = { 0 };

		if (opts_duration(n->text, &ns, &why) < 0)
			return at(name, n, e, "'%s' is %s, not '%s'", k->name, duration_help, n->text);
		if (ns < k->min || ns > k->max)
			return at(name, n, e, "'%s' is between %llus and %llus, not '%s'", k->name,
				  (unsigned long long)(k->min / SECOND_NS),
				  (unsigned long long)(k->max / SECOND_NS), n->text);
		*(unsigned long long *)field = ns;
		return 0;
	}
	}
	return err_set(e, ERR_BUG, "a key of no kind");
}

/* An http(s) address of a peer and nothing else; secret: something is sent there that is one. */
static int check_endpoint(const char *name, const struct ynode *n, const char *what, const char *endpoint,
			  const char *example, bool secret, struct err *e)
{
	if (!endpoint)
		return at(name, n, e, "'%s' needs an 'endpoint' such as %s", what, example);
	bool https = strncmp(endpoint, "https://", 8) == 0;
	bool http = strncmp(endpoint, "http://", 7) == 0;

	if (!https && !http)
		return at(name, n, e, "%s endpoint '%s' is no https:// address", what, endpoint);
	if (strpbrk(endpoint + (https ? 8 : 7), "@?#"))
		return at(name, n, e, "%s endpoint '%s' holds more than host, port and path%s", what, endpoint,
			  strcmp(what, "redfish") == 0 ? "; name the user in 'username'" : "");
	if (http && secret)
		return at(name, n, e, "%s endpoint '%s' would carry the %s in clear text; use https://", what,
			  endpoint, strcmp(what, "redfish") == 0 ? "password" : "token");
	return 0;
}

static int check_redfish(const char *name, const struct ynode *n, const void *section, struct err *e)
{
	const struct redfish_config *r = section;
	int rc = check_endpoint(name, n, "redfish", r->endpoint, "https://192.0.2.10", r->password, e);

	if (rc < 0)
		return rc;
	if (r->password && !r->username)
		return at(name, n, e, "'redfish' has a 'password' but no 'username'");
	if (r->ca_file && r->insecure_skip_verify)
		return at(name, n, e, "'ca-file' and 'insecure-skip-verify' contradict each other");
	return 0;
}

static int check_kubelet(const char *name, const struct ynode *n, const void *section, struct err *e)
{
	const struct kubelet_config *k = section;
	bool secret = k->token || k->token_file;
	int rc = check_endpoint(name, n, "kubelet", k->endpoint, "https://127.0.0.1:10250", secret, e);

	if (rc < 0)
		return rc;
	if (k->token && k->token_file)
		return at(name, n, e, "'token' and 'token-file' contradict each other");
	if (!k->client_certificate != !k->client_key)
		return at(name, n, e, "'client-certificate' and 'client-key' belong together");
	if (k->client_key && secret)
		return at(name, n, e, "'kubelet' has a token and a client certificate; one of them is enough");
	if (k->ca_file && k->insecure_skip_verify)
		return at(name, n, e, "'ca-file' and 'insecure-skip-verify' contradict each other");
	return 0;
}

static const struct section sections[] = {
	{ "redfish", redfish_keys, COUNT(redfish_keys), offsetof(struct config, redfish), check_redfish },
	{ "kubelet", kubelet_keys, COUNT(kubelet_keys), offsetof(struct config, kubelet), check_kubelet },
};

static const char *key_name(const void *ctx, size_t i)
{
	return ((const struct section *)ctx)->keys[i].name;
}

static int read_section(const char *name, const struct section *s, const struct ynode *map, bool exposed,
			struct config *c, struct err *e)
{
	void *into = (char *)c + s->offset;

	if (map->kind != YDOC_MAP)
		return at(name, map, e, "'%s' is a mapping of keys", s->name);
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *key = map->pairs[i].key;
		const struct key *k = NULL;

		for (size_t j = 0; j < s->nkeys; j++) {
			if (strcmp(s->keys[j].name, key->text) == 0)
				k = &s->keys[j];
		}
		if (!k) {
			const char *near = near_find(key->text, s->nkeys, key_name, s);

			return at(name, key, e, "unknown key '%s.%s'%s%s%s", s->name, key->text,
				  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		}
		int rc = set_key(name, k, map->pairs[i].value, exposed, into, e);

		if (rc < 0)
			return rc;
	}
	return s->check(name, map, into, e);
}

static const struct section *find_section(const char *name)
{
	for (size_t i = 0; i < COUNT(sections); i++) {
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	}
	return NULL;
}

static bool is_option(const struct opt_table *options, const char *name)
{
	/* What asks for an action, or names this very file, belongs to the command line alone. */
	static const char *const never[] = { "config.file", "once", "check", "version", "help", "metrics" };

	for (size_t i = 0; i < COUNT(never); i++) {
		if (strcmp(never[i], name) == 0)
			return false;
	}
	for (size_t i = 0; i < options->n; i++) {
		if (strcmp(options->opts[i].name, name) == 0)
			return true;
	}
	return false;
}

static const char *section_name(const void *ctx, size_t i)
{
	const struct opt_table *options = ctx;

	return i < COUNT(sections) ? sections[i].name : options->opts[i - COUNT(sections)].name;
}

/* Sets options from a mapping; prefix is "" or "web.". */
static int read_options(const char *name, const char *prefix, const struct ynode *map,
			const struct opt_table *options, bool exposed, struct config *ret, struct err *e)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *key = map->pairs[i].key, *value = map->pairs[i].value;
		char full[128];
		struct err why = { 0 };
		int rc = 0;

		if ((size_t)snprintf(full, sizeof full, "%s%s", prefix, key->text) >= sizeof full)
			return at(name, key, e, "unknown key '%.40s...'", key->text);
		const struct section *section = find_section(full);

		if (section) {
			rc = read_section(name, section, value, exposed, ret, e);
		} else if (value->kind == YDOC_MAP && prefix[0] == '\0') {
			char deeper[sizeof full + 1];

			snprintf(deeper, sizeof deeper, "%s.", full);
			rc = read_options(name, deeper, value, options, exposed, ret, e);
		} else if (!options || !is_option(options, full)) {
			const char *near = near_find(full, COUNT(sections) + (options ? options->n : 0),
						     section_name, options);

			return at(name, key, e, "unknown key '%s'%s%s%s", full, near ? "; did you mean '" : "",
				  near ? near : "", near ? "'?" : "");
		} else if (value->kind != YDOC_SCALAR) {
			return at(name, value, e, "'%s' needs one value", full);
		} else if (opts_set(options, full, value->text, &why) < 0) {
			return at(name, value, e, "%s", why.msg);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

void config_init(struct config *ret)
{
	*ret = (struct config){
		.redfish = { .interval_ns = 10 * SECOND_NS, .timeout_ns = 5 * SECOND_NS },
		.kubelet = { .interval_ns = 30 * SECOND_NS, .timeout_ns = 5 * SECOND_NS },
	};
}

void config_clear(struct config *c)
{
	secret_free(c->redfish.password);
	secret_free(c->kubelet.token);
	ydoc_free(&c->doc);
	config_init(c);
}

int config_environment(struct config *c, const char *node_ip, const char *kubelet_port,
		       const char *account, struct err *e)
{
	struct kubelet_config *k = &c->kubelet;
	const char *port = kubelet_port && *kubelet_port ? kubelet_port : "10250";
	const char *host = node_ip && *node_ip ? node_ip : "localhost";
	bool v6 = strchr(host, ':') && host[0] != '[';
	struct stat st;

	if (k->endpoint || ((!node_ip || !*node_ip) && (!kubelet_port || !*kubelet_port)))
		return 0;
	if (host[strspn(host, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:[]-")] != '\0')
		return err_set(e, ERR_CONFIG, "NODE_IP '%s' is no address", host);
	if (port[strspn(port, "0123456789")] != '\0')
		return err_set(e, ERR_CONFIG, "KUBELET_PORT '%s' is no port", port);
	if ((size_t)snprintf(k->from_environment, sizeof k->from_environment, "https://%s%s%s:%s", v6 ? "[" : "",
			     host, v6 ? "]" : "", port) >= sizeof k->from_environment)
		return err_set(e, ERR_CONFIG, "NODE_IP '%.40s...' is no address", host);
	k->endpoint = k->from_environment;
	if (stat(account, &st) == 0 && S_ISDIR(st.st_mode)) {
		/* The account's directory is SERVICE_ACCOUNT_DIR but for tests. */
		snprintf(k->account_token, sizeof k->account_token, "%s/token", account);
		snprintf(k->account_ca, sizeof k->account_ca, "%s/ca.crt", account);
		k->token_file = k->account_token;
		k->ca_file = k->account_ca;
	}
	return 0;
}

int config_parse(const char *name, const void *bytes, size_t len, bool exposed,
		 const struct opt_table *options, struct config *ret, struct err *e)
{
	struct config c;

	config_init(&c);
	int rc = ydoc_parse(name, bytes, len, &c.doc, e);

	if (rc < 0)
		return rc;
	if (c.doc.root && c.doc.root->kind != YDOC_MAP && !ydoc_is_null(c.doc.root))
		rc = at(name, c.doc.root, e, "the configuration is a mapping of keys");
	else if (c.doc.root && c.doc.root->kind == YDOC_MAP)
		rc = read_options(name, "", c.doc.root, options, exposed, &c, e);
	if (rc < 0) {
		config_clear(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

int config_bytes(const char *path, struct buf *ret, bool *ret_exposed, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, ERR_CONFIG, "cannot read the configuration '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "the configuration '%s' is no file", path);
	/* Only root or who runs this may be the one who can change where secrets are sent. */
	*ret_exposed = (st.st_mode & 077) != 0 || (st.st_uid != 0 && st.st_uid != geteuid());
	for (;;) {
		char part[4096];
		ssize_t n = read(fd, part, sizeof part);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_CONFIG, "cannot read the configuration '%s'", path);
		if (n == 0)
			return 0;
		int rc = buf_add(ret, part, (size_t)n);

		explicit_bzero(part, sizeof part);
		if (rc < 0)
			return err_set(e, ERR_CONFIG, "the configuration '%s' is larger than %zu bytes", path,
				       ret->max);
	}
}

int config_read(const char *path, const struct opt_table *options, struct config *ret, struct err *e)
{
	bool exposed = false;
	AUTO_BUF struct buf b;

	buf_init_secret(&b, CONFIG_MAX);
	int rc = config_bytes(path, &b, &exposed, e);

	return rc < 0 ? rc : config_parse(path, buf_str(&b), b.len, exposed, options, ret, e);
}
