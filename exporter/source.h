/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_SOURCE_H
#define EXPORTER_SOURCE_H
/*
 * Where readings come from. A source is a row of sources[] and a state of its own; it knows nothing
 * of the ledger or of pages. A source that cannot work says why and is left out: none of them can
 * stop the exporter or another source.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/config.h"
#include "exporter/tick.h"

struct client;
struct event_base;
struct ipmi_ops;
struct names;
struct source;

/* Which meters the user wants; NULL texts are the defaults of choice.h. */
struct meters {
	const char *components, *platform; /* orders of preference */
	const char *model;		   /* files of a power model, comma between; NULL: the table */
	bool msr;			   /* may read model-specific registers */
	bool gpu;			   /* may ask GPUs */
	const char *gpu_helper;		   /* the program that does; NULL: powerstack-gpu beside the exporter */
};

/* The edges of the world, all of them parameters, so that tests can put others in their place. */
struct roots {
	const char *sysfs, *procfs, *rootfs;
	const struct config *config;
	bool processes; /* processes are told apart, not only control groups */
	const struct meters *meters; /* NULL: the defaults */
	struct event_base *base; /* for sources that wait for peers */
	struct client *client;	 /* HTTP, in the same loop */
	struct names *names;	 /* who is who; NULL: nobody is */
	const struct ipmi_ops *ipmi; /* NULL: the kernel's device (ipmi.h) */
};

struct source_ops {
	const char *name; /* the value of label `source` */
	const char *what; /* for the log: what it measures */
	unsigned components; /* bit per enum component that it can measure; 0: it is no energy meter */
	bool estimates;	   /* it measures nothing: it feeds only where no meter does (choice.h) */
	bool asynchronous; /* its readings come in their own time: it keeps errors and ok_ns itself */
	/* Finds its meters. ERR_REFUSED: the configuration does not ask for it (no fault).
	 * ERR_UNREACHABLE: this machine has no such thing (no fault, and looked for again). Anything
	 * else: missing, with the reason. May keep `roots`. */
	int (*open)(struct source *s, const struct roots *roots, struct zones *zones, struct err *e);
	/* Appends what it has; never blocks. A failure with something appended counts as a partial
	 * reading: what was appended is used. */
	int (*read)(struct source *s, struct tick *into, struct err *e);
	/* What an open source has to do without, in words; "" for nothing. NULL: it never lacks anything. */
	const char *(*lacks)(const struct source *s);
	/* Releases s->state. Called once after each successful open. */
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	unsigned index;
	void *state;		  /* NULL while not open */
	bool wanted;		  /* false: the configuration does not ask for it */
	bool absent;		  /* this machine has none */
	bool up;		  /* the last read gave everything */
	uint64_t ok_ns;		  /* when a read last gave everything; 0: never */
	uint64_t tried_ns;	  /* when open was last tried */
	uint64_t read_ns;	  /* when it was last read */
	uint64_t errors;	  /* reads and opens that failed */
	struct err why;		  /* what the last failure was; kind ERR_NONE while up */
};

extern const struct source_ops *const sources[];
extern const size_t nsources;

#define SOURCES_MAX 16
/* A source that could not be opened, or lost what it read, is looked for again this often. */
#define SOURCE_RETRY_NS (30 * UINT64_C(1000000000))

/* Who feeds which component; see choice.h. */
struct choice {
	unsigned char rank[SOURCES_MAX][NCOMPONENTS]; /* 0: the most preferred; RANK_NEVER: not at all */
	int feed[NCOMPONENTS];			      /* index of the source, or -1 */
	uint64_t marked_ns[SOURCES_MAX][NCOMPONENTS]; /* when it last gave a mark; 0: never */
	unsigned in_a_row[SOURCES_MAX][NCOMPONENTS];  /* ticks with a mark */
	unsigned silent[NCOMPONENTS];		      /* ticks in which the feed gave none */
	bool measured;				      /* package or platform has a meter, or awaits one */
};
#define RANK_NEVER 255

/* All sources of one exporter. */
struct sampler {
	struct source v[SOURCES_MAX];
	size_t n;
	struct roots roots;
	struct zones zones;
	struct choice choice;
	/* Called when a source comes up, goes down or changes its reason; may be NULL. */
	void (*on_change)(void *arg, const struct source *s);
	/* Called when another source feeds the component; `was` may be NULL, and on_feed itself. */
	void (*on_feed)(void *arg, enum component c, const struct source *was, const struct source *is);
	void *arg;
};

/* Opens what can be opened. table has n rows, at most SOURCES_MAX. -ERR_USAGE only, for orders of
 * preference that name what is not there; nothing is open then. */
int sampler_open(struct sampler *sp, const struct source_ops *const *table, size_t n,
		 const struct roots *roots, struct err *e);
/* Reads the sources into *ret (reset first), retries absent ones when their time has come, and
 * leaves in *ret only what counts: one source for each component. */
void sampler_read(struct sampler *sp, uint64_t now_ns, struct tick *ret);
/* How many of the tick's marks were measured; the others are estimates. */
size_t sampler_measured(const struct sampler *sp, const struct tick *t);
/* Closes and opens again one source (its configuration changed). */
void sampler_reopen(struct sampler *sp, const char *name, uint64_t now_ns);
void sampler_close(struct sampler *sp);

#endif
