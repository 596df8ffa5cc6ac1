/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_CPU_H
#define EXPORTER_CPU_H
/* Which processor this is, and where its CPUs sit. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* From the first block of /proc/cpuinfo; all zero where it does not say (other than x86). */
struct cpu {
	char vendor[16]; /* "GenuineIntel", "AuthenticAMD", "HygonGenuine" */
	uint64_t family, model;
};

/* Cannot fail: what is not known stays zero. */
void cpu_read(const char *procfs, struct cpu *ret);
/* The same from the file's bytes. */
void cpu_parse(const char *text, struct cpu *ret);
/* Of AMD's making; Hygon's processors are AMD's Zen. */
bool cpu_is_amd(const struct cpu *cpu);
bool cpu_is_intel(const struct cpu *cpu);
/* Its microarchitecture by family and model, or NULL. */
const char *cpu_microarchitecture(const struct cpu *cpu);
/* What label cpu_architecture says: CPU_ARCH_OVERRIDE, the kernel's PMU name, or the microarchitecture
 * (a virtual machine has often no PMU); "unknown" else. */
void cpu_name(const char *sysfs, const char *procfs, char *ret, size_t size);

/* A CPU that is online. */
struct cpu_place {
	unsigned cpu;
	uint64_t package, die, core;
};

#define CPUS_MAX 4096

/* Every CPU that is online, in order, with its place (devices/system/cpu/cpuN/topology; a machine
 * that does not tell its dies has one for each package). The caller frees *ret. -ERR_FAILED,
 * -ERR_MEMORY. */
int cpu_places(const char *sysfs, struct cpu_place **ret, size_t *ret_n, struct err *e);
/* "0-3,8,10-11" as the kernel prints it, into at most cap numbers in order; *ret_n is how many there
 * were. -ERR_FAILED for anything else, numbers above CPUS_MAX, or more than cap. */
int cpu_list(const char *text, size_t len, unsigned *ret, size_t cap, size_t *ret_n, struct err *e);

#endif
