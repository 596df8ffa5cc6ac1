/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_TICK_H
#define EXPORTER_TICK_H
/*
 * One reading of the world at one instant: what the sources append to and the ledger settles.
 * Everything in it is a counter that only grows (or wraps at a known value); whoever wants a rate
 * subtracts. Times are CLOCK_BOOTTIME nanoseconds, so that a suspended machine shows as a gap.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What an energy counter measures; each has its metric row in metrics.c. */
enum component {
	COMP_PACKAGE,
	COMP_CORE,
	COMP_UNCORE,
	COMP_DRAM,
	COMP_GPU,
	COMP_PLATFORM,
	COMP_OTHER, /* platform less package, dram and gpu; made by the ledger, no meter has it */
	NCOMPONENTS,
};

/* Whether it is told which processes a GPU works for, or why not. */
enum users {
	USERS_TOLD,
	USERS_DIVIDED, /* of a GPU in MIG mode it is not */
	USERS_UNTOLD,  /* its driver does not, or not now */
	NUSERS,
};

/* An energy meter. Interned once, then known by its number: zones are never taken out, because the
 * joules counted from a meter that vanished stay counted. */
struct zone {
	enum component component;
	unsigned source;	 /* index in sources[] */
	char name[64];		 /* unique in its source: "package-0-die-1/dram" */
	char package[64];	 /* label `package`: "0", "System.Embedded.1" */
	char device[64];	 /* what the measured thing is called, where it has a name of its own: "NVIDIA L4" */
	uint64_t power_max_uw;	 /* nothing real draws more: tells a wrap from a reset */
	bool needs_proof;	 /* a platform meter that must first show that it measures the platform */
	bool standby;		 /* another source feeds the component now, or the meter is lost: no mark is to be waited for */
	bool knows_idle;	 /* its marks tell how much was idle: it need not be learnt */
	bool tells_busy;	 /* its marks tell how busy it was: idle is learnt by that, not by the processors; a
				  * mark of the same time as the one before says that there is none yet */
	enum users users;	 /* of a GPU: whether it is told who uses it, as of its last reading */
	unsigned instances;	 /* of a GPU that is divided: so many there are, as of its last reading */
};

#define ZONES_MAX 512

struct zones {
	struct zone v[ZONES_MAX];
	size_t n;
};

/* The number of the zone with this source and name, added if new. -ERR_MEMORY when full. */
int zones_intern(struct zones *zones, const struct zone *zone, uint32_t *ret_id, struct err *e);

/* An energy counter as read. wraps_at_uj: the largest value before it starts again at 0, or 0 for
 * a counter that does not wrap. */
struct zone_mark {
	uint32_t zone;
	bool anew; /* says nothing about the time since the zone's mark before */
	uint64_t uj, wraps_at_uj, at_ns;
	uint64_t idle_uj; /* of uj, for a zone that knows; such a counter does not wrap */
	uint64_t told_ns, told_uw; /* of a meter that tells power: its last reading, and when; else 0 */
	uint64_t busy_ns; /* of a zone that tells it: time it was busy, ever */
	bool busy_unknown; /* but not for the time since the zone's mark before */
};

/* What a workload uses. Counted while it was on a CPU; cycles, instructions and last-level-cache
 * misses are PMU events, net and block are softirqs that hit while it ran. */
enum use {
	USE_CPU_NS,
	USE_CYCLES,
	USE_INSTRUCTIONS,
	USE_LLC_MISSES,
	USE_NET_TX,
	USE_NET_RX,
	USE_BLOCK,
	USE_PAGE_CACHE,
	NUSES,
};

/* Control groups that are none (work_mark.cgroup). */
#define WORK_UNKNOWN UINT64_C(0)  /* it could not be told apart: too many at once */
#define WORK_KERNEL UINT64_MAX	  /* kernel threads, wherever they are */

/* Who used what: the total of a control group, or of one process of it, since first seen. A process's
 * use is also in its group's. A total lower than the last one of the same workload began at 0 anew. */
struct work_mark {
	uint64_t workload;	/* whose group it is, by a number never given again; 0: not known yet */
	uint64_t cgroup;	/* id: inode number of its directory */
	uint64_t process;	/* 0: the whole group; else a number no other process ever has */
	uint32_t tgid;
	bool gone;		/* it has ended; a few more marks may follow, then none */
	char comm[16];
	uint64_t use[NUSES];
};

/* Who used the GPU of this zone: totals of one process, or (tgid 0) of nobody, since first seen; one lower
 * than the last of the same process began at 0 anew. busy_ns: time that its multiprocessors worked for the
 * process; nobody's is the time of which that is not known. memory_ns: time that its memory was read or written
 * for the process. held_ns: time, by the part of the GPU's memory that the process held; nobody's is the rest.
 * What they are of is the time of the zone's marks. */
struct gpu_mark {
	uint32_t zone, tgid;
	uint64_t cgroup; /* the process's control group, for when processes are not told apart; 0: not known */
	uint64_t busy_ns, memory_ns, held_ns;
};

/* How much of the last second a part of an accelerator worked. */
struct engine_mark {
	char device[32]; /* where it is: "0000:6b:00.0" */
	char part[16];
	unsigned percent;
};

#define ENGINES_MAX 256

/* The scheduler's totals over all CPUs. */
struct sched_mark {
	bool there;
	bool processes;	   /* told apart; else there are marks of groups only */
	unsigned measured; /* bit per enum use that is counted at all (1 << USE_...) */
	unsigned cpus;	   /* online */
	uint64_t busy_ns, idle_ns, switches, drops;
	uint64_t used[NUSES]; /* what all groups, also those that are no more, used since it began */
};

/* A loaded BPF program; runs and run_ns stay 0 unless kernel.bpf_stats_enabled is set. */
struct program_mark {
	char name[16];
	uint64_t runs, run_ns;
};

#define PROGRAMS_MAX 8

struct tick {
	uint64_t at_ns;
	struct zones *zones;		/* shared by all ticks of a sampler */
	struct zone_mark *marks;	/* at most one per zone */
	size_t nmarks, marks_cap;
	struct work_mark *works;
	size_t nworks, works_cap;
	struct gpu_mark *gpus;
	size_t ngpus, gpus_cap;
	struct sched_mark sched;
	struct program_mark programs[PROGRAMS_MAX];
	size_t nprograms;
	struct engine_mark engines[ENGINES_MAX];
	size_t nengines;
	unsigned missing;		/* bit per source (1 << index) that gave nothing */
};

/* Empties the tick, keeps its memory. */
void tick_reset(struct tick *t, uint64_t at_ns);
void tick_clear(struct tick *t);
/* Append. -ERR_MEMORY. */
int tick_add_mark(struct tick *t, const struct zone_mark *mark, struct err *e);
int tick_add_work(struct tick *t, const struct work_mark *work, struct err *e);
int tick_add_gpu(struct tick *t, const struct gpu_mark *gpu, struct err *e);

/* Now, on the clock of ticks. */
uint64_t tick_now_ns(void);

#endif
