/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/facts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/cpu.h"
#include "exporter/number.h"

/* AMD's kernel driver gives its PMU no such name: family and first model of each generation, from
 * the kernel's arch/x86/kernel/cpu/amd.c (bsp_init_amd and init_amd_zen*). The last match counts. */
static const struct {
	unsigned family, model_from, model_to;
	const char *name;
} zens[] = {
	{ 0x17, 0x00, 0x2f, "zen" },   { 0x17, 0x30, 0xff, "zen2" },  { 0x17, 0x50, 0x5f, "zen" },
	{ 0x19, 0x00, 0x0f, "zen3" },  { 0x19, 0x20, 0x5f, "zen3" },  { 0x19, 0x10, 0x1f, "zen4" },
	{ 0x19, 0x60, 0xaf, "zen4" },  { 0x1a, 0x00, 0xff, "zen5" },
};

static void cpu_name(const struct roots *roots, char *ret, size_t size)
{
	char path[PATH_MAX];
	struct cpu cpu;
	struct err none = { 0 };
	const char *said = getenv("CPU_ARCH_OVERRIDE");

	if (said && said[0]) {
		snprintf(ret, size, "%s", said);
		return;
	}
	snprintf(path, sizeof path, "%s/devices/cpu/caps/pmu_name", roots->sysfs);
	if (number_text(path, ret, size, &none) == 0 && ret[0])
		return;
	snprintf(ret, size, "unknown");
	cpu_read(roots->procfs, &cpu);
	if (!cpu_is_amd(&cpu))
		return;
	for (size_t i = 0; i < COUNT(zens); i++) {
		if (cpu.family == zens[i].family && cpu.model >= zens[i].model_from &&
		    cpu.model <= zens[i].model_to)
			snprintf(ret, size, "%s", zens[i].name);
	}
}

void facts_read(const struct roots *roots, struct facts *ret)
{
	const char *node = getenv("NODE_NAME");

	*ret = (struct facts){ 0 };
	cpu_name(roots, ret->cpu, sizeof ret->cpu);
	if (node && node[0])
		snprintf(ret->instance, sizeof ret->instance, "%s", node);
	else if (gethostname(ret->instance, sizeof ret->instance - 1) < 0)
		snprintf(ret->instance, sizeof ret->instance, "unknown");
}

/* Takes over the value of "key : value" if this line has that key. */
static void take_value(const char *line, size_t len, const char *key, char *ret, size_t size)
{
	size_t klen = strlen(key);
	const char *colon = memchr(line, ':', len);

	if (!colon || len < klen || memcmp(line, key, klen) != 0 ||
	    strspn(line + klen, " \t") != (size_t)(colon - line) - klen)
		return;
	const char *value = colon + 1;
	size_t vlen = len - (size_t)(value - line);

	while (vlen > 0 && (*value == ' ' || *value == '\t'))
		value++, vlen--;
	snprintf(ret, size, "%.*s", (int)vlen, value);
}

int facts_cpus(const char *cpuinfo, struct facts *facts, struct err *e)
{
	struct cpu_fact cpu = { 0 };

	for (const char *line = cpuinfo;; ) {
		size_t len = strcspn(line, "\n");

		take_value(line, len, "processor", cpu.processor, sizeof cpu.processor);
		take_value(line, len, "vendor_id", cpu.vendor, sizeof cpu.vendor);
		take_value(line, len, "model name", cpu.model, sizeof cpu.model);
		take_value(line, len, "physical id", cpu.physical_id, sizeof cpu.physical_id);
		take_value(line, len, "core id", cpu.core_id, sizeof cpu.core_id);
		if (len == 0 && cpu.processor[0]) {
			struct cpu_fact *more = reallocarray(facts->cpus, facts->ncpus + 1, sizeof *more);

			if (!more)
				return err_set(e, ERR_MEMORY, "no memory for the list of processors");
			facts->cpus = more;
			facts->cpus[facts->ncpus++] = cpu;
		}
		if (len == 0)
			cpu = (struct cpu_fact){ 0 };
		if (line[len] == '\0') {
			if (len == 0)
				return 0;
			line += len; /* an end without an empty line ends the last block too */
		} else {
			line += len + 1;
		}
	}
}

void facts_clear(struct facts *facts)
{
	free(facts->cpus);
	facts->cpus = NULL;
	facts->ncpus = 0;
}
