/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who uses the CPUs, from the kernel: loads bpf/power.bpf.c and reads its counters. Optional as a
 * whole: without the rights, without BTF or on an old kernel it says so and stays out.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/cleanup.h"
#include "bpf/power.h"
#include "exporter/sources/sources.h"
#include "power.skel.h"

#define CGROUP2_MAGIC 0x63677270

struct sched {
	struct power *bpf;
	size_t ncpus;		/* rows in every per-CPU value */
	struct power_cpu *cpus;
	struct power_use *uses;
};

/* What libbpf last complained about: it reports through a callback without an argument. */
static char complaint[256];

static int keep_complaint(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && complaint[0] == '\0') {
		vsnprintf(complaint, sizeof complaint, fmt, ap);
		complaint[strcspn(complaint, "\n")] = '\0';
	}
	return 0;
}

static void sched_free(struct sched *sc)
{
	power__destroy(sc->bpf);
	free(sc->cpus);
	free(sc->uses);
	free(sc);
}

static void cleanup_sched(struct sched **sc)
{
	if (*sc)
		sched_free(*sc);
}

static uint64_t kernel_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now); /* the clock of bpf_ktime_get_ns() */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int refuse(struct err *e, int rc, const char *doing)
{
	if (rc == -EPERM || rc == -EACCES)
		return err_set(e, ERR_FAILED, "%s: not permitted; run as root or with CAP_BPF and "
			       "CAP_PERFMON", doing);
	return err_set(e, ERR_FAILED, "%s: %s%s%s", doing, strerror(-rc), complaint[0] ? ": " : "",
		       complaint);
}

static int sched_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	(void)zones;
	int ncpus = libbpf_num_possible_cpus();
	__attribute__((cleanup(cleanup_sched))) struct sched *sc = calloc(1, sizeof *sc);

	if (!sc || ncpus <= 0)
		return err_set(e, ERR_MEMORY, "no memory for the scheduler's counters");
	sc->ncpus = (size_t)ncpus;
	sc->cpus = calloc(sc->ncpus, sizeof *sc->cpus);
	sc->uses = calloc(sc->ncpus, sizeof *sc->uses);
	if (!sc->cpus || !sc->uses)
		return err_set(e, ERR_MEMORY, "no memory for the counters of %zu CPUs", sc->ncpus);

	complaint[0] = '\0';
	libbpf_set_print(keep_complaint);
	sc->bpf = power__open();
	if (!sc->bpf)
		return refuse(e, -errno, "cannot open the BPF programs");

	char path[PATH_MAX];
	struct statfs fs;

	snprintf(path, sizeof path, "%s/fs/cgroup", roots->sysfs);
	bool v2 = statfs(path, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_MAGIC;

	sc->bpf->rodata->config.hierarchy = v2 ? POWER_HIERARCHY_V2 : POWER_HIERARCHY_CPU;
	bool typed = libbpf_find_vmlinux_btf_id("sched_switch", BPF_TRACE_RAW_TP) > 0;

	bpf_program__set_autoload(typed ? sc->bpf->progs.switch_raw : sc->bpf->progs.switch_btf, false);
	bpf_program__set_autoattach(sc->bpf->progs.flush, false);
	int rc = power__load(sc->bpf);

	if (rc < 0)
		return refuse(e, rc, "cannot load the BPF programs");
	sc->bpf->bss->attached_ns = kernel_now_ns();
	rc = power__attach(sc->bpf);
	if (rc < 0)
		return refuse(e, rc, "cannot attach to sched_switch");
	s->state = take_ptr(&sc);
	return 0;
}

static int read_cpus(struct sched *sc, struct err *e)
{
	uint32_t row = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(sc->bpf->maps.cpus), &row, sc->cpus) < 0)
		return err_errno(e, ERR_FAILED, "cannot read the BPF map 'cpus'");
	return 0;
}

/* Charges what runs right now, on every CPU that runs something: a task that never leaves its CPU
 * is charged up to this instant. An idle CPU is left asleep; one gone offline answers an error that
 * means nothing. */
static void flush_running(struct sched *sc)
{
	for (size_t i = 0; i < sc->ncpus; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, on, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = (uint32_t)i);

		if (sc->cpus[i].busy)
			(void)bpf_prog_test_run_opts(bpf_program__fd(sc->bpf->progs.flush), &on);
	}
}

static void read_programs(const struct sched *sc, struct tick *into)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, sc->bpf->obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof info;

		if (bpf_program__fd(prog) < 0 || into->nprograms == PROGRAMS_MAX ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size) < 0)
			continue;
		struct program_mark *m = &into->programs[into->nprograms++];

		*m = (struct program_mark){ .runs = info.run_cnt, .run_ns = info.run_time_ns };
		snprintf(m->name, sizeof m->name, "%s", bpf_program__name(prog));
	}
}

static int sched_read(struct source *s, struct tick *into, struct err *e)
{
	struct sched *sc = s->state;
	int rc = read_cpus(sc, e);

	if (rc < 0)
		return rc;
	flush_running(sc);
	rc = read_cpus(sc, e);
	if (rc < 0)
		return rc;

	struct sched_mark sum = { .there = true, .measured = 1u << USE_CPU_NS };

	for (size_t i = 0; i < sc->ncpus; i++) {
		sum.busy_ns += sc->cpus[i].busy_ns;
		sum.idle_ns += sc->cpus[i].idle_ns;
		sum.switches += sc->cpus[i].switches;
		sum.drops += sc->cpus[i].drops;
	}
	into->sched = sum;

	int map = bpf_map__fd(sc->bpf->maps.cgroups);
	uint64_t key, *at = NULL;

	while (bpf_map_get_next_key(map, at, &key) == 0) {
		struct work_mark work = { .cgroup = key };

		at = &key;
		if (bpf_map_lookup_elem(map, &key, sc->uses) < 0)
			return err_errno(e, ERR_FAILED, "cannot read the BPF map 'cgroups'");
		for (size_t i = 0; i < sc->ncpus; i++)
			work.use[USE_CPU_NS] += sc->uses[i].cpu_ns;
		rc = tick_add_work(into, &work, e);
		if (rc < 0)
			return rc;
	}
	read_programs(sc, into);
	return 0;
}

static void sched_close(struct source *s)
{
	sched_free(s->state);
}

const struct source_ops source_sched = {
	.name = "bpf",
	.what = "on-CPU time of control groups (BPF at sched_switch)",
	.open = sched_open,
	.read = sched_read,
	.close = sched_close,
};
