/* SPDX-License-Identifier: BSD-2-Clause */
/* The lives of parties: who is shown, how long, and who another one is taken for. */
#include "exporter/works.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"

#define SECOND UINT64_C(1000000000)

static struct works *w;
static struct tick t;
static struct err e;
static uint64_t now;

static void begin(void)
{
	cr_assert_eq(works_new(&w, &e), 0);
	now = SECOND;
}

static void end(void)
{
	works_free(w);
	tick_clear(&t);
}

static void next(void)
{
	now += SECOND;
	tick_reset(&t, now);
	t.sched = (struct sched_mark){ .there = true, .processes = true, .cpus = 1, .measured = 1u << USE_CPU_NS };
}

static void mark(uint64_t workload, uint64_t cgroup, uint64_t process, uint32_t tgid, uint64_t ns, bool gone)
{
	struct work_mark m = { .workload = workload, .cgroup = cgroup, .process = process, .tgid = tgid, .gone = gone,
			       .use = { [USE_CPU_NS] = ns } };

	cr_assert_eq(tick_add_work(&t, &m, &e), 0);
}

/* What was marked is used, and the package draws so much. */
static void settle(uint64_t uj)
{
	cr_assert_eq(works_use(w, &t, &e), 0, "%s", e.msg);
	cr_assert_eq(works_book(w, COMP_PACKAGE, (const uint64_t[NMODES]){ [MODE_DYNAMIC] = uj }, false, &e), 0);
}

struct look {
	uint64_t workload, process;
	const struct party *found;
};

static int look(const struct party *p, void *arg)
{
	struct look *l = arg;

	if (p->process == l->process && (l->process || p->workload == l->workload))
		l->found = p;
	return 0;
}

static const struct party *party(uint64_t workload, uint64_t process)
{
	struct look l = { workload, process, NULL };

	works_each(w, process ? WORKS_PROCESSES : WORKS_WORKLOADS, look, &l);
	return l.found;
}

static uint64_t dynamic_uj(uint64_t workload)
{
	const struct party *p = party(workload, 0);

	cr_assert_not_null(p);
	return p->uj[COMP_PACKAGE][MODE_DYNAMIC];
}

/* What it drew between the last look and its end is shown before it goes; never less, never twice. */
Test(works, the_last_joules_are_shown_before_they_go)
{
	begin();
	next();
	mark(7, 70, 0, 0, SECOND, false);
	settle(1000);
	works_shown(w);
	/* it ends in this interval: told gone twice, then no more */
	next();
	mark(7, 70, 0, 0, 2 * SECOND, true);
	settle(500);
	next();
	mark(7, 70, 0, 0, 2 * SECOND, true);
	mark(8, 80, 0, 0, SECOND, false);
	settle(300);
	for (int i = 0; i < 5; i++) {
		next();
		mark(8, 80, 0, 0, SECOND, false);
		settle(0);
		cr_assert_eq(dynamic_uj(7), 1500, "nobody has seen it yet");
		cr_assert(party(7, 0)->gone);
	}
	works_shown(w);
	next();
	mark(8, 80, 0, 0, SECOND, false);
	settle(10);
	cr_expect_null(party(7, 0));
	cr_expect_eq(works_retired(w, WORKS_WORKLOADS)->uj[COMP_PACKAGE][MODE_DYNAMIC], 1500);
	cr_expect_eq(dynamic_uj(8), 300, "and nothing more after its use ended");
	cr_expect_eq(works_unseen(w), 0);
	end();
}

/* Energy that is told late, of a time when it still lived, is shown too. */
Test(works, energy_that_is_told_after_the_end_is_shown)
{
	begin();
	next();
	mark(7, 70, 0, 0, SECOND, true);
	cr_assert_eq(works_use(w, &t, &e), 0);
	works_shown(w);
	next();
	mark(7, 70, 0, 0, SECOND, true);
	cr_assert_eq(works_use(w, &t, &e), 0);
	next();
	settle(900);
	works_shown(w);
	cr_assert_eq(dynamic_uj(7), 900);
	next();
	settle(0);
	cr_expect_null(party(7, 0));
	end();
}

/* A container that is started again under its id goes on where it was. */
Test(works, who_comes_back_before_it_was_shown_goes_on)
{
	begin();
	next();
	mark(7, 70, 0, 0, SECOND, false);
	settle(1000);
	next();
	mark(7, 70, 0, 0, SECOND, true);
	settle(0);
	next();
	settle(0);
	cr_assert(party(7, 0)->gone);
	next();
	mark(7, 71, 0, 0, SECOND, false); /* another group, that counts from 0 */
	settle(50);
	cr_expect_eq(dynamic_uj(7), 1050);
	cr_expect_not(party(7, 0)->gone);
	works_shown(w);
	next();
	mark(7, 71, 0, 0, SECOND, false);
	settle(0);
	cr_expect_not_null(party(7, 0));
	end();
}

Test(works, a_number_that_is_used_again_is_another_process)
{
	begin();
	next();
	mark(7, 70, 0, 0, SECOND, false);
	mark(7, 70, 1001, 500, SECOND, false);
	settle(1000);
	next();
	mark(7, 70, 0, 0, 2 * SECOND, false);
	mark(7, 70, 1001, 500, SECOND, true);
	mark(7, 70, 1002, 500, SECOND, false);
	settle(400);
	cr_expect(party(0, 1001)->replaced);
	cr_expect_not(party(0, 1002)->replaced);
	cr_expect_eq(party(0, 1002)->uj[COMP_PACKAGE][MODE_DYNAMIC], 400);
	cr_expect_eq(party(0, 1002)->workload, 7, "a process is its group's workload's");
	for (int i = 0; i < 2; i++) {
		next();
		mark(7, 70, 0, 0, 2 * SECOND, false);
		mark(7, 70, 1002, 500, SECOND, false);
		settle(0);
	}
	cr_expect_null(party(0, 1001), "it can never be shown again");
	cr_expect_eq(works_retired(w, WORKS_PROCESSES)->uj[COMP_PACKAGE][MODE_DYNAMIC], 1000);
	end();
}

/* While nobody looks, what is kept of the dead is bounded, and the larger ones are kept. */
Test(works, the_dead_that_nobody_looks_at_are_bounded)
{
	enum { N = 3 * WORKS_WAITING_MAX };

	begin();
	next();
	mark(7, 70, 0, 0, SECOND, false);
	for (uint64_t i = 1; i <= N; i++)
		mark(7, 70, i << 32, (uint32_t)i, i, true);
	settle(UINT64_C(4000000000));
	for (int i = 0; i < 3; i++) {
		next();
		mark(7, 70, 0, 0, SECOND, false);
		settle(0);
	}
	cr_expect_leq(works_count(w, WORKS_PROCESSES), WORKS_WAITING_MAX);
	cr_expect_gt(works_count(w, WORKS_PROCESSES), 0);
	cr_expect_eq(works_unseen(w), N - works_count(w, WORKS_PROCESSES));
	cr_expect_not_null(party(0, (uint64_t)N << 32), "the largest");
	cr_expect_null(party(0, UINT64_C(1) << 32), "the smallest");
	works_shown(w);
	next();
	mark(7, 70, 0, 0, SECOND, false);
	settle(0);
	cr_expect_eq(works_count(w, WORKS_PROCESSES), 0);
	end();
}

/* Two workloads that use the processor alike and differ in all else. */
static void use_both(uint64_t times)
{
	static const uint64_t uses[2][NUSES] = {
		{ [USE_CPU_NS] = 100, [USE_CYCLES] = 300, [USE_INSTRUCTIONS] = 900, [USE_LLC_MISSES] = 10 },
		{ [USE_CPU_NS] = 100, [USE_CYCLES] = 100, [USE_INSTRUCTIONS] = 100, [USE_LLC_MISSES] = 90 },
	};

	next();
	t.sched.measured = 1u << USE_CPU_NS | 1u << USE_CYCLES | 1u << USE_INSTRUCTIONS | 1u << USE_LLC_MISSES;
	for (uint64_t i = 0; i < 2; i++) {
		struct work_mark m = { .workload = 7 + i, .cgroup = 70 + i };

		for (size_t u = 0; u < NUSES; u++)
			m.use[u] = uses[i][u] * times;
		cr_assert_eq(tick_add_work(&t, &m, &e), 0);
	}
	cr_assert_eq(works_use(w, &t, &e), 0);
}

/* A meter that tells seldom: who slept since it told last has its part all the same, and no other meter's. */
Test(works, who_sleeps_keeps_what_was_gathered)
{
	begin();
	next();
	mark(6, 60, 0, 0, SECOND, true);
	mark(7, 70, 0, 0, SECOND, false);
	settle(100);
	cr_expect_eq(party(7, 0)->step_uj[COMP_PACKAGE], 50);
	works_shown(w);
	/* 6 retires, and the others' places change */
	next();
	mark(7, 70, 0, 0, SECOND, false);
	mark(8, 80, 0, 0, 3 * SECOND, false);
	settle(90);
	cr_expect_null(party(6, 0));
	cr_expect_eq(dynamic_uj(7), 50);
	cr_expect_eq(party(7, 0)->step_uj[COMP_PACKAGE], 0);
	cr_expect_eq(party(8, 0)->step_uj[COMP_PACKAGE], 90);
	next();
	mark(7, 70, 0, 0, SECOND, false);
	mark(8, 80, 0, 0, 3 * SECOND, false);
	settle(0);
	cr_expect_eq(party(8, 0)->step_uj[COMP_PACKAGE], 0);
	cr_assert_eq(works_book(w, COMP_DRAM, (const uint64_t[NMODES]){ [MODE_DYNAMIC] = 500 }, false, &e), 0);
	cr_expect_eq(party(7, 0)->uj[COMP_DRAM][MODE_DYNAMIC], 100);
	cr_expect_eq(party(8, 0)->uj[COMP_DRAM][MODE_DYNAMIC], 300);
	cr_expect_eq(works_residual(w, WORKS_WORKLOADS)->uj[COMP_DRAM][MODE_DYNAMIC], 100, "what 6 used");
	end();
}

/* Energy goes by what is asked for, where it is counted. */
Test(works, attribution_is_configurable)
{
	static const struct {
		struct attribution by;
		uint64_t package, dram, platform; /* of 1000, to the first of them */
	} cases[] = {
		{ { ATTRIBUTE_AUTO, ATTRIBUTE_AUTO, ATTRIBUTE_AUTO }, 750, 100, 425 },
		{ { ATTRIBUTE_INSTRUCTIONS, ATTRIBUTE_TIME, ATTRIBUTE_TIME }, 900, 500, 500 },
		{ { ATTRIBUTE_TIME, ATTRIBUTE_MISSES, ATTRIBUTE_MISSES }, 500, 100, 100 },
		{ { ATTRIBUTE_CYCLES, ATTRIBUTE_CYCLES, ATTRIBUTE_INSTRUCTIONS }, 750, 750, 900 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const uint64_t uj[NMODES] = { [MODE_DYNAMIC] = 1000 };

		begin();
		works_attribute(w, &cases[i].by);
		use_both(1);
		cr_assert_eq(works_book(w, COMP_PACKAGE, uj, false, &e), 0);
		cr_assert_eq(works_book(w, COMP_DRAM, uj, false, &e), 0);
		cr_assert_eq(works_book(w, COMP_PLATFORM, uj, false, &e), 0);
		const struct party *p = party(7, 0);

		cr_expect_eq(p->uj[COMP_PACKAGE][MODE_DYNAMIC], cases[i].package, "%zu", i);
		cr_expect_eq(p->uj[COMP_DRAM][MODE_DYNAMIC], cases[i].dram, "%zu", i);
		cr_expect_eq(p->uj[COMP_PLATFORM][MODE_DYNAMIC], cases[i].platform, "%zu", i);
		end();
	}
}

/* Another choice in the middle of an interval does not mix nanoseconds with cycles. */
Test(works, a_new_choice_begins_with_nothing_gathered)
{
	const uint64_t uj[NMODES] = { [MODE_DYNAMIC] = 1000 };

	begin();
	use_both(1);
	works_attribute(w, &(struct attribution){ .package = ATTRIBUTE_INSTRUCTIONS });
	use_both(2);
	cr_assert_eq(works_book(w, COMP_PACKAGE, uj, false, &e), 0);
	cr_expect_eq(dynamic_uj(7), 900);
	cr_expect_eq(dynamic_uj(8), 100);
	end();
}

/* ---- GPUs */

static void use_gpu(uint32_t zone, uint32_t tgid, uint64_t cgroup, uint64_t busy_ns, uint64_t held_ns)
{
	cr_assert_eq(tick_add_gpu(&t, &(struct gpu_mark){ .zone = zone, .tgid = tgid, .cgroup = cgroup,
							  .busy_ns = busy_ns, .held_ns = held_ns }, &e), 0);
}

static uint64_t gpu_uj(uint64_t workload, uint64_t process, enum mode m)
{
	const struct party *p = party(workload, process);

	cr_assert_not_null(p);
	return p->uj[COMP_GPU][m];
}

/* What a party had of a GPU; NULL: it is not known to have used it. */
static const struct gpu_total *had(uint64_t workload, uint64_t process, uint32_t zone)
{
	const struct party *p = party(workload, process);

	cr_assert_not_null(p);
	for (size_t i = 0; i < p->ngpus; i++) {
		if (p->gpus[i].zone == zone)
			return &p->gpus[i];
	}
	return NULL;
}

/* Two workloads, of which process 70 (tgid 5) is in the first; the second's processes are told by their group. */
static void with_gpu_users(void)
{
	next();
	mark(7, 17, 0, 0, 100, false);
	mark(7, 17, 70, 5, 100, false);
	mark(8, 18, 0, 0, 100, false);
}

Test(works, each_gpu_is_handed_out_by_itself)
{
	const uint64_t first[NMODES] = { [MODE_DYNAMIC] = 1000, [MODE_IDLE] = 400, [MODE_UNSPLIT] = 10 };
	const uint64_t second[NMODES] = { [MODE_DYNAMIC] = 90 };

	begin();
	with_gpu_users();
	use_gpu(3, 5, 17, 300, 200);
	use_gpu(3, 6, 18, 100, 100);
	use_gpu(3, 0, 0, 0, 100);
	use_gpu(4, 6, 18, 50, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_assert_eq(works_book_gpu(w, 3, first, SECOND, &e), 0);
	cr_assert_eq(works_book_gpu(w, 4, second, SECOND, &e), 0);
	cr_expect_eq(gpu_uj(7, 0, MODE_DYNAMIC), 750);
	cr_expect_eq(gpu_uj(8, 0, MODE_DYNAMIC), 250 + 90, "%llu", (unsigned long long)gpu_uj(8, 0, MODE_DYNAMIC));
	cr_expect_eq(gpu_uj(7, 0, MODE_IDLE), 200, "by what it holds, not by its time on the processors");
	cr_expect_eq(gpu_uj(8, 0, MODE_IDLE), 100);
	cr_expect_eq(works_residual(w, WORKS_WORKLOADS)->uj[COMP_GPU][MODE_IDLE], 100);
	cr_expect_eq(gpu_uj(7, 0, MODE_UNSPLIT) + gpu_uj(8, 0, MODE_UNSPLIT), 10);
	cr_expect_eq(gpu_uj(7, 70, MODE_DYNAMIC), 750);
	cr_expect_eq(works_residual(w, WORKS_PROCESSES)->uj[COMP_GPU][MODE_DYNAMIC], 340, "no process is known");
	cr_expect_eq(party(8, 0)->step_uj[COMP_GPU], 340);
	cr_expect_eq(works_step_ns(w, COMP_GPU), SECOND);
	end();
}

Test(works, what_a_gpu_drew_without_evidence_is_nobodys)
{
	const uint64_t uj[NMODES] = { [MODE_DYNAMIC] = 1000, [MODE_IDLE] = 7 };

	begin();
	with_gpu_users();
	use_gpu(3, 5, 17, 300, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	with_gpu_users();
	use_gpu(3, 5, 17, 300, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_assert_eq(works_book_gpu(w, 3, uj, SECOND, &e), 0);
	cr_expect_eq(gpu_uj(7, 0, MODE_DYNAMIC), 0, "the time of an earlier tick is none of this one");
	cr_expect_eq(works_residual(w, WORKS_WORKLOADS)->uj[COMP_GPU][MODE_DYNAMIC], 1000);
	cr_expect_eq(works_residual(w, WORKS_WORKLOADS)->uj[COMP_GPU][MODE_IDLE], 7);
	/* what is not watched, and a group that nobody knows */
	with_gpu_users();
	use_gpu(3, 5, 17, 400, 0);
	use_gpu(3, 0, 0, 200, 0);
	use_gpu(3, 9, 99, 100, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_assert_eq(works_book_gpu(w, 3, uj, SECOND, &e), 0);
	cr_expect_eq(gpu_uj(7, 0, MODE_DYNAMIC), 250);
	cr_expect_eq(works_residual(w, WORKS_WORKLOADS)->uj[COMP_GPU][MODE_DYNAMIC], 1750);
	/* a total that is lower than before began anew */
	with_gpu_users();
	use_gpu(3, 0, 0, 200, 0);
	use_gpu(3, 5, 17, 30, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_assert_eq(works_book_gpu(w, 3, uj, SECOND, &e), 0);
	cr_expect_eq(gpu_uj(7, 0, MODE_DYNAMIC), 1250);
	end();
}

Test(works, who_used_a_gpu_and_how_much_is_added_up)
{
	begin();
	next();
	mark(7, 17, 0, 0, 100, false);
	mark(7, 17, 70, 5, 100, false);
	mark(0, 18, 0, 0, 100, false); /* whose workload is not known yet */
	use_gpu(3, 5, 17, 300, 200);
	t.gpus[t.ngpus - 1].memory_ns = 40;
	use_gpu(3, 6, 18, 100, 100);
	use_gpu(4, 6, 18, 0, 100);
	use_gpu(3, 9, 99, 7, 0);
	use_gpu(3, 0, 0, 50, 100);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_expect_eq(had(7, 0, 3)->busy_ns, 300);
	cr_expect_eq(had(7, 0, 3)->memory_ns, 40);
	cr_expect_eq(had(7, 70, 3)->busy_ns, 300, "its process has it, too");
	cr_expect_null(had(7, 0, 4), "what it never used it has no series of");
	cr_expect_eq(had(0, 0, 3)->busy_ns, 100);
	cr_expect_eq(had(0, 0, 4)->busy_ns, 0, "one that it only holds it has used by nothing");
	/* told again, its workload known, and one that began anew */
	with_gpu_users();
	use_gpu(3, 5, 17, 30, 200);
	t.gpus[t.ngpus - 1].memory_ns = 45;
	use_gpu(3, 6, 18, 100, 100);
	use_gpu(4, 6, 18, 20, 100);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_expect_eq(had(7, 0, 3)->busy_ns, 330);
	cr_expect_eq(had(7, 70, 3)->memory_ns, 45);
	cr_expect_eq(had(8, 0, 3)->busy_ns, 100, "a group brings what it had");
	cr_expect_eq(had(8, 0, 4)->busy_ns, 20);
	/* also while nothing tells of processors */
	next();
	t.sched.there = false;
	use_gpu(3, 5, 17, 40, 200);
	t.gpus[t.ngpus - 1].memory_ns = 45;
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_expect_eq(had(7, 0, 3)->busy_ns, 340);
	/* and nothing of it goes while it is not told */
	with_gpu_users();
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_expect_eq(had(7, 0, 3)->busy_ns, 340);
	cr_expect_eq(had(7, 70, 3)->memory_ns, 45);
	end();
}

/* A process that ended keeps it until somebody has looked; its number is another's then. */
Test(works, what_an_ended_process_had_of_a_gpu_is_not_the_next_ones)
{
	begin();
	with_gpu_users();
	use_gpu(3, 5, 17, 300, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	next();
	mark(7, 17, 0, 0, 100, false);
	mark(7, 17, 70, 5, 100, true);
	use_gpu(3, 5, 17, 310, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_expect_eq(had(7, 0, 3)->busy_ns, 310, "its group still has it");
	cr_expect_eq(had(7, 70, 3)->busy_ns, 300);
	next();
	mark(7, 17, 0, 0, 100, false);
	mark(7, 17, 71, 5, 100, false);
	use_gpu(3, 5, 17, 10, 0);
	cr_assert_eq(works_use(w, &t, &e), 0);
	cr_expect_eq(had(7, 71, 3)->busy_ns, 10);
	cr_expect_eq(had(7, 0, 3)->busy_ns, 320);
	end();
}
