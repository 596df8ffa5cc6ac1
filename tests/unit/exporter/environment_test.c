/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/environment.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/log.h"
#include "exporter/metrics.h"
#include "exporter/options.h"

static const char *const *vars; /* name, value, ..., NULL */

static char *get(const char *name)
{
	for (const char *const *v = vars; *v; v += 2) {
		if (strcmp(v[0], name) == 0)
			return (char *)v[1];
	}
	return NULL;
}

static int read_env(const char *const *v, struct options *o, struct config *c, struct err *e)
{
	struct opt_table table = { exporter_opts, nexporter_opts, o };

	vars = v;
	config_init(c);
	return environment_read(&(struct env_target){ &table, c }, get, e);
}

Test(environment, keplers_names_are_honoured)
{
	static const char *const v[] = { "SAMPLE_PERIOD_SEC", "3", "BIND_ADDRESS", "0.0.0.0:9102", "METRIC_PATH", "/m",
					 "SYS_DIR", "/host/sys", "PROC_DIR", "/host/proc", "KEPLER_LOG_LEVEL", "5",
					 "REDFISH_PROBE_INTERVAL_IN_SECONDS", "60", "REDFISH_SKIP_SSL_VERIFY", "True",
					 NULL };
	struct options o = { 0 };
	struct config c;
	struct err e = { 0 };

	cr_assert_eq(read_env(v, &o, &c, &e), 0, "%s", e.msg);
	cr_expect_eq(o.interval_ns, 3000000000u);
	cr_expect_str_eq(o.listen_address, "0.0.0.0:9102");
	cr_expect_str_eq(o.telemetry_path, "/m");
	cr_expect_str_eq(o.sysfs, "/host/sys");
	cr_expect_str_eq(o.procfs, "/host/proc");
	cr_expect_str_eq(log_levels[o.log_level], "debug");
	cr_expect_eq(c.redfish.interval_ns, 60000000000u);
	cr_expect(c.redfish.insecure_skip_verify);
	config_clear(&c);
}

Test(environment, what_is_shown_is_as_kepler_has_it)
{
	static const struct {
		const char *name, *value;
		enum topic topic;
		bool hidden;
	} cases[] = {
		{ "ENABLE_PROCESS_METRICS", "true", TOPIC_PROCESS, false },
		{ "ENABLE_PROCESS_METRICS", "yes", TOPIC_PROCESS, true }, /* Kepler: everything but true is false */
		{ "EXPOSE_CONTAINER_METRICS", "false", TOPIC_CONTAINER, true },
		{ "EXPOSE_CONTAINER_METRICS", "True", TOPIC_CONTAINER, false },
		{ "EXPOSE_VM_METRICS", "false", TOPIC_VM, true },
		{ "EXPOSE_COMPONENT_POWER", "false", TOPIC_COMPONENTS, true },
		{ "EXPOSE_HW_COUNTER_METRICS", "FALSE", TOPIC_HARDWARE, true },
		{ "EXPOSE_IRQ_COUNTER_METRICS", "false", TOPIC_IRQ, true },
		{ "EXPOSE_BPF_METRICS", "false", TOPIC_BPF, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const v[] = { cases[i].name, cases[i].value, NULL };
		struct options o = { .show = { true, false, true, true, true, true, true } };
		struct config c;
		struct err e = { 0 };

		cr_assert_eq(options_hidden(&o), (unsigned)TOPIC_PROCESS);
		cr_assert_eq(read_env(v, &o, &c, &e), 0, "%s", e.msg);
		cr_expect_eq((options_hidden(&o) & cases[i].topic) != 0, cases[i].hidden, "%s=%s", cases[i].name,
			     cases[i].value);
		config_clear(&c);
	}
}

Test(environment, usage_metrics_choose_the_attribution)
{
	static const char *const v[] = { "CORE_USAGE_METRIC", "cpu_instructions", "DRAM_USAGE_METRIC", "bpf_cpu_time_ms",
					 "GENERAL_USAGE_METRIC", "cache_miss", NULL };
	struct options o = { 0 };
	struct config c;
	struct err e = { 0 };

	cr_assert_eq(read_env(v, &o, &c, &e), 0, "%s", e.msg);
	struct attribution a = options_attribution(&o);

	cr_expect_eq(a.package, ATTRIBUTE_INSTRUCTIONS);
	cr_expect_eq(a.dram, ATTRIBUTE_TIME);
	cr_expect_eq(a.platform, ATTRIBUTE_MISSES);
	config_clear(&c);
}

Test(environment, what_cannot_be_is_told_by_name)
{
	static const char *const cases[][4] = {
		{ "SAMPLE_PERIOD_SEC", "3s", "environment variable SAMPLE_PERIOD_SEC: '3s' is no number of seconds" },
		{ "SAMPLE_PERIOD_SEC", "0", "environment variable SAMPLE_PERIOD_SEC: --interval" },
		{ "SAMPLE_PERIOD_SEC", "-1", "is no number of seconds" },
		{ "REDFISH_PROBE_INTERVAL_IN_SECONDS", "601", "not between 1 and 600" },
		{ "KEPLER_LOG_LEVEL", "high", "is no number" },
		{ "CORE_USAGE_METRIC", "cgroupfs_cpu", "'cgroupfs_cpu' is none of cpu_cycles" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct options o = { 0 };
		struct config c;
		struct err e = { 0 };

		cr_expect_eq(read_env((const char *const[]){ cases[i][0], cases[i][1], NULL }, &o, &c, &e),
			     -(int)ERR_USAGE);
		cr_expect_not_null(strstr(e.msg, cases[i][2]), "%s", e.msg);
	}
}

/* Laws over every row. */
Test(environment, rows_are_well_formed)
{
	for (size_t i = 0; i < nenv_names; i++) {
		const struct env_name *row = &env_names[i];

		cr_expect(!row->help != !row->unused, "%s: does something, or says why not", row->name);
		cr_expect(!row->unused || !row->set, "%s", row->name);
		bool found = !row->option;

		for (size_t j = 0; j < nexporter_opts; j++)
			found |= row->option && strcmp(exporter_opts[j].name, row->option) == 0;
		cr_expect(found, "%s: no option %s", row->name, row->option);
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(row->name, env_names[j].name);
	}
	/* Empty is as not set. */
	struct options o = { .interval_ns = 7 };
	struct config c;
	struct err e = { 0 };

	cr_expect_eq(read_env((const char *const[]){ "SAMPLE_PERIOD_SEC", "", NULL }, &o, &c, &e), 0);
	cr_expect_eq(o.interval_ns, 7u);
}
