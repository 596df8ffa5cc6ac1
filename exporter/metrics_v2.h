/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_METRICS_V2_H
#define EXPORTER_METRICS_V2_H
/*
 * Further rows, shown with --metrics.v2: the names of Kepler 0.10 and newer, with its labels in its
 * order, and the process_* ones that it shows about itself.
 *
 * Three names exist in both generations with different labels (kepler_{node,container,process}_gpu_
 * joules_total). They are the old ones here: both on one page would count twice in a sum.
 */
#include "exporter/metrics.h"

extern const struct metric metrics_v2[];
extern const size_t nmetrics_v2;

#endif
