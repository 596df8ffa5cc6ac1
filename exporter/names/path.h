/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_NAMES_PATH_H
#define EXPORTER_NAMES_PATH_H
/*
 * What the path of a control group says about who works in it. Pure: bytes in, identity out;
 * nothing is looked up.
 *
 * A container's group is a directory named by the container's id (64 hex digits), bare (cgroupfs
 * driver: kubepods/burstable/pod<uid>/<id>, docker/<id>) or with the runtime's word before it (systemd
 * driver: cri-containerd-<id>.scope, crio-<id>.scope, docker-<id>.scope, libpod-<id>.scope,
 * libpod-payload-<id>; containerd's <slice>:cri-containerd:<id>). All that is below it is that
 * container too: its own init.scope and slices, docker in it, ".../container".
 *
 * Of several containers above each other the outermost one that stands in a pod is meant; without
 * a pod, the outermost. That is the one that this machine's own runtime and kubelet know: in a node
 * made of a container (kind) the pod's, for docker in a pod the pod's again.
 *
 * The monitors conmon (crio-conmon-<id>.scope, libpod-conmon-<id>.scope) are the runtime's, as
 * containerd's shims are, and belong to the system.
 *
 * Whoever may make a group may claim to be anything in its name, so what is told is safe to show
 * (printable ASCII), pods and virtual machines are not looked for in user.slice, and a container's id
 * is not proof of who it is: see names.c.
 */
#include <stddef.h>

#define CONTAINER_ID_LEN 64
#define POD_UID_MAX 40	/* a UUID with dashes is 36; a static pod's is 32 hex digits without */
#define VM_ID_MAX 160	/* libvirt's machine names are at most 64 bytes + "machine-qemu-N-" */

enum path_kind {
	PATH_SYSTEM,	/* none of the below */
	PATH_ROOT,	/* the hierarchy's root */
	PATH_POD,	/* in a pod, but in none of its containers */
	PATH_CONTAINER,
	PATH_VM,
};

struct path_identity {
	enum path_kind kind;
	char id[CONTAINER_ID_LEN + 1];	/* PATH_CONTAINER; lower case as in the path */
	char pod_uid[POD_UID_MAX + 1];	/* of the pod's group, with dashes; "" outside of pods */
	char vm[VM_ID_MAX + 1];		/* PATH_VM: "machine-qemu-1-name", as Kepler's vm_id */
	size_t root_len;		/* bytes of path up to and with the container's (VM's, pod's) directory */
	const char *runtime;		/* containerd, crio, docker, podman, or "": not told */
};

/* Reads len bytes: a path from the hierarchy's root ("/kubepods.slice/..."), or a line of
 * /proc/PID/cgroup ("0::/..."). Anything is an answer; *ret is always filled. */
void path_identify(const char *path, size_t len, struct path_identity *ret);

/* The path in /proc/PID/cgroup under which the process's use is counted: that of the `cpu` controller,
 * wherever it is, else that of the unified hierarchy. NULL: neither is there. */
const char *path_charged(const char *text, size_t *ret_len);

#endif
