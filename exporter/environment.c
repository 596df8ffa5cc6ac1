/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/environment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exporter/works.h"

/* The option itself, in its own form. */
static int set_option(const struct env_name *row, const char *value, const struct env_target *into,
		      struct err *e)
{
	return opts_set(into->options, row->option, value, e);
}

static int seconds(const char *value, char *ret, size_t size, struct err *e)
{
	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || digits > 9 || value[digits] != '\0')
		return err_set(e, ERR_USAGE, "'%s' is no number of seconds", value);
	snprintf(ret, size, "%ss", value);
	return 0;
}

static int set_seconds(const struct env_name *row, const char *value, const struct env_target *into,
		       struct err *e)
{
	/* The option keeps a text only while it reads it. */
	char text[16];
	int rc = seconds(value, text, sizeof text, e);

	return rc < 0 ? rc : opts_set(into->options, row->option, text, e);
}

/* Kepler's manifests hand it to klog's -v, where 5 and more is debugging. */
static int set_verbosity(const struct env_name *row, const char *value, const struct env_target *into,
			 struct err *e)
{
	char text[16];
	int rc = seconds(value, text, sizeof text, e);

	if (rc < 0)
		return err_set(e, ERR_USAGE, "'%s' is no number", value);
	return opts_set(into->options, row->option, strlen(value) > 1 || value[0] >= '5' ? "debug" : "info", e);
}

/* Kepler names what it would go by as its metrics are called. */
static int set_usage(const struct env_name *row, const char *value, const struct env_target *into, struct err *e)
{
	static const struct {
		const char *kepler;
		enum attribute by;
	} names[] = {
		{ "cpu_cycles", ATTRIBUTE_CYCLES },	{ "cpu_instructions", ATTRIBUTE_INSTRUCTIONS },
		{ "cache_miss", ATTRIBUTE_MISSES },	{ "bpf_cpu_time_ms", ATTRIBUTE_TIME },
		{ "bpf_cpu_time_us", ATTRIBUTE_TIME },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (strcmp(names[i].kepler, value) == 0)
			return opts_set(into->options, row->option, attributes[names[i].by], e);
	}
	return err_set(e, ERR_USAGE, "'%s' is none of cpu_cycles, cpu_instructions, cache_miss and bpf_cpu_time_ms",
		       value);
}

static int set_redfish_interval(const struct env_name *row, const char *value, const struct env_target *into,
				struct err *e)
{
	char text[16];
	unsigned long long ns = 0;
	int rc = seconds(value, text, sizeof text, e);

	(void)row;
	rc = rc < 0 ? rc : opts_duration(text, &ns, e);
	if (rc < 0)
		return rc;
	if (ns < 1000000000ull || ns > 600000000000ull)
		return err_set(e, ERR_USAGE, "'%s' is not between 1 and 600 seconds", value);
	into->config->redfish.interval_ns = ns;
	return 0;
}

/* Kepler trusts any BMC unless told otherwise; here one must say so. */
static int set_redfish_verify(const struct env_name *row, const char *value, const struct env_target *into,
			      struct err *e)
{
	(void)row;
	if (strcasecmp(value, "true") == 0 && into->config->redfish.ca_file)
		return err_set(e, ERR_USAGE, "'true' contradicts 'redfish.ca-file' of the configuration");
	into->config->redfish.insecure_skip_verify = strcasecmp(value, "true") == 0;
	return 0;
}

#define SET(NAME, SETTER, OPTION, HELP) { NAME, SETTER, OPTION, HELP, NULL }
#define READ(NAME, HELP) { NAME, NULL, NULL, HELP, NULL }
#define UNUSED(NAME, WHY) { NAME, NULL, NULL, NULL, WHY }

const struct env_name env_names[] = {
	SET("SAMPLE_PERIOD_SEC", set_seconds, "interval", "as --interval, a whole number of seconds"),
	SET("BIND_ADDRESS", set_option, "web.listen-address", "as --web.listen-address"),
	SET("METRIC_PATH", set_option, "web.telemetry-path", "as --web.telemetry-path"),
	SET("SYS_DIR", set_option, "path.sysfs", "as --path.sysfs"),
	SET("PROC_DIR", set_option, "path.procfs", "as --path.procfs"),
	SET("KEPLER_LOG_LEVEL", set_verbosity, "log.level", "as --log.level; a number: 5 and more is debug"),
	SET("ENABLE_MSR", set_option, "enable-msr", "true: as --enable-msr"),
	SET("ENABLE_GPU", set_option, "enable-gpu", "true: as --enable-gpu; else not"),
	SET("ENABLE_PROCESS_METRICS", set_option, "metrics.processes", "true: as --metrics.processes; else not"),
	SET("EXPOSE_CONTAINER_METRICS", set_option, "metrics.containers", "true: as --metrics.containers; else not"),
	SET("EXPOSE_VM_METRICS", set_option, "metrics.vms", "true: as --metrics.vms; else not"),
	SET("EXPOSE_COMPONENT_POWER", set_option, "metrics.components", "true: as --metrics.components; else not"),
	SET("EXPOSE_HW_COUNTER_METRICS", set_option, "metrics.hardware-counters",
	    "true: as --metrics.hardware-counters; else not"),
	SET("EXPOSE_IRQ_COUNTER_METRICS", set_option, "metrics.irq-counters",
	    "true: as --metrics.irq-counters; else not"),
	SET("EXPOSE_BPF_METRICS", set_option, "metrics.bpf", "true: as --metrics.bpf; else not"),
	SET("CORE_USAGE_METRIC", set_usage, "attribution.package",
	    "cpu_cycles, cpu_instructions, cache_miss or bpf_cpu_time_ms: as --attribution.package"),
	SET("DRAM_USAGE_METRIC", set_usage, "attribution.dram", "the same, as --attribution.dram"),
	SET("GENERAL_USAGE_METRIC", set_usage, "attribution.platform", "the same, as --attribution.platform"),
	READ("MODEL_CONFIG", "NODE_TOTAL_INIT_URL and NODE_COMPONENTS_INIT_URL in it name files: as --estimator.model"),
	READ("NODE_NAME", "label instance; the host's name without it"),
	READ("CPU_ARCH_OVERRIDE", "label cpu_architecture, and the family that estimates are for; found out without it"),
	READ("NODE_IP", "where the kubelet is, unless the configuration says so"),
	READ("KUBELET_PORT", "the kubelet's port, unless the configuration says so"),
	SET("REDFISH_PROBE_INTERVAL_IN_SECONDS", set_redfish_interval, NULL,
	    "how often the configured BMC is asked, 1 to 600"),
	SET("REDFISH_SKIP_SSL_VERIFY", set_redfish_verify, NULL,
	    "true: any certificate of the configured BMC is taken"),

	UNUSED("EXPOSE_ESTIMATED_IDLE_POWER_METRICS", "idle energy is shown wherever it can be told"),
	UNUSED("ENABLE_EBPF_CGROUPID", "control groups are always told apart by their ids"),
	UNUSED("ENABLE_QAT", "Intel QAT is shown wherever its telemetry is switched on"),
	UNUSED("ENABLE_API_SERVER", "pods come from the kubelet of the node, never from the API server"),
	UNUSED("KUBE_CONFIG", "pods come from the kubelet of the node, never from the API server"),
	UNUSED("KEPLER_NAMESPACE", "it is no pod and has no namespace"),
	UNUSED("MAX_LOOKUP_RETRY", "Kepler 0.7.12 ignores it too"),
	UNUSED("EXPERIMENTAL_BPF_SAMPLE_RATE", "every context switch is counted"),
	UNUSED("EXCLUDE_SWAPPER_PROCESS", "the idle task is never charged"),
	UNUSED("MOCK_ACPI_POWER_PATH", "--path.sysfs puts another tree in place of sysfs"),
	UNUSED("REDFISH_CRED_FILE_PATH", "the BMC and its password stand in the file of --config.file"),
	UNUSED("MODEL_SERVER_ENABLE", "no server is asked for models"),
	UNUSED("MODEL_SERVER_URL", "no server is asked for models"),
	UNUSED("MODEL_SERVER_PORT", "no server is asked for models"),
	UNUSED("MODEL_SERVER_MODEL_REQ_PATH", "no server is asked for models"),
	UNUSED("UNCORE_USAGE_METRIC", "Kepler 0.7.12 ignores it too; CORE_USAGE_METRIC is for uncore as well"),
	UNUSED("NVIDIA_HOSTENGINE_ENDPOINT", "GPUs are asked by NVML, not by a DCGM host engine"),
	UNUSED("GPU_USAGE_METRIC", "GPU energy goes by the time that the GPU was busy for somebody"),
	UNUSED("ESTIMATOR_MODEL", "no server is asked for models"),
	UNUSED("ESTIMATOR_SELECT_FILTER", "no server is asked for models"),
	UNUSED("NODE_TOTAL_POWER_KEY", "a model's own keys say what it is for"),
	UNUSED("NODE_COMPONENTS_POWER_KEY", "a model's own keys say what it is for"),
	UNUSED("CONTAINER_TOTAL_POWER_KEY", "the node's energy is handed out to containers, models or not"),
	UNUSED("CONTAINER_COMPONENTS_POWER_KEY", "the node's energy is handed out to containers, models or not"),
	UNUSED("PROCESS_TOTAL_POWER_KEY", "the node's energy is handed out to processes, models or not"),
	UNUSED("PROCESS_COMPONENTS_POWER_KEY", "the node's energy is handed out to processes, models or not"),
	UNUSED("EXPOSE_CGROUP_METRICS", "Kepler 0.7.12 ignores it too"),
	UNUSED("CGROUP_METRICS", "Kepler 0.7.12 ignores it too"),
	UNUSED("PROMETHEUS_SCRAPE_INTERVAL", "Kepler 0.7.12 ignores it too"),
};
const size_t nenv_names = COUNT(env_names);

int environment_read(const struct env_target *into, char *(*get)(const char *name), struct err *e)
{
	for (size_t i = 0; i < nenv_names; i++) {
		const struct env_name *row = &env_names[i];
		const char *value = row->set ? get(row->name) : NULL;

		/* Kepler takes an empty one for one that is not there. */
		if (!value || !value[0])
			continue;
		int rc = row->set(row, value, into, e);

		if (rc < 0)
			return err_wrap(e, "environment variable %s", row->name);
	}
	return 0;
}
