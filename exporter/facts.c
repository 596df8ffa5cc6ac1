/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exporter/cpu.h"

void facts_read(const struct roots *roots, struct facts *ret)
{
	const char *node = getenv("NODE_NAME");

	*ret = (struct facts){ 0 };
	cpu_name(roots->sysfs, roots->procfs, ret->cpu, sizeof ret->cpu);
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
