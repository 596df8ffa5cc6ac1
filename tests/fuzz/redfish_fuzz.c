/* SPDX-License-Identifier: BSD-2-Clause */
/* What a BMC may answer: any bytes give a value within bounds or an error. */
#include "exporter/redfish.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *json = (const char *)data;
	char path[REDFISH_PATH_MAX] = "", id[16];
	uint64_t uw = 0;
	struct err e = { 0 };

	if (redfish_power(json, size, &uw, &e) == 0 && uw > UINT64_C(1000000000000))
		abort();
	if (redfish_link(json, size, "Chassis", path, &e) == 0) {
		if (path[0] != '/' || path[1] == '/' || strchr(path, '\n') || strchr(path, ' '))
			abort();
		redfish_id(path, id, sizeof id);
	}
	if (redfish_reading(json, size, "PowerWatts", &uw, &e) == 0 && uw > UINT64_C(1000000000000))
		abort();
	redfish_container(json, size, path);
	if (path[0] != '\0' && (path[0] != '/' || path[1] == '/'))
		abort();
	(void)redfish_is_absent(json, size);
	for (size_t i = 0; i < 4; i++)
		(void)redfish_member(json, size, i, path, &e);
	return 0;
}
