/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks get their workloads, by a tree of directories that stands for control groups; names outlive who has them. */
#include "exporter/roster.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "exporter/ledger.h"
#include "exporter/source.h"
#include "tests/unit/exporter/people.h"
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

/* A pod's joules do not step back when one of its containers goes; when all have gone, so has what is kept. */
Test(roster, a_pod_keeps_what_its_containers_had)
{
	struct roster *r = NULL;
	struct works *w = NULL;
	struct tick t = { 0 };
	struct err e = { 0 };

	cr_assert_eq(roster_new(&r, &e), 0);
	cr_assert_eq(works_new(&w, &e), 0);
	works_on_retire(w, roster_retired, r);
	person(r, 3, WORKLOAD_CONTAINER, "a", "pod", "init", "ns", true)->pod_uid = "u-1";
	person(r, 4, WORKLOAD_CONTAINER, "b", "pod", "app", "ns", true)->pod_uid = "u-1";
	person(r, 5, WORKLOAD_CONTAINER, "c", "", "", "", true);
	/* 3 ends at once, 4 in tick 4, 5 never */
	for (uint64_t i = 1; i < 12; i++) {
		tick_reset(&t, i * SECOND);
		t.sched = (struct sched_mark){ .there = true, .cpus = 1, .measured = 1 };
		for (uint64_t k = 3; k < 6; k++) {
			struct work_mark m = { .workload = k, .cgroup = 10 * k, .use = { [USE_CPU_NS] = i * SECOND },
					       .gone = k == 3 || (k == 4 && i >= 4) };

			if (!(k == 3 && i > 2) && !(k == 4 && i > 5))
				cr_assert_eq(tick_add_work(&t, &m, &e), 0);
		}
		cr_assert_eq(works_use(w, &t, &e), 0);
		cr_assert_eq(works_book(w, COMP_PACKAGE, (const uint64_t[NMODES]){ [MODE_DYNAMIC] = 300 }, false, &e), 0);
		works_shown(w);
		roster_keep(r, w);
		const struct pod_rest *rest = roster_pod(r, "u-1");

		if (i < 3)
			cr_expect_null(rest);
		else if (i < 6)
			cr_expect(rest && rest->uj[COMP_PACKAGE][MODE_DYNAMIC] == 200 &&
				  rest->use[USE_CPU_NS] == 2 * SECOND, "tick %d", (int)i);
		else
			cr_expect_null(rest);
		cr_expect_null(roster_pod(r, ""));
	}
	works_free(w);
	roster_free(r);
	tick_clear(&t);
}
