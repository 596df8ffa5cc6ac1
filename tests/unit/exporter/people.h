/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_UNIT_EXPORTER_PEOPLE_H
#define TESTS_UNIT_EXPORTER_PEOPLE_H
/* Workloads on a roster without a registry that found them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/names/work.h"
#include "exporter/roster.h"

/* Adds one, which the roster then holds alone. id: of the container or the virtual machine. Texts must live on. */
static inline struct workload *person(struct roster *r, uint64_t serial, enum workload_kind kind, const char *id,
				      const char *pod, const char *name, const char *ns, bool settled)
{
	struct work *k = calloc(1, sizeof *k);
	struct err e = { 0 };

	cr_assert_not_null(k);
	k->refs = 1;
	k->w = (struct workload){ .kind = kind, .serial = serial, .container_id = kind == WORKLOAD_VM ? "" : id,
				  .pod_name = pod, .container_name = name, .container_namespace = ns,
				  .vm_id = kind == WORKLOAD_VM ? id : "", .pod_uid = "", .runtime = "",
				  .settled = settled };
	cr_assert_eq(roster_add(r, &k->w, &e), 0);
	workload_unref(&k->w);
	return &k->w;
}

#endif
