/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real programs in the real kernel, against what the kernel itself says that a child used
 * (wait4). Skipped, and loudly, only where loading is not permitted.
 */
#include "exporter/sources/kernel.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/sources/sources.h"

/* Events that every machine has, in the place of those of a PMU: the clock of a CPU counts
 * nanoseconds. The last one is none. */
static const struct pmu_event stand_ins[] = {
	{ USE_CYCLES, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
	{ USE_INSTRUCTIONS, PERF_TYPE_SOFTWARE, 12345 },
	{ USE_INSTRUCTIONS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
	{ USE_LLC_MISSES, PERF_TYPE_HW_CACHE, 0xffffff },
};

static struct kernel *k;
static struct tick tick;

/* Time that the kernel takes off a task's own: interrupts, and what the machine below this one, if
 * there is one, did instead. We see it pass on the CPU; zero on a quiet machine. */
static uint64_t taken_ns(void)
{
	unsigned long long irq = 0, softirq = 0, steal = 0;
	FILE *f = fopen("/proc/stat", "re");

	if (f && fscanf(f, "cpu %*u %*u %*u %*u %*u %llu %llu %llu", &irq, &softirq, &steal) != 3)
		irq = softirq = steal = 0;
	if (f)
		fclose(f);
	return (irq + softirq + steal) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t taken_before; /* set by open_or_skip */

static void open_or_skip(bool processes, bool untyped)
{
	struct err e = { 0 };

	if (kernel_open(&(struct kernel_options){ .sysfs = "/sys",
						  .procfs = "/proc",
						  .processes = processes,
						  .events = stand_ins,
						  .nevents = COUNT(stand_ins),
						  .untyped = untyped },
			&k, &e) < 0)
		cr_skip_test("BPF cannot be used here: %s", e.msg);
	taken_before = taken_ns();
}

static void read_now(void)
{
	struct err e = { 0 };

	tick_reset(&tick, tick_now_ns());
	cr_assert_eq(kernel_read(k, &tick, &e), 0, "%s", e.msg);
}

static void done(void)
{
	kernel_free(k);
	tick_clear(&tick);
}

/* ---- a control group of its own */

struct group {
	char path[128];
	uint64_t id;
};

/* A group competes as one with everything else on the machine: let it win. */
static void prefer(const struct group *g)
{
	static const char *const files[][2] = { { "cpu.shares", "262144" }, { "cpu.weight", "10000" } };

	for (size_t i = 0; i < COUNT(files); i++) {
		char path[160];

		snprintf(path, sizeof path, "%s/%s", g->path, files[i][0]);
		AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, files[i][1], strlen(files[i][1])) < 0)
			continue; /* as it is, it only takes longer */
	}
}

static void group_make(struct group *g)
{
	static const char *const roots[] = { "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup" };
	static int n;
	struct stat st;

	for (size_t i = 0; i < COUNT(roots); i++) {
		snprintf(g->path, sizeof g->path, "%s/powerstack-test-%d-%d", roots[i], (int)getpid(), n);
		if (mkdir(g->path, 0755) == 0 && stat(g->path, &st) == 0) {
			n++;
			g->id = st.st_ino;
			prefer(g);
			return;
		}
	}
	cr_skip_test("no control group can be made here");
}

static void group_drop(struct group *g)
{
	/* one that has just lost its last task may be busy for an instant */
	for (int i = 0; i < 1000 && rmdir(g->path) < 0; i++)
		usleep(1000);
}

static void enter(const struct group *g)
{
	char path[160];

	snprintf(path, sizeof path, "%s/cgroup.procs", g->path);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(9);
}

static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Uses the CPU for that long, however often it is taken away meanwhile. */
static void burn(uint64_t ns)
{
	uint64_t end = thread_ns() + ns;

	while (thread_ns() < end)
		;
}

static pid_t start(const struct group *g, void (*fn)(uint64_t), uint64_t arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		enter(g);
		fn(arg);
		_exit(0);
	}
	return pid;
}

/* Waits for it; what it and its children have used. */
static uint64_t finish(pid_t pid)
{
	struct rusage u;
	int status = 0;

	cr_assert_eq(wait4(pid, &status, 0, &u), pid);
	cr_assert_eq(status, 0);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

static const struct work_mark *group_mark(uint64_t id)
{
	for (size_t i = 0; i < tick.nworks; i++) {
		if (tick.works[i].cgroup == id && tick.works[i].process == 0)
			return &tick.works[i];
	}
	return NULL;
}

static uint64_t group_use(uint64_t id, enum use use)
{
	const struct work_mark *w = group_mark(id);

	return w ? w->use[use] : 0;
}

/* The most that may be charged to who used so much. */
static uint64_t most_for(uint64_t used, uint64_t per_mille)
{
	return used + used * per_mille / 1000 + taken_ns() - taken_before;
}

static void expect_near(uint64_t charged, uint64_t used, uint64_t per_mille, const char *what)
{
	uint64_t most = most_for(used, per_mille);

	cr_expect(charged >= used - used * per_mille / 1000 && charged <= most,
		  "%s: used %llu ns, charged %llu; at most %llu", what, (unsigned long long)used,
		  (unsigned long long)charged, (unsigned long long)most);
}

/* ---- */

/* What interrupts and the machine below take is told in whole clock ticks, so that one measurement may be off by
 * some: a fault would show every time, such a tick does not. So what is measured is measured again, TURNS times
 * at most, until nothing came between. */
#define TURNS 5

static void one_burner(bool untyped)
{
	struct group g;
	uint64_t used = 0;

	for (int turn = 0; turn < TURNS; turn++) {
		if (turn > 0) {
			group_drop(&g);
			done();
		}
		open_or_skip(false, untyped);
		group_make(&g);
		used = finish(start(&g, burn, 1000000000));
		read_now();
		if (group_use(g.id, USE_CPU_NS) <= most_for(used, 5))
			break;
	}
	expect_near(group_use(g.id, USE_CPU_NS), used, 5, "one burner");
	cr_expect_eq(tick.sched.drops, 0);
	/* A clock in the place of the cycles counts what the time counts; what is no event is left out. */
	expect_near(group_use(g.id, USE_CYCLES), group_use(g.id, USE_CPU_NS), 10, "the clock event");
	cr_expect_eq(tick.sched.measured & 0xfu, 1u << USE_CPU_NS | 1u << USE_CYCLES | 1u << USE_INSTRUCTIONS);
	cr_expect_eq(group_use(g.id, USE_LLC_MISSES), 0);
	cr_expect_not_null(strstr(kernel_missing(k), "cache misses: "), "%s", kernel_missing(k));
	group_drop(&g);
	done();
}

Test(sched, a_burner_is_charged_what_it_used)
{
	one_burner(false);
}

Test(sched, also_by_the_raw_tracepoint)
{
	one_burner(true);
}

/* A process of its own that lives two milliseconds, without the cost of a copy of this one. */
__attribute__((noinline)) static void live_short(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		burn(2000000);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void storm(uint64_t children)
{
	for (uint64_t i = 0; i < children; i++)
		live_short();
}

/* Children that live two milliseconds are charged although nobody has ever looked while they lived. */
Test(sched, a_storm_of_short_lives_is_charged, .timeout = 250)
{
	struct group g;

	open_or_skip(false, false);
	group_make(&g);
	pid_t a = start(&g, storm, 2500), b = start(&g, storm, 2500);
	uint64_t used = finish(a) + finish(b);

	read_now();
	cr_assert_geq(used, 10000000000u);
	expect_near(group_use(g.id, USE_CPU_NS), used, 10, "5000 children");
	cr_expect_eq(tick.sched.drops, 0);
	group_drop(&g);
	done();
}

static void *burn_thread(void *arg)
{
	burn(*(uint64_t *)arg);
	return NULL;
}

static void burn_threads(uint64_t ns)
{
	pthread_t t[64];

	for (size_t i = 0; i < COUNT(t); i++)
		pthread_create(&t[i], NULL, burn_thread, &ns);
	for (size_t i = 0; i < COUNT(t); i++)
		pthread_join(t[i], NULL);
}

static uint64_t process_use(pid_t pid)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < tick.nworks; i++) {
		if (tick.works[i].tgid == (uint32_t)pid && tick.works[i].process)
			ns += tick.works[i].use[USE_CPU_NS];
	}
	return ns;
}

Test(sched, threads_on_all_cpus_are_charged, .timeout = 120)
{
	struct group g;
	pid_t pid = 0;
	uint64_t used = 0;

	for (int turn = 0; turn < TURNS; turn++) {
		if (turn > 0) {
			group_drop(&g);
			done();
		}
		open_or_skip(true, false);
		group_make(&g);
		pid = start(&g, burn_threads, 20000000);
		used = finish(pid);
		read_now();
		if (group_use(g.id, USE_CPU_NS) <= most_for(used, 5) && process_use(pid) <= most_for(used, 5))
			break;
	}
	expect_near(group_use(g.id, USE_CPU_NS), used, 5, "64 threads");
	expect_near(process_use(pid), used, 5, "their process");
	group_drop(&g);
	done();
}

static void spin(uint64_t unused)
{
	(void)unused;
	for (;;)
		;
}

/* One that runs all the time is charged up to the moment of reading. */
Test(sched, what_never_leaves_its_cpu_is_charged_at_once)
{
	struct group g;
	clockid_t clock;
	struct timespec t;

	open_or_skip(false, false);
	group_make(&g);
	uint64_t from = tick_now_ns();
	pid_t pid = start(&g, spin, 0);

	cr_assert_eq(clock_getcpuclockid(pid, &clock), 0);
	for (int i = 0; i < 5; i++) {
		usleep(100000);
		clock_gettime(clock, &t);
		read_now();
		uint64_t least = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		uint64_t charged = group_use(g.id, USE_CPU_NS);

		/* but for its way into the group; and never more than there was */
		cr_expect_geq(charged + 3000000, least, "used %llu, charged %llu", (unsigned long long)least,
			      (unsigned long long)charged);
		cr_expect_leq(charged, tick_now_ns() - from);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	group_drop(&g);
	done();
}

static void sleeping(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

	nanosleep(&t, NULL);
}

/* Idle time is nobody's: a sleeper gets none, and groups add up to what was busy. */
Test(sched, nothing_is_charged_for_idle_time)
{
	struct group g;

	open_or_skip(false, false);
	group_make(&g);
	uint64_t used = finish(start(&g, sleeping, 1000000000));

	read_now();
	cr_expect_leq(group_use(g.id, USE_CPU_NS), used + 3000000 + taken_ns() - taken_before);
	uint64_t sum = 0;

	for (size_t i = 0; i < tick.nworks; i++)
		sum += tick.works[i].use[USE_CPU_NS];
	/* the CPUs are read after the groups: a little more may have come in */
	cr_expect_leq(sum, tick.sched.busy_ns);
	cr_expect_geq(sum + 500000000, tick.sched.busy_ns, "%llu in groups, %llu busy", (unsigned long long)sum,
		      (unsigned long long)tick.sched.busy_ns);
	cr_expect_gt(tick.sched.idle_ns + tick.sched.busy_ns, 0);
	cr_expect_gt(tick.sched.switches, 0);
	group_drop(&g);
	done();
}

/* A group that is removed loses nothing, is told gone, and leaves its slot to the next. */
Test(sched, removed_groups_lose_nothing_and_leave_their_slots, .timeout = 120)
{
	uint64_t used = 0, charged = 0;
	size_t held = 0, most = 0, offered = 0, first = 0;
	bool told = false;

	open_or_skip(false, false);
	if (strstr(kernel_missing(k), "removed control groups"))
		cr_skip_test("the tracepoint cgroup_rmdir cannot be used here");
	kernel_slots(k, false, &held, &first);
	for (int i = 0; i < 60; i++) {
		struct group g;

		group_make(&g);
		used += finish(start(&g, burn, 5000000));
		group_drop(&g);
		read_now();
		const struct work_mark *w = group_mark(g.id);

		cr_assert_not_null(w);
		charged += w->use[USE_CPU_NS];
		told |= w->gone;
		kernel_slots(k, false, &held, &offered);
		most = held > most ? held : most;
	}
	expect_near(charged, used, 20, "60 groups"); /* the way into the group is outside of it */
	cr_expect(told);
	/* each is held for three reads, besides the groups of the machine */
	for (int i = 0; i < 4; i++)
		read_now();
	size_t rest = 0;

	kernel_slots(k, false, &rest, &offered);
	cr_expect_leq(rest + 1, most, "%zu held after %zu", rest, most);
	cr_expect_leq(most, rest + 8, "%zu held at most, %zu in the end", most, rest);
	cr_expect_leq(offered, first + 1024, "%zu offered, %zu at first", offered, first);
	done();
}

/* A new group is likely to be where one that was removed has been: none is charged what the other used. */
Test(sched, groups_where_others_were_have_accounts_of_their_own, .timeout = 120)
{
	struct group g[40];
	uint64_t used[COUNT(g)], all_used = 0, all_charged = 0;

	open_or_skip(true, false);
	for (size_t i = 0; i < COUNT(g); i++) {
		group_make(&g[i]);
		used[i] = finish(start(&g[i], burn, 5000000 + 100000 * i));
		group_drop(&g[i]);
	}
	read_now();
	for (size_t i = 0; i < COUNT(g); i++) {
		/* the way into the group is outside of it */
		cr_expect_geq(group_use(g[i].id, USE_CPU_NS), used[i] * 4 / 5, "group %zu", i);
		all_used += used[i];
		all_charged += group_use(g[i].id, USE_CPU_NS);
	}
	/* Each has its own, and together they have no more: what the machine takes is known of all of it only. */
	cr_expect_leq(all_charged, most_for(all_used, 100));
	cr_expect_eq(tick.sched.drops, 0);
	done();
}

/* More groups than lie close together, all there at once: each has a place. */
Test(sched, thousands_of_groups_have_accounts, .timeout = 240)
{
	static struct group g[3000];
	size_t found = 0;

	open_or_skip(false, false);
	for (size_t i = 0; i < COUNT(g); i++) {
		group_make(&g[i]);
		finish(start(&g[i], burn, 1000));
	}
	read_now();
	for (size_t i = 0; i < COUNT(g); i++) {
		found += group_use(g[i].id, USE_CPU_NS) > 0;
		group_drop(&g[i]);
	}
	cr_expect_eq(found, COUNT(g));
	cr_expect_eq(tick.sched.drops, 0);
	done();
}

/* Burns a while whenever it is told to. */
static void burn_when_told(int told, int burnt)
{
	char byte;

	while (read(told, &byte, 1) == 1) {
		burn(2000000);
		if (write(burnt, &byte, 1) != 1)
			_exit(8);
	}
	_exit(0);
}

static uint64_t group_of_process(pid_t pid)
{
	read_now();
	for (size_t i = 0; i < tick.nworks; i++) {
		if (tick.works[i].tgid == (uint32_t)pid && tick.works[i].process)
			return tick.works[i].cgroup;
	}
	return 0;
}

/* A process is told in the group where it ran last, also on a CPU that has last seen it in that group long ago. */
Test(sched, a_process_that_moves_is_told_where_it_is)
{
	struct group g[2];
	static const struct { int cpu, group; } steps[] = { { 1, 0 }, { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 }, { 0, 1 } };
	int there[2], back[2];
	cpu_set_t all, one;
	char path[160], number[16], byte = 'x';

	open_or_skip(true, false);
	group_make(&g[0]);
	group_make(&g[1]);
	cr_assert(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
	cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
	pid_t pid = fork();

	if (pid == 0) {
		close(there[1]);
		burn_when_told(there[0], back[1]);
	}
	snprintf(number, sizeof number, "%d", (int)pid);
	for (size_t i = 0; i < COUNT(steps); i++) {
		/* while it sleeps; on a machine with one CPU, always there */
		CPU_ZERO(&one);
		for (int cpu = 0, n = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
			if (CPU_ISSET(cpu, &all) && n++ == (CPU_COUNT(&all) > 1 ? steps[i].cpu : 0))
				CPU_SET(cpu, &one);
		}
		cr_assert_eq(sched_setaffinity(pid, sizeof one, &one), 0);
		snprintf(path, sizeof path, "%s/cgroup.procs", g[steps[i].group].path);
		AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

		cr_assert_eq(write(fd, number, strlen(number)), (ssize_t)strlen(number));
		cr_assert_eq(write(there[1], &byte, 1), 1);
		cr_assert_eq(read(back[0], &byte, 1), 1);
		cr_expect_eq(group_of_process(pid), g[steps[i].group].id, "step %zu", i);
	}
	close(there[1]);
	waitpid(pid, NULL, 0);
	close(there[0]);
	close(back[0]);
	close(back[1]);
	group_drop(&g[0]);
	group_drop(&g[1]);
	done();
}

/* Each process of a storm has its own account while it lasts; all slots come back. */
Test(sched, processes_are_told_apart_and_leave_their_slots, .timeout = 120)
{
	struct group g;
	uint64_t charged = 0, used;
	size_t held = 0, offered = 0, seen = 0, gone = 0;

	open_or_skip(true, false);
	group_make(&g);
	pid_t pid = start(&g, storm, 300);

	used = finish(pid);
	read_now();
	for (size_t i = 0; i < tick.nworks; i++) {
		const struct work_mark *w = &tick.works[i];

		if (w->process == 0 || w->cgroup != g.id)
			continue;
		seen++;
		gone += w->gone;
		charged += w->use[USE_CPU_NS];
		cr_expect_neq(w->comm[0], '\0');
	}
	cr_expect_eq(seen, 301, "%zu processes", seen);
	cr_expect_eq(gone, 301, "%zu processes gone", gone);
	expect_near(charged, used, 10, "its processes");
	cr_expect_eq(tick.sched.drops, 0);
	kernel_slots(k, true, &held, &offered);
	size_t most = held;

	for (int i = 0; i < 3; i++)
		read_now();
	kernel_slots(k, true, &held, &offered);
	cr_expect_leq(held + 301, most + 100, "%zu of %zu still held", held, most);
	group_drop(&g);
	done();
}

static void send_to_itself(uint64_t packets)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char byte;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		_exit(8);
	for (uint64_t i = 0; i < packets; i++) {
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&a, len) == 1)
			recv(fd, &byte, 1, MSG_DONTWAIT);
	}
}

Test(sched, softirqs_are_charged_to_whom_they_interrupt)
{
	struct group g;

	open_or_skip(false, false);
	group_make(&g);
	finish(start(&g, send_to_itself, 2000));
	read_now();
	if (tick.sched.measured & 1u << USE_NET_RX)
		cr_expect_geq(group_use(g.id, USE_NET_RX), 1000);
	else
		cr_skip_test("softirqs cannot be counted here: %s", kernel_missing(k));
	group_drop(&g);
	done();
}

/* As the exporter opens it. */
Test(sched, the_source_names_its_programs)
{
	static const struct source_ops *const only_sched[] = { &source_sched };
	static struct sampler sp;
	struct config config;
	bool found = false;

	config_init(&config);
	struct err e = { 0 };

	cr_assert_eq(sampler_open(&sp, only_sched, 1,
				  &(struct roots){ .sysfs = "/sys", .procfs = "/proc", .rootfs = "/",
						   .config = &config },
				  &e), 0);
	if (!sp.v[0].state)
		cr_skip_test("BPF cannot be used here: %s", sp.v[0].why.msg);
	sampler_read(&sp, tick_now_ns(), &tick);
	cr_expect(sp.v[0].up, "%s", sp.v[0].why.msg);
	cr_expect(tick.sched.there);
	cr_expect(!tick.sched.processes);
	for (size_t i = 0; i < tick.nprograms; i++)
		found |= strncmp(tick.programs[i].name, "switch_", 7) == 0;
	cr_expect(found);
	sampler_close(&sp);
	tick_clear(&tick);
}
