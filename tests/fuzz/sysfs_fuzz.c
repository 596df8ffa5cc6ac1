/* SPDX-License-Identifier: BSD-2-Clause */
/* Small files of sysfs and procfs: numbers, lists of CPUs, scales, events, cpuinfo. */
#include <stdlib.h>
#include <string.h>

#include "exporter/cpu.h"
#include "exporter/number.h"
#include "exporter/rapl_units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	unsigned list[64], shift = 0;
	uint64_t n = 0;
	size_t count = 0;
	struct err e = { 0 };
	struct cpu cpu;
	struct rapl_registers regs;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)number_parse((const char *)data, size, &n, &e);
	if (cpu_list((const char *)data, size, list, 64, &count, &e) == 0) {
		if (count > 64)
			abort();
		for (size_t i = 0; i < count; i++) {
			if (list[i] >= CPUS_MAX)
				abort();
		}
	}
	if (rapl_scale(text, &shift, &e) == 0 && shift > 63)
		abort();
	if (rapl_event(text, &n, &e) == 0 && n > 255)
		abort();
	cpu_parse(text, &cpu);
	if (rapl_registers(&cpu, &regs) && regs.status[RAPL_PACKAGE] == 0)
		abort();
	free(text);
	return 0;
}
