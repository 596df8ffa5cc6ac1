/* SPDX-License-Identifier: BSD-2-Clause */
/* What a node draws, by its exporter's page: and when that is not known. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/cluster/page.h"
#include "provision/status/status.h"

#define STAT(stat, value) "kepler_node_energy_stat{instance=\"n\",cpu_architecture=\"icelake\",stat=\"" stat "\"} " value "\n"
#define USED(source, component, value) \
	"powerstack_exporter_source_used{source=\"" source "\",component=\"" component "\"} " value "\n"
#define UP(source, value) "powerstack_exporter_source_up{source=\"" source "\"} " value "\n"
#define SECONDS STAT("interval_seconds", "2")
#define RAPL UP("rapl-sysfs", "1") USED("rapl-sysfs", "package", "1") USED("rapl-sysfs", "dram", "1")
#define BMC UP("redfish", "1") USED("redfish", "platform", "1")
#define MODEL_USED                                                                                \
	UP("trained_power_model", "1") USED("trained_power_model", "package", "1")                 \
	USED("trained_power_model", "platform", "1")

Test(power, what_is_told)
{
	static const struct {
		const char *page;
		uint64_t mw;
		bool whole, estimated;
		const char *of, *sources;
	} cases[] = {
		{ SECONDS STAT("platform_joules", "411") STAT("package_joules", "300") RAPL BMC, 205500, true, false, "platform", "redfish" },
		{ SECONDS STAT("package_joules", "300.002") STAT("dram_joules", "10.5") RAPL, 155251, false, false, "package, dram", "rapl-sysfs" },
		/* cores are of the package, the rest is of the platform: neither is counted again */
		{ SECONDS STAT("package_joules", "2") STAT("core_joules", "1") STAT("other_joules", "7") RAPL, 1000, false, false, "package",
		  "rapl-sysfs" },
		/* a platform's meter that told nothing in the interval is not the node's zero */
		{ SECONDS STAT("platform_joules", "0") STAT("package_joules", "2") RAPL BMC, 1000, false, false, "package", "rapl-sysfs" },
		{ SECONDS STAT("platform_joules", "9") STAT("package_joules", "2") RAPL UP("redfish", "0") USED("redfish", "platform", "1"), 1000,
		  false, false, "package", "rapl-sysfs" },
		{ SECONDS STAT("package_joules", "2") STAT("gpu_joules", "100") RAPL UP("NVML", "1") USED("NVML", "gpu", "1"), 51000, false, false,
		  "package, gpu", "rapl-sysfs, NVML" },
		/* the source that could count, and does not, has no say */
		{ SECONDS STAT("platform_joules", "8") USED("ipmi", "platform", "0") UP("ipmi", "0") BMC, 4000, true, false, "platform", "redfish" },
		{ SECONDS STAT("platform_joules", "8") MODEL_USED, 4000, true, true, "platform", "trained_power_model" },
		{ STAT("interval_seconds", "0.05") STAT("platform_joules", "0.025") BMC, 500, true, false, "platform", "redfish" },
		{ STAT("interval_seconds", "0.001") STAT("platform_joules", "999999999999.999") BMC, 999999999999999000u, true, false, "platform",
		  "redfish" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct power p;
		power_read(cases[i].page, &p);
		cr_assert(p.known, "%zu: %s", i, p.why);
		cr_expect_eq(p.mw, cases[i].mw, "%zu: %llu", i, (unsigned long long)p.mw);
		cr_expect_eq(p.whole, cases[i].whole, "%zu", i);
		cr_expect_eq(p.estimated, cases[i].estimated, "%zu", i);
		cr_expect_str_eq(p.of, cases[i].of, "%zu: %s", i, p.of);
		cr_expect_str_eq(p.sources, cases[i].sources, "%zu: %s", i, p.sources);
	}
}

Test(power, what_is_not_known_is_said_to_be_so)
{
	static const struct {
		const char *page, *why;
	} cases[] = {
		{ "", "only once" },
		{ STAT("platform_joules", "9") BMC, "only once" },
		{ STAT("interval_seconds", "0") STAT("platform_joules", "9") BMC, "only once" },
		{ SECONDS, "no meter" },
		{ SECONDS STAT("platform_joules", "0") BMC, "redfish told nothing" },
		{ SECONDS STAT("package_joules", "1") USED("rapl-sysfs", "package", "1") UP("rapl-sysfs", "0"), "rapl-sysfs told nothing" },
		{ SECONDS STAT("package_joules", "1") USED("rapl-sysfs", "package", "1"), "rapl-sysfs told nothing" },
		/* nothing of the page says whose joules they are */
		{ SECONDS STAT("package_joules", "1"), "no meter" },
		{ SECONDS STAT("package_joules", "NaN") RAPL, "no meter" },
		{ SECONDS STAT("package_joules", "1e3") RAPL, "no meter" },
		{ SECONDS STAT("package_joules", "-1") RAPL, "no meter" },
		{ SECONDS STAT("package_joules", "1234567890123") RAPL, "no meter" },
		{ STAT("interval_seconds", "soon") STAT("package_joules", "1") RAPL, "only once" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct power p;
		power_read(cases[i].page, &p);
		cr_expect_not(p.known, "%zu: %llu", i, (unsigned long long)p.mw);
		cr_expect(strstr(p.why, cases[i].why), "%zu: %s", i, p.why);
	}
}

Test(power, of_the_exporters_own_page)
{
	AUTO_BUF struct buf page;
	struct err e = { 0 };
	struct power p;
	buf_init(&page, 1u << 20);
	buf_adds(&page, "HTTP/1.1 200 OK\r\n\r\n");
	cr_assert_eq(file_read("tests/fake/pages/everything.prom", &page, NULL, &e), 0, "%s", e.msg);
	/* which has no version in it: it would change with each */
	cr_expect_not(page_is_ours(buf_str(&page)));
	buf_adds(&page, "kepler_exporter_build_info{version=\"0.1.0\"} 1\n");
	cr_expect(page_is_ours(buf_str(&page)));
	/* 160 J in a second, told by the page's one source; the page is rendered without a choice of sources */
	buf_adds(&page, USED("rapl-sysfs", "platform", "1"));
	power_read(buf_str(&page), &p);
	cr_assert(p.known, "%s", p.why);
	cr_expect_eq(p.mw, 160000);
	cr_expect(p.whole);
	cr_expect_str_eq(p.sources, "rapl-sysfs");
}

Test(page, is_ours)
{
	cr_expect(page_is_200("HTTP/1.0 200 OK\r\n"));
	static const char *const others[] = { "", "HTTP/1.", "HTTP/1.1", "HTTP/1.1 404 Not Found\r\n", "SSH-2.0-OpenSSH_9.2\r\n" };
	for (size_t i = 0; i < COUNT(others); i++)
		cr_expect_not(page_is_200(others[i]), "%s", others[i]);
	cr_expect_not(page_is_ours("HTTP/1.1 200 OK\r\n\r\nnode_exporter_build_info{} 1\n"));
}
