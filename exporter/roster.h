/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_ROSTER_H
#define EXPORTER_ROSTER_H
/*
 * Who the parties of the books are: joins what the kernel counts (by control group) with who is who
 * (exporter/names), and keeps everyone's names for as long as the books hold an account of theirs,
 * which is longer than the workload lives.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/names/names.h"
#include "exporter/tick.h"
#include "exporter/works.h"

struct roster;

/* The caller frees it with roster_free, before or after the names. -ERR_MEMORY. */
int roster_new(struct roster **ret, struct err *e);
void roster_free(struct roster *r);
/* After names_tick and before ledger_settle: sets the workload of every mark of use whose group is
 * known. -ERR_MEMORY: some are left unknown until a later tick. */
int roster_join(struct roster *r, struct names *n, struct tick *t, struct err *e);
/* After ledger_settle: forgets whom no party belongs to. Time in proportion to the parties. */
void roster_keep(struct roster *r, const struct works *w);
/* For ledger_on_retire, arg is the roster: a pod keeps what its containers had that are no more. */
void roster_retired(void *roster, const struct party *p);
/* That: of the pod with this uid, NULL if there is nothing. Kept for as long as the books have a container of
 * the pod. */
struct pod_rest {
	uint64_t uj[NCOMPONENTS][NMODES], use[NUSES];
};
const struct pod_rest *roster_pod(const struct roster *r, const char *uid);
/* NULL: nobody has that serial, or no party of theirs is in the books. Good until the next roster_keep. */
const struct workload *roster_find(const struct roster *r, uint64_t serial);
/* Adds a workload by itself: for tests, and for whom the names know without a group. -ERR_MEMORY. */
int roster_add(struct roster *r, const struct workload *w, struct err *e);

#endif
