/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_METRICS_H
#define EXPORTER_METRICS_H
/*
 * The metric table: every family this exporter can show is one row, and output, documentation and
 * tests come from the rows. Names and labels of kepler_* are Kepler v0.7.12's, in its order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/http.h"
#include "exporter/ledger.h"
#include "exporter/prom.h"
#include "exporter/rates.h"
#include "exporter/roster.h"
#include "exporter/source.h"

/* What does not change while the exporter runs. */
struct facts {
	char instance[256];	/* NODE_NAME or the host's name: label `instance` */
	char cpu[64];		/* label `cpu_architecture` */
	struct cpu_fact *cpus;	/* with --metrics.v2: every processor of /proc/cpuinfo; facts_clear */
	size_t ncpus;
};

/* A processor, as /proc/cpuinfo has it. */
struct cpu_fact {
	char processor[12], physical_id[12], core_id[12];
	char vendor[32], model[96];
};

/* The exporter's own numbers. */
struct self {
	uint64_t ticks, late_ticks, sample_ns, render_ns;
	struct http_stats http;
	uint64_t cpu_ns, resident_bytes, virtual_bytes;
	uint64_t open_fds, max_fds;	/* with --metrics.v2 */
	size_t meters;		/* energy counters in the last tick */
};

/* All that a page can show. */
struct view {
	const struct facts *facts;
	const struct self *self;
	const struct sampler *sampler;
	const struct ledger *ledger;
	const struct roster *roster;	/* whose accounts the ledger has */
	const struct tick *tick;	/* the last one */
	const struct rates *rates;	/* NULL: none are taken */
	unsigned hidden;		/* bit per enum topic that is not to be shown */
	uint64_t now_ns;
	uint64_t created_ms;		/* since 1970: when the counters were 0 (_created) */
	uint64_t created_ns;		/* the same on the clock of ticks */
};

/* What of a row can be left out by an option; a row may be of several. */
enum topic {
	TOPIC_CONTAINER = 1,
	TOPIC_PROCESS = 2,
	TOPIC_VM = 4,
	TOPIC_COMPONENTS = 8,	/* energy by component, for workloads */
	TOPIC_HARDWARE = 16,	/* PMU counters */
	TOPIC_IRQ = 32,
	TOPIC_BPF = 64,		/* other use than these two */
};

/* What a page shows of a component, or of COMP_TOTAL: whether anything measures it, how far it is
 * split, and whose meter it is. */
struct measured {
	bool there;
	unsigned modes;	 /* bit per mode that any account has */
	unsigned source; /* of the first account */
};

/* In the place of a component: what Kepler adds up, package + dram + gpu + other. */
#define COMP_TOTAL NCOMPONENTS
/* No component. */
#define COMP_NONE (NCOMPONENTS + 1)
/* Every component that Kepler 0.10 and newer have a zone for, one series each. */
#define COMP_ZONES (NCOMPONENTS + 2)
/* Every GPU that the party is known to have used, one series each. */
#define COMP_GPUS (NCOMPONENTS + 3)

/* What one series is about; which members are set follows from the row's level. */
struct subject {
	const struct view *view;
	const struct account *account;
	enum mode mode;
	const struct source *source;
	enum component component;	/* PER_FEED, with source; PER_UNLISTED */
	const struct measured *measured; /* of the row's component */
	const struct party *party;	/* a workload or a process; what is nobody's */
	const struct workload *workload; /* which one, or whose process */
	const struct sums *unlisted;	/* PER_UNLISTED, of this level */
	enum works_level level;
	size_t stat;			/* PER_STAT: row of node_stats */
	const struct zone *zone;
	const struct zone_book *book;
	enum users reason;		/* PER_REASON, with account and zone */
	const struct gpu_total *gpu;	/* COMP_GPUS, with zone */
	const struct program_mark *program;
	const struct engine_mark *engine;
	const struct component_sum *sum;
	const struct cpu_fact *cpu;
	size_t answer;			/* row of http_statuses */
	enum page_format format;
};

/* What a row is repeated over. */
enum per {
	PER_EXPORTER,
	PER_ACCOUNT,
	PER_SOURCE,
	PER_FEED,
	PER_ZONE,
	PER_PROGRAM,
	PER_ENGINE,
	PER_GPU,
	PER_REASON, /* each GPU, and each reason why its users may not be told */
	PER_ANSWER,
	PER_FORMAT,
	PER_SUM,
	PER_CPU,
	/* From here to PER_UNLISTED: of workloads. */
	PER_CONTAINER, /* every workload, and what is nobody's as one more */
	PER_VM,
	PER_PROCESS,
	PER_POD,      /* all containers of a pod as one party, of whoever of them has a name */
	PER_UNLISTED, /* level, component and mode */
	PER_STAT,
};

struct label {
	const char *name;
	const char *(*value)(const struct subject *);
};

struct metric {
	const char *name;
	enum metric_type type;
	const char *help;
	enum per per;
	const struct label *who;	/* the first labels: those that tell one subject of a row from
					 * another, made once for all rows. NULL: none */
	const struct label *labels;	/* the others; beside `who` they may depend on component and mode
					 * only. Both are ended by a NULL name */
	unsigned decimals;		/* the value is in units of 10^-decimals: 6 for uJ, 9 for ns */
	/* false: this subject has no such series. */
	bool (*value)(const struct subject *, uint64_t *ret);
	int component;			/* whose energy: an enum component, COMP_TOTAL, COMP_ZONES, COMP_GPUS or COMP_NONE; of
					 * a component, a subject has a series for each mode */
	unsigned topics;		/* bit per enum topic: shown if none of them is hidden */
};

/* The rows of kepler_node_energy_stat: see metrics.c. */
extern const size_t nnode_stats;

/* What Kepler 0.10 and newer call the component when this source measures it; NULL: they do not. What they
 * call psys is RAPL's measure of the platform, not a BMC's. */
const char *zone_name(const struct view *v, enum component c, unsigned source);
/* The zone of a GPU's account: there is one for each. NULL: the account is no GPU's. */
const struct zone *gpu_zone(const struct view *v, const struct account *a);
/* The value of label `mode`. */
const char *mode_name(enum mode mode);

extern const struct metric metrics[];
extern const size_t nmetrics;

#endif
