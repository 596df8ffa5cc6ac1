/* SPDX-License-Identifier: BSD-2-Clause */
/* RAPL by perf events and by registers. For perf, the kernel's own software clock stands in for the
 * power PMU: a real event, opened and read for real. */
#include "exporter/sources/sources.h"

#include <fcntl.h>
#include <sched.h>

#include "base/cleanup.h"
#include "tests/unit/exporter/rig.h"

#define SECOND UINT64_C(1000000000)

static void put(struct rig *r, unsigned cpu, const char *file, unsigned n)
{
	char path[128], text[16];

	snprintf(path, sizeof path, "devices/system/cpu/cpu%u/topology/%s", cpu, file);
	snprintf(text, sizeof text, "%u\n", n);
	tree_write(&r->tree, path, text);
}

static void put_cpu(struct rig *r, unsigned cpu, unsigned package, unsigned die, unsigned core)
{
	put(r, cpu, "physical_package_id", package);
	put(r, cpu, "die_id", die);
	put(r, cpu, "core_id", core);
}

/* ---- perf */

#define PMU "bus/event_source/devices/power/"

static void pmu(struct rig *r, const char *event, const char *scale)
{
	char path[128];

	tree_write(&r->tree, PMU "type", "1\n"); /* PERF_TYPE_SOFTWARE */
	tree_write(&r->tree, PMU "cpumask", "0\n");
	tree_write(&r->tree, PMU "format/event", "config:0-7\n");
	tree_write(&r->tree, "devices/system/cpu/online", "0-1\n");
	put_cpu(r, 0, 0, 0, 0);
	put_cpu(r, 1, 0, 0, 1);
	snprintf(path, sizeof path, PMU "events/%s", event);
	tree_write(&r->tree, path, "event=0x00\n"); /* PERF_COUNT_SW_CPU_CLOCK: ns on the CPU */
	snprintf(path, sizeof path, PMU "events/%s.scale", event);
	tree_write(&r->tree, path, scale);
}

Test(perf, a_counter_is_read_and_scaled)
{
	struct rig r;

	rig_make(&r, &source_rapl_perf);
	pmu(&r, "energy-pkg", "2.3283064365386962890625e-10\n");
	rig_open(&r);
	if (!r.sampler.v[0].state)
		cr_skip_test("no perf events here: %s", r.sampler.v[0].why.msg);
	rig_tick(&r);
	uint64_t from = r.tick.at_ns;

	usleep(200000);
	rig_tick(&r);
	struct rig_account a = rig_account(&r, COMP_PACKAGE, "0");
	/* ns * 2^-32 J: a second is 0.2328 J. */
	uint64_t want = (r.tick.at_ns - from) * 1000000 >> 32;

	cr_assert_eq(a.n, 1);
	cr_assert(a.uj > want / 2 && a.uj < want * 2, "%llu, not about %llu", (unsigned long long)a.uj,
		  (unsigned long long)want);
	cr_assert(r.sampler.v[0].up);
	rig_close(&r);
}

Test(perf, what_cannot_be_understood_is_left_out)
{
	static const struct {
		const char *file, *text, *why;
	} cases[] = {
		{ PMU "events/energy-pkg.scale", "0.3\n", "no power of two" },
		{ PMU "events/energy-pkg", "event=0x02,umask=1\n", "not of the form" },
		{ PMU "format/event", "config:0-15\n", "not known" },
		{ PMU "cpumask", "x\n", "no list" },
		{ PMU "type", "\n", "not a number" },
		{ PMU "type", "4000000000\n", "perf event" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig r;

		rig_make(&r, &source_rapl_perf);
		pmu(&r, "energy-pkg", "0.5\n");
		tree_write(&r.tree, cases[i].file, cases[i].text);
		rig_open(&r);
		cr_expect_null(r.sampler.v[0].state);
		cr_expect_not_null(strstr(r.sampler.v[0].why.msg, cases[i].why), "%s", r.sampler.v[0].why.msg);
		rig_close(&r);
	}
	struct rig r;

	rig_make(&r, &source_rapl_perf);
	rig_open(&r);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "no power PMU"));
	rig_close(&r);
}

/* As Linux 6.18 does in a virtual machine on an Emerald Rapids: a counter that never moves. */
Test(perf, psys_alone_is_no_meter)
{
	struct rig r;

	rig_make(&r, &source_rapl_perf);
	pmu(&r, "energy-psys", "1.0\n");
	rig_open(&r);
	cr_assert_null(r.sampler.v[0].state);
	cr_assert(r.sampler.v[0].absent);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "counts no package"));
	rig_close(&r);
}

/* ---- registers */

static void cpuinfo(struct rig *r, const char *vendor, unsigned family, unsigned model)
{
	char text[128];

	snprintf(text, sizeof text, "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n\n", vendor, family, model);
	tree_write(&r->tree, "cpuinfo", text);
	r->meters.msr = true;
}

/* A register of a CPU: a sparse file has them where the device has them. */
static void put_msr(struct rig *r, unsigned cpu, uint32_t reg, uint64_t value)
{
	char path[256];

	snprintf(path, sizeof path, "dev/cpu/%u/x", cpu);
	tree_write(&r->tree, path, "");
	snprintf(path, sizeof path, "%s/dev/cpu/%u/msr", r->tree.root, cpu);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, &value, sizeof value, (off_t)reg), sizeof value);
	close(fd);
}

static struct rig intel_server(void)
{
	struct rig r;

	rig_make(&r, &source_rapl_msr);
	cpuinfo(&r, "GenuineIntel", 6, 0x55);
	tree_write(&r.tree, "devices/system/cpu/online", "0-3\n");
	for (unsigned cpu = 0; cpu < 4; cpu++)
		put_cpu(&r, cpu, cpu / 2, 0, cpu);
	for (unsigned cpu = 0; cpu < 4; cpu += 2) {
		put_msr(&r, cpu, 0x641, 0);
		put_msr(&r, cpu, 0x606, 0xa0e03); /* 2^-14 J */
		put_msr(&r, cpu, 0x611, 5000);
		put_msr(&r, cpu, 0x619, 0xfffffff0);
		put_msr(&r, cpu, 0x639, 0);
	}
	return r;
}

Test(msr, only_when_asked_for)
{
	struct rig r = intel_server();

	r.meters.msr = false;
	rig_open(&r);
	cr_assert_not(r.sampler.v[0].wanted);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "--enable-msr"));
	rig_close(&r);
}

Test(msr, an_intel_server)
{
	struct rig r = intel_server();
	uint64_t now = tick_now_ns();

	rig_open(&r);
	cr_assert_not_null(r.sampler.v[0].state, "%s", r.sampler.v[0].why.msg);
	rig_tick_at(&r, now);
	put_msr(&r, 0, 0x611, UINT64_C(0xdead000000000000) + 5000 + 16384 * 3); /* only 32 bits count */
	put_msr(&r, 0, 0x619, 65536 - 16);
	put_msr(&r, 2, 0x611, 5001);
	usleep(1000); /* marks carry their own time */
	rig_tick_at(&r, now + SECOND);
	cr_assert_eq(rig_account(&r, COMP_PACKAGE, "0").uj, 3000000);
	cr_assert_eq(rig_account(&r, COMP_PACKAGE, "1").uj, 61, "one count of 2^-14 J");
	cr_assert_eq(rig_account(&r, COMP_DRAM, "0").uj, 1000000, "over its end, in the fixed unit of 2^-16 J");
	cr_assert_eq(rig_account(&r, COMP_CORE, "1").n, 1);
	cr_assert_eq(rig_account(&r, COMP_UNCORE, NULL).n, 0, "this processor has none, whatever is read there");
	rig_close(&r);
}

Test(msr, cores_of_amd_add_up)
{
	struct rig r;
	uint64_t now = tick_now_ns();

	rig_make(&r, &source_rapl_msr);
	cpuinfo(&r, "AuthenticAMD", 0x19, 1);
	/* two cores of two threads */
	tree_write(&r.tree, "devices/system/cpu/online", "0-3\n");
	/* In a file the three registers overlap by all but a byte: the unit's bits are the low byte of
	 * the core's counter, whose upper bytes are the low ones of the package's. */
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		put_cpu(&r, cpu, 0, cpu % 2, cpu % 2); /* dies do not matter here */
		put_msr(&r, cpu, 0xc00102a0, 0); /* the file reaches beyond them */
		put_msr(&r, cpu, 0xc001029a, cpu % 2 ? 0x510 : 0xffffff10);
	}
	rig_open(&r);
	cr_assert_not_null(r.sampler.v[0].state, "%s", r.sampler.v[0].why.msg);
	rig_tick_at(&r, now);
	cr_assert_eq(r.tick.nmarks, 2);
	put_msr(&r, 0, 0xc001029a, UINT64_C(0x0100030010)); /* 0x30100 more, over its end */
	put_msr(&r, 1, 0xc001029a, 0x10410);		    /* 0xff00 more */
	rig_tick_at(&r, now + SECOND);
	cr_assert_eq(rig_account(&r, COMP_CORE, "0").uj, 4000000, "both, and each once");
	cr_assert_eq(rig_account(&r, COMP_PACKAGE, "0").uj, 11734, "from 0xffffff to 0x1000300, by 2^-16 J");
	rig_close(&r);
}

Test(msr, what_cannot_be_read_is_told)
{
	struct rig r = intel_server();

	tree_drop(&r.tree, "dev/cpu/2/msr");
	rig_open(&r);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "module msr not loaded"), "%s", r.sampler.v[0].why.msg);
	rig_close(&r);

	r = intel_server();
	put_msr(&r, 0, 0x611, 0);
	rig_open(&r);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "virtual machine"), "%s", r.sampler.v[0].why.msg);
	rig_close(&r);

	r = intel_server();
	cpuinfo(&r, "GenuineIntel", 6, 0x37);
	rig_open(&r);
	cr_assert_not_null(strstr(r.sampler.v[0].why.msg, "not known"), "%s", r.sampler.v[0].why.msg);
	rig_close(&r);
}
