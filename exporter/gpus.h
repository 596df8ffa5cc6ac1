/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_GPUS_H
#define EXPORTER_GPUS_H
/*
 * What powerstack-gpu tells of NVIDIA's GPUs, made counters. The vendor's library can only be loaded by
 * a program that is linked dynamically, and may hang or crash: so that program is another one
 * (gpu/powerstack_gpu.c), and its lines are all that is known here. Pure: no I/O, no clock.
 *
 * A line is a word, numbers in decimal, and for some a text up to its end; blanks between. GPU is the
 * number that the driver gave the device.
 *
 *	powerstack-gpu VERSION DRIVER	first of all: this protocol's version, the driver's
 *	gpu GPU UUID NAME		a device
 *	at NS				a round of readings begins: CLOCK_BOOTTIME
 *	energy GPU MJ			what the device drew since its driver was loaded; not in every round
 *	power GPU MW			what it draws, where it does not count energy
 *	util GPU PERCENT		how much of the last sampling period something ran on it
 *	memory GPU BYTES		what it has
 *	seen GPU FROM TO		processes were watched from FROM to TO (us, of any epoch), and
 *	busy GPU PID PERCENT		this is how much of it the device's multiprocessors worked for one,
 *	moves GPU PID PERCENT		and this how much of it the device's memory was read or written for it
 *	divided GPU INSTANCES		it is in MIG mode, and that is how many instances it has now
 *	blind GPU			its processes cannot be watched
 *	holds GPU PID BYTES		a process that has memory of it
 *	error GPU TEXT			the device gave no reading
 *	end				of the round: only now does it count
 *	fail TEXT			why there will be no more lines
 *
 * Energy is told on when it is known who used the device meanwhile: a device that works for somebody,
 * but whose processes' samples have not come yet, is told of with its next energy (after GPU_WAIT_NS at most).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/integral.h"
#include "exporter/tick.h"

#define GPU_PROTOCOL 3
#define GPUS_MAX 32
#define GPU_USERS_MAX 4096
#define GPU_WAIT_NS (3 * UINT64_C(1000000000))
/* Between two rounds further apart than this nobody was watched. */
#define GPU_GAP_NS (10 * UINT64_C(1000000000))
/* A user that is not told of for so long has let go of the device. */
#define GPU_USER_KEPT_NS (30 * UINT64_C(1000000000))
/* A device that gave no reading for longer is lost: longer than a hang is borne and the pause before another
 * start, after which what it drew meanwhile is told. */
#define GPU_LOST_NS (300 * UINT64_C(1000000000))
/* No device draws more. */
#define GPU_MAX_UW (UINT64_C(5000) * 1000000)

/* A process on a device, or (pid 0) nobody. */
struct gpu_user {
	unsigned gpu;
	uint32_t pid;
	uint64_t cgroup;	   /* the owner's: it fills in what it finds for the pid */
	bool placed;		   /* it has looked */
	uint64_t busy_ns, memory_ns, held_ns; /* so far */
	uint64_t told_busy_ns, told_memory_ns, told_held_ns; /* as of the device's last mark */
	uint64_t heard_ns;
	/* Of the round that is not yet over. */
	bool holds, works;
	uint64_t bytes, busy_percent, memory_percent;
};

struct gpu {
	bool there;
	enum users users;	   /* of the last round, and so: */
	unsigned instances;	   /* it is divided into; 0: it is whole */
	char uuid[64], name[64];
	uint32_t zone;		   /* once it is zoned */
	bool zoned;
	struct integral power;
	uint64_t at_ns, told_ns;   /* the last round, and the last that was told on; 0: none */
	uint64_t uj, busy_ns;
	bool counts_energy, busy_unknown, anew;
	bool worked, sampled;	   /* since it was told on: something ran, and it was told for whom */
	struct zone_mark mark;
	char why[128];		   /* why it gave no reading; "": it did */
	/* Of the round that is not yet over. */
	struct {
		bool energy, power, util, seen, divided, blind;
		uint64_t mj, mw, percent, memory, from_us, to_us, instances;
	} round;
};

struct gpus {
	bool greeted;
	char driver[32];
	struct gpu v[GPUS_MAX];
	struct gpu_user *users;
	size_t nusers, users_cap;
	bool in_round;
	uint64_t round_ns;
	uint64_t rounds, ended_ns; /* that were over, and when the last of them began */
};

/* All zero is empty. gpus_clear frees. */
void gpus_clear(struct gpus *g);
/* A new child talks: it must greet first. What was counted stays. */
void gpus_restart(struct gpus *g);
/* Takes in a line; now_ns is the clock of ticks. -ERR_FAILED: it is none of the above, or out of place; the
 * state is as before, but for the round, which is dropped. -ERR_MEMORY. */
int gpus_line(struct gpus *g, const char *line, size_t len, uint64_t now_ns, struct err *e);
/* The last mark of a device (zone is left 0); taken again, it tells the same of the same time. false: there is
 * none yet. */
bool gpus_take(struct gpus *g, unsigned gpu, struct zone_mark *ret);
/* Adds to the tick what was told last: a mark of each device, again and again until it tells anew or is lost, and
 * one of each of its users. Devices get zones, of that source. -ERR_MEMORY. */
int gpus_tick(struct gpus *g, unsigned source, struct zones *zones, uint64_t now_ns, struct tick *into,
	      struct err *e);
/* Drops users that have let go of their devices; for after their counters were taken. */
void gpus_forget(struct gpus *g, uint64_t now_ns);

#endif
