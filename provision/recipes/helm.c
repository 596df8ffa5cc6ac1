/* SPDX-License-Identifier: BSD-2-Clause */
/* Helm on the control node, which installs the applications: the release that the inventory names, by its checksum. */
#include "base/cleanup.h"
#include "provision/recipes/recipes.h"
#include "provision/steps/steps.h"

static const struct artifact_arg binary = {
	.what = "helm", .path = "/usr/local/bin/helm", .mode = 0755, .claim = "helm", .member = "helm"
};

static const struct step steps[] = {
	{ "binary", "helm is installed", &artifact_ops, &binary },
};

static const char *const after[] = { "prereq", NULL };

const struct recipe recipe_helm = {
	.name = "helm",
	.part = "helm",
	.summary = "installs helm on the control node",
	.roles = ROLE_CONTROL,
	.after = after,
	.steps = steps,
	.nsteps = COUNT(steps),
};
