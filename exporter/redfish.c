/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/redfish.h"

#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define DEPTH_MAX 32
#define WATTS_MAX 1e6

static void cleanup_json(struct json_object **o)
{
	json_object_put(*o);
}
#define AUTO_JSON __attribute__((cleanup(cleanup_json)))

static int parse(const char *json, size_t len, struct json_object **ret, struct err *e)
{
	struct json_tokener *tok = len <= REDFISH_BODY_MAX ? json_tokener_new_ex(DEPTH_MAX) : NULL;

	if (!tok)
		return err_set(e, ERR_FAILED, "the answer is too long");
	AUTO_JSON struct json_object *o = json_tokener_parse_ex(tok, json, (int)len);
	enum json_tokener_error rc = json_tokener_get_error(tok);

	json_tokener_free(tok);
	if (rc != json_tokener_success)
		return err_set(e, ERR_FAILED, "the answer is no JSON: %s",
			       rc == json_tokener_continue ? "it is cut off" : json_tokener_error_desc(rc));
	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_FAILED, "the answer is no JSON object");
	*ret = take_ptr(&o);
	return 0;
}

/* Takes the link in o's "@odata.id": an absolute path on the same host, nothing a URL could hide in. */
static int link_of(const struct json_object *o, char ret[REDFISH_PATH_MAX], struct err *e)
{
	struct json_object *id = NULL;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "@odata.id", &id) ||
	    !json_object_is_type(id, json_type_string))
		return err_set(e, ERR_FAILED, "no '@odata.id'");
	const char *path = json_object_get_string(id);
	size_t len = strlen(path);

	if (len != (size_t)json_object_get_string_len(id) || len >= REDFISH_PATH_MAX || path[0] != '/' ||
	    path[1] == '/')
		return err_set(e, ERR_FAILED, "'@odata.id' is no path");
	for (const char *p = path; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || *p == '\\')
			return err_set(e, ERR_FAILED, "'@odata.id' is no path");
	}
	/* Kin of ".../Power#/PowerControl": what is behind # is not sent. */
	len = strcspn(path, "#");
	memcpy(ret, path, len);
	ret[len] = '\0';
	return 0;
}

int redfish_link(const char *json, size_t len, const char *key, char ret[REDFISH_PATH_MAX],
		 struct err *e)
{
	AUTO_JSON struct json_object *o = NULL;
	struct json_object *to = NULL;
	int rc = parse(json, len, &o, e);

	if (rc < 0)
		return rc;
	if (!json_object_object_get_ex(o, key, &to))
		return err_set(e, ERR_FAILED, "the answer has no '%s'", key);
	rc = link_of(to, ret, e);
	return rc < 0 ? err_wrap(e, "'%s'", key) : 0;
}

int redfish_member(const char *json, size_t len, size_t i, char ret[REDFISH_PATH_MAX], struct err *e)
{
	AUTO_JSON struct json_object *o = NULL;
	struct json_object *members = NULL;
	int rc = parse(json, len, &o, e);

	if (rc < 0)
		return rc;
	if (!json_object_object_get_ex(o, "Members", &members) ||
	    !json_object_is_type(members, json_type_array))
		return err_set(e, ERR_FAILED, "the answer has no 'Members'");
	if (i >= json_object_array_length(members))
		return 1;
	rc = link_of(json_object_array_get_idx(members, i), ret, e);
	return rc < 0 ? err_wrap(e, "member %zu", i) : 0;
}

/* Watts from whatever the BMC wrote: 250, 3.07, 2.5e2, "250", "250 W"? The last one is not a number
 * and is refused rather than half read. */
static bool watts_of(const struct json_object *v, double *ret)
{
	double w = 0;

	if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) {
		w = json_object_get_double(v);
	} else if (json_object_is_type(v, json_type_string)) {
		const char *text = json_object_get_string((struct json_object *)(uintptr_t)v);
		char *end = NULL;

		/* strtod also takes hex, "inf" and "nan": only digits may begin a reading. */
		if (text[strspn(text, "0123456789.eE+-")] != '\0' || text[0] == '\0')
			return false;
		w = strtod(text, &end);
		if (*end != '\0')
			return false;
	} else {
		return false;
	}
	if (!isfinite(w) || w < 0 || w > WATTS_MAX)
		return false;
	*ret = w;
	return true;
}

/* Does the entry stand for a part that another entry contains? */
static bool is_part(const struct json_object *entry)
{
	static const char *const parts[] = { "CPU", "CPUSubsystem", "GPU", "GPUSubsystem", "Memory",
					     "MemorySubsystem", "Accelerator", "StorageDevice",
					     "StorageSubsystem", "Fan", "NetworkingDevice" };
	struct json_object *context = NULL;

	if (!json_object_object_get_ex(entry, "PhysicalContext", &context) ||
	    !json_object_is_type(context, json_type_string))
		return false;
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (strcmp(json_object_get_string(context), parts[i]) == 0)
			return true;
	}
	return false;
}

int redfish_power(const char *json, size_t len, uint64_t *ret_uw, struct err *e)
{
	AUTO_JSON struct json_object *o = NULL;
	struct json_object *controls = NULL;
	int rc = parse(json, len, &o, e);

	if (rc < 0)
		return rc;
	if (!json_object_object_get_ex(o, "PowerControl", &controls) ||
	    !json_object_is_type(controls, json_type_array))
		return err_set(e, ERR_FAILED, "the answer has no 'PowerControl'");
	double sum = 0;
	bool any = false;

	for (size_t i = 0; i < json_object_array_length(controls); i++) {
		struct json_object *entry = json_object_array_get_idx(controls, i), *value = NULL;
		double w = 0;

		if (!json_object_is_type(entry, json_type_object) || is_part(entry) ||
		    !json_object_object_get_ex(entry, "PowerConsumedWatts", &value) || !watts_of(value, &w))
			continue;
		sum += w;
		any = true;
	}
	if (!any || sum > WATTS_MAX)
		return err_set(e, ERR_FAILED, "no usable 'PowerConsumedWatts' in 'PowerControl'");
	*ret_uw = (uint64_t)llround(sum * 1e6);
	return 0;
}

int redfish_reading(const char *json, size_t len, const char *key, uint64_t *ret_uw, struct err *e)
{
	AUTO_JSON struct json_object *o = NULL;
	struct json_object *value = NULL, *inner = NULL;
	double w = 0;
	int rc = parse(json, len, &o, e);

	if (rc < 0)
		return rc;
	if (json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_object) &&
	    json_object_object_get_ex(value, "Reading", &inner))
		value = inner;
	if (!watts_of(value, &w))
		return err_set(e, ERR_FAILED, "no usable '%s'", key);
	*ret_uw = (uint64_t)llround(w * 1e6);
	return 0;
}

void redfish_container(const char *json, size_t len, char ret[REDFISH_PATH_MAX])
{
	AUTO_JSON struct json_object *o = NULL;
	struct json_object *links = NULL, *in = NULL;
	struct err none = { 0 };

	ret[0] = '\0';
	if (parse(json, len, &o, &none) == 0 && json_object_object_get_ex(o, "Links", &links) &&
	    json_object_is_type(links, json_type_object) && json_object_object_get_ex(links, "ContainedBy", &in))
		(void)link_of(in, ret, &none);
}

bool redfish_is_absent(const char *json, size_t len)
{
	AUTO_JSON struct json_object *o = NULL;
	struct json_object *status = NULL, *state = NULL;
	struct err none = { 0 };

	if (parse(json, len, &o, &none) < 0 || !json_object_object_get_ex(o, "Status", &status) ||
	    !json_object_is_type(status, json_type_object) || !json_object_object_get_ex(status, "State", &state) ||
	    !json_object_is_type(state, json_type_string))
		return false;
	const char *is = json_object_get_string(state);

	return strcmp(is, "Absent") == 0 || strcmp(is, "Disabled") == 0 || strcmp(is, "UnavailableOffline") == 0;
}

void redfish_id(const char *path, char *ret, size_t size)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	size_t from = len;

	while (from > 0 && path[from - 1] != '/')
		from--;
	size_t n = len - from < size - 1 ? len - from : size - 1;

	memcpy(ret, path + from, n);
	ret[n] = '\0';
}
