/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_RAPL_UNITS_H
#define EXPORTER_RAPL_UNITS_H
/* What RAPL's raw counters mean: units, events, registers. Pure. All units are powers of two of a
 * joule: one count is 2^-shift J. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/cpu.h"
#include "exporter/tick.h"
#include "base/wide.h"

/* Microjoules of so many counts of 2^-shift J, rounded down; shift is at most 63. */
uint64_t rapl_uj(struct wide counts, unsigned shift);

/* Sets component, name, label and proof of a zone as the kernel names them in powercap: "package-0",
 * "package-0-die-1/dram", "psys". die: NULL where a package has one. */
void rapl_zone(struct zone *ret, enum component c, uint64_t package, const uint64_t *die);

/* ---- the kernel's perf events (devices/power/events) */

/* The shift of a ".scale" file: "2.3283064365386962890625e-10" is 2^-32. -ERR_FAILED for what is no
 * power of two between 2^-63 and 1. */
int rapl_scale(const char *text, unsigned *ret_shift, struct err *e);
/* perf_event_attr.config of an event file, "event=0x02", where format/event is "config:0-7".
 * -ERR_FAILED for anything else. */
int rapl_event(const char *text, uint64_t *ret_config, struct err *e);

/* ---- registers (Intel SDM volume 4, "Power and energy"; AMD PPR, "Core::X86::Msr::RAPL_PWR_UNIT") */

enum rapl_domain { RAPL_PACKAGE, RAPL_CORE, RAPL_UNCORE, RAPL_DRAM, RAPL_PSYS, NRAPL_DOMAINS };

struct rapl_registers {
	uint32_t unit;			 /* the register with the unit of energy in bits 12:8 */
	uint32_t status[NRAPL_DOMAINS];	 /* 32-bit counters, 0: this processor has none */
	int shift[NRAPL_DOMAINS];	 /* fixed unit, or -1: as the unit register says */
	bool core_by_core;		 /* each core has a RAPL_CORE counter of its own */
	bool by_die;			 /* the others are of a die, not of a package */
};

/* false: what this processor's registers mean is not known, and is not guessed. */
bool rapl_registers(const struct cpu *cpu, struct rapl_registers *ret);
/* The shift in the unit register's value. */
unsigned rapl_unit_shift(uint64_t unit);

#endif
