/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_METRICS_WORKS_H
#define EXPORTER_METRICS_WORKS_H
/*
 * Further rows, on every page: who drew the joules and used the processors. Kepler v0.7.12's names and
 * labels for containers, processes and virtual machines, and what the thesis calls by older names.
 *
 * All of a component that the node's rows show is on the page once more as the containers': each
 * workload has its part, what nobody used (the idle energy of idle processors, mostly) is that of a
 * container `unattributed`, and what belongs to none of these any more is told by
 * powerstack_exporter_unlisted_joules: node == containers + unlisted, to the microjoule.
 *
 * A component that nothing measures here is shown to be 0 for workloads, as Kepler does and as its
 * dashboards want, with source="none". How much a workload uses a GPU is shown only of GPUs that it does use, and
 * only while that is told.
 */
#include "exporter/metrics.h"

extern const struct metric metrics_works[];
extern const size_t nmetrics_works;

/* What is nobody's, as the workload that it is shown as. */
extern const struct workload workload_nobody;

#endif
