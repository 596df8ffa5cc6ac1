/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_QAT_H
#define EXPORTER_QAT_H
/* What the kernel's driver tells of a QuickAssist accelerator. Pure. */
#include "base/err.h"
#include "exporter/tick.h"

/* Appends a mark for each util_<part> of telemetry/device_data: lines of "name value ...", values in
 * decimal. device becomes the marks' own. Other lines are left out. -ERR_FAILED for a utilisation that is
 * no percentage, or when there is none at all; marks before it stay. */
int qat_parse(const char *text, const char *device, struct tick *into, struct err *e);

#endif
