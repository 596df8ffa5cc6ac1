/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/rapl_units.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"

Test(rapl_units, scales_are_powers_of_two)
{
	static const struct {
		const char *text;
		int shift; /* -1: refused */
	} cases[] = {
		{ "2.3283064365386962890625e-10", 32 }, /* what the kernel prints */
		{ "1.52587890625e-05", 16 },		{ "1", 0 },	{ "0.5", 1 },
		{ "2.3283064365386962e-10", 32 },	/* the same double */
		{ "2.32830643653869e-10", -1 },		{ "2", -1 },	{ "0", -1 },
		{ "-0.5", -1 },				{ "", -1 },	{ "0x1p-32", -1 },
		{ "nan", -1 },				{ "1e-30", -1 }, { "0.3", -1 },
		{ "0.5 ", -1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned shift = 99;
		struct err e = { 0 };
		int rc = rapl_scale(cases[i].text, &shift, &e);

		cr_expect_eq(rc, cases[i].shift < 0 ? -(int)ERR_FAILED : 0, "'%s'", cases[i].text);
		cr_expect_eq((int)shift, cases[i].shift < 0 ? 99 : cases[i].shift, "'%s': %u", cases[i].text, shift);
	}
}

Test(rapl_units, events)
{
	static const char *const bad[] = { "", "event=", "event=0x", "event=2", "event=0x02,umask=0x1", "event=0x100",
					   "config=0x02", "event=0x0g", "event=0x02\n" };
	uint64_t config = 77;
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(bad); i++) {
		cr_expect_eq(rapl_event(bad[i], &config, &e), -(int)ERR_FAILED, "'%s'", bad[i]);
		cr_expect_eq(config, 77);
	}
	cr_assert_eq(rapl_event("event=0x02", &config, &e), 0);
	cr_assert_eq(config, 2);
}

Test(rapl_units, counts_are_joules)
{
	cr_assert_eq(rapl_uj((struct wide){ .low = UINT64_C(1) << 32 }, 32), 1000000);
	cr_assert_eq(rapl_uj((struct wide){ .low = UINT64_C(1) << 32 }, 16), UINT64_C(65536000000));
	cr_assert_eq(rapl_uj((struct wide){ .low = 1 }, 16), 15, "15.26 uJ, rounded down");
	cr_assert_eq(rapl_uj((struct wide){ .high = 1, .low = 4294967296u }, 32), UINT64_C(4294967297000000));
	cr_assert_eq(rapl_unit_shift(0xa0e03), 14);
	cr_assert_eq(rapl_unit_shift(0xa1003), 16);
}

Test(rapl_units, registers_of_processors)
{
	static const struct {
		const char *vendor;
		unsigned family, model;
		bool known, dram, psys, uncore;
		int dram_shift, psys_shift;
		uint32_t package;
	} cases[] = {
		{ "GenuineIntel", 6, 0x2a, true, false, false, true, -1, -1, 0x611 },
		{ "GenuineIntel", 6, 0x2d, true, true, false, false, -1, -1, 0x611 },
		{ "GenuineIntel", 6, 0x3f, true, true, false, false, 16, -1, 0x611 },
		{ "GenuineIntel", 6, 0x55, true, true, false, false, 16, -1, 0x611 },
		{ "GenuineIntel", 6, 0x8f, true, true, true, false, 16, 0, 0x611 },
		{ "GenuineIntel", 6, 0x9e, true, true, true, true, -1, -1, 0x611 },
		{ "AuthenticAMD", 0x19, 1, true, false, false, false, -1, -1, 0xc001029b },
		{ "HygonGenuine", 0x18, 1, true, false, false, false, -1, -1, 0xc001029b },
		{ "AuthenticAMD", 0x15, 1, false, false, false, false, 0, 0, 0 },
		{ "GenuineIntel", 6, 0x37, false, false, false, false, 0, 0, 0 }, /* Silvermont: other units */
		{ "GenuineIntel", 15, 0x3f, false, false, false, false, 0, 0, 0 },
		{ "", 6, 0x3f, false, false, false, false, 0, 0, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cpu cpu = { .family = cases[i].family, .model = cases[i].model };
		struct rapl_registers r = { .unit = 0 };

		snprintf(cpu.vendor, sizeof cpu.vendor, "%s", cases[i].vendor);
		cr_assert_eq(rapl_registers(&cpu, &r), cases[i].known, "%zu", i);
		cr_expect_eq(r.status[RAPL_PACKAGE], cases[i].package, "%zu", i);
		cr_expect_eq(r.status[RAPL_DRAM] != 0, cases[i].dram, "%zu", i);
		cr_expect_eq(r.status[RAPL_PSYS] != 0, cases[i].psys, "%zu", i);
		cr_expect_eq(r.status[RAPL_UNCORE] != 0, cases[i].uncore, "%zu", i);
		cr_expect_eq(r.shift[RAPL_DRAM], cases[i].dram_shift, "%zu", i);
		cr_expect_eq(r.shift[RAPL_PSYS], cases[i].psys_shift, "%zu", i);
	}
}

Test(rapl_units, zones_have_the_names_of_powercap)
{
	struct zone z = { .source = 3 };
	uint64_t die = 1;

	rapl_zone(&z, COMP_DRAM, 2, NULL);
	cr_assert_str_eq(z.name, "package-2/dram");
	cr_assert_str_eq(z.package, "2");
	rapl_zone(&z, COMP_PACKAGE, 0, &die);
	cr_assert_str_eq(z.name, "package-0-die-1");
	cr_assert(z.source == 3 && z.component == COMP_PACKAGE && !z.needs_proof);
	rapl_zone(&z, COMP_PLATFORM, 0, NULL);
	cr_assert_str_eq(z.name, "psys");
	cr_assert(z.needs_proof);
	rapl_zone(&z, COMP_PLATFORM, 1, NULL);
	cr_assert_str_eq(z.package, "psys-1");
}
