/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAPL energy counters from the kernel's "power" PMU (bus/event_source/devices/power): one event for
 * each domain of each package, read through a file descriptor. The counters have 64 bits and are never
 * reset; the kernel moves them itself when the CPU that they were opened on goes.
 */
#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/cpu.h"
#include "exporter/number.h"
#include "exporter/rapl_units.h"
#include "exporter/sources/sources.h"

#define PACKAGES_MAX 128
#define COUNTERS_MAX 256
#define POWER_MAX_UW (UINT64_C(2000) * 1000000)

struct counter {
	int fd;
	uint32_t zone;
	unsigned shift;
	uint64_t last, at_ns;
	struct wide counts; /* since it was opened, over any wrap */
};

struct perf {
	const struct roots *roots;
	struct zones *zones;
	unsigned source;
	char dir[PATH_MAX - 128];
	struct counter v[COUNTERS_MAX];
	size_t n;
	uint64_t scanned_ns;
};

static const struct {
	const char *event;
	enum component component;
} domains[] = {
	{ "energy-pkg", COMP_PACKAGE },
	{ "energy-cores", COMP_CORE },
	{ "energy-gpu", COMP_UNCORE }, /* the graphics part of the package: powercap's "uncore" */
	{ "energy-ram", COMP_DRAM },
	{ "energy-psys", COMP_PLATFORM },
};

static int text_of(const struct perf *p, const char *file, const char *suffix, char *ret, size_t size,
		   struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%.64s%.16s", p->dir, file, suffix);
	return number_text(path, ret, size, e);
}

/* Where the counters of one CPU of the mask belong. */
struct place {
	unsigned cpu;
	uint64_t package, die;
	bool many_dies;
};

/* The CPUs that stand for their packages, or for their dies. */
static int places_of(const struct perf *p, struct place v[PACKAGES_MAX], size_t *ret_n, struct err *e)
{
	char text[1024];
	unsigned mask[PACKAGES_MAX];
	size_t n = 0, ncpus = 0;
	AUTO_FREE struct cpu_place *cpus = NULL;
	int rc = text_of(p, "cpumask", "", text, sizeof text, e);

	rc = rc < 0 ? rc : cpu_list(text, strlen(text), mask, PACKAGES_MAX, &n, e);
	rc = rc < 0 ? rc : cpu_places(p->roots->sysfs, &cpus, &ncpus, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct place){ .cpu = mask[i] };
		for (size_t c = 0; c < ncpus; c++) {
			if (cpus[c].cpu == mask[i]) {
				v[i].package = cpus[c].package;
				v[i].die = cpus[c].die;
			}
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++)
			v[i].many_dies |= i != k && v[i].package == v[k].package;
	}
	*ret_n = n;
	return 0;
}

static int open_counter(struct perf *p, uint32_t type, size_t domain, const struct place *at, struct err *e)
{
	struct perf_event_attr attr = { .type = type, .size = sizeof attr };
	struct zone z = { .source = p->source, .power_max_uw = POWER_MAX_UW };
	uint32_t id = 0;
	unsigned shift = 0;
	char text[128], file[64];

	rapl_zone(&z, domains[domain].component, at->package, at->many_dies ? &at->die : NULL);
	snprintf(file, sizeof file, "events/%s", domains[domain].event);
	int rc = text_of(p, file, "", text, sizeof text, e);
	uint64_t config = 0;

	rc = rc < 0 ? rc : rapl_event(text, &config, e);
	rc = rc < 0 ? rc : text_of(p, file, ".scale", text, sizeof text, e);
	rc = rc < 0 ? rc : rapl_scale(text, &shift, e);
	rc = rc < 0 ? rc : zones_intern(p->zones, &z, &id, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].zone == id)
			return 0;
	}
	if (p->n == COUNTERS_MAX)
		return err_set(e, ERR_MEMORY, "more than %d RAPL events", COUNTERS_MAX);
	attr.config = config;
	long fd = syscall(SYS_perf_event_open, &attr, -1, (int)at->cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return err_set(e, ERR_FAILED, "perf event '%s' may not be opened: run as root or with CAP_PERFMON",
			       domains[domain].event);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "perf event '%s' on CPU %u", domains[domain].event, at->cpu);
	struct counter *c = &p->v[p->n];

	*c = (struct counter){ .fd = (int)fd, .zone = id, .shift = shift };
	if (read(c->fd, &c->last, sizeof c->last) != sizeof c->last) {
		close(c->fd);
		return err_set(e, ERR_FAILED, "perf event '%s' cannot be read", domains[domain].event);
	}
	p->n++;
	return 0;
}

/* Opens what is not open yet. Events that are open stay. Fails only when nothing is open. */
static int scan(struct perf *p, struct err *e)
{
	struct place places[PACKAGES_MAX];
	uint64_t type = 0;
	size_t n = 0;
	char path[PATH_MAX], text[64];
	struct err first = { 0 };

	p->scanned_ns = tick_now_ns();
	snprintf(path, sizeof path, "%s/type", p->dir);
	if (access(path, F_OK) < 0)
		return err_set(e, ERR_UNREACHABLE, "the kernel has no power PMU (no '%s')", p->dir);
	int rc = number_read(path, &type, e);

	rc = rc < 0 ? rc : places_of(p, places, &n, e);
	rc = rc < 0 ? rc : text_of(p, "format/event", "", text, sizeof text, e);
	if (rc == 0 && strcmp(text, "config:0-7") != 0)
		rc = err_set(e, ERR_FAILED, "events of the power PMU have a form that is not known ('%s')", text);
	if (rc < 0)
		return rc;
	/* A processor that counts counts its packages. In a virtual machine psys alone may be shown, and stand still. */
	snprintf(path, sizeof path, "%s/events/energy-pkg", p->dir);
	if (access(path, F_OK) < 0)
		return err_set(e, ERR_UNREACHABLE, "the power PMU counts no package, as in a virtual machine (no '%s')", path);
	for (size_t d = 0; d < COUNT(domains); d++) {
		snprintf(path, sizeof path, "%s/events/%s", p->dir, domains[d].event);
		for (size_t i = 0; i < n && access(path, F_OK) == 0; i++) {
			struct err why = { 0 };

			if (open_counter(p, (uint32_t)type, d, &places[i], &why) < 0 && first.kind == ERR_NONE)
				first = why;
		}
	}
	if (p->n > 0)
		return 0;
	return first.kind != ERR_NONE ? err_set(e, first.kind, "%s", first.msg)
				      : err_set(e, ERR_FAILED, "the power PMU has no energy event");
}

static void close_all(struct perf *p)
{
	for (size_t i = 0; i < p->n; i++)
		close(p->v[i].fd);
	p->n = 0;
}

static int perf_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	AUTO_FREE struct perf *p = calloc(1, sizeof *p);

	if (!p)
		return err_set(e, ERR_MEMORY, "no memory for perf events");
	p->roots = roots;
	p->zones = zones;
	p->source = s->index;
	snprintf(p->dir, sizeof p->dir, "%s/bus/event_source/devices/power", roots->sysfs);
	int rc = scan(p, e);

	if (rc == 0)
		s->state = take_ptr(&p);
	return rc;
}

static int perf_read(struct source *s, struct tick *into, struct err *e)
{
	struct perf *p = s->state;
	struct err none = { 0 };
	size_t had = p->n, kept = 0;

	/* Packages come with their CPUs. */
	if (tick_now_ns() - p->scanned_ns >= SOURCE_RETRY_NS)
		(void)scan(p, &none);
	if (p->n > had)
		had = p->n;
	for (size_t i = 0; i < p->n; i++) {
		struct counter *c = &p->v[i];
		uint64_t raw = 0;

		/* One that cannot be read any more is opened again by a later scan. */
		if (read(c->fd, &raw, sizeof raw) != sizeof raw) {
			close(c->fd);
			continue;
		}
		c->counts = wide_add(c->counts, (struct wide){ .low = raw - c->last });
		c->last = raw;
		c->at_ns = tick_now_ns();
		p->v[kept++] = *c;
	}
	size_t bad = had - kept;

	p->n = kept;
	for (size_t i = 0; i < p->n; i++) {
		const struct counter *c = &p->v[i];
		int rc = tick_add_mark(into, &(struct zone_mark){ .zone = c->zone, .uj = rapl_uj(c->counts, c->shift),
								   .at_ns = c->at_ns }, e);

		if (rc < 0)
			return rc;
	}
	return bad ? err_set(e, ERR_FAILED, "%zu of %zu RAPL events unreadable", bad, had)
	       : kept ? 0 : err_set(e, ERR_FAILED, "no RAPL event is left");
}

static void perf_close(struct source *s)
{
	close_all(s->state);
	free(s->state);
}

const struct source_ops source_rapl_perf = {
	.name = "rapl-perf",
	.what = "energy of packages, cores, memory (RAPL by perf events)",
	.components = 1u << COMP_PACKAGE | 1u << COMP_CORE | 1u << COMP_UNCORE | 1u << COMP_DRAM |
		      1u << COMP_PLATFORM,
	.open = perf_open,
	.read = perf_read,
	.close = perf_close,
};
