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
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/integral.h"
#include "exporter/number.h"
#include "exporter/sources/sources.h"
#include "exporter/worker.h"

#define SENSORS_MAX 32
#define SECOND_NS UINT64_C(1000000000)
/* More than this is no reading: firmware says "unknown" by all ones. */
#define POWER_MAX_UW (UINT64_C(2000000) * 1000000)

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

struct sensor {
	char path[PATH_MAX];
	struct zone zone;
	uint32_t id;
	struct integral energy;
	struct err why; /* how the last reading failed */
};

struct hwmon {
	struct source *source;
	const struct roots *roots;
	struct zones *zones;
	const struct kind *kind;
	struct worker *worker;
	uint64_t begun_ns;
	struct sensor v[SENSORS_MAX];
	size_t n;
	uint64_t every_ns;
	struct err why; /* how the child failed */
};

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
	return strverscmp(((const struct sensor *)a)->path, ((const struct sensor *)b)->path);
}

/* Adds the sensors of one directory: its averages, which cover the time between two readings, or else
 * its momentary values. */
static void add_sensors(struct hwmon *h, const struct kind *k, const char *dir)
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
			if (number == 0 || h->n == SENSORS_MAX ||
			    (k->label && (!text_of(dir, file, label, sizeof label) || strcmp(label, k->label) != 0)))
				continue;
			struct sensor *m = &h->v[h->n];

			*m = (struct sensor){ .id = 0 };
			if ((size_t)snprintf(m->path, sizeof m->path, "%s/%s", dir, de->d_name) >= sizeof m->path)
				continue;
			found++;
			h->n++;
			/* Asking more often than it averages gives the same value again. */
			snprintf(file, sizeof file, "power%u_average_interval", number);
			if (text_of(dir, file, text, sizeof text) && number_parse(text, strlen(text), &ms, &none) == 0 &&
			    ms > 1000)
				h->every_ns = ms < 10000 ? ms * 1000000 : 10 * SECOND_NS;
		}
		if (d)
			closedir(d);
	}
}

static void find(struct hwmon *h, const struct kind *k, const char *sysfs)
{
	char dir[PATH_MAX];
	DIR *d = NULL;

	h->every_ns = SECOND_NS;
	if ((size_t)snprintf(dir, sizeof dir, "%s/class/hwmon", sysfs) < sizeof dir)
		d = opendir(dir);
	for (struct dirent *de; d && (de = readdir(d)) != NULL;) {
		/* Older drivers have their files at the device itself. */
		static const char *const places[] = { "", "/device" };

		for (size_t i = 0; i < COUNT(places); i++) {
			char at[PATH_MAX], name[64];
			size_t before = h->n;

			if (strncmp(de->d_name, "hwmon", 5) != 0 ||
			    (size_t)snprintf(at, sizeof at, "%s/%s%s", dir, de->d_name, places[i]) >= sizeof at ||
			    !text_of(at, "name", name, sizeof name) || strcmp(name, k->device) != 0)
				continue;
			add_sensors(h, k, at);
			if (h->n > before)
				break;
		}
	}
	if (d)
		closedir(d);
	qsort(h->v, h->n, sizeof h->v[0], by_path);
}

/* ---- the child */

/* Reads each sensor in turn, for ever: "NUMBER uW", or "NUMBER !reason". */
static void read_for_ever(const void *arg, int out)
{
	const struct hwmon *h = arg;
	struct timespec pause = { .tv_sec = (time_t)(h->every_ns / SECOND_NS),
				  .tv_nsec = (long)(h->every_ns % SECOND_NS) };

	for (;;) {
		for (size_t i = 0; i < h->n; i++) {
			uint64_t uw = 0;
			struct err e = { 0 };
			char line[WORKER_LINE_MAX];
			int n = number_read(h->v[i].path, &uw, &e) == 0
					? snprintf(line, sizeof line, "%zu %llu\n", i, (unsigned long long)uw)
					: snprintf(line, sizeof line, "%zu !%.400s\n", i, e.msg);

			if (write(out, line, (size_t)n) != n)
				return;
		}
		nanosleep(&pause, NULL);
	}
}

/* ---- the exporter's side */

static uint64_t hold_ns(const struct hwmon *h)
{
	return 3 * h->every_ns + SECOND_NS;
}

static void on_line(void *arg, const char *line, size_t len)
{
	struct hwmon *h = arg;
	char *end = NULL;
	unsigned long i = isdigit((unsigned char)line[0]) ? strtoul(line, &end, 10) : SENSORS_MAX;
	uint64_t now = tick_now_ns(), uw = 0;
	struct err e = { 0 };

	if (i >= h->n || *end != ' ')
		return;
	struct sensor *m = &h->v[i];

	end++;
	if (*end == '!')
		err_set(&e, ERR_FAILED, "%s", end + 1);
	else if (number_parse(end, len - (size_t)(end - line), &uw, &e) == 0 && uw > POWER_MAX_UW)
		err_set(&e, ERR_FAILED, "'%s': it says %llu microwatts", m->path, (unsigned long long)uw);
	m->why = e;
	if (e.kind != ERR_NONE) {
		h->source->errors++;
		return;
	}
	err_clear(&h->why);
	integral_take(&m->energy, uw, now, hold_ns(h));
	h->source->ok_ns = now;
}

static void on_end(void *arg, const struct err *why)
{
	struct hwmon *h = arg;

	h->why = *why;
	h->source->errors++;
}

/* Finds the sensors, anew, and starts the child. */
static int begin(struct hwmon *h, struct err *e)
{
	const struct kind *k = h->kind;

	worker_stop(take_ptr(&h->worker));
	h->begun_ns = tick_now_ns();
	h->n = 0;
	find(h, k, h->roots->sysfs);
	if (h->n == 0)
		return err_set(e, ERR_FAILED, "no sensor of '%s' in '%s/class/hwmon'%s", k->device, h->roots->sysfs,
			       k->component == COMP_PLATFORM ? " (module acpi_power_meter)" : "");
	for (size_t i = 0; i < h->n; i++) {
		struct sensor *m = &h->v[i];

		m->zone = (struct zone){ .component = k->component, .source = h->source->index,
					 .power_max_uw = POWER_MAX_UW };
		snprintf(m->zone.name, sizeof m->zone.name, "%s%u", k->zone, (unsigned)i + k->from);
		snprintf(m->zone.package, sizeof m->zone.package, "%s%u", k->package, (unsigned)i + k->from);
		int rc = zones_intern(h->zones, &m->zone, &m->id, e);

		if (rc < 0)
			return rc;
	}
	return worker_start(h->roots->base,
			    &(struct worker_job){ .what = "the reader of power sensors",
						  .main = read_for_ever,
						  .child_arg = h,
						  .silence_ns = 3 * h->every_ns + 30 * SECOND_NS,
						  .on_line = on_line,
						  .on_end = on_end,
						  .arg = h },
			    &h->worker, e);
}

static int open_kind(struct source *s, const struct roots *roots, struct zones *zones, const struct kind *k,
		     struct err *e)
{
	AUTO_FREE struct hwmon *h = calloc(1, sizeof *h);

	if (!h)
		return err_set(e, ERR_MEMORY, "no memory for power sensors");
	*h = (struct hwmon){ .source = s, .roots = roots, .zones = zones, .kind = k };
	int rc = begin(h, e);

	if (rc == 0)
		s->state = take_ptr(&h);
	return rc;
}

static int hwmon_read(struct source *s, struct tick *into, struct err *e)
{
	struct hwmon *h = s->state;
	uint64_t now = tick_now_ns();
	const struct err *why = h->why.kind != ERR_NONE ? &h->why : NULL;
	bool any = false;

	/* Devices come back under other numbers when their module is loaded again. */
	if (now - h->source->ok_ns >= 2 * SOURCE_RETRY_NS && now - h->begun_ns >= 2 * SOURCE_RETRY_NS) {
		int rc = begin(h, e);

		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < h->n; i++) {
		struct sensor *m = &h->v[i];
		struct zone_mark mark;

		if (!why && m->why.kind != ERR_NONE)
			why = &m->why;
		if (!integral_mark(&m->energy, now, hold_ns(h), &mark))
			continue;
		mark.zone = m->id;
		int rc = tick_add_mark(into, &mark, e);

		if (rc < 0)
			return rc;
		any = true;
	}
	if (why)
		return err_set(e, why->kind, "%s", why->msg);
	return any ? 0 : err_set(e, ERR_FAILED, "no reading of a power sensor yet");
}

static void hwmon_close(struct source *s)
{
	struct hwmon *h = s->state;

	worker_stop(h->worker);
	free(h);
}

static int acpi_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	return open_kind(s, roots, zones, &acpi_kind, e);
}

static int xgene_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	return open_kind(s, roots, zones, &xgene_kind, e);
}

const struct source_ops source_acpi = {
	.name = "acpi",
	.what = "energy of the whole machine (power from ACPI meters)",
	.components = 1u << COMP_PLATFORM,
	.asynchronous = true,
	.open = acpi_open,
	.read = hwmon_read,
	.close = hwmon_close,
};

const struct source_ops source_xgene = {
	.name = "ampere-xgene-hwmon",
	.what = "energy of the processor (power from its hwmon sensor)",
	.components = 1u << COMP_PACKAGE,
	.asynchronous = true,
	.open = xgene_open,
	.read = hwmon_read,
	.close = hwmon_close,
};
