/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kepler's format of trained weights (pkg/model/estimator/local/regressor of v0.7.12; the files that
 * its model server hands out and that lie in its data/model_weight):
 *
 *	{ "model_name": "SGDRegressorTrainer_0",	form: the trainer, before the last "_"
 *	  "machine_spec": { "cores": 96, ... },		of the machine trained on; cores are threads
 *	  "package": { "All_Weights": {			and core, uncore, dram, platform
 *	    "Bias_Weight": 1.5,				watts
 *	    "Categorical_Variables": { "cpu_architecture": { "Sky Lake": { "weight": 0.5 } } },
 *	    "Numerical_Variables": { "bpf_cpu_time_ms": { "scale": 4000, "weight": 60.7 } },
 *	    "CurveFit_Weights": [ 1, 2, 3 ] } } }	of the forms that are not linear
 *
 * All may be missing but one component. Stricter than Kepler, which ignores what it does not know: a
 * key unknown here might be a misspelt one. A component whose weights are all 0 is one that the machine
 * trained on did not have, and is left out.
 */
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/model/model.h"

#define DEPTH_MAX 12
#define NUMBER_MAX 1e15

static void cleanup_json(struct json_object **o)
{
	json_object_put(*o);
}
#define AUTO_JSON __attribute__((cleanup(cleanup_json)))

static const struct {
	const char *name;
	enum component component;
} components[] = {
	{ "platform", COMP_PLATFORM }, { "package", COMP_PACKAGE }, { "core", COMP_CORE },
	{ "uncore", COMP_UNCORE },     { "dram", COMP_DRAM },
};

/* Row by enum curve_form. */
static const struct {
	const char *trainer;
	size_t nfit;
} forms[NCURVE_FORMS] = {
	[CURVE_LINEAR] = { "SGDRegressorTrainer", 0 },
	[CURVE_EXPONENTIAL] = { "ExponentialRegressionTrainer", 3 },
	[CURVE_LOGARITHMIC] = { "LogarithmicRegressionTrainer", 3 },
	[CURVE_LOGISTIC] = { "LogisticRegressionTrainer", 4 },
};

static int parse(const char *json, size_t len, struct json_object **ret, struct err *e)
{
	while (len > 0 && strchr(" \t\r\n", json[len - 1]) && json[len - 1] != '\0')
		len--;
	if (len > MODEL_JSON_MAX)
		return err_set(e, ERR_CONFIG, "larger than %u bytes", MODEL_JSON_MAX);
	struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);

	if (!tok)
		return err_set(e, ERR_MEMORY, "no memory for a model");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	AUTO_JSON struct json_object *o = json_tokener_parse_ex(tok, json, (int)len);
	enum json_tokener_error rc = json_tokener_get_error(tok);
	size_t end = json_tokener_get_parse_end(tok);

	json_tokener_free(tok);
	if (rc != json_tokener_success)
		return err_set(e, ERR_CONFIG, "no JSON: %s, at byte %zu",
			       rc == json_tokener_continue ? "it is cut off" : json_tokener_error_desc(rc), end);
	if (end != len)
		return err_set(e, ERR_CONFIG, "something follows the JSON at byte %zu", end);
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_CONFIG, "no JSON object");
	*ret = take_ptr(&o);
	return 0;
}

static int take_object(const char *key, const struct json_object *o, struct err *e)
{
	return json_object_is_type(o, json_type_object) ? 0
							: err_set(e, ERR_CONFIG, "'%.60s' is no object", key);
}

static int take_number(const char *key, const struct json_object *o, double *ret, struct err *e)
{
	if (!json_object_is_type(o, json_type_double) && !json_object_is_type(o, json_type_int))
		return err_set(e, ERR_CONFIG, "'%.60s' is no number", key);
	double v = json_object_get_double(o);

	if (!isfinite(v) || fabs(v) > NUMBER_MAX)
		return err_set(e, ERR_CONFIG, "'%.60s' is out of range", key);
	*ret = v;
	return 0;
}

static int unknown(const char *key, struct err *e)
{
	return err_set(e, ERR_CONFIG, "unknown key '%.60s'", key);
}

static bool zero(double v)
{
	return fpclassify(v) == FP_ZERO;
}

/* {"weight": 1.5} of this machine's family is added to the bias. */
static int take_categories(const struct json_object *o, const struct machine *here, struct curve *c, struct err *e)
{
	int rc = take_object("Categorical_Variables", o, e);

	if (rc < 0)
		return rc;
	json_object_object_foreach(o, variable, families) {
		if (strcmp(variable, "cpu_architecture") != 0)
			return unknown(variable, e);
		rc = take_object(variable, families, e);
		if (rc < 0)
			return rc;
		json_object_object_foreach(families, family, entry) {
			double weight = 0;

			rc = take_object(family, entry, e);
			if (rc < 0)
				return rc;
			json_object_object_foreach(entry, key, value) {
				rc = strcmp(key, "weight") == 0 ? take_number(key, value, &weight, e)
								: unknown(key, e);
				if (rc < 0)
					return rc;
			}
			if (model_same_family(family, here->family))
				c->bias += weight;
		}
	}
	return 0;
}

static int take_feature(const char *name, const struct json_object *o, struct curve *c, struct err *e)
{
	double scale = 1, weight = 0, moment = 0;
	int rc = take_object(name, o, e);

	if (rc < 0)
		return rc;
	json_object_object_foreach(o, key, value) {
		if (strcmp(key, "scale") == 0)
			rc = take_number(key, value, &scale, e);
		else if (strcmp(key, "weight") == 0)
			rc = take_number(key, value, &weight, e);
		else if (strcmp(key, "mean") == 0 || strcmp(key, "variance") == 0)
			rc = take_number(key, value, &moment, e); /* of older files */
		else
			rc = unknown(key, e);
		if (rc == 0 && !zero(moment))
			rc = err_set(e, ERR_CONFIG, "'%.60s' of '%.60s' is not 0", key, name);
		if (rc < 0)
			return rc;
	}
	if (scale < 0 || (zero(scale) && !zero(weight)))
		return err_set(e, ERR_CONFIG, "the scale of '%.60s' is not above 0", name);
	for (size_t i = 0; i < nmodel_units; i++) {
		if (strcmp(model_units[i].name, name) != 0)
			continue;
		c->scale[model_units[i].use] = scale;
		c->weight[model_units[i].use] = weight;
		return 0;
	}
	/* One that counts for nothing may have any name. */
	return c->form == CURVE_LINEAR && zero(weight)
		       ? 0
		       : err_set(e, ERR_CONFIG, "'%.60s' is no use of a CPU that is counted here", name);
}

static int take_features(const struct json_object *o, struct curve *c, struct err *e)
{
	int rc = take_object("Numerical_Variables", o, e);
	size_t n = 0;

	if (rc < 0)
		return rc;
	json_object_object_foreach(o, name, feature) {
		rc = take_feature(name, feature, c, e);
		if (rc < 0)
			return rc;
		n++;
	}
	if (c->form == CURVE_LINEAR || c->scale[USE_CPU_NS] > 0)
		return 0;
	/* Kepler's first feature is the CPU time: where it is, the others of a fit count for nothing. */
	for (enum use u = 0; u < NUSES; u++)
		c->x = c->scale[u] > 0 ? u : c->x;
	return n == 1 && c->scale[c->x] > 0
		       ? 0
		       : err_set(e, ERR_CONFIG, "a curve needs one of 'Numerical_Variables', with a scale above 0");
}

static int take_fit(const struct json_object *o, struct curve *c, struct err *e)
{
	size_t n = json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
	int rc = 0;

	if (n != forms[c->form].nfit)
		return err_set(e, ERR_CONFIG, "'CurveFit_Weights' of a %s are %zu numbers", forms[c->form].trainer,
			       forms[c->form].nfit);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = take_number("CurveFit_Weights", json_object_array_get_idx(o, i), &c->fit[i], e);
	return rc;
}

static int take_weights(const struct json_object *o, const struct machine *here, struct curve *c, struct err *e)
{
	bool fit = false, features = false;
	int rc = take_object("All_Weights", o, e);

	if (rc < 0)
		return rc;
	json_object_object_foreach(o, key, value) {
		double bias = 0;

		if (strcmp(key, "Bias_Weight") == 0) {
			rc = take_number(key, value, &bias, e);
			c->bias += bias;
		} else if (strcmp(key, "Categorical_Variables") == 0) {
			rc = take_categories(value, here, c, e);
		} else if (strcmp(key, "Numerical_Variables") == 0) {
			rc = take_features(value, c, e);
			features = true;
		} else if (strcmp(key, "CurveFit_Weights") == 0) {
			rc = take_fit(value, c, e);
			fit = true;
		} else {
			rc = unknown(key, e);
		}
		if (rc < 0)
			return rc;
	}
	if (c->form != CURVE_LINEAR && !(fit && features))
		return err_set(e, ERR_CONFIG, "a %s has 'CurveFit_Weights' and 'Numerical_Variables'",
			       forms[c->form].trainer);
	return 0;
}

static int take_component(const char *name, const struct json_object *o, const struct machine *here,
			  struct curve *c, struct err *e)
{
	const struct json_object *weights = NULL;
	int rc = take_object(name, o, e);

	if (rc < 0)
		return rc;
	json_object_object_foreach(o, key, value) {
		if (strcmp(key, "All_Weights") != 0)
			return unknown(key, e);
		weights = value;
	}
	if (!weights)
		return err_set(e, ERR_CONFIG, "no 'All_Weights'");
	rc = take_weights(weights, here, c, e);
	if (rc < 0)
		return rc;
	c->there = !zero(c->bias);
	for (size_t i = 0; i < COUNT(c->fit); i++)
		c->there |= !zero(c->fit[i]);
	for (enum use u = 0; u < NUSES; u++)
		c->there |= !zero(c->weight[u]);
	return 0;
}

static int take_trainer(struct json_object *o, char *ret_name, size_t size, enum curve_form *ret, struct err *e)
{
	const char *name = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
	const char *last = strrchr(name, '_');

	for (enum curve_form f = 0; f < NCURVE_FORMS && last; f++) {
		if (strlen(forms[f].trainer) != (size_t)(last - name) ||
		    strncmp(forms[f].trainer, name, (size_t)(last - name)) != 0)
			continue;
		*ret = f;
		snprintf(ret_name, size, "%.60s", name);
		return 0;
	}
	return err_set(e, ERR_CONFIG, "'model_name' '%.60s' is none of %s, %s, %s, %s followed by _ and a number", name,
		       forms[0].trainer, forms[1].trainer, forms[2].trainer, forms[3].trainer);
}

/* What the machine has that was trained on; other facts of it are of no use here. */
static int take_machine(const struct json_object *o, const struct machine *here, double *ret_part, struct err *e)
{
	int rc = take_object("machine_spec", o, e);

	if (rc < 0)
		return rc;
	json_object_object_foreach(o, key, value) {
		double cores = 0;

		if (strcmp(key, "cores") != 0)
			continue;
		rc = take_number(key, value, &cores, e);
		if (rc < 0)
			return rc;
		if (cores < 1)
			return err_set(e, ERR_CONFIG, "'cores' is below 1");
		*ret_part = here->cpus < cores ? here->cpus / cores : 1;
	}
	return 0;
}

int model_add_json(const void *json, size_t len, const struct machine *here, struct model *into, struct err *e)
{
	AUTO_JSON struct json_object *o = NULL;
	struct model m = *into;
	enum curve_form form = CURVE_LINEAR;
	char name[64] = "unnamed";
	double part = 1;
	size_t n = 0;
	int rc = parse(json, len, &o, e);

	if (rc < 0)
		return rc;
	/* These come first, wherever they stand: they say how to read the rest. */
	json_object_object_foreach(o, key, value) {
		if (strcmp(key, "model_name") == 0)
			rc = take_trainer(value, name, sizeof name, &form, e);
		else if (strcmp(key, "machine_spec") == 0)
			rc = take_machine(value, here, &part, e);
		if (rc < 0)
			return rc;
	}
	json_object_object_foreach(o, what, weights) {
		struct curve c = { .form = form, .rest_part = part };
		size_t i = 0;

		if (strcmp(what, "model_name") == 0 || strcmp(what, "machine_spec") == 0)
			continue;
		while (i < COUNT(components) && strcmp(components[i].name, what) != 0)
			i++;
		if (i == COUNT(components))
			return unknown(what, e);
		rc = take_component(what, weights, here, &c, e);
		if (rc < 0)
			return err_wrap(e, "%s", what);
		if (c.there && m.v[components[i].component].there)
			return err_set(e, ERR_CONFIG, "'%s' stands in a file before as well", what);
		if (c.there)
			m.v[components[i].component] = c;
		n += c.there;
	}
	if (n == 0)
		return err_set(e, ERR_CONFIG, "no weights of package, core, uncore, dram or platform but 0");
	size_t used = strlen(m.name);

	snprintf(m.name + used, sizeof m.name - used, "%s%s", used ? ", " : "model ", name);
	*into = m;
	return 0;
}
