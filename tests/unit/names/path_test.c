/* SPDX-License-Identifier: BSD-2-Clause */
/* What a control group's path says: one row per form. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/names/path.h"

#define A "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17"
#define B "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4"
#define UID_D "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"
#define UID_U "0cd2a5c8_1f9e_4b52_8d42_7c6d0f0c9e11"
#define HASH "5f6e7d8c9b0a1f2e3d4c5b6a79880716"
#define OTHER_U "11d2a5c8_1f9e_4b52_8d42_7c6d0f0c9e11"

static const struct {
	const char *path;
	enum path_kind kind;
	const char *id, *uid, *vm, *runtime;
} rows[] = {
	/* The forms in the tests of Kepler v0.7.12 and v0.11 (with ids of our own). */
	{ "1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_U ".slice/crio-" A
	  ".scope", PATH_CONTAINER, A, UID_D, "", "crio" },
	{ "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_U ".slice/crio-" A ".scope",
	  PATH_CONTAINER, A, UID_D, "", "crio" },
	{ "13:hugetlb:/system.slice/docker-" A ".scope", PATH_CONTAINER, A, "", "", "docker" },
	{ "kubelet/kubepods/besteffort/pod" UID_D "/" A, PATH_CONTAINER, A, UID_D, "", "" },
	{ "/sys/fs/cgroup/systemd/system.slice/containerd.service/kubepods-burstable-pod" UID_U
	  ".slice:cri-containerd:" A, PATH_CONTAINER, A, UID_D, "", "containerd" },
	{ "13:memory:/system.slice/containerd.service/kubepods-besteffort-pod" UID_U ".slice:cri-containerd:" A,
	  PATH_CONTAINER, A, UID_D, "", "containerd" },
	{ "11:blkio:/kubepods/burstable/pod" UID_D "/" A, PATH_CONTAINER, A, UID_D, "", "" },
	{ "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" A ".scope/container",
	  PATH_CONTAINER, A, "", "", "podman" },
	{ "0::/machine.slice/libpod-" A ".scope/container", PATH_CONTAINER, A, "", "", "podman" },
	{ "0::/system.slice/kepler.service/libpod-payload-" A, PATH_CONTAINER, A, "", "", "podman" },
	{ "/docker-" A, PATH_CONTAINER, A, "", "", "docker" },
	{ "/docker/" A, PATH_CONTAINER, A, "", "", "docker" },
	{ "/crio-" A, PATH_CONTAINER, A, "", "", "crio" },
	{ "/libpod-" A, PATH_CONTAINER, A, "", "", "podman" },
	{ "/containerd/" A, PATH_CONTAINER, A, "", "", "containerd" },
	{ "/system.slice/ssh.service", PATH_SYSTEM, "", "", "", "" },
	/* kind: the pod in the node that is a container. */
	{ "0::/system.slice/docker-" A ".scope/kubelet.slice/kubelet-kubepods.slice/"
	  "kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" UID_U ".slice/cri-containerd-" B
	  ".scope", PATH_CONTAINER, B, UID_D, "", "containerd" },
	{ "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	  "kubelet-kubepods-burstable-pod" UID_U ".slice/cri-containerd-" A ".scope",
	  PATH_CONTAINER, A, UID_D, "", "containerd" },
	/* What Kepler gets wrong. K3s' own containerd, guaranteed pods, both drivers: */
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/cri-containerd-" A ".scope", PATH_CONTAINER, A, UID_D, "",
	  "containerd" },
	{ "/kubepods/pod" UID_D "/" A, PATH_CONTAINER, A, UID_D, "", "" },
	/* systemd in a container. */
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/cri-containerd-" A ".scope/init.scope", PATH_CONTAINER, A,
	  UID_D, "", "containerd" },
	{ "/system.slice/docker-" A ".scope/system.slice/systemd-journald.service", PATH_CONTAINER, A, "", "",
	  "docker" },
	{ "/kubepods/besteffort/pod" UID_D "/" A "/user.slice/user-0.slice/session-c1.scope", PATH_CONTAINER, A,
	  UID_D, "", "" },
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/crio-" A ".scope/container", PATH_CONTAINER, A, UID_D, "",
	  "crio" },
	/* Docker in docker, docker in a pod, podman in a pod, a cluster in a pod. */
	{ "/system.slice/docker-" A ".scope/docker/" B, PATH_CONTAINER, A, "", "", "docker" },
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/cri-containerd-" A ".scope/docker/" B "/init.scope",
	  PATH_CONTAINER, A, UID_D, "", "containerd" },
	{ "/kubepods/burstable/pod" UID_D "/" A "/libpod_parent/libpod-" B, PATH_CONTAINER, A, UID_D, "", "" },
	{ "/kubepods/burstable/pod" UID_D "/" A "/libpod_parent/libpod-conmon-" B, PATH_CONTAINER, A, UID_D, "",
	  "" },
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/cri-containerd-" A
	  ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" OTHER_U ".slice/cri-containerd-" B
	  ".scope", PATH_CONTAINER, A, UID_D, "", "containerd" },
	/* The runtimes' own processes are not the container. */
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/crio-conmon-" A ".scope", PATH_SYSTEM, "", "", "", "" },
	{ "/system.slice/crio-conmon-" A ".scope", PATH_SYSTEM, "", "", "", "" },
	{ "/machine.slice/libpod-conmon-" A ".scope", PATH_SYSTEM, "", "", "", "" },
	{ "/system.slice/containerd.service", PATH_SYSTEM, "", "", "", "" },
	/* Podman's pods and infra container; nerdctl; a runtime we do not know; an own parent group. */
	{ "/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope/container", PATH_CONTAINER, A, "",
	  "", "podman" },
	{ "/user.slice/user-0.slice/session-1.scope/nerdctl-" A ".scope", PATH_CONTAINER, A, "", "",
	  "containerd" },
	{ "/system.slice/newrt-" A ".scope", PATH_CONTAINER, A, "", "", "" },
	{ "/my/parent/" A, PATH_CONTAINER, A, "", "", "" },
	{ "/k8s.io/" A, PATH_CONTAINER, A, "", "", "containerd" },
	/* Static pods: the uid is a hash. */
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH ".slice/cri-containerd-" A
	  ".scope", PATH_CONTAINER, A, HASH, "", "containerd" },
	{ "/kubepods/burstable/pod" HASH "/" A, PATH_CONTAINER, A, HASH, "", "" },
	/* In a pod, but in no container. */
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice", PATH_POD, "", UID_D, "", "" },
	{ "/kubepods/besteffort/pod" UID_D "/kata_overhead", PATH_POD, "", UID_D, "", "" },
	{ "/system.slice/docker-" A ".scope/kubelet/kubepods/pod" UID_D, PATH_POD, "", UID_D, "", "" },
	/* Neither pods nor containers, whatever they look like. */
	{ "/kubepods.slice", PATH_SYSTEM, "", "", "", "" },
	{ "/kubepods/burstable", PATH_SYSTEM, "", "", "", "" },
	{ "/kubepods/podman", PATH_SYSTEM, "", "", "", "" },
	{ "/pod" UID_D, PATH_SYSTEM, "", "", "", "" },
	{ "/kubepods-pod12.slice", PATH_SYSTEM, "", "", "", "" },
	{ "/system.slice/run-u17-" A ".service", PATH_SYSTEM, "", "", "", "" },
	{ "/system.slice/averylongunitnamewithoutanydashthatisjustlongerthansixtyfourcharactersx.service",
	  PATH_SYSTEM, "", "", "", "" },
	{ "/docker/ABCDEF051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17", PATH_SYSTEM, "", "", "",
	  "" },
	{ "/docker/286b15051ec4", PATH_SYSTEM, "", "", "", "" },
	{ "/user.slice/user-1000.slice/session-3.scope", PATH_SYSTEM, "", "", "", "" },
	{ "/init.scope", PATH_SYSTEM, "", "", "", "" },
	{ "/../other", PATH_SYSTEM, "", "", "", "" },
	/* The root, in all its spellings. */
	{ "", PATH_ROOT, "", "", "", "" },
	{ "/", PATH_ROOT, "", "", "", "" },
	{ "0::/", PATH_ROOT, "", "", "", "" },
	/* Virtual machines. */
	{ "/machine.slice/machine-qemu\\x2d1\\x2dname.scope", PATH_VM, "", "", "machine-qemu-1-name", "" },
	{ "/machine.slice/machine-qemu\\x2d12\\x2dweb\\x2d01.scope/libvirt/vcpu0", PATH_VM, "", "",
	  "machine-qemu-12-web-01", "" },
	{ "11:cpu:/machine.slice/machine-qemu-3-old.scope/emulator", PATH_VM, "", "", "machine-qemu-3-old", "" },
	{ "/machine/qemu-4-plain.libvirt-qemu/vcpu1", PATH_VM, "", "", "machine-qemu-4-plain", "" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dn.scope/docker/" A, PATH_VM, "", "", "machine-qemu-1-n", "" },
	{ "/machine.slice/machine-qemu\\x00.scope", PATH_VM, "", "", "machine-qemu\\x00", "" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dcaf\\xc3\\xa9\\x0a.scope", PATH_VM, "", "",
	  "machine-qemu-1-caf\\xc3\\xa9\\x0a", "" },
	{ "/machine.slice/machine-qemu\xff.scope", PATH_SYSTEM, "", "", "", "" },
	{ "/machine.slice/machine-qemu 1.scope", PATH_SYSTEM, "", "", "", "" },
	/* Users' own slices hold what users say. */
	{ "/user.slice/user-1000.slice/machine-qemu\\x2d1\\x2dweb.scope", PATH_SYSTEM, "", "", "", "" },
	{ "/user.slice/user-1000.slice/kubepods-pod" UID_U ".slice", PATH_SYSTEM, "", "", "", "" },
	{ "/user.slice/user-1000.slice/kubepods-pod" UID_U ".slice/docker-" A ".scope", PATH_CONTAINER, A, "",
	  "", "docker" },
	{ "/machine.slice/systemd-nspawn@web.service", PATH_SYSTEM, "", "", "", "" },
	{ "/kubepods.slice/kubepods-pod" UID_U ".slice/cri-containerd-" A ".scope/machine-qemu\\x2d1\\x2dvm.scope",
	  PATH_CONTAINER, A, UID_D, "", "containerd" },
};

Test(path, every_form)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = rows[i].path;
		struct path_identity who;

		path_identify(path, strlen(path), &who);
		cr_expect_eq(who.kind, rows[i].kind, "%s: kind %d", path, (int)who.kind);
		cr_expect_str_eq(who.id, rows[i].id, "%s", path);
		cr_expect_str_eq(who.pod_uid, rows[i].kind == PATH_SYSTEM ? "" : rows[i].uid, "%s", path);
		cr_expect_str_eq(who.vm, rows[i].vm, "%s", path);
		cr_expect_str_eq(who.runtime, rows[i].runtime, "%s", path);
	}
}

Test(path, the_topmost_directory)
{
	static const char path[] = "/system.slice/docker-" A ".scope/system.slice/x.service";
	struct path_identity who;

	path_identify(path, sizeof path - 1, &who);
	cr_assert_eq(who.root_len, strlen("/system.slice/docker-.scope") + CONTAINER_ID_LEN);
}

Test(path, bytes_behind_the_end_do_not_count)
{
	static const char path[] = "/docker/" A "/x";
	struct path_identity who;

	path_identify(path, strlen("/docker/") + CONTAINER_ID_LEN - 1, &who);
	cr_assert_eq(who.kind, PATH_SYSTEM);
	path_identify(path, strlen("/docker/") + CONTAINER_ID_LEN, &who);
	cr_assert_eq(who.kind, PATH_CONTAINER);
}

/* Where the kernel charges a process, in lines of /proc/PID/cgroup. */
Test(path, of_a_process_is_where_it_is_charged)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "0::/kubepods.slice/x\n", "/kubepods.slice/x" },
		{ "0::/\n", "/" },
		{ "12:cpu,cpuacct:/kubepods/x\n1:name=systemd:/y\n0::/z\n", "/kubepods/x" },
		{ "1:name=systemd:/y\n0::/z\n4:cpuacct,cpu:/v1\n", "/v1" },
		{ "5:cpuset:/a\n3:cpuacct:/b\n0::/unified\n", "/unified" },
		{ "0::/a:b,cpu:c\n", "/a:b,cpu:c" },
		{ "0::/without-an-end", "/without-an-end" },
		{ "5:cpuset:/a\n", NULL },
		{ "garbage\n::\n:", "" },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len = 0;
		const char *at = path_charged(cases[i].text, &len);

		if (!cases[i].path) {
			cr_expect_null(at, "%zu", i);
			continue;
		}
		cr_assert_not_null(at, "%zu", i);
		cr_expect(strlen(cases[i].path) == len && memcmp(at, cases[i].path, len) == 0, "%zu: %.*s", i, (int)len, at);
	}
}
