/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PROVISION_CLUSTER_OBJECTS_H
#define PROVISION_CLUSTER_OBJECTS_H
/* Reading what the Kubernetes API answers: all of it is borrowed from the object, and a thing that is not there reads as
 * NULL, "" or 0. */
#include <json-c/json.h>
#include <stddef.h>

/* The value at a path of keys; NULL when any is missing. */
struct json_object *obj_at(struct json_object *o, const char *const *keys);
#define OBJ(o, ...) obj_at(o, (const char *const[]){ __VA_ARGS__, NULL })
/* A string; "" for anything else. */
const char *obj_text(struct json_object *o);
size_t obj_length(struct json_object *list);
/* metadata.name */
const char *obj_name(struct json_object *o);
/* The element of a list whose key is value. */
struct json_object *obj_element(struct json_object *list, const char *key, const char *value);
/* Of a list's items, the one of that name. */
struct json_object *obj_named(struct json_object *list, const char *name);

void obj_put(struct json_object **o);
#define AUTO_JSON __attribute__((cleanup(obj_put)))

#endif
