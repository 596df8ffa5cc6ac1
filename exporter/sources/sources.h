/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_SOURCES_SOURCES_H
#define EXPORTER_SOURCES_SOURCES_H
/* One source each; table.c puts them in order. */
#include "exporter/source.h"

extern const struct source_ops source_kubelet, source_rapl, source_rapl_perf, source_rapl_msr, source_xgene, source_redfish,
	source_acpi, source_ipmi, source_nvml, source_qat, source_sched, source_estimator;

#endif
