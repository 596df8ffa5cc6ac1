/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/metrics_works.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/choice.h"

const struct workload workload_nobody = { .kind = WORKLOAD_SYSTEM,
					  .container_id = "unattributed",
					  .pod_name = "unattributed",
					  .container_name = "unattributed",
					  .container_namespace = "unattributed",
					  .vm_id = "",
					  .pod_uid = "",
					  .runtime = "",
					  .settled = true };

/* ---- labels */

static bool is_vm(const struct subject *s)
{
	return s->workload->kind == WORKLOAD_VM;
}

/* A virtual machine is no container, but has its place among them under its own name, where Kepler
 * counts it among the system's processes. */
static const char *container_id(const struct subject *s)
{
	return is_vm(s) ? s->workload->vm_id : s->workload->container_id;
}

static const char *pod_name(const struct subject *s)
{
	return is_vm(s) ? s->workload->vm_id : s->workload->pod_name;
}

static const char *container_name(const struct subject *s)
{
	return is_vm(s) ? s->workload->vm_id : s->workload->container_name;
}

static const char *container_namespace(const struct subject *s)
{
	return is_vm(s) ? "system" : s->workload->container_namespace;
}

static const char *vm_id(const struct subject *s)
{
	return s->workload->vm_id;
}

/* All of the kernel's threads are one process here: that of kthreadd, their parent. */
#define KTHREADD "2"

static const char *pid(const struct subject *s)
{
	static char text[12]; /* one thread, and it is copied at once */

	if (s->party->process == WORK_KERNEL)
		return KTHREADD;
	snprintf(text, sizeof text, "%" PRIu32, s->party->tgid);
	return text;
}

static const char *command(const struct subject *s)
{
	return s->party->process == WORK_KERNEL ? s->workload->container_name : s->party->comm;
}

static const char *mode(const struct subject *s)
{
	return mode_name(s->mode);
}

static const char *source(const struct subject *s)
{
	unsigned at = s->measured->source;

	return s->measured->there && at < s->view->sampler->n ? s->view->sampler->v[at].ops->name : "none";
}

/* Kepler's sums have the label, and nothing in it. */
static const char *no_source(const struct subject *s)
{
	(void)s;
	return "";
}

static const char *bpf(const struct subject *s)
{
	(void)s;
	return "bpf";
}

static const char *gpu_source(const struct subject *s)
{
	return s->zone->source < s->view->sampler->n ? s->view->sampler->v[s->zone->source].ops->name : "none";
}

static const char *gpu_id(const struct subject *s)
{
	return s->zone->package;
}

static const char *level(const struct subject *s)
{
	return s->level == WORKS_PROCESSES ? "process" : "container";
}

static const char *component(const struct subject *s)
{
	return component_name(s->component);
}

static const struct label containers[] = { { "container_id", container_id },
					   { "pod_name", pod_name },
					   { "container_name", container_name },
					   { "container_namespace", container_namespace },
					   { NULL, NULL } };
static const struct label processes[] = { { "pid", pid },
					  { "container_id", container_id },
					  { "vm_id", vm_id },
					  { "command", command },
					  { NULL, NULL } };
static const struct label vms[] = { { "vm_id", vm_id }, { NULL, NULL } };
static const struct label energy[] = { { "mode", mode }, { "source", source }, { NULL, NULL } };
static const struct label energy_sum[] = { { "mode", mode }, { "source", no_source }, { NULL, NULL } };
static const struct label use[] = { { "source", bpf }, { NULL, NULL } };
static const struct label gpu_use[] = { { "source", gpu_source }, { "gpu_id", gpu_id }, { NULL, NULL } };
static const struct label unlisted[] = {
	{ "level", level }, { "component", component }, { "mode", mode }, { NULL, NULL }
};

/* ---- values */

static bool component_uj(const struct subject *s, uint64_t *ret)
{
	*ret = s->party->uj[s->component][s->mode];
	return true;
}

static bool total_uj(const struct subject *s, uint64_t *ret)
{
	const uint64_t(*uj)[NMODES] = s->party->uj;

	*ret = uj[COMP_PACKAGE][s->mode] + uj[COMP_DRAM][s->mode] + uj[COMP_GPU][s->mode] + uj[COMP_OTHER][s->mode];
	return true;
}

/* What nobody used is not counted: there is no such use. */
#define USE_VALUE(NAME, USE)                                                                   \
	static bool NAME(const struct subject *s, uint64_t *ret)                               \
	{                                                                                      \
		*ret = s->party->use[USE];                                                     \
		return s->workload != &workload_nobody &&                                      \
		       works_measured(ledger_works(s->view->ledger)) & 1u << (USE);            \
	}
USE_VALUE(cpu_ns, USE_CPU_NS)
USE_VALUE(cycles, USE_CYCLES)
USE_VALUE(instructions, USE_INSTRUCTIONS)
USE_VALUE(misses, USE_LLC_MISSES)
USE_VALUE(net_tx, USE_NET_TX)
USE_VALUE(net_rx, USE_NET_RX)
USE_VALUE(block, USE_BLOCK)
USE_VALUE(page_cache, USE_PAGE_CACHE)

/* Percent by seconds, to the 10^-7: a nanosecond of all of it is so much. While nobody tells who uses the GPU, what
 * was counted before says nothing of now. */
#define GPU_VALUE(NAME, MEMBER)                                                                \
	static bool NAME(const struct subject *s, uint64_t *ret)                               \
	{                                                                                      \
		*ret = s->gpu->MEMBER;                                                         \
		return s->zone->users == USERS_TOLD && !s->zone->standby;                      \
	}
GPU_VALUE(gpu_busy, busy_ns)
GPU_VALUE(gpu_memory, memory_ns)

static bool unlisted_uj(const struct subject *s, uint64_t *ret)
{
	*ret = s->unlisted->uj[s->component][s->mode];
	return true;
}

static bool unseen(const struct subject *s, uint64_t *ret)
{
	*ret = works_unseen(ledger_works(s->view->ledger));
	return true;
}

/* ---- rows */

#define ENERGY(LEVEL, WHO, PER, TOPIC, NAME, COMPONENT, HELP)                                         \
	{ "kepler_" LEVEL "_" NAME "_joules_total", METRIC_COUNTER, HELP " the " LEVEL " caused, in joules", \
	  PER, WHO, energy, 6, component_uj, COMPONENT, (TOPIC) | TOPIC_COMPONENTS }
#define USED(LEVEL, WHO, PER, TOPIC, NAME, HELP, DECIMALS, VALUE)                                     \
	{ "kepler_" LEVEL "_" NAME "_total", METRIC_COUNTER, HELP, PER, WHO, use, DECIMALS, VALUE, COMP_NONE, \
	  TOPIC }

#define GPU_USED(LEVEL, WHO, PER, TOPIC, NAME, HELP, VALUE)                                           \
	{ "kepler_" LEVEL "_gpu_" NAME "_util_total", METRIC_COUNTER,                                 \
	  HELP " for the " LEVEL ", in percent of each second, added up", PER, WHO, gpu_use, 7, VALUE, COMP_GPUS, TOPIC }

/* The rows that all three levels have. */
#define LEVEL(L, WHO, PER, TOPIC)                                                                     \
	ENERGY(L, WHO, PER, TOPIC, "core", COMP_CORE, "Energy of the processor cores, part of package, that"), \
	ENERGY(L, WHO, PER, TOPIC, "dram", COMP_DRAM, "Energy of the memory that"),                   \
	ENERGY(L, WHO, PER, TOPIC, "gpu", COMP_GPU, "Energy of the GPUs that"),                       \
	ENERGY(L, WHO, PER, TOPIC, "other", COMP_OTHER,                                               \
	       "Energy of the platform less packages, memory and GPUs that"),                         \
	ENERGY(L, WHO, PER, TOPIC, "package", COMP_PACKAGE, "Energy of the processor packages that"), \
	ENERGY(L, WHO, PER, TOPIC, "platform", COMP_PLATFORM, "Energy of the whole machine that"),    \
	ENERGY(L, WHO, PER, TOPIC, "uncore", COMP_UNCORE,                                             \
	       "Energy of the packages' parts outside the cores, part of package, that"),             \
	USED(L, WHO, PER, (TOPIC) | TOPIC_BPF, "bpf_cpu_time_ms", "On-CPU time, in milliseconds", 6, cpu_ns), \
	USED(L, WHO, PER, (TOPIC) | TOPIC_BPF, "bpf_cpu_time_us",                                     \
	     "On-CPU time, in microseconds; the older name", 3, cpu_ns),                              \
	USED(L, WHO, PER, (TOPIC) | TOPIC_BPF, "bpf_page_cache_hit",                                  \
	     "Pages found in the page cache or made dirty there", 0, page_cache),                     \
	USED(L, WHO, PER, (TOPIC) | TOPIC_IRQ, "bpf_block_irq",                                       \
	     "Block softirqs that hit while it was on a CPU", 0, block),                              \
	USED(L, WHO, PER, (TOPIC) | TOPIC_IRQ, "bpf_net_rx_irq",                                      \
	     "Network-receive softirqs that hit while it was on a CPU", 0, net_rx),                   \
	USED(L, WHO, PER, (TOPIC) | TOPIC_IRQ, "bpf_net_tx_irq",                                      \
	     "Network-transmit softirqs that hit while it was on a CPU", 0, net_tx),                  \
	USED(L, WHO, PER, (TOPIC) | TOPIC_HARDWARE, "cache_miss", "Last-level-cache misses", 0, misses), \
	USED(L, WHO, PER, (TOPIC) | TOPIC_HARDWARE, "cpu_cycles", "Processor cycles", 0, cycles),     \
	USED(L, WHO, PER, (TOPIC) | TOPIC_HARDWARE, "cpu_instructions", "Instructions executed", 0,   \
	     instructions),                                                                           \
	GPU_USED(L, WHO, PER, TOPIC, "compute", "Time that the GPU's multiprocessors worked", gpu_busy), \
	GPU_USED(L, WHO, PER, TOPIC, "mem", "Time that the GPU's memory was read or written", gpu_memory)
#define TOTAL(L, WHO, PER, TOPIC)                                                                     \
	{ "kepler_" L "_joules_total", METRIC_COUNTER,                                                \
	  "Energy that the " L " caused: package, memory, GPUs and other, in joules", PER, WHO, energy_sum, 6, \
	  total_uj, COMP_TOTAL, TOPIC }

const struct metric metrics_works[] = {
	TOTAL("container", containers, PER_CONTAINER, TOPIC_CONTAINER),
	LEVEL("container", containers, PER_CONTAINER, TOPIC_CONTAINER),
	TOTAL("process", processes, PER_PROCESS, TOPIC_PROCESS),
	LEVEL("process", processes, PER_PROCESS, TOPIC_PROCESS),
	LEVEL("vm", vms, PER_VM, TOPIC_VM),
	{ "powerstack_exporter_unlisted_joules", METRIC_GAUGE,
	  "Energy of the node that none of the level's series on this page has: of what has ended, and of what "
	  "is not yet known by name", PER_UNLISTED, NULL, unlisted, 6, unlisted_uj, COMP_NONE, 0 },
	{ "powerstack_exporter_unseen_total", METRIC_COUNTER,
	  "Containers and processes that ended and were taken off before a scrape saw their last values",
	  PER_EXPORTER, NULL, NULL, 0, unseen, COMP_NONE, 0 },
};
const size_t nmetrics_works = COUNT(metrics_works);
