/* SPDX-License-Identifier: BSD-2-Clause */
/* Build time only: the option list of powerstack-exporter.8, as `powerstack __dump options` does for
 * powerstack.1. */
#include <stdio.h>
#include <string.h>

#include "base/mdoc.h"
#include "exporter/options.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("powerstack-exporter " POWERSTACK_VERSION);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "__dump") != 0 || strcmp(argv[2], "options") != 0)
		return 2;
	mdoc_options(stdout, exporter_opts, nexporter_opts);
	return 0;
}
