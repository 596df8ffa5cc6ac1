/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAPL energy counters from powercap sysfs (Documentation/power/powercap/powercap.rst): Intel and
 * AMD, by MSR, TPMI or MMIO. Every zone under class/powercap is looked at by its name, never by its
 * number: "package-0", "package-1-die-0", below a package "core", "uncore", "dram", and "psys".
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/cpu.h"
#include "exporter/number.h"
#include "exporter/sources/sources.h"

/* A package may draw this much when it states no limit of its own. It bounds the longest interval
 * over which a wrap can be told from a reset: 65 s for the smallest counter in use (65.5 kJ). */
#define POWER_MAX_UW (UINT64_C(1000) * 1000000)
#define METERS_MAX 256

struct meter {
	char entry[64]; /* intel-rapl:0:2 */
	char text[64];	/* content of `name` */
	unsigned type;	/* index in control_types */
	uint32_t zone;
	uint64_t wraps_at_uj;
};

struct rapl {
	char dir[PATH_MAX];
	struct meter v[METERS_MAX];
	size_t n;
	struct zones *zones;
	unsigned source;
	bool amd; /* "core" is one core only */
	uint64_t scanned_ns;
};

/* The same package may be reachable by two ways; the first one here counts, never both. */
static const char *const control_types[] = { "intel-rapl", "intel-rapl-mmio" };

static const struct {
	const char *name;
	enum component component;
	bool is_prefix, is_top;
} kinds[] = {
	{ "package-", COMP_PACKAGE, true, true },
	{ "psys", COMP_PLATFORM, true, true }, /* "psys-1" on the second socket */
	{ "core", COMP_CORE, false, false },
	{ "uncore", COMP_UNCORE, false, false },
	{ "dram", COMP_DRAM, false, false },
};

static int read_file(const struct rapl *r, const char *entry, const char *file, char *text,
		     size_t size, struct err *e)
{
	char path[PATH_MAX + 160];

	snprintf(path, sizeof path, "%s/%s/%s", r->dir, entry, file);
	return number_text(path, text, size, e);
}

static int read_number(const struct rapl *r, const char *entry, const char *file, uint64_t *ret,
		       struct err *e)
{
	char path[PATH_MAX + 160];

	snprintf(path, sizeof path, "%s/%s/%s", r->dir, entry, file);
	return number_read(path, ret, e);
}

static int control_type_of(const char *entry)
{
	size_t len = strcspn(entry, ":");

	for (size_t i = 0; i < COUNT(control_types); i++) {
		if (entry[len] == ':' && strlen(control_types[i]) == len &&
		    strncmp(entry, control_types[i], len) == 0)
			return (int)i;
	}
	return -1;
}

static int by_type_then_entry(const void *a, const void *b)
{
	const struct meter *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return strcmp(x->entry, y->entry);
}

/* The zone one colon up, or NULL for a top one. */
static const struct meter *parent_of(const struct rapl *r, const struct meter *m)
{
	const char *cut = strrchr(m->entry, ':');
	size_t len = (size_t)(cut - m->entry);

	for (size_t i = 0; i < r->n; i++) {
		if (strlen(r->v[i].entry) == len && strncmp(r->v[i].entry, m->entry, len) == 0)
			return &r->v[i];
	}
	return NULL;
}

/* "0" of "package-0-die-1": the socket, as Kepler's label has it; dies add up under it. */
static void package_label(const char *text, char *ret, size_t size)
{
	const char *digits = text + strlen("package-");

	snprintf(ret, size, "%.*s", (int)strspn(digits, "0123456789"), digits);
}

/* The most this zone can draw: twice its largest stated limit, or POWER_MAX_UW. */
static uint64_t power_max(const struct rapl *r, const char *entry)
{
	static const char *const files[] = { "constraint_0_power_limit_uw", "constraint_0_max_power_uw",
					     "constraint_1_power_limit_uw", "constraint_2_power_limit_uw" };
	uint64_t most = POWER_MAX_UW / 2;

	for (size_t i = 0; i < COUNT(files); i++) {
		uint64_t uw = 0;
		struct err none = { 0 };

		/* Firmware sets absurd limits to mean "no limit". */
		if (read_number(r, entry, files[i], &uw, &none) == 0 && uw > most &&
		    uw <= POWER_MAX_UW * 10)
			most = uw;
	}
	return most * 2;
}

/* What the zone measures, by its name and its parent's. false: nothing that is known here. */
static bool zone_of(const struct rapl *r, const struct meter *m, struct zone *ret)
{
	const struct meter *up = parent_of(r, m);

	for (size_t i = 0; i < COUNT(kinds); i++) {
		size_t len = strlen(kinds[i].name);

		if (strncmp(m->text, kinds[i].name, len) != 0 ||
		    (!kinds[i].is_prefix && m->text[len] != '\0') || kinds[i].is_top != !up)
			continue;
		/* AMD counts each core by itself, and the kernel reads the counter of the package's first
		 * core alone (drivers/powercap/intel_rapl_msr.c): this is no energy of "the cores". */
		if (r->amd && kinds[i].component == COMP_CORE)
			return false;
		*ret = (struct zone){ .component = kinds[i].component, .source = r->source };
		if (kinds[i].component == COMP_PLATFORM) {
			ret->needs_proof = true;
			snprintf(ret->package, sizeof ret->package, "%s", m->text);
		} else {
			package_label(up ? up->text : m->text, ret->package, sizeof ret->package);
			if (ret->package[0] == '\0')
				return false;
		}
		snprintf(ret->name, sizeof ret->name, "%.40s%s%.20s", up ? up->text : m->text,
			 up ? "/" : "", up ? m->text : "");
		ret->power_max_uw = power_max(r, m->entry);
		return true;
	}
	return false;
}

/* Finds all zones anew; numbers of zones seen before stay the same. */
static int scan(struct rapl *r, struct err *e)
{
	DIR *d = opendir(r->dir);

	if (!d)
		return err_set(e, ERR_FAILED, "no '%s': this machine shows no RAPL counters (virtual "
			       "machine, or module intel_rapl_msr not loaded)", r->dir);
	r->n = 0;
	for (struct dirent *de; (de = readdir(d)) != NULL;) {
		int type = control_type_of(de->d_name);
		struct meter *m = &r->v[r->n];
		struct err none = { 0 };

		if (type < 0 || strlen(de->d_name) >= sizeof m->entry || r->n == METERS_MAX)
			continue;
		*m = (struct meter){ .type = (unsigned)type };
		snprintf(m->entry, sizeof m->entry, "%.63s", de->d_name);
		if (read_file(r, m->entry, "name", m->text, sizeof m->text, &none) == 0)
			r->n++;
	}
	closedir(d);
	qsort(r->v, r->n, sizeof r->v[0], by_type_then_entry);

	size_t kept = 0;
	struct meter *found = calloc(r->n + 1, sizeof *found);

	if (!found)
		return err_set(e, ERR_MEMORY, "no memory for %zu RAPL zones", r->n);
	for (size_t i = 0; i < r->n; i++) {
		struct meter *m = &r->v[i];
		struct zone z;
		struct err none = { 0 };
		bool twice = false;

		if (!zone_of(r, m, &z) || zones_intern(r->zones, &z, &m->zone, &none) < 0 ||
		    read_number(r, m->entry, "max_energy_range_uj", &m->wraps_at_uj, &none) < 0 ||
		    m->wraps_at_uj == 0)
			continue;
		for (size_t k = 0; k < kept; k++)
			twice |= found[k].zone == m->zone;
		if (!twice)
			found[kept++] = *m;
	}
	memcpy(r->v, found, kept * sizeof *found);
	free(found);
	r->n = kept;
	r->scanned_ns = tick_now_ns();
	if (r->n == 0)
		return err_set(e, ERR_FAILED, "no RAPL zone in '%s' (virtual machine, or module "
			       "intel_rapl_msr not loaded)", r->dir);
	return 0;
}

/* Appends every zone that can be read. The first failure is told, with how many there were. */
static int read_all(struct rapl *r, struct tick *into, struct err *e)
{
	size_t bad = 0;
	struct err first = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		struct err why = { 0 };
		struct zone_mark mark = { .zone = r->v[i].zone, .wraps_at_uj = r->v[i].wraps_at_uj };

		if (read_number(r, r->v[i].entry, "energy_uj", &mark.uj, &why) == 0) {
			mark.at_ns = tick_now_ns();
			if (into && tick_add_mark(into, &mark, e) < 0)
				return -(int)e->kind;
			continue;
		}
		if (errno == EACCES)
			err_set(&why, ERR_FAILED, "'%s/%s/energy_uj' may not be read: run as root or with "
				"CAP_DAC_READ_SEARCH", r->dir, r->v[i].entry);
		if (bad++ == 0)
			first = why;
	}
	if (bad == 0)
		return 0;
	return err_set(e, ERR_FAILED, "%zu of %zu RAPL zones unreadable: %s", bad, r->n, first.msg);
}

static int rapl_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	AUTO_FREE struct rapl *r = calloc(1, sizeof *r);
	struct cpu cpu;

	if (!r)
		return err_set(e, ERR_MEMORY, "no memory for RAPL");
	snprintf(r->dir, sizeof r->dir, "%s/class/powercap", roots->sysfs);
	r->zones = zones;
	r->source = s->index;
	cpu_read(roots->procfs, &cpu);
	r->amd = cpu_is_amd(&cpu);
	int rc = scan(r, e);

	if (rc < 0)
		return rc;
	struct err partial = { 0 };
	struct tick probe = { .zones = zones };

	rc = read_all(r, &probe, &partial);
	size_t readable = probe.nmarks;

	tick_clear(&probe);
	if (rc < 0 && readable == 0)
		return err_set(e, partial.kind, "%s", partial.msg);
	s->state = take_ptr(&r);
	return 0;
}

static int rapl_read(struct source *s, struct tick *into, struct err *e)
{
	struct rapl *r = s->state;

	/* Zones come and go with modules and CPUs. */
	if (tick_now_ns() - r->scanned_ns >= SOURCE_RETRY_NS) {
		int rc = scan(r, e);

		if (rc < 0) {
			r->n = 0;
			r->scanned_ns = tick_now_ns();
			return rc;
		}
	}
	if (r->n == 0)
		return err_set(e, ERR_FAILED, "all RAPL zones are gone from '%s'", r->dir);
	return read_all(r, into, e);
}

static void rapl_close(struct source *s)
{
	free(s->state);
}

const struct source_ops source_rapl = {
	.name = "rapl-sysfs",
	.what = "energy of packages, cores, memory (RAPL by powercap)",
	.components = 1u << COMP_PACKAGE | 1u << COMP_CORE | 1u << COMP_UNCORE | 1u << COMP_DRAM |
		      1u << COMP_PLATFORM,
	.open = rapl_open,
	.read = rapl_read,
	.close = rapl_close,
};
