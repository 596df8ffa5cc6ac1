/* SPDX-License-Identifier: BSD-2-Clause */
/* Power models: each form against values worked out by hand, files of Kepler's format, the table. */
#include "exporter/model/model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

static const struct machine four = { "Sky Lake", 4 };

static void add(struct model *m, const struct machine *here, const char *json)
{
	struct err e = { 0 };

	cr_assert_eq(model_add_json(json, strlen(json), here, m, &e), 0, "%s", e.msg);
}

/* Microwatts of a component while the CPUs are used ms of each second. */
static uint64_t at_ms(const struct model *m, enum component c, double ms)
{
	double use[NUSES] = { [USE_CPU_NS] = ms * 1e6 };
	uint64_t uw[NCOMPONENTS];

	cr_assert(model_power(m, use, uw));
	return uw[c];
}

#define FEATURE "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":1000}}"

Test(model, forms_have_the_values_worked_out_by_hand)
{
	static const struct {
		const char *json;
		double ms;
		uint64_t uw;
	} cases[] = {
		/* 10 + 60 * 2000 / 4000 */
		{ "{\"model_name\":\"SGDRegressorTrainer_0\",\"package\":{\"All_Weights\":{\"Bias_Weight\":10,"
		  "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":4000,\"weight\":60}}}}}", 2000, 40000000 },
		/* no name is linear too; the family's weight is added: 10 + 0.5 + 60 * 2000 / 4000 */
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":10,\"Categorical_Variables\":{\"cpu_architecture\":"
		  "{\"Haswell\":{\"weight\":7},\"skylake\":{\"weight\":0.5}}},"
		  "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":4000,\"weight\":60}}}}}", 2000, 40500000 },
		/* 2 * e^(0.5 * 2) + 3 = 5.436563657 + 3 */
		{ "{\"model_name\":\"ExponentialRegressionTrainer_1\",\"package\":{\"All_Weights\":{" FEATURE
		  ",\"CurveFit_Weights\":[2,0.5,3]}}}", 2000, 8436564 },
		/* at rest: 2 * e^0 + 3 */
		{ "{\"model_name\":\"ExponentialRegressionTrainer_1\",\"package\":{\"All_Weights\":{" FEATURE
		  ",\"CurveFit_Weights\":[2,0.5,3]}}}", 0, 5000000 },
		/* 5 * ln(3 * 2 + 1) + 7 = 9.729550745 + 7 */
		{ "{\"model_name\":\"LogarithmicRegressionTrainer_1\",\"package\":{\"All_Weights\":{" FEATURE
		  ",\"CurveFit_Weights\":[5,3,7]}}}", 2000, 16729551 },
		/* 100 / (1 + e^(-2 * (2 - 1.5))) + 20 = 73.105857863 + 20 */
		{ "{\"model_name\":\"LogisticRegressionTrainer_1\",\"package\":{\"All_Weights\":{" FEATURE
		  ",\"CurveFit_Weights\":[100,1.5,2,20]}}}", 2000, 93105858 },
		/* trained on 8 threads: a half of the 80 W at rest, all of the 10 W with use */
		{ "{\"machine_spec\":{\"vendor\":\"intel\",\"cores\":8},\"package\":{\"All_Weights\":{\"Bias_Weight\":80,"
		  "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":1000,\"weight\":5}}}}}", 2000, 50000000 },
		/* trained on 2: no machine draws more at rest for being larger than the model knows */
		{ "{\"machine_spec\":{\"cores\":2},\"package\":{\"All_Weights\":{\"Bias_Weight\":80}}}", 0, 80000000 },
		/* never below nothing */
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":1,"
		  "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":1000,\"weight\":-5}}}}}", 2000, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct model m = { .name = "" };

		add(&m, &four, cases[i].json);
		cr_expect_eq(at_ms(&m, COMP_PACKAGE, cases[i].ms), cases[i].uw, "%s: %llu uW", cases[i].json,
			     (unsigned long long)at_ms(&m, COMP_PACKAGE, cases[i].ms));
	}
}

Test(model, other_uses_count_in_keplers_units)
{
	struct model m = { .name = "" };
	double use[NUSES] = { [USE_CPU_NS] = 3e9, [USE_CYCLES] = 2e9, [USE_PAGE_CACHE] = 4e6 };
	uint64_t uw[NCOMPONENTS];

	add(&m, &four, "{\"platform\":{\"All_Weights\":{\"Bias_Weight\":1,\"Numerical_Variables\":{"
		       "\"cpu_cycles\":{\"scale\":1e9,\"weight\":10},"
		       "\"bpf_page_cache_hit\":{\"scale\":2,\"weight\":0.25},"
		       "\"bpf_cpu_time_ms\":{\"scale\":1000,\"weight\":0},\"anything\":{\"scale\":1,\"weight\":0}}}}}");
	cr_assert_eq(model_needs(&m), 1u << USE_CYCLES | 1u << USE_PAGE_CACHE);
	cr_assert(model_power(&m, use, uw));
	/* 1 + 10 * 2 + 0.25 * 4 / 2 */
	cr_assert_eq(uw[COMP_PLATFORM], 21500000);
}

Test(model, no_part_is_larger_than_its_whole)
{
	struct model m = { .name = "" };
	struct err e = { 0 };
	uint64_t uw[NCOMPONENTS];
	double use[NUSES] = { [USE_CPU_NS] = 1e9 };

	add(&m, &four, "{\"platform\":{\"All_Weights\":{\"Bias_Weight\":40}},\"core\":{\"All_Weights\":{\"Bias_Weight\":9,"
		       "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":1000,\"weight\":90}}}},"
		       "\"uncore\":{\"All_Weights\":{\"Bias_Weight\":1}}}");
	add(&m, &four, "{\"package\":{\"All_Weights\":{\"Bias_Weight\":20,"
		       "\"Numerical_Variables\":{\"bpf_cpu_time_ms\":{\"scale\":1000,\"weight\":40}}}},"
		       "\"dram\":{\"All_Weights\":{\"Bias_Weight\":20}}}");
	cr_assert_eq(model_check(&m, &e), 0, "%s", e.msg);
	/* 60 and 20 of 40: 30 and 10; of the 30, 99 and 1: 29.7 and 0.3 */
	cr_assert(model_power(&m, use, uw));
	cr_expect_eq(uw[COMP_PACKAGE], 30000000);
	cr_expect_eq(uw[COMP_DRAM], 10000000);
	cr_expect_eq(uw[COMP_CORE], 29700000);
	cr_expect_eq(uw[COMP_UNCORE], 300000);
	/* Kepler's own two: a machine of 96 threads beside one of 4. */
	m = (struct model){ .name = "" };
	add(&m, &four, "{\"platform\":{\"All_Weights\":{\"Bias_Weight\":63.7}}}");
	add(&m, &four, "{\"package\":{\"All_Weights\":{\"Bias_Weight\":143.8}},\"dram\":{\"All_Weights\":{\"Bias_Weight\":18.6}}}");
	cr_assert_eq(model_check(&m, &e), -(int)ERR_FAILED);
	cr_expect_not_null(strstr(e.msg, "162.4 W at rest but its platform only 63.7 W"), "%s", e.msg);
}

Test(model, what_is_not_understood_is_refused)
{
	static const char *const cases[][2] = {
		{ "", "no JSON" },
		{ "[]", "no JSON object" },
		{ "{", "cut off" },
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":1}}} x", "no JSON" },
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":NaN}}}", "out of range" },
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":1e999}}}", "out of range" },
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":\"1\"}}}", "package: 'Bias_Weight' is no number" },
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weigth\":1}}}", "unknown key 'Bias_Weigth'" },
		{ "{\"pakage\":{\"All_Weights\":{\"Bias_Weight\":1}}}", "unknown key 'pakage'" },
		{ "{\"package\":{\"Bias_Weight\":1}}", "unknown key" },
		{ "{\"package\":{}}", "no 'All_Weights'" },
		{ "{\"package\":1}", "is no object" },
		{ "{\"package\":{\"All_Weights\":{\"Bias_Weight\":0}}}", "no weights" },
		{ "{\"model_name\":\"GradientBoostingRegressorTrainer_0\",\"package\":{\"All_Weights\":{\"Bias_Weight\":1}}}",
		  "is none of" },
		{ "{\"model_name\":7}", "is none of" },
		{ "{\"package\":{\"All_Weights\":{\"CurveFit_Weights\":[1,2,3]}}}", "are 0 numbers" },
		{ "{\"model_name\":\"LogisticRegressionTrainer_0\",\"package\":{\"All_Weights\":{" FEATURE
		  ",\"CurveFit_Weights\":[1,2,3]}}}", "are 4 numbers" },
		{ "{\"model_name\":\"LogisticRegressionTrainer_0\",\"package\":{\"All_Weights\":{\"CurveFit_Weights\":[1,2,3,4]}}}",
		  "and 'Numerical_Variables'" },
		{ "{\"package\":{\"All_Weights\":{\"Numerical_Variables\":{\"cpu_time\":{\"scale\":1,\"weight\":1}}}}}",
		  "'cpu_time' is no use" },
		{ "{\"package\":{\"All_Weights\":{\"Numerical_Variables\":{\"cpu_cycles\":{\"scale\":0,\"weight\":1}}}}}",
		  "not above 0" },
		{ "{\"package\":{\"All_Weights\":{\"Numerical_Variables\":{\"cpu_cycles\":{\"scale\":1,\"mean\":1}}}}}",
		  "'mean' of 'cpu_cycles' is not 0" },
		{ "{\"package\":{\"All_Weights\":{\"Categorical_Variables\":{\"vendor\":{}}}}}", "unknown key 'vendor'" },
		{ "{\"machine_spec\":{\"cores\":0},\"package\":{\"All_Weights\":{\"Bias_Weight\":1}}}", "below 1" },
		{ "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}}}}}",
		  "no JSON" },
	};
	struct model twice = { .name = "" };
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct model m = { .name = "" };

		err_clear(&e);
		cr_expect_eq(model_add_json(cases[i][0], strlen(cases[i][0]), &four, &m, &e), -(int)ERR_CONFIG, "%s",
			     cases[i][0]);
		cr_expect_not_null(strstr(e.msg, cases[i][1]), "%s: %s", cases[i][0], e.msg);
		cr_expect_str_empty(m.name);
	}
	static const char dram[] = "{\"dram\":{\"All_Weights\":{\"Bias_Weight\":1}}}";

	add(&twice, &four, dram);
	cr_expect_eq(model_add_json(dram, strlen(dram), &four, &twice, &e), -(int)ERR_CONFIG);
}

/* 1 / (b * x + 1) of a logarithm has a pole: no value is better than a made-up one. */
Test(model, a_curve_may_have_no_value)
{
	struct model m = { .name = "" };
	double use[NUSES] = { [USE_CPU_NS] = 2e9 };
	uint64_t uw[NCOMPONENTS] = { 4711 };

	add(&m, &four, "{\"model_name\":\"LogarithmicRegressionTrainer_1\",\"package\":{\"All_Weights\":{" FEATURE
		       ",\"CurveFit_Weights\":[5,-1,7]}}}");
	cr_assert_not(model_power(&m, use, uw));
	cr_assert_eq(uw[0], 4711);
}

Test(model, table_goes_by_family_and_threads)
{
	static const struct machine here[] = { { "skylake", 4 }, { "sapphire_rapids", 2 }, { "zen3", 8 } };
	/* of the rows: watts of a thread at rest and fully used, times threads */
	static const uint64_t rest[] = { 2452000, 2072000, 3648000 }, full[] = { 16416000, 8320000, 15656000 };
	struct model m;
	bool exact = false;

	for (size_t i = 0; i < COUNT(here); i++) {
		model_from_table(&here[i], &m, &exact);
		cr_expect(exact);
		cr_expect_eq(at_ms(&m, COMP_PLATFORM, 0), rest[i]);
		cr_expect_eq(at_ms(&m, COMP_PLATFORM, 1000.0 * here[i].cpus), full[i]);
		cr_expect_eq(at_ms(&m, COMP_PLATFORM, 500.0 * here[i].cpus), (rest[i] + full[i]) / 2);
		cr_expect_eq(at_ms(&m, COMP_PACKAGE, 0), rest[i] * 520 / 1000);
		cr_expect_eq(at_ms(&m, COMP_PACKAGE, 1000.0 * here[i].cpus), full[i] * 678 / 1000);
		cr_expect_eq(at_ms(&m, COMP_DRAM, 1000.0 * here[i].cpus), full[i] * 200 / 1000);
		cr_expect_eq(model_needs(&m), 1u << USE_CPU_NS);
	}
	/* Unknown ones get something between the least and the most, and are told so. */
	model_from_table(&(struct machine){ "unknown", 1 }, &m, &exact);
	cr_expect_not(exact);
	cr_expect_not_null(strstr(m.name, "mean of its rows ('unknown' has none), 1 threads"), "%s", m.name);
	cr_expect_gt(at_ms(&m, COMP_PLATFORM, 0), 400000);
	cr_expect_lt(at_ms(&m, COMP_PLATFORM, 1000), 5000000);
}

/* Every row, at every load: parts are smaller than their whole, and more use is not less power. */
Test(model, table_is_consistent)
{
	static const char *const families[] = { "Sandy Bridge", "Ivy Bridge", "Haswell", "Broadwell", "Sky Lake",
						"Cascade Lake", "Coffee Lake", "Ice Lake", "Sapphire Rapids",
						"Emerald Rapids", "Granite Rapids", "zen", "zen2", "zen3", "zen4",
						"Graviton", "" };
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(families); i++) {
		struct machine here = { .cpus = 16 };
		struct model m;
		bool exact = false;
		uint64_t before = 0;

		snprintf(here.family, sizeof here.family, "%s", families[i]);
		model_from_table(&here, &m, &exact);
		cr_expect_eq(exact, families[i][0] != '\0', "%s", families[i]);
		cr_expect_eq(model_check(&m, &e), 0, "%s", e.msg);
		for (unsigned ms = 0; ms <= 16000; ms += 100) {
			double use[NUSES] = { [USE_CPU_NS] = ms * 1e6 };
			uint64_t uw[NCOMPONENTS];

			cr_assert(model_power(&m, use, uw));
			cr_expect_gt(uw[COMP_PACKAGE], before, "%s", families[i]);
			cr_expect_lt(uw[COMP_PACKAGE] + uw[COMP_DRAM], uw[COMP_PLATFORM], "%s", families[i]);
			before = uw[COMP_PACKAGE];
		}
	}
}

Test(model, families_are_one_under_any_spelling)
{
	cr_expect(model_same_family("Sky Lake", "skylake"));
	cr_expect(model_same_family("sapphire_rapids", "Sapphire Rapids"));
	cr_expect_not(model_same_family("skylake", "skylakex"));
	cr_expect_not(model_same_family("zen", ""));
}
