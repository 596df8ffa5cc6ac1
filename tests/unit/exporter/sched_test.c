/* SPDX-License-Identifier: BSD-2-Clause */
/* The real programs in the real kernel. Skipped, and loudly, only where loading is not permitted. */
#include "exporter/sources/sources.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static struct sampler sp;
static struct tick before, after;
static struct config config;
static const struct source_ops *const only_sched[] = { &source_sched };

static void open_or_skip(void)
{
	config_init(&config);
	sampler_open(&sp, only_sched, 1,
		     &(struct roots){ .sysfs = "/sys", .procfs = "/proc", .rootfs = "/", .config = &config });
	if (!sp.v[0].state)
		cr_skip_test("BPF cannot be used here: %s", sp.v[0].why.msg);
}

static void done(void)
{
	sampler_close(&sp);
	tick_clear(&before);
	tick_clear(&after);
}

static uint64_t used_ns(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

static void burn(uint64_t ns)
{
	uint64_t end = tick_now_ns() + ns;

	while (tick_now_ns() < end)
		;
}

static uint64_t works(const struct tick *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->nworks; i++)
		sum += t->works[i].use[USE_CPU_NS];
	return sum;
}

/* One that never leaves its CPU is charged up to the moment of reading, and nothing is charged twice:
 * what all CPUs did adds up to the time that passed. */
Test(sched, busy_and_idle_fill_the_time_of_all_cpus)
{
	open_or_skip();
	sampler_read(&sp, tick_now_ns(), &before);
	uint64_t from = tick_now_ns(), used = used_ns(RUSAGE_SELF);

	burn(1000000000);
	used = used_ns(RUSAGE_SELF) - used;
	sampler_read(&sp, tick_now_ns(), &after);
	uint64_t passed = (tick_now_ns() - from) * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t busy = after.sched.busy_ns - before.sched.busy_ns;
	uint64_t idle = after.sched.idle_ns - before.sched.idle_ns;

	cr_expect(sp.v[0].up, "%s", sp.v[0].why.msg);
	cr_expect_geq(busy, used * 995 / 1000, "used %llu ns, charged %llu", (unsigned long long)used,
		      (unsigned long long)busy);
	/* idle CPUs are left asleep: their time is booked when they wake */
	cr_expect_leq(busy + idle, passed * 1005 / 1000 + 4000000000u);
	cr_expect_leq(busy, passed * 1005 / 1000, "charged %llu ns of %llu", (unsigned long long)busy,
		      (unsigned long long)passed);
	cr_expect_eq(after.sched.drops, 0);
	cr_expect_gt(after.sched.switches, before.sched.switches);
	done();
}

/* Every charge is somebody's: control groups add up to what all CPUs were busy. */
Test(sched, groups_add_up_to_the_whole)
{
	open_or_skip();
	burn(300000000);
	sampler_read(&sp, tick_now_ns(), &after);
	cr_expect_geq(after.nworks, 1);
	uint64_t sum = works(&after), busy = after.sched.busy_ns;

	/* the groups are read after the CPUs, so a little more may have come in */
	cr_expect_geq(sum, busy);
	cr_expect_leq(sum - busy, 50000000u, "%llu in groups, %llu busy", (unsigned long long)sum,
		      (unsigned long long)busy);
	done();
}

/* Children that live two milliseconds are charged although nobody has ever seen them. */
Test(sched, short_lives_are_charged)
{
	open_or_skip();
	sampler_read(&sp, tick_now_ns(), &before);
	uint64_t used = used_ns(RUSAGE_CHILDREN) + used_ns(RUSAGE_SELF);

	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			burn(2000000);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	used = used_ns(RUSAGE_CHILDREN) + used_ns(RUSAGE_SELF) - used;
	sampler_read(&sp, tick_now_ns(), &after);
	uint64_t busy = after.sched.busy_ns - before.sched.busy_ns;

	cr_expect_gt(used, 300000000u);
	cr_expect_geq(busy, used * 99 / 100, "used %llu ns, charged %llu", (unsigned long long)used,
		      (unsigned long long)busy);
	done();
}

Test(sched, programs_are_told)
{
	open_or_skip();
	sampler_read(&sp, tick_now_ns(), &after);
	cr_expect_eq(after.nprograms, 2);
	cr_expect(strcmp(after.programs[0].name, "switch_btf") == 0 ||
		  strcmp(after.programs[0].name, "switch_raw") == 0);
	cr_expect_str_eq(after.programs[1].name, "flush");
	done();
}
