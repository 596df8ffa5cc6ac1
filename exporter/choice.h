/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_CHOICE_H
#define EXPORTER_CHOICE_H
/*
 * Which source feeds which component. Several can measure the same thing (RAPL by sysfs, by perf, by
 * MSR; the platform by a BMC, by ACPI, ...); exactly one of them counts at a time, in an order of
 * preference, so that no joule is booked twice. What the others say is taken out of the tick before
 * the ledger sees it.
 *
 * A source that is preferred and comes up takes over at the end of an interval that the other one
 * still counts: nothing is lost and nothing counted twice. One that fails keeps its component for
 * HOLD, because its counter tells afterwards what it counted; then the next one takes over, and what
 * was drawn in between is unknown. An account is never moved: each source has series of its own.
 *
 * A source that estimates counts only on a machine without meters: it feeds nothing while a meter tells
 * of the package or the platform, or a peer may still do so. So a figure of this machine is never set
 * beside one of another, and no part is larger than its whole.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/source.h"

#define CHOICE_HOLD_NS (3 * UINT64_C(1000000000))
#define CHOICE_HOLD_TICKS 3
/* A preferred source must have answered this many times in a row before it takes over. */
#define CHOICE_STEADY_TICKS 3
/* So long nothing worse is chosen while a preferred peer has neither answered nor failed. */
#define CHOICE_GRACE_NS (30 * UINT64_C(1000000000))

/* Kepler's orders. "psys" stands for the platform counter of the RAPL sources. */
#define CHOICE_COMPONENTS "rapl-sysfs,rapl-perf,rapl-msr,ampere-xgene-hwmon,estimator"
#define CHOICE_PLATFORM "redfish,acpi,ipmi,psys,estimator"

/* Fills c from two lists of names, the most preferred first; NULL: the defaults above. An empty list
 * means none. Sources that are in no list never feed a component of it. -ERR_USAGE for a name that is
 * no source, or twice there. */
int choice_init(struct choice *c, const struct source_ops *const *table, size_t n,
		const char *components, const char *platform, struct err *e);
/* May the source feed anything at all? */
bool choice_wants(const struct choice *c, unsigned source);
/* Must the source be read now? Not where all it could feed is fed by better ones that answer; then only
 * now and then, to know whether it would. */
bool choice_needs(const struct choice *c, const struct source *s, uint64_t now_ns);
/* Decides, and takes out of the tick the marks that must not count. Marks zones as standby or not. */
void choice_apply(struct choice *c, const struct source *all, size_t n, struct tick *t);

/* "package", ... */
const char *component_name(enum component c);

#endif
