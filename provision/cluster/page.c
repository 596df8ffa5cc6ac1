/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/page.h"

#include <stdio.h>
#include <string.h>

const char *page_about(const struct inventory *inv, const char *path, char ret[static PAGE_ABOUT_MAX])
{
	snprintf(ret, PAGE_ABOUT_MAX, "%u:%s%s%s", inv->exporter_port, path, inv->exporter_tls ? ":" : "",
		 inv->exporter_tls ? inv->k3s_server_location : "");
	return ret;
}

bool page_is_200(const char *http)
{
	return strncmp(http, "HTTP/1.", 7) == 0 && http[7] && strncmp(http + 8, " 200", 4) == 0;
}

bool page_is_ours(const char *http)
{
	return page_is_200(http) && strstr(http, "\nkepler_exporter_build_info{") && strstr(http, "\nkepler_node_info{");
}

const char *page_line(const char *page, const char *prefix, char *ret, size_t size)
{
	size_t n = strlen(prefix);
	for (const char *p = page; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, prefix, n) != 0)
			continue;
		size_t len = strcspn(p, "\n");
		snprintf(ret, size, "%.*s", (int)(len < size ? len : size - 1), p);
		return p + len;
	}
	return NULL;
}

bool page_label(const char *line, const char *label, char *ret, size_t size)
{
	char key[64];
	snprintf(key, sizeof(key), "%s=\"", label);
	for (const char *p = line; (p = strstr(p, key)); p++) {
		if (p > line && p[-1] != '{' && p[-1] != ',')
			continue;
		p += strlen(key);
		snprintf(ret, size, "%.*s", (int)strcspn(p, "\""), p);
		return true;
	}
	return false;
}
