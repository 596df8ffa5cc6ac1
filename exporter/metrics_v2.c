/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/metrics_v2.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/build_info.h"
#include "base/wide.h"

/* ---- labels */

const char *zone_name(const struct view *v, enum component c, unsigned source)
{
	static const char *const names[NCOMPONENTS] = { [COMP_PACKAGE] = "package", [COMP_CORE] = "core",
							[COMP_UNCORE] = "uncore", [COMP_DRAM] = "dram",
							[COMP_PLATFORM] = "psys" };

	if (source >= v->sampler->n)
		return NULL;
	if (c == COMP_PLATFORM && strncmp(v->sampler->v[source].ops->name, "rapl", 4) != 0)
		return NULL;
	return names[c];
}

static const char *zone_of(const struct subject *s)
{
	return s->sum->there ? zone_name(s->view, s->sum->component, s->sum->source) : NULL;
}

static const char *works_zone(const struct subject *s)
{
	return zone_name(s->view, s->component, s->measured->source);
}

static const char *container_id(const struct subject *s)
{
	return s->workload->kind == WORKLOAD_CONTAINER ? s->workload->container_id : "";
}

static const char *container_name(const struct subject *s)
{
	return s->workload->container_name;
}

static const char *runtime(const struct subject *s)
{
	return s->workload->runtime;
}

static const char *state(const struct subject *s)
{
	return s->party->gone ? "terminated" : "running";
}

static const char *pod_id(const struct subject *s)
{
	return s->workload->pod_uid;
}

static const char *pod_name(const struct subject *s)
{
	return s->workload->pod_name;
}

static const char *pod_namespace(const struct subject *s)
{
	return s->workload->container_namespace;
}

static const char *vm_id(const struct subject *s)
{
	return s->workload->vm_id;
}

/* Of machine-qemu-1-name. */
static const char *vm_name(const struct subject *s)
{
	const char *at = s->workload->vm_id;

	for (int i = 0; i < 3 && strchr(at, '-'); i++)
		at = strchr(at, '-') + 1;
	return at;
}

static const char *hypervisor(const struct subject *s)
{
	return strncmp(s->workload->vm_id, "machine-qemu-", 13) == 0 ? "kvm" : "";
}

static const char *pid(const struct subject *s)
{
	static char text[12]; /* one thread, and it is copied at once */

	snprintf(text, sizeof text, "%" PRIu32, s->party->tgid);
	return text;
}

static const char *comm(const struct subject *s)
{
	return s->party->comm;
}

/* Nobody looks at /proc for it: an empty label is as good as none. */
static const char *exe(const struct subject *s)
{
	(void)s;
	return "";
}

static const char *process_type(const struct subject *s)
{
	switch (s->workload->kind) {
	case WORKLOAD_CONTAINER:
		return "container";
	case WORKLOAD_VM:
		return "vm";
	case WORKLOAD_SYSTEM:
	case WORKLOAD_KERNEL:
		break;
	}
	return "regular";
}

/* Kepler has the path of the only zone, or this of a sum of several; sums are what is shown here. */
static const char *path_of(const struct subject *s)
{
	static const char *const names[NCOMPONENTS] = {
		[COMP_PACKAGE] = "aggregated-package", [COMP_CORE] = "aggregated-core",
		[COMP_UNCORE] = "aggregated-uncore",   [COMP_DRAM] = "aggregated-dram",
		[COMP_PLATFORM] = "aggregated-psys",   [COMP_OTHER] = "",
	};

	return names[s->sum->component];
}

static const char *node_name(const struct subject *s)
{
	return s->view->facts->instance;
}

static const char *gpu_index(const struct subject *s)
{
	return s->account->package;
}

static const char *gpu_uuid(const struct subject *s)
{
	return s->zone->name;
}

static const char *gpu_name(const struct subject *s)
{
	return s->zone->device;
}

static const char *gpu_vendor(const struct subject *s)
{
	(void)s;
	return "nvidia";
}

static const char *processor(const struct subject *s)
{
	return s->cpu->processor;
}

static const char *vendor(const struct subject *s)
{
	return s->cpu->vendor;
}

static const char *model(const struct subject *s)
{
	return s->cpu->model;
}

static const char *physical_id(const struct subject *s)
{
	return s->cpu->physical_id;
}

static const char *core_id(const struct subject *s)
{
	return s->cpu->core_id;
}

static const char *arch(const struct subject *s)
{
	(void)s;
	return build_info.arch;
}

static const char *branch(const struct subject *s)
{
	(void)s;
	return build_info.branch;
}

static const char *revision(const struct subject *s)
{
	(void)s;
	return build_info.revision;
}

static const char *version(const struct subject *s)
{
	(void)s;
	return build_info.version;
}

/* It is not made with Go; an empty label is as good as none. */
static const char *goversion(const struct subject *s)
{
	(void)s;
	return "";
}

static const char *meter(const struct subject *s)
{
	return s->view->sampler->v[s->zone->source].ops->name;
}

static bool is_bmc(const struct subject *s)
{
	return strcmp(meter(s), "redfish") == 0;
}

/* The host of the BMC's address: it has no other name here. Meters of the node itself have none. */
static const char *bmc_id(const struct subject *s)
{
	static char text[256]; /* as above */
	const struct config *config = s->view->sampler->roots.config;
	const char *at = is_bmc(s) && config ? config->redfish.endpoint : NULL;

	at = at ? strstr(at, "://") : NULL;
	if (!at)
		return "";
	at += 3;
	size_t len = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");

	snprintf(text, sizeof text, "%.*s", (int)len, at);
	return text;
}

static const char *chassis_id(const struct subject *s)
{
	return is_bmc(s) ? s->zone->package : "";
}

static const char *source_id(const struct subject *s)
{
	return s->zone->package;
}

static const char *source_name(const struct subject *s)
{
	(void)s;
	return "";
}

/* Kepler has a series for each supply or control of a chassis; this is their sum. */
static const char *source_type(const struct subject *s)
{
	return is_bmc(s) ? "Chassis" : "PowerMeter";
}

static const struct label meter_labels[] = { { "source", meter },	   { "node_name", node_name },
					     { "bmc_id", bmc_id },	   { "chassis_id", chassis_id },
					     { "source_id", source_id },   { "source_name", source_name },
					     { "source_type", source_type }, { NULL, NULL } };
static const struct label zone_labels[] = {
	{ "zone", zone_of }, { "path", path_of }, { "node_name", node_name }, { NULL, NULL }
};
static const struct label containers[] = { { "container_id", container_id }, { "container_name", container_name },
					   { "runtime", runtime },	     { "state", state },
					   { "pod_id", pod_id },	     { NULL, NULL } };
static const struct label processes[] = { { "pid", pid },     { "comm", comm },
					  { "exe", exe },     { "type", process_type },
					  { "state", state }, { "container_id", container_id },
					  { "vm_id", vm_id }, { NULL, NULL } };
static const struct label process_times[] = { { "pid", pid },
					      { "comm", comm },
					      { "exe", exe },
					      { "type", process_type },
					      { "container_id", container_id },
					      { "vm_id", vm_id },
					      { NULL, NULL } };
static const struct label vms[] = { { "vm_id", vm_id },
				    { "vm_name", vm_name },
				    { "hypervisor", hypervisor },
				    { "state", state },
				    { NULL, NULL } };
static const struct label pods[] = { { "pod_id", pod_id },
				     { "pod_name", pod_name },
				     { "pod_namespace", pod_namespace },
				     { "state", state },
				     { NULL, NULL } };
static const struct label works_labels[] = { { "zone", works_zone }, { "node_name", node_name }, { NULL, NULL } };
static const struct label node_labels[] = { { "node_name", node_name }, { NULL, NULL } };
static const struct label gpu_labels[] = { { "gpu", gpu_index },	{ "gpu_uuid", gpu_uuid },
					   { "gpu_name", gpu_name },	{ "vendor", gpu_vendor },
					   { "node_name", node_name },	{ NULL, NULL } };
static const struct label cpu_labels[] = { { "processor", processor }, { "vendor_id", vendor },
					   { "model_name", model },    { "physical_id", physical_id },
					   { "core_id", core_id },     { NULL, NULL } };
static const struct label build_labels[] = { { "arch", arch },	       { "branch", branch },
					     { "revision", revision }, { "version", version },
					     { "goversion", goversion }, { NULL, NULL } };

/* ---- values */

static bool one(const struct subject *s, uint64_t *ret)
{
	(void)s;
	*ret = 1;
	return true;
}

static bool all_uj(const struct subject *s, uint64_t *ret)
{
	*ret = 0;
	for (enum mode m = 0; m < NMODES; m++)
		*ret += s->sum->uj[m];
	return zone_of(s) != NULL;
}

static bool all_uw(const struct subject *s, uint64_t *ret)
{
	*ret = 0;
	for (enum mode m = 0; m < NMODES; m++)
		*ret += s->sum->uw[m];
	return zone_of(s) && s->sum->rated;
}

#define SPLIT(name, member, mode, condition)                              \
	static bool name(const struct subject *s, uint64_t *ret)          \
	{                                                                 \
		*ret = s->sum->member[mode];                              \
		return zone_of(s) && s->sum->split && (condition);        \
	}
SPLIT(active_uj, uj, MODE_DYNAMIC, true)
SPLIT(idle_uj, uj, MODE_IDLE, true)
SPLIT(active_uw, uw, MODE_DYNAMIC, s->sum->rated && s->sum->uw[MODE_UNSPLIT] == 0)
SPLIT(idle_uw, uw, MODE_IDLE, s->sum->rated && s->sum->uw[MODE_UNSPLIT] == 0)

/* Kepler has no rows for what is neither a container nor a virtual machine, nor for all of the kernel's
 * threads together. */
static bool has_rows(const struct subject *s)
{
	if (s->party->process)
		return s->party->process != WORK_KERNEL;
	return s->workload->kind == WORKLOAD_CONTAINER || s->workload->kind == WORKLOAD_VM;
}

static bool rows_of_container(const struct subject *s)
{
	return has_rows(s) && (s->party->process || s->workload->kind == WORKLOAD_CONTAINER);
}

/* What work caused: only that is a workload's there, and only once it can be told apart. */
static bool works_uj(const struct subject *s, uint64_t *ret)
{
	*ret = s->party->uj[s->component][MODE_DYNAMIC];
	return has_rows(s) && s->measured->modes & 1u << MODE_DYNAMIC;
}

static bool power_of(const struct subject *s, enum component c, uint64_t *ret)
{
	uint64_t ns = works_step_ns(ledger_works(s->view->ledger), c);

	*ret = ns ? wide_mul_div(s->party->step_uj[c], 1000000000u, ns) : 0;
	return ns != 0;
}

static bool works_uw(const struct subject *s, uint64_t *ret)
{
	return power_of(s, s->component, ret) && has_rows(s) && s->measured->modes & 1u << MODE_DYNAMIC;
}

static bool works_container_uj(const struct subject *s, uint64_t *ret)
{
	return works_uj(s, ret) && rows_of_container(s);
}

static bool works_container_uw(const struct subject *s, uint64_t *ret)
{
	return works_uw(s, ret) && rows_of_container(s);
}

static bool gpu_uw(const struct subject *s, uint64_t *ret)
{
	return power_of(s, COMP_GPU, ret) && rows_of_container(s);
}

/* A GPU that tells no more draws nobody knows what. */
#define GPU_TOLD_NS (5 * UINT64_C(1000000000))

static bool gpu_rated(const struct subject *s)
{
	const struct account *a = s->account;

	return a->step_ns > 0 && s->view->tick->at_ns - a->stepped_ns <= GPU_TOLD_NS;
}

static bool gpu_split(const struct subject *s)
{
	return s->account->modes & (1u << MODE_DYNAMIC | 1u << MODE_IDLE);
}

static uint64_t gpu_power_uw(const struct subject *s, uint64_t uj)
{
	return wide_mul_div(uj, 1000000000u, s->account->step_ns);
}

static bool gpu_all_uw(const struct subject *s, uint64_t *ret)
{
	uint64_t uj = 0;

	if (!gpu_rated(s))
		return false;
	for (enum mode m = 0; m < NMODES; m++)
		uj += s->account->step_uj[m];
	*ret = gpu_power_uw(s, uj);
	return true;
}

#define GPU_SPLIT(name, mode)                                                                 \
	static bool name##_uj(const struct subject *s, uint64_t *ret)                         \
	{                                                                                     \
		*ret = s->account->uj[mode];                                                  \
		return gpu_split(s);                                                          \
	}                                                                                     \
	static bool name##_uw(const struct subject *s, uint64_t *ret)                         \
	{                                                                                     \
		if (!gpu_rated(s) || !gpu_split(s) || s->account->step_uj[MODE_UNSPLIT] != 0) \
			return false;                                                         \
		*ret = gpu_power_uw(s, s->account->step_uj[mode]);                            \
		return true;                                                                  \
	}
GPU_SPLIT(gpu_active, MODE_DYNAMIC)
GPU_SPLIT(gpu_idle, MODE_IDLE)

static bool works_cpu_ns(const struct subject *s, uint64_t *ret)
{
	*ret = s->party->use[USE_CPU_NS];
	return rows_of_container(s);
}

static bool usage(const struct subject *s, uint64_t *ret)
{
	*ret = s->view->rates->usage_ppb;
	return s->view->rates->usage_there;
}

/* What the meter said last, while that holds: a meter that fell silent has no power. */
static bool told_uw(const struct subject *s, uint64_t *ret)
{
	const struct tick *t = s->view->tick;
	uint32_t zone = (uint32_t)(s->zone - s->view->sampler->zones.v);

	for (size_t i = 0; s->zone->component == COMP_PLATFORM && i < t->nmarks; i++) {
		*ret = t->marks[i].told_uw;
		if (t->marks[i].zone == zone)
			return t->marks[i].told_ns != 0;
	}
	return false;
}

#define SELF_VALUE(name, member)                                   \
	static bool name(const struct subject *s, uint64_t *ret)   \
	{                                                          \
		*ret = s->view->self->member;                      \
		return *ret != 0;                                  \
	}
SELF_VALUE(cpu_ns, cpu_ns)
SELF_VALUE(resident, resident_bytes)
SELF_VALUE(virtual, virtual_bytes)
SELF_VALUE(fds, open_fds)
SELF_VALUE(max_fds, max_fds)

static bool started(const struct subject *s, uint64_t *ret)
{
	*ret = s->view->created_ms;
	return true;
}

/* ---- rows */

#define ZONE(NAME, TYPE, HELP, VALUE) \
	{ "kepler_node_cpu_" NAME, TYPE, HELP, PER_SUM, NULL, zone_labels, 6, VALUE, COMP_NONE, 0 }
#define SELF(NAME, TYPE, HELP, DECIMALS, VALUE) \
	{ "process_" NAME, TYPE, HELP, PER_EXPORTER, NULL, NULL, DECIMALS, VALUE, COMP_NONE, 0 }

#define WORKS(LEVEL, NAME, TYPE, PER, WHO, VALUE, TOPIC, HELP)                                              \
	{ "kepler_" LEVEL "_cpu_" NAME, TYPE, HELP, PER, WHO, works_labels, 6, VALUE, COMP_ZONES, TOPIC }
#define TIME(LEVEL, PER, WHO, TOPIC)                                                                  \
	{ "kepler_" LEVEL "_cpu_seconds_total", METRIC_COUNTER, "On-CPU time of the " LEVEL ", in seconds", PER, \
	  WHO, node_labels, 9, works_cpu_ns, COMP_NONE, TOPIC }
#define GPU(LEVEL, PER, WHO, TOPIC)                                                                   \
	{ "kepler_" LEVEL "_gpu_watts", METRIC_GAUGE,                                                 \
	  "Power of the GPUs that the " LEVEL "'s work causes, in watts", PER, WHO, node_labels, 6, gpu_uw, \
	  COMP_NONE, TOPIC }

#define NODE_GPU(NAME, TYPE, HELP, VALUE) \
	{ "kepler_node_gpu_" NAME, TYPE, HELP, PER_GPU, NULL, gpu_labels, 6, VALUE, COMP_NONE, 0 }

const struct metric metrics_v2[] = {
	ZONE("joules_total", METRIC_COUNTER, "Energy of the zone over all packages, in joules", all_uj),
	ZONE("watts", METRIC_GAUGE, "Power of the zone over the last interval, in watts", all_uw),
	ZONE("active_joules_total", METRIC_COUNTER, "Energy of the zone that work caused, in joules", active_uj),
	ZONE("active_watts", METRIC_GAUGE, "Power of the zone that work causes, in watts", active_uw),
	ZONE("idle_joules_total", METRIC_COUNTER, "Energy of the zone doing nothing, in joules", idle_uj),
	ZONE("idle_watts", METRIC_GAUGE, "Power of the zone doing nothing, in watts", idle_uw),
	NODE_GPU("watts", METRIC_GAUGE, "Power of the GPU over the last interval, in watts", gpu_all_uw),
	NODE_GPU("active_joules_total", METRIC_COUNTER, "Energy of the GPU that work caused, in joules", gpu_active_uj),
	NODE_GPU("active_watts", METRIC_GAUGE, "Power of the GPU that work causes, in watts", gpu_active_uw),
	NODE_GPU("idle_joules_total", METRIC_COUNTER, "Energy of the GPU doing nothing, in joules", gpu_idle_uj),
	NODE_GPU("idle_watts", METRIC_GAUGE, "Power of the GPU doing nothing, in watts", gpu_idle_uw),
	{ "kepler_node_cpu_usage_ratio", METRIC_GAUGE, "Share of the last interval that the processors were busy",
	  PER_EXPORTER, NULL, node_labels, 9, usage, COMP_NONE, 0 },
	{ "kepler_node_cpu_info", METRIC_INFO, "What processors this node has; always 1", PER_CPU, NULL, cpu_labels,
	  0, one, COMP_NONE, 0 },
	WORKS("container", "joules_total", METRIC_COUNTER, PER_CONTAINER, containers, works_container_uj,
	      TOPIC_CONTAINER, "Energy of the zone that the container's work caused, in joules"),
	WORKS("container", "watts", METRIC_GAUGE, PER_CONTAINER, containers, works_container_uw, TOPIC_CONTAINER,
	      "Power of the zone that the container's work causes, in watts"),
	TIME("container", PER_CONTAINER, containers, TOPIC_CONTAINER),
	GPU("container", PER_CONTAINER, containers, TOPIC_CONTAINER),
	WORKS("process", "joules_total", METRIC_COUNTER, PER_PROCESS, processes, works_uj, TOPIC_PROCESS,
	      "Energy of the zone that the process's work caused, in joules"),
	WORKS("process", "watts", METRIC_GAUGE, PER_PROCESS, processes, works_uw, TOPIC_PROCESS,
	      "Power of the zone that the process's work causes, in watts"),
	TIME("process", PER_PROCESS, process_times, TOPIC_PROCESS),
	GPU("process", PER_PROCESS, processes, TOPIC_PROCESS),
	WORKS("vm", "joules_total", METRIC_COUNTER, PER_VM, vms, works_uj, TOPIC_VM,
	      "Energy of the zone that the virtual machine's work caused, in joules"),
	WORKS("vm", "watts", METRIC_GAUGE, PER_VM, vms, works_uw, TOPIC_VM,
	      "Power of the zone that the virtual machine's work causes, in watts"),
	WORKS("pod", "joules_total", METRIC_COUNTER, PER_POD, pods, works_uj, TOPIC_CONTAINER,
	      "Energy of the zone that the pod's work caused, in joules"),
	WORKS("pod", "watts", METRIC_GAUGE, PER_POD, pods, works_uw, TOPIC_CONTAINER,
	      "Power of the zone that the pod's work causes, in watts"),
	GPU("pod", PER_POD, pods, TOPIC_CONTAINER),
	{ "kepler_platform_watts", METRIC_GAUGE, "Power of the whole machine as its meter last told it, in watts", PER_ZONE,
	  NULL, meter_labels, 6, told_uw, COMP_NONE, 0 },
	{ "kepler_build_info", METRIC_INFO, "Version of this exporter; always 1", PER_EXPORTER, NULL, build_labels, 0,
	  one, COMP_NONE, 0 },
	SELF("cpu_seconds_total", METRIC_COUNTER, "CPU time used by this exporter", 9, cpu_ns),
	SELF("resident_memory_bytes", METRIC_GAUGE, "Resident memory of this exporter", 0, resident),
	SELF("virtual_memory_bytes", METRIC_GAUGE, "Address space of this exporter", 0, virtual),
	SELF("open_fds", METRIC_GAUGE, "File descriptors that this exporter has open", 0, fds),
	SELF("max_fds", METRIC_GAUGE, "File descriptors that this exporter may have", 0, max_fds),
	SELF("start_time_seconds", METRIC_GAUGE, "When this exporter began, since 1970", 3, started),
};
const size_t nmetrics_v2 = COUNT(metrics_v2);
