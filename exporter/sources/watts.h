/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_SOURCES_WATTS_H
#define EXPORTER_SOURCES_WATTS_H
/*
 * What sources have in common that read power, in watts, from where it may take long: a child reads
 * (worker.h) and tells each reading in a line, "NUMBER uW" or "NUMBER !why there is none"; here they
 * become energy counters (integral.h).
 */
#include <limits.h>

#include "exporter/integral.h"
#include "exporter/source.h"
#include "exporter/worker.h"

#define WATTS_METERS_MAX 32
/* More than this is no reading: firmware says "unknown" by all ones. */
#define WATTS_MAX_UW (UINT64_C(2000000) * 1000000)

struct watts_meter {
	char path[PATH_MAX]; /* what the child reads; for messages */
	struct zone zone;
	uint32_t id;
	struct integral energy;
	struct err why;	     /* how the last reading failed */
};

struct watts;
struct watts_ops {
	const char *what; /* the child, for messages */
	/* Finds the meters: fills v (path, zone but for its source and bound) and n, and may change
	 * every_ns. Done again when all of them have failed for long. */
	int (*find)(struct watts *w, struct err *e);
	/* In the child: reads for ever. */
	void (*child)(const void *watts, int out);
};

struct watts {
	const struct watts_ops *ops;
	struct source *source;
	const struct roots *roots;
	struct zones *zones;
	struct worker *worker;
	uint64_t every_ns; /* between two readings of a meter */
	uint64_t begun_ns;
	struct watts_meter v[WATTS_METERS_MAX];
	size_t n;
	struct err why; /* how the child failed */
};

/* The operations of a source whose state is a struct watts. */
int watts_open(struct source *s, const struct roots *roots, struct zones *zones, const struct watts_ops *ops,
	       struct err *e);
int watts_read(struct source *s, struct tick *into, struct err *e);
void watts_close(struct source *s);

/* In the child: tells a reading of meter i, or (why) that there is none. false: nobody listens. */
bool watts_tell(int out, size_t i, uint64_t uw, const struct err *why);
/* In the child: waits until the next round. */
void watts_pause(const struct watts *w);

#endif
