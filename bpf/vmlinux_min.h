/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel types that power.bpf.c touches, cut by hand to the fields it uses. The loader moves
 * every access to where the running kernel keeps the field (CO-RE), so neither order nor size here
 * mean anything and the build does not depend on the kernel of the machine that builds.
 */
#ifndef __VMLINUX_MIN_H__
#define __VMLINUX_MIN_H__

#include <linux/bpf.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	unsigned int flags;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* longer in every kernel; indexed by hand */
	struct cgroup *dfl_cgrp;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
};

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	__u64 start_time;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

/* As it was called before 5.14 (commit 2f064a59a11f). */
struct task_struct___o {
	long state;
};

#pragma clang attribute pop

/* Kernels number their controllers by what they were built with; the loader puts in the real one. */
enum cgroup_subsys_id {
	cpu_cgrp_id = 1,
};

#endif
