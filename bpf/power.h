/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side (power.bpf.c) and the exporter say to each other: limits, map keys and map
 * values. Includes nothing but fixed-width types, so that it reads the same on both sides.
 *
 * Only counters cross the border: every value grows and is never reset, user space subtracts. Every
 * row's counters are written by one CPU alone; a reader sums over the CPUs. Times are CLOCK_MONOTONIC
 * nanoseconds.
 *
 * A control group or a process that was seen owns a slot: a row of counters on every CPU. Slots are
 * handed out by the kernel side, and taken back by user space once their owner is gone and its last
 * counters were read. Those of groups are taken by entering them in `group_taken`, in no order; where that fails, and for
 * processes, they come out of a queue that user space fills.
 */
#ifndef BPF_POWER_H
#define BPF_POWER_H

#ifndef __VMLINUX_MIN_H__
#include <linux/types.h>
#endif

/* Which control group a task is charged to (power_config.hierarchy). */
#define POWER_HIERARCHY_V2 0  /* the unified one */
#define POWER_HIERARCHY_CPU 1 /* that of the v1 `cpu` controller, on hybrid and v1 machines */

/* Slots that are never handed out. */
#define POWER_SLOT_LOST 0   /* charges that found no free slot */
#define POWER_SLOT_KERNEL 1 /* kernel threads, whatever their control group */
#define POWER_SLOT_FIRST 2
#define POWER_CLOSE 1024u /* slots of groups up to here are taken first, as they lie in few pages */
/* Key of POWER_SLOT_KERNEL. */
#define POWER_KEY_KERNEL (~0ull)

/* What is counted, in this order in struct power_use. The PMU events come first behind the time. */
enum power_count {
	POWER_CPU_NS,
	POWER_CYCLES,
	POWER_INSTRUCTIONS,
	POWER_LLC_MISSES,
	POWER_NET_TX, /* softirqs that hit while the task ran */
	POWER_NET_RX,
	POWER_BLOCK,
	POWER_PAGE_CACHE, /* pages found in the page cache or made dirty there */
	POWER_COUNTS,
};
#define POWER_EVENTS 3 /* event i is counted at POWER_CYCLES + i */
#define POWER_WIDE 4   /* so many are counted in 64 bits, the rest in 32 */

/* Read-only once loaded. Masks are a power of two less one. */
struct power_config {
	__u32 hierarchy;
	__u32 hierarchy_id;   /* the number in /proc/self/cgroup; 0 for the unified one */
	__u32 cpus;	      /* possible ones */
	__u32 groups;	      /* slots for control groups */
	__u32 group_mask;     /* those that are found by address, less one; at least POWER_CLOSE - 1 */
	__u32 processes;      /* slots for processes; 0: they are not told apart */
	__u32 process_mask;   /* values of `process_hints`, less one */
	__u32 events;	      /* bit per PMU event that is counted */
};

/* Values of `group_use` and `process_use`, at cpu * slots + slot. A cache line of its own, as all that a
 * charge needs of the slot is here. */
struct power_use {
	__u64 v[POWER_WIDE];
	__u32 n[POWER_COUNTS - POWER_WIDE]; /* wrap */
	__u64 tag;  /* the slot's owner, once it was seen on this CPU: the group's address, the process's key; or 0 */
	__u64 with; /* of a process: which group it was in */
};

/* Values of `group_owners` and `process_owners`, by slot. */
struct power_owner {
	__u64 key;    /* control group's id, or a process's number; 0: nobody */
	__u64 cgroup; /* the group it was last charged in */
	__u32 tgid;
	__u32 gone;   /* it has ended */
	char comm[16];
	__u64 unused[3];
};

/* Values of `process_hints`, by the upper bits of the pid. */
#define POWER_HINTS 32
struct power_hints {
	__u16 slot[POWER_HINTS]; /* by its low bits; 0: none */
};

/* One PMU event of one CPU, as last read. */
struct power_event {
	__u64 counter, enabled, running;
	__u64 from_enabled, from_running; /* where the window for `scale` began */
	__u64 scale;			  /* enabled / running of the window before, times 2^16 */
};

/* Values of `cpus`, by CPU. */
struct power_cpu {
	__u64 since_ns;	   /* what runs now has been charged up to here; 0: not seen yet */
	__u64 busy_ns;	   /* charged to anybody, POWER_SLOT_LOST included */
	__u64 idle_ns;	   /* ran the idle task: nobody's */
	__u64 switches;	   /* context switches seen */
	__u64 lost_groups; /* charges that went to POWER_SLOT_LOST */
	__u64 lost_processes;
	__u64 busy;	   /* 1: a task that is not the idle task runs now */
	__u64 unused;
	struct power_event events[POWER_EVENTS];
	__u64 unused2[6];
};

_Static_assert(sizeof(struct power_use) == 64, "map value as the kernel sees it");
_Static_assert(sizeof(struct power_owner) == 64, "map value as the kernel sees it");
_Static_assert(sizeof(struct power_cpu) == 256, "map value as the kernel sees it");

#endif
