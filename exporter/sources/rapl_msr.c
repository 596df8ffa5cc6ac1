/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAPL energy counters read from the processor's registers through /dev/cpu/N/msr, for kernels whose
 * drivers do not know the processor. Only where the user allows it (--enable-msr): a process that may
 * read registers can read more than energy. What the registers mean is in rapl_units.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/cpu.h"
#include "exporter/number.h"
#include "exporter/rapl_units.h"
#include "exporter/sources/sources.h"

#define FDS_MAX 1024
#define METERS_MAX 256
#define POWER_MAX_UW (UINT64_C(2000) * 1000000)

/* One zone: a counter, or several of the same unit, whose sum modulo 2^32 is a counter as well. */
struct meter {
	uint32_t zone, reg;
	unsigned shift;
	size_t from, n; /* in fds */
	bool anew;
};

struct msr {
	const struct roots *roots;
	struct zones *zones;
	unsigned source;
	struct rapl_registers regs;
	int fds[FDS_MAX];
	unsigned cpus[FDS_MAX]; /* whose they are */
	size_t nfds;
	struct meter v[METERS_MAX];
	size_t n;
	uint64_t scanned_ns;
};

static const enum component components[NRAPL_DOMAINS] = {
	[RAPL_PACKAGE] = COMP_PACKAGE, [RAPL_CORE] = COMP_CORE, [RAPL_UNCORE] = COMP_UNCORE,
	[RAPL_DRAM] = COMP_DRAM,       [RAPL_PSYS] = COMP_PLATFORM,
};

static bool read_msr(int fd, uint32_t reg, uint64_t *ret)
{
	return pread(fd, ret, sizeof *ret, (off_t)reg) == sizeof *ret;
}

static void close_all(struct msr *m)
{
	for (size_t i = 0; i < m->nfds; i++)
		close(m->fds[i]);
	m->nfds = m->n = 0;
}

/* The descriptor of a CPU's registers, opened if need be; its index is in *ret. */
static int open_cpu(struct msr *m, unsigned cpu, size_t *ret, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/dev/cpu/%u/msr",
		 strcmp(m->roots->rootfs, "/") == 0 ? "" : m->roots->rootfs, cpu);
	if (m->nfds == FDS_MAX)
		return err_set(e, ERR_MEMORY, "more than %d cores", FDS_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return err_set(e, ERR_FAILED, "'%s' may not be opened: run as root or with CAP_SYS_RAWIO and "
			       "CAP_DAC_READ_SEARCH", path);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot open '%s'%s", path,
				 errno == ENOENT ? " (module msr not loaded)" : "");
	m->fds[m->nfds] = fd;
	m->cpus[m->nfds] = cpu;
	*ret = m->nfds++;
	return 0;
}

/* Adds the meters of one package or die, whose registers stand for it at descriptor i. */
static int add_meters(struct msr *m, const struct cpu_place *at, bool many_dies, size_t i, struct err *e)
{
	uint64_t unit = 0, raw = 0;

	if (!read_msr(m->fds[i], m->regs.unit, &unit))
		return err_errno(e, ERR_FAILED, "register 0x%x of CPU %u cannot be read", m->regs.unit, at->cpu);
	if (!read_msr(m->fds[i], m->regs.status[RAPL_PACKAGE], &raw) || (uint32_t)raw == 0)
		return err_set(e, ERR_FAILED, "the energy registers of CPU %u count nothing (virtual machine)", at->cpu);
	for (enum rapl_domain d = 0; d < NRAPL_DOMAINS; d++) {
		struct zone z = { .source = m->source, .power_max_uw = POWER_MAX_UW };
		struct meter *meter = &m->v[m->n];

		/* Not every processor has every register that its generation may have. */
		if (!m->regs.status[d] || m->n == METERS_MAX || (d == RAPL_CORE && m->regs.core_by_core) ||
		    !read_msr(m->fds[i], m->regs.status[d], &raw) || (d == RAPL_PSYS && (uint32_t)raw == 0))
			continue;
		rapl_zone(&z, components[d], at->package, many_dies ? &at->die : NULL);
		*meter = (struct meter){ .reg = m->regs.status[d], .from = i, .n = 1, .anew = true,
					 .shift = m->regs.shift[d] >= 0 ? (unsigned)m->regs.shift[d]
									: rapl_unit_shift(unit) };
		int rc = zones_intern(m->zones, &z, &meter->zone, e);

		if (rc < 0)
			return rc;
		m->n++;
	}
	return 0;
}

/* The cores of a package, each with a counter of its own. */
static int add_cores(struct msr *m, const struct cpu_place *cpus, size_t n, const struct cpu_place *at,
		     unsigned shift, struct err *e)
{
	struct zone z = { .source = m->source, .power_max_uw = POWER_MAX_UW };
	struct meter meter = { .reg = m->regs.status[RAPL_CORE], .from = m->nfds, .shift = shift, .anew = true };

	for (size_t i = 0; i < n; i++) {
		bool first = cpus[i].package == at->package;
		size_t fd = 0;

		/* Threads of one core show the same counter. */
		for (size_t k = 0; k < i; k++)
			first &= cpus[k].package != cpus[i].package || cpus[k].die != cpus[i].die ||
				 cpus[k].core != cpus[i].core;
		if (!first)
			continue;
		int rc = open_cpu(m, cpus[i].cpu, &fd, e);

		if (rc < 0)
			return rc;
		meter.n++;
	}
	rapl_zone(&z, COMP_CORE, at->package, NULL);
	int rc = zones_intern(m->zones, &z, &meter.zone, e);

	if (rc == 0 && m->n < METERS_MAX)
		m->v[m->n++] = meter;
	return rc;
}

/* Opens everything anew: counters begin anew, too, because it may be other CPUs that are read. */
static int scan(struct msr *m, struct err *e)
{
	AUTO_FREE struct cpu_place *cpus = NULL;
	size_t n = 0;
	int rc = cpu_places(m->roots->sysfs, &cpus, &n, e);

	close_all(m);
	m->scanned_ns = tick_now_ns();
	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool first = true, many_dies = false;
		size_t fd = 0;
		uint64_t unit = 0;

		for (size_t k = 0; k < n; k++) {
			bool same = cpus[k].package == cpus[i].package;

			many_dies |= same && m->regs.by_die && cpus[k].die != cpus[i].die;
			first &= k >= i || !same || (m->regs.by_die && cpus[k].die != cpus[i].die);
		}
		if (!first)
			continue;
		rc = open_cpu(m, cpus[i].cpu, &fd, e);
		rc = rc < 0 ? rc : add_meters(m, &cpus[i], many_dies, fd, e);
		if (rc == 0 && m->regs.core_by_core && read_msr(m->fds[fd], m->regs.unit, &unit))
			rc = add_cores(m, cpus, n, &cpus[i], rapl_unit_shift(unit), e);
	}
	if (rc < 0)
		close_all(m);
	return rc < 0 || m->n > 0 ? rc : err_set(e, ERR_FAILED, "no CPU is online");
}

static int msr_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	struct cpu cpu;

	if (!roots->meters || !roots->meters->msr)
		return err_set(e, ERR_REFUSED, "registers are read with --enable-msr only");
	AUTO_FREE struct msr *m = calloc(1, sizeof *m);

	if (!m)
		return err_set(e, ERR_MEMORY, "no memory for registers");
	m->roots = roots;
	m->zones = zones;
	m->source = s->index;
	cpu_read(roots->procfs, &cpu);
	if (!rapl_registers(&cpu, &m->regs))
		return err_set(e, ERR_FAILED, "the energy registers of this processor are not known ('%s', family "
			       "%llu, model %llu)", cpu.vendor, (unsigned long long)cpu.family,
			       (unsigned long long)cpu.model);
	int rc = scan(m, e);

	if (rc == 0)
		s->state = take_ptr(&m);
	return rc;
}

/* The meter's counter, modulo 2^32. */
static bool read_meter(const struct msr *m, const struct meter *meter, uint32_t *ret)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < meter->n; i++) {
		uint64_t raw = 0;

		if (!read_msr(m->fds[meter->from + i], meter->reg, &raw))
			return false;
		sum += (uint32_t)raw;
	}
	*ret = sum;
	return true;
}

/* Are the CPUs the same that were there at the last scan? */
static bool cpus_changed(const struct msr *m)
{
	AUTO_FREE struct cpu_place *cpus = NULL;
	size_t n = 0, cores = 0;
	struct err none = { 0 };

	if (cpu_places(m->roots->sysfs, &cpus, &n, &none) < 0)
		return false;
	/* Every one that is read is still there, and there are no more cores than are read. */
	for (size_t i = 0; i < m->nfds; i++) {
		bool there = false;

		for (size_t k = 0; k < n; k++)
			there |= cpus[k].cpu == m->cpus[i];
		if (!there)
			return true;
	}
	for (size_t i = 0; i < n; i++) {
		bool read = false, first = true;

		for (size_t k = 0; k < i; k++)
			first &= cpus[k].package != cpus[i].package ||
				 (m->regs.core_by_core && (cpus[k].die != cpus[i].die || cpus[k].core != cpus[i].core)) ||
				 (m->regs.by_die && cpus[k].die != cpus[i].die);
		for (size_t k = 0; k < m->nfds; k++)
			read |= m->cpus[k] == cpus[i].cpu;
		cores += first;
		if (first && !read)
			return true;
	}
	return cores == 0;
}

static int msr_read(struct source *s, struct tick *into, struct err *e)
{
	struct msr *m = s->state;
	size_t bad = 0;

	if (tick_now_ns() - m->scanned_ns >= SOURCE_RETRY_NS) {
		m->scanned_ns = tick_now_ns();
		if (m->n == 0 || cpus_changed(m)) {
			int rc = scan(m, e);

			if (rc < 0)
				return rc;
		}
	}
	for (size_t i = 0; i < m->n; i++) {
		struct meter *meter = &m->v[i];
		uint32_t raw = 0;

		if (!read_meter(m, meter, &raw)) {
			bad++;
			continue;
		}
		/* 2^32 counts are a whole number of microjoules for every unit that fits into five bits. */
		int rc = tick_add_mark(into, &(struct zone_mark){ .zone = meter->zone,
								   .anew = meter->anew,
								   .uj = rapl_uj((struct wide){ .low = raw }, meter->shift),
								   .wraps_at_uj = rapl_uj((struct wide){ .low = UINT64_C(1) << 32 },
											  meter->shift),
								   .at_ns = tick_now_ns() }, e);

		if (rc < 0)
			return rc;
		meter->anew = false;
	}
	if (bad)
		m->scanned_ns = 0; /* a CPU went: look for others at the next reading */
	return bad || m->n == 0 ? err_set(e, ERR_FAILED, "%zu of %zu energy registers cannot be read", bad, m->n) : 0;
}

static void msr_close(struct source *s)
{
	close_all(s->state);
	free(s->state);
}

const struct source_ops source_rapl_msr = {
	.name = "rapl-msr",
	.what = "energy of packages, cores, memory (RAPL by registers)",
	.components = 1u << COMP_PACKAGE | 1u << COMP_CORE | 1u << COMP_UNCORE | 1u << COMP_DRAM |
		      1u << COMP_PLATFORM,
	.open = msr_open,
	.read = msr_read,
	.close = msr_close,
};
