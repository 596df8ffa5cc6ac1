/* SPDX-License-Identifier: BSD-2-Clause */
/* Power models of Kepler's format: any bytes are refused or give a model whose power is bounded and whose
 * parts are no larger than their whole, at any use. */
#include "exporter/model/model.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const double uses[] = { 0, 1, 1e6, 5e8, 4e9, 1e15 };
	const struct machine here = { "Sky Lake", 4 };
	struct model m = { .name = "" };
	struct err e = { 0 };

	if (model_add_json(data, size, &here, &m, &e) < 0) {
		if (e.kind == ERR_NONE || e.msg[0] == '\0' || m.name[0] != '\0')
			abort();
		return 0;
	}
	(void)model_check(&m, &e);
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		double per_second[NUSES];
		uint64_t uw[NCOMPONENTS];

		for (size_t u = 0; u < NUSES; u++)
			per_second[u] = uses[i] / (double)(1 + u % 3);
		if (!model_power(&m, per_second, uw))
			continue;
		for (size_t c = 0; c < NCOMPONENTS; c++) {
			if (uw[c] > (uint64_t)(MODEL_MAX_W * 1e6) || (uw[c] > 0 && !m.v[c].there))
				abort();
		}
		if (m.v[COMP_PLATFORM].there && uw[COMP_PACKAGE] + uw[COMP_DRAM] > uw[COMP_PLATFORM])
			abort();
		if (m.v[COMP_PACKAGE].there && uw[COMP_CORE] + uw[COMP_UNCORE] > uw[COMP_PACKAGE])
			abort();
	}
	/* A second time over the same: what stands there is never replaced. */
	if (model_add_json(data, size, &here, &m, &e) == 0)
		abort();
	return 0;
}
