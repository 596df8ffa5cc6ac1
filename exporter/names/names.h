/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_NAMES_H
#define EXPORTER_NAMES_NAMES_H
/*
 * Who is who: control group -> container -> pod.
 *
 * The kernel side counts per control group id (the 64-bit inode number of its directory: on v2 in
 * the unified hierarchy, else in that of the v1 cpu controller). names_of() says whose group that
 * is. Several groups may be one workload (systemd in a container has many), and all that is neither
 * container nor virtual machine is one of two workloads, Kepler's system_processes and
 * kernel_processes.
 *
 * An id is turned into a path by a file handle, which is one system call whatever the size of the
 * tree, and needs CAP_DAC_READ_SEARCH; without that the tree is walked, a few directories per
 * tick. The path tells the container (path.h); the kubelet tells its names, then the links in
 * /var/log/containers; what neither knows is shown by its id alone. Nothing here waits for anybody.
 *
 * One thread. Per tick: names_tick(), then names_of() for every group that was counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct config;
struct names;
struct roots;

enum workload_kind {
	WORKLOAD_CONTAINER,
	WORKLOAD_VM,
	WORKLOAD_SYSTEM,	/* system_processes: daemons, sessions, groups that are no more */
	WORKLOAD_KERNEL,	/* kernel_processes */
};

/* The last two exist from the beginning, and have these serials. */
#define WORKLOAD_SERIAL_SYSTEM UINT64_C(1)
#define WORKLOAD_SERIAL_KERNEL UINT64_C(2)

/*
 * A workload. Its serial is never given to another one, whatever ids the kernel uses again: key
 * accounts by it. The texts are never NULL; names may come later, and a name that was concluded
 * ("POD") may still be replaced by one that was told: read them when they are shown.
 */
struct workload {
	enum workload_kind kind;
	uint64_t serial;
	/* Labels, as Kepler has them. */
	const char *container_id;	/* 64 hex digits; "system_processes", "kernel_processes"; the
					 * pod's uid for what is in a pod but in no container; "" for a VM */
	const char *pod_name;		/* pause containers: their pod's */
	const char *container_name;	/* pause containers: "POD" */
	const char *container_namespace;
	const char *vm_id;		/* "machine-qemu-1-name"; "" for others */
	const char *pod_uid, *runtime;	/* with dashes; containerd, crio, docker, podman or "" */
	/* False: its names are still looked for, for NAMING_GIVE_UP_NS (naming.h) at most. A page that
	 * shows the workload only once this is true does not show its joules first without and then
	 * with a name. */
	bool settled;
	/* Its control groups are no more: no idle energy for it. A container that its runtime starts
	 * again under the same id while this one is still held takes it back. */
	bool gone;
};

/* Keeps *w, gone or not, until workload_unref; without it the pointer from names_of is good until
 * the next names_tick. NULL is allowed. */
const struct workload *workload_ref(const struct workload *w);
void workload_unref(const struct workload *w);

/* roots (kept: sysfs, procfs, rootfs, config, base, client; config may be replaced by names_reload,
 * base and client may be NULL: then without kubelet). kernel_apart: the
 * kernel's own threads are counted under NAMES_KERNEL, so that the hierarchy's root is the system's;
 * without it, the root of v2 stands for the kernel. The caller owns *ret: names_free, before client
 * and base. -ERR_MEMORY. */
int names_new(const struct roots *roots, bool kernel_apart, struct names **ret, struct err *e);
void names_free(struct names *n);
/* roots.config was read again and is now this. */
void names_reload(struct names *n, const struct config *config);

/* Time passes: notices removed groups, goes on with what was not yet found, asks the kubelet when
 * it is time to. Bounded work; never blocks. */
void names_tick(struct names *n, uint64_t now_ns);
/* Whose group this is; NAMES_KERNEL for the kernel's threads, 0 for what the kernel side could not
 * tell apart (the system's). NULL: not known yet, ask again at the next tick;
 * it is known after a few (a group that cannot be found is the system's). A group that was removed
 * keeps its workload (gone) for GONE_KEPT_NS, so that what its last task used is not another's. */
const struct workload *names_of(struct names *n, uint64_t cgroup);
#define NAMES_KERNEL UINT64_MAX
#define GONE_KEPT_NS (60 * UINT64_C(1000000000))

/* The id of the group that the process is in now; 0: there is no such process, or it cannot be told. */
uint64_t names_group(const struct names *n, uint32_t pid);

/* For who hears of it from the kernel (tracepoints cgroup_mkdir, cgroup_rmdir): the group's path
 * from the hierarchy's root while it exists; and that it is no more. Both are optional: they make
 * even a group known that lives shorter than a tick. */
void names_made(struct names *n, uint64_t cgroup, const char *path, size_t len);
void names_removed(struct names *n, uint64_t cgroup);

/* The registry's own numbers, for metrics. */
struct names_stats {
	size_t groups, containers, vms;	/* now known and not gone */
	size_t unnamed;			/* containers among them that have only their id */
	uint64_t vanished;		/* groups that were gone before they could be looked at */
	uint64_t refused;		/* groups that found no room (NAMES_GROUPS_MAX) */
	bool walking;			/* true: no file handles here, the tree is walked */
	/* The kubelet. */
	bool kubelet_wanted;		/* configured */
	bool kubelet_asking;		/* a request is under way */
	bool kubelet_up;		/* the last answer was good */
	uint64_t kubelet_ok_ns;		/* when the last good answer came, on the clock of ticks; 0: never */
	uint64_t kubelet_polls, kubelet_errors;
	size_t kubelet_pods, kubelet_containers; /* in the last good answer */
	const char *kubelet_why;	/* what the last failure was; "" while up */
};
void names_stats(const struct names *n, struct names_stats *ret);

/* Groups held at once, gone ones included: twice what the kernel side can tell apart. */
#define NAMES_GROUPS_MAX 16384

#endif
