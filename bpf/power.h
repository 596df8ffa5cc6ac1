/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side (power.bpf.c) and the exporter say to each other: limits, map keys and map
 * values. Includes nothing but fixed-width types, so that it reads the same on both sides.
 *
 * Only counters cross the border: every value grows and is never reset, user space subtracts. All
 * storage is per CPU; a reader sums over the CPUs. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef BPF_POWER_H
#define BPF_POWER_H

#ifndef __VMLINUX_MIN_H__
#include <linux/types.h>
#endif

/* Control groups that can be told apart at once; the surplus is counted in power_cpu.drops. */
#define POWER_CGROUPS_MAX 8192

/* Which control group a task is charged to (power_config.hierarchy). */
#define POWER_HIERARCHY_V2 0  /* the unified one */
#define POWER_HIERARCHY_CPU 1 /* that of the v1 `cpu` controller, on hybrid and v1 machines */

/* Read-only once loaded. */
struct power_config {
	__u32 hierarchy;
	__u32 pad;
};

/* Value of map `cgroups`, key: the control group's id (inode number of its directory). */
struct power_use {
	__u64 cpu_ns; /* on-CPU time of its tasks */
};

/* Value of map `cpus`, one row. */
struct power_cpu {
	__u64 since_ns;    /* what runs now has been charged up to here; 0: not seen yet */
	__u64 busy_ns;     /* charged to anybody, dropped or not */
	__u64 idle_ns;     /* ran the idle task: nobody's */
	__u64 switches;    /* context switches seen */
	__u64 drops;       /* charges that found no room in `cgroups` */
	__u64 busy;        /* 1: a task that is not the idle task runs now */
};

_Static_assert(sizeof(struct power_use) == 8, "map value as the kernel sees it");
_Static_assert(sizeof(struct power_cpu) == 48, "map value as the kernel sees it");

#endif
