/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_OPTIONS_H
#define EXPORTER_OPTIONS_H
/* The command line of powerstack-exporter: one table, from which --help comes too. */
#include <stdbool.h>

#include "base/err.h"
#include "base/opts.h"
#include "exporter/config.h"
#include "exporter/source.h"
#include "exporter/works.h"

struct options {
	const char *listen_address, *telemetry_path, *config_file, *web_config_file;
	const char *sysfs, *procfs, *rootfs;
	struct meters meters;
	unsigned long long interval_ns;
	int log_level, log_format;
	int attribute_package, attribute_dram, attribute_platform; /* enum attribute */
	struct {
		bool containers, processes, vms, components, hardware, irq, bpf;
	} show; /* which rows */
	bool once, check, metrics, metrics_v2, version, help;
};

extern const struct opt exporter_opts[];
extern const size_t nexporter_opts;

/* Defaults, then the configuration file that the command line names, then Kepler's environment
 * variables (exporter/environment.h), then the command line. The order of argv may change. -ERR_USAGE, -ERR_CONFIG; then nothing is owned. Texts in *ret live as
 * long as argv and *ret_config. */
int options_read(int argc, char **argv, struct options *ret, struct config *ret_config, struct err *e);

/* By what energy is handed out. */
struct attribution options_attribution(const struct options *o);
/* The rows that they leave out: bit per enum topic (metrics.h). */
unsigned options_hidden(const struct options *o);

#endif
