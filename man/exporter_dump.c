/* SPDX-License-Identifier: BSD-2-Clause */
/* Build time only: the lists of options and environment variables of powerstack-exporter.8, as `powerstack __dump options` does for
 * powerstack.1. */
#include <stdio.h>
#include <string.h>

#include "base/mdoc.h"
#include "exporter/environment.h"
#include "exporter/options.h"

static void environment(bool unused)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < nenv_names; i++) {
		const struct env_name *row = &env_names[i];

		if ((row->unused != NULL) != unused)
			continue;
		printf(".It Ev %s\n", row->name);
		mdoc_sentence(stdout, unused ? row->unused : row->help);
	}
	puts(".El");
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("powerstack-exporter " POWERSTACK_VERSION);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "__dump") != 0)
		return 2;
	if (strcmp(argv[2], "options") == 0)
		mdoc_options(stdout, exporter_opts, nexporter_opts);
	else if (strcmp(argv[2], "environment") == 0)
		environment(false);
	else if (strcmp(argv[2], "ignored") == 0)
		environment(true);
	else
		return 2;
	return 0;
}
