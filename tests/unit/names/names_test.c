/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry over trees of directories: a file system's inode numbers stand for the kernel's ids. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "exporter/names/names.h"
#include "exporter/names/tree.h"
#include "exporter/source.h"
#include "tests/unit/exporter/tree.h"

#define A "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17"
#define B "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4"
#define UID_D "0cd2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11"
#define POD "kubepods/burstable/pod" UID_D
#define SECOND UINT64_C(1000000000)

struct world {
	struct tree t;
	struct roots roots;
	struct names *names;
	uint64_t now;
};

static uint64_t group(const struct world *w, const char *path)
{
	char full[512];
	struct stat st;
	struct err e = { 0 };

	snprintf(full, sizeof full, "%s/fs/cgroup/%s", w->t.root, path);
	cr_assert_eq(file_mkdirs(full, 0755, &e), 0, "%s", e.msg);
	cr_assert_eq(stat(full, &st), 0);
	return (uint64_t)st.st_ino;
}

static void drop(const struct world *w, const char *path)
{
	char full[512];

	snprintf(full, sizeof full, "%s/fs/cgroup/%s", w->t.root, path);
	cr_assert_eq(rmdir(full), 0, "%s", full);
}

static void pass(struct world *w, uint64_t ns)
{
	w->now += ns;
	names_tick(w->names, w->now);
}

static void begin(struct world *w, bool kernel_apart)
{
	struct err e = { 0 };

	w->roots = (struct roots){ .sysfs = w->t.root, .procfs = "/nowhere", .rootfs = w->t.root };
	w->now = 100 * SECOND;
	cr_assert_eq(names_new(&w->roots, kernel_apart, &w->names, &e), 0, "%s", e.msg);
	pass(w, 0);
}

static void make(struct world *w)
{
	*w = (struct world){ .now = 0 };
	tree_make(&w->t);
	tree_write(&w->t, "fs/cgroup/cgroup.controllers", "cpu\n");
}

static void end(struct world *w)
{
	names_free(w->names);
	tree_remove(&w->t);
}

/* Ticks until the group is known. */
static const struct workload *known(struct world *w, uint64_t id)
{
	const struct workload *k = NULL;

	for (int i = 0; i < 10 && !k; i++) {
		k = names_of(w->names, id);
		if (!k)
			pass(w, SECOND);
	}
	cr_assert_not_null(k);
	return k;
}

Test(names, groups_of_a_container_are_one_workload)
{
	struct world w;

	make(&w);
	uint64_t a = group(&w, POD "/" A), deeper = group(&w, POD "/" A "/init.scope");
	uint64_t b = group(&w, "docker/" B), ssh = group(&w, "system.slice/ssh.service");

	begin(&w, false);
	const struct workload *wa = known(&w, a);

	cr_assert_eq(wa->kind, WORKLOAD_CONTAINER);
	cr_assert_str_eq(wa->container_id, A);
	cr_assert_str_eq(wa->pod_uid, UID_D);
	cr_assert_eq(known(&w, deeper), wa);
	const struct workload *wb = known(&w, b);

	cr_assert_str_eq(wb->container_id, B);
	cr_assert_str_eq(wb->runtime, "docker");
	cr_assert_neq(wb->serial, wa->serial);
	const struct workload *rest = known(&w, ssh);

	cr_assert_eq(rest->serial, WORKLOAD_SERIAL_SYSTEM);
	cr_assert_str_eq(rest->container_id, "system_processes");
	cr_assert_str_eq(rest->pod_name, "system_processes");
	cr_assert_str_eq(rest->container_name, "system_processes");
	cr_assert_str_eq(rest->container_namespace, "system");
	end(&w);
}

Test(names, the_kernel)
{
	struct world w;

	make(&w);
	uint64_t root = group(&w, "");

	begin(&w, false);
	const struct workload *k = known(&w, root);

	cr_assert_eq(k->serial, WORKLOAD_SERIAL_KERNEL);
	cr_assert_eq(k, names_of(w.names, NAMES_KERNEL));
	cr_assert_eq(names_of(w.names, 0)->serial, WORKLOAD_SERIAL_SYSTEM);
	cr_assert_str_eq(k->container_id, "kernel_processes");
	cr_assert_str_eq(k->pod_name, "kernel_processes");
	cr_assert_str_eq(k->container_name, "kernel_processes");
	cr_assert_str_eq(k->container_namespace, "kernel");
	names_free(w.names);
	begin(&w, true);
	cr_assert_eq(known(&w, root)->serial, WORKLOAD_SERIAL_SYSTEM);
	cr_assert_eq(names_of(w.names, NAMES_KERNEL)->serial, WORKLOAD_SERIAL_KERNEL);
	end(&w);
}

/* On v1 the root of the cpu controller holds whoever was put nowhere: daemons as well. */
Test(names, v1_by_the_cpu_controller)
{
	struct world w;

	w = (struct world){ .now = 0 };
	tree_make(&w.t);
	uint64_t a = group(&w, "cpu,cpuacct/docker/" A), other = group(&w, "memory/docker/" B);
	uint64_t root = group(&w, "cpu,cpuacct");
	char link[256];

	snprintf(link, sizeof link, "%s/fs/cgroup/cpu", w.t.root);
	cr_assert_eq(symlink("cpu,cpuacct", link), 0);
	begin(&w, false);
	cr_assert_str_eq(known(&w, a)->container_id, A);
	cr_assert_eq(known(&w, other)->serial, WORKLOAD_SERIAL_SYSTEM);
	cr_assert_eq(known(&w, root)->serial, WORKLOAD_SERIAL_SYSTEM);
	end(&w);
}

Test(names, a_removed_container_is_gone_at_the_next_tick)
{
	struct world w;

	make(&w);
	uint64_t a = group(&w, POD "/" A), b = group(&w, POD "/" B);

	begin(&w, false);
	const struct workload *wa = workload_ref(known(&w, a)), *wb = workload_ref(known(&w, b));

	drop(&w, POD "/" A);
	pass(&w, SECOND);
	cr_assert(wa->gone);
	cr_assert(!wb->gone);
	/* What its last task used is still its own. */
	cr_assert_eq(names_of(w.names, a), wa);
	pass(&w, GONE_KEPT_NS + 2 * SECOND);
	cr_assert_str_eq(wa->container_id, A, "held by us");
	workload_unref(wa);
	workload_unref(wb);
	end(&w);
}

Test(names, with_the_pod_too)
{
	struct world w;

	make(&w);
	uint64_t a = group(&w, POD "/" A);

	begin(&w, false);
	const struct workload *wa = workload_ref(known(&w, a));

	drop(&w, POD "/" A);
	drop(&w, POD);
	pass(&w, SECOND);
	cr_assert(wa->gone);
	workload_unref(wa);
	end(&w);
}

/* docker restart: another group, the same container. */
Test(names, a_container_started_again_goes_on)
{
	struct world w;

	make(&w);
	uint64_t first = group(&w, "docker/" A);

	begin(&w, false);
	const struct workload *wa = workload_ref(known(&w, first));
	uint64_t serial = wa->serial;

	drop(&w, "docker/" A);
	pass(&w, SECOND);
	cr_assert(wa->gone);
	group(&w, "docker/x");	/* so that the file system does not give the number again */
	uint64_t second = group(&w, "docker/" A);

	cr_assert_eq(known(&w, second), wa);
	cr_assert(!wa->gone);
	drop(&w, "docker/" A);
	pass(&w, SECOND);
	cr_assert(wa->gone);
	workload_unref(wa);
	/* Nobody holds it and it is long gone: another account. */
	for (int i = 0; i < 1200; i++)
		pass(&w, SECOND);
	uint64_t third = group(&w, "docker/" A);

	cr_assert_neq(known(&w, third)->serial, serial);
	end(&w);
}

/* Two containers cannot be in two places: the second is whoever wrote that name. */
Test(names, a_container_elsewhere_is_not_believed)
{
	struct world w;

	make(&w);
	uint64_t real = group(&w, POD "/" A);

	begin(&w, false);
	const struct workload *wa = workload_ref(known(&w, real));
	uint64_t fake = group(&w, "user.slice/docker-" A ".scope");

	cr_assert_eq(known(&w, fake)->serial, WORKLOAD_SERIAL_SYSTEM);
	drop(&w, "user.slice/docker-" A ".scope");
	pass(&w, SECOND);
	cr_assert(!wa->gone);
	/* Started again under another parent, it is believed: the first place is no more. */
	drop(&w, POD "/" A);
	pass(&w, SECOND);
	cr_assert(wa->gone);
	group(&w, "other/" A);
	names_made(w.names, 4243, "/other/" A, strlen("/other/" A));
	cr_assert_eq(names_of(w.names, 4243), wa);
	cr_assert(!wa->gone);
	pass(&w, SECOND);
	cr_assert(!wa->gone);
	drop(&w, "other/" A);
	pass(&w, SECOND);
	cr_assert(wa->gone);
	workload_unref(wa);
	end(&w);
}

/* In a pod but in no container: told apart by the pod. */
Test(names, pods_without_a_container)
{
	struct world w;

	make(&w);
	uint64_t one = group(&w, POD), other = group(&w, "kubepods/pod11d2a5c8-1f9e-4b52-8d42-7c6d0f0c9e11");

	begin(&w, false);
	const struct workload *a = known(&w, one), *b = known(&w, other);

	cr_assert_eq(a->kind, WORKLOAD_CONTAINER);
	cr_assert_str_eq(a->container_id, UID_D);
	cr_assert_str_neq(a->container_id, b->container_id);
	end(&w);
}

Test(names, an_id_used_again_is_another_workload)
{
	struct world w;

	make(&w);
	begin(&w, false);
	group(&w, "docker/" A);
	names_made(w.names, 77, "/docker/" A, strlen("/docker/" A));
	const struct workload *first = workload_ref(names_of(w.names, 77));

	cr_assert_str_eq(first->container_id, A);
	drop(&w, "docker/" A);
	names_removed(w.names, 77);
	cr_assert(first->gone);
	group(&w, "docker/" B);
	names_made(w.names, 77, "/docker/" B, strlen("/docker/" B));
	const struct workload *second = names_of(w.names, 77);

	cr_assert_str_eq(second->container_id, B);
	cr_assert_neq(second->serial, first->serial);
	cr_assert(!second->gone);
	workload_unref(first);
	end(&w);
}

Test(names, what_lived_shorter_than_a_tick_is_the_systems_unless_the_kernel_told)
{
	struct world w;
	struct names_stats s;

	make(&w);
	begin(&w, false);
	uint64_t a = group(&w, "docker/" A);

	drop(&w, "docker/" A);
	cr_assert_eq(known(&w, a)->serial, WORKLOAD_SERIAL_SYSTEM);
	names_stats(w.names, &s);
	cr_assert_eq(s.vanished, 1);
	names_made(w.names, 4242, "/docker/" B, strlen("/docker/" B));
	names_removed(w.names, 4242);
	const struct workload *b = names_of(w.names, 4242);

	cr_assert_str_eq(b->container_id, B);
	cr_assert(b->gone);
	end(&w);
}

Test(names, virtual_machines)
{
	struct world w;

	make(&w);
	uint64_t vm = group(&w, "machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/vcpu0");

	begin(&w, false);
	const struct workload *k = known(&w, vm);

	cr_assert_eq(k->kind, WORKLOAD_VM);
	cr_assert_str_eq(k->vm_id, "machine-qemu-1-web");
	cr_assert_str_eq(k->container_id, "");
	end(&w);
}

/* Memory is bounded whatever the kernel side comes with, and freed when the groups are gone. */
Test(names, bounded)
{
	struct world w;
	struct names_stats s;

	make(&w);
	begin(&w, false);
	for (uint64_t id = 1; id <= NAMES_GROUPS_MAX + 100; id++)
		(void)names_of(w.names, id << 20);
	names_stats(w.names, &s);
	cr_assert_eq(s.groups, NAMES_GROUPS_MAX);
	cr_assert_eq(s.refused, 100);
	cr_assert_eq(names_of(w.names, UINT64_C(1) << 50)->serial, WORKLOAD_SERIAL_SYSTEM);
	for (int i = 0; i < 1200; i++)
		pass(&w, SECOND);
	names_stats(w.names, &s);
	cr_assert_eq(s.groups, 0);
	uint64_t a = group(&w, "docker/" A);

	cr_assert_str_eq(known(&w, a)->container_id, A);
	end(&w);
}

/* A workload outlives the registry while somebody holds it. */
Test(names, held_beyond_the_registry)
{
	struct world w;

	make(&w);
	uint64_t a = group(&w, "docker/" A);

	begin(&w, false);
	const struct workload *wa = workload_ref(known(&w, a));

	end(&w);
	cr_assert_str_eq(wa->container_id, A);
	workload_unref(wa);
}

Test(names, without_any_control_groups)
{
	struct world w = { .now = 0 };

	tree_make(&w.t);
	begin(&w, false);
	cr_assert_eq(known(&w, 5)->serial, WORKLOAD_SERIAL_SYSTEM);
	end(&w);
}

/* A thousand pods, all removed at once. */
Test(names, many)
{
	struct world w;
	uint64_t ids[1000];
	const struct workload *held[COUNT(ids)];
	char path[256];

	make(&w);
	for (size_t i = 0; i < COUNT(ids); i++) {
		snprintf(path, sizeof path, "kubepods/pod%08zx-1f9e-4b52-8d42-7c6d0f0c9e11/%064zx", i, i + 1);
		ids[i] = group(&w, path);
	}
	begin(&w, false);
	for (int t = 0; t < 40; t++) {
		for (size_t i = 0; i < COUNT(ids); i++)
			(void)names_of(w.names, ids[i]);
		pass(&w, SECOND);
	}
	for (size_t i = 0; i < COUNT(ids); i++) {
		held[i] = workload_ref(names_of(w.names, ids[i]));
		cr_assert_not_null(held[i]);
		cr_assert_eq(held[i]->kind, WORKLOAD_CONTAINER);
	}
	for (size_t i = 0; i < COUNT(ids); i++) {
		snprintf(path, sizeof path, "kubepods/pod%08zx-1f9e-4b52-8d42-7c6d0f0c9e11/%064zx", i, i + 1);
		drop(&w, path);
	}
	for (int t = 0; t < 4; t++)
		pass(&w, SECOND);
	for (size_t i = 0; i < COUNT(ids); i++) {
		cr_assert(held[i]->gone, "%zu", i);
		workload_unref(held[i]);
	}
	end(&w);
}

/* ---- this kernel's own groups, where a test may make some */

/* A place for groups: *root is a sysfs-like directory that leads to a real hierarchy. */
static bool real_place(struct tree *t, char base[128])
{
	static const char *const places[] = { "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup" };

	for (size_t i = 0; i < COUNT(places); i++) {
		char link[256], dir[256];

		snprintf(base, 128, "%s/powerstack-test-%d", places[i], getpid());
		if (mkdir(base, 0755) < 0)
			continue;
		tree_make(t);
		snprintf(dir, sizeof dir, "%s/fs", t->root);
		(void)mkdir(dir, 0755);
		snprintf(link, sizeof link, "%s/fs/cgroup", t->root);
		if (strcmp(places[i], "/sys/fs/cgroup") == 0) {
			cr_assert_eq(symlink(places[i], link), 0);
		} else {
			(void)mkdir(link, 0755);
			snprintf(link, sizeof link, "%s/fs/cgroup/cpu", t->root);
			cr_assert_eq(symlink(places[i], link), 0);
		}
		return true;
	}
	return false;
}

Test(names, the_kernels_own_handles)
{
	struct world w = { .now = 0 };
	char base[128], sub[256];
	struct stat st;
	struct names_stats s;

	if (!real_place(&w.t, base))
		cr_skip_test("no control groups can be made here (not root, or /sys/fs/cgroup is read-only)");
	snprintf(sub, sizeof sub, "%s/docker-%s.scope", base, A);
	cr_assert_eq(mkdir(sub, 0755), 0);
	cr_assert_eq(stat(sub, &st), 0);
	begin(&w, false);
	names_stats(w.names, &s);
	const struct workload *k = s.walking ? known(&w, st.st_ino) : names_of(w.names, st.st_ino);

	cr_expect_str_eq(k ? k->container_id : "", A, "known at once by its handle");
	k = workload_ref(k);
	cr_expect_eq(rmdir(sub), 0);
	pass(&w, SECOND);
	cr_expect(k && k->gone);
	workload_unref(k);
	rmdir(base);
	end(&w);
}
