/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power sensors of the hardware monitoring class (Documentation/hwmon/sysfs-interface.rst: power[1-*]
 * in microwatts): ACPI power meters (Documentation/hwmon/acpi_power_meter.rst), which measure the
 * whole machine, and the processor of an X-Gene or Altra (Documentation/hwmon/xgene-hwmon.rst).
 * Devices are found by their name, sensors by their label, never by a number.
 *
 * Reading one can take long: behind an ACPI meter there is often the BMC. So a child reads them.
 */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/number.h"
#include "exporter/sources/sources.h"
#include "exporter/sources/watts.h"

#define SECOND_NS UINT64_C(1000000000)

/* What is looked for. */
struct kind {
	const char *device; /* content of `name` */
	const char *label;  /* content of power*_label; NULL: every sensor of the device */
	enum component component;
	/* Zone and label `package` of the n-th sensor found: this and a number. */
	const char *zone, *package;
	unsigned from; /* first number */
};

static const struct kind acpi_kind = { "power_meter", NULL, COMP_PLATFORM, "energy", "energy", 1 };
static const struct kind xgene_kind = { "apm_xgene", "CPU power", COMP_PACKAGE, "package-", "", 0 };

/* ---- finding them */

static bool text_of(const char *dir, const char *file, char *ret, size_t size)
{
	char path[PATH_MAX];
	struct err none = { 0 };

	return (size_t)snprintf(path, sizeof path, "%s/%s", dir, file) < sizeof path &&
	       number_text(path, ret, size, &none) == 0;
}

/* The number in "power12_average"; 0 for other files. */
static unsigned sensor_number(const char *file, const char *suffix)
{
	unsigned long n = 0;
	char *end = NULL;

	if (strncmp(file, "power", 5) != 0 || !isdigit((unsigned char)file[5]))
		return 0;
	n = strtoul(file + 5, &end, 10);
	return strcmp(end, suffix) == 0 && n < 1000 ? (unsigned)n : 0;
}

static int by_path(const void *a, const void *b)
{
	return strverscmp(((const struct watts_meter *)a)->path, ((const struct watts_meter *)b)->path);
}

/* Adds the sensors of one directory: its averages, which cover the time between two readings, or else
 * its momentary values. */
static void add_sensors(struct watts *w, const struct kind *k, const char *dir)
{
	static const char *const suffixes[] = { "_average", "_input" };

	for (size_t s = 0, found = 0; s < COUNT(suffixes) && !found; s++) {
		DIR *d = opendir(dir);

		for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
			unsigned number = sensor_number(de->d_name, suffixes[s]);
			char label[64], file[32], text[32];
			uint64_t ms = 0;
			struct err none = { 0 };

			snprintf(file, sizeof file, "power%u_label", number);
			if (number == 0 || w->n == WATTS_METERS_MAX ||
			    (k->label && (!text_of(dir, file, label, sizeof label) || strcmp(label, k->label) != 0)))
				continue;
			struct watts_meter *m = &w->v[w->n];

			*m = (struct watts_meter){ .zone = { .component = k->component } };
			if ((size_t)snprintf(m->path, sizeof m->path, "%s/%s", dir, de->d_name) >= sizeof m->path)
				continue;
			found++;
			w->n++;
			/* Asking more often than it averages gives the same value again. */
			snprintf(file, sizeof file, "power%u_average_interval", number);
			if (text_of(dir, file, text, sizeof text) && number_parse(text, strlen(text), &ms, &none) == 0 &&
			    ms > 1000)
				w->every_ns = ms < 10000 ? ms * 1000000 : 10 * SECOND_NS;
		}
		if (d)
			closedir(d);
	}
}

static int find(struct watts *w, const struct kind *k, struct err *e)
{
	char dir[PATH_MAX];
	DIR *d = NULL;

	if ((size_t)snprintf(dir, sizeof dir, "%s/class/hwmon", w->roots->sysfs) < sizeof dir)
		d = opendir(dir);
	for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
		/* Older drivers have their files at the device itself. */
		static const char *const places[] = { "", "/device" };

		for (size_t i = 0; i < COUNT(places); i++) {
			char at[PATH_MAX], name[64];
			size_t before = w->n;

			if (strncmp(de->d_name, "hwmon", 5) != 0 ||
			    (size_t)snprintf(at, sizeof at, "%s/%s%s", dir, de->d_name, places[i]) >= sizeof at ||
			    !text_of(at, "name", name, sizeof name) || strcmp(name, k->device) != 0)
				continue;
			add_sensors(w, k, at);
			if (w->n > before)
				break;
		}
	}
	if (d)
		closedir(d);
	qsort(w->v, w->n, sizeof w->v[0], by_path);
	if (w->n == 0)
		return err_set(e, ERR_UNREACHABLE, "no sensor of '%s' in '%s/class/hwmon'%s", k->device, w->roots->sysfs,
			       k->component == COMP_PLATFORM ? " (module acpi_power_meter)" : "");
	for (size_t i = 0; i < w->n; i++) {
		struct zone *z = &w->v[i].zone;

		snprintf(z->name, sizeof z->name, "%s%u", k->zone, (unsigned)i + k->from);
		snprintf(z->package, sizeof z->package, "%s%u", k->package, (unsigned)i + k->from);
	}
	return 0;
}

static int find_acpi(struct watts *w, struct err *e)
{
	return find(w, &acpi_kind, e);
}

static int find_xgene(struct watts *w, struct err *e)
{
	return find(w, &xgene_kind, e);
}

static void read_for_ever(const void *arg, int out)
{
	const struct watts *w = arg;

	for (;; watts_pause(w)) {
		for (size_t i = 0; i < w->n; i++) {
			uint64_t uw = 0;
			struct err e = { 0 };

			(void)number_read(w->v[i].path, &uw, &e);
			if (!watts_tell(out, i, uw, &e))
				return;
		}
	}
}

static int acpi_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	static const struct watts_ops ops = { "the reader of ACPI power meters", find_acpi, read_for_ever };

	return watts_open(s, roots, zones, &ops, e);
}

static int xgene_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	static const struct watts_ops ops = { "the reader of X-Gene's sensors", find_xgene, read_for_ever };

	return watts_open(s, roots, zones, &ops, e);
}

const struct source_ops source_acpi = {
	.name = "acpi",
	.what = "energy of the whole machine (power from ACPI meters)",
	.components = 1u << COMP_PLATFORM,
	.asynchronous = true,
	.open = acpi_open,
	.read = watts_read,
	.close = watts_close,
};

const struct source_ops source_xgene = {
	.name = "ampere-xgene-hwmon",
	.what = "energy of the processor (power from its hwmon sensor)",
	.components = 1u << COMP_PACKAGE,
	.asynchronous = true,
	.open = xgene_open,
	.read = watts_read,
	.close = watts_close,
};
