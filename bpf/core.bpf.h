/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Differences between kernels, all in one place. Kernels 5.15 and newer are meant.
 *
 * sched_switch: the arguments are (preempt, prev, next) and, since 5.18 (commit fa2c3254d7cf), one
 * more behind them; what is read here stays at its place.
 * kernfs_node.id: a plain u64 since 5.5 (commit 67c0496e87d1), before that a union.
 */
#ifndef BPF_CORE_BPF_H
#define BPF_CORE_BPF_H

#include "vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* The id of a task's control group, by guarded reads: works for every kind of program. */
static __always_inline __u64 core_cgroup_id(struct task_struct *task, __u32 hierarchy)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);

	if (hierarchy == POWER_HIERARCHY_V2)
		return BPF_CORE_READ(set, dfl_cgrp, kn, id);

	struct cgroup_subsys_state *state = NULL;
	__u32 index = bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id);
	const char *at = (const char *)set + bpf_core_field_offset(struct css_set, subsys);

	if (bpf_probe_read_kernel(&state, sizeof state, at + index * sizeof state) != 0)
		return 0;
	return BPF_CORE_READ(state, cgroup, kn, id);
}

#endif
