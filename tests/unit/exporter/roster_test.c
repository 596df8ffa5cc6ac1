/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks get their workloads, by a tree of directories that stands for control groups; names outlive who has them. */
#include "exporter/roster.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "exporter/ledger.h"
#include "exporter/source.h"
#include "tests/unit/exporter/tree.h"

#define ID "286b15051ec43375190802e1f40562536980a8fd97e75bb89c7f2eec6f995f17"
#define SECOND UINT64_C(1000000000)

static uint64_t group(const struct tree *t, const char *path)
{
	char full[512];
	struct stat st;
	struct err e = { 0 };

	snprintf(full, sizeof full, "%s/fs/cgroup/%s", t->root, path);
	cr_assert_eq(file_mkdirs(full, 0755, &e), 0, "%s", e.msg);
	cr_assert_eq(stat(full, &st), 0);
	return (uint64_t)st.st_ino;
}

Test(roster, marks_are_joined_with_names_that_outlive_the_group)
{
	struct tree tree;
	struct names *names = NULL;
	struct roster *r = NULL;
	struct ledger *l = NULL;
	static struct zones zones;
	struct tick t = { .zones = &zones };
	struct err e = { 0 };

	tree_make(&tree);
	tree_write(&tree, "fs/cgroup/cgroup.controllers", "cpu\n");
	uint64_t in = group(&tree, "docker/" ID), ssh = group(&tree, "system.slice/ssh.service");

	struct roots roots = { .sysfs = tree.root, .procfs = "/nowhere", .rootfs = tree.root };
	cr_assert_eq(names_new(&roots, true, &names, &e), 0);
	cr_assert_eq(roster_new(&r, &e), 0);
	cr_assert_eq(ledger_new(&l, &e), 0);
	const uint64_t groups[] = { in, ssh, WORK_KERNEL, in, WORK_UNKNOWN };
	uint64_t now = 100 * SECOND;

	for (int i = 0; i < 8; i++, now += SECOND) {
		tick_reset(&t, now);
		t.sched = (struct sched_mark){ .there = true, .cpus = 1, .measured = 1 };
		for (size_t k = 0; k < 5; k++) {
			struct work_mark m = { .cgroup = groups[k], .process = k == 3 ? 99 : 0,
					       .tgid = 9, .use = { [USE_CPU_NS] = (uint64_t)i * SECOND } };

			cr_assert_eq(tick_add_work(&t, &m, &e), 0);
		}
		names_tick(names, now);
		cr_assert_eq(roster_join(r, names, &t, &e), 0);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		roster_keep(r, ledger_works(l));
	}
	uint64_t serial = t.works[0].workload;

	cr_assert_neq(serial, 0, "found within a few ticks");
	cr_expect_eq(t.works[1].workload, WORKLOAD_SERIAL_SYSTEM);
	cr_expect_eq(t.works[2].workload, WORKLOAD_SERIAL_KERNEL);
	cr_expect_eq(t.works[3].workload, serial, "a process is of its group's workload");
	cr_assert_not_null(roster_find(r, serial));
	cr_expect_str_eq(roster_find(r, serial)->container_id, ID);
	cr_expect_null(roster_find(r, serial + 1000));
	/* The container goes, and the registry forgets it; whoever has its account still knows who it was. */
	tree_drop(&tree, "fs/cgroup/docker");
	for (int i = 0; i < 100; i++, now += SECOND) {
		tick_reset(&t, now);
		t.sched = (struct sched_mark){ .there = true, .cpus = 1, .measured = 1 };
		names_tick(names, now);
		cr_assert_eq(ledger_settle(l, &t, &e), 0);
		roster_keep(r, ledger_works(l));
	}
	cr_assert_not_null(roster_find(r, serial));
	cr_expect_str_eq(roster_find(r, serial)->container_id, ID);
	cr_expect(roster_find(r, serial)->gone);
	ledger_shown(l);
	tick_reset(&t, now);
	t.sched = (struct sched_mark){ .there = true, .cpus = 1, .measured = 1 };
	cr_assert_eq(ledger_settle(l, &t, &e), 0);
	roster_keep(r, ledger_works(l));
	cr_expect_null(roster_find(r, serial));
	names_free(names);
	roster_free(r);
	ledger_free(l);
	tick_clear(&t);
	tree_remove(&tree);
}
