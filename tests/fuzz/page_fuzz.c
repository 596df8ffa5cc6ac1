/* SPDX-License-Identifier: BSD-2-Clause */
/* The exporter's page, as a node has it: power is either known, with what it is of, or it has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/cluster/page.h"
#include "provision/status/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *page = malloc(size + 1), line[64], value[16];
	struct power p;
	if (!page)
		return 0;
	memcpy(page, data, size);
	page[size] = '\0';
	if (page_is_ours(page) && !page_is_200(page))
		abort();
	for (const char *at = page; (at = page_line(at, "kepler_", line, sizeof(line)));) {
		if (at < page || at > page + size || strncmp(line, "kepler_", 7) != 0 || strlen(line) >= sizeof(line))
			abort();
		if (page_label(line, "stat", value, sizeof(value)) && strlen(value) >= sizeof(value))
			abort();
	}
	power_read(page, &p);
	if (p.known != (p.of[0] != '\0') || p.known == (p.why[0] != '\0') || (p.known && p.mw == 0 && p.whole && !p.sources[0]))
		abort();
	free(page);
	return 0;
}
