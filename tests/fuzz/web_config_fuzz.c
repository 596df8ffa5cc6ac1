/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of --web.config.file: what is taken holds together, what is not says where it is wrong. */
#include "exporter/web_config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct web_config c;
	struct err e = { 0 };

	if (web_config_parse("dir/web.yml", data, size, size % 2 == 0, &c, &e) < 0)
		return strncmp(e.msg, "dir/web.yml:", 12) == 0 || e.kind == ERR_MEMORY ? 0 : (abort(), 0);
	if (c.tls.on && (!c.tls.cert == !c.tls.cert_file || !c.tls.key == !c.tls.key_file))
		abort();
	if (c.tls.min_version > c.tls.max_version || c.nusers > WEB_USERS_MAX || c.nheaders > WEB_HEADERS_MAX)
		abort();
	for (size_t i = 0; i < c.nusers; i++) {
		if (strlen(c.users[i].hash) != WEB_HASH_LEN || strchr(c.users[i].name, ':'))
			abort();
	}
	for (size_t i = 0; i < c.nheaders; i++) {
		if (strpbrk(c.headers[i].value, "\r\n"))
			abort();
	}
	web_config_clear(&c);
	return 0;
}
