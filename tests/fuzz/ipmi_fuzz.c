/* SPDX-License-Identifier: BSD-2-Clause */
/* What a BMC may answer in-band: any bytes give a value within bounds or an error. */
#include "exporter/ipmi.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t uw = 0;
	struct err e = { 0 };

	if (dcmi_power(data, size, &uw, &e) == 0 && (uw == 0 || uw >= UINT64_C(65535000000)))
		abort();
	return 0;
}
