/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_SOURCES_KERNEL_H
#define EXPORTER_SOURCES_KERNEL_H
/*
 * The BPF programs of bpf/power.bpf.c in the kernel: loads them, gives them the PMU's events, reads
 * their counters into a tick. What is optional and cannot be had is left out and named.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/tick.h"

/* A PMU event that can serve for a use; of several for one use the first that opens is taken. */
struct pmu_event {
	enum use use; /* USE_CYCLES, USE_INSTRUCTIONS or USE_LLC_MISSES */
	uint32_t type;
	uint64_t config; /* perf_event_open(2) */
};

extern const struct pmu_event pmu_events[];
extern const size_t npmu_events;

struct kernel_options {
	const char *sysfs, *procfs;
	bool processes; /* tell processes apart, not only control groups */
	const struct pmu_event *events;
	size_t nevents;
	bool untyped; /* use the raw tracepoint even where the typed one can be had */
};

struct kernel;

/* The caller frees *ret by kernel_free. -ERR_FAILED: no rights, no BTF, too old a kernel. */
int kernel_open(const struct kernel_options *o, struct kernel **ret, struct err *e);
void kernel_free(struct kernel *k);
/* Charges what runs now and appends all workloads, the scheduler's totals and the programs. Does not
 * wait. -ERR_FAILED, -ERR_MEMORY, with part of it appended. */
int kernel_read(struct kernel *k, struct tick *into, struct err *e);
/* What could not be had, one sentence each with its reason, "" when nothing is missing. */
const char *kernel_missing(const struct kernel *k);
/* Slots in use and free, of groups or processes: for tests of their bounds. */
void kernel_slots(const struct kernel *k, bool processes, size_t *ret_held, size_t *ret_offered);

#endif
