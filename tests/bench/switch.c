/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What our accounting adds to a context switch: nanoseconds for one run of the program at sched_switch, as the
 * kernel itself takes them (BPF_ENABLE_STATS), against peers on the same hook (switch_peers.bpf.c). Ours is loaded by
 * the exporter's own code. They take turns, one attached at a time, and a ratio is the middle one of those of all
 * rounds, each within its round. What is measured includes the taking, which is what the empty program costs.
 *
 *	switch ROUNDS GROUP...
 *
 * Loads: two processes pinned to one CPU that pass a byte to and fro; and 10 processes in each of the control groups
 * whose folders are given, which sleep and wake. A "_to_goal_" of more than 1: it was not reached.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exporter/sources/kernel.h"
#include "switch_peers.skel.h"

#define ROUNDS_MAX 99
#define EACH 10 /* processes in a group */
#define LOAD_MAX 8192
/* A turn: it settles first, so that everybody has been seen; then it is measured for so long and so much. */
#define SETTLE_MS 300
#define MEASURE_MS 300
#define SWITCHES_MIN 10000
/* One of the many sleeps for half of this to one and a half. */
#define SLEEP_US 40000

enum contender { EMPTY, CLOCK, ADD, KEPLER, GROUPS, PROCESSES, NCONTENDERS };

static const char *const names[NCONTENDERS] = {
	[EMPTY] = "empty",   [CLOCK] = "clock",	  [ADD] = "clock_and_add", /* what the goals are of */
	[KEPLER] = "kepler", [GROUPS] = "groups", [PROCESSES] = "groups_and_processes",
};

static void die(const struct err *e)
{
	fprintf(stderr, "switch: %s\n", e->msg);
	exit(1);
}

static void die_errno(const char *doing)
{
	struct err e = { 0 };

	err_errno(&e, ERR_FAILED, "%s", doing);
	die(&e);
}

static void sleep_us(unsigned us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* ---- loads */

static pid_t load[LOAD_MAX];
static size_t nload;

/* A process of the load: true in it. It ends with this one. */
static bool another(void)
{
	pid_t parent = getpid(), pid = nload < LOAD_MAX ? fork() : -1;

	if (pid < 0)
		die_errno("cannot start the load");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		return true;
	}
	load[nload++] = pid;
	return false;
}

static void end_load(void)
{
	for (size_t i = 0; i < nload; i++)
		kill(load[i], SIGKILL);
	for (size_t i = 0; i < nload; i++)
		waitpid(load[i], NULL, 0);
	nload = 0;
}

static void pin(void)
{
	cpu_set_t all, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof all, &all) < 0)
		die_errno("cannot ask for the CPUs");
	for (int i = CPU_SETSIZE - 1; i >= 0 && CPU_COUNT(&one) == 0; i--) {
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	}
	if (sched_setaffinity(0, sizeof one, &one) < 0)
		die_errno("cannot stay on one CPU");
}

static void pass_on(int from, int to)
{
	char byte;

	pin();
	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
		;
	_exit(0);
}

static void start_pipe(void)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0 || write(there[1], "x", 1) != 1)
		die_errno("cannot make a pipe");
	if (another())
		pass_on(there[0], back[1]);
	if (another())
		pass_on(back[0], there[1]);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
}

static void wake_and_sleep(const char *group, unsigned seed)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		die_errno(path);
	close(fd);
	for (;;)
		sleep_us(SLEEP_US / 2 + (unsigned)rand_r(&seed) % SLEEP_US);
}

static void start_many(char *const *groups, size_t ngroups)
{
	for (size_t i = 0; i < ngroups * EACH; i++) {
		if (another())
			wake_and_sleep(groups[i % ngroups], (unsigned)i);
	}
}

/* ---- turns */

struct stats {
	uint64_t runs, ns;
};

static struct stats peer_stats(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof info;

	if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size) < 0)
		die_errno("cannot read a program's statistics");
	return (struct stats){ info.run_cnt, info.run_time_ns };
}

static struct stats our_stats(struct kernel *k)
{
	static struct tick tick;
	struct err e = { 0 };
	struct stats ret = { 0 };

	tick_reset(&tick, 1);
	if (kernel_read(k, &tick, &e) < 0)
		die(&e);
	for (size_t i = 0; i < tick.nprograms; i++) {
		if (strncmp(tick.programs[i].name, "switch_", 7) == 0)
			ret = (struct stats){ tick.programs[i].runs, tick.programs[i].run_ns };
	}
	if (tick.sched.drops > 0)
		die(&(struct err){ .msg = "charges were dropped: there are too many groups or processes here" });
	return ret;
}

static struct kernel *open_ours(bool processes)
{
	struct kernel *k = NULL;
	struct err e = { 0 };

	if (kernel_open(&(struct kernel_options){ .sysfs = "/sys",
						  .procfs = "/proc",
						  .processes = processes,
						  .events = pmu_events,
						  .nevents = npmu_events },
			&k, &e) < 0)
		die(&e);
	return k;
}

/* Nanoseconds a switch. p or k: who has its turn. */
static double measure(const struct bpf_program *p, struct kernel *k)
{
	sleep_us(SETTLE_MS * 1000);
	struct stats before = p ? peer_stats(p) : our_stats(k), after = before;

	for (int ms = 0; ms < MEASURE_MS || after.runs - before.runs < SWITCHES_MIN; ms += MEASURE_MS) {
		sleep_us(MEASURE_MS * 1000);
		after = p ? peer_stats(p) : our_stats(k);
	}
	return (double)(after.ns - before.ns) / (double)(after.runs - before.runs);
}

static double turn(struct switch_peers *peers, enum contender who)
{
	struct bpf_program *const programs[NCONTENDERS] = {
		[EMPTY] = peers->progs.peer_empty,
		[CLOCK] = peers->progs.peer_clock,
		[ADD] = peers->progs.peer_add,
		[KEPLER] = peers->progs.peer_kepler,
	};

	if (programs[who]) {
		struct bpf_link *link = bpf_program__attach(programs[who]);

		if (!link)
			die_errno("cannot attach a peer");
		double ns = measure(programs[who], NULL);

		bpf_link__destroy(link);
		return ns;
	}
	struct kernel *k = open_ours(who == PROCESSES);
	double ns = measure(NULL, k);

	kernel_free(k);
	return ns;
}

/* ---- figures */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double middle(const double *v, size_t n)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, v, n * sizeof *v);
	qsort(sorted, n, sizeof *sorted, by_size);
	return sorted[n / 2];
}

struct figures {
	double ns[NCONTENDERS][ROUNDS_MAX];
	size_t rounds;
};

static double ratio(const struct figures *f, enum contender who, enum contender to)
{
	double v[ROUNDS_MAX];

	for (size_t i = 0; i < f->rounds; i++)
		v[i] = f->ns[who][i] / f->ns[to][i];
	return middle(v, f->rounds);
}

static void reached(const char *load_name, const struct figures *f, enum contender who, double times)
{
	double to_add = ratio(f, who, ADD), to_kepler = ratio(f, who, KEPLER);

	printf("switch_%s_%s_to_clock_and_add %.2f ratio\n", load_name, names[who], to_add);
	printf("switch_%s_%s_to_kepler %.2f ratio\n", load_name, names[who], to_kepler);
	printf("switch_%s_%s_to_goal_of_%.2f_clock_and_adds %.2f ratio\n", load_name, names[who], times, to_add / times);
	printf("switch_%s_%s_to_goal_of_a_third_of_kepler %.2f ratio\n", load_name, names[who], to_kepler * 3);
}

/* groups, processes: how often the clock and add each may cost. */
static void compare(struct switch_peers *peers, size_t rounds, const char *load_name, double groups, double processes)
{
	static struct figures f;

	f.rounds = rounds;
	for (size_t i = 0; i < rounds; i++) {
		for (enum contender c = 0; c < NCONTENDERS; c++)
			f.ns[c][i] = turn(peers, c);
	}
	for (enum contender c = 0; c < NCONTENDERS; c++)
		printf("switch_%s_%s %.0f ns\n", load_name, names[c], middle(f.ns[c], rounds));
	reached(load_name, &f, GROUPS, groups);
	reached(load_name, &f, PROCESSES, processes);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 2 ? (size_t)strtoul(argv[1], NULL, 10) : 0;
	char many[64];

	if (rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: switch ROUNDS(1..%d) GROUP...\n", ROUNDS_MAX);
		return 2;
	}
	kernel_free(open_ours(true)); /* it says best what is not permitted */
	struct switch_peers *peers = switch_peers__open_and_load();
	int taking = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (!peers || taking < 0)
		die_errno(peers ? "the kernel does not measure BPF programs" : "cannot load the peers");
	start_pipe();
	compare(peers, rounds, "pipe", 1.25, 1.5);
	end_load();
	start_many(argv + 2, (size_t)argc - 2);
	snprintf(many, sizeof many, "%zu_processes_in_%d_groups", nload, argc - 2);
	compare(peers, rounds, many, 1.5, 3);
	end_load();
	close(taking);
	switch_peers__destroy(peers);
	return 0;
}
