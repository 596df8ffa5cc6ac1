/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is drawn where nothing measures it, as in most virtual machines: estimated from how much the CPUs
 * are used, by a power model (model/model.h) that comes from files of Kepler's format or else from the
 * embedded table. The figures become energy counters like any other's; who adds them up is told by label
 * source="trained_power_model" that nobody measured them. Counts on machines without meters only
 * (choice.h).
 *
 * How much the CPUs are used is told by the scheduler's source in the same tick, read before; where
 * that is missing, CPU time comes from /proc/stat, in ticks of 10 ms, and models that need more do
 * not work. What is drawn at rest is idle, exactly: the model says so, it need not be learnt.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "exporter/choice.h"
#include "exporter/cpu.h"
#include "exporter/model/model.h"
#include "exporter/number.h"
#include "exporter/sources/sources.h"
#include "base/wide.h"

#define SECOND_NS UINT64_C(1000000000)
/* A longer interval is a machine that was suspended: what it drew meanwhile nobody knows. */
#define GAP_NS (180 * SECOND_NS)
#define FILES_MAX 8

/* Microwatts for nanoseconds, added up to whole microjoules. */
struct sum {
	uint64_t uj, rest;
};

struct estimator {
	unsigned index;
	const struct roots *roots;
	struct zones *zones;
	struct machine here;
	struct model model;
	unsigned needs;
	bool from_files;
	char said[512]; /* what this goes without */
	uint32_t zone[NCOMPONENTS];
	struct sum energy[NCOMPONENTS], idle[NCOMPONENTS];
	/* As last read. */
	bool began;
	uint64_t at_ns, used[NUSES], stat_ns;
	bool had_sched, had_stat;
};

static void add(struct sum *s, uint64_t uw, uint64_t ns)
{
	s->uj += wide_carry(uw, ns, SECOND_NS, &s->rest);
}

/* ---- the machine */

static unsigned count_cpus(const struct roots *roots)
{
	char path[PATH_MAX], text[4096];
	struct err none = { 0 };
	AUTO_FREE unsigned *list = calloc(CPUS_MAX, sizeof *list);
	size_t n = 0;

	snprintf(path, sizeof path, "%s/devices/system/cpu/online", roots->sysfs);
	if (list && number_text(path, text, sizeof text, &none) == 0 &&
	    cpu_list(text, strlen(text), list, CPUS_MAX, &n, &none) == 0 && n > 0)
		return (unsigned)n;
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 0 ? (unsigned)online : 1;
}

static void read_machine(const struct roots *roots, struct machine *ret)
{
	struct cpu cpu;
	const char *said = getenv("CPU_ARCH_OVERRIDE");

	cpu_read(roots->procfs, &cpu);
	const char *name = cpu_microarchitecture(&cpu);

	/* Family and model say more than the PMU's name, but the user knows best. */
	if (name && !(said && said[0]))
		snprintf(ret->family, sizeof ret->family, "%s", name);
	else
		cpu_name(roots->sysfs, roots->procfs, ret->family, sizeof ret->family);
	ret->cpus = count_cpus(roots);
}

/* ---- models */

static int add_file(struct estimator *s, const char *path, struct err *e)
{
	AUTO_BUF struct buf text;

	buf_init(&text, MODEL_JSON_MAX);
	if (strstr(path, "://"))
		return err_set(e, ERR_CONFIG, "'%s' is no file: fetch it and name the file, no server is asked", path);
	int rc = file_read(path, &text, NULL, e);

	rc = rc < 0 ? rc : model_add_json(buf_str(&text), text.len, &s->here, &s->model, e);
	return rc < 0 ? err_wrap(e, "power model '%s'", path) : 0;
}

/* "FILE,FILE" */
static int add_files(struct estimator *s, const char *list, struct err *e)
{
	size_t n = 0;

	for (const char *at = list; *at;) {
		char path[PATH_MAX];
		size_t len = strcspn(at, ",");

		if (len == 0 || len >= sizeof path || ++n > FILES_MAX)
			return err_set(e, ERR_CONFIG, "'%s' is no list of at most %d files", list, FILES_MAX);
		snprintf(path, sizeof path, "%.*s", (int)len, at);
		int rc = add_file(s, path, e);

		if (rc < 0)
			return rc;
		at += len;
		at += *at == ',';
	}
	return 0;
}

/* Kepler's MODEL_CONFIG has lines KEY=VALUE; of the node's models these name a file (or a server). */
static int add_kepler_files(struct estimator *s, const char *config, struct err *e)
{
	static const char *const keys[] = { "NODE_TOTAL_INIT_URL=", "NODE_COMPONENTS_INIT_URL=" };

	for (const char *line = config; *line;) {
		size_t len = strcspn(line, "\n"), lead = strspn(line, " \t");
		char path[PATH_MAX];

		for (size_t i = 0; i < COUNT(keys); i++) {
			size_t klen = strlen(keys[i]);

			if (lead + klen >= len || strncmp(line + lead, keys[i], klen) != 0)
				continue;
			int n = (int)(len - lead - klen);

			while (n > 0 && strchr(" \t\r", line[lead + klen + (size_t)n - 1]))
				n--;
			snprintf(path, sizeof path, "%.*s", n, line + lead + klen);
			int rc = n == 0 ? 0 : add_file(s, strncmp(path, "file://", 7) == 0 ? path + 7 : path, e);

			if (rc < 0)
				return err_wrap(e, "MODEL_CONFIG");
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

/* Fills model for the machine as it is. */
static int make_model(struct estimator *s, struct err *e)
{
	const struct meters *m = s->roots->meters;
	const char *files = m ? m->model : NULL, *kepler = getenv("MODEL_CONFIG");
	bool exact = true;

	read_machine(s->roots, &s->here);
	s->model = (struct model){ .name = "" };
	int rc = files && files[0] ? add_files(s, files, e) : kepler ? add_kepler_files(s, kepler, e) : 0;

	rc = rc < 0 ? rc : model_check(&s->model, e);
	if (rc < 0)
		return rc;
	s->from_files = s->model.name[0] != '\0';
	if (!s->from_files)
		model_from_table(&s->here, &s->model, &exact);
	s->needs = model_needs(&s->model);
	snprintf(s->said, sizeof s->said, "measurements: all its figures are estimates by the %s%s", s->model.name,
		 s->from_files ? "" : "; --estimator.model takes a model of this very machine");
	return 0;
}

static int make_zones(struct estimator *s, struct err *e)
{
	for (enum component c = 0; c < NCOMPONENTS; c++) {
		struct zone z = { .component = c, .source = s->index, .knows_idle = true,
				  .power_max_uw = (uint64_t)(MODEL_MAX_W * 1e6) };

		if (!s->model.v[c].there)
			continue;
		snprintf(z.name, sizeof z.name, "estimated-%s", component_name(c));
		snprintf(z.package, sizeof z.package, "%s", c == COMP_PLATFORM ? "estimator0" : "0");
		int rc = zones_intern(s->zones, &z, &s->zone[c], e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int estimator_open(struct source *source, const struct roots *roots, struct zones *zones, struct err *e)
{
	AUTO_FREE struct estimator *s = calloc(1, sizeof *s);

	if (!s)
		return err_set(e, ERR_MEMORY, "no memory for a power model");
	s->index = source->index;
	s->roots = roots;
	s->zones = zones;
	int rc = make_model(s, e);

	rc = rc < 0 ? rc : make_zones(s, e);
	if (rc == 0)
		source->state = take_ptr(&s);
	return rc;
}

/* ---- use */

/* CPU time from the first line of /proc/stat: user, nice, system, (idle, iowait,) irq, softirq. What
 * the host took away (steal) was not used here. */
static int read_stat(const struct estimator *s, uint64_t *ret_ns, struct err *e)
{
	char path[PATH_MAX], text[512];
	unsigned long long v[7];
	long hz = sysconf(_SC_CLK_TCK);

	snprintf(path, sizeof path, "%s/stat", s->roots->procfs);
	int rc = number_text(path, text, sizeof text, e);

	if (rc < 0)
		return rc;
	if (sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &v[6]) != 7 || hz <= 0)
		return err_set(e, ERR_FAILED, "'%s' does not begin with the CPUs' times", path);
	*ret_ns = (v[0] + v[1] + v[2] + v[5] + v[6]) * (SECOND_NS / (uint64_t)hz);
	return 0;
}

/* Uses since the last read, or that they are not known since then: false. */
static int read_use(struct estimator *s, const struct tick *t, uint64_t ret[NUSES], bool *ret_known, struct err *e)
{
	const struct sched_mark *sched = &t->sched;
	uint64_t now[NUSES] = { 0 }, stat_ns = s->stat_ns;
	unsigned there = 0;
	int rc = 0;

	if (sched->there) {
		memcpy(now, sched->used, sizeof now);
		now[USE_CPU_NS] = sched->busy_ns;
		there = sched->measured | 1u << USE_CPU_NS;
	} else {
		rc = read_stat(s, &stat_ns, e);
		there = rc == 0 ? 1u << USE_CPU_NS : 0;
	}
	*ret_known = sched->there ? s->had_sched : rc == 0 && s->had_stat;
	for (enum use u = 0; u < NUSES; u++) {
		ret[u] = sched->there ? now[u] - s->used[u] : 0;
		*ret_known &= !sched->there || now[u] >= s->used[u];
	}
	if (!sched->there) {
		ret[USE_CPU_NS] = stat_ns >= s->stat_ns ? stat_ns - s->stat_ns : 0;
		*ret_known &= stat_ns >= s->stat_ns;
	}
	s->had_sched = sched->there;
	s->had_stat = !sched->there && rc == 0;
	memcpy(s->used, now, sizeof s->used);
	s->stat_ns = stat_ns;
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nmodel_units; i++) {
		if ((s->needs & ~there) & 1u << model_units[i].use)
			return err_set(e, ERR_FAILED, "the model needs %s, which is not counted here",
				       model_units[i].name);
	}
	return 0;
}

/* Adds what was drawn in ns. */
static int estimate(struct estimator *s, const uint64_t used[NUSES], uint64_t ns, struct err *e)
{
	static const double nothing[NUSES] = { 0 };
	uint64_t uw[NCOMPONENTS], idle_uw[NCOMPONENTS];
	double per_second[NUSES];

	for (enum use u = 0; u < NUSES; u++)
		per_second[u] = (double)used[u] / ((double)ns / 1e9);
	/* More than all CPUs cannot be: the two clocks are read a little apart. */
	if (per_second[USE_CPU_NS] > s->here.cpus * 1e9)
		per_second[USE_CPU_NS] = s->here.cpus * 1e9;
	if (!model_power(&s->model, per_second, uw) || !model_power(&s->model, nothing, idle_uw))
		return err_set(e, ERR_FAILED, "the power model has no value at this use of the CPUs");
	for (size_t c = 0; c < NCOMPONENTS; c++) {
		add(&s->energy[c], uw[c], ns);
		add(&s->idle[c], idle_uw[c] < uw[c] ? idle_uw[c] : uw[c], ns);
	}
	return 0;
}

static int estimator_read(struct source *source, struct tick *into, struct err *e)
{
	struct estimator *s = source->state;
	uint64_t used[NUSES], ns = into->at_ns - s->at_ns;
	unsigned cpus = count_cpus(s->roots);
	bool known = false;
	int rc = 0;

	if (cpus != s->here.cpus) {
		rc = make_model(s, e);
		rc = rc < 0 ? rc : make_zones(s, e);
	}
	rc = rc < 0 ? rc : read_use(s, into, used, &known, e);
	known &= rc == 0 && s->began && into->at_ns > s->at_ns && ns <= GAP_NS;
	if (known)
		rc = estimate(s, used, ns, e);
	s->at_ns = into->at_ns;
	s->began = rc == 0;
	for (enum component c = 0; c < NCOMPONENTS && rc == 0; c++) {
		if (!s->model.v[c].there)
			continue;
		rc = tick_add_mark(into, &(struct zone_mark){ .zone = s->zone[c], .anew = !known,
							      .uj = s->energy[c].uj, .idle_uj = s->idle[c].uj,
							      .at_ns = into->at_ns }, e);
	}
	return rc;
}

static const char *estimator_lacks(const struct source *source)
{
	return ((const struct estimator *)source->state)->said;
}

static void estimator_close(struct source *source)
{
	free(source->state);
}

const struct source_ops source_estimator = {
	.name = "trained_power_model",
	.what = "estimates from how much the CPUs are used, where no meter tells of package or platform",
	.components = 1u << COMP_PACKAGE | 1u << COMP_CORE | 1u << COMP_UNCORE | 1u << COMP_DRAM |
		      1u << COMP_PLATFORM,
	.estimates = true,
	.open = estimator_open,
	.read = estimator_read,
	.lacks = estimator_lacks,
	.close = estimator_close,
};
