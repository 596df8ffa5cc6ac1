/* SPDX-License-Identifier: BSD-2-Clause */
/* The estimator on a fake virtual machine of four Sky Lake threads, its use as the test says. */
#include "exporter/sources/sources.h"

#include "base/cleanup.h"
#include "tests/unit/exporter/rig.h"

#define SECOND UINT64_C(1000000000)

static const char *const cpuinfo = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n\n";

/* CPU time in ticks of 10 ms, spread over all kinds of it; what is idle, stolen or a guest's counts not. */
static void use(const struct rig *r, unsigned long ticks)
{
	char text[200];

	snprintf(text, sizeof text, "cpu  %lu 0 %lu 999999 888 0 %lu 777 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n", ticks / 2,
		 ticks / 4, ticks - ticks / 2 - ticks / 4);
	tree_write(&r->tree, "stat", text);
}

static void start(struct rig *r, const char *online)
{
	rig_make(r, &source_estimator);
	tree_write(&r->tree, "cpuinfo", cpuinfo);
	tree_write(&r->tree, "devices/system/cpu/online", online);
	use(r, 1000);
}

struct of_mode {
	enum component component;
	enum mode mode;
	uint64_t uj;
};

static int add_mode(const struct account *a, void *arg)
{
	struct of_mode *o = arg;

	o->uj += a->component == o->component ? a->uj[o->mode] : 0;
	return 0;
}

static uint64_t of_mode(const struct rig *r, enum component c, enum mode m)
{
	struct of_mode o = { c, m, 0 };

	ledger_each(r->ledger, LEVEL_NODE, add_mode, &o);
	return o.uj;
}

Test(estimator, a_virtual_machine_gets_joules_by_its_use)
{
	struct rig r;

	start(&r, "0-3\n");
	rig_open(&r);
	cr_assert(r.sampler.v[0].state != NULL, "%s", r.sampler.v[0].why.msg);
	rig_tick_at(&r, 100 * SECOND);
	/* ten seconds in which two of four threads are used: 4 * 0.613 + 2 * (4.104 - 0.613) W */
	use(&r, 3000);
	rig_tick_at(&r, 110 * SECOND);
	cr_expect(r.sampler.v[0].up);
	cr_expect_eq(sampler_measured(&r.sampler, &r.tick), 0);
	cr_expect_eq(r.tick.nmarks, 3);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, "estimator0").uj, 94340000);
	cr_expect_eq(of_mode(&r, COMP_PLATFORM, MODE_IDLE), 24520000);
	/* 4 * 0.613 * 0.52 + 2 * (4.104 * 0.678 - 0.613 * 0.52) */
	cr_expect_eq(rig_account(&r, COMP_PACKAGE, "0").uj, 62025440);
	cr_expect_eq(of_mode(&r, COMP_PACKAGE, MODE_IDLE), 12750400);
	cr_expect_eq(of_mode(&r, COMP_PACKAGE, MODE_UNSPLIT), 0);
	/* 4 * 0.613 * 0.23 + 2 * (4.104 * 0.2 - 0.613 * 0.23) */
	cr_expect_eq(rig_account(&r, COMP_DRAM, "0").uj, 19235800);
	/* and the rest of the platform is other, in both modes */
	cr_expect_eq(rig_account(&r, COMP_OTHER, NULL).uj, 94340000 - 62025440 - 19235800);
	cr_expect_eq(of_mode(&r, COMP_OTHER, MODE_IDLE), 24520000 - 12750400 - 5639600);
	cr_expect_eq(rig_account(&r, COMP_CORE, NULL).n, 0, "what is not known has no series");
	cr_expect_not_null(strstr(source_estimator.lacks(&r.sampler.v[0]), "row 'Sky Lake', 4 threads"));
	/* At rest only the idle part grows; no time, no energy. */
	rig_tick_at(&r, 110 * SECOND);
	rig_tick_at(&r, 111 * SECOND);
	cr_expect_eq(of_mode(&r, COMP_PLATFORM, MODE_DYNAMIC), 69820000);
	rig_close(&r);
}

/* Gaps and clocks that jump make no joules, and a CPU that comes or goes changes what is drawn at rest. */
Test(estimator, what_is_not_known_is_not_guessed)
{
	struct rig r;

	start(&r, "0-3\n");
	rig_open(&r);
	rig_tick_at(&r, 1000 * SECOND);
	rig_tick_at(&r, 1001 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000);
	rig_tick_at(&r, 5000 * SECOND); /* it slept */
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000);
	rig_tick_at(&r, 4000 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000);
	use(&r, 10); /* counts anew */
	rig_tick_at(&r, 4001 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000);
	tree_write(&r.tree, "devices/system/cpu/online", "0-1\n");
	rig_tick_at(&r, 4002 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000 + 1226000);
	tree_write(&r.tree, "stat", "nonsense\n");
	rig_tick_at(&r, 4003 * SECOND);
	cr_expect_not(r.sampler.v[0].up);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000 + 1226000);
	use(&r, 10);
	rig_tick_at(&r, 4004 * SECOND);
	cr_expect(r.sampler.v[0].up);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 2452000 + 1226000);
	rig_close(&r);
}

/* More use than there are CPUs is two clocks read apart. */
Test(estimator, use_is_bounded_by_the_cpus)
{
	struct rig r;

	start(&r, "0-3\n");
	rig_open(&r);
	rig_tick_at(&r, 100 * SECOND);
	use(&r, 9000);
	rig_tick_at(&r, 101 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 16416000);
	rig_close(&r);
}

static void model_file(struct rig *r, char path[static 256], const char *name, const char *json)
{
	tree_write(&r->tree, name, json);
	snprintf(path, 256, "%s/%s", r->tree.root, name);
}

Test(estimator, ones_own_model_takes_the_tables_place)
{
	struct rig r;
	char a[256], b[256], both[600];

	start(&r, "0-3\n");
	model_file(&r, a, "a.json", "{\"platform\":{\"All_Weights\":{\"Bias_Weight\":100}}}");
	model_file(&r, b, "b.json", "{\"package\":{\"All_Weights\":{\"Bias_Weight\":40}}}");
	snprintf(both, sizeof both, "%s,%s", a, b);
	r.meters.model = both;
	rig_open(&r);
	cr_assert(r.sampler.v[0].state != NULL, "%s", r.sampler.v[0].why.msg);
	rig_tick_at(&r, 100 * SECOND);
	rig_tick_at(&r, 102 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 200000000);
	cr_expect_eq(rig_account(&r, COMP_PACKAGE, NULL).uj, 80000000);
	cr_expect_eq(rig_account(&r, COMP_DRAM, NULL).n, 0, "the model has none");
	rig_close(&r);
}

Test(estimator, keplers_model_config_names_files)
{
	struct rig r;
	char a[256], config[600];

	start(&r, "0-3\n");
	model_file(&r, a, "a.json", "{\"platform\":{\"All_Weights\":{\"Bias_Weight\":100}}}");
	snprintf(config, sizeof config,
		 "CONTAINER_COMPONENTS_ESTIMATOR=false\n  NODE_TOTAL_INIT_URL=file://%s \nNODE_COMPONENTS_INIT_URL=\n", a);
	setenv("MODEL_CONFIG", config, 1);
	rig_open(&r);
	cr_assert(r.sampler.v[0].state != NULL, "%s", r.sampler.v[0].why.msg);
	rig_tick_at(&r, 100 * SECOND);
	rig_tick_at(&r, 102 * SECOND);
	cr_expect_eq(rig_account(&r, COMP_PLATFORM, NULL).uj, 200000000);
	rig_close(&r);
}

Test(estimator, a_model_that_cannot_be_used_says_why)
{
	static const struct {
		const char *model, *why;
	} cases[] = {
		{ "/nonexistent.json", "power model '/nonexistent.json'" },
		{ "https://example.org/model.json", "is no file: fetch it" },
		{ "a,,b", "a" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig r;

		start(&r, "0-3\n");
		r.meters.model = cases[i].model;
		rig_open(&r);
		cr_expect_null(r.sampler.v[0].state);
		cr_expect(r.sampler.v[0].wanted && !r.sampler.v[0].absent, "it is missing, and that is an alarm");
		cr_expect_not_null(strstr(r.sampler.v[0].why.msg, cases[i].why), "%s", r.sampler.v[0].why.msg);
		rig_close(&r);
	}
}

/* With the scheduler's figures in the tick these count, and a model that needs what is not there waits. */
Test(estimator, the_scheduler_knows_better)
{
	struct rig r;
	char a[256];
	struct err e = { 0 };
	struct zones zones = { .n = 0 };
	struct tick t = { .zones = &zones };
	struct source s = { .ops = &source_estimator };

	start(&r, "0-3\n");
	model_file(&r, a, "a.json", "{\"platform\":{\"All_Weights\":{\"Bias_Weight\":1,\"Numerical_Variables\":"
				    "{\"cpu_cycles\":{\"scale\":1e9,\"weight\":10}}}}}");
	r.meters.model = a;
	struct roots roots = { .sysfs = r.tree.root, .procfs = r.tree.root, .meters = &r.meters };

	cr_assert_eq(source_estimator.open(&s, &roots, &zones, &e), 0, "%s", e.msg);
	tick_reset(&t, SECOND);
	cr_expect_eq(source_estimator.read(&s, &t, &e), -(int)ERR_FAILED);
	cr_expect_not_null(strstr(e.msg, "needs cpu_cycles, which is not counted here"), "%s", e.msg);
	for (uint64_t i = 2; i <= 4; i++) {
		tick_reset(&t, i * SECOND);
		t.sched = (struct sched_mark){ .there = true, .cpus = 4, .measured = 1u << USE_CPU_NS | 1u << USE_CYCLES,
					       .used = { [USE_CYCLES] = i * 3000000000u } };
		cr_expect_eq(source_estimator.read(&s, &t, &e), 0, "%s", e.msg);
		cr_assert_eq(t.nmarks, 1);
		cr_expect_eq(t.marks[0].anew, i == 2);
	}
	/* two seconds of 1 + 10 * 3 W */
	cr_expect_eq(t.marks[0].uj, 62000000);
	cr_expect_eq(t.marks[0].idle_uj, 2000000);
	source_estimator.close(&s);
	tick_clear(&t);
	tree_remove(&r.tree);
	event_base_free(r.base);
}
