/* SPDX-License-Identifier: BSD-2-Clause */
/* What the GPU helper tells: lines, rounds, and what is concluded of them. */
#include "exporter/gpus.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define SECOND UINT64_C(1000000000)
#define GIB "1073741824"

static struct gpus g;
static struct err e;

static int line(const char *text)
{
	e = (struct err){ 0 };
	return gpus_line(&g, text, strlen(text), 1000 * SECOND, &e);
}

/* All of the lines, which are good. */
static void lines(const char *text)
{
	char one[256];

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		snprintf(one, sizeof one, "%.*s", (int)strcspn(text, "\n"), text);
		cr_assert_eq(line(one), 0, "'%s': %s", one, e.msg);
	}
}

#define HELLO "powerstack-gpu 3 535.129.03\ngpu 0 GPU-aa NVIDIA L4\n"
/* Rounds half a second apart; a device with 4 GiB, of which process 7 holds one. */
#define ROUND(MS, MORE) "at 10" MS "000000\nmemory 0 4294967296\nholds 0 7 " GIB "\n" MORE "end\n"

static void begin(void)
{
	gpus_clear(&g);
}

static void end(void)
{
	gpus_clear(&g);
}

/* A mark of later than the one before. */
static bool news(unsigned gpu, struct zone_mark *ret)
{
	static uint64_t last_ns[GPUS_MAX];
	bool told = gpus_take(&g, gpu, ret) && ret->at_ns != last_ns[gpu];

	last_ns[gpu] = told ? ret->at_ns : last_ns[gpu];
	return told;
}

static const struct gpu_user *user(uint32_t pid)
{
	for (size_t i = 0; i < g.nusers; i++) {
		if (g.users[i].pid == pid)
			return &g.users[i];
	}
	cr_assert_fail("nobody has the number %u", pid);
	return NULL;
}

TestSuite(gpus, .init = begin, .fini = end);

Test(gpus, lines_that_are_none_change_nothing)
{
	static const char *const bad[] = {
		"",
		"energy",
		"energy 0",
		"energy 0 x",
		"energy 0 -1",
		"energy 0 1000000000000001",
		"energy 32 1",
		"energy 1 1", /* there is no such device */
		"energy 0 1 1",
		"power 0 5000001",
		"util 0 101",
		"busy 0 7 50", /* of a process that was not seen */
		"moves 0 7 50",
		"divided 0",
		"divided 0 65",
		"divided 0 1 1",
		"seen 0 5",
		"seen 0 1 18446744073709551616",
		"holds 0 4294967296 1",
		"error 0",
		"blind 0 0",
		"end now",
		"gpu 0 GPU-aa",
		"gpu 0 GPU/aa NVIDIA L4",
		"gpu 0 GPU-0123456789012345678901234567890123456789012345678901234567890123 L4",
		"powerstack-gpu 1 600",
		"at",
		"at 99999999999999999999",
		"hello",
		"util 0 5\001",
		"util 0 \xff",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		gpus_clear(&g);
		lines(HELLO "at 10000000000\nenergy 0 1\n");
		cr_expect_lt(line(bad[i]), 0, "'%s'", bad[i]);
		cr_expect_neq(e.msg[0], '\0');
		cr_expect_lt(line("end"), 0, "'%s': the round it was in is none", bad[i]);
	}
	gpus_clear(&g);
	cr_expect_lt(line("at 1"), 0, "it must greet first");
	cr_expect_lt(line("fail the driver does not answer: \"x\""), 0);
	cr_expect_str_eq(e.msg, "the driver does not answer: \"x\"");
}

Test(gpus, energy_counts_and_processes_have_their_part_of_the_time)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 5000\nutil 0 90\n"));
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 5000000);
	cr_expect_eq(m.at_ns, 10 * SECOND);
	cr_expect(m.busy_unknown, "nothing is known of the time before");
	cr_assert(gpus_take(&g, 0, &m));
	cr_expect_eq(m.at_ns, 10 * SECOND, "as long as there is no other");
	lines(ROUND("500", "energy 0 5100\nutil 0 90\nseen 0 2000000 2400000\nbusy 0 7 60\nmoves 0 7 15\nbusy 0 8 30\n"
				"moves 0 9 1\n"));
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 5100000);
	cr_expect_eq(m.busy_ns, 450000000);
	cr_expect_not(m.busy_unknown);
	cr_expect_eq(user(7)->told_busy_ns, 240000000);
	cr_expect_eq(user(8)->told_busy_ns, 120000000, "also one that holds nothing");
	cr_expect_eq(user(7)->told_memory_ns, 60000000);
	cr_expect_eq(user(8)->told_memory_ns, 0);
	cr_expect_eq(user(9)->told_memory_ns, 4000000, "also one that only copies");
	cr_expect_eq(user(9)->told_busy_ns, 0);
	cr_expect_eq(user(7)->told_held_ns, 125000000, "a quarter of the memory for half a second");
	cr_expect_eq(user(0)->told_held_ns, 375000000);
	cr_expect_eq(user(0)->told_busy_ns, 0);
	/* without it, and once that was told no more */
	lines(ROUND("750", "energy 0 5100\n"));
	cr_assert(gpus_take(&g, 0, &m));
	lines(ROUND("999", "energy 0 5100\nutil 0 90\nseen 0 2400000 2600000\n"));
	cr_assert(gpus_take(&g, 0, &m));
	cr_expect(m.busy_unknown, "also of a round that was told later");
	cr_assert(gpus_take(&g, 0, &m));
	cr_expect_not(m.busy_unknown);
}

Test(gpus, energy_waits_for_who_used_it)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 5000\nutil 0 90\n"));
	cr_assert(news(0, &m));
	lines(ROUND("500", "energy 0 5100\nutil 0 90\n"));
	cr_expect_not(news(0, &m), "it works, and nobody knows for whom");
	lines(ROUND("999", "energy 0 5200\nutil 0 90\nseen 0 1 1000001\nbusy 0 7 50\n"));
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 5200000);
	cr_expect_eq(user(7)->told_busy_ns, 500000000);
	/* not for ever */
	for (int i = 1; i <= 6; i++) {
		char text[256];

		snprintf(text, sizeof text, "at %d500000000\nenergy 0 6000\nutil 0 90\nholds 0 7 1\nend\n", 10 + i);
		lines(text);
		cr_expect_eq(news(0, &m), i == 4, "%d", i);
	}
}

/* Energy is asked for now and then, who works much more often. */
Test(gpus, a_round_without_energy_tells_who_works)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 5000\nutil 0 0\n"));
	cr_assert(news(0, &m));
	lines(ROUND("200", "util 0 50\nseen 0 1 200001\nbusy 0 7 50\n"));
	cr_expect_not(news(0, &m));
	cr_expect_eq(user(7)->told_busy_ns, 0);
	lines("at 10400000000\nmemory 0 4294967296\nutil 0 80\nseen 0 200001 400001\nbusy 0 8 80\nend\n");
	cr_expect_not(news(0, &m));
	cr_expect_str_eq(g.v[0].why, "");
	lines(ROUND("600", "energy 0 5060\nutil 0 80\n"));
	cr_assert(news(0, &m), "for whom was told on the way");
	cr_expect_eq(m.uj, 5060000);
	cr_expect_eq(m.at_ns, 10600000000);
	cr_expect_eq(m.busy_ns, 420000000);
	cr_expect_eq(user(7)->told_busy_ns, 100000000);
	cr_expect_eq(user(8)->told_busy_ns, 160000000, "also of one that has ended since");
	cr_expect_eq(user(7)->told_held_ns, 100000000, "a quarter of the memory, for two fifths of a second");
	/* one that gave no reading gives none until it does */
	lines("at 10800000000\nerror 0 GPU is lost\nend\nat 10900000000\nend\n");
	cr_expect_str_eq(g.v[0].why, "GPU is lost");
	cr_expect_eq(g.v[0].at_ns, 10600000000);
	lines("at 11000000000\nenergy 0 5100\nend\n");
	cr_expect_str_eq(g.v[0].why, "");
}

Test(gpus, an_idle_device_does_not_wait)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 5000\nutil 0 0\n") ROUND("500", "energy 0 5010\nutil 0 0\n"));
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 5010000);
	cr_expect_eq(m.busy_ns, 0);
}

Test(gpus, power_becomes_energy_where_there_is_no_counter)
{
	struct zone_mark m;

	lines(HELLO "at 10000000000\npower 0 40000\nend\nat 12000000000\npower 0 60000\nend\n");
	cr_assert(news(0, &m));
	cr_expect(m.anew);
	cr_expect_eq(m.uj, 80000000, "40 W for 2 s");
	lines("at 13000000000\npower 0 60000\nend\n");
	cr_assert(news(0, &m));
	cr_expect_not(m.anew);
	cr_expect_eq(m.uj, 140000000);
	/* another counter */
	lines("at 14000000000\nenergy 0 7\nend\n");
	cr_assert(news(0, &m));
	cr_expect(m.anew);
	/* silence is not known */
	lines("at 14500000000\npower 0 60000\nend\nat 60000000000\npower 0 60000\nend\n");
	cr_assert(news(0, &m));
	cr_expect(m.anew);
}

Test(gpus, what_nobody_watched_is_nobodys)
{
	struct zone_mark m;

	lines(HELLO "at 10000000000\nenergy 0 1\nend\nat 11000000000\nenergy 0 2\nblind 0\nholds 0 7 5\nend\n");
	cr_assert(news(0, &m));
	cr_expect_eq(user(0)->told_busy_ns, SECOND);
	cr_expect_eq(user(0)->told_held_ns, SECOND);
	cr_expect_eq(user(7)->told_held_ns, 0);
	cr_expect_eq(g.v[0].users, USERS_UNTOLD);
	/* the helper was away: its successor's first samples are not of that time */
	lines("powerstack-gpu 3 535\ngpu 0 GPU-aa NVIDIA L4\nat 41000000000\nenergy 0 9\nseen 0 1 1000001\nbusy 0 7 90\nend\n");
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 9000, "but its energy was counted");
	cr_expect_not(m.anew);
	cr_expect_eq(user(0)->told_busy_ns, 31 * SECOND);
	cr_expect_eq(user(7)->told_busy_ns, 0);
	cr_expect_eq(g.v[0].users, USERS_TOLD);
}

/* Division can come and go while the helper runs. */
Test(gpus, what_a_divided_device_does_is_nobodys)
{
	struct zone_mark m;

	lines(HELLO "at 10000000000\nenergy 0 1\nend\nat 11000000000\nenergy 0 2\ndivided 0 3\nholds 0 7 5\nend\n");
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 2000, "but its energy is counted");
	cr_expect_eq(user(0)->told_busy_ns, SECOND);
	cr_expect_eq(user(7)->told_held_ns, 0);
	cr_expect_eq(g.v[0].users, USERS_DIVIDED);
	cr_expect_eq(g.v[0].instances, 3);
	lines("at 11500000000\nenergy 0 3\nseen 0 1 500001\nbusy 0 7 90\nend\n");
	cr_assert(news(0, &m));
	cr_expect_eq(g.v[0].users, USERS_TOLD);
	cr_expect_eq(g.v[0].instances, 0);
	cr_expect_eq(user(7)->told_busy_ns, 450000000);
	cr_expect_eq(user(0)->told_busy_ns, SECOND);
}

Test(gpus, a_round_that_is_cut_off_is_none)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 5000\n"));
	cr_assert(news(0, &m));
	lines("at 10500000000\nenergy 0 6000\nholds 0 9 5\nat 10900000000\nenergy 0 7000\nend\n");
	cr_assert(news(0, &m));
	cr_expect_eq(m.uj, 7000000);
	lines("at 10900000000\nenergy 0 8000\nend\nat 9000000000\nenergy 0 9000\nend\n");
	cr_expect_not(news(0, &m), "time does not stand still or go back");
}

Test(gpus, a_device_that_gives_no_reading_says_why)
{
	struct zone_mark m;

	lines(HELLO "gpu 1 GPU-bb NVIDIA H100\nat 10000000000\nenergy 0 1\nerror 1 GPU is lost\nend\n");
	cr_expect(news(0, &m));
	cr_expect_not(news(1, &m));
	cr_expect_str_eq(g.v[1].why, "GPU is lost");
	lines("at 10500000000\nenergy 0 2\nenergy 1 2\nend\n");
	cr_expect_str_eq(g.v[1].why, "");
}

Test(gpus, users_that_let_go_are_forgotten_and_their_numbers_are_free)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 1\nutil 0 0\n") ROUND("500", "energy 0 2\nutil 0 0\n"));
	g.users[0].placed = g.users[1].placed = true;
	cr_assert(news(0, &m));
	gpus_forget(&g, 40 * SECOND);
	cr_expect_eq(g.nusers, 2, "not yet");
	gpus_forget(&g, 41 * SECOND);
	cr_expect_eq(g.nusers, 1, "nobody stays");
	/* one that comes back is looked at again */
	gpus_clear(&g);
	lines(HELLO ROUND("000", "energy 0 1\n"));
	for (size_t i = 0; i < g.nusers; i++)
		g.users[i].placed = true;
	lines("at 10500000000\nenergy 0 1\nend\n");
	cr_expect(user(7)->placed);
	lines("at 11000000000\nenergy 0 1\nholds 0 7 5\nend\n");
	cr_expect_not(user(7)->placed);
}

Test(gpus, another_device_under_the_same_number_begins_at_nothing)
{
	struct zone_mark m;

	lines(HELLO ROUND("000", "energy 0 5000\n") "gpu 0 GPU-cc NVIDIA L40\n");
	cr_expect_eq(g.nusers, 0);
	cr_expect_not(news(0, &m));
	cr_expect_str_eq(g.v[0].name, "NVIDIA L40");
	cr_expect_eq(g.v[0].at_ns, 0);
}

Test(gpus, a_device_under_another_number_is_the_same_device)
{
	static struct zones zones;
	struct tick t = { .zones = &zones };

	lines(HELLO "gpu 1 GPU-bb NVIDIA H100\nat 10000000000\nenergy 0 5\nenergy 1 7\nholds 1 9 5\nend\n");
	cr_expect_lt(line("gpu 1 GPU-aa NVIDIA L4"), 0, "no two of them are one");
	cr_assert_eq(gpus_tick(&g, 2, &zones, 11 * SECOND, &t, &e), 0);
	cr_assert_eq(t.nmarks, 2);
	cr_expect_eq(t.marks[1].uj, 7000);
	cr_expect_eq(t.ngpus, 3, "nobody twice, and one user");
	/* the first one fell off */
	lines("powerstack-gpu 3 535.129.03\ngpu 0 GPU-bb NVIDIA H100\nat 12000000000\nenergy 0 8\nend\n");
	tick_reset(&t, 1);
	cr_assert_eq(gpus_tick(&g, 2, &zones, 13 * SECOND, &t, &e), 0);
	cr_assert_eq(t.nmarks, 1);
	cr_expect_eq(t.marks[0].zone, 1);
	cr_expect_eq(t.marks[0].uj, 8000);
	cr_expect_str_eq(zones.v[1].package, "1", "its label stays");
	cr_expect(zones.v[0].standby, "nobody waits for the other");
	cr_expect_not(zones.v[1].standby);
	/* and for good */
	tick_reset(&t, 1);
	cr_assert_eq(gpus_tick(&g, 2, &zones, 12 * SECOND + GPU_LOST_NS + 1, &t, &e), 0);
	cr_expect_eq(t.nmarks, 0);
	cr_expect(zones.v[1].standby);
	tick_clear(&t);
}
