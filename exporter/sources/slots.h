/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_SOURCES_SLOTS_H
#define EXPORTER_SOURCES_SLOTS_H
/*
 * The reader's side of the slots of bpf/power.h, for control groups or for processes: sums the rows of
 * all CPUs, and takes the slot of an owner that is gone back once nothing more can come in.
 *
 * Taking back goes in steps, one a read, because a charge may be under way on another CPU: an owner
 * seen gone is read once more; then the slot is nobody's, in its rows as well, so that no new charge
 * finds it; a read later, when all that was under way has long ended, it is handed out again. Counters
 * of a slot go on growing from one owner to the next; what the ones before used is subtracted.
 *
 * Memory of the maps is shared with the kernel, so this works on plain memory and needs no kernel.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/power.h"
#include "exporter/tick.h"

/* 64 bits that another CPU writes: one load where the machine has such loads, else until two agree. */
static inline uint64_t slots_read64(const volatile __u64 *at)
{
#if __SIZEOF_LONG__ == 8
	return *at;
#else
	uint64_t a = *at, b;

	while ((b = *at) != a)
		a = b;
	return a;
#endif
}

enum slot_state { SLOT_FREE, SLOT_HELD, SLOT_GONE, SLOT_LEAVING };

struct slot {
	enum slot_state state;
	uint64_t key;		      /* whose it was at the last read */
	uint64_t base[POWER_COUNTS];  /* what owners before used */
	uint64_t last[POWER_COUNTS];  /* sum over all CPUs at the last read */
};

struct slots {
	/* Shared with the kernel. */
	volatile struct power_use *use;	      /* [cpu * n + slot] */
	volatile struct power_owner *owners;  /* [slot] */
	size_t ncpus, n;
	size_t scattered; /* slots below are taken anywhere, all are free in the beginning; the others in the order offered */
	/* Asks of the kernel: drop `key` from the hash, let `slot` be taken. */
	void (*forget)(void *arg, uint64_t key);
	int (*offer)(void *arg, uint32_t slot);
	void *arg;
	/* Own. */
	struct slot *v;
	size_t offered;	 /* slots POWER_SLOT_FIRST..offered-1 were ever free to be taken */
	size_t free, held; /* free: of those that are taken in order */
	uint64_t total[POWER_COUNTS]; /* what all owners used, also those that are gone */
};

/* Sets up for what use, owners, ncpus, n, forget, offer and arg say, and offers the first slots.
 * slots_clear frees what it made. -ERR_MEMORY. */
int slots_init(struct slots *s, struct err *e);
void slots_clear(struct slots *s);

/* Reads every slot in use, in order, and calls fn with its owner and what this owner used. Then takes
 * steps with those that are gone. Slot POWER_SLOT_LOST comes with key 0. Stops when fn returns other
 * than 0 and returns that. */
int slots_read(struct slots *s, int (*fn)(void *arg, const struct power_owner *owner, const uint64_t *used),
	       void *arg);

#endif
