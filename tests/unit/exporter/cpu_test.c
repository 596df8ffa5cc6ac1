/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/cpu.h"

#include "base/cleanup.h"
#include "tests/unit/exporter/tree.h"

Test(cpu, lists)
{
	static const struct {
		const char *text;
		bool good;
		size_t n;
		unsigned last;
	} cases[] = {
		{ "0\n", true, 1, 0 },	 { "0-3,8,10-11\n", true, 7, 11 }, { "\n", true, 0, 0 },
		{ "", true, 0, 0 },	 { "0-15", true, 16, 15 },	   { "0-16", false, 0, 0 },
		{ "3-1", false, 0, 0 },	 { "1,", false, 0, 0 },		   { ",1", false, 0, 0 },
		{ "1,,2", false, 0, 0 }, { "1-", false, 0, 0 },		   { "-1", false, 0, 0 },
		{ "a", false, 0, 0 },	 { "4096", false, 0, 0 },	   { "99999999999999999999", false, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned v[16];
		size_t n = 0;
		struct err e = { 0 };
		int rc = cpu_list(cases[i].text, strlen(cases[i].text), v, COUNT(v), &n, &e);

		cr_expect_eq(rc, cases[i].good ? 0 : -(int)ERR_FAILED, "'%s'", cases[i].text);
		cr_expect_eq(n, cases[i].n, "'%s': %zu", cases[i].text, n);
		if (n)
			cr_expect_eq(v[n - 1], cases[i].last, "'%s'", cases[i].text);
	}
}

Test(cpu, who_made_it)
{
	struct cpu cpu;

	cpu_parse("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
		  "model name\t: x\n\nprocessor\t: 1\nvendor_id\t: AuthenticAMD\n", &cpu);
	cr_assert(cpu_is_intel(&cpu) && !cpu_is_amd(&cpu));
	cr_assert_eq(cpu.family, 6);
	cr_assert_eq(cpu.model, 143);
	cpu_parse("vendor_id : HygonGenuine\ncpu family : 24\nmodel : 1\n", &cpu);
	cr_assert(cpu_is_amd(&cpu));
	cpu_parse("vendor_id : GenuineIntel\ncpu family : x\nmodel : 1\n", &cpu);
	cr_assert(!cpu_is_intel(&cpu) && cpu.vendor[0] == '\0');
	cpu_parse("", &cpu);
	cr_assert_eq(cpu.vendor[0], '\0');
}

Test(cpu, places)
{
	struct tree t;
	struct cpu_place *v = NULL;
	size_t n = 0;
	struct err e = { 0 };

	tree_make(&t);
	cr_assert_eq(cpu_places(t.root, &v, &n, &e), -(int)ERR_FAILED);
	tree_write(&t, "devices/system/cpu/online", "0,5\n");
	tree_write(&t, "devices/system/cpu/cpu5/topology/physical_package_id", "1\n");
	tree_write(&t, "devices/system/cpu/cpu5/topology/die_id", "-1\n");
	tree_write(&t, "devices/system/cpu/cpu5/topology/core_id", "7\n");
	cr_assert_eq(cpu_places(t.root, &v, &n, &e), 0, "%s", e.msg);
	cr_assert_eq(n, 2);
	cr_assert(v[0].cpu == 0 && v[0].package == 0 && v[0].core == 0);
	cr_assert(v[1].cpu == 5 && v[1].package == 1 && v[1].die == 0 && v[1].core == 7);
	free(v);
	tree_remove(&t);
}
