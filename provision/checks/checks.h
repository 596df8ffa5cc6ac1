/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CHECKS_CHECKS_H
#define PROVISION_CHECKS_CHECKS_H
/* The rows of verify, one file per subject, and what their judges share. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/cluster/objects.h"
#include "provision/engine/step.h"

extern const struct check check_b1_1, check_b1_2, check_b1_3, check_b1_4, check_b1_5, check_b1_6, check_b1_7,
	check_b1_8, check_b1_9, check_b1_10, check_b1_11, check_b1_12, check_b1_13, check_x2_overlay, check_x2_dns, check_x4_k3s, check_x5;
extern const struct check check_b2_1, check_b2_2, check_b2_3, check_b2_4, check_b2_5, check_b2_6,
	check_b2_7, check_b2_8, check_b2_9_deleted, check_b2_9_gone, check_b2_10, check_b2_11;
extern const struct check check_b3_1, check_b3_2, check_b3_3, check_b3_4, check_b3_5, check_b3_6, check_b3_7, check_b3_8, check_b3_9,
	check_b3_10, check_x4_rancher, check_x7_rancher;
extern const struct check check_b4_1, check_b4_2, check_b4_3, check_b4_4, check_b4_5, check_b4_6, check_b4_7, check_b4_8, check_b4_9, check_s6,
	check_s8, check_x6, check_x7_monitoring, check_x8, check_x9;
extern const struct check check_s1, check_s2, check_s3, check_s4, check_s5, check_s7, check_x1, check_x3, check_x10;

/* All of them (declared to the world by provision.h), NULL-terminated. */
extern const struct check *const checks[];

/* The evidence goes to why; returns the verdict, so that a judgement is one line. */
enum verdict check_says(enum verdict v, char *why, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The answer to "kind:about". NULL when it is not there or could not be told: then *ret holds the
 * verdict (CHECK_FAIL) and why the reason; absent says what absence means ("is not mounted"). */
const char *check_answer(const struct view *v, const char *kind, const char *about,
			 const char *absent, enum verdict *ret, char *why, size_t size);

/* ---- the cluster's objects (objects.c) */
/* The answer to api:PATH, for json_object_put; NULL with the verdict and why. */
struct json_object *check_object(const struct view *v, const char *path, enum verdict *ret, char *why, size_t size);
/* Seconds since an RFC 3339 time in UTC; negative when it is none, or to come. */
double check_age(const char *at);
/* Of Prometheus' answer to an instant query, the value of the i-th series as it writes it; NULL behind the last. */
const char *check_sample(struct json_object *answer, size_t i);
/* api:/api/v1/namespaces/NAME was asked: is it active? */
enum verdict check_namespace(const struct view *v, const char *name, char *why, size_t size);
/* api:PATH, a list of pods, was asked: do all run, or have ended well? */
enum verdict check_pods(const struct view *v, const char *path, char *why, size_t size);
/* cert:ABOUT was asked: does the certificate hold for another 30 days? */
enum verdict check_certificate(const struct view *v, const char *about, char *why, size_t size);
/* On the control node: are the releases of these recipes (NULL-terminated) as their rows want them? */
void check_releases_ask(const struct recipe *const *recipes_of, const struct view *v, struct probe *p);
enum verdict check_releases(const struct recipe *const *recipes_of, const struct view *v, char *why, size_t size);

/* A number in "key=value" lines; false when it is missing or no number. */
bool check_number(const char *answer, const char *key, int64_t *ret);

#endif
