/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rows about the cluster share: reading the API's answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "provision/checks/checks.h"
#include "provision/steps/cluster.h"

struct json_object *check_object(const struct view *v, const char *path, enum verdict *ret, char *why, size_t size)
{
	const char *body = check_answer(v, "api", path, "is not served by this cluster", ret, why, size);
	if (!body)
		return NULL;
	struct json_object *o = json_tokener_parse(body);
	if (!o)
		*ret = check_says(CHECK_FAIL, why, size, "the API's answer to %s is no JSON", path);
	return o;
}

double check_age(const char *at)
{
	struct tm tm = { 0 };
	const char *end = strptime(at, "%Y-%m-%dT%H:%M:%S", &tm);
	return end ? difftime(time(NULL), timegm(&tm)) : -1;
}

const char *check_sample(struct json_object *answer, size_t i)
{
	struct json_object *series = OBJ(answer, "data", "result"), *value = NULL;
	if (i < obj_length(series))
		value = OBJ(json_object_array_get_idx(series, i), "value");
	return obj_length(value) == 2 ? obj_text(json_object_array_get_idx(value, 1)) : NULL;
}

enum verdict check_namespace(const struct view *v, const char *name, char *why, size_t size)
{
	enum verdict bad = CHECK_FAIL;
	char path[300];
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s", name);
	AUTO_JSON struct json_object *o = check_object(v, path, &bad, why, size);
	if (!o)
		return bad;
	const char *phase = obj_text(OBJ(o, "status", "phase"));
	return check_says(strcmp(phase, "Active") == 0 ? CHECK_PASS : CHECK_FAIL, why, size, "namespace '%s' is %s", name, phase);
}

/* ---- certificates */

#define DAY_S (24 * 3600)
#define CERTIFICATE_DAYS 30

enum verdict check_certificate(const struct view *v, const char *about, char *why, size_t size)
{
	enum verdict bad = CHECK_FAIL;
	const char *a = check_answer(v, "cert", about, "shows no certificate", &bad, why, size);
	if (!a)
		return bad;
	double left = difftime((time_t)strtoll(a, NULL, 10), time(NULL)) / DAY_S;
	if (left < 0)
		return check_says(CHECK_FAIL, why, size, "the certificate of %s ended %.0f days ago", about, -left);
	return check_says(left > CERTIFICATE_DAYS ? CHECK_PASS : CHECK_FAIL, why, size,
			  "the certificate of %s ends in %.0f days (limit %d)", about, left, CERTIFICATE_DAYS);
}

/* ---- pods */

/* A pod of a Job may fail: the Job starts another one. */
static bool is_of_job(struct json_object *pod)
{
	return obj_element(OBJ(pod, "metadata", "ownerReferences"), "kind", "Job") != NULL;
}

/* Why the pod is not as it should be; NULL when it is. */
static const char *pod_trouble(struct json_object *pod)
{
	const char *phase = obj_text(OBJ(pod, "status", "phase"));
	if (strcmp(phase, "Succeeded") == 0 || (strcmp(phase, "Failed") == 0 && is_of_job(pod)))
		return NULL;
	struct json_object *cs = OBJ(pod, "status", "containerStatuses");
	for (size_t i = 0; i < obj_length(cs); i++) {
		struct json_object *one = json_object_array_get_idx(cs, i);
		const char *waiting = obj_text(OBJ(one, "state", "waiting", "reason"));
		if (*waiting)
			return waiting;
		if (!json_object_get_boolean(OBJ(one, "ready")))
			return "a container is not ready";
	}
	if (strcmp(phase, "Running") == 0)
		return obj_length(cs) ? NULL : "nothing is known of its containers";
	const char *reason = obj_text(OBJ(pod, "status", "reason"));
	return *reason ? reason : *phase ? phase : "no phase";
}

enum verdict check_pods(const struct view *v, const char *path, char *why, size_t size)
{
	enum verdict bad = CHECK_FAIL;
	AUTO_JSON struct json_object *pods = check_object(v, path, &bad, why, size);
	if (!pods)
		return bad;
	struct json_object *items = OBJ(pods, "items");
	size_t troubled = 0;
	char first[200] = "";
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *pod = json_object_array_get_idx(items, i);
		const char *trouble = pod_trouble(pod);
		if (trouble && !troubled++)
			snprintf(first, sizeof(first), "%.60s/%.80s: %.50s",
				 obj_text(OBJ(pod, "metadata", "namespace")), obj_name(pod), trouble);
	}
	if (troubled)
		return check_says(CHECK_FAIL, why, size, "%zu of %zu pods: %s%s", troubled, obj_length(items),
				  first, troubled > 1 ? ", ..." : "");
	if (!obj_length(items))
		return check_says(CHECK_FAIL, why, size, "there are no pods");
	return check_says(CHECK_PASS, why, size, "%zu pods run or have ended well", obj_length(items));
}

/* ---- releases of helm, by the rows that deploy them */

void check_releases_ask(const struct recipe *const *recipes_of, const struct view *v, struct probe *p)
{
	for (; *recipes_of; recipes_of++)
		for (size_t i = 0; i < (*recipes_of)->nsteps; i++)
			if ((*recipes_of)->steps[i].ops == &release_ops)
				release_ops.ask(&(*recipes_of)->steps[i], v, p);
}

enum verdict check_releases(const struct recipe *const *recipes_of, const struct view *v, char *why, size_t size)
{
	AUTO_BUF struct buf told = { 0 };
	buf_init(&told, 400);
	for (; *recipes_of; recipes_of++)
		for (size_t i = 0; i < (*recipes_of)->nsteps; i++) {
			const struct step *s = &(*recipes_of)->steps[i];
			struct finding f = { 0 };
			struct err e = { 0 };
			if (s->ops != &release_ops)
				continue;
			if (release_ops.check(s, v, &f, &e) < 0)
				return check_says(CHECK_FAIL, why, size, "%s", e.msg);
			if (f.is != PRESENT)
				return check_says(CHECK_FAIL, why, size, "%s", f.why);
			buf_addf(&told, "%s%s", told.len ? "; " : "", f.why);
		}
	return check_says(CHECK_PASS, why, size, "%s", buf_str(&told));
}
