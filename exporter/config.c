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
	size_t offset; /* in struct redfish_config */
	uint64_t min, max;
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

static int check_redfish(const char *name, const struct ynode *n, const struct redfish_config *r,
			 struct err *e)
{
	if (!r->endpoint)
		return at(name, n, e, "'redfish' needs an 'endpoint' such as https://192.0.2.10");
	bool https = strncmp(r->endpoint, "https://", 8) == 0;
	bool http = strncmp(r->endpoint, "http://", 7) == 0;

	if (!https && !http)
		return at(name, n, e, "redfish endpoint '%s' is no https:// address", r->endpoint);
	if (strpbrk(r->endpoint + (https ? 8 : 7), "@?#"))
		return at(name, n, e, "redfish endpoint '%s' holds more than host, port and path; name the "
			  "user in 'username'", r->endpoint);
	if (http && r->password)
		return at(name, n, e, "redfish endpoint '%s' would carry the password in clear text; use "
			  "https://", r->endpoint);
	if (r->password && !r->username)
		return at(name, n, e, "'redfish' has a 'password' but no 'username'");
	if (r->ca_file && r->insecure_skip_verify)
		return at(name, n, e, "'ca-file' and 'insecure-skip-verify' contradict each other");
	return 0;
}

static const char *redfish_key_name(const void *ctx, size_t i)
{
	(void)ctx;
	return redfish_keys[i].name;
}

static int read_redfish(const char *name, const struct ynode *map, bool exposed,
			struct redfish_config *r, struct err *e)
{
	if (map->kind != YDOC_MAP)
		return at(name, map, e, "'redfish' is a mapping of keys");
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *key = map->pairs[i].key;
		const struct key *k = NULL;

		for (size_t j = 0; j < COUNT(redfish_keys); j++) {
			if (strcmp(redfish_keys[j].name, key->text) == 0)
				k = &redfish_keys[j];
		}
		if (!k) {
			const char *near = near_find(key->text, COUNT(redfish_keys), redfish_key_name, NULL);

			return at(name, key, e, "unknown key 'redfish.%s'%s%s%s", key->text,
				  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		}
		int rc = set_key(name, k, map->pairs[i].value, exposed, r, e);

		if (rc < 0)
			return rc;
	}
	return check_redfish(name, map, r, e);
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

	return i == 0 ? "redfish" : options->opts[i - 1].name;
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
		if (strcmp(full, "redfish") == 0) {
			rc = read_redfish(name, value, exposed, &ret->redfish, e);
		} else if (value->kind == YDOC_MAP && prefix[0] == '\0') {
			char deeper[sizeof full + 1];

			snprintf(deeper, sizeof deeper, "%s.", full);
			rc = read_options(name, deeper, value, options, exposed, ret, e);
		} else if (!options || !is_option(options, full)) {
			const char *near = near_find(full, options ? options->n + 1 : 1, section_name, options);

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
	};
}

void config_clear(struct config *c)
{
	secret_free(c->redfish.password);
	ydoc_free(&c->doc);
	config_init(c);
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
