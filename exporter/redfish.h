/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXPORTER_REDFISH_H
#define EXPORTER_REDFISH_H
/* Reading Redfish documents (DSP0266, DSP2046). Pure: bytes in, values out; nothing is trusted. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define REDFISH_BODY_MAX (1024u * 1024) /* bytes of one answer */
#define REDFISH_PATH_MAX 256

/* The path that key's "@odata.id" links to (service root: "Chassis"; chassis: "Power").
 * -ERR_FAILED when there is none or it is no path on the same host. */
int redfish_link(const char *json, size_t len, const char *key, char ret[REDFISH_PATH_MAX],
		 struct err *e);
/* The i-th of a collection's "Members". Returns 1 when there are fewer, 0, or -ERR_FAILED. */
int redfish_member(const char *json, size_t len, size_t i, char ret[REDFISH_PATH_MAX], struct err *e);
/* The machine's power in microwatts from a Power resource: the sum of PowerControl[].PowerConsumedWatts
 * over the entries that stand for the machine. Entries whose PhysicalContext names a part of it (CPU,
 * Memory, ...) are contained in another one and left out. A value may be a JSON number of any kind
 * or a string holding one; null and absent are no reading, and neither is what is negative or
 * beyond a megawatt. -ERR_FAILED when no entry has a reading. */
int redfish_power(const char *json, size_t len, uint64_t *ret_uw, struct err *e);
/* The same from a member that is a reading of its own, such as "PowerWatts" of EnvironmentMetrics or
 * "InputPowerWatts" of PowerSupplyMetrics: {"Reading": 250}, or the bare value. */
int redfish_reading(const char *json, size_t len, const char *key, uint64_t *ret_uw, struct err *e);
/* The chassis that this chassis is in ("Links"/"ContainedBy"), or "" when it is in none. */
void redfish_container(const char *json, size_t len, char ret[REDFISH_PATH_MAX]);
/* Does the resource say of itself that it is not there ("Status"/"State": Absent, Disabled)? */
bool redfish_is_absent(const char *json, size_t len);
/* The last part of a path, at most size - 1 bytes: the id of a resource. */
void redfish_id(const char *path, char *ret, size_t size);

#endif
