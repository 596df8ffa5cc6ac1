/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedded table: what a whole server draws for each of its hardware threads, doing nothing and
 * fully used, and how that divides.
 *
 * Watts per thread: means over the published SPECpower_ssj2008 results (spec.org/power_ssj2008) of
 * servers with one family of processors, wall power at active idle and at 100 % load by threads, as
 * computed by the Cloud Carbon Footprint project (cloud-carbon-footprint/ccf-coefficients at b0032d9,
 * output/coefficients-aws-use.csv, "Min Watts" and "Max Watts"; the wall power includes memory, disk,
 * fans and supplies). Checked row by row. Its figures for Graviton are its own assumption (those of
 * EPYC 2nd Gen); those for EPYC 5th Gen come from few and small machines and are left out.
 *
 * Division: not measured on any of these servers, and the weakest part of this table.
 *   - At rest a CPU draws less than 30 % of its peak, DRAM more than half, disks three quarters: L. A.
 *     Barroso, U. Hoelzle, "The Case for Energy-Proportional Computing", IEEE Computer 40(12), 2007, as
 *     summaries of it have it: dynamic ranges of over 70, under 50 and about 25 %. Taken here: a third, a
 *     half, 1/1.3, and 1/1.2 for networks, for which no source was found.
 *   - Of peak power CPUs take 61, DRAM 18, disks 2, network 5 and the rest 4 parts of 90 (power conversion
 *     and cooling of the hall left out): as remembered from a figure about servers of late 2017 with two
 *     sockets and 12 DIMMs in L. A. Barroso, U. Hoelzle, P. Ranganathan, "The Datacenter as a Computer",
 *     3rd ed. 2018. That figure is a picture, and no text that repeats its numbers was found: they are
 *     UNVERIFIED. What the book says in words is only that CPUs dominate, and memory's part has shrunk.
 * So the CPUs are 678 permille of a busy server and 52 % of one at rest, DRAM 200 permille and 23 %. One
 * linear course between the two ends for all: package and dram are below the platform at every load.
 *
 * These are other machines of the family, not this one, and a virtual machine is charged with its
 * threads' part of such a server. How far this one is off nothing here can tell.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/model/model.h"

struct family {
	const char *name;
	unsigned rest_mw, full_mw; /* a thread's */
	bool current;		   /* counts for the mean that unknown ones get */
};

static const struct family families[] = {
	{ "Sandy Bridge", 2212, 8631, false },
	{ "Ivy Bridge", 1707, 5557, false },
	{ "Haswell", 1857, 5595, false },
	{ "Broadwell", 713, 3685, false },
	{ "Sky Lake", 613, 4104, true },
	{ "Cascade Lake", 690, 4063, true },
	{ "Coffee Lake", 1138, 5422, false },
	{ "Ice Lake", 767, 3758, true },
	{ "Sapphire Rapids", 1036, 4160, true },
	{ "Emerald Rapids", 814, 4482, true },
	{ "Granite Rapids", 582, 2527, true },
	{ "zen", 847, 2604, true },
	{ "zen2", 474, 1693, true },
	{ "zen3", 456, 1957, true },
	{ "zen4", 739, 2282, true },
	{ "Graviton", 474, 1693, false },
};

/* Permille of the whole. */
static const struct {
	enum component component;
	unsigned rest, full;
} parts[] = {
	{ COMP_PLATFORM, 1000, 1000 },
	{ COMP_PACKAGE, 520, 678 },
	{ COMP_DRAM, 230, 200 },
};

static struct family mean(void)
{
	struct family m = { .name = "mean" };
	unsigned n = 0;

	for (size_t i = 0; i < COUNT(families); i++) {
		if (!families[i].current)
			continue;
		m.rest_mw += families[i].rest_mw;
		m.full_mw += families[i].full_mw;
		n++;
	}
	m.rest_mw /= n;
	m.full_mw /= n;
	return m;
}

void model_from_table(const struct machine *here, struct model *ret, bool *ret_exact)
{
	struct family f = mean();
	bool exact = false;

	for (size_t i = 0; i < COUNT(families); i++) {
		if (!model_same_family(families[i].name, here->family))
			continue;
		f = families[i];
		exact = true;
	}
	*ret = (struct model){ .name = "" };
	if (exact)
		snprintf(ret->name, sizeof ret->name, "table, row '%s', %u threads", f.name, here->cpus);
	else
		snprintf(ret->name, sizeof ret->name, "table, mean of its rows ('%s' has none), %u threads",
			 here->family[0] ? here->family : "unknown", here->cpus);
	for (size_t i = 0; i < COUNT(parts); i++) {
		double rest = f.rest_mw * 1e-3 * parts[i].rest * 1e-3, full = f.full_mw * 1e-3 * parts[i].full * 1e-3;
		struct curve *c = &ret->v[parts[i].component];

		/* A thread used for a second is 1000 ms. */
		c->there = true;
		c->form = CURVE_LINEAR;
		c->rest_part = 1;
		c->bias = rest * here->cpus;
		c->scale[USE_CPU_NS] = 1000;
		c->weight[USE_CPU_NS] = full - rest;
	}
	*ret_exact = exact;
}
