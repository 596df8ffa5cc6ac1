/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/sources/sources.h"

#include "base/cleanup.h"
#include "exporter/source.h"

const struct source_ops *const sources[] = {
	&source_rapl,
	&source_rapl_perf,
	&source_rapl_msr,
	&source_xgene,
	&source_redfish,
	&source_acpi,
	&source_ipmi,
	&source_nvml,
	&source_qat,
	&source_sched,
	&source_estimator, /* after sched, whose figures of the same tick it uses */
	&source_kubelet,
};
const size_t nsources = COUNT(sources);
_Static_assert(COUNT(sources) <= SOURCES_MAX, "a bit per source in struct tick");
