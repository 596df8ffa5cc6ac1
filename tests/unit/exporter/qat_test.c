/* SPDX-License-Identifier: BSD-2-Clause */
/* Telemetry of QuickAssist accelerators. */
#include "exporter/qat.h"

#include <criterion/criterion.h>
#include <string.h>

#include "exporter/sources/sources.h"
#include "tests/unit/exporter/rig.h"

static struct tick t;

Test(qat, utilisation_is_read_whatever_stands_beside_it)
{
	struct err e = { 0 };

	cr_assert_eq(qat_parse("sample_cnt 4\nbw_in 800000\nutil_cpr0 17\nexec_cpr0 5\nutil_pke11 100 0 100 50\n",
			       "0000:6b:00.0", &t, &e), 0, "%s", e.msg);
	cr_assert_eq(t.nengines, 2);
	cr_expect_str_eq(t.engines[0].device, "0000:6b:00.0");
	cr_expect_str_eq(t.engines[0].part, "cpr0");
	cr_expect_eq(t.engines[0].percent, 17);
	cr_expect_str_eq(t.engines[1].part, "pke11");
	cr_expect_eq(t.engines[1].percent, 100);
}

Test(qat, what_is_no_utilisation_is_said)
{
	static const char *const bad[] = { "", "sample_cnt 4\n", "util_ 5\n", "util_cpr0\n", "util_cpr0 101\n",
					   "util_cpr0 -1\n", "util_cpr0 x\n", "util_0123456789abcdef 5\n", "util_cpr0\n5\n" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = { 0 };

		cr_expect_lt(qat_parse(bad[i], "x", &t, &e), 0, "'%s'", bad[i]);
		cr_expect_eq(t.nengines, 0);
	}
}

Test(qat, a_machine_has_some_or_none_and_telemetry_may_be_off)
{
	struct rig r;

	rig_make(&r, &source_qat);
	rig_open(&r);
	rig_tick(&r);
	cr_expect(r.sampler.v[0].absent);
	tree_write(&r.tree, "kernel/debug/qat_4xxx_0000:6b:00.0/telemetry/control", "0\n");
	tree_write(&r.tree, "kernel/debug/qat_4xxx_0000:6b:00.0/telemetry/device_data", "util_cph3 42\n");
	sampler_reopen(&r.sampler, "intel_qat", tick_now_ns());
	rig_tick(&r);
	cr_expect_not(r.sampler.v[0].up);
	cr_expect(strstr(r.sampler.v[0].why.msg, "switched off"), "%s", r.sampler.v[0].why.msg);
	tree_write(&r.tree, "kernel/debug/qat_4xxx_0000:6b:00.0/telemetry/control", "1\n");
	rig_tick(&r);
	cr_expect(r.sampler.v[0].up, "%s", r.sampler.v[0].why.msg);
	cr_assert_eq(r.tick.nengines, 1);
	cr_expect_str_eq(r.tick.engines[0].device, "0000:6b:00.0");
	cr_expect_eq(r.tick.engines[0].percent, 42);
	rig_close(&r);
}
