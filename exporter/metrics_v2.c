/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/metrics_v2.h"

#include <string.h>

#include "base/cleanup.h"
#include "exporter/build_info.h"

/* ---- labels */

/* Kepler's name of a component's zone; NULL: it has none. What it calls psys is RAPL's measure of the
 * platform, not a BMC's. */
static const char *zone_of(const struct subject *s)
{
	static const char *const names[NCOMPONENTS] = { [COMP_PACKAGE] = "package", [COMP_CORE] = "core",
							[COMP_UNCORE] = "uncore", [COMP_DRAM] = "dram",
							[COMP_PLATFORM] = "psys" };
	const struct sampler *sp = s->view->sampler;
	unsigned source = s->sum->source;

	if (!s->sum->there || source >= sp->n)
		return NULL;
	if (s->sum->component == COMP_PLATFORM && strncmp(sp->v[source].ops->name, "rapl", 4) != 0)
		return NULL;
	return names[s->sum->component];
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

static const struct label zone_labels[] = {
	{ "zone", zone_of }, { "path", path_of }, { "node_name", node_name }, { NULL, NULL }
};
static const struct label node_labels[] = { { "node_name", node_name }, { NULL, NULL } };
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

static bool usage(const struct subject *s, uint64_t *ret)
{
	*ret = s->view->rates->usage_ppb;
	return s->view->rates->usage_there;
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

const struct metric metrics_v2[] = {
	ZONE("joules_total", METRIC_COUNTER, "Energy of the zone over all packages, in joules", all_uj),
	ZONE("watts", METRIC_GAUGE, "Power of the zone over the last interval, in watts", all_uw),
	ZONE("active_joules_total", METRIC_COUNTER, "Energy of the zone that work caused, in joules", active_uj),
	ZONE("active_watts", METRIC_GAUGE, "Power of the zone that work causes, in watts", active_uw),
	ZONE("idle_joules_total", METRIC_COUNTER, "Energy of the zone doing nothing, in joules", idle_uj),
	ZONE("idle_watts", METRIC_GAUGE, "Power of the zone doing nothing, in watts", idle_uw),
	{ "kepler_node_cpu_usage_ratio", METRIC_GAUGE, "Share of the last interval that the processors were busy",
	  PER_EXPORTER, NULL, node_labels, 9, usage, COMP_NONE, 0 },
	{ "kepler_node_cpu_info", METRIC_INFO, "What processors this node has; always 1", PER_CPU, NULL, cpu_labels,
	  0, one, COMP_NONE, 0 },
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
