/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/cpu.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/number.h"

/* The value behind "key :" in the first block, or "". */
static void value_of(const char *text, const char *key, char *ret, size_t size)
{
	size_t klen = strlen(key);

	ret[0] = '\0';
	for (const char *line = text; line && *line && *line != '\n';
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, key, klen) != 0 || !colon ||
		    strspn(line + klen, " \t") != (size_t)(colon - line) - klen)
			continue;
		const char *value = colon + 1 + strspn(colon + 1, " \t");

		snprintf(ret, size, "%.*s", (int)strcspn(value, "\n"), value);
		return;
	}
}

void cpu_parse(const char *text, struct cpu *ret)
{
	char family[16], model[16];
	struct err none = { 0 };
	struct cpu cpu = { .family = 0 };

	value_of(text, "vendor_id", cpu.vendor, sizeof cpu.vendor);
	value_of(text, "cpu family", family, sizeof family);
	value_of(text, "model", model, sizeof model);
	if (number_parse(family, strlen(family), &cpu.family, &none) < 0 ||
	    number_parse(model, strlen(model), &cpu.model, &none) < 0)
		cpu = (struct cpu){ .family = 0 };
	*ret = cpu;
}

void cpu_read(const char *procfs, struct cpu *ret)
{
	char path[PATH_MAX], text[4096];
	struct err none = { 0 };

	snprintf(path, sizeof path, "%s/cpuinfo", procfs);
	if (number_text(path, text, sizeof text, &none) < 0)
		text[0] = '\0';
	cpu_parse(text, ret);
}

bool cpu_is_amd(const struct cpu *cpu)
{
	return strcmp(cpu->vendor, "AuthenticAMD") == 0 || strcmp(cpu->vendor, "HygonGenuine") == 0;
}

bool cpu_is_intel(const struct cpu *cpu)
{
	return strcmp(cpu->vendor, "GenuineIntel") == 0;
}

/* AMD's: family and first model of each generation, from the kernel's arch/x86/kernel/cpu/amd.c
 * (bsp_init_amd and init_amd_zen*), which gives its PMU no such name. Intel's: models of family 6 in its
 * arch/x86/include/asm/intel-family.h. The last match counts. */
static const struct {
	bool amd;
	unsigned family, model_from, model_to;
	const char *name;
} microarchitectures[] = {
	{ true, 0x17, 0x00, 0x2f, "zen" },	 { true, 0x17, 0x30, 0xff, "zen2" },
	{ true, 0x17, 0x50, 0x5f, "zen" },	 { true, 0x19, 0x00, 0x0f, "zen3" },
	{ true, 0x19, 0x20, 0x5f, "zen3" },	 { true, 0x19, 0x10, 0x1f, "zen4" },
	{ true, 0x19, 0x60, 0xaf, "zen4" },	 { true, 0x1a, 0x00, 0xff, "zen5" },
	{ false, 6, 0x2a, 0x2a, "sandybridge" }, { false, 6, 0x2d, 0x2d, "sandybridge" },
	{ false, 6, 0x3a, 0x3a, "ivybridge" },	 { false, 6, 0x3e, 0x3e, "ivybridge" },
	{ false, 6, 0x3c, 0x3c, "haswell" },	 { false, 6, 0x3f, 0x3f, "haswell" },
	{ false, 6, 0x45, 0x46, "haswell" },	 { false, 6, 0x3d, 0x3d, "broadwell" },
	{ false, 6, 0x47, 0x47, "broadwell" },	 { false, 6, 0x4f, 0x4f, "broadwell" },
	{ false, 6, 0x56, 0x56, "broadwell" },	 { false, 6, 0x4e, 0x4e, "skylake" },
	{ false, 6, 0x5e, 0x5e, "skylake" },	 { false, 6, 0x55, 0x55, "skylake" },
	{ false, 6, 0x8e, 0x8e, "coffeelake" },	 { false, 6, 0x9e, 0x9e, "coffeelake" },
	{ false, 6, 0xa5, 0xa6, "coffeelake" },	 { false, 6, 0x6a, 0x6a, "icelake" },
	{ false, 6, 0x6c, 0x6c, "icelake" },	 { false, 6, 0x7d, 0x7e, "icelake" },
	{ false, 6, 0x8c, 0x8d, "tigerlake" },	 { false, 6, 0xa7, 0xa7, "rocketlake" },
	{ false, 6, 0x97, 0x97, "alderlake" },	 { false, 6, 0x9a, 0x9a, "alderlake" },
	{ false, 6, 0xb7, 0xb7, "raptorlake" },	 { false, 6, 0xba, 0xba, "raptorlake" },
	{ false, 6, 0xbf, 0xbf, "raptorlake" },	 { false, 6, 0x8f, 0x8f, "sapphire_rapids" },
	{ false, 6, 0xcf, 0xcf, "emerald_rapids" }, { false, 6, 0xad, 0xae, "granite_rapids" },
};

const char *cpu_microarchitecture(const struct cpu *cpu)
{
	const char *name = NULL;

	for (size_t i = 0; i < COUNT(microarchitectures); i++) {
		if ((microarchitectures[i].amd ? cpu_is_amd(cpu) : cpu_is_intel(cpu)) &&
		    cpu->family == microarchitectures[i].family && cpu->model >= microarchitectures[i].model_from &&
		    cpu->model <= microarchitectures[i].model_to)
			name = microarchitectures[i].name;
	}
	return name;
}

void cpu_name(const char *sysfs, const char *procfs, char *ret, size_t size)
{
	char path[PATH_MAX];
	struct cpu cpu;
	struct err none = { 0 };
	const char *said = getenv("CPU_ARCH_OVERRIDE");

	if (said && said[0]) {
		snprintf(ret, size, "%s", said);
		return;
	}
	snprintf(path, sizeof path, "%s/devices/cpu/caps/pmu_name", sysfs);
	if (number_text(path, ret, size, &none) == 0 && ret[0])
		return;
	cpu_read(procfs, &cpu);
	const char *name = cpu_microarchitecture(&cpu);

	snprintf(ret, size, "%s", name ? name : "unknown");
}

/* Digits at *at, moved behind them. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	const char *from = *at;
	uint64_t n = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		n = n * 10 + (uint64_t)(**at - '0');
		if (n >= CPUS_MAX)
			return false;
	}
	*ret = n;
	return *at > from;
}

int cpu_list(const char *text, size_t len, unsigned *ret, size_t cap, size_t *ret_n, struct err *e)
{
	const char *at = text, *end = text + len;
	size_t n = 0;
	uint64_t from = 0, to = 0;

	while (end > at && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	while (at < end) {
		bool good = take_number(&at, end, &from);

		to = from;
		if (good && at < end && *at == '-') {
			at++;
			good = take_number(&at, end, &to) && to >= from;
		}
		/* Between two there is a comma, and something follows it. */
		good = good && (at == end || (*at == ',' && at + 1 < end));
		if (!good || to - from >= cap - n)
			return err_set(e, ERR_FAILED, "'%.*s' is no list of at most %zu CPUs",
				       (int)(len < 80 ? len : 80), text, cap);
		for (uint64_t cpu = from; cpu <= to; cpu++)
			ret[n++] = (unsigned)cpu;
		at += at < end;
	}
	*ret_n = n;
	return 0;
}

static void topology(const char *sysfs, unsigned cpu, const char *file, uint64_t *ret)
{
	char path[PATH_MAX];
	struct err none = { 0 };

	snprintf(path, sizeof path, "%s/devices/system/cpu/cpu%u/topology/%s", sysfs, cpu, file);
	if (number_read(path, ret, &none) < 0)
		*ret = 0; /* also "-1": not known, so there is one */
}

int cpu_places(const char *sysfs, struct cpu_place **ret, size_t *ret_n, struct err *e)
{
	char path[PATH_MAX], text[4096];
	AUTO_FREE unsigned *list = calloc(CPUS_MAX, sizeof *list);
	size_t n = 0;

	if (!list)
		return err_set(e, ERR_MEMORY, "no memory for a list of CPUs");
	snprintf(path, sizeof path, "%s/devices/system/cpu/online", sysfs);
	int rc = number_text(path, text, sizeof text, e);

	rc = rc < 0 ? rc : cpu_list(text, strlen(text), list, CPUS_MAX, &n, e);
	if (rc < 0)
		return rc;
	AUTO_FREE struct cpu_place *v = calloc(n + 1, sizeof *v);

	if (!v)
		return err_set(e, ERR_MEMORY, "no memory for %zu CPUs", n);
	for (size_t i = 0; i < n; i++) {
		v[i].cpu = list[i];
		topology(sysfs, list[i], "physical_package_id", &v[i].package);
		topology(sysfs, list[i], "die_id", &v[i].die);
		topology(sysfs, list[i], "core_id", &v[i].core);
	}
	*ret = take_ptr(&v);
	*ret_n = n;
	return 0;
}
