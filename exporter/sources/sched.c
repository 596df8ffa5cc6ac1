/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who uses the CPUs, from the kernel (kernel.h). Optional as a whole: without the rights, without BTF
 * or on an old kernel it says so and stays out.
 */
#include "exporter/sources/kernel.h"
#include "exporter/sources/sources.h"

static int sched_open(struct source *s, const struct roots *roots, struct zones *zones, struct err *e)
{
	struct kernel *k = NULL;
	int rc = kernel_open(&(struct kernel_options){ .sysfs = roots->sysfs,
						       .procfs = roots->procfs,
						       .processes = roots->processes,
						       .events = pmu_events,
						       .nevents = npmu_events },
			     &k, e);

	(void)zones;
	s->state = rc == 0 ? k : NULL;
	return rc;
}

static int sched_read(struct source *s, struct tick *into, struct err *e)
{
	return kernel_read(s->state, into, e);
}

static void sched_close(struct source *s)
{
	kernel_free(s->state);
}

static const char *sched_lacks(const struct source *s)
{
	return kernel_missing(s->state);
}

const struct source_ops source_sched = {
	.name = "bpf",
	.what = "who uses the CPUs: time, cycles, misses, softirqs (BPF at sched_switch)",
	.open = sched_open,
	.read = sched_read,
	.close = sched_close,
	.lacks = sched_lacks,
};
