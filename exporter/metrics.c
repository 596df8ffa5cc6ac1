/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/metrics.h"

#include <string.h>

#include "base/cleanup.h"
#include "exporter/build_info.h"
#include "exporter/choice.h"

const struct zone *gpu_zone(const struct view *v, const struct account *a)
{
	const struct zones *zones = &v->sampler->zones;

	for (size_t i = 0; a->component == COMP_GPU && i < zones->n; i++) {
		const struct zone *z = &zones->v[i];

		if (z->component == COMP_GPU && z->source == a->source && strcmp(z->package, a->package) == 0)
			return z;
	}
	return NULL;
}

/* ---- labels */

const char *mode_name(enum mode mode)
{
	static const char *const names[NMODES] = {
		[MODE_DYNAMIC] = "dynamic", [MODE_IDLE] = "idle", [MODE_UNSPLIT] = "unsplit"
	};

	return names[mode];
}

static const char *label_package(const struct subject *s)
{
	return s->account->package;
}

static const char *label_instance(const struct subject *s)
{
	return s->view->facts->instance;
}

static const char *label_mode(const struct subject *s)
{
	return mode_name(s->mode);
}

static const char *source_name(const struct subject *s, unsigned index)
{
	return index < s->view->sampler->n ? s->view->sampler->v[index].ops->name : "none";
}

static const char *label_account_source(const struct subject *s)
{
	return source_name(s, s->account->source);
}

static const char *label_source(const struct subject *s)
{
	return s->source->ops->name;
}

static const char *label_component(const struct subject *s)
{
	return component_name(s->component);
}

static const char *label_zone(const struct subject *s)
{
	return s->zone->name;
}

static const char *label_zone_source(const struct subject *s)
{
	return source_name(s, s->zone->source);
}

static const char *label_reason(const struct subject *s)
{
	static const char *const names[NUSERS] = { [USERS_TOLD] = "", [USERS_DIVIDED] = "mig", [USERS_UNTOLD] = "driver" };

	return names[s->reason];
}

static const char *label_program(const struct subject *s)
{
	return s->program->name;
}

static const char *label_engine_device(const struct subject *s)
{
	return s->engine->device;
}

static const char *label_engine_part(const struct subject *s)
{
	return s->engine->part;
}

static const char *label_qat(const struct subject *s)
{
	(void)s;
	return "intel_qat";
}

static const char *label_code(const struct subject *s)
{
	return http_statuses[s->answer].code;
}

static const char *label_format(const struct subject *s)
{
	return s->format == FORMAT_OPENMETRICS ? "openmetrics" : "text";
}

static const char *label_gathering(const struct subject *s)
{
	(void)s;
	return "gathering";
}

static const char *label_cpu(const struct subject *s)
{
	return s->view->facts->cpu;
}

static const char *label_bpf(const struct subject *s)
{
	(void)s;
	return "bpf";
}

/* kepler_node_energy_stat: the features and the targets of a power model. */
static const struct {
	const char *name;
	enum use use;	/* or NUSES: of a component, or the time itself */
	int component;	/* or COMP_NONE */
	unsigned per_unit; /* so many of what is counted are a thousandth of the unit shown; 0: it is 1000 to one */
} node_stats[] = {
	{ "interval_seconds", NUSES, COMP_NONE, 1000000 },
	{ "bpf_cpu_time_us", USE_CPU_NS, COMP_NONE, 1 },
	{ "cpu_cycles", USE_CYCLES, COMP_NONE, 0 },
	{ "cpu_instructions", USE_INSTRUCTIONS, COMP_NONE, 0 },
	{ "cache_miss", USE_LLC_MISSES, COMP_NONE, 0 },
	{ "package_joules", NUSES, COMP_PACKAGE, 1000 },
	{ "core_joules", NUSES, COMP_CORE, 1000 },
	{ "uncore_joules", NUSES, COMP_UNCORE, 1000 },
	{ "dram_joules", NUSES, COMP_DRAM, 1000 },
	{ "gpu_joules", NUSES, COMP_GPU, 1000 },
	{ "platform_joules", NUSES, COMP_PLATFORM, 1000 },
	{ "other_joules", NUSES, COMP_OTHER, 1000 },
};
const size_t nnode_stats = COUNT(node_stats);

static const char *label_stat(const struct subject *s)
{
	return node_stats[s->stat].name;
}

struct first_source {
	bool platform; /* looked for: the platform's, or the components' */
	int index;
};

static int find_source(const struct account *a, void *arg)
{
	struct first_source *f = arg;

	if (a->component == COMP_OTHER || (a->component == COMP_PLATFORM) != f->platform)
		return 0;
	f->index = (int)a->source;
	return 1;
}

static const char *power_source(const struct subject *s, bool platform)
{
	struct first_source f = { .platform = platform, .index = -1 };

	ledger_each(s->view->ledger, LEVEL_NODE, find_source, &f);
	/* Kepler's word for it, here and only here. */
	if (f.index >= 0 && (size_t)f.index < s->view->sampler->n && s->view->sampler->v[f.index].ops->estimates)
		return "estimator";
	return f.index < 0 ? "none" : source_name(s, (unsigned)f.index);
}

static const char *label_components_source(const struct subject *s)
{
	return power_source(s, false);
}

static const char *label_platform_source(const struct subject *s)
{
	return power_source(s, true);
}

static const char *label_os_source(const struct subject *s)
{
	(void)s;
	return "os";
}

static const char *label_branch(const struct subject *s)
{
	(void)s;
	return build_info.branch;
}

static const char *label_revision(const struct subject *s)
{
	(void)s;
	return build_info.revision;
}

static const char *label_version(const struct subject *s)
{
	(void)s;
	return build_info.version;
}

static const char *label_os(const struct subject *s)
{
	(void)s;
	return "linux";
}

static const char *label_arch(const struct subject *s)
{
	(void)s;
	return build_info.arch;
}

static const struct label node_labels[] = { { "package", label_package },
					    { "instance", label_instance },
					    { "mode", label_mode },
					    { "source", label_account_source },
					    { NULL, NULL } };
static const struct label node_use_labels[] = { { "instance", label_instance },
						{ "source", label_bpf },
						{ NULL, NULL } };
static const struct label stat_labels[] = { { "instance", label_instance },
					    { "cpu_architecture", label_cpu },
					    { "stat", label_stat },
					    { NULL, NULL } };
static const struct label engine_labels[] = { { "qatDevID", label_engine_device },
					      { "instance", label_instance },
					      { "source", label_qat },
					      { "type", label_engine_part },
					      { NULL, NULL } };
static const struct label info_labels[] = { { "cpu_architecture", label_cpu },
					    { "components_power_source", label_components_source },
					    { "platform_power_source", label_platform_source },
					    { "source", label_os_source },
					    { NULL, NULL } };
static const struct label build_labels[] = { { "branch", label_branch },
					     { "revision", label_revision },
					     { "version", label_version },
					     { "os", label_os },
					     { "arch", label_arch },
					     { NULL, NULL } };
static const struct label source_labels[] = { { "source", label_source }, { NULL, NULL } };
static const struct label feed_labels[] = { { "source", label_source },
					    { "component", label_component },
					    { NULL, NULL } };
static const struct label zone_labels[] = { { "zone", label_zone },
					    { "source", label_zone_source },
					    { NULL, NULL } };
static const struct label gpu_labels[] = { { "source", label_account_source },
					   { "gpu_id", label_package },
					   { NULL, NULL } };
static const struct label reason_labels[] = { { "source", label_account_source },
					      { "gpu_id", label_package },
					      { "reason", label_reason },
					      { NULL, NULL } };
static const struct label code_labels[] = { { "code", label_code }, { NULL, NULL } };
static const struct label format_labels[] = { { "format", label_format }, { NULL, NULL } };
static const struct label cause_labels[] = { { "cause", label_gathering }, { NULL, NULL } };
static const struct label program_labels[] = { { "program", label_program }, { NULL, NULL } };

/* ---- values */

static bool one(const struct subject *s, uint64_t *ret)
{
	(void)s;
	*ret = 1;
	return true;
}

static bool account_uj(const struct subject *s, uint64_t *ret)
{
	*ret = s->account->uj[s->mode];
	return true;
}

static bool source_up(const struct subject *s, uint64_t *ret)
{
	*ret = s->source->up;
	return s->source->wanted && !s->source->absent;
}

static bool source_age(const struct subject *s, uint64_t *ret)
{
	*ret = s->view->now_ns - s->source->ok_ns;
	return s->source->ok_ns != 0;
}

static bool source_errors(const struct subject *s, uint64_t *ret)
{
	*ret = s->source->errors;
	return s->source->wanted && !s->source->absent;
}

static bool feed_counts(const struct subject *s, uint64_t *ret)
{
	const struct choice *c = &s->view->sampler->choice;

	*ret = c->feed[s->component] == (int)s->source->index;
	return c->marked_ns[s->source->index][s->component] != 0;
}

static bool zone_wraps(const struct subject *s, uint64_t *ret)
{
	*ret = s->book->wraps;
	return true;
}

static bool zone_unknown(const struct subject *s, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < NDOUBTS; i++)
		*ret += s->book->doubts[i];
	return true;
}

static bool gpu_untold(const struct subject *s, uint64_t *ret)
{
	*ret = s->zone->users == s->reason;
	return true;
}

static bool gpu_instances(const struct subject *s, uint64_t *ret)
{
	*ret = s->zone->instances;
	return s->zone->users == USERS_DIVIDED;
}

static bool answers(const struct subject *s, uint64_t *ret)
{
	*ret = s->view->self->http.answers[s->answer];
	return *ret != 0;
}

static bool page_bytes(const struct subject *s, uint64_t *ret)
{
	*ret = s->view->self->http.page_bytes[s->format];
	return *ret != 0;
}

static bool engine_percent(const struct subject *s, uint64_t *ret)
{
	*ret = s->engine->percent;
	return true;
}

static bool program_runs(const struct subject *s, uint64_t *ret)
{
	*ret = s->program->runs;
	return s->program->runs != 0;
}

static bool program_run_ns(const struct subject *s, uint64_t *ret)
{
	*ret = s->program->run_ns;
	return s->program->runs != 0;
}

#define SELF_VALUE(name, member)                                       \
	static bool self_##name(const struct subject *s, uint64_t *ret) \
	{                                                              \
		*ret = s->view->self->member;                          \
		return true;                                           \
	}
SELF_VALUE(ticks, ticks)
SELF_VALUE(late_ticks, late_ticks)
SELF_VALUE(sample_ns, sample_ns)
SELF_VALUE(render_ns, render_ns)
SELF_VALUE(evicted, http.evicted)
SELF_VALUE(failures, http.failures)
SELF_VALUE(connections, http.connections)
SELF_VALUE(cpu_ns, cpu_ns)
SELF_VALUE(resident_bytes, resident_bytes)
SELF_VALUE(meters, meters)

#define SCHED_VALUE(member)                                             \
	static bool sched_##member(const struct subject *s, uint64_t *ret) \
	{                                                               \
		*ret = s->view->tick->sched.member;                     \
		return s->view->tick->sched.there;                      \
	}
SCHED_VALUE(busy_ns)
SCHED_VALUE(idle_ns)
SCHED_VALUE(switches)
SCHED_VALUE(drops)

static bool sched_cgroups(const struct subject *s, uint64_t *ret)
{
	const struct tick *t = s->view->tick;

	*ret = 0;
	for (size_t i = 0; i < t->nworks; i++)
		*ret += t->works[i].process == 0;
	return s->view->tick->sched.there;
}

static bool node_stat(const struct subject *s, uint64_t *ret)
{
	const struct rates *r = s->view->rates;
	enum use use = node_stats[s->stat].use;
	unsigned per_unit = node_stats[s->stat].per_unit;
	uint64_t counted = 0;

	if (!r || r->interval_ns == 0)
		return false;
	if (use != NUSES) {
		if (!(works_measured(ledger_works(s->view->ledger)) & 1u << use))
			return false;
		counted = r->used[use];
	} else if (node_stats[s->stat].component == COMP_NONE) {
		counted = r->interval_ns;
	} else {
		const struct component_sum *sum = &r->sums[node_stats[s->stat].component];

		if (!sum->rated)
			return false;
		for (enum mode m = 0; m < NMODES; m++)
			counted += sum->step_uj[m];
	}
	*ret = per_unit ? counted / per_unit : counted * 1000;
	return true;
}

/* ---- rows */

#define NODE(NAME, COMPONENT, HELP)                                                            \
	{ "kepler_node_" NAME "_joules_total", METRIC_COUNTER, HELP, PER_ACCOUNT, NULL,       \
	  node_labels, 6, account_uj, COMPONENT, 0 }
#define NODE_TIME(UNIT, DECIMALS, HELP)                                                               \
	{ "kepler_node_bpf_cpu_time_" UNIT "_total", METRIC_COUNTER, HELP, PER_EXPORTER, NULL,        \
	  node_use_labels, DECIMALS, sched_busy_ns, COMP_NONE, TOPIC_BPF }
#define SELF(NAME, TYPE, HELP, PER, LABELS, DECIMALS, VALUE) \
	{ "powerstack_exporter_" NAME, TYPE, HELP, PER, NULL, LABELS, DECIMALS, VALUE, COMP_NONE, 0 }

const struct metric metrics[] = {
	NODE("core", COMP_CORE, "Energy of the processor cores, part of package, in joules"),
	NODE("dram", COMP_DRAM, "Energy of the memory, in joules"),
	NODE("gpu", COMP_GPU, "Energy of the GPUs, in joules"),
	NODE("other", COMP_OTHER, "Energy of the platform less packages, memory and GPUs, in joules"),
	NODE("package", COMP_PACKAGE, "Energy of the processor packages, in joules"),
	NODE("platform", COMP_PLATFORM, "Energy of the whole machine, in joules"),
	NODE("uncore", COMP_UNCORE,
	     "Energy of the packages' parts outside the cores, part of package, in joules"),
	{ "kepler_node_info", METRIC_INFO, "What measures this node; always 1", PER_EXPORTER, NULL,
	  info_labels, 0, one, COMP_NONE, 0 },
	NODE_TIME("ms", 6, "On-CPU time of all tasks but the idle ones, in milliseconds"),
	NODE_TIME("us", 3, "On-CPU time of all tasks but the idle ones, in microseconds; the older name"),
	{ "kepler_node_energy_stat", METRIC_GAUGE,
	  "What the node used and drew over the last interval, to the thousandth: what power models learn from",
	  PER_STAT, NULL, stat_labels, 3, node_stat, COMP_NONE, 0 },
	{ "kepler_node_accelerator_intel_qat", METRIC_GAUGE,
	  "How much of the last second the part of the accelerator worked, in percent", PER_ENGINE, NULL,
	  engine_labels, 0, engine_percent, COMP_NONE, 0 },
	{ "kepler_exporter_build_info", METRIC_INFO, "Version of this exporter; always 1", PER_EXPORTER,
	  NULL, build_labels, 0, one, COMP_NONE, 0 },

	SELF("energy_meters", METRIC_GAUGE,
	     "Energy counters read in the last interval; 0: this machine shows no meter", PER_EXPORTER,
	     NULL, 0, self_meters),
	SELF("source_up", METRIC_GAUGE, "Whether the source gave all it has in the last interval", PER_SOURCE,
	     source_labels, 0, source_up),
	SELF("source_age_seconds", METRIC_GAUGE, "Time since the source last gave all it has", PER_SOURCE,
	     source_labels, 9, source_age),
	SELF("source_errors_total", METRIC_COUNTER, "Readings of the source that failed wholly or partly",
	     PER_SOURCE, source_labels, 0, source_errors),
	SELF("source_used", METRIC_GAUGE,
	     "Whether the component is counted by this source; 0: it could be, a preferred one counts", PER_FEED,
	     feed_labels, 0, feed_counts),
	SELF("meter_wraps_total", METRIC_COUNTER, "Times the energy counter passed its end", PER_ZONE,
	     zone_labels, 0, zone_wraps),
	SELF("meter_unknown_intervals_total", METRIC_COUNTER,
	     "Intervals not counted because the energy counter was reset, impossible or unread too long",
	     PER_ZONE, zone_labels, 0, zone_unknown),
	SELF("gpu_unattributed", METRIC_GAUGE,
	     "Whether nothing that the GPU draws can be a workload's, as it is not told who uses it: mig, it is divided "
	     "into instances; driver, its driver does not tell", PER_REASON, reason_labels, 0, gpu_untold),
	SELF("gpu_instances", METRIC_GAUGE, "Instances that a GPU in MIG mode is divided into", PER_GPU, gpu_labels,
	     0, gpu_instances),
	SELF("bpf_program_loaded", METRIC_GAUGE, "Programs loaded into the kernel; always 1", PER_PROGRAM,
	     program_labels, 0, one),
	SELF("bpf_program_runs_total", METRIC_COUNTER,
	     "Times the program ran; only while kernel.bpf_stats_enabled is set", PER_PROGRAM,
	     program_labels, 0, program_runs),
	SELF("bpf_program_run_seconds_total", METRIC_COUNTER,
	     "Time the program ran; only while kernel.bpf_stats_enabled is set", PER_PROGRAM,
	     program_labels, 9, program_run_ns),
	SELF("sched_busy_seconds_total", METRIC_COUNTER, "On-CPU time of all tasks but the idle ones",
	     PER_EXPORTER, NULL, 9, sched_busy_ns),
	SELF("sched_idle_seconds_total", METRIC_COUNTER, "On-CPU time of the idle tasks, charged to nobody",
	     PER_EXPORTER, NULL, 9, sched_idle_ns),
	SELF("sched_switches_total", METRIC_COUNTER, "Context switches seen", PER_EXPORTER, NULL, 0,
	     sched_switches),
	SELF("sched_drops_total", METRIC_COUNTER,
	     "Charges that could not be told apart: too many control groups or processes", PER_EXPORTER,
	     NULL, 0, sched_drops),
	SELF("sched_cgroups", METRIC_GAUGE, "Control groups with on-CPU time", PER_EXPORTER, NULL, 0,
	     sched_cgroups),
	SELF("ticks_total", METRIC_COUNTER, "Intervals sampled", PER_EXPORTER, NULL, 0, self_ticks),
	SELF("late_ticks_total", METRIC_COUNTER, "Intervals that began more than half an interval late",
	     PER_EXPORTER, NULL, 0, self_late_ticks),
	SELF("sample_seconds_total", METRIC_COUNTER, "Time spent reading the sources", PER_EXPORTER, NULL, 9,
	     self_sample_ns),
	SELF("render_seconds_total", METRIC_COUNTER, "Time spent making metrics pages", PER_EXPORTER, NULL, 9,
	     self_render_ns),
	SELF("http_requests_total", METRIC_COUNTER, "Requests answered, by status", PER_ANSWER, code_labels,
	     0, answers),
	SELF("http_connections", METRIC_GAUGE, "Connections open", PER_EXPORTER, NULL, 0, self_connections),
	SELF("http_evicted_total", METRIC_COUNTER,
	     "Connections closed for being slow or to make room for new ones", PER_EXPORTER, NULL, 0,
	     self_evicted),
	SELF("page_bytes", METRIC_GAUGE, "Size of the last metrics page made, before compression", PER_FORMAT,
	     format_labels, 0, page_bytes),
	SELF("cpu_seconds_total", METRIC_COUNTER, "CPU time used by this exporter", PER_EXPORTER, NULL, 9,
	     self_cpu_ns),
	SELF("resident_memory_bytes", METRIC_GAUGE, "Resident memory of this exporter", PER_EXPORTER, NULL,
	     0, self_resident_bytes),
	{ "promhttp_metric_handler_errors_total", METRIC_COUNTER, "Pages that could not be made",
	  PER_EXPORTER, NULL, cause_labels, 0, self_failures, COMP_NONE, 0 },
};
const size_t nmetrics = COUNT(metrics);
