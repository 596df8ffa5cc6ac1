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

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* longer in every kernel; indexed by hand */
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	int pid;
	struct css_set *cgroups;
};

#pragma clang attribute pop

/* Kernels number their controllers by what they were built with; the loader puts in the real one. */
enum cgroup_subsys_id {
	cpu_cgrp_id = 1,
};

#endif
