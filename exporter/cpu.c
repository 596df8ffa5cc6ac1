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
