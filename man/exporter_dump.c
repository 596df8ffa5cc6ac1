/* SPDX-License-Identifier: BSD-2-Clause */
/* Build time only: the lists of options, environment variables and metrics of powerstack-exporter.8, as
 * `powerstack __dump options` does for powerstack.1. */
#include <stdio.h>
#include <string.h>

#include "base/mdoc.h"
#include "exporter/environment.h"
#include "exporter/metrics_v2.h"
#include "exporter/metrics_works.h"
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

static void rows(const struct metric *v, size_t n)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < n; i++) {
		const char *by = "by ";

		printf(".It Li %s\n", v[i].name);
		mdoc_sentence(stdout, v[i].help);
		if (v[i].who || v[i].labels)
			puts(".br");
		for (size_t k = 0; k < 2; k++) {
			for (const struct label *l = k ? v[i].labels : v[i].who; l && l->name; l++, by = ", ")
				printf("%s%s", by, l->name);
		}
		if (v[i].who || v[i].labels)
			putchar('\n');
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
	else if (strcmp(argv[2], "metrics") == 0)
		rows(metrics, nmetrics);
	else if (strcmp(argv[2], "works") == 0)
		rows(metrics_works, nmetrics_works);
	else if (strcmp(argv[2], "newer") == 0)
		rows(metrics_v2, nmetrics_v2);
	else
		return 2;
	return 0;
}
