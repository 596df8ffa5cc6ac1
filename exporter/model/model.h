/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_MODEL_MODEL_H
#define EXPORTER_MODEL_MODEL_H
/*
 * What a machine without meters draws, by how much its CPUs are used. A model has a curve for each
 * component that it knows; curves come from the table of processor families (table.c) or from files in
 * Kepler's JSON format (kepler_json.c). Pure: no I/O, no clock. Curves are in watts and floating point;
 * what comes out is whole microwatts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "exporter/tick.h"

/* P in watts; x and the like are uses per second, in Kepler's units (model_units), divided by their
 * scale. The forms and the order of their weights are those of Kepler's trainers. */
enum curve_form {
	CURVE_LINEAR,	   /* bias + sum(weight * x) */
	CURVE_EXPONENTIAL, /* bias + a * exp(b * x) + c */
	CURVE_LOGARITHMIC, /* bias + a * ln(b * x + 1) + c */
	CURVE_LOGISTIC,	   /* bias + a / (1 + exp(-k * (x - x0))) + off; a, x0, k, off */
	NCURVE_FORMS,
};

struct curve {
	bool there;
	enum curve_form form;
	double bias;
	double fit[4];		/* weights of the forms that are not linear */
	enum use x;		/* which use they follow */
	double scale[NUSES];	/* 0: does not follow this use */
	double weight[NUSES];	/* linear */
	/* Part of the power at rest that this machine has: its processors by those of the machine that
	 * the curve was trained on, at most 1. What comes with use is the same on both. */
	double rest_part;
};

struct model {
	char name[192];		     /* for people: where it comes from */
	struct curve v[NCOMPONENTS]; /* of package, core, uncore, dram, platform */
};

/* Uses of Kepler's names and units, for model_power: uses per unit. */
extern const struct model_unit {
	const char *name;
	enum use use;
	double per; /* so many of enum use are one of Kepler's units */
} model_units[];
extern const size_t nmodel_units;

/* No machine draws more; nor is any rate or weight larger. */
#define MODEL_MAX_W 2e6

/* Which uses the model must know of: a bit per enum use. */
unsigned model_needs(const struct model *m);
/* Power at these uses per second (enum use's own units), in microwatts, 0 where the model has no curve.
 * Components fit together: package is at least core and uncore, and platform at least package and
 * dram; where the curves say otherwise the larger part is cut. false, with *ret untouched: a curve
 * has no value there. */
bool model_power(const struct model *m, const double per_second[NUSES], uint64_t ret_uw[NCOMPONENTS]);
/* -ERR_FAILED when the parts at rest exceed the whole: the curves are not of one machine. */
int model_check(const struct model *m, struct err *e);

/* ---- kepler_json.c */

#define MODEL_JSON_MAX (256u * 1024)

/* What is known of this machine. */
struct machine {
	char family[64]; /* microarchitecture; "" or "unknown" when not known */
	unsigned cpus;	 /* threads online */
};

/* Adds the curves of a file of Kepler's: {model_name, machine_spec, platform, package, core, uncore,
 * dram}, the form in kepler_json.c. Strict: whatever is not understood is an error, as it would change
 * the result. -ERR_CONFIG, with *into untouched, also when it has one of its components already. */
int model_add_json(const void *json, size_t len, const struct machine *here, struct model *into, struct err *e);

/* ---- table.c */

/* The model of this machine by the embedded table; *ret_exact: its family has a row, else the mean of
 * current ones is taken. */
void model_from_table(const struct machine *here, struct model *ret, bool *ret_exact);

/* Do these name one microarchitecture? "Sky Lake", "skylake" and "sky_lake" do. */
bool model_same_family(const char *a, const char *b);

#endif
