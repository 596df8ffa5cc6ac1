/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/cluster/objects.h"

#include <string.h>

struct json_object *obj_at(struct json_object *o, const char *const *keys)
{
	for (size_t i = 0; keys[i] && o; i++)
		if (!json_object_object_get_ex(o, keys[i], &o))
			return NULL;
	return o;
}

const char *obj_text(struct json_object *o)
{
	return o && json_object_get_type(o) == json_type_string ? json_object_get_string(o) : "";
}

size_t obj_length(struct json_object *list)
{
	return list && json_object_get_type(list) == json_type_array ? json_object_array_length(list) : 0;
}

const char *obj_name(struct json_object *o)
{
	return obj_text(OBJ(o, "metadata", "name"));
}

struct json_object *obj_element(struct json_object *list, const char *key, const char *value)
{
	for (size_t i = 0; i < obj_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		if (strcmp(obj_text(OBJ(o, key)), value) == 0)
			return o;
	}
	return NULL;
}

struct json_object *obj_named(struct json_object *list, const char *name)
{
	struct json_object *items = OBJ(list, "items");
	for (size_t i = 0; i < obj_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		if (strcmp(obj_name(o), name) == 0)
			return o;
	}
	return NULL;
}

void obj_put(struct json_object **o)
{
	json_object_put(*o);
}
