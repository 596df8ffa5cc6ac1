/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Differences between kernels, all in one place. Kernels 5.15 and newer are meant; 5.10 works.
 *
 * sched_switch: the arguments are (preempt, prev, next) and, since 5.18 (commit fa2c3254d7cf), one
 * more behind them; what is read here stays at its place.
 * kernfs_node.id: a plain u64 since 5.5 (commit 67c0496e87d1), before that a union.
 *
 * `typed` tells whether the task came as a typed argument, which may be followed like any pointer;
 * else every step is a guarded read, which works in every kind of program and costs a call. It is
 * always a constant, so that one of the two is all that is left.
 */
#ifndef BPF_CORE_BPF_H
#define BPF_CORE_BPF_H

#include "vmlinux_min.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* include/linux/sched.h; the values have not changed since 2.6. */
#define PF_KTHREAD 0x00200000
#define TASK_DEAD 0x80
/* include/linux/cgroup-defs.h, since 3.13 */
#define CSS_ONLINE 0x2

#define core_task(typed, task, field) ((typed) ? (task)->field : BPF_CORE_READ(task, field))

/* Where the kernel keeps the control group that the task is charged to; in a v1 hierarchy, the group's part that
 * belongs to the cpu controller. It is there until the group was removed and no task, not even one that is ending,
 * is in it. NULL: unreadable. */
static __always_inline const void *core_group_at(_Bool typed, struct task_struct *task, __u32 hierarchy)
{
	struct css_set *set = core_task(typed, task, cgroups);

	if (hierarchy == POWER_HIERARCHY_V2)
		return typed ? set->dfl_cgrp : BPF_CORE_READ(set, dfl_cgrp);

	struct cgroup_subsys_state *state = NULL;
	__u32 index = bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id);
	/* pointers are as wide as the kernel's, not as this machine's */
	__u32 width = bpf_core_field_size(struct css_set, dfl_cgrp);
	const char *at = (const char *)set + bpf_core_field_offset(struct css_set, subsys) + index * width;

	if (typed)
		return *(struct cgroup_subsys_state *const *)at;
	return bpf_probe_read_kernel(&state, sizeof state, at) == 0 ? state : NULL;
}

/* The group that is kept there. NULL: unreadable. */
static __always_inline struct cgroup *core_cgroup(const void *at, __u32 hierarchy)
{
	return hierarchy == POWER_HIERARCHY_V2 ? (struct cgroup *)at :
						 BPF_CORE_READ((struct cgroup_subsys_state *)at, cgroup);
}

static __always_inline __u64 core_cgroup_id(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn, id);
}

/* Not yet being removed. */
static __always_inline _Bool core_is_online(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, self.flags) & CSS_ONLINE;
}

/* Of an address as a number. The verifier allows no arithmetic on a typed one but its 32-bit copy is a number. */
static __always_inline __u32 core_low_bits(const void *at)
{
	__u32 low;

	asm("%0 = %1" : "=w"(low) : "w"((__u32)(__u64)at));
	return low;
}

/* A number that no other process has: its pid, and when it began, in units of about a millisecond. */
static __always_inline __u64 core_process(_Bool typed, struct task_struct *task)
{
	__u64 start = typed ? task->group_leader->start_time : BPF_CORE_READ(task, group_leader, start_time);

	return (__u64)core_task(typed, task, tgid) << 32 | (__u32)(start >> 20);
}

/* Is this the last time that a thread of its process leaves a CPU? The count of live threads falls
 * on the way to the end, so more than one of them may say so. */
static __always_inline _Bool core_is_last(_Bool typed, struct task_struct *task)
{
	__u64 state;

	if (bpf_core_field_exists(task->__state))
		state = core_task(typed, task, __state);
	else
		state = BPF_CORE_READ((struct task_struct___o *)task, state);
	if (!(state & TASK_DEAD))
		return 0;
	return (typed ? task->signal->live.counter : BPF_CORE_READ(task, signal, live.counter)) == 0;
}

#endif
