/* SPDX-License-Identifier: BSD-2-Clause */
/* The exporter's configuration: any bytes are taken or refused with a place, nothing leaks. */
#include "exporter/options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options o = { 0 };
	struct opt_table table = { exporter_opts, nexporter_opts, &o };
	struct config c;
	struct err e = { 0 };

	if (config_parse("f", data, size, size & 1, &table, &c, &e) < 0) {
		if (e.kind == ERR_NONE || e.kind == ERR_BUG || e.msg[0] == '\0')
			abort();
		return 0;
	}
	if (c.redfish.password && (!c.redfish.endpoint || strncmp(c.redfish.endpoint, "https://", 8) != 0))
		abort();
	config_clear(&c);
	return 0;
}
