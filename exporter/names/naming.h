/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_NAMING_H
#define EXPORTER_NAMES_NAMING_H
/*
 * Names for containers: from the kubelet, else from its log files, else none.
 *
 * The kubelet itself learns of a container a second or two after it began, so a list that lacks it
 * proves something only when it was asked for NAMING_PATIENCE_NS later. What is then still missing
 * in a pod that is listed is no container of the kubelet's but the one that holds the pod
 * ("pause"): it is shown as container "POD". While the kubelet is silent, and for what it does not
 * list, the log files are looked at. After NAMING_GIVE_UP_NS a workload is settled as it is; its
 * names are still taken when they come (a kubelet that was away for an hour).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/names/kubelet.h"

struct naming;
struct roots;
struct work;

#define NAMING_PATIENCE_NS (5 * UINT64_C(1000000000))
#define NAMING_GIVE_UP_NS (10 * UINT64_C(1000000000))
#define NAMING_LOGS_EVERY_NS (2 * UINT64_C(1000000000))
#define NAMING_LOGS_LATE_NS (60 * UINT64_C(1000000000)) /* for what was given up */

/* roots: rootfs, config (the kubelet), client; kept. The caller owns *ret. -ERR_MEMORY. */
int naming_new(const struct roots *roots, struct naming **ret, struct err *e);
void naming_free(struct naming *nm);
/* The configuration in roots was replaced: the kubelet is asked anew, what it told stays. */
void naming_reload(struct naming *nm);
/* Gives names to the workloads of the list (by work.next) that lack them. */
void naming_tick(struct naming *nm, struct work *works, uint64_t now_ns);
/* False: no kubelet is configured. */
bool naming_kubelet(const struct naming *nm, struct kubelet_state *ret, size_t *ret_pods,
		    size_t *ret_containers);

#endif
