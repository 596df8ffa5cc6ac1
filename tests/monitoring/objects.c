/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitoring part puts into the cluster, without a cluster: every manifest of its rows as one YAML stream.
 *	objects INVENTORY */
#include <stdio.h>

#include "base/cleanup.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/cluster.h"

static int failed(const struct err *e)
{
	fprintf(stderr, "objects: %s\n", e->msg);
	return 1;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct problems problems = { 0 };
	struct inventory *inv = NULL;
	if (argc != 2)
		return 2;
	int rc = inventory_load(argv[1], &inv, &problems, &e);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s:%u: %s\n", argv[1], problems.v[i].line, problems.v[i].text);
	problems_free(&problems);
	if (rc < 0)
		return failed(&e);
	const struct view v = { .inv = inv, .host = inv->control };
	for (size_t i = 0; rc == 0 && i < recipe_monitoring.nsteps; i++) {
		const struct step *s = &recipe_monitoring.steps[i];
		if (s->ops != &kube_ops)
			continue;
		const struct kube_arg *a = s->arg;
		AUTO_BUF struct buf text = { 0 };
		buf_init(&text, 1 << 20);
		rc = template_add(a->tmpl, a->names, &v, &text, &e);
		if (rc == 0)
			printf("---\n%s", buf_str(&text));
	}
	inventory_free(inv);
	return rc < 0 ? failed(&e) : 0;
}
