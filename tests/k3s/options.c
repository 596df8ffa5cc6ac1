// SPDX-License-Identifier: BSD-2-Clause
// Flags and configuration files of `k3s server` and `k3s agent`. The names are rows of options.txt.
#include "k3s.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *name;
	char kind; // s string, l list, b switch, i integer, d duration
	bool server_only;
};
static const struct row rows[] = {
#include "options.inc"
};
static struct config from_file[COUNT(rows)], from_flags[COUNT(rows)];

// A short name is the same option.
static const struct {
	const char *name, *is;
} shorts[] = { { "c", "config" }, { "d", "data-dir" }, { "t", "token" }, { "s", "server" }, { "o", "write-kubeconfig" } };

static const struct {
	const char *variable, *is;
} variables[] = {
	{ "K3S_TOKEN", "token" }, { "K3S_TOKEN_FILE", "token-file" }, { "K3S_URL", "server" },
	{ "K3S_NODE_NAME", "node-name" }, { "K3S_DATA_DIR", "data-dir" }, { "K3S_AGENT_TOKEN", "agent-token" },
	{ "K3S_KUBECONFIG_OUTPUT", "write-kubeconfig" }, { "K3S_KUBECONFIG_MODE", "write-kubeconfig-mode" },
	{ "K3S_DATASTORE_ENDPOINT", "datastore-endpoint" }, { "K3S_RESOLV_CONF", "resolv-conf" },
};

static int find(const char *name) {
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcmp(rows[i].name, name))
			return (int)i;
	return -1;
}

static _Noreturn void unknown(const char *name) {
	printf("Incorrect Usage. flag provided but not defined: -%s\n", name);
	fflush(stdout);
	fatal("flag provided but not defined: -%s", name);
}

static int row_of(const char *command, const char *name) {
	int i = find(name);
	if (i < 0 || (rows[i].server_only && strcmp(command, "server")))
		unknown(name);
	return i;
}

static void put(struct config *table, int i, const char *value, bool append) {
	char kind = rows[i].kind;
	char *end;
	if (kind == 'b' && strcmp(value, "true") && strcmp(value, "false"))
		fatal("invalid boolean value \"%s\" for -%s: parse error", value, rows[i].name);
	if (kind == 'i' && (strtol(value, &end, 10), *end || !*value))
		fatal("invalid value \"%s\" for flag -%s: parse error", value, rows[i].name);
	if (table[i].set && append)
		table[i].value = strf("%s\n%s", table[i].value, value);
	else
		table[i].value = strf("%s", value);
	table[i].set = true;
}

static void config_file(const char *command, const char *path, bool must) {
	char *text = file_read(path, NULL);
	size_t at = 0;
	if (!text) {
		if (must || errno != ENOENT)
			fatal("failed to read config file %s: %s", path, strerror(errno));
		return;
	}
	struct json_object *doc = yaml_json(text, &at);
	if (!doc && strspn(text, " \t\r\n") != strlen(text) && text[strspn(text, " \t\r\n")] != '#')
		fatal("failed to load configuration file %s: yaml: cannot be parsed", path);
	if (!doc)
		return;
	if (!json_object_is_type(doc, json_type_object))
		fatal("failed to load configuration file %s: yaml: unmarshal errors: cannot unmarshal into yaml.MapSlice", path);
	json_object_object_foreach(doc, key, value) {
		// "name+" adds to a list of an earlier file instead of replacing it.
		size_t len = strlen(key);
		bool append = len > 1 && key[len - 1] == '+';
		char *name = strf("%.*s", (int)(append ? len - 1 : len), key);
		int i = row_of(command, name);
		if (json_object_is_type(value, json_type_array)) {
			bool more = append;
			for (size_t n = 0; n < json_object_array_length(value); n++, more = true)
				put(from_file, i, json_object_get_string(json_object_array_get_idx(value, n)), more);
		} else {
			put(from_file, i, value ? json_object_get_string(value) : "", append);
		}
		free(name);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b) {
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void config_files(const char *command) {
	int c = find("config");
	const char *main_file = from_flags[c].set ? from_flags[c].value : "/etc/rancher/k3s/config.yaml";
	char *dir = strf("%s.d", main_file);
	struct dirent **found;
	config_file(command, main_file, from_flags[c].set);
	int n = scandir(dir, &found, NULL, by_name);
	for (int i = 0; i < n; i++) {
		const char *dot = strrchr(found[i]->d_name, '.');
		if (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")))
			config_file(command, strf("%s/%s", dir, found[i]->d_name), true);
	}
}

void options_read(const char *command, int argc, char **argv) {
	for (int n = 0; n < argc; n++) {
		char *name = argv[n];
		if (name[0] != '-' || !name[1])
			fatal("unexpected argument \"%s\"", name);
		name += name[1] == '-' ? 2 : 1;
		char *equals = strchr(name, '=');
		char *word = strf("%.*s", equals ? (int)(equals - name) : (int)strlen(name), name);
		for (size_t s = 0; s < COUNT(shorts); s++)
			if (!strcmp(word, shorts[s].name))
				word = strf("%s", shorts[s].is);
		int i = row_of(command, word);
		if (equals)
			put(from_flags, i, equals + 1, rows[i].kind == 'l');
		else if (rows[i].kind == 'b')
			put(from_flags, i, "true", false);
		else if (++n < argc)
			put(from_flags, i, argv[n], rows[i].kind == 'l');
		else
			fatal("flag needs an argument: -%s", word);
	}
	for (size_t v = 0; v < COUNT(variables); v++) {
		const char *value = getenv(variables[v].variable);
		int i = find(variables[v].is);
		if (value && *value && !from_flags[i].set && (!rows[i].server_only || !strcmp(command, "server")))
			put(from_flags, i, value, false);
	}
	config_files(command);
	// The real program puts the file's values before the flags: flags win, lists get both.
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!from_file[i].set)
			continue;
		if (from_flags[i].set && rows[i].kind == 'l')
			from_flags[i].value = strf("%s\n%s", from_file[i].value, from_flags[i].value);
		else if (!from_flags[i].set)
			from_flags[i] = from_file[i];
	}
}

const char *option(const char *name) {
	int i = find(name);
	if (i < 0)
		abort();
	return from_flags[i].set ? from_flags[i].value : "";
}

bool option_on(const char *name) {
	return !strcmp(option(name), "true");
}

char *option_entry(const char *name, size_t n) {
	const char *p = option(name);
	while (*p) {
		size_t len = strcspn(p, "\n,");
		if (len && n-- == 0)
			return strf("%.*s", (int)len, p);
		p += len + (p[len] != 0);
	}
	return NULL;
}

bool option_has(const char *name, const char *entry) {
	char *e;
	for (size_t n = 0; (e = option_entry(name, n)); n++) {
		bool same = !strcmp(e, entry);
		free(e);
		if (same)
			return true;
	}
	return false;
}
