/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/sources/sources.h"

#include "base/cleanup.h"
#include "tests/unit/exporter/rig.h"

static void acpi_tree(struct rig *r)
{
	tree_write(&r->tree, "class/hwmon/hwmon0/name", "coretemp\n");
	tree_write(&r->tree, "class/hwmon/hwmon0/temp1_input", "40000\n");
	tree_write(&r->tree, "class/hwmon/hwmon7/name", "power_meter\n");
	tree_write(&r->tree, "class/hwmon/hwmon7/power1_average", "200000000\n");
	tree_write(&r->tree, "class/hwmon/hwmon7/power1_average_min", "1\n");
	tree_write(&r->tree, "class/hwmon/hwmon7/power1_input", "999000000\n");
}

/* Is it what `watts` draw in the time between two ticks, to a tenth? Readings come in their own time. */
static bool about(uint64_t uj, uint64_t uw, uint64_t ns)
{
	uint64_t want = uw / 1000 * (ns / 1000) / 1000;

	return uj > want - want / 10 && uj < want + want / 10;
}

Test(hwmon, an_acpi_meter_is_found_by_name)
{
	struct rig r;

	rig_make(&r, &source_acpi);
	acpi_tree(&r);
	rig_open(&r);
	cr_assert(rig_comes_up(&r), "%s", r.sampler.v[0].why.msg);
	cr_assert_eq(r.tick.nmarks, 1, "its average, and not its momentary value as well");
	uint64_t from = r.tick.at_ns;

	rig_run(&r, 1500);
	rig_tick(&r);
	struct rig_account a = rig_account(&r, COMP_PLATFORM, "energy1");

	cr_assert_eq(a.n, 1);
	cr_assert(about(a.uj, 200000000, r.tick.at_ns - from), "%llu uJ in %llu ns", (unsigned long long)a.uj,
		  (unsigned long long)(r.tick.at_ns - from));
	rig_close(&r);
}

Test(hwmon, older_drivers_have_their_files_at_the_device)
{
	struct rig r;

	rig_make(&r, &source_acpi);
	tree_write(&r.tree, "class/hwmon/hwmon3/device/name", "power_meter\n");
	tree_write(&r.tree, "class/hwmon/hwmon3/device/power1_average", "1\n");
	tree_write(&r.tree, "class/hwmon/hwmon3/device/power2_average", "2\n");
	tree_write(&r.tree, "class/hwmon/hwmon12/name", "power_meter\n");
	tree_write(&r.tree, "class/hwmon/hwmon12/power1_input", "3\n");
	rig_open(&r);
	cr_assert(rig_comes_up(&r), "%s", r.sampler.v[0].why.msg);
	cr_assert_eq(r.tick.nmarks, 3);
	cr_assert_eq(r.sampler.zones.n, 3);
	cr_assert_str_eq(r.sampler.zones.v[0].package, "energy1");
	cr_assert_str_eq(r.sampler.zones.v[2].package, "energy3");
	rig_close(&r);
}

Test(hwmon, what_is_no_reading_is_told_and_not_counted)
{
	static const char *const bad[] = { "4294967295000\n", "-1\n", "", "x\n", "3.5\n" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rig r;

		rig_make(&r, &source_acpi);
		acpi_tree(&r);
		tree_write(&r.tree, "class/hwmon/hwmon7/power2_average", bad[i]);
		rig_open(&r);
		for (int k = 0; k < 200 && r.tick.nmarks == 0; k++) {
			rig_run(&r, 50);
			rig_tick(&r);
		}
		rig_run(&r, 20);
		rig_tick(&r);
		cr_expect_eq(r.tick.nmarks, 1, "'%s'", bad[i]);
		cr_expect_not(r.sampler.v[0].up);
		cr_expect_gt(r.sampler.v[0].errors, 0);
		cr_expect_not_null(strstr(r.sampler.v[0].why.msg, "power2_average"), "%s", r.sampler.v[0].why.msg);
		rig_close(&r);
	}
}

Test(hwmon, a_machine_without_says_so)
{
	struct rig r;

	rig_make(&r, &source_acpi);
	tree_write(&r.tree, "class/hwmon/hwmon0/name", "nvme\n");
	rig_open(&r);
	cr_assert_null(r.sampler.v[0].state);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "no sensor of 'power_meter'"));
	rig_close(&r);
}

Test(hwmon, of_an_xgene_the_processor_counts)
{
	struct rig r;

	rig_make(&r, &source_xgene);
	tree_write(&r.tree, "class/hwmon/hwmon0/name", "apm_xgene\n");
	tree_write(&r.tree, "class/hwmon/hwmon0/power1_label", "CPU power\n");
	tree_write(&r.tree, "class/hwmon/hwmon0/power1_input", "33500000\n");
	tree_write(&r.tree, "class/hwmon/hwmon0/power2_label", "IO power\n");
	tree_write(&r.tree, "class/hwmon/hwmon0/power2_input", "12000000\n");
	rig_open(&r);
	cr_assert(rig_comes_up(&r), "%s", r.sampler.v[0].why.msg);
	cr_assert_eq(r.tick.nmarks, 1);
	uint64_t from = r.tick.at_ns;

	rig_run(&r, 1200);
	rig_tick(&r);
	struct rig_account a = rig_account(&r, COMP_PACKAGE, "0");

	cr_assert(about(a.uj, 33500000, r.tick.at_ns - from), "%llu", (unsigned long long)a.uj);
	rig_close(&r);
}
