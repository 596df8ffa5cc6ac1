/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_FACTS_H
#define EXPORTER_FACTS_H
#include "exporter/metrics.h"
#include "exporter/source.h"

/* What this node is: its name (NODE_NAME or the host's) and its processor's microarchitecture
 * (CPU_ARCH_OVERRIDE, the kernel's PMU name, or by the processor's family). Cannot fail: what is not
 * known is "unknown". */
void facts_read(const struct roots *roots, struct facts *ret);
/* Adds every processor: the bytes of /proc/cpuinfo. Blocks without a processor number are left out.
 * -ERR_MEMORY. */
int facts_cpus(const char *cpuinfo, struct facts *facts, struct err *e);
void facts_clear(struct facts *facts);

#endif
